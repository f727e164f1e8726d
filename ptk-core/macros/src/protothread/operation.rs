//! The arguments of `wait!`, `first!` and `sleep!`.

use proc_macro2::Span;
use quote::ToTokens;
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Expr, Ident, Macro, Path, Token};

use super::syntax::is_ours;

/// What one `wait!` says.
pub(super) struct Operation {
    /// What it waits for.
    pub(super) operand: Operand,
    /// How long at most.
    pub(super) timeout: Option<Timeout>,
}

/// `timeout = after`
pub(super) struct Timeout {
    /// The whole argument.
    pub(super) span: Span,
    /// The duration.
    pub(super) after: Expr,
}

/// What can be waited for.
pub(super) enum Operand {
    /// An expression of type `Poll<_>`.
    Poll(Expr),
    /// `sleep!(after)`
    Sleep {
        /// The macro.
        path: Path,
        /// The duration.
        after: Expr,
    },
    /// `first!(..)`
    First {
        /// The macro.
        path: Path,
        /// Its operands.
        operands: Vec<Operand>,
    },
}

/// The most operands of a `first!`.
const WIDEST: usize = 8;

impl Operation {
    /// Reads the arguments of `wait!`.
    pub(super) fn of(wait: &Macro) -> syn::Result<Self> {
        if wait.tokens.is_empty() {
            return Err(syn::Error::new(
                wait.path.span(),
                "`wait!` needs an operation: an expression of type `Poll<_>`",
            ));
        }
        let operation = wait.parse_body::<Operation>()?;
        operation.check_deadlines()?;
        Ok(operation)
    }

    /// Whether the state holds a deadline during the wait.
    pub(super) fn has_deadline(&self) -> bool {
        self.timeout.is_some() || !self.operand.sleeps().is_empty()
    }

    /// The state holds one deadline.
    fn check_deadlines(&self) -> syn::Result<()> {
        let mut sleeps = self.operand.sleeps().into_iter();
        let first = sleeps.next();
        match (&self.timeout, first, sleeps.next()) {
            (Some(_), Some(sleep), _) => Err(syn::Error::new(
                sleep,
                "`sleep!` in a wait with a timeout: the state holds one deadline, so keep the other in a field of `self`",
            )),
            (None, Some(_), Some(second)) => Err(syn::Error::new(
                second,
                "a second `sleep!` in one wait: the state holds one deadline, so keep the other in a field of `self`",
            )),
            _ => Ok(()),
        }
    }
}

impl Parse for Operation {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let operand = Operand::of(input.parse()?)?;
        let mut timeout = None;
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
        }
        if !input.is_empty() {
            timeout = Some(input.parse()?);
            input.parse::<Option<Token![,]>>()?;
        }
        if !input.is_empty() {
            return Err(input.error("`wait!` takes an operation and a `timeout = duration`, nothing more"));
        }
        Ok(Operation { operand, timeout })
    }
}

impl Parse for Timeout {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let expected = "expected `timeout = duration`";
        let word: Ident = input.parse().map_err(|error| syn::Error::new(error.span(), expected))?;
        if word != "timeout" {
            return Err(syn::Error::new(word.span(), expected));
        }
        input.parse::<Token![=]>()?;
        let after: Expr = input.parse()?;
        let span = word.span().join(after.span()).unwrap_or(word.span());
        Ok(Timeout { span, after })
    }
}

impl Operand {
    fn of(code: Expr) -> syn::Result<Self> {
        match code {
            Expr::Macro(code) if is_ours(&code.mac, "first") => Operand::first(&code.mac),
            Expr::Macro(code) if is_ours(&code.mac, "sleep") => Operand::sleep(&code.mac),
            Expr::Paren(code) if matches!(&*code.expr, Expr::Macro(_)) => Operand::of(*code.expr),
            Expr::Group(code) => Operand::of(*code.expr),
            code => Ok(Operand::Poll(code)),
        }
    }

    fn first(invocation: &Macro) -> syn::Result<Self> {
        let span = invocation.path.span();
        let operands = Punctuated::<Expr, Token![,]>::parse_terminated.parse2(invocation.tokens.clone())?;
        if !(2..=WIDEST).contains(&operands.len()) {
            return Err(syn::Error::new(
                span,
                format!("`first!` takes two to eight operations, not {}", operands.len()),
            ));
        }
        let operands = operands.into_iter().map(Operand::of).collect::<syn::Result<_>>()?;
        Ok(Operand::First { path: invocation.path.clone(), operands })
    }

    fn sleep(invocation: &Macro) -> syn::Result<Self> {
        let span = invocation.path.span();
        let after =
            syn::parse2(invocation.tokens.clone()).map_err(|_| syn::Error::new(span, "`sleep!` takes one duration"))?;
        Ok(Operand::Sleep { path: invocation.path.clone(), after })
    }

    /// The `sleep!`s in it, in order.
    fn sleeps(&self) -> Vec<Span> {
        match self {
            Operand::Poll(_) => Vec::new(),
            Operand::Sleep { path, .. } => vec![path.span()],
            Operand::First { operands, .. } => operands.iter().flat_map(Operand::sleeps).collect(),
        }
    }

    /// Where it stands in the source.
    pub(super) fn span(&self) -> Span {
        match self {
            Operand::Poll(code) => code.to_token_stream().span(),
            Operand::Sleep { path, .. } | Operand::First { path, .. } => path.span(),
        }
    }

    /// Every expression of the author's in it, in order.
    pub(super) fn for_each(&self, look: &mut dyn FnMut(&Expr)) {
        match self {
            Operand::Poll(code) | Operand::Sleep { after: code, .. } => look(code),
            Operand::First { operands, .. } => operands.iter().for_each(|operand| operand.for_each(look)),
        }
    }
}
