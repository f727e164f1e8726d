//! Futures of the operations of a context, and of protothreads.

use core::pin::Pin;
use core::task::{Context, Poll, ready};

use ptk_core::__rt::{Context as _, Control, Scope};
use ptk_core::{Cx, Error, Platform, Task};

use crate::bridge::Bridge;
use crate::frame::Frame;

/// Repeats `attempt` for as long as it would block and `is_ready` is ready: at the latest until the budget of the resume is
/// used up.
pub(crate) fn retry<P: Platform, T>(
    cx: &mut Cx<'_, P>,
    mut attempt: impl FnMut(&mut Cx<'_, P>) -> Result<T, Error>,
    mut is_ready: impl FnMut(&mut Cx<'_, P>) -> Poll<Result<(), Error>>,
) -> Poll<Result<T, Error>> {
    loop {
        match attempt(cx) {
            Err(Error::WouldBlock) => ready!(is_ready(cx))?,
            result => return Poll::Ready(result),
        }
    }
}

/// Waits for an operation that opens nothing before it is ready.
pub(crate) struct Wait<'b, P: Platform, F> {
    bridge: &'b Bridge<P>,
    operation: F,
    /// The poll in which it was pending; 0 for none.
    pending_in: u32,
}

/// Nothing in it is pinned.
impl<P: Platform, F> Unpin for Wait<'_, P, F> {}

impl<'b, P: Platform, F> Wait<'b, P, F> {
    pub(crate) const fn new(bridge: &'b Bridge<P>, operation: F) -> Self {
        Wait { bridge, operation, pending_in: 0 }
    }
}

impl<P: Platform, T, F: FnMut(&mut Cx<'_, P>) -> Poll<Result<T, Error>>> Future for Wait<'_, P, F> {
    type Output = Result<T, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Wait { bridge, operation, pending_in } = self.get_mut();
        let evaluated = bridge.reach(|frame| {
            let result = frame.evaluate(context.waker(), |cx| operation(cx));
            *pending_in = if result.is_pending() { frame.poll } else { 0 };
            result
        });
        evaluated.unwrap_or_else(|outside| Poll::Ready(Err(outside)))
    }
}

impl<P: Platform, F> Drop for Wait<'_, P, F> {
    fn drop(&mut self) {
        if self.pending_in != 0 {
            let _ = self.bridge.reach(|frame| frame.stale |= frame.poll == self.pending_in);
        }
    }
}

/// How many bits tell apart the scopes of the protothreads that a task awaits at once.
const WIDTH: u32 = 3;

/// Waits for a protothread, in a scope of its own.
pub(crate) struct Child<'b, P: Platform, F> {
    bridge: &'b Bridge<P>,
    protothread: F,
    started: Option<Started>,
    pending_in: u32,
}

/// What a protothread got when it started.
#[derive(Clone, Copy)]
struct Started {
    /// Whose scopes are meant.
    task: Task,
    /// The number of its scope, below `1 << WIDTH`.
    ordinal: u16,
    /// Its scope, and the one around it.
    scope: Scope,
    outer: Scope,
}

/// Nothing in it is pinned.
impl<P: Platform, F> Unpin for Child<'_, P, F> {}

impl<'b, P: Platform, F> Child<'b, P, F> {
    pub(crate) const fn new(bridge: &'b Bridge<P>, protothread: F) -> Self {
        Child { bridge, protothread, started: None, pending_in: 0 }
    }
}

impl Started {
    fn new<P: Platform>(frame: &Frame<'_, '_, P>) -> Result<Self, Error> {
        let ordinal = frame.taken.get().trailing_ones() as u16;
        if ordinal >= 1 << WIDTH {
            return Err(Error::Busy);
        }
        frame.taken.set(frame.taken.get() | 1 << ordinal);
        let scope = frame.scope.child(ordinal, WIDTH);
        Ok(Started { task: frame.cx.current_task(), ordinal, scope, outer: frame.scope })
    }

    /// Whether `frame` is that of the task that started it.
    fn is_of<P: Platform>(self, frame: &Frame<'_, '_, P>) -> bool {
        self.task == frame.cx.current_task() && self.outer == frame.scope
    }

    /// Passes what was opened on, or closes it.
    fn end<P: Platform>(self, frame: &mut Frame<'_, '_, P>, failed: bool) {
        frame.taken.set(frame.taken.get() & !(1 << self.ordinal));
        // So deep inside that no scope is left: what it opened belongs to the one around.
        if self.scope == self.outer {
            return;
        }
        if failed {
            frame.cx.close_scope(self.scope);
        } else {
            frame.cx.merge_scope(self.scope, self.outer);
        }
    }
}

impl<P: Platform, T, F: FnMut(&mut Cx<'_, P>) -> Poll<Result<T, Error>>> Child<'_, P, F> {
    fn resume(&mut self, frame: &mut Frame<'_, '_, P>, context: &Context<'_>) -> Poll<Result<T, Error>> {
        let fresh = self.started.is_none();
        let started = match self.started {
            Some(started) if !started.is_of(frame) => return Poll::Ready(Err(Error::NotSupported)),
            Some(started) => started,
            None => *self.started.insert(match Started::new(frame) {
                Ok(started) => started,
                Err(error) => return Poll::Ready(Err(error)),
            }),
        };
        let protothread = &mut self.protothread;
        let result = frame.evaluate(context.waker(), |cx| {
            let (outer, registered) = (cx.control(), cx.registered());
            cx.set_control(Control { scope: started.scope, fresh });
            let result = protothread(cx);
            cx.set_control(outer);
            if result.is_ready() {
                cx.unregister(registered);
            }
            result
        });
        match &result {
            Poll::Pending => self.pending_in = frame.poll,
            Poll::Ready(output) => {
                self.started = None;
                started.end(frame, output.is_err());
            }
        }
        result
    }
}

impl<P: Platform, T, F: FnMut(&mut Cx<'_, P>) -> Poll<Result<T, Error>>> Future for Child<'_, P, F> {
    type Output = Result<T, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let bridge = this.bridge;
        let resumed = bridge.reach(|frame| this.resume(frame, context));
        resumed.unwrap_or_else(|outside| Poll::Ready(Err(outside)))
    }
}

impl<P: Platform, F> Drop for Child<'_, P, F> {
    fn drop(&mut self) {
        let Some(started) = self.started else { return };
        let _ = self.bridge.reach(|frame| {
            if started.is_of(frame) {
                started.end(frame, true);
                frame.stale |= frame.poll == self.pending_in;
            }
        });
    }
}
