//! Turns statements into blocks, in continuation-passing style: lowering code together with what follows it gives code
//! that always ends by going elsewhere. Where the code waits, what follows begins a block.

use proc_macro2::{Ident, Literal, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Block, Expr, ExprMacro, Item, Local, Pat, Path, Stmt};

use super::at;
use super::labels::{self, Label, LabelId, Plan};
use super::method::Method;
use super::names::{BlockId, Names, bound_by};
use super::plain::Plain;
use super::syntax::{expr_waits, is_flow, leaves, stmt_leaves, stmt_waits};
use crate::errors::Errors;

const COMES_BACK: &str = "the `else` of a `let` must leave: with `return`, `break`, `continue` or a panic";

/// Where control goes with the value of some code.
#[derive(Clone, Copy)]
pub(super) enum Then {
    /// The value is the body's output.
    Return,
    /// The value is `()`, and the code at the label goes on.
    Unit(LabelId),
    /// The value is dropped, and the code at the label goes on.
    Discard(LabelId),
    /// The label takes the value.
    Value(LabelId),
    /// Nowhere: the code goes elsewhere by itself, or the author hears of it here.
    Diverge(Span),
}

/// A loop or labelled block that was taken apart.
pub(super) struct Frame {
    /// The author's label.
    pub(super) label: Option<String>,
    /// Where `continue` goes; a labelled block has no such place.
    pub(super) head: Option<LabelId>,
    /// Where `break` goes.
    pub(super) exit: Then,
}

/// What lowering makes of a body.
#[derive(Default)]
pub(super) struct Lowered {
    /// The places that are jumped to.
    pub(super) labels: Vec<Label>,
    /// The arms, in the order of the source.
    pub(super) blocks: Vec<labels::Block>,
    /// Items of taken-apart blocks: visible from all arms.
    pub(super) items: Vec<Item>,
    /// The paths of the macros that were taken apart.
    pub(super) macros: Vec<Path>,
}

impl Lowered {
    /// What the next run needs to know.
    pub(super) fn plan(&self) -> Plan {
        Plan::new(&self.labels, &self.blocks)
    }
}

/// One run over a body.
pub(super) struct Lower<'m> {
    pub(super) method: &'m Method,
    /// From the first run; without it, code is left out where a jump stands.
    plan: Option<Plan>,
    out: Lowered,
    pub(super) names: Names,
    pub(super) frames: Vec<Frame>,
    /// The block that is being written.
    pub(super) block: BlockId,
    pub(super) errors: Errors,
}

