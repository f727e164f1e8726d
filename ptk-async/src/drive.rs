//! A loop inside a foreign executor.

use core::future::poll_fn;
use core::task::Poll;

use ptk_core::__rt::{Info, ResumePoint as _};
use ptk_core::{Cx, Error, EventLoop, Instant, Platform, Protothread, Pt, Suspended, Task, TaskSet, TypedHandle as _};

/// How a foreign executor sleeps in place of a loop.
pub trait Sleeper<P: Platform> {
    /// Ready when the platform has something to report, or `deadline` has come. May be ready early, and for nothing.
    ///
    /// Dropped before it is ready, it leaves nothing behind that the next turn of the loop, or the next sleep, does not
    /// put right.
    ///
    /// # Errors
    ///
    /// What the platform or the executor says; it ends the drive.
    fn sleep(&mut self, platform: &mut P, deadline: Option<Instant>) -> impl Future<Output = Result<(), Error>>;
}

/// Runs a loop in a foreign executor until [`EventLoop::run`] would return. It lets the executor run its other tasks
/// after each turn.
///
/// Dropped, it leaves the loop where it is between two turns: another call goes on with it. A loop that was stopped
/// ([`Cx::stop`]) is over for this function; only `run` starts it again.
///
/// The future is `Send` if the loop, the set and the sleeper are; an [`AsyncTask`](crate::AsyncTask) is not.
///
/// # Errors
///
/// As [`EventLoop::turn_now`]; what `sleeper` says.
pub async fn drive<
    P,
    S,
    W,
    const TASKS: usize,
    const SOCKETS: usize,
    const TIMERS: usize,
    const EVENTS: usize,
    const LOOKUPS: usize,
>(
    event_loop: &mut EventLoop<P, TASKS, SOCKETS, TIMERS, EVENTS, LOOKUPS>,
    set: &mut S,
    sleeper: &mut W,
) -> Result<(), Error>
where
    P: Platform,
    S: TaskSet<P>,
    W: Sleeper<P>,
{
    while event_loop.turn_now(set)? {
        match event_loop.next_deadline() {
            Some(Instant::ORIGIN) => yield_now().await,
            deadline => sleeper.sleep(event_loop.platform_mut(), deadline).await?,
        }
    }
    Ok(())
}

/// Runs one protothread in a foreign executor, on a loop that has no other task. Ready with its output; what it owned is
/// closed, as at the end of every task.
///
/// The loop can be used for one after the other. Dropped before it is ready, the protothread is cancelled.
///
/// # Errors
///
/// [`Error::Busy`] if a task of the loop runs; [`Error::InvalidHandle`] if the protothread cancels itself or stops the
/// loop; as [`drive`].
pub async fn run_to_end<
    P,
    T,
    W,
    const TASKS: usize,
    const SOCKETS: usize,
    const TIMERS: usize,
    const EVENTS: usize,
    const LOOKUPS: usize,
>(
    event_loop: &mut EventLoop<P, TASKS, SOCKETS, TIMERS, EVENTS, LOOKUPS>,
    protothread: &mut T,
    sleeper: &mut W,
) -> Result<T::Output, Error>
where
    P: Platform,
    T: Protothread<P>,
    W: Sleeper<P>,
{
    if event_loop.tables().tasks.used > 0 {
        return Err(Error::Busy);
    }
    let task = event_loop.cx().start(0)?;
    let run = Run { event_loop, task };
    let mut alone = Alone { protothread, output: None };
    while run.event_loop.turn_now(&mut alone)? {
        if alone.output.is_some() {
            break;
        }
        match run.event_loop.next_deadline() {
            Some(Instant::ORIGIN) => yield_now().await,
            deadline => sleeper.sleep(run.event_loop.platform_mut(), deadline).await?,
        }
    }
    alone.output.ok_or(Error::InvalidHandle)
}

