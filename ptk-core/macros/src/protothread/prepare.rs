//! Makes a body ready for lowering: rejects what cannot be split, and rewrites what is another form of something else.
//!
//! After it, a wait stands only where lowering can reach it, `for`, `&&` and `||` with waits are gone, and each
//! suspension is an expression, never a statement of its own kind.

use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit_mut::{self, VisitMut};
use syn::{
    Attribute, BinOp, Block, Expr, ExprForLoop, ExprMacro, Item, Macro, Pat, Stmt, parse_quote, parse_quote_spanned,
};

use super::at;
use super::method::Method;
use super::operation::Operation;
use super::syntax::{self, Suspension, expr_waits, is_flow, let_patterns, nothing};
use crate::errors::Errors;

/// The body of `method`, ready for lowering.
pub(super) fn prepare(method: &Method, errors: &mut Errors) -> Block {
    let mut body = method.function.block.clone();
    if method.context.is_none() && syntax::block_waits(&body) {
        errors.push(method.name().span(), CONTEXT);
    }
    Prepare { errors, refusal: None }.visit_block_mut(&mut body);
    body
}

const CLOSURE: &str = "a closure cannot wait: only the protothread itself can be suspended";
const ASYNC: &str = "an `async` block cannot wait with `wait!`: only the protothread itself can be suspended";
const UNSAFE: &str = "an `unsafe` block cannot wait: put only parts of the operation into it";
const CONST: &str = "a `const` block cannot wait";
const GUARD: &str = "a match guard cannot wait: wait before the `match`, or in the arm";
const CHAIN: &str = "only the first condition of a let chain can wait: nest the `if`s";
const NESTED: &str = "the operation of a wait cannot itself wait: give each wait a statement";
const ARGUMENT: &str = "another macro's arguments cannot wait: wait first, and pass the value";
const FOR: &str =
    "the iterator of this `for` would be lost at the wait: keep it in a field and write `for .. in &mut self.field`";
const CFG: &str = "`#[cfg]` on code that waits: put it on the whole method";
const ATTRIBUTE: &str = "an attribute on control flow that waits would be lost: put it on the method";
const CONTEXT: &str = "a body that waits needs a context: a first parameter such as `cx: &mut Cx<'_, P>`";

struct Prepare<'a> {
    errors: &'a mut Errors,
    /// Why a wait cannot stand here.
    refusal: Option<&'static str>,
}

