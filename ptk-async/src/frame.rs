//! What the operations in a future see of the resume that polls it.

use core::cell::Cell;
use core::task::{Poll, Waker};

use ptk_core::__rt::{Context as _, Scope};
use ptk_core::{Cx, Descriptor, Error, Handle, Platform, TcpListener, TcpSocket, TypedHandle, UdpSocket, WAIT_NODES};

use crate::resume::{Awaited, Resume};

/// How many bits tell apart the scopes of the protothreads that a future awaits at once.
const WIDTH: u32 = 3;

/// One resume of a task whose future is being polled, with the context.
pub(crate) struct Frame<'f, 'c, P: Platform> {
    pub(crate) cx: &'f mut Cx<'c, P>,
    /// Which of the scopes inside the future's are taken by protothreads that are being awaited.
    pub(crate) taken: &'f Cell<u8>,
    /// The waker with which the task polls its future.
    pub(crate) waker: &'f Waker,
    pub(crate) resume: &'f Resume,
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
        if self.resume.stale.get() && self.cx.registered().count_ones() as usize >= WAIT_NODES {
            self.cx.unregister(0);
            self.cx.yield_now();
            self.resume.stale.set(false);
        }
    }

    /// Takes a place for a protothread.
    pub(crate) fn begin(&self) -> Result<Awaited, Error> {
        let ordinal = self.taken.get().trailing_ones() as u16;
        if ordinal >= 1 << WIDTH {
            return Err(Error::Busy);
        }
        self.taken.set(self.taken.get() | 1 << ordinal);
        Ok(Awaited { parent: self.resume.parent, ordinal })
    }

    /// The scope of what a protothread opens.
    pub(crate) const fn scope(&self, ordinal: u16) -> Scope {
        self.resume.parent.scope.child(ordinal, WIDTH)
    }

    /// Gives the place of a protothread back. What it opened is closed if it failed, and passes to the task otherwise.
    pub(crate) fn end(&mut self, ordinal: u16, failed: bool) {
        self.taken.set(self.taken.get() & !(1 << ordinal));
        let (scope, outer) = (self.scope(ordinal), self.resume.parent.scope);
        // So deep inside that no scope is left: what it opened belongs to the one around.
        if scope == outer {
            return;
        }
        if failed {
            self.cx.close_scope(scope);
        } else {
            self.cx.merge_scope(scope, outer);
        }
    }

    /// Closes what was given up.
    fn close_given_up(&mut self) {
        let protothreads = self.resume.take_protothreads();
        for ordinal in (0..1 << WIDTH).filter(|ordinal| protothreads >> ordinal & 1 != 0) {
            self.end(ordinal, true);
        }
        while let Some(handle) = self.resume.take_handle() {
            if self.cx.is_valid(handle) {
                self.close(handle);
            }
        }
    }

    fn close(&mut self, handle: Handle) {
        // It is of one of the kinds that have owners here.
        self.close_as::<TcpSocket>(handle);
        self.close_as::<TcpListener>(handle);
        self.close_as::<UdpSocket>(handle);
        self.close_as::<Descriptor>(handle);
    }

    fn close_as<H: TypedHandle>(&mut self, handle: Handle) {
        if let Some(handle) = H::from_handle(handle) {
            let _ = self.cx.close(handle);
        }
    }
}

/// A frame in use. Behind that, what was given up meanwhile is closed, also when the use panics.
pub(crate) struct InUse<'u, 'f, 'c, P: Platform>(pub(crate) &'u mut Frame<'f, 'c, P>);

impl<P: Platform> Drop for InUse<'_, '_, '_, P> {
    fn drop(&mut self) {
        self.0.close_given_up();
    }
}
