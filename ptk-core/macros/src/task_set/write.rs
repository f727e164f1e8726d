//! Writes the implementation of `TaskSet`, and the numbers of the tasks.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Generics, Member, Type, parse_quote};

use super::read::{Set, Tasks};

/// The implementation of `TaskSet` and the inherent constants.
pub(super) fn implementation(set: &Set) -> TokenStream {
    let names = Names::new(set);
    let generics = bounds(set, &names);
    let (parameters, _, bounds) = generics.split_for_impl();
    let (_, arguments, _) = set.generics.split_for_impl();
    let (name, platform) = (&set.name, &names.platform);
    let lengths = set.tasks.iter().map(length);
    let (poll, inspect, event) = (poll(set, &names), inspect(set, &names), event(set, &names));
    let numbers = numbers(set);
    quote! {
        #[automatically_derived]
        #[allow(clippy::arithmetic_side_effects, reason = "the sum is a constant")]
        impl #parameters ::ptk_core::TaskSet<#platform> for #name #arguments #bounds {
            const LEN: usize = 0 #(+ #lengths)*;
            #poll
            #inspect
            #event
        }
        #numbers
    }
}

/// What generated code calls things.
struct Names {
    platform: TokenStream,
    shared: TokenStream,
    cx: Ident,
    left: Ident,
}

impl Names {
    fn new(set: &Set) -> Self {
        let own = format_ident!("__P", span = Span::mixed_site());
        Names {
            platform: set.platform.as_ref().map_or_else(|| own.to_token_stream(), ToTokens::to_token_stream),
            shared: set.shared.as_ref().map_or_else(|| quote!(()), |shared| shared.ty.to_token_stream()),
            cx: Ident::new("cx", Span::mixed_site()),
            left: Ident::new("left", Span::mixed_site()),
        }
    }

