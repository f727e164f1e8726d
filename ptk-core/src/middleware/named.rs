//! A socket of a middleware that has to know which one a call is about.

use crate::handle::Handle;

/// A socket of [`Traced`](super::Traced) or [`Recorded`](super::Recorded): one of what is inside, and its token.
#[derive(Clone, Hash, Debug)]
pub struct NamedSocket<S> {
    pub(super) inner: S,
    pub(super) token: Option<Handle>,
}

impl<S> NamedSocket<S> {
    /// The socket `inner`, which was opened with `token` by a call that only the platform inside has.
    pub const fn new(inner: S, token: Handle) -> Self {
        NamedSocket { inner, token: Some(token) }
    }

    pub(super) const fn closed(inner: S) -> Self {
        NamedSocket { inner, token: None }
    }

    /// What is inside.
    pub const fn inner(&self) -> &S {
        &self.inner
    }
}
