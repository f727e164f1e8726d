//! Adapts code that does not wait: its `return`, `break`, `continue` and `?` lead out of taken-apart code, and a name in
//! it may belong to a local that the last wait has ended.

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::visit_mut::{self, VisitMut};
use syn::{Arm, Block, Expr, ExprBreak, ExprMacro, Item, Lifetime, Lit, Local, Macro, Pat, Stmt, Token};

use super::at;
use super::lower::{Frame, Lower};
use super::names::bound_by;
use super::syntax::let_patterns;

/// A walk over code without waits.
pub(super) struct Plain<'l, 'm> {
    lower: &'l mut Lower<'m>,
    /// Names that this code itself binds.
    hidden: Vec<String>,
    /// Loops and labelled blocks that stay as they are, innermost last.
    own: Vec<Own>,
    /// Inside closures and `async` blocks, `return` and `?` are theirs.
    foreign: bool,
    /// This is a wait's operand.
    operand: bool,
}

struct Own {
    label: Option<String>,
    is_loop: bool,
}

impl<'l, 'm> Plain<'l, 'm> {
    /// A walk over code in the block that `lower` is writing.
    pub(super) fn new(lower: &'l mut Lower<'m>) -> Self {
        Plain { lower, hidden: Vec::new(), own: Vec::new(), foreign: false, operand: false }
    }

    /// A walk over the operand of the wait that begins the block.
    pub(super) fn operand(lower: &'l mut Lower<'m>) -> Self {
        Plain { operand: true, ..Plain::new(lower) }
    }

    /// Adapts an expression.
    pub(super) fn expression(&mut self, code: &mut Expr) {
        self.visit_expr_mut(code);
    }

    /// Adapts a statement that is not a `let`.
    pub(super) fn statement(&mut self, code: &mut Stmt) {
        self.visit_stmt_mut(code);
    }

    /// Adapts the guard of a pattern.
    pub(super) fn pattern(&mut self, pattern: &mut Pat) {
        self.visit_pat_mut(pattern);
    }

    // Names.

    /// Reports `name` if it is a local of another block.
    fn check(&mut self, name: &str, span: Span) {
        if self.hidden.iter().any(|hidden| hidden == name) {
            return;
        }
        let Some(local) = self.lower.names.find(name) else { return };
        if local.block == self.lower.block {
            return;
        }
        let why = if self.operand { ", whose operation is evaluated again at each resume" } else { "" };
        let line = local.line;
        self.lower.errors.push(
            span,
            format!(
                "`{name}` does not survive a wait{why}: keep it in a field of `self` (it is a local of line {line})"
            ),
        );
    }

    /// Looks at code in which `names` mean something of its own.
    fn hiding(&mut self, names: impl IntoIterator<Item = Ident>, look: impl FnOnce(&mut Self)) {
        let mark = self.hidden.len();
        self.hidden.extend(names.into_iter().map(|name| name.to_string()));
        look(self);
        self.hidden.truncate(mark);
    }

    fn in_own(&mut self, label: &Option<syn::Label>, is_loop: bool, look: impl FnOnce(&mut Self)) {
        self.own.push(Own { label: label.as_ref().map(|label| label.name.ident.to_string()), is_loop });
        look(self);
        self.own.pop();
    }

    fn in_foreign(&mut self, look: impl FnOnce(&mut Self)) {
        let own = std::mem::take(&mut self.own);
        let outer = std::mem::replace(&mut self.foreign, true);
        look(self);
        self.foreign = outer;
        self.own = own;
    }

    // Jumps.

    /// Whether a jump to `label`, or to the innermost loop, stays in this code.
    fn stays(&self, label: Option<&Lifetime>) -> bool {
        self.own.iter().any(|own| match label {
            Some(label) => own.label.as_ref().is_some_and(|own| label.ident == own),
            None => own.is_loop,
        })
    }

    fn frame(&self, label: Option<&Lifetime>) -> Option<&Frame> {
        self.lower.frames.iter().rev().find(|frame| match label {
            Some(label) => frame.label.as_ref().is_some_and(|frame| label.ident == frame),
            None => frame.head.is_some(),
        })
    }

