//! What the operations in a future see of the resume that polls it.

use core::cell::Cell;
use core::task::{Poll, Waker};

use ptk_core::__rt::{Context as _, Scope};
use ptk_core::{Cx, Error, Platform, WAIT_NODES};

/// One resume of a task whose future is being polled.
pub(crate) struct Frame<'f, 'c, P: Platform> {
    pub(crate) cx: &'f mut Cx<'c, P>,
    /// The scope of the task's own operations.
    pub(crate) scope: Scope,
    /// Which of the scopes inside that are taken by protothreads that are being awaited.
    pub(crate) taken: &'f Cell<u8>,
    /// The waker with which the task polls its future.
    pub(crate) waker: &'f Waker,
    /// The number of this poll.
    pub(crate) poll: u32,
    /// An operation that was pending in this very poll was given up, and its registration is still there.
    pub(crate) stale: bool,
}

impl<P: Platform> Frame<'_, '_, P> {
    /// Evaluates an operation. A pending one has registered the task.
    ///
    /// Whoever polls it with a waker of its own would poll it again only for a wake of that waker, which never comes.
    pub(crate) fn evaluate<T>(
        &mut self,
        waker: &Waker,
        operation: impl FnOnce(&mut Cx<'_, P>) -> Poll<Result<T, Error>>,
    ) -> Poll<Result<T, Error>> {
        if !waker.will_wake(self.waker) {
            return Poll::Ready(Err(Error::NotSupported));
        }
        self.forget_stale_waits();
        operation(self.cx)
    }

    /// Makes room for a registration, if there is none left and one is held by an operation that was given up. The
    /// others register again in the next turn.
    fn forget_stale_waits(&mut self) {
        if self.stale && self.cx.registered().count_ones() as usize >= WAIT_NODES {
            self.cx.unregister(0);
            self.cx.yield_now();
            self.stale = false;
        }
    }
}
