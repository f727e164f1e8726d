//! Lowers control flow that waits in its branches.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Arm, Expr, ExprIf, ExprMatch, ExprWhile, Label, Stmt};

use super::lower::{Frame, Lower, Then, no_drop};
use super::plain::Plain;
use super::syntax::let_patterns;

impl Lower<'_> {
    /// Lowers control flow whose header no longer waits; its value goes where `then` says.
    pub(super) fn flow(&mut self, code: &Expr, then: Then) -> TokenStream {
        match code {
            Expr::If(code) => self.branch(code, then),
            Expr::Match(code) => self.select(code, then),
            Expr::Loop(code) => {
                self.cycle(&code.label, then, |this, head| this.scope(&code.body.stmts, Then::Unit(head)))
            }
            Expr::While(code) => self.cycle(&code.label, then, |this, head| this.turn(code, head, then)),
            Expr::Block(code) => {
                self.frames.push(Frame { label: name_of(&code.label), head: None, exit: then });
                let lowered = self.scope(&code.block.stmts, then);
                self.frames.pop();
                lowered
            }
            _ => TokenStream::new(),
        }
    }

    fn branch(&mut self, code: &ExprIf, then: Then) -> TokenStream {
        let mark = self.names.enter();
        let condition = self.condition(&code.cond);
        let guards = no_drop(&let_patterns(&code.cond), &code.then_branch.stmts);
        let yes = self.scope(&code.then_branch.stmts, then);
        self.names.leave(mark);
        let no = match &code.else_branch {
            Some((_, code)) => self.tail(code, then),
            None => self.finish(then, None),
        };
        quote!(if #condition { #guards #yes } else { #no })
    }

    /// Adapts a condition and binds its names.
    fn condition(&mut self, condition: &Expr) -> Expr {
        let code = self.plain(condition.clone());
        self.names.bind(let_patterns(condition), self.block);
        code
    }

    fn select(&mut self, code: &ExprMatch, then: Then) -> TokenStream {
        let value = self.plain((*code.expr).clone());
        let arms: TokenStream = code.arms.iter().map(|arm| self.arm(arm, then)).collect();
        quote!(match #value { #arms })
    }

    fn arm(&mut self, arm: &Arm, then: Then) -> TokenStream {
        let mark = self.names.enter();
        self.names.bind([&arm.pat], self.block);
        let mut pattern = arm.pat.clone();
        Plain::new(self).pattern(&mut pattern);
        let guards = no_drop(&[&arm.pat], &[Stmt::Expr((*arm.body).clone(), None)]);
        let body = self.tail(&arm.body, then);
        self.names.leave(mark);
        let attributes = &arm.attrs;
        quote!(#(#attributes)* #pattern => { #guards #body })
    }

    /// A loop: its head begins a block, to which `continue` goes, and so does the end of its body.
    fn cycle(
        &mut self,
        label: &Option<Label>,
        exit: Then,
        write: impl FnOnce(&mut Self, usize) -> TokenStream,
    ) -> TokenStream {
        let head = self.label();
        let enter = self.jump(head, None);
        self.frames.push(Frame { label: name_of(label), head: Some(head), exit });
        self.begin_at(head, |this| write(this, head));
        self.frames.pop();
        enter
    }

    /// One turn of a `while`, from its head.
    fn turn(&mut self, code: &ExprWhile, head: usize, then: Then) -> TokenStream {
        self.with_value(
            (*code.cond).clone(),
            Box::new(move |this, condition| {
                let mark = this.names.enter();
                let condition = this.condition(&condition);
                let guards = no_drop(&let_patterns(&condition), &code.body.stmts);
                let body = this.scope(&code.body.stmts, Then::Unit(head));
                this.names.leave(mark);
                let end = this.finish(then, None);
                quote!(if #condition { #guards #body } else { #end })
            }),
        )
    }
}

fn name_of(label: &Option<Label>) -> Option<String> {
    label.as_ref().map(|label| label.name.ident.to_string())
}