/// What follows, given the expression whose wait has been lowered.
pub(super) type Rest<'a, 'm> = Box<dyn FnOnce(&mut Lower<'m>, Expr) -> TokenStream + 'a>;

impl<'m> Lower<'m> {
    /// A run over the body of `method`.
    pub(super) fn new(method: &'m Method, plan: Option<Plan>) -> Self {
        Lower {
            method,
            plan,
            out: Lowered::default(),
            names: Names::default(),
            frames: Vec::new(),
            block: 0,
            errors: Errors::default(),
        }
    }

    /// Lowers `body`.
    pub(super) fn run(mut self, body: &Block, errors: &mut Errors) -> Lowered {
        let start = self.label();
        self.begin_at(start, |this| this.scope(&body.stmts, Then::Return));
        errors.append(self.errors);
        self.out
    }

    /// Keeps the import of a macro used, and lets an editor show what it is.
    pub(super) fn use_macro(&mut self, path: &Path) {
        self.out.macros.push(path.clone());
    }

    // Labels and blocks.

    /// A new place to jump to.
    pub(super) fn label(&mut self) -> LabelId {
        self.out.labels.push(Label::default());
        self.out.labels.len() - 1
    }

    /// A new place behind a wait at `span`.
    pub(super) fn wait_label(&mut self, span: Span) -> LabelId {
        self.out.labels.push(Label { wait: Some(span), ..Label::default() });
        self.out.labels.len() - 1
    }

    /// Writes the block that begins at `label`. Blocks stand in the order in which this is called: that of the source,
    /// which type inference needs.
    pub(super) fn begin_at(&mut self, label: LabelId, write: impl FnOnce(&mut Self) -> TokenStream) {
        let outer = std::mem::replace(&mut self.block, self.out.blocks.len());
        let index = self.block;
        self.out.blocks.push(labels::Block { label, code: TokenStream::new() });
        let code = write(self);
        if let Some(block) = self.out.blocks.get_mut(index) {
            block.code = code;
        }
        self.block = outer;
    }

    /// Whether nothing jumps to `label`.
    pub(super) fn is_unreached(&self, label: LabelId) -> bool {
        self.sources(label).is_empty()
    }

    /// Whether all jumps to `label` are in the block that is being written.
    pub(super) fn is_in_place(&self, label: LabelId) -> bool {
        self.sources(label).iter().all(|source| *source == self.block)
    }

    fn sources(&self, label: LabelId) -> &[BlockId] {
        self.out.labels.get(label).map_or(&[], |label| &label.sources)
    }

    /// The values that arrive at `label` come from other blocks.
    pub(super) fn carry(&mut self, label: LabelId) {
        if let Some(label) = self.out.labels.get_mut(label) {
            label.carries = true;
        }
    }

    /// Notes that the block that is being written goes to `label`.
    pub(super) fn reach(&mut self, label: LabelId) {
        if let Some(target) = self.out.labels.get_mut(label) {
            target.sources.push(self.block);
        }
    }

    /// Goes to `label`, with `value` if it takes one.
    pub(super) fn jump(&mut self, label: LabelId, value: Option<TokenStream>) -> TokenStream {
        self.reach(label);
        let at = at(Span::call_site());
        if self.plan.is_none() {
            return TokenStream::new();
        }
        let Some(state) = self.state(label) else {
            let name = place_name(label);
            return quote!({ break #name #value });
        };
        let store = value.map(|value| {
            let slot = slot_name(label);
            quote_spanned!(at=> #slot = ::core::option::Option::Some(#value);)
        });
        quote_spanned!(at=> { #store __state = #state; continue '__states; })
    }

    /// The number of the state that `label` is; none in the first run, and none for a labelled block.
    pub(super) fn state(&self, label: LabelId) -> Option<Literal> {
        self.plan.as_ref()?.state(label)
    }

    /// Goes where `then` says with `value`, or with `()`.
    pub(super) fn finish(&mut self, then: Then, value: Option<TokenStream>) -> TokenStream {
        match then {
            Then::Return => self.give(value),
            Then::Unit(label) => {
                let checked = value.map(|value| {
                    let at = at(value.span());
                    quote_spanned!(at=> let _: () = #value;)
                });
                let jump = self.jump(label, None);
                quote!(#checked #jump)
            }
            Then::Discard(label) => {
                let jump = self.jump(label, None);
                quote!(#value; #jump)
            }
            Then::Value(label) => {
                let value = value.unwrap_or_else(|| quote!(()));
                self.jump(label, Some(value))
            }
            Then::Diverge(otherwise) => {
                if value.is_none() {
                    self.errors.push(otherwise, COMES_BACK);
                }
                value.map(never).unwrap_or_default()
            }
        }
    }

    /// Returns `value`, or `()`.
    pub(super) fn give(&self, value: Option<TokenStream>) -> TokenStream {
        let span = at(value.as_ref().map_or(self.method.end(), Spanned::span));
        let value = value.unwrap_or_else(|| quote_spanned!(span=> ()));
        quote_spanned!(span=> return ::core::task::Poll::Ready(#value);)
    }

    // Statements.

    /// Lowers the statements of a block of the author's, whose names end with it.
    pub(super) fn scope(&mut self, statements: &[Stmt], then: Then) -> TokenStream {
        let mark = self.names.enter();
        let code = self.statements(statements, then);
        self.names.leave(mark);
        code
    }

    /// Lowers `statements` and goes on as `then` says.
    fn statements(&mut self, statements: &[Stmt], then: Then) -> TokenStream {
        let Some((first, rest)) = statements.split_first() else {
            return self.finish(then, None);
        };
        match first {
            Stmt::Item(item) => {
                self.out.items.push(item.clone());
                self.statements(rest, then)
            }
            Stmt::Local(local) => self.local(local, rest, then),
            Stmt::Expr(code, None) if rest.is_empty() => self.tail(code, then),
            Stmt::Macro(code) if rest.is_empty() && code.semi_token.is_none() => {
                self.tail(&Expr::Macro(ExprMacro { attrs: code.attrs.clone(), mac: code.mac.clone() }), then)
            }
            Stmt::Expr(code, semicolon) if expr_waits(code) => {
                self.statement(code.clone(), semicolon.is_some(), rest, then)
            }
            code => {
                let mut statement = code.clone();
                Plain::new(self).statement(&mut statement);
                let rest = if stmt_leaves(code) { TokenStream::new() } else { self.statements(rest, then) };
                quote!(#statement #rest)
            }
        }
    }

    /// Lowers an expression statement that waits, and the `rest` behind it.
    fn statement(&mut self, code: Expr, semicolon: bool, rest: &[Stmt], then: Then) -> TokenStream {
        self.with_header(
            code,
            Box::new(move |this, code| {
                if is_flow(&code) {
                    return this.flow_statement(&code, semicolon, rest, then);
                }
                let leaves = leaves(&code);
                let code = this.plain(code);
                let rest = if leaves { TokenStream::new() } else { this.statements(rest, then) };
                quote!(#code; #rest)
            }),
        )
    }

    fn flow_statement(&mut self, flow: &Expr, semicolon: bool, rest: &[Stmt], then: Then) -> TokenStream {
        let join = self.label();
        let mark = self.names.enter();
        let code = self.flow(flow, if semicolon { Then::Discard(join) } else { Then::Unit(join) });
        self.names.leave(mark);
        if self.is_unreached(join) && rest.is_empty() {
            return code;
        }
        if !self.is_unreached(join) && self.is_in_place(join) {
            let name = place_name(join);
            let rest = self.statements(rest, then);
            return quote!(#name: { #code } #rest);
        }
        self.begin_at(join, |this| this.statements(rest, then));
        code
    }

    /// Lowers the expression at the end of a block, whose value goes where `then` says.
    pub(super) fn tail(&mut self, code: &Expr, then: Then) -> TokenStream {
        if let Some(statements) = bare_block(code) {
            return self.scope(statements, then);
        }
        self.with_header(
            code.clone(),
            Box::new(move |this, code| {
                if is_flow(&code) {
                    return this.flow(&code, then);
                }
                let leaves = leaves(&code);
                let code = this.plain(code).into_token_stream();
                if leaves { quote!(#code;) } else { this.finish(then, Some(code)) }
            }),
        )
    }

    /// Adapts code that does not wait.
    pub(super) fn plain(&mut self, mut code: Expr) -> Expr {
        Plain::new(self).expression(&mut code);
        code
    }

    fn local(&mut self, local: &Local, rest: &[Stmt], then: Then) -> TokenStream {
        match &local.init {
            Some(init) => self.with_value(
                (*init.expr).clone(),
                Box::new(move |this, value| this.bind(local, Some(value), rest, then)),
            ),
            None => self.bind(local, None, rest, then),
        }
    }

    /// Writes `let` with a `value` that does not wait, and the `rest` behind it.
    fn bind(&mut self, local: &Local, value: Option<Expr>, rest: &[Stmt], then: Then) -> TokenStream {
        let value = value.map(|value| self.plain(value));
        let otherwise = self.otherwise(local);
        self.names.bind([&local.pat], self.block);
        let guards = if value.is_some() { no_drop(&[&local.pat], rest) } else { TokenStream::new() };
        let rest = self.statements(rest, then);
        let (attributes, pattern) = (&local.attrs, &local.pat);
        let value = value.map(|value| quote!(= #value));
        quote!(#(#attributes)* let #pattern #value #otherwise; #guards #rest)
    }

    /// The `else` of a `let`.
    fn otherwise(&mut self, local: &Local) -> Option<TokenStream> {
        let (_, code) = local.init.as_ref()?.diverge.as_ref()?;
        let Expr::Block(block) = &**code else { return None };
        let code = if expr_waits(code) {
            self.scope(&block.block.stmts, Then::Diverge(block.block.brace_token.span.close()))
        } else {
            let block = self.plain((**code).clone());
            return Some(quote!(else #block));
        };
        Some(quote!(else { #code }))
    }
}

/// The statements of a block whose braces only group: as an argument of what follows, rustc would call them unnecessary.
fn bare_block(code: &Expr) -> Option<&[Stmt]> {
    let Expr::Block(code) = code else { return None };
    let bare = code.label.is_none() && code.attrs.is_empty();
    let has_items = code.block.stmts.iter().any(|statement| matches!(statement, Stmt::Item(_)));
    (bare && !has_items).then_some(&code.block.stmts)
}

/// Asserts that what `patterns` bind has no destructor, if one of the statements behind them waits. Naming a local
/// counts as using it, so one that nothing else uses is left to rustc's warning, unless it is meant: `_guard`.
pub(super) fn no_drop(patterns: &[&Pat], rest: &[Stmt]) -> TokenStream {
    if !rest.iter().any(stmt_waits) {
        return TokenStream::new();
    }
    let used = |name: &Ident| {
        name.to_string().starts_with('_') || rest.iter().any(|statement| mentions(statement.to_token_stream(), name))
    };
    let check = |name: Ident| {
        let at = at(name.span());
        quote_spanned!(at=> ::ptk_core::__rt::no_drop(&#name);)
    };
    patterns.iter().flat_map(|pattern| bound_by(pattern)).filter(used).map(check).collect()
}

/// Code of a type without values, as a type error if it is not.
fn never(value: TokenStream) -> TokenStream {
    let at = at(value.span());
    quote_spanned!(at=> match { let __never: ::ptk_core::Never = #value; __never } {})
}

fn mentions(code: TokenStream, name: &Ident) -> bool {
    code.into_iter().any(|token| match token {
        TokenTree::Group(group) => mentions(group.stream(), name),
        TokenTree::Ident(ident) => ident == *name,
        TokenTree::Literal(literal) => literal.to_string().contains(&name.to_string()),
        TokenTree::Punct(_) => false,
    })
}

/// The label of a labelled block.
pub(super) fn place_name(label: LabelId) -> syn::Lifetime {
    syn::Lifetime::new(&format!("'__place{label}"), Span::mixed_site())
}

/// The local in which values go to another block.
pub(super) fn slot_name(label: LabelId) -> Ident {
    format_ident!("__carried{label}", span = Span::mixed_site())
}
