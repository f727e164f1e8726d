//! [`Bridge`]: by which the operations in a future reach their loop.

use core::cell::Cell;
use core::fmt;
use core::task::Poll;

use ptk_core::{Cx, Error, Options, Platform, TcpListener, TypedHandle};

use crate::frame::{Frame, InUse};
use crate::operation::{Child, Wait};
use crate::raw::Loan;
use crate::resume::Resume;
use crate::stream::{Listener, StreamIo, TcpConnection};

/// What a future and its [`AsyncTask`](crate::AsyncTask) share: the operations in the future reach the loop through it,
/// while the task polls them. One serves all tasks of a loop. At most sixteen bytes.
///
/// Polled by somebody else, every operation fails with [`Error::NotSupported`].
///
/// # Dropping
///
/// What comes from a bridge closes what it holds when it is dropped in a poll of an [`AsyncTask`](crate::AsyncTask) with
/// this bridge: a connection, a listener or a datagram socket in that of any task of its loop, the future of
/// [`run`](Self::run) in that of the very `AsyncTask` in which it was started.
///
/// - It is closed at once. While the context is in use, which is inside the closure of [`with`](Self::with),
///   [`wait`](Self::wait) or [`run`](Self::run), it is noted, and closed when the closure returns. There is room for all
///   protothreads that a task can await, and for eight handles: if more than eight are dropped in one call of such a
///   closure, the further ones stay open.
/// - What stays open, and what is dropped elsewhere (outside a poll, in one of another loop or another bridge, in a plain
///   protothread), is closed when the task that owns it ends. So is what is never dropped
///   ([`mem::forget`](core::mem::forget)). Until then such a future of `run` also keeps its place among the eight.
///
/// # Threads and lifetimes
///
/// A bridge, and with it every future that uses one, stays in its thread:
///
/// ```compile_fail,E0277
/// # use ptk_async::Bridge;
/// # use ptk_mock::Mock;
/// fn send<T: Send>(_: T) {}
/// let bridge = Bridge::<Mock>::new();
/// send(async { bridge.sleep(ptk_core::Duration::ZERO).await });
/// ```
///
/// Nor can a context leave it:
///
/// ```compile_fail,E0521
/// # use ptk_async::Bridge;
/// # use ptk_mock::Mock;
/// let bridge = Bridge::<Mock>::new();
/// let mut kept = None;
/// bridge.with(|cx| kept = Some(cx));
/// ```
pub struct Bridge<P: Platform> {
    loan: Loan<P>,
    /// How many polls there were, modulo 2^32; 0 is none.
    polls: Cell<u32>,
}

impl<P: Platform> Bridge<P> {
    /// A bridge to whatever loop polls its tasks.
    pub const fn new() -> Self {
        Bridge { loan: Loan::new(), polls: Cell::new(0) }
    }

