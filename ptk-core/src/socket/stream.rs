//! Streams of bytes: receiving, sending, and ending one half or both.

use core::task::Poll;

use crate::buffer::Buf;
use crate::cx::Cx;
use crate::error::Error;
use crate::handle::{Stream, TcpSocket, TypedHandle};
use crate::mutant::Mutant;
use crate::platform::{Half, Platform};
use crate::socket::{Phase, WRITE_SHUT};

impl<P: Platform> Cx<'_, P> {
    /// Receives what is there, at most the buffer's room. Ready with the number of bytes appended; 0 is the end of the
    /// stream, again and again.
    ///
    /// # Errors
    ///
    /// [`Error::BufferFull`] if the buffer has no room; [`Error::ConnectionReset`] after the data that arrived before it;
    /// [`Error::NotConnected`]; [`Error::InvalidHandle`], also when the socket is closed meanwhile; [`Error::Busy`] if
    /// it would have to wait and the socket has a handler; [`Error::TooManyWaits`].
    #[inline]
    pub fn recv(&mut self, socket: impl Stream, buffer: &mut Buf) -> Poll<Result<usize, Error>> {
        let room = buffer.writable();
        if room.is_empty() {
            let error = self.check_socket(socket).err().unwrap_or(Error::BufferFull);
            return Poll::Ready(Err(self.fail(error)));
        }
        let received = self.receive_now(socket, room);
        match received {
            Ok(count) => {
                buffer.commit(count);
                Poll::Ready(Ok(count))
            }
            Err(Error::WouldBlock) => self.wait_readable(socket).map(|error| Err(self.fail(error))),
            Err(error) => Poll::Ready(Err(self.fail(error))),
        }
    }

    /// Receives until `count` bytes are readable in the buffer, counting those that were in it.
    ///
    /// # Errors
    ///
    /// [`Error::UnexpectedEnd`] if the stream ends before; what arrived stays in the buffer. [`Error::BufferFull`] if the
    /// buffer cannot hold that much. Otherwise as [`recv`](Self::recv).
    pub fn recv_exact(&mut self, socket: impl Stream, buffer: &mut Buf, count: usize) -> Poll<Result<(), Error>> {
        if count > buffer.capacity() || buffer.len() >= count {
            let checked = self.check_socket(socket);
            let done = checked.and(if count > buffer.capacity() { Err(Error::BufferFull) } else { Ok(()) });
            return Poll::Ready(done.map_err(|error| self.fail(error)));
        }
        let enough = if Mutant::ShortReceiveIsWhole.is_on() { 1 } else { count };
        while buffer.len() < enough {
            match self.recv(socket, buffer) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(self.fail(Error::UnexpectedEnd))),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Receives until `delimiter` is readable in the buffer, counting what was in it. Ready with the number of bytes up to
    /// its end; more may be readable behind it. Each evaluation searches all that is readable.
    ///
    /// # Errors
    ///
    /// [`Error::BufferFull`] if the buffer is full and the delimiter is not in it; [`Error::UnexpectedEnd`] if the stream
    /// ends before; [`Error::InvalidArgument`] for an empty delimiter. What arrived stays in the buffer. Otherwise as
    /// [`recv`](Self::recv).
    pub fn recv_until(
        &mut self,
        socket: impl Stream,
        buffer: &mut Buf,
        delimiter: &[u8],
    ) -> Poll<Result<usize, Error>> {
        if delimiter.is_empty() {
            return Poll::Ready(Err(self.fail(Error::InvalidArgument)));
        }
        let mut searched = 0;
        loop {
            let unsearched = buffer.readable().get(searched..).unwrap_or(&[]);
            if let Some(at) = unsearched.windows(delimiter.len()).position(|window| window == delimiter) {
                return Poll::Ready(self.check_socket(socket).map(|()| searched + at + delimiter.len()));
            }
            // The last bytes may be the delimiter's beginning.
            searched = (buffer.len() + 1).saturating_sub(delimiter.len());
            match self.recv(socket, buffer) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(self.fail(Error::UnexpectedEnd))),
                Poll::Ready(Ok(_)) => {}
                other => return other,
            }
        }
    }

    /// Looks at what a receive would get without taking it. Ready with the number of bytes written to `buffer`; 0 is the
    /// end of the stream. Ready again and again with the same bytes until they are received: to wait for more there is
    /// [`recv_exact`](Self::recv_exact).
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for an empty `buffer`; [`Error::NotSupported`] if the platform cannot look at this;
    /// otherwise as [`recv`](Self::recv).
    pub fn peek(&mut self, socket: impl Stream, buffer: &mut [u8]) -> Poll<Result<usize, Error>> {
        match self.peek_now(socket, buffer) {
            Err(Error::WouldBlock) => self.wait_readable(socket).map(|error| Err(self.fail(error))),
            peeked => Poll::Ready(peeked.map_err(|error| self.fail(error))),
        }
    }

    fn peek_now(&mut self, socket: impl Stream, buffer: &mut [u8]) -> Result<usize, Error> {
        if buffer.is_empty() {
            return Err(Error::InvalidArgument);
        }
        let handle = socket.handle().ok_or(Error::InvalidHandle)?;
        let slot = self.sockets.get_mut(handle).ok_or(Error::InvalidHandle)?;
        if !self.poll.may_progress() {
            return Err(Error::WouldBlock);
        }
        let count = slot.peek(self.platform, buffer)?;
        self.poll.progress();
        Ok(count)
    }

    /// Sends what is readable in the buffer, as much as is accepted at once. Ready with the number of bytes consumed,
    /// which is 0 only for an empty buffer.
    ///
    /// # Errors
    ///
    /// [`Error::ConnectionReset`] if the peer is gone; [`Error::NotConnected`] if the socket is not connected, or its
    /// sending half is shut down; [`Error::InvalidHandle`]; [`Error::Busy`] if it would have to wait and the socket has a
    /// handler; [`Error::TooManyWaits`].
    #[inline]
    pub fn send(&mut self, socket: impl Stream, buffer: &mut Buf) -> Poll<Result<usize, Error>> {
        if buffer.is_empty() {
            return Poll::Ready(self.check_socket(socket).map(|()| 0));
        }
        match self.send_now(socket, buffer.readable()) {
            Ok(count) => {
                buffer.consume(count);
                Poll::Ready(Ok(count))
            }
            Err(Error::WouldBlock) => self.wait_writable(socket).map(|error| Err(self.fail(error))),
            Err(error) => Poll::Ready(Err(self.fail(error))),
        }
    }

    /// Sends all that is readable in the buffer and consumes it.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send); what was accepted before the error is consumed.
    #[inline]
    pub fn send_all(&mut self, socket: impl Stream, buffer: &mut Buf) -> Poll<Result<(), Error>> {
        loop {
            match self.send(socket, buffer) {
                Poll::Ready(Ok(_)) if buffer.is_empty() => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(_)) if Mutant::PartialSendIsWhole.is_on() => buffer.clear(),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Receives without waiting. 0 is the end of the stream, or an empty `buffer`.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`] if nothing is there, or the current task or handler has used up its budget; otherwise as
    /// [`recv`](Self::recv).
    pub fn try_recv(&mut self, socket: impl Stream, buffer: &mut [u8]) -> Result<usize, Error> {
        if buffer.is_empty() {
            return self.check_socket(socket).map(|()| 0);
        }
        self.receive_now(socket, buffer).map_err(|error| self.fail(error))
    }

    /// Sends without waiting. The number of bytes accepted may be less than `data.len()`.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`] if nothing can be accepted, or the current task or handler has used up its budget; otherwise
    /// as [`send`](Self::send).
    pub fn try_send(&mut self, socket: impl Stream, data: &[u8]) -> Result<usize, Error> {
        if data.is_empty() {
            return self.check_socket(socket).map(|()| 0);
        }
        self.send_now(socket, data).map_err(|error| self.fail(error))
    }

    #[inline]
    fn receive_now(&mut self, socket: impl Stream, buffer: &mut [u8]) -> Result<usize, Error> {
        let handle = socket.handle().ok_or(Error::InvalidHandle)?;
        let slot = self.sockets.get_mut(handle).ok_or(Error::InvalidHandle)?;
        if !self.poll.may_progress() {
            return Err(Error::WouldBlock);
        }
        let count = slot.receive(self.platform, buffer)?;
        self.poll.progress();
        Ok(count)
    }

    #[inline]
    fn send_now(&mut self, socket: impl Stream, data: &[u8]) -> Result<usize, Error> {
        let handle = socket.handle().ok_or(Error::InvalidHandle)?;
        let slot = self.sockets.get_mut(handle).ok_or(Error::InvalidHandle)?;
        if !self.poll.may_progress() {
            return Err(Error::WouldBlock);
        }
        let count = slot.send(self.platform, data)?;
        self.poll.progress();
        Ok(count)
    }

    /// Shuts down half of a connection. What was accepted for sending still goes out, and then the end of the stream.
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`] if the connection is not up, or that half is shut down already; [`Error::InvalidHandle`].
    pub fn shutdown(&mut self, socket: TcpSocket, half: Half) -> Result<(), Error> {
        let slot = socket.handle().and_then(|handle| self.sockets.get_mut(handle));
        let done = slot.ok_or(Error::InvalidHandle).and_then(|slot| slot.shutdown(self.platform, half));
        done.map_err(|error| self.fail(error))
    }

    /// Ends a connection in order and closes its socket: shuts down the sending half, then waits for the peer to end its
    /// side. Ready when everything that was sent has been taken by a peer that was still there; what the peer sent
    /// meanwhile is thrown away.
    ///
    /// With a timeout this is a close that drains with a deadline: when it is given up the socket is still open, for
    /// [`abort`](Self::abort).
    ///
    /// ```
    /// # use ptk_core::prelude::*;
    /// # #[derive(Clone, Hash, Debug)]
    /// # struct Farewell { pt: PtTimed, socket: TcpSocket }
    /// # impl<P: Platform> Protothread<P> for Farewell {
    /// #     type Output = Result<(), Error>;
    /// #     #[protothread]
    /// #     fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
    /// match wait!(cx.drain(self.socket), timeout = Duration::from_secs(2)) {
    ///     Ok(drained) => drained,
    ///     Err(TimedOut) => cx.abort(self.socket),
    /// }
    /// #     }
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::ConnectionReset`] if the peer did not take everything, and the socket is closed all the same;
    /// [`Error::NotConnected`] if the connection is not up; [`Error::InvalidHandle`]; [`Error::Busy`] if the socket has a
    /// handler; [`Error::TooManyWaits`].
    pub fn drain(&mut self, socket: TcpSocket) -> Poll<Result<(), Error>> {
        let drained = self.drain_now(socket);
        match drained {
            Err(Error::WouldBlock) => return self.wait_readable(socket).map(|error| Err(self.fail(error))),
            Err(Error::InvalidHandle | Error::NotConnected) => {}
            Ok(()) | Err(_) => self.discard(socket),
        }
        Poll::Ready(drained.map_err(|error| self.fail(error)))
    }

    fn drain_now(&mut self, socket: TcpSocket) -> Result<(), Error> {
        let slot = self.tcp(socket).ok_or(Error::InvalidHandle)?;
        let is_first = slot.phase == Phase::Connected && !slot.has(WRITE_SHUT);
        if is_first {
            self.shutdown(socket, Half::Write)?;
        }
        let mut sink = [0; 64];
        while self.receive_now(socket, &mut sink)? != 0 {}
        Ok(())
    }
}