    /// The trait that every task implements.
    fn protothread(&self) -> TokenStream {
        let Names { platform, shared, .. } = self;
        quote!(::ptk_core::Protothread<#platform, #shared>)
    }
}

/// The struct's parameters, with the platform, and with what a field must be whose type is a parameter. A bound on another
/// type would hide its outputs from the compiler, which then fit no `done`.
fn bounds(set: &Set, names: &Names) -> Generics {
    let mut generics = set.generics.clone();
    if set.platform.is_none() {
        let platform = &names.platform;
        generics.params.push(parse_quote!(#platform: ::ptk_core::Platform));
    }
    let protothread = names.protothread();
    let parameters: Vec<_> = set.generics.type_params().map(|parameter| parameter.ident.clone()).collect();
    let clause = generics.make_where_clause();
    for tasks in &set.tasks {
        let (ty, at) = (&tasks.ty, tasks.ty.span());
        let is_parameter = matches!(ty, Type::Path(path) if parameters.iter().any(|name| path.path.is_ident(name)));
        if !is_parameter {
            continue;
        }
        clause.predicates.push(parse_quote!(#ty: #protothread));
        if tasks.done.is_none() {
            let bound = quote_spanned!(at=> <#ty as #protothread>::Output: ::ptk_core::TaskOutput);
            clause.predicates.push(parse_quote!(#bound));
        }
    }
    generics
}

/// How many tasks a field holds.
fn length(tasks: &Tasks) -> TokenStream {
    match &tasks.length {
        Some(length) => quote!((#length)),
        None => quote!(1),
    }
}

fn poll(set: &Set, names: &Names) -> TokenStream {
    let Names { platform, cx, left, .. } = names;
    let shared = match &set.shared {
        Some(shared) => {
            let member = &shared.member;
            quote!(&mut self.#member)
        }
        None => quote!(&mut ()),
    };
    let protothread = names.protothread();
    let fields = set.tasks.iter().map(|tasks| {
        let (member, ty) = (&tasks.member, &tasks.ty);
        let done = done(tasks, names);
        let find = find(tasks, left, quote!(get_mut), quote!(&mut self.#member));
        let skip = skip(tasks, left);
        let at = Span::mixed_site().located_at(ty.span());
        quote_spanned! {at=>
            if let ::core::option::Option::Some(task) = #find {
                return match <#ty as #protothread>::run(task, #cx, #shared) {
                    ::core::task::Poll::Ready(output) => ::core::task::Poll::Ready(#done),
                    ::core::task::Poll::Pending => ::core::task::Poll::Pending,
                };
            }
            #skip
        }
    });
    quote! {
        #[inline]
        fn poll(
            &mut self,
            #left: usize,
            #cx: &mut ::ptk_core::Cx<'_, #platform>,
        ) -> ::core::task::Poll<::core::result::Result<(), ::ptk_core::Error>> {
            #(#fields)*
            let _ = (#left, #cx);
            ::core::task::Poll::Ready(::core::result::Result::Err(::ptk_core::Error::InvalidArgument))
        }
    }
}

/// The task that is `left` tasks behind the first one of the field, if the field has it.
fn find(tasks: &Tasks, left: &Ident, get: TokenStream, reference: TokenStream) -> TokenStream {
    match tasks.length {
        Some(_) => quote!((#reference).#get(#left)),
        None => quote!((#left == 0).then_some(#reference)),
    }
}

/// Counts on behind the field, which has fewer than `left` tasks.
fn skip(tasks: &Tasks, left: &Ident) -> TokenStream {
    let length = length(tasks);
    quote!(let #left = #left.wrapping_sub(#length);)
}

/// The number of the task in its field.
fn instance(tasks: &Tasks, left: &Ident) -> TokenStream {
    match tasks.length {
        Some(_) => left.to_token_stream(),
        None => quote!(0),
    }
}

/// Hands over `output`.
fn done(tasks: &Tasks, names: &Names) -> TokenStream {
    let Names { cx, left, .. } = names;
    let instance = instance(tasks, left);
    let at = Span::mixed_site().located_at(tasks.ty.span());
    let this = Ident::new("self", Span::call_site());
    let output = match &tasks.done {
        Some(path) => quote_spanned!(at=> #path(#this, #instance, output, #cx)),
        None => quote_spanned!(at=> output),
    };
    quote_spanned!(at=> ::ptk_core::TaskOutput::into_result(#output))
}

fn inspect(set: &Set, names: &Names) -> TokenStream {
    let left = &names.left;
    let protothread = names.protothread();
    let fields = set.tasks.iter().map(|tasks| {
        let (member, ty) = (&tasks.member, &tasks.ty);
        let (instance, name) = (instance(tasks, left), name_of(member));
        let find = find(tasks, left, quote!(get), quote!(&self.#member));
        let skip = skip(tasks, left);
        let at = Span::mixed_site().located_at(ty.span());
        quote_spanned! {at=>
            if let ::core::option::Option::Some(task) = #find {
                return ::ptk_core::Suspended::of(#name, #instance, &<#ty as #protothread>::RUN_INFO, task);
            }
            #skip
        }
    });
    quote! {
        fn inspect(&self, #left: usize) -> ::ptk_core::Suspended {
            #(#fields)*
            ::ptk_core::Suspended::nothing(#left)
        }
    }
}

fn event(set: &Set, names: &Names) -> Option<TokenStream> {
    let path = set.event.as_ref()?;
    let Names { platform, cx, .. } = names;
    Some(quote! {
        fn event(
            &mut self,
            #cx: &mut ::ptk_core::Cx<'_, #platform>,
            handle: ::ptk_core::Handle,
            event: ::ptk_core::Event,
        ) -> ::core::result::Result<(), ::ptk_core::Error> {
            #path(self, #cx, handle, event)
        }
    })
}

/// The field's name, as text.
fn name_of(member: &Member) -> Literal {
    match member {
        Member::Named(name) => Literal::string(&name.unraw().to_string()),
        Member::Unnamed(index) => Literal::string(&index.index.to_string()),
    }
}

/// `App::CLIENTS`, the number of the first task in the field `clients`. A field named `len` has none: `LEN` is the set's.
fn numbers(set: &Set) -> TokenStream {
    let (name, visibility) = (&set.name, &set.visibility);
    let (parameters, arguments, bounds) = set.generics.split_for_impl();
    let mut before = quote!(0);
    let mut numbers = TokenStream::new();
    for tasks in &set.tasks {
        if let Member::Named(field) = &tasks.member
            && field != "len"
        {
            let constant = Ident::new(&field.unraw().to_string().to_uppercase(), field.span());
            let text = format!(
                "The number of the {}task in the field `{field}`.",
                if tasks.length.is_some() { "first " } else { "" }
            );
            numbers.extend(quote! {
                #[doc = #text]
                #[allow(dead_code, non_upper_case_globals, reason = "offered, and named after a field")]
                #visibility const #constant: usize = #before;
            });
        }
        let length = length(tasks);
        before = quote!(#before + #length);
    }
    quote! {
        #[automatically_derived]
        impl #parameters #name #arguments #bounds {
            #numbers
        }
    }
}
