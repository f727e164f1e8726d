//! Questions about the author's code: where it waits, and what it is.

use proc_macro2::{Span, TokenStream};
use syn::spanned::Spanned;
use syn::visit::Visit;
use syn::{BinOp, Block, Expr, Item, Macro, Pat, Stmt};

/// The macros at which a body is suspended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Suspension {
    /// `wait!(..)`
    Wait,
    /// `yield_now!()`
    Yield,
}

impl Suspension {
    /// Which of them `path!` is, if any: by its name alone, or behind the name of the crate.
    pub(super) fn of(invocation: &Macro) -> Option<Self> {
        if is_ours(invocation, "wait") {
            Some(Suspension::Wait)
        } else if is_ours(invocation, "yield_now") {
            Some(Suspension::Yield)
        } else {
            None
        }
    }
}

/// Whether `invocation` is of PTK's macro `name`.
pub(super) fn is_ours(invocation: &Macro, name: &str) -> bool {
    let mut segments = invocation.path.segments.iter().rev();
    let last = segments.next().is_some_and(|segment| segment.ident == name);
    let qualifier = segments.next().is_none_or(|segment| segment.ident == "ptk_core");
    last && qualifier && segments.next().is_none()
}

/// The places of the waits in some code; nested items are not part of it.
#[derive(Default)]
struct Waits(Vec<Span>);

impl<'a> Visit<'a> for Waits {
    fn visit_macro(&mut self, invocation: &'a Macro) {
        if Suspension::of(invocation).is_some() {
            self.0.push(invocation.path.span());
        }
    }

    fn visit_item(&mut self, _: &'a Item) {}
}

fn waits(look: impl FnOnce(&mut Waits)) -> Vec<Span> {
    let mut waits = Waits::default();
    look(&mut waits);
    waits.0
}

/// Where `code` waits.
pub(super) fn waits_in(code: &Expr) -> Vec<Span> {
    waits(|visitor| visitor.visit_expr(code))
}

/// Whether `code` waits.
pub(super) fn expr_waits(code: &Expr) -> bool {
    !waits_in(code).is_empty()
}

/// Whether `code` waits.
pub(super) fn stmt_waits(code: &Stmt) -> bool {
    !waits(|visitor| visitor.visit_stmt(code)).is_empty()
}

/// Whether `code` waits.
pub(super) fn block_waits(code: &Block) -> bool {
    !waits(|visitor| visitor.visit_block(code)).is_empty()
}

/// Whether `code` is control flow that waits behind its header. A wait in the header alone needs no splitting.
pub(super) fn is_flow(code: &Expr) -> bool {
    match code {
        Expr::If(code) => {
            block_waits(&code.then_branch) || code.else_branch.as_ref().is_some_and(|(_, code)| expr_waits(code))
        }
        Expr::Match(code) => code.arms.iter().any(|arm| expr_waits(&arm.body)),
        Expr::Loop(_) | Expr::While(_) | Expr::Block(_) => expr_waits(code),
        _ => false,
    }
}

/// Whether control never comes out behind `code`, as far as its form tells.
pub(super) fn leaves(code: &Expr) -> bool {
    match code {
        Expr::Return(_) | Expr::Break(_) | Expr::Continue(_) => true,
        Expr::Paren(code) => leaves(&code.expr),
        Expr::Macro(code) => panics(&code.mac),
        Expr::Block(code) => code.label.is_none() && block_leaves(&code.block),
        Expr::If(code) => {
            block_leaves(&code.then_branch) && code.else_branch.as_ref().is_some_and(|(_, other)| leaves(other))
        }
        Expr::Match(code) => !code.arms.is_empty() && code.arms.iter().all(|arm| leaves(&arm.body)),
        _ => false,
    }
}

fn block_leaves(block: &Block) -> bool {
    block.stmts.iter().any(stmt_leaves)
}

/// Whether control never comes out behind `code`, as far as its form tells.
pub(super) fn stmt_leaves(code: &Stmt) -> bool {
    match code {
        Stmt::Expr(code, _) => leaves(code),
        Stmt::Macro(code) => panics(&code.mac),
        _ => false,
    }
}

fn panics(invocation: &Macro) -> bool {
    ["panic", "unreachable", "todo", "unimplemented"].iter().any(|name| invocation.path.is_ident(name))
}

/// Whether `code` means the same whenever it is evaluated, so that it may stand before a wait.
pub(super) fn is_settled(code: &Expr) -> bool {
    match code {
        Expr::Path(_) | Expr::Lit(_) | Expr::Closure(_) => true,
        Expr::Paren(code) => is_settled(&code.expr),
        Expr::Group(code) => is_settled(&code.expr),
        Expr::Reference(code) => is_place(&code.expr) || is_settled(&code.expr),
        Expr::Unary(code) => !matches!(code.op, syn::UnOp::Deref(_)) && is_settled(&code.expr),
        Expr::Cast(code) => is_settled(&code.expr),
        Expr::Tuple(code) => code.elems.iter().all(is_settled),
        Expr::Array(code) => code.elems.iter().all(is_settled),
        Expr::Binary(code) => !is_compound(&code.op) && is_settled(&code.left) && is_settled(&code.right),
        _ => false,
    }
}

/// Whether `code` is a place that evaluating finds without doing anything.
pub(super) fn is_place(code: &Expr) -> bool {
    match code {
        Expr::Path(_) => true,
        Expr::Field(code) => is_place(&code.base),
        Expr::Paren(code) => is_place(&code.expr),
        Expr::Group(code) => is_place(&code.expr),
        Expr::Reference(code) => is_place(&code.expr),
        Expr::Unary(code) => matches!(code.op, syn::UnOp::Deref(_)) && is_place(&code.expr),
        Expr::Index(code) => is_place(&code.expr) && (is_place(&code.index) || is_settled(&code.index)),
        _ => false,
    }
}

/// Whether `operator` assigns.
pub(super) fn is_compound(operator: &BinOp) -> bool {
    !matches!(
        operator,
        BinOp::Add(_)
            | BinOp::Sub(_)
            | BinOp::Mul(_)
            | BinOp::Div(_)
            | BinOp::Rem(_)
            | BinOp::And(_)
            | BinOp::Or(_)
            | BinOp::BitXor(_)
            | BinOp::BitAnd(_)
            | BinOp::BitOr(_)
            | BinOp::Shl(_)
            | BinOp::Shr(_)
            | BinOp::Eq(_)
            | BinOp::Lt(_)
            | BinOp::Le(_)
            | BinOp::Ne(_)
            | BinOp::Ge(_)
            | BinOp::Gt(_)
    )
}

/// The conditions of a chain of `&&`, in order; one alone is its own chain.
pub(super) fn chain(condition: &Expr) -> Vec<&Expr> {
    match condition {
        Expr::Binary(code) if matches!(code.op, BinOp::And(_)) => {
            let mut all = chain(&code.left);
            all.extend(chain(&code.right));
            all
        }
        code => vec![code],
    }
}

/// The patterns of the `let`s in a condition.
pub(super) fn let_patterns(condition: &Expr) -> Vec<&Pat> {
    let mut patterns = Vec::new();
    for condition in chain(condition) {
        if let Expr::Let(condition) = condition {
            patterns.push(&*condition.pat);
        }
    }
    patterns
}

/// Code that stands for code with an error, so that the search for further errors can go on.
pub(super) fn nothing() -> Expr {
    Expr::Verbatim(TokenStream::new())
}
