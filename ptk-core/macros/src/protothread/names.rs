//! Which local belongs to which block, so that using it in another is an error at its name.

use proc_macro2::Ident;
use syn::Pat;
use syn::visit::{self, Visit};

/// A number for each block of the lowered body.
pub(super) type BlockId = usize;

/// A local of the author's.
pub(super) struct Binding {
    name: String,
    /// The block in which it lives and with which it ends.
    pub(super) block: BlockId,
    /// The line that bound it.
    pub(super) line: usize,
}

/// The locals in scope, innermost last.
#[derive(Default)]
pub(super) struct Names(Vec<Binding>);

impl Names {
    /// Adds what `patterns` bind.
    pub(super) fn bind<'p>(&mut self, patterns: impl IntoIterator<Item = &'p Pat>, block: BlockId) {
        for name in patterns.into_iter().flat_map(bound_by) {
            self.0.push(Binding { name: name.to_string(), block, line: name.span().unwrap().line() });
        }
    }

    /// The local that `name` means, unless it is something else.
    pub(super) fn find(&self, name: &str) -> Option<&Binding> {
        self.0.iter().rev().find(|binding| binding.name == name)
    }

    /// Where the scope that begins now ends: see [`Names::leave`].
    pub(super) fn enter(&self) -> usize {
        self.0.len()
    }

    /// Forgets what was bound since [`Names::enter`].
    pub(super) fn leave(&mut self, mark: usize) {
        self.0.truncate(mark);
    }
}

/// The names that `pattern` binds. An upper-case name is taken for a constant or a variant, whatever else it may be.
pub(super) fn bound_by(pattern: &Pat) -> Vec<Ident> {
    struct Bound(Vec<Ident>);
    impl<'a> Visit<'a> for Bound {
        fn visit_pat_ident(&mut self, pattern: &'a syn::PatIdent) {
            let plain = pattern.by_ref.is_none() && pattern.mutability.is_none() && pattern.subpat.is_none();
            let upper = pattern.ident.to_string().starts_with(char::is_uppercase);
            if !(plain && upper) {
                self.0.push(pattern.ident.clone());
            }
            visit::visit_pat_ident(self, pattern);
        }

        fn visit_expr(&mut self, _: &'a syn::Expr) {}
    }
    let mut bound = Bound(Vec::new());
    bound.visit_pat(pattern);
    bound.0
}