/// As [`run_to_end`], for an operation of the context, or a few of them: it is evaluated at each resume until it is ready.
///
/// What it opened is closed when it is ready. To use a connection afterwards, take it away from the task:
///
/// ```no_run
/// use core::net::SocketAddr;
/// use core::task::{Poll, ready};
///
/// use ptk_async::{Sleeper, run_operation};
/// use ptk_core::prelude::*;
///
/// /// Connects, from any executor. The connection is the loop's.
/// async fn connect<P: Platform>(
///     event_loop: &mut EventLoop<P, 1, 8>,
///     server: SocketAddr,
///     sleeper: &mut impl Sleeper<P>,
/// ) -> Result<TcpSocket, Error> {
///     let connect = |cx: &mut Cx<'_, P>| {
///         let socket = ready!(cx.connect(server))?;
///         cx.detach(socket)?;
///         Poll::Ready(Ok(socket))
///     };
///     run_operation(event_loop, connect, sleeper).await?
/// }
/// ```
///
/// # Errors
///
/// As [`run_to_end`].
pub async fn run_operation<
    P,
    T,
    F,
    W,
    const TASKS: usize,
    const SOCKETS: usize,
    const TIMERS: usize,
    const EVENTS: usize,
    const LOOKUPS: usize,
>(
    event_loop: &mut EventLoop<P, TASKS, SOCKETS, TIMERS, EVENTS, LOOKUPS>,
    operation: F,
    sleeper: &mut W,
) -> Result<T, Error>
where
    P: Platform,
    F: FnMut(&mut Cx<'_, P>) -> Poll<T>,
    W: Sleeper<P>,
{
    run_to_end(event_loop, &mut Operation { pt: Pt::new(), evaluate: operation }, sleeper).await
}

/// Lets the executor run its other tasks.
pub(crate) async fn yield_now() {
    let mut yielded = false;
    poll_fn(|context| {
        if core::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Cancels its task when it is dropped.
struct Run<
    'l,
    P: Platform,
    const TASKS: usize,
    const SOCKETS: usize,
    const TIMERS: usize,
    const EVENTS: usize,
    const LOOKUPS: usize,
> {
    event_loop: &'l mut EventLoop<P, TASKS, SOCKETS, TIMERS, EVENTS, LOOKUPS>,
    task: Task,
}

impl<
    P: Platform,
    const TASKS: usize,
    const SOCKETS: usize,
    const TIMERS: usize,
    const EVENTS: usize,
    const LOOKUPS: usize,
> Drop for Run<'_, P, TASKS, SOCKETS, TIMERS, EVENTS, LOOKUPS>
{
    fn drop(&mut self) {
        if self.task.handle().is_some_and(|handle| self.event_loop.is_valid(handle)) {
            let _ = self.event_loop.cx().cancel(self.task);
        }
    }
}

/// One protothread as a task set, whose output is kept.
struct Alone<'t, T, O> {
    protothread: &'t mut T,
    output: Option<O>,
}

impl<P: Platform, T: Protothread<P>> TaskSet<P> for Alone<'_, T, T::Output> {
    const LEN: usize = 1;

    fn poll(&mut self, _: usize, cx: &mut Cx<'_, P>) -> Poll<Result<(), Error>> {
        self.protothread.run(cx, &mut ()).map(|output| {
            self.output = Some(output);
            Ok(())
        })
    }

    fn inspect(&self, index: usize) -> Suspended {
        Suspended::of(core::any::type_name::<T>(), index, &T::RUN_INFO, &*self.protothread)
    }
}

/// An operation as a protothread.
struct Operation<F> {
    pt: Pt,
    evaluate: F,
}

impl<P: Platform, T, F: FnMut(&mut Cx<'_, P>) -> Poll<T>> Protothread<P> for Operation<F> {
    type Output = T;

    const RUN_INFO: Info<Self> =
        Info { name: "operation", file: file!(), lines: &[line!(), line!()], pt: |operation| operation.pt };

    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Poll<T> {
        let result = (self.evaluate)(cx);
        self.pt.set(if result.is_pending() { 1 } else { 0 });
        result
    }
}
