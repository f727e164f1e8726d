//! Finds the wait with which an expression begins, and puts what it gives into its place.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::Expr;
use syn::spanned::Spanned;
use syn::visit_mut::{self, VisitMut};

use super::lower::{Lower, Rest, Then, place_name, slot_name};
use super::syntax::{expr_waits, is_compound, is_flow, is_place, is_settled, nothing, waits_in};

const BEFORE: &str = "this stands before a wait of its statement and would be evaluated again at each resume: give the wait a statement of its own";
const SECOND: &str = "a second wait in one statement: what the first one gave does not survive it, so keep that in a field of `self` first";
const UNSUPPORTED: &str = "an expression of this kind cannot wait: give the wait a statement of its own";

impl<'m> Lower<'m> {
    /// Lowers the waits of an expression of which only the value is wanted, and goes on with the expression without.
    pub(super) fn with_value(&mut self, mut code: Expr, rest: Rest<'_, 'm>) -> TokenStream {
        if !expr_waits(&code) {
            return rest(self, code);
        }
        let mut before = None;
        let Some(place) = first_wait(&mut code, &mut before) else {
            waits_in(&code).into_iter().for_each(|wait| self.errors.push(wait, UNSUPPORTED));
            return rest(self, nothing());
        };
        let wait = std::mem::replace(place, nothing());
        if let Some(before) = before {
            self.errors.push(before, BEFORE);
        }
        waits_in(&code).into_iter().for_each(|second| self.errors.push(second, SECOND));
        match wait {
            Expr::Macro(wait) => self.suspend(&wait.mac, code, rest),
            flow => self.value_of_flow(flow, code, rest),
        }
    }

    /// Lowers the waits of an expression, up to the branches of control flow: `rest` lowers those.
    pub(super) fn with_header(&mut self, code: Expr, rest: Rest<'_, 'm>) -> TokenStream {
        if !is_flow(&code) {
            return self.with_value(code, rest);
        }
        match code {
            Expr::If(mut flow) => {
                let condition = std::mem::replace(&mut *flow.cond, nothing());
                self.with_value(
                    condition,
                    Box::new(move |this, condition| {
                        *flow.cond = condition;
                        rest(this, Expr::If(flow))
                    }),
                )
            }
            Expr::Match(mut flow) => {
                let value = std::mem::replace(&mut *flow.expr, nothing());
                self.with_value(
                    value,
                    Box::new(move |this, value| {
                        *flow.expr = value;
                        rest(this, Expr::Match(flow))
                    }),
                )
            }
            flow => rest(self, flow),
        }
    }

