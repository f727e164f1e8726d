//! Waiting outside of tasks: for set-up code that talks to a peer before the loop runs.
//!
//! While this waits nothing else happens: no task is resumed, no handler is told, no timer expires. What the platform
//! reports meanwhile is kept as always: whoever waits for it is put in the ready queue, and the next turn of the loop does
//! it all, what is overdue first.

use core::net::SocketAddr;
use core::task::Poll;

use crate::cx::{Cx, Resume};
use crate::error::Error;
use crate::handle::TcpSocket;
use crate::options::Options;
use crate::platform::{Platform, Until};
use crate::time::Instant;

impl<P: Platform> Cx<'_, P> {
    /// Waits for `operation`, evaluating it again and again, until it is ready or `deadline` has come. For set-up code, and
    /// for operations on sockets and event sources: timers stand still meanwhile.
    ///
    /// ```
    /// # use ptk_core::prelude::*;
    /// # use ptk_mock::Mock;
    /// let mut event_loop = EventLoop::<_, 0, 2>::new(0, Mock::new());
    /// event_loop.open()?;
    /// let mut cx = event_loop.cx();
    /// let deadline = cx.now() + Duration::from_secs(1);
    /// let listener = cx.listen(([127, 0, 0, 1], 502).into())?;
    /// let nobody_came = cx.block_on(Some(deadline), |cx| cx.accept(listener));
    /// assert_eq!(nobody_came, Err(Error::TimedOut));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`] once the deadline has come, and then the operation had one more chance;
    /// [`Error::InvalidArgument`] in a task or handler, which must not hold up the others; [`Error::NotOpen`] before the
    /// loop is open; what the operation says, and the platform's wait.
    pub fn block_on<T>(
        &mut self,
        deadline: Option<Instant>,
        mut operation: impl FnMut(&mut Self) -> Poll<Result<T, Error>>,
    ) -> Result<T, Error> {
        self.check_may_block().map_err(|error| self.fail(error))?;
        let until = deadline.map_or(Until::Event, Until::Deadline);
        // The next turn looks at the clock: an alarm that rang here was perhaps its own.
        self.state.due = true;
        loop {
            // Nothing is budgeted here.
            self.poll = Resume::outside();
            if let Poll::Ready(result) = operation(self) {
                return result;
            }
            if deadline.is_some_and(|deadline| self.platform.now() >= deadline) {
                return Err(self.fail(Error::TimedOut));
            }
            self.collect(until).map_err(|error| self.fail(error))?;
        }
    }

    fn check_may_block(&self) -> Result<(), Error> {
        if self.poll.task.is_some() || self.state.telling.is_some() {
            return Err(Error::InvalidArgument);
        }
        if self.state.open { Ok(()) } else { Err(Error::NotOpen) }
    }
}

/// A connection that set-up code reads and writes with [`embedded_io`]'s traits, waiting where it must: see
/// [`Cx::block_on`] for what that means for the rest of the loop, and for the errors that every call can have besides.
///
/// The socket is the loop's: it stays open when this is dropped, and goes on with whatever task or handler takes it over.
///
/// ```no_run
/// # use ptk_core::prelude::*;
/// # use ptk_core::Blocking;
/// # use ptk_mock::Mock;
/// use embedded_io::{Read, Write};
///
/// # let mut event_loop = EventLoop::<_, 0, 2>::new(0, Mock::new());
/// # event_loop.open()?;
/// let mut cx = event_loop.cx();
/// let deadline = cx.now() + Duration::from_secs(3);
/// let mut stream = Blocking::connect(cx, ([192, 0, 2, 1], 7).into(), Some(deadline))?;
/// stream.write_all(b"hello")?;
/// let mut answer = [0; 16];
/// let length = stream.read(&mut answer)?;
/// # let _ = length;
/// # Ok::<(), Error>(())
/// ```
///
/// There is no [`WriteReady`](embedded_io::WriteReady): a platform tells when there is room again, not whether there is
/// room left, so that a write after it could still wait.
pub struct Blocking<'a, P: Platform> {
    cx: Cx<'a, P>,
    socket: TcpSocket,
    deadline: Option<Instant>,
}

impl<'a, P: Platform> Blocking<'a, P> {
    /// For a socket that is connected.
    pub const fn new(cx: Cx<'a, P>, socket: TcpSocket) -> Self {
        Blocking { cx, socket, deadline: None }
    }

    /// Opens a socket and connects it. The deadline holds for all that follows, too, until another is
    /// [set](Self::set_deadline).
    ///
    /// # Errors
    ///
    /// As [`Cx::connect_on`] and [`Cx::block_on`]; then the socket is closed.
    pub fn connect(mut cx: Cx<'a, P>, peer: SocketAddr, deadline: Option<Instant>) -> Result<Self, Error> {
        let socket = cx.tcp_socket(&Options::DEFAULT)?;
        if let Err(error) = cx.block_on(deadline, |cx| cx.connect_on(socket, peer)) {
            // It was just opened: it can be closed.
            let _ = cx.abort(socket);
            return Err(cx.fail(error));
        }
        Ok(Blocking { cx, socket, deadline })
    }

    /// Calls fail with [`Error::TimedOut`] when they would wait longer than until then; `None`, the first setting, is for
    /// ever.
    pub const fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
    }

    /// The socket.
    pub const fn socket(&self) -> TcpSocket {
        self.socket
    }

    /// The loop.
    pub const fn cx(&mut self) -> &mut Cx<'a, P> {
        &mut self.cx
    }
}

impl<P: Platform> core::fmt::Debug for Blocking<'_, P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Blocking").field("socket", &self.socket).field("deadline", &self.deadline).finish()
    }
}

impl<P: Platform> embedded_io::ErrorType for Blocking<'_, P> {
    type Error = Error;
}

impl<P: Platform> embedded_io::Read for Blocking<'_, P> {
    /// Waits for something to read. 0 is the end of the stream, or an empty `buffer`. Errors as
    /// [`Cx::try_recv`], without [`Error::WouldBlock`].
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let socket = self.socket;
        self.cx.block_on(self.deadline, |cx| unless_blocked(cx.try_recv(socket, buffer)))
    }
}

impl<P: Platform> embedded_io::Write for Blocking<'_, P> {
    /// Waits until some of `data` is accepted; 0 only if it is empty. Errors as [`Cx::try_send`], without
    /// [`Error::WouldBlock`].
    fn write(&mut self, data: &[u8]) -> Result<usize, Error> {
        let socket = self.socket;
        self.cx.block_on(self.deadline, |cx| unless_blocked(cx.try_send(socket, data)))
    }

    /// Does nothing: what was accepted is on its way. To know that it has arrived there is [`Cx::drain`].
    fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

impl<P: Platform> embedded_io::ReadReady for Blocking<'_, P> {
    /// Looks at what the platform has, without waiting. Errors as [`Cx::peek`].
    fn read_ready(&mut self) -> Result<bool, Error> {
        self.cx.check_may_block().map_err(|error| self.cx.fail(error))?;
        self.cx.state.due = true;
        self.cx.collect(Until::Now).map_err(|error| self.cx.fail(error))?;
        self.cx.poll = Resume::outside();
        match self.cx.peek(self.socket, &mut [0]) {
            Poll::Ready(peeked) => peeked.map(|_| true),
            Poll::Pending => Ok(false),
        }
    }
}

fn unless_blocked<T>(result: Result<T, Error>) -> Poll<Result<T, Error>> {
    if result.as_ref().err() == Some(&Error::WouldBlock) { Poll::Pending } else { Poll::Ready(result) }
}
