//! Connections and listeners that close when they are dropped.

use core::fmt;
use core::mem;
use core::net::SocketAddr;
use core::task::Poll;

use embedded_io_async::{ErrorType, Read, ReadReady, Write, WriteReady};
use ptk_core::{Cx, Descriptor, Error, Half, Platform, Stream, TcpListener, TcpSocket};

use crate::bridge::Bridge;
use crate::operation::retry;

/// A TCP connection: see [`StreamIo`].
pub type TcpConnection<'b, P> = StreamIo<'b, P, TcpSocket>;

/// A stream that the platform opened, a serial port, say: see [`StreamIo`].
pub type DescriptorIo<'b, P> = StreamIo<'b, P, Descriptor>;

/// A stream of bytes with the traits of `embedded-io-async`, through a [`Bridge`]. So is a reference to one, so that one
/// future can read while another writes.
///
/// Dropped inside the poll of a task it closes its handle, as [`Cx::close`] does: at once, or when the closure returns that
/// is using the context. Elsewhere it cannot, and the handle stays open until the task that owns it ends. See
/// [Dropping](Bridge#dropping), also for a limit.
///
/// # Reading
///
/// Gives what is there, at least one byte; 0 is the end of the stream, again and again, or an empty buffer.
///
/// # Writing
///
/// Gives how many bytes the platform accepted, at least one, or 0 for none offered. There is no buffer besides the
/// platform's, so flushing does nothing.
///
/// # Readiness
///
/// [`ReadReady`] looks at what a receive would get, and where the platform cannot ([`Error::NotSupported`] of
/// [`Cx::peek`]) it tells what the last event said, as [`WriteReady`] does: a wrong yes is possible then. No is also the
/// answer when the task has used up the budget of its resume.
///
/// # Cancelling
///
/// A read or write that is dropped before it is ready has taken or sent nothing.
///
/// # Errors
///
/// As [`Cx::try_recv`] and [`Cx::try_send`], and as [`Bridge::wait`].
pub struct StreamIo<'b, P: Platform, H: Stream> {
    bridge: &'b Bridge<P>,
    handle: H,
}

impl<'b, P: Platform, H: Stream> StreamIo<'b, P, H> {
    /// Takes a handle that is open, and closes it when this is dropped.
    pub const fn new(bridge: &'b Bridge<P>, handle: H) -> Self {
        StreamIo { bridge, handle }
    }

    /// The handle.
    pub const fn handle(&self) -> H {
        self.handle
    }

    /// The handle, which stays open.
    pub fn into_handle(self) -> H {
        let handle = self.handle;
        mem::forget(self);
        handle
    }

    /// Makes the current task the owner of the handle: for a connection that another task has passed on, and that is to
    /// outlive it.
    ///
    /// # Errors
    ///
    /// As [`Cx::adopt`] and [`Bridge::with`].
    pub fn adopt(&self) -> Result<(), Error> {
        self.bridge.with(|cx| cx.adopt(self.handle))?
    }

    /// Whether an operation is ready, which waits for nothing.
    fn probe(&self, operation: impl FnOnce(&mut Cx<'_, P>) -> Poll<Result<(), Error>>) -> Result<bool, Error> {
        self.bridge.reach(|frame| match operation(frame.cx) {
            // It would have to wait, and there is no node to do so.
            Poll::Ready(Err(Error::TooManyWaits)) => Ok(false),
            Poll::Ready(ready) => ready.map(|()| true),
            Poll::Pending => {
                frame.resume.stale.set(true);
                Ok(false)
            }
        })?
    }
}

impl<P: Platform> TcpConnection<'_, P> {
    /// Shuts down half of the connection.
    ///
    /// # Errors
    ///
    /// As [`Cx::shutdown`] and [`Bridge::with`].
    pub fn shutdown(&self, half: Half) -> Result<(), Error> {
        self.bridge.with(|cx| cx.shutdown(self.handle, half))?
    }

    /// Ends the connection in order: ready when the peer has taken everything. See [`Cx::drain`].
    ///
    /// Dropped before it is ready, the connection is closed all the same, and what was sent is still delivered.
    ///
    /// # Errors
    ///
    /// As [`Cx::drain`] and [`Bridge::wait`].
    pub async fn drain(self) -> Result<(), Error> {
        let socket = self.handle;
        self.bridge.wait(|cx| cx.drain(socket)).await
    }

    /// Resets the connection.
    ///
    /// # Errors
    ///
    /// As [`Cx::abort`] and [`Bridge::with`].
    pub fn abort(self) -> Result<(), Error> {
        self.bridge.with(|cx| cx.abort(self.handle))?
    }

