//! Futures of the operations of a context, and of protothreads.

use core::pin::Pin;
use core::task::{Context, Poll, ready};

use ptk_core::__rt::{Context as _, Control};
use ptk_core::{Cx, Error, Platform};

use crate::bridge::Bridge;
use crate::frame::Frame;
use crate::resume::Awaited;

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
            *pending_in = if result.is_pending() { frame.resume.poll } else { 0 };
            result
        });
        evaluated.unwrap_or_else(|outside| Poll::Ready(Err(outside)))
    }
}

impl<P: Platform, F> Drop for Wait<'_, P, F> {
    fn drop(&mut self) {
        if self.pending_in != 0 {
            self.bridge.loan().resume(|resume| resume.give_up_wait(self.pending_in));
        }
    }
}

/// Waits for a protothread, in a scope of its own.
pub(crate) struct Child<'b, P: Platform, F> {
    bridge: &'b Bridge<P>,
    protothread: F,
    awaited: Option<Awaited>,
    pending_in: u32,
}

/// Nothing in it is pinned.
impl<P: Platform, F> Unpin for Child<'_, P, F> {}

impl<'b, P: Platform, F> Child<'b, P, F> {
    pub(crate) const fn new(bridge: &'b Bridge<P>, protothread: F) -> Self {
        Child { bridge, protothread, awaited: None, pending_in: 0 }
    }
}

impl<P: Platform, T, F: FnMut(&mut Cx<'_, P>) -> Poll<Result<T, Error>>> Child<'_, P, F> {
    fn resume(&mut self, frame: &mut Frame<'_, '_, P>, context: &Context<'_>) -> Poll<Result<T, Error>> {
        let fresh = self.awaited.is_none();
        let Awaited { parent, ordinal } = match self.awaited {
            Some(awaited) => awaited,
            None => *self.awaited.insert(match frame.begin() {
                Ok(awaited) => awaited,
                Err(error) => return Poll::Ready(Err(error)),
            }),
        };
        if parent != frame.resume.parent {
            return Poll::Ready(Err(Error::NotSupported));
        }
        let scope = frame.scope(ordinal);
        let protothread = &mut self.protothread;
        let result = frame.evaluate(context.waker(), |cx| {
            let (outer, registered) = (cx.control(), cx.registered());
            cx.set_control(Control { scope, fresh });
            let result = protothread(cx);
            cx.set_control(outer);
            if result.is_ready() {
                cx.unregister(registered);
            }
            result
        });
        match &result {
            Poll::Pending => self.pending_in = frame.resume.poll,
            Poll::Ready(output) => {
                self.awaited = None;
                frame.end(ordinal, output.is_err());
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
        let Some(awaited) = self.awaited else { return };
        self.bridge.give_up(|resume| {
            resume.give_up_protothread(awaited);
            resume.give_up_wait(self.pending_in);
        });
    }
}