    fn break_out(&mut self, code: &ExprBreak) -> Option<TokenStream> {
        if self.foreign || self.stays(code.label.as_ref()) {
            return None;
        }
        let Some(exit) = self.frame(code.label.as_ref()).map(|frame| frame.exit) else {
            self.homeless(code.label.as_ref(), code.break_token.span, "`break` outside of a loop");
            return None;
        };
        let value = code.expr.as_ref().map(ToTokens::to_token_stream);
        Some(self.lower.finish(exit, value))
    }

    fn continue_at(&mut self, label: Option<&Lifetime>, span: Span) -> Option<TokenStream> {
        if self.foreign || self.stays(label) {
            return None;
        }
        let Some(head) = self.frame(label).map(|frame| frame.head) else {
            self.homeless(label, span, "`continue` outside of a loop");
            return None;
        };
        head.map(|head| self.lower.jump(head, None))
    }

    /// Without a label, such a jump would find the loop over the states.
    fn homeless(&mut self, label: Option<&Lifetime>, span: Span, text: &str) {
        if label.is_none() {
            self.lower.errors.push(span, text);
        }
    }

    // Expressions, once what is inside them is adapted.

    fn leave(&mut self, code: &mut Expr) {
        let jump = match code {
            Expr::Return(code) if !self.foreign => {
                let value = code.expr.as_ref().map_or_else(|| quote!(()), ToTokens::to_token_stream);
                let at = at(code.return_token.span);
                Some(quote_spanned!(at=> return ::core::task::Poll::Ready(#value)))
            }
            Expr::Try(code) if !self.foreign && self.lower.method.returns_option() => {
                let (value, at) = (&code.expr, at(code.question_token.span()));
                Some(quote_spanned! {at=> (match #value {
                    ::core::option::Option::Some(__value) => __value,
                    ::core::option::Option::None => return ::core::task::Poll::Ready(::core::option::Option::None),
                })})
            }
            Expr::Break(code) => self.break_out(code).map(|jump| quote!({ #jump })),
            Expr::Continue(code) => {
                self.continue_at(code.label.as_ref(), code.continue_token.span).map(|jump| quote!({ #jump }))
            }
            _ => None,
        };
        if let Some(jump) = jump {
            *code = Expr::Verbatim(jump);
        }
    }

    // Arguments of other macros.

    /// Most macros take expressions; the tokens of the others are searched for names.
    fn arguments(&mut self, invocation: &mut Macro) {
        let parser = Punctuated::<Expr, Token![,]>::parse_terminated;
        match parser.parse2(invocation.tokens.clone()) {
            Ok(mut arguments) => {
                let named: Vec<_> = arguments.iter().filter_map(named_argument).collect();
                self.hiding(named, |this| arguments.iter_mut().for_each(|argument| this.argument(argument)));
                invocation.tokens = arguments.into_token_stream();
            }
            Err(_) => self.scan(invocation.tokens.clone()),
        }
    }

    fn argument(&mut self, argument: &mut Expr) {
        match argument {
            Expr::Assign(named) if matches!(&*named.left, Expr::Path(_)) => self.expression(&mut named.right),
            Expr::Lit(literal) => self.format_string(&literal.lit),
            argument => self.expression(argument),
        }
    }

    /// `"{name}"` uses a local as well.
    fn format_string(&mut self, literal: &Lit) {
        let Lit::Str(text) = literal else { return };
        for name in captured(&text.value()) {
            self.check(&name, text.span());
        }
    }

    fn scan(&mut self, tokens: TokenStream) {
        let mut before = None;
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            let after = match tokens.peek() {
                Some(TokenTree::Punct(after)) => Some(after.as_char()),
                _ => None,
            };
            match &token {
                TokenTree::Group(group) => self.scan(Group::stream(group)),
                TokenTree::Ident(name) if !matches!(before, Some('.' | '\'')) && !matches!(after, Some(':' | '!')) => {
                    self.check(&name.to_string(), name.span());
                }
                TokenTree::Literal(literal) => self.format_string(&Lit::new(literal.clone())),
                _ => {}
            }
            before = match token {
                TokenTree::Punct(punct) => Some(punct.as_char()),
                _ => None,
            };
        }
    }
}

impl VisitMut for Plain<'_, '_> {
    fn visit_item_mut(&mut self, _: &mut Item) {}

    fn visit_block_mut(&mut self, block: &mut Block) {
        self.hiding([], |this| visit_mut::visit_block_mut(this, block));
    }

    fn visit_local_mut(&mut self, local: &mut Local) {
        visit_mut::visit_local_mut(self, local);
        self.hidden.extend(bound_by(&local.pat).iter().map(ToString::to_string));
    }

    fn visit_arm_mut(&mut self, arm: &mut Arm) {
        self.hiding(bound_by(&arm.pat), |this| visit_mut::visit_arm_mut(this, arm));
    }

    fn visit_macro_mut(&mut self, invocation: &mut Macro) {
        self.arguments(invocation);
    }

    fn visit_expr_mut(&mut self, code: &mut Expr) {
        match code {
            Expr::Path(path) => {
                if let Some(name) = path.path.get_ident() {
                    self.check(&name.to_string(), name.span());
                }
            }
            Expr::If(code) => {
                self.visit_expr_mut(&mut code.cond);
                let names = bound_in(&code.cond);
                self.hiding(names, |this| this.visit_block_mut(&mut code.then_branch));
                code.else_branch.iter_mut().for_each(|(_, other)| self.visit_expr_mut(other));
            }
            Expr::While(code) => self.in_own(&code.label, true, |this| {
                this.visit_expr_mut(&mut code.cond);
                let names = bound_in(&code.cond);
                this.hiding(names, |this| this.visit_block_mut(&mut code.body));
            }),
            Expr::ForLoop(code) => {
                self.visit_expr_mut(&mut code.expr);
                let names = bound_by(&code.pat);
                self.in_own(&code.label, true, |this| this.hiding(names, |this| this.visit_block_mut(&mut code.body)));
            }
            Expr::Loop(code) => self.in_own(&code.label, true, |this| this.visit_block_mut(&mut code.body)),
            Expr::Block(code) => self.in_own(&code.label, false, |this| this.visit_block_mut(&mut code.block)),
            Expr::Closure(code) => {
                let names: Vec<_> = code.inputs.iter().flat_map(bound_by).collect();
                self.in_foreign(|this| this.hiding(names, |this| this.visit_expr_mut(&mut code.body)));
            }
            Expr::Async(code) => self.in_foreign(|this| this.visit_block_mut(&mut code.block)),
            Expr::Const(_) => {}
            Expr::Macro(ExprMacro { mac, .. }) => self.visit_macro_mut(mac),
            code => {
                visit_mut::visit_expr_mut(self, code);
                self.leave(code);
            }
        }
    }
}

/// The names that a condition binds.
fn bound_in(condition: &Expr) -> Vec<Ident> {
    let_patterns(condition).into_iter().flat_map(bound_by).collect()
}

/// The name of a named argument: `name = value`.
fn named_argument(argument: &Expr) -> Option<Ident> {
    let Expr::Assign(named) = argument else { return None };
    let Expr::Path(name) = &*named.left else { return None };
    name.path.get_ident().cloned()
}

/// The names that a format string captures: `{name}`, `{name:?}`, `{:width$}`, `{:.precision$}`.
fn captured(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let text = text.replace("{{", "");
    for part in text.split('{').skip(1) {
        let argument = part.split('}').next().unwrap_or_default();
        let (name, format) = argument.split_once(':').unwrap_or((argument, ""));
        names.push(name.trim().to_owned());
        let counts = format.split('$').rev().skip(1);
        names.extend(counts.map(|count| count.rsplit(|c: char| !is_name(c)).next().unwrap_or_default().to_owned()));
    }
    names.retain(|name| name.starts_with(|c: char| is_name(c) && !c.is_ascii_digit()));
    names
}

fn is_name(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}
