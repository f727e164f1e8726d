//! A future as a protothread.

use core::cell::Cell;
use core::fmt;
use core::pin::Pin;
use core::sync::atomic::Ordering;
use core::task::{Context, Poll, Waker};

use ptk_core::__rt::{Context as _, Control, Info, ResumePoint};
use ptk_core::{Cx, Error, EventSource, Platform, Protothread, Pt};

use crate::bridge::Bridge;
use crate::frame::Frame;
use crate::raw::{self, PollWakes};
use crate::resume::{Parent, Resume};
use crate::task_waker::TaskWaker;

/// A future that is polled as a task of a PTK loop: a [`Protothread`] for a field of a task set, for
/// [`DynTasks`](ptk_core::DynTasks), or to be awaited by another protothread.
///
/// The future's memory is the author's: `pin!` puts it on the stack of `main`, and nothing here allocates. `F` may be
/// `dyn Future<Output = ..>`, which has a name that a field can have.
///
/// # Output
///
/// `Ok` with the future's output, or the task's own error, with which it ends and closes what it owns. The future is
/// then never polled again:
///
/// - [`Error::NotSupported`]: the task was started a second time, which a future cannot be; or somebody kept a waker of a
///   task that has no [`TaskWaker`], and the task would never hear of it.
/// - [`Error::TableFull`], [`Error::NotSupported`]: its loop has no event source for the [`TaskWaker`].
/// - [`Error::Busy`]: the [`TaskWaker`] serves another task.
/// - [`Error::InvalidArgument`]: the source has an index above 255.
/// - [`Error::InvalidHandle`]: somebody closed the source.
///
/// # Wakes
///
/// The task is resumed when what its operations wait for is ready. All of them are to be evaluated again at each resume, as
/// those of a protothread, which is what joining and selecting do. Combinators that poll only those of their futures that
/// were woken (`FuturesUnordered`), and executors inside the future, have wakers of their own: polled by one, every
/// operation fails with [`Error::NotSupported`].
///
/// # Costs
///
/// At most 48 bytes on a 64-bit machine, and the future itself; with a [`TaskWaker`] one event source, and one wait node as soon
/// as somebody has kept a waker. A resume costs no more than a protothread's, but for some 150 bytes on the stack that are
/// written.
///
/// A future is not `Clone`, not `Hash` and not `Debug`: a world with one in it cannot be copied, compared or explored
/// as one of protothreads can.
pub struct AsyncTask<'a, P: Platform, F: ?Sized> {
    pt: Pt,
    taken: Cell<u8>,
    /// The number of its first poll, which tells it from the others of its bridge; 0 before.
    first_poll: u32,
    remote: Option<Remote>,
    bridge: &'a Bridge<P>,
    future: Pin<&'a mut F>,
}

impl<'a, P: Platform, F: Future + ?Sized> AsyncTask<'a, P, F> {
    /// A task whose future waits for what PTK offers, through `bridge`, and for nothing else. It may wake itself while it
    /// is polled; if it keeps a waker, it ends with [`Error::NotSupported`].
    pub const fn new(bridge: &'a Bridge<P>, future: Pin<&'a mut F>) -> Self {
        AsyncTask { pt: Pt::new(), taken: Cell::new(0), first_poll: 0, remote: None, bridge, future }
    }

    /// A task that other tasks, threads and interrupts can wake: for channels and whatever else waits with wakers.
    pub const fn with_waker(bridge: &'a Bridge<P>, waker: &'static TaskWaker, future: Pin<&'a mut F>) -> Self {
        let remote = Some(Remote { waker, source: EventSource::NONE });
        AsyncTask { pt: Pt::new(), taken: Cell::new(0), first_poll: 0, remote, bridge, future }
    }

    fn resume(&mut self, cx: &mut Cx<'_, P>, is_first: bool) -> Result<Poll<F::Output>, Error> {
        let Some(mut remote) = self.remote else { return self.poll_alone(cx) };
        if is_first {
            remote.bind(cx)?;
            self.remote = Some(remote);
        }
        remote.waker.take_wake();
        if remote.waker.was_cloned() {
            remote.listen(cx)?;
        }
        let polled = self.poll_with(cx, &raw::waker(remote.waker));
        if polled.is_pending() {
            remote.settle(cx)?;
        }
        Ok(polled)
    }