    /// Calls `operation` with the context of the task that is being polled, at once.
    ///
    /// An operation of the context that is pending registers the task, and nobody evaluates it again: for that there is
    /// [`wait`](Self::wait).
    ///
    /// What the operation drops is closed when it returns, up to eight handles; see [Dropping](Self#dropping).
    ///
    /// # Errors
    ///
    /// [`Error::NotSupported`] outside the poll of an [`AsyncTask`](crate::AsyncTask), and inside another call of this.
    pub fn with<R>(&self, operation: impl FnOnce(&mut Cx<'_, P>) -> R) -> Result<R, Error> {
        self.reach(|frame| operation(frame.cx))
    }

    /// Waits until an operation of the context is ready: `bridge.wait(|cx| cx.expired(timer)).await`. It is evaluated at
    /// each resume of the task, so its progress lives in what it captures.
    ///
    /// For operations that open nothing before they are ready. Protothreads, and [`Cx::connect`], are to be awaited with
    /// [`run`](Self::run).
    ///
    /// Dropped before it is ready, it is waited for no more. What the operation itself drops is closed when it returns, as
    /// with [`with`](Self::with).
    ///
    /// # Errors
    ///
    /// [`Error::NotSupported`] as [`with`](Self::with), and if it is polled with another waker than the task's;
    /// [`Error::TooManyWaits`] if the task waits for more at once than [`WAIT_NODES`](ptk_core::WAIT_NODES); what the
    /// operation says.
    pub fn wait<T>(
        &self,
        operation: impl FnMut(&mut Cx<'_, P>) -> Poll<Result<T, Error>>,
    ) -> impl Future<Output = Result<T, Error>> {
        Wait::new(self, operation)
    }

    /// Waits for a protothread, or for an operation that opens something before it is ready:
    /// `bridge.run(|cx| self.child.run(cx, &mut ())).await`. As with `wait!`, the protothread starts at its beginning, and
    /// what it opened is closed if it fails or is given up, and passes to the task otherwise.
    ///
    /// A task can await eight at once. One that is dropped before it is ready gives its place back; one that is forgotten, or
    /// dropped elsewhere than in a poll of its own task, keeps it until the task ends; see [Dropping](Self#dropping).
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] if eight are being awaited; [`Error::NotSupported`] and [`Error::TooManyWaits`] as
    /// [`wait`](Self::wait), and `NotSupported` also if it is polled by another task than before; what the protothread
    /// says.
    pub fn run<T>(
        &self,
        protothread: impl FnMut(&mut Cx<'_, P>) -> Poll<Result<T, Error>>,
    ) -> impl Future<Output = Result<T, Error>> {
        Child::new(self, protothread)
    }

    /// Connects to `peer`.
    ///
    /// Dropped before it is ready, the connection that it was making is closed.
    ///
    /// # Errors
    ///
    /// As [`Cx::connect`] and [`wait`](Self::wait).
    pub async fn connect(&self, peer: core::net::SocketAddr) -> Result<TcpConnection<'_, P>, Error> {
        self.connect_with(peer, &Options::DEFAULT).await
    }

    /// As [`connect`](Self::connect), with `options`.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub async fn connect_with(
        &self,
        peer: core::net::SocketAddr,
        options: &Options,
    ) -> Result<TcpConnection<'_, P>, Error> {
        let socket = self.with(|cx| cx.tcp_socket(options))??;
        // Closes it when this is given up.
        let connection = StreamIo::new(self, socket);
        self.wait(|cx| cx.connect_on(socket, peer)).await?;
        Ok(connection)
    }

    /// Listens at `address`; port 0 lets the platform choose.
    ///
    /// # Errors
    ///
    /// As [`Cx::listen`] and [`with`](Self::with).
    pub fn listen(&self, address: core::net::SocketAddr) -> Result<Listener<'_, P>, Error> {
        let listener = self.with(|cx| cx.listen(address))??;
        Ok(Listener::new(self, listener))
    }

    /// Takes the next connection of a listener that was opened elsewhere, such as one that many tasks share.
    ///
    /// # Errors
    ///
    /// As [`Cx::accept`] and [`wait`](Self::wait).
    pub async fn accept(&self, listener: TcpListener) -> Result<TcpConnection<'_, P>, Error> {
        let socket = self.wait(|cx| cx.accept(listener)).await?;
        Ok(StreamIo::new(self, socket))
    }

    pub(crate) const fn loan(&self) -> &Loan<P> {
        &self.loan
    }

    /// The number of the poll that begins now.
    pub(crate) fn next_poll(&self) -> u32 {
        let next = self.polls.get().wrapping_add(1).max(1);
        self.polls.set(next);
        next
    }

    /// Uses the context, and closes what is given up meanwhile.
    pub(crate) fn reach<R>(&self, operation: impl FnOnce(&mut Frame<'_, '_, P>) -> R) -> Result<R, Error> {
        let used = self.loan.with(|frame| {
            let in_use = InUse(frame);
            operation(in_use.0)
        });
        used.ok_or(Error::NotSupported)
    }

    /// Notes that something is given up, and closes it; while the context is in use, its user does so behind that.
    /// Outside a poll it is left to the task's end.
    pub(crate) fn give_up(&self, note: impl FnOnce(&Resume)) {
        if self.loan.resume(note).is_some() {
            let _ = self.reach(|_| ());
        }
    }

    /// Closes what an owner that is dropped had opened, if it is open.
    pub(crate) fn close(&self, handle: impl TypedHandle) {
        if let Some(handle) = handle.handle() {
            self.give_up(|resume| resume.give_up_handle(handle));
        }
    }
}

impl<P: Platform> Default for Bridge<P> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: Platform> fmt::Debug for Bridge<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bridge").field("polls", &self.polls.get()).finish_non_exhaustive()
    }
}
