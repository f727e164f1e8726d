//! What the attribute needs to know of the method that it stands on.

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Expr, FnArg, ImplItemFn, Pat, ReturnType, Type};

use crate::errors::Errors;

/// A method with the attribute.
pub(super) struct Method {
    /// As the author wrote it.
    pub(super) function: ImplItemFn,
    /// The place of its resume point.
    pub(super) state: Expr,
    /// The parameter that is the context.
    pub(super) context: Option<Ident>,
}

impl Method {
    /// Reads the attribute's argument and the signature.
    pub(super) fn new(attribute: TokenStream, function: ImplItemFn, errors: &mut Errors) -> Self {
        check_signature(&function, errors);
        let state = state_place(attribute, &function, errors);
        let context = context_name(&function);
        Method { function, state, context }
    }

    /// The method's name.
    pub(super) fn name(&self) -> &Ident {
        &self.function.sig.ident
    }

    /// The name of the constant beside the method.
    pub(super) fn info_name(&self) -> Ident {
        let name = self.name();
        Ident::new(&format!("{}_INFO", name.unraw().to_string().to_uppercase()), name.span())
    }

    /// The type that the author wrote behind `->`.
    pub(super) fn output(&self) -> TokenStream {
        match &self.function.sig.output {
            ReturnType::Default => quote!(()),
            ReturnType::Type(_, output) => output.to_token_stream(),
        }
    }

    /// Whether `?` in the body is that of `Option`: `Poll<Option<_>>` has none of its own, `Poll<Result<_, _>>` does.
    pub(super) fn returns_option(&self) -> bool {
        let ReturnType::Type(_, output) = &self.function.sig.output else { return false };
        let Type::Path(path) = &**output else { return false };
        path.path.segments.last().is_some_and(|segment| segment.ident == "Option")
    }

    /// The end of the body, where it returns `()`.
    pub(super) fn end(&self) -> Span {
        self.function.block.brace_token.span.close()
    }

    /// The state's place, so that errors about it show the code at `span`.
    pub(super) fn state_at(&self, span: Span) -> TokenStream {
        located_at(self.state.to_token_stream(), span)
    }

    /// The state's place in `this` instead of `self`.
    pub(super) fn state_of(&self, this: &Ident) -> TokenStream {
        with_self(self.state.to_token_stream(), &this.to_token_stream())
    }
}

/// `place` in `this` instead of `self`.
fn with_self(place: TokenStream, this: &TokenStream) -> TokenStream {
    let replace = |token| match token {
        TokenTree::Ident(name) if name == "self" => this.clone(),
        TokenTree::Group(group) => {
            let mut replaced = Group::new(group.delimiter(), with_self(group.stream(), this));
            replaced.set_span(group.span());
            TokenTree::Group(replaced).into()
        }
        token => TokenStream::from(token),
    };
    place.into_iter().map(replace).collect()
}

/// `code` with the names it has, shown at `span`.
fn located_at(code: TokenStream, span: Span) -> TokenStream {
    let locate = |mut token: TokenTree| {
        if let TokenTree::Group(group) = &token {
            token = TokenTree::Group(Group::new(group.delimiter(), located_at(group.stream(), span)));
        }
        token.set_span(token.span().located_at(span));
        token
    };
    code.into_iter().map(locate).collect()
}

fn check_signature(function: &ImplItemFn, errors: &mut Errors) {
    let signature = &function.sig;
    if let Some(keyword) = &signature.asyncness {
        errors.push(keyword.span(), "a protothread is no `async fn`: its waits are `wait!(..)`");
    }
    if let Some(keyword) = &signature.constness {
        errors.push(keyword.span(), "a protothread is no `const fn`: it runs when a loop resumes it");
    }
    if signature.receiver().is_none() {
        errors.push(
            signature.ident.span(),
            "a protothread is a method: it needs `&mut self`, whose fields survive its waits",
        );
    }
}

/// The attribute's argument, or `self.pt`, with the receiver's own `self`: that of the body, whatever macro wrote which.
fn state_place(attribute: TokenStream, function: &ImplItemFn, errors: &mut Errors) -> Expr {
    let this = function.sig.receiver().map(|receiver| receiver.self_token.to_token_stream());
    let this = this.unwrap_or_else(|| quote!(self));
    if attribute.is_empty() {
        return default_state(function, &this);
    }
    match syn::parse2::<Expr>(attribute) {
        Ok(place) if is_place_in_self(&place) => Expr::Verbatim(with_self(place.to_token_stream(), &this)),
        Ok(other) => {
            errors.push(other.span(), "expected the place of the state in `self`, such as `self.pt`");
            default_state(function, &this)
        }
        Err(error) => {
            errors.add(error);
            default_state(function, &this)
        }
    }
}

fn default_state(function: &ImplItemFn, this: &TokenStream) -> Expr {
    let field = Ident::new("pt", function.sig.ident.span());
    Expr::Verbatim(quote!(#this.#field))
}

fn is_place_in_self(place: &Expr) -> bool {
    match place {
        Expr::Field(field) => is_place_in_self(&field.base),
        Expr::Paren(paren) => is_place_in_self(&paren.expr),
        Expr::Group(group) => is_place_in_self(&group.expr),
        Expr::Path(path) => path.path.is_ident("self"),
        _ => false,
    }
}

/// The first typed parameter that is a plain name.
fn context_name(function: &ImplItemFn) -> Option<Ident> {
    function.sig.inputs.iter().find_map(|parameter| match parameter {
        FnArg::Typed(typed) => match &*typed.pat {
            Pat::Ident(name) => Some(name.ident.clone()),
            _ => None,
        },
        _ => None,
    })
}