impl Prepare<'_> {
    /// Looks at code in which no wait can stand.
    fn refusing(&mut self, refusal: &'static str, look: impl FnOnce(&mut Self)) {
        let outer = self.refusal.replace(self.refusal.unwrap_or(refusal));
        look(self);
        self.refusal = outer;
    }

    /// Checks one suspension; `false` if it is not one that lowering can take.
    fn suspension(&mut self, invocation: &Macro, kind: Suspension) -> bool {
        let span = invocation.path.span();
        if let Some(refusal) = self.refusal {
            self.errors.push(span, refusal);
            return false;
        }
        match kind {
            Suspension::Yield if invocation.tokens.is_empty() => true,
            Suspension::Yield => {
                self.errors.push(invocation.tokens.span(), "`yield_now!` takes no arguments");
                false
            }
            Suspension::Wait => self.operation(invocation),
        }
    }

    fn operation(&mut self, wait: &Macro) -> bool {
        let Some(operation) = self.errors.ok(Operation::of(wait)) else { return false };
        let mut legal = true;
        let mut look = |code: &Expr| {
            legal &= !expr_waits(code);
            self.refusing(NESTED, |this| this.visit_expr_mut(&mut code.clone()));
        };
        operation.operand.for_each(&mut look);
        operation.timeout.iter().for_each(|timeout| look(&timeout.after));
        legal
    }

    /// `#[cfg]` may remove code that lowering has already taken apart.
    fn check_attributes(&mut self, attributes: &[Attribute], waits: bool) {
        let conditional = |a: &&Attribute| a.path().is_ident("cfg") || a.path().is_ident("cfg_attr");
        if waits {
            attributes.iter().filter(conditional).for_each(|attribute| self.errors.push(attribute.span(), CFG));
        }
    }

    /// `for pattern in &mut place` as a `while let`: the iterator is a field, so it survives.
    fn for_loop(&mut self, code: &ExprForLoop) -> Expr {
        let Expr::Reference(iterator) = &*code.expr else { return self.lost_iterator(code) };
        if iterator.mutability.is_none() || !syntax::is_place(&iterator.expr) {
            return self.lost_iterator(code);
        }
        let (label, pattern, body) = (&code.label, &code.pat, &code.body);
        let at = at(iterator.expr.span());
        parse_quote_spanned! {at=>
            #label while let ::core::option::Option::Some(#pattern) = ::core::iter::Iterator::next(#iterator) #body
        }
    }

    /// Reports the loop, and stands in for it with one whose body is looked at all the same.
    fn lost_iterator(&mut self, code: &ExprForLoop) -> Expr {
        self.errors.push(code.for_token.span(), FOR);
        let (label, pattern, body) = (&code.label, &code.pat, &code.body);
        parse_quote!(#label while let #pattern = () #body)
    }

    /// In a chain with a `let`, only the first condition can wait. Its `&&`s are no operators but parts of the `if`.
    fn condition(&mut self, condition: &mut Expr) {
        if let_patterns(condition).is_empty() {
            return self.visit_expr_mut(condition);
        }
        let Expr::Binary(code) = condition else { return self.visit_expr_mut(condition) };
        self.condition_in_chain(&mut code.left);
        self.refusing(CHAIN, |this| this.condition_in_chain(&mut code.right));
    }

    fn condition_in_chain(&mut self, condition: &mut Expr) {
        match condition {
            Expr::Binary(code) if matches!(code.op, BinOp::And(_)) => {
                self.condition_in_chain(&mut code.left);
                self.refusing(CHAIN, |this| this.condition_in_chain(&mut code.right));
            }
            condition => self.visit_expr_mut(condition),
        }
    }

    /// Waits among the raw tokens of another macro.
    fn scan(&mut self, tokens: TokenStream) {
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Group(group) => self.scan(group.stream()),
                TokenTree::Ident(name) if name == "wait" || name == "yield_now" => {
                    if matches!(tokens.peek(), Some(TokenTree::Punct(next)) if next.as_char() == '!') {
                        self.errors.push(name.span(), self.refusal.unwrap_or(ARGUMENT));
                    }
                }
                _ => {}
            }
        }
    }

    /// `a && wait!(b)` as an `if`, and `a || wait!(b)`: the right side is evaluated only on one side of a branch.
    fn rewritten(&mut self, code: &Expr) -> Option<Expr> {
        match code {
            Expr::ForLoop(code) if self.refusal.is_none() && syntax::block_waits(&code.body) => {
                Some(self.for_loop(code))
            }
            Expr::Binary(code) if expr_waits(&code.right) => {
                let (left, right) = (&code.left, &code.right);
                match code.op {
                    BinOp::And(_) => Some(parse_quote!(if #left { #right } else { false })),
                    BinOp::Or(_) => Some(parse_quote!(if #left { true } else { #right })),
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

impl VisitMut for Prepare<'_> {
    fn visit_item_mut(&mut self, _: &mut Item) {}

    fn visit_stmt_mut(&mut self, statement: &mut Stmt) {
        if let Stmt::Macro(code) = statement
            && Suspension::of(&code.mac).is_some()
        {
            let suspension = Expr::Macro(ExprMacro { attrs: code.attrs.clone(), mac: code.mac.clone() });
            *statement = Stmt::Expr(suspension, code.semi_token);
        }
        if let Stmt::Local(code) = statement {
            let waits = code.init.as_ref().is_some_and(|init| {
                expr_waits(&init.expr) || init.diverge.as_ref().is_some_and(|(_, other)| expr_waits(other))
            });
            self.check_attributes(&code.attrs, waits);
        }
        visit_mut::visit_stmt_mut(self, statement);
    }

    fn visit_expr_mut(&mut self, code: &mut Expr) {
        if let Some(rewritten) = self.rewritten(code) {
            *code = rewritten;
        }
        self.check_attributes(attributes(code), expr_waits(code));
        if let Some(attribute) = attributes(code).first()
            && is_flow(code)
        {
            self.errors.push(attribute.span(), ATTRIBUTE);
        }
        match code {
            Expr::Macro(invocation) => {
                if let Some(kind) = Suspension::of(&invocation.mac) {
                    if !self.suspension(&invocation.mac, kind) {
                        *code = nothing();
                    }
                } else {
                    self.visit_macro_mut(&mut invocation.mac);
                }
            }
            Expr::Closure(closure) => self.refusing(CLOSURE, |this| visit_mut::visit_expr_closure_mut(this, closure)),
            Expr::Async(block) => self.refusing(ASYNC, |this| visit_mut::visit_expr_async_mut(this, block)),
            Expr::Unsafe(block) => self.refusing(UNSAFE, |this| visit_mut::visit_expr_unsafe_mut(this, block)),
            Expr::Const(block) => self.refusing(CONST, |this| visit_mut::visit_expr_const_mut(this, block)),
            Expr::If(branch) => {
                self.condition(&mut branch.cond);
                self.visit_block_mut(&mut branch.then_branch);
                branch.else_branch.iter_mut().for_each(|(_, other)| self.visit_expr_mut(other));
            }
            Expr::While(cycle) => {
                self.condition(&mut cycle.cond);
                self.visit_block_mut(&mut cycle.body);
            }
            code => visit_mut::visit_expr_mut(self, code),
        }
    }

    fn visit_arm_mut(&mut self, arm: &mut syn::Arm) {
        self.check_attributes(&arm.attrs, expr_waits(&arm.body));
        visit_mut::visit_arm_mut(self, arm);
    }

    fn visit_field_value_mut(&mut self, field: &mut syn::FieldValue) {
        self.check_attributes(&field.attrs, expr_waits(&field.expr));
        visit_mut::visit_field_value_mut(self, field);
    }

    fn visit_pat_mut(&mut self, pattern: &mut Pat) {
        self.refusing(GUARD, |this| visit_mut::visit_pat_mut(this, pattern));
    }

    fn visit_macro_mut(&mut self, invocation: &mut Macro) {
        self.scan(invocation.tokens.clone());
    }
}

/// The attributes of the expressions that can stand as statements.
fn attributes(code: &Expr) -> &[Attribute] {
    match code {
        Expr::If(code) => &code.attrs,
        Expr::Match(code) => &code.attrs,
        Expr::Loop(code) => &code.attrs,
        Expr::While(code) => &code.attrs,
        Expr::Block(code) => &code.attrs,
        Expr::Macro(code) => &code.attrs,
        Expr::Call(code) => &code.attrs,
        Expr::MethodCall(code) => &code.attrs,
        Expr::Try(code) => &code.attrs,
        Expr::Assign(code) => &code.attrs,
        Expr::Binary(code) => &code.attrs,
        Expr::Return(code) => &code.attrs,
        Expr::Break(code) => &code.attrs,
        _ => &[],
    }
}