    fn poll_alone(&mut self, cx: &mut Cx<'_, P>) -> Result<Poll<F::Output>, Error> {
        let wakes = PollWakes::default();
        let polled = raw::with_poll_waker(&wakes, |waker| self.poll_with(cx, waker));
        if polled.is_pending() && wakes.cloned.load(Ordering::Relaxed) {
            return Err(Error::NotSupported);
        }
        if wakes.woken.load(Ordering::Relaxed) {
            cx.yield_now();
        }
        Ok(polled)
    }

    fn poll_with(&mut self, cx: &mut Cx<'_, P>, waker: &Waker) -> Poll<F::Output> {
        let outer = cx.control();
        // The future starts what it awaits itself.
        cx.set_control(Control { fresh: false, ..outer });
        let poll = self.bridge.next_poll();
        if self.first_poll == 0 {
            self.first_poll = poll;
        }
        let parent = Parent { task: cx.current_task(), scope: outer.scope, first_poll: self.first_poll };
        let resume = Resume::new(poll, parent);
        let mut frame = Frame { cx: &mut *cx, taken: &self.taken, waker, resume: &resume };
        let future = self.future.as_mut();
        let polled = self.bridge.loan().lend(&mut frame, || future.poll(&mut Context::from_waker(waker)));
        cx.set_control(outer);
        polled
    }
}

impl<P: Platform, S: ?Sized, F: Future + ?Sized> Protothread<P, S> for AsyncTask<'_, P, F> {
    type Output = Result<F::Output, Error>;

    const RUN_INFO: Info<Self> = Info { name: "poll", file: file!(), lines: &[line!(), line!()], pt: |task| task.pt };

    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut S) -> Poll<Self::Output> {
        let before = self.pt.take();
        if before.is_done() || (cx.control().fresh && !before.is_new()) {
            return Poll::Ready(Err(Error::NotSupported));
        }
        let result = match self.resume(cx, before.is_new()) {
            Ok(Poll::Pending) => {
                self.pt.set(1);
                return Poll::Pending;
            }
            Ok(Poll::Ready(output)) => Ok(output),
            Err(error) => Err(error),
        };
        self.unbind();
        Poll::Ready(result)
    }
}

impl<P: Platform, F: ?Sized> AsyncTask<'_, P, F> {
    fn unbind(&mut self) {
        if let Some(remote) = self.remote.take() {
            remote.waker.unbind(remote.source);
        }
    }
}

impl<P: Platform, F: ?Sized> Drop for AsyncTask<'_, P, F> {
    fn drop(&mut self) {
        self.unbind();
    }
}

impl<P: Platform, F: ?Sized> fmt::Debug for AsyncTask<'_, P, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncTask").field("pt", &self.pt).finish_non_exhaustive()
    }
}

/// A waker and the source that it raises.
#[derive(Clone, Copy)]
struct Remote {
    waker: &'static TaskWaker,
    source: EventSource,
}

impl Remote {
    /// Opens the source, which belongs to the task.
    fn bind<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<(), Error> {
        let source = cx.event_source()?;
        if let Err(error) = self.waker.bind(source) {
            let _ = cx.close(source);
            return Err(error);
        }
        self.source = source;
        Ok(())
    }

    /// Has raises resume the task; takes one that has come.
    fn listen<P: Platform>(&self, cx: &mut Cx<'_, P>) -> Result<(), Error> {
        if let Poll::Ready(raised) = cx.raised(self.source) {
            raised?;
            // Taken, and not registered.
            if let Poll::Ready(raised) = cx.raised(self.source) {
                raised?;
                cx.yield_now();
            }
        }
        Ok(())
    }

    /// Looks behind a poll whether the task has to be resumed for a wake.
    fn settle<P: Platform>(&self, cx: &mut Cx<'_, P>) -> Result<(), Error> {
        if self.waker.was_cloned() {
            match self.listen(cx) {
                // The operations took all nodes before anybody kept a waker. In the next turn this comes first.
                Err(Error::TooManyWaits) => {
                    cx.unregister(0);
                    cx.yield_now();
                }
                listening => listening?,
            }
        }
        if self.waker.is_woken() {
            cx.yield_now();
        }
        Ok(())
    }
}