    /// Lowers control flow whose value `code` takes in its place.
    fn value_of_flow(&mut self, flow: Expr, code: Expr, rest: Rest<'_, 'm>) -> TokenStream {
        self.with_header(
            flow,
            Box::new(move |this, flow| {
                let join = this.label();
                let mark = this.names.enter();
                let lowered = this.flow(&flow, Then::Value(join));
                this.names.leave(mark);
                if this.is_unreached(join) {
                    return lowered;
                }
                if this.is_in_place(join) {
                    let name = place_name(join);
                    return rest(this, fill(code, quote!((#name: { #lowered }))));
                }
                this.carry(join);
                let slot = slot_name(join);
                this.begin_at(join, |this| rest(this, fill(code, quote!(::ptk_core::__rt::carried(#slot.take())))));
                lowered
            }),
        )
    }
}

/// The expression with `value` where [`Lower::with_value`] took the wait out.
pub(super) fn fill(mut code: Expr, value: TokenStream) -> Expr {
    struct Fill(Option<TokenStream>);
    impl VisitMut for Fill {
        fn visit_expr_mut(&mut self, code: &mut Expr) {
            match code {
                Expr::Verbatim(hole) if hole.is_empty() => {
                    if let Some(value) = self.0.take() {
                        *code = Expr::Verbatim(value);
                    }
                }
                code => visit_mut::visit_expr_mut(self, code),
            }
        }
    }
    Fill(Some(value)).visit_expr_mut(&mut code);
    code
}

/// The wait in `code` that is evaluated first, or the control flow that contains it. What is evaluated before it and
/// does not mean the same each time is put into `before`.
fn first_wait<'c>(code: &'c mut Expr, before: &mut Option<Span>) -> Option<&'c mut Expr> {
    if is_flow(code) || matches!(code, Expr::Macro(_)) {
        return Some(code);
    }
    for (part, role) in parts(code) {
        if expr_waits(part) {
            return first_wait(part, before);
        }
        if before.is_none() && !role.may_precede(part) {
            *before = Some(part.span());
        }
    }
    None
}

/// How an expression uses a part of it.
#[derive(Clone, Copy)]
enum Role {
    /// It needs the part's value.
    Value,
    /// It needs to know where the part is.
    Place,
}

impl Role {
    /// Whether `part` may be evaluated before a wait, and so again at each resume.
    fn may_precede(self, part: &Expr) -> bool {
        is_settled(part) || (matches!(self, Role::Place) && is_place(part))
    }
}

/// The parts of an expression in the order in which they are evaluated; none if it cannot be taken apart.
fn parts(code: &mut Expr) -> Vec<(&mut Expr, Role)> {
    use Role::{Place, Value};
    match code {
        Expr::Assign(code) => vec![(&mut code.right, Value), (&mut code.left, Place)],
        Expr::Binary(code) => operator(code),
        Expr::Call(code) => first_then(&mut code.func, Value, &mut code.args),
        Expr::MethodCall(code) => first_then(&mut code.receiver, Place, &mut code.args),
        Expr::Index(code) => vec![(&mut code.expr, Place), (&mut code.index, Value)],
        Expr::Field(code) => vec![(&mut code.base, Place)],
        Expr::Try(code) => vec![(&mut code.expr, Value)],
        Expr::Paren(code) => vec![(&mut code.expr, Value)],
        Expr::Group(code) => vec![(&mut code.expr, Value)],
        Expr::Unary(code) => vec![(&mut code.expr, Value)],
        Expr::Reference(code) => vec![(&mut code.expr, Place)],
        Expr::Cast(code) => vec![(&mut code.expr, Value)],
        Expr::Let(code) => vec![(&mut code.expr, Value)],
        Expr::Repeat(code) => vec![(&mut code.expr, Value)],
        Expr::If(code) => vec![(&mut code.cond, Value)],
        Expr::Match(code) => vec![(&mut code.expr, Value)],
        Expr::Return(code) => optional([&mut code.expr]),
        Expr::Break(code) => optional([&mut code.expr]),
        Expr::Range(code) => optional([&mut code.start, &mut code.end]),
        Expr::Tuple(code) => code.elems.iter_mut().map(|part| (part, Value)).collect(),
        Expr::Array(code) => code.elems.iter_mut().map(|part| (part, Value)).collect(),
        Expr::Struct(code) => {
            let fields = code.fields.iter_mut().map(|field| &mut field.expr);
            fields.chain(code.rest.as_deref_mut()).map(|part| (part, Value)).collect()
        }
        _ => Vec::new(),
    }
}

/// `place += value` on numbers evaluates the value first; on other types, the place.
fn operator(code: &mut syn::ExprBinary) -> Vec<(&mut Expr, Role)> {
    match is_compound(&code.op) {
        false => vec![(&mut code.left, Role::Value), (&mut code.right, Role::Value)],
        true if expr_waits(&code.left) => vec![(&mut code.right, Role::Value), (&mut code.left, Role::Place)],
        true => vec![(&mut code.left, Role::Place), (&mut code.right, Role::Value)],
    }
}

fn first_then<'c>(
    first: &'c mut Expr,
    role: Role,
    others: &'c mut syn::punctuated::Punctuated<Expr, syn::Token![,]>,
) -> Vec<(&'c mut Expr, Role)> {
    let others = others.iter_mut().map(|part| (part, Role::Value));
    std::iter::once((first, role)).chain(others).collect()
}

fn optional<const N: usize>(parts: [&mut Option<Box<Expr>>; N]) -> Vec<(&mut Expr, Role)> {
    parts.into_iter().flatten().map(|part| (&mut **part, Role::Value)).collect()
}