    /// The address of this end.
    ///
    /// # Errors
    ///
    /// As [`Cx::local_address`] and [`Bridge::with`].
    pub fn local_address(&self) -> Result<SocketAddr, Error> {
        self.bridge.with(|cx| cx.local_address(self.handle))?
    }

    /// The address of the peer.
    ///
    /// # Errors
    ///
    /// As [`Cx::peer_address`] and [`Bridge::with`].
    pub fn peer_address(&self) -> Result<SocketAddr, Error> {
        self.bridge.with(|cx| cx.peer_address(self.handle))?
    }
}

impl<P: Platform, H: Stream> Drop for StreamIo<'_, P, H> {
    fn drop(&mut self) {
        self.bridge.close(self.handle);
    }
}

impl<P: Platform, H: Stream + fmt::Debug> fmt::Debug for StreamIo<'_, P, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StreamIo").field(&self.handle).finish()
    }
}

impl<P: Platform, H: Stream> ErrorType for StreamIo<'_, P, H> {
    type Error = Error;
}

impl<P: Platform, H: Stream> ErrorType for &StreamIo<'_, P, H> {
    type Error = Error;
}

impl<P: Platform, H: Stream> Read for &StreamIo<'_, P, H> {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let handle = self.handle;
        self.bridge.wait(|cx| retry(cx, |cx| cx.try_recv(handle, buffer), |cx| cx.readable(handle))).await
    }
}

impl<P: Platform, H: Stream> Write for &StreamIo<'_, P, H> {
    async fn write(&mut self, data: &[u8]) -> Result<usize, Error> {
        let handle = self.handle;
        self.bridge.wait(|cx| retry(cx, |cx| cx.try_send(handle, data), |cx| cx.writable(handle))).await
    }

    async fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

impl<P: Platform, H: Stream> ReadReady for &StreamIo<'_, P, H> {
    fn read_ready(&mut self) -> Result<bool, Error> {
        self.probe(|cx| match cx.peek(self.handle, &mut [0]) {
            Poll::Ready(Err(Error::NotSupported)) => cx.readable(self.handle),
            peeked => peeked.map_ok(drop),
        })
    }
}

impl<P: Platform, H: Stream> WriteReady for &StreamIo<'_, P, H> {
    fn write_ready(&mut self) -> Result<bool, Error> {
        self.probe(|cx| cx.writable(self.handle))
    }
}

impl<P: Platform, H: Stream> Read for StreamIo<'_, P, H> {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        (&*self).read(buffer).await
    }
}

impl<P: Platform, H: Stream> Write for StreamIo<'_, P, H> {
    async fn write(&mut self, data: &[u8]) -> Result<usize, Error> {
        (&*self).write(data).await
    }

    async fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

impl<P: Platform, H: Stream> ReadReady for StreamIo<'_, P, H> {
    fn read_ready(&mut self) -> Result<bool, Error> {
        (&*self).read_ready()
    }
}

impl<P: Platform, H: Stream> WriteReady for StreamIo<'_, P, H> {
    fn write_ready(&mut self) -> Result<bool, Error> {
        (&*self).write_ready()
    }
}

/// A listener. Dropped inside the poll of a task it closes; see [Dropping](Bridge#dropping).
pub struct Listener<'b, P: Platform> {
    bridge: &'b Bridge<P>,
    handle: TcpListener,
}

impl<'b, P: Platform> Listener<'b, P> {
    /// Takes a listener that is open, and closes it when this is dropped.
    pub const fn new(bridge: &'b Bridge<P>, handle: TcpListener) -> Self {
        Listener { bridge, handle }
    }

    /// The handle, for other tasks that accept from it too.
    pub const fn handle(&self) -> TcpListener {
        self.handle
    }

    /// Takes the next connection. Dropped before it is ready, nothing was taken.
    ///
    /// # Errors
    ///
    /// As [`Bridge::accept`].
    pub async fn accept(&self) -> Result<TcpConnection<'b, P>, Error> {
        self.bridge.accept(self.handle).await
    }

    /// The address at which it listens.
    ///
    /// # Errors
    ///
    /// As [`Cx::local_address`] and [`Bridge::with`].
    pub fn local_address(&self) -> Result<SocketAddr, Error> {
        self.bridge.with(|cx| cx.local_address(self.handle))?
    }
}

impl<P: Platform> Drop for Listener<'_, P> {
    fn drop(&mut self) {
        self.bridge.close(self.handle);
    }
}

impl<P: Platform> fmt::Debug for Listener<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Listener").field(&self.handle).finish()
    }
}
