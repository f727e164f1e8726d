//! Puts the blocks into the method.

use proc_macro2::{Literal, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Ident, Signature};

use super::labels::Label;
use super::lower::{Lowered, slot_name};
use super::method::Method;
use crate::errors::Errors;

/// The method as a protothread, with the constant beside it.
pub(super) fn method(method: &Method, lowered: Lowered) -> TokenStream {
    let body = body(method, &lowered);
    let waits: Vec<Span> = wait_labels(&lowered).filter_map(|label| label.wait).collect();
    let (attributes, visibility, signature) = (&method.function.attrs, &method.function.vis, signature(method));
    let info = info(method, &waits);
    quote! {
        #(#attributes)*
        #[allow(
            unreachable_code,
            clippy::blocks_in_conditions,
            clippy::diverging_sub_expression,
            clippy::double_parens,
            clippy::let_unit_value,
            clippy::needless_return,
            clippy::never_loop,
            clippy::question_mark,
            reason = "lowering writes it so"
        )]
        #visibility #signature { #body }
        #info
    }
}

/// The method with its errors in place of its body.
pub(super) fn stand_in(method: &Method, errors: &Errors) -> TokenStream {
    let (attributes, visibility, signature) = (&method.function.attrs, &method.function.vis, signature(method));
    let (info, errors) = (info(method, &[]), errors.to_compile_errors());
    quote! {
        #(#attributes)*
        #[allow(unused, clippy::all, reason = "it stands in for a body with errors")]
        #visibility #signature {
            #errors
            ::core::unreachable!()
        }
        #info
    }
}

/// The signature with `Poll<T>` for `T`.
fn signature(method: &Method) -> Signature {
    let mut signature = method.function.sig.clone();
    let output = method.output();
    signature.asyncness = None;
    signature.constness = None;
    signature.output = syn::parse_quote!(-> ::core::task::Poll<#output>);
    signature
}

/// The labels of the waits, in the order of the source.
fn wait_labels(lowered: &Lowered) -> impl Iterator<Item = &Label> {
    lowered.blocks.iter().filter_map(|block| lowered.labels.get(block.label)).filter(|label| label.wait.is_some())
}

fn body(method: &Method, lowered: &Lowered) -> TokenStream {
    let site = Span::mixed_site();
    let (items, slots, enter) = (&lowered.items, slots(lowered), enter(method, lowered));
    let [block] = &*lowered.blocks else {
        let arms = arms(lowered);
        let macros = &lowered.macros;
        return quote_spanned! {site=>
            #(#macros! { @used })*
            #(#items)*
            #[allow(unused_imports, reason = "the types of the values decide which is used")]
            use ::ptk_core::__rt::{AnyOutcome as _, ResultOutcome as _};
            #[allow(unused_mut, unused_variables, reason = "`yield_now!` does not use it")]
            let mut __first = false;
            #slots
            let mut __state: u16 = #enter;
            '__states: loop {
                let __never: ::ptk_core::Never = match __state {
                    #arms
                    _ => ::ptk_core::__rt::unknown_state(),
                };
                match __never {}
            }
        };
    };
    let code = &block.code;
    quote_spanned!(site=> #(#items)* let _ = #enter; #code)
}

/// Takes the state. A body without a wait and without a context has none to ask whether it begins anew.
fn enter(method: &Method, lowered: &Lowered) -> TokenStream {
    let place = &method.state;
    let waits = Literal::usize_unsuffixed(wait_labels(lowered).count());
    match &method.context {
        Some(context) => quote!(::ptk_core::__rt::enter(&mut #place, #context, #waits)),
        None => quote!(::ptk_core::__rt::ResumePoint::take(&mut #place)),
    }
}

/// The locals in which values go from block to block.
fn slots(lowered: &Lowered) -> TokenStream {
    let carrying = lowered.labels.iter().enumerate().filter(|(_, label)| label.carries);
    let slots = carrying.map(|(label, _)| {
        let slot = slot_name(label);
        quote!(let mut #slot = ::core::option::Option::None;)
    });
    slots.collect()
}

fn arms(lowered: &Lowered) -> TokenStream {
    let plan = lowered.plan();
    let arms = lowered.blocks.iter().map(|block| {
        let (state, code) = (plan.state(block.label), &block.code);
        quote!(#state => { #code })
    });
    arms.collect()
}

/// The constant beside the method.
fn info(method: &Method, waits: &[Span]) -> TokenStream {
    let (name, info, visibility) = (method.name(), method.info_name(), &method.function.vis);
    let this = Ident::new("__this", Span::mixed_site());
    let place = method.state_of(&this);
    let lines = std::iter::once(name.span()).chain(waits.iter().copied());
    let lines = lines.map(|span| quote_spanned!(span=> ::core::line!()));
    let text = Literal::string(&syn::ext::IdentExt::unraw(name).to_string());
    quote! {
        #[doc(hidden)]
        #[allow(dead_code, reason = "only task listings read it")]
        #visibility const #info: ::ptk_core::__rt::Info<Self> = ::ptk_core::__rt::Info {
            name: #text,
            file: ::core::file!(),
            lines: &[#(#lines),*],
            pt: |#this| ::ptk_core::__rt::ResumePoint::get(&#place),
        };
    }
}
