//! Sockets: their slots, and what a task can do with a TCP connection or listener.

use core::hash::{Hash, Hasher};
use core::net::SocketAddr;
use core::task::Poll;

use crate::buffer::Buf;
use crate::cx::Cx;
use crate::error::Error;
use crate::handle::{Handle, Kind, TcpListener, TcpSocket, TypedHandle};
use crate::ownership::{Link, TableName};
use crate::platform::{Close, Half, Options, Platform, Readiness, Received, Rest};
use crate::table::{HandleTableView, Vacant};
use crate::time::Duration;
use crate::wait::{Place, Source, WaitList};

/// How long accepting pauses when the system has no descriptors or memory left, unless a socket is closed sooner.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a socket is doing.
///
/// ```text
///             connect            finish_connect is well
///   +--------+ -----> +------------+ -----> +-----------+
///   | Closed |        | Connecting |        | Connected |
///   +--------+ <----- +------------+        +-----------+
///             failed                              ^
///                          accept                 |
///                     +-----------+  new socket   |
///                     | Listening | --------------+
///                     +-----------+
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub(crate) enum Phase {
    /// Nothing is open.
    Closed = 0,
    /// A connection is being made.
    Connecting,
    /// The connection is up, or was.
    Connected,
    /// Connections can be accepted.
    Listening,
}

/// One socket: what the platform keeps for it, and what the core knows of it.
#[derive(Clone, Hash, Debug)]
pub(crate) struct SocketSlot<P: Platform> {
    pub(crate) platform: P::Socket,
    pub(crate) options: Options,
    pub(crate) writers: WaitList,
    pub(crate) phase: Phase,
    pub(crate) ready: Readiness,
    /// What became ready and was not yet told to the handler.
    pub(crate) news: Readiness,
    flags: u8,
}

/// The handle is not known to anybody yet: a connect that fails closes it.
const IMPLICIT: u8 = 1;
/// The end of the stream or its failure was received: nothing more comes.
const ENDED: u8 = 2;
/// Nothing is received any more, by the author's wish.
const READ_SHUT: u8 = 4;
/// Nothing is sent any more, by the author's wish.
const WRITE_SHUT: u8 = 8;
/// A send met the connection's failure: what a receive takes for the end of the stream is that failure.
const BROKEN: u8 = 16;
/// A waiter was woken for what there is to read, and has not been resumed yet: it comes first.
const PROMISED: u8 = 32;

impl<P: Platform> Vacant for SocketSlot<P> {
    const VACANT: Self = SocketSlot::new(P::CLOSED, Options::DEFAULT, Phase::Closed, Readiness::NONE);
}

impl<P: Platform> SocketSlot<P> {
    pub(crate) const fn new(platform: P::Socket, options: Options, phase: Phase, ready: Readiness) -> Self {
        let news = Readiness::NONE;
        SocketSlot { platform, options, writers: WaitList::EMPTY, phase, ready, news, flags: 0 }
    }

    /// Whether any of these flags is set.
    const fn has(&self, flags: u8) -> bool {
        self.flags & flags != 0
    }

    /// Whether nothing more comes: the end of the stream or its failure was received, or that half is shut down.
    pub(crate) const fn has_ended(&self) -> bool {
        self.has(ENDED | READ_SHUT)
    }

    /// Whether a waiter was woken for what there is to read, and has not been resumed yet.
    pub(crate) const fn is_promised(&self) -> bool {
        self.has(PROMISED)
    }

    pub(crate) const fn set_promised(&mut self, promised: bool) {
        self.flags = if promised { self.flags | PROMISED } else { self.flags & !PROMISED };
    }

    /// Starts a connection on a closed slot.
    fn connect(&mut self, platform: &mut P, peer: SocketAddr, token: Handle) -> Result<(), Error> {
        self.platform = platform.open_stream(peer, &self.options, token)?;
        self.phase = Phase::Connecting;
        self.ready = Readiness::NONE;
        Ok(())
    }

    /// How the connection that is being made turned out. A failure closes the descriptor: the next attempt has another.
    pub(crate) fn finish_connect(&mut self, platform: &mut P) -> Result<(), Error> {
        if !self.ready.has(Readiness::WRITE) {
            return Err(Error::WouldBlock);
        }
        match platform.finish_connect(&mut self.platform) {
            Ok(()) => {
                self.phase = Phase::Connected;
                Ok(())
            }
            Err(Error::WouldBlock) => {
                self.ready = Readiness::NONE;
                Err(Error::WouldBlock)
            }
            Err(error) => {
                let socket = core::mem::replace(&mut self.platform, P::CLOSED);
                platform.close(socket, Close::Graceful);
                self.phase = Phase::Closed;
                self.ready = Readiness::NONE;
                self.flags = 0;
                Err(error)
            }
        }
    }

    #[inline]
    fn receive(&mut self, platform: &mut P, buffer: &mut [u8]) -> Result<usize, Error> {
        if self.phase != Phase::Connected || self.has(READ_SHUT) {
            return Err(Error::NotConnected);
        }
        if !self.ready.has(Readiness::READ) {
            return Err(Error::WouldBlock);
        }
        match platform.receive(&mut self.platform, buffer) {
            Ok(Received { count, rest }) => {
                // Behind a hang-up lies an end or an error that no event announces: read on to it.
                if rest == Rest::Drained && !self.ready.has(Readiness::HANGUP) {
                    self.ready = self.ready.without(Readiness::READ);
                }
                if count == 0 {
                    return self.end();
                }
                Ok(count)
            }
            Err(Error::WouldBlock) => {
                self.ready = self.ready.without(Readiness::READ);
                Err(Error::WouldBlock)
            }
            Err(error) => {
                self.flags |= ENDED;
                Err(error)
            }
        }
    }

    #[cold]
    fn end(&mut self) -> Result<usize, Error> {
        self.flags |= ENDED;
        if self.has(BROKEN) { Err(Error::ConnectionReset) } else { Ok(0) }
    }

    #[inline]
    fn send(&mut self, platform: &mut P, data: &[u8]) -> Result<usize, Error> {
        if self.phase != Phase::Connected || self.has(WRITE_SHUT) {
            return Err(Error::NotConnected);
        }
        if !self.ready.has(Readiness::WRITE) {
            return Err(Error::WouldBlock);
        }
        match platform.send(&mut self.platform, data) {
            Ok(count) => {
                if count < data.len() {
                    self.ready = self.ready.without(Readiness::WRITE);
                }
                Ok(count)
            }
            Err(Error::WouldBlock) => {
                self.ready = self.ready.without(Readiness::WRITE);
                Err(Error::WouldBlock)
            }
            Err(error) => {
                self.flags |= BROKEN;
                Err(error)
            }
        }
    }

    fn shutdown(&mut self, platform: &mut P, half: Half) -> Result<(), Error> {
        let halves = match half {
            Half::Read => READ_SHUT,
            Half::Write => WRITE_SHUT,
            Half::Both => READ_SHUT | WRITE_SHUT,
        };
        if self.phase != Phase::Connected || self.flags & halves != 0 {
            return Err(Error::NotConnected);
        }
        platform.shutdown(&mut self.platform, half)?;
        self.flags |= halves;
        Ok(())
    }
}

/// An address that a connection can be made to.
fn check_peer(peer: SocketAddr) -> Result<(), Error> {
    if peer.ip().is_unspecified() || peer.port() == 0 { Err(Error::InvalidArgument) } else { Ok(()) }
}

/// Tells peers apart where scopes do not: below the depth at which they have no steps left, the operands of a `first!`
/// share one. The function is FNV-1a.
fn tag(peer: SocketAddr) -> u32 {
    struct Fnv(u32);
    impl Hasher for Fnv {
        fn finish(&self) -> u64 {
            self.0.into()
        }
        fn write(&mut self, bytes: &[u8]) {
            self.0 = bytes.iter().fold(self.0, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
        }
    }
    let mut hasher = Fnv(0x811c_9dc5);
    peer.hash(&mut hasher);
    hasher.0
}

fn open_socket<P: Platform>(
    sockets: &HandleTableView<SocketSlot<P>>,
    handle: impl TypedHandle,
) -> Result<&SocketSlot<P>, Error> {
    let handle = handle.handle().ok_or(Error::InvalidHandle)?;
    if !matches!(handle.kind(), Kind::TcpSocket | Kind::TcpListener | Kind::UdpSocket) {
        return Err(Error::NotSupported);
    }
    let slot = sockets.get(handle).ok_or(Error::InvalidHandle)?;
    if slot.phase == Phase::Closed { Err(Error::NotConnected) } else { Ok(slot) }
}

impl<P: Platform> Cx<'_, P> {
    /// Connects to `peer`. Ready with the socket, whose handle belongs to the current task and scope.
    ///
    /// Evaluated again, it goes on with the connection that the same wait started; giving the wait up (a timeout, a lost
    /// `first!`, a cancelled task) closes it. Two connects in one wait need a `first!` around them to be told apart.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for an unspecified address (`0.0.0.0`, `::`) or port 0; [`Error::TableFull`];
    /// [`Error::ConnectionRefused`], also for a connection of a socket to itself; [`Error::TooManyWaits`]; whatever else
    /// the platform says. Outside a task there is nothing to go on with: [`Error::NotSupported`]; use
    /// [`connect_on`](Self::connect_on) there.
    pub fn connect(&mut self, peer: SocketAddr) -> Poll<Result<TcpSocket, Error>> {
        self.connect_with(peer, &Options::DEFAULT)
    }

    /// As [`connect`](Self::connect), with `options`.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub fn connect_with(&mut self, peer: SocketAddr, options: &Options) -> Poll<Result<TcpSocket, Error>> {
        if self.poll.task.is_none() {
            return Poll::Ready(Err(self.fail(Error::NotSupported)));
        }
        let tag = tag(peer);
        let socket = match self.connecting_here(tag) {
            Some(socket) => socket,
            None => match self.implicit_socket(options, tag) {
                Ok(socket) => socket,
                Err(error) => return Poll::Ready(Err(error)),
            },
        };
        match self.connect_on(socket, peer) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(())) => {
                if let Some(slot) = self.tcp(socket) {
                    slot.flags &= !IMPLICIT;
                }
                self.keep_tag(socket, 0);
                Poll::Ready(Ok(socket))
            }
            Poll::Ready(Err(error)) => {
                self.discard(socket);
                Poll::Ready(Err(self.fail(error)))
            }
        }
    }

    /// The socket that this wait's earlier evaluation is connecting.
    fn connecting_here(&mut self, tag: u32) -> Option<TcpSocket> {
        if self.poll.control.fresh {
            return None;
        }
        let scope = self.poll.control.scope;
        let mut link = self.tasks.slots.get(self.poll.task?)?.owned;
        while !link.is_none() {
            let owner = *self.owners.get(link)?;
            if let Some((TableName::Sockets, index)) = link.place()
                && (owner.scope, owner.user_data) == (scope, tag)
                && let Some(slot) = self.sockets.slot_at(index)
                && slot.value().has(IMPLICIT)
            {
                return self.sockets.handle_at(index).and_then(TcpSocket::from_handle);
            }
            link = owner.next;
        }
        None
    }

    fn implicit_socket(&mut self, options: &Options, tag: u32) -> Result<TcpSocket, Error> {
        let socket = self.tcp_socket(options)?;
        if let Some(slot) = self.tcp(socket) {
            slot.flags |= IMPLICIT;
        }
        self.keep_tag(socket, tag);
        Ok(socket)
    }

    /// Keeps a peer's tag where the author's data go once the socket is the author's.
    fn keep_tag(&mut self, socket: TcpSocket, tag: u32) {
        if let Some(owner) = socket.handle().and_then(Link::of).and_then(|link| self.owners.get(link)) {
            owner.user_data = tag;
        }
    }

    /// A TCP socket that is not connected yet. Nothing is opened in the platform before
    /// [`connect_on`](Self::connect_on).
    ///
    /// # Errors
    ///
    /// [`Error::TableFull`].
    pub fn tcp_socket(&mut self, options: &Options) -> Result<TcpSocket, Error> {
        let slot = SocketSlot::new(P::CLOSED, *options, Phase::Closed, Readiness::NONE);
        self.add_socket(slot)
    }

    /// Connects `socket` to `peer`. After a failure the socket can be connected again; each attempt has a new descriptor.
    ///
    /// The socket is the author's: giving the wait up leaves it connecting, and [`close`](Self::close) ends that.
    ///
    /// # Errors
    ///
    /// [`Error::AlreadyConnected`]; [`Error::InvalidHandle`]; [`Error::Busy`] if the socket has a handler, which hears how
    /// the connect ends; otherwise as [`connect`](Self::connect).
    pub fn connect_on(&mut self, socket: TcpSocket, peer: SocketAddr) -> Poll<Result<(), Error>> {
        match self.advance_connect(socket, peer) {
            Err(Error::WouldBlock) => self.wait_writable(socket).map(|error| Err(self.fail(error))),
            Err(error) => Poll::Ready(Err(self.fail(error))),
            Ok(()) => Poll::Ready(Ok(())),
        }
    }

    fn advance_connect(&mut self, socket: TcpSocket, peer: SocketAddr) -> Result<(), Error> {
        let handle = socket.handle().ok_or(Error::InvalidHandle)?;
        let slot = self.sockets.get_mut(handle).ok_or(Error::InvalidHandle)?;
        match slot.phase {
            Phase::Closed => {
                check_peer(peer)?;
                slot.connect(self.platform, peer, handle)?;
                Err(Error::WouldBlock)
            }
            Phase::Connecting => {
                if !self.poll.may_progress() {
                    return Err(Error::WouldBlock);
                }
                slot.finish_connect(self.platform)?;
                self.poll.progress();
                Ok(())
            }
            Phase::Connected | Phase::Listening => Err(Error::AlreadyConnected),
        }
    }

    /// Listens at `address`; port 0 lets the platform choose, and [`local_address`](Self::local_address) tells what.
    ///
    /// # Errors
    ///
    /// [`Error::AddressInUse`], [`Error::AddressNotAvailable`], [`Error::PermissionDenied`], [`Error::TableFull`], and
    /// whatever else the platform says.
    pub fn listen(&mut self, address: SocketAddr) -> Result<TcpListener, Error> {
        self.listen_with(address, &Options::DEFAULT)
    }

    /// As [`listen`](Self::listen), with `options`. Accepted sockets inherit them.
    ///
    /// # Errors
    ///
    /// As [`listen`](Self::listen).
    pub fn listen_with(&mut self, address: SocketAddr, options: &Options) -> Result<TcpListener, Error> {
        let listener = self.sockets.next_handle(Kind::TcpListener, self.state.loop_id);
        let Some(handle) = listener else { return Err(self.sockets_full()) };
        let platform = self.platform.open_listener(address, options, handle);
        let platform = platform.map_err(|error| self.fail(error))?;
        // Accepting starts when the platform says that somebody came.
        self.add_socket(SocketSlot::new(platform, *options, Phase::Listening, Readiness::NONE))
    }

    /// Takes the next connection. Many tasks may wait on one listener: they are woken one at a time, first come, first
    /// served. The socket belongs to the current task and scope.
    ///
    /// Passing troubles are waited out, not reported: while the socket table is full, newcomers wait in the platform's
    /// backlog; when the system has no descriptors or memory left, accepting pauses until a socket of this loop is closed,
    /// or a tenth of a second.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidHandle`]; [`Error::Busy`] if the listener has a handler and nobody is there;
    /// [`Error::TooManyWaits`]; whatever says that the listener is broken.
    pub fn accept(&mut self, listener: TcpListener) -> Poll<Result<TcpSocket, Error>> {
        if let Some(source) = self.must_queue(listener) {
            return self.wait_for(source, Place::Back).map(|error| Err(self.fail(error)));
        }
        let source = match self.accept_now(listener) {
            Ok(socket) => return Poll::Ready(Ok(socket)),
            Err(Error::WouldBlock) => match listener.handle() {
                Some(handle) => Source::readable(handle.index()),
                None => return Poll::Ready(Err(self.fail(Error::InvalidHandle))),
            },
            Err(Error::TableFull { .. } | Error::TooManyDescriptors | Error::OutOfMemory) => Source::ROOM,
            Err(error) => return Poll::Ready(Err(self.fail(error))),
        };
        // Who was woken for this, and found nothing, keeps its place.
        let place = if self.poll.was_woken_by(source) && !self.poll.accepted { Place::Front } else { Place::Back };
        self.wait_for(source, place).map(|error| Err(self.fail(error)))
    }

    /// The listener to wait for if others are first: one that was woken for the next connection, or, where the current
    /// task has had its turn, one that waits.
    fn must_queue(&mut self, listener: TcpListener) -> Option<Source> {
        let handle = listener.handle()?;
        let slot = self.sockets.slot_mut(handle)?;
        let source = Source::readable(handle.index());
        let others_are_first = if self.poll.accepted {
            slot.waiters().first().is_some()
        } else {
            slot.value().is_promised() && !self.poll.was_woken_by(source)
        };
        (others_are_first && self.poll.task.is_some()).then_some(source)
    }

    /// Takes the next connection if there is one, without waiting.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`] if nobody is there; [`Error::TableFull`], [`Error::TooManyDescriptors`] and
    /// [`Error::OutOfMemory`] while somebody may be; otherwise as [`accept`](Self::accept).
    pub fn try_accept(&mut self, listener: TcpListener) -> Result<TcpSocket, Error> {
        self.accept_now(listener).map_err(|error| self.fail(error))
    }

    fn accept_now(&mut self, listener: TcpListener) -> Result<TcpSocket, Error> {
        let listener = listener.handle().ok_or(Error::InvalidHandle)?;
        let next = self.sockets.next_handle(Kind::TcpSocket, self.state.loop_id);
        let capacity = self.sockets.capacity() as u32;
        let paused = self.state.accept_paused();
        let slot = self.sockets.get_mut(listener).ok_or(Error::InvalidHandle)?;
        if !slot.ready.has(Readiness::READ) || !self.poll.may_progress() {
            return Err(Error::WouldBlock);
        }
        let Some(token) = next else { return Err(Error::TableFull { kind: Kind::TcpSocket, capacity }) };
        if paused {
            return Err(Error::TooManyDescriptors);
        }
        let options = slot.options;
        let platform = match self.platform.accept(&mut slot.platform, &options, token) {
            Err(Error::WouldBlock) => {
                slot.ready = slot.ready.without(Readiness::READ);
                return Err(Error::WouldBlock);
            }
            Err(error @ (Error::TooManyDescriptors | Error::OutOfMemory)) => {
                self.pause_accepting();
                return Err(error);
            }
            accepted => accepted?,
        };
        self.poll.accepted_from(Source::readable(listener.index()));
        self.add_socket(SocketSlot::new(platform, options, Phase::Connected, Readiness::WRITE))
    }

    fn pause_accepting(&mut self) {
        self.state.counters.0.accept_pauses += 1;
        self.state.accept_again = Some(self.platform.now() + ACCEPT_PAUSE);
        note!(warn, "accepting pauses: no descriptors or memory left");
    }

    /// Receives what is there, at most the buffer's room. Ready with the number of bytes appended; 0 is the end of the
    /// stream, again and again.
    ///
    /// # Errors
    ///
    /// [`Error::BufferFull`] if the buffer has no room; [`Error::ConnectionReset`] after the data that arrived before it;
    /// [`Error::NotConnected`]; [`Error::InvalidHandle`], also when the socket is closed meanwhile; [`Error::Busy`] if
    /// it would have to wait and the socket has a handler; [`Error::TooManyWaits`].
    #[inline]
    pub fn recv(&mut self, socket: TcpSocket, buffer: &mut Buf) -> Poll<Result<usize, Error>> {
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
    pub fn recv_exact(&mut self, socket: TcpSocket, buffer: &mut Buf, count: usize) -> Poll<Result<(), Error>> {
        if count > buffer.capacity() || buffer.len() >= count {
            let checked = self.check_socket(socket);
            let done = checked.and(if count > buffer.capacity() { Err(Error::BufferFull) } else { Ok(()) });
            return Poll::Ready(done.map_err(|error| self.fail(error)));
        }
        while buffer.len() < count {
            match self.recv(socket, buffer) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(self.fail(Error::UnexpectedEnd))),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(()))
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
    pub fn send(&mut self, socket: TcpSocket, buffer: &mut Buf) -> Poll<Result<usize, Error>> {
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
    pub fn send_all(&mut self, socket: TcpSocket, buffer: &mut Buf) -> Poll<Result<(), Error>> {
        loop {
            match self.send(socket, buffer) {
                Poll::Ready(Ok(_)) if buffer.is_empty() => return Poll::Ready(Ok(())),
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
    pub fn try_recv(&mut self, socket: TcpSocket, buffer: &mut [u8]) -> Result<usize, Error> {
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
    pub fn try_send(&mut self, socket: TcpSocket, data: &[u8]) -> Result<usize, Error> {
        if data.is_empty() {
            return self.check_socket(socket).map(|()| 0);
        }
        self.send_now(socket, data).map_err(|error| self.fail(error))
    }

    /// Refuses a handle that is not valid, where there is nothing to do with a valid one.
    #[cold]
    fn check_socket(&mut self, socket: TcpSocket) -> Result<(), Error> {
        match self.tcp(socket) {
            Some(_) => Ok(()),
            None => Err(self.fail(Error::InvalidHandle)),
        }
    }

    #[inline]
    fn receive_now(&mut self, socket: TcpSocket, buffer: &mut [u8]) -> Result<usize, Error> {
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
    fn send_now(&mut self, socket: TcpSocket, data: &[u8]) -> Result<usize, Error> {
        let handle = socket.handle().ok_or(Error::InvalidHandle)?;
        let slot = self.sockets.get_mut(handle).ok_or(Error::InvalidHandle)?;
        if !self.poll.may_progress() {
            return Err(Error::WouldBlock);
        }
        let count = slot.send(self.platform, data)?;
        self.poll.progress();
        Ok(count)
    }

    /// Ready when a receive may get something: data, the end of the stream, or an error. May be spurious.
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`], [`Error::InvalidHandle`], [`Error::Busy`] if the socket has a handler,
    /// [`Error::TooManyWaits`].
    pub fn readable(&mut self, socket: TcpSocket) -> Poll<Result<(), Error>> {
        match self.check_ready(socket, Readiness::READ) {
            Err(Error::WouldBlock) => self.wait_readable(socket).map(|error| Err(self.fail(error))),
            checked => Poll::Ready(checked.map_err(|error| self.fail(error))),
        }
    }

    /// Ready when a send may be accepted. May be spurious.
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`], [`Error::InvalidHandle`], [`Error::Busy`] if the socket has a handler,
    /// [`Error::TooManyWaits`].
    pub fn writable(&mut self, socket: TcpSocket) -> Poll<Result<(), Error>> {
        match self.check_ready(socket, Readiness::WRITE) {
            Err(Error::WouldBlock) => self.wait_writable(socket).map(|error| Err(self.fail(error))),
            checked => Poll::Ready(checked.map_err(|error| self.fail(error))),
        }
    }

    fn check_ready(&mut self, socket: TcpSocket, wanted: Readiness) -> Result<(), Error> {
        let slot = self.tcp(socket).ok_or(Error::InvalidHandle)?;
        if slot.phase != Phase::Connected {
            return Err(Error::NotConnected);
        }
        if !slot.ready.has(wanted) || !self.poll.may_progress() {
            return Err(Error::WouldBlock);
        }
        self.poll.progress();
        Ok(())
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

    /// Resets the connection and closes the socket. Data that were not yet delivered are lost.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidHandle`].
    pub fn abort(&mut self, socket: TcpSocket) -> Result<(), Error> {
        let handle = socket.handle().filter(|handle| self.sockets.contains(*handle));
        let Some(handle) = handle else { return Err(self.fail(Error::InvalidHandle)) };
        self.close_socket(handle, Close::Abort);
        Ok(())
    }

    /// The address that a socket or listener is bound to.
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`] if nothing is open yet; [`Error::InvalidHandle`]; [`Error::NotSupported`] for other kinds
    /// of handles.
    pub fn local_address(&mut self, handle: impl TypedHandle) -> Result<SocketAddr, Error> {
        let address = open_socket(self.sockets, handle).and_then(|slot| self.platform.local_address(&slot.platform));
        address.map_err(|error| self.fail(error))
    }

    /// The address of the peer.
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`], [`Error::InvalidHandle`].
    pub fn peer_address(&mut self, socket: TcpSocket) -> Result<SocketAddr, Error> {
        let address = open_socket(self.sockets, socket).and_then(|slot| self.platform.peer_address(&slot.platform));
        address.map_err(|error| self.fail(error))
    }

    /// Replaces the options of a socket, at once if it is open.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidHandle`], and what the platform says.
    pub fn set_options(&mut self, socket: TcpSocket, options: &Options) -> Result<(), Error> {
        let slot = socket.handle().and_then(|handle| self.sockets.get_mut(handle));
        let Some(slot) = slot else { return Err(self.fail(Error::InvalidHandle)) };
        slot.options = *options;
        if slot.phase == Phase::Closed {
            return Ok(());
        }
        let done = self.platform.set_options(&mut slot.platform, options);
        done.map_err(|error| self.fail(error))
    }

    fn tcp(&mut self, socket: TcpSocket) -> Option<&mut SocketSlot<P>> {
        self.sockets.get_mut(socket.handle()?)
    }

    fn add_socket<H: TypedHandle>(&mut self, slot: SocketSlot<P>) -> Result<H, Error> {
        match self.sockets.insert(H::KIND, self.state.loop_id, slot) {
            Ok(handle) => {
                self.own(handle);
                H::from_handle(handle).ok_or(Error::InvalidHandle)
            }
            Err(slot) => {
                self.platform.close(slot.platform, Close::Graceful);
                Err(self.sockets_full())
            }
        }
    }

    fn sockets_full(&mut self) -> Error {
        let capacity = self.sockets.capacity() as u32;
        self.fail(Error::TableFull { kind: Kind::TcpSocket, capacity })
    }

    #[inline]
    fn wait_readable(&mut self, socket: TcpSocket) -> Poll<Error> {
        match socket.handle() {
            Some(handle) => self.wait_for(Source::readable(handle.index()), Place::Back),
            None => Poll::Ready(Error::InvalidHandle),
        }
    }

    #[inline]
    fn wait_writable(&mut self, socket: TcpSocket) -> Poll<Error> {
        match socket.handle() {
            Some(handle) => self.wait_for(Source::writable(handle.index()), Place::Back),
            None => Poll::Ready(Error::InvalidHandle),
        }
    }

    /// Closes a socket whose handle is valid: its waiters wake and find the handle stale.
    pub(crate) fn close_socket(&mut self, handle: Handle, how: Close) {
        let index = handle.index();
        self.wake_all(Source::readable(index));
        self.wake_all(Source::writable(index));
        if handle.kind() == Kind::TcpListener {
            // Some may wait for room to accept from it.
            self.wake_all(Source::ROOM);
        }
        self.disown(handle);
        self.forget_handler(handle);
        if let Some(slot) = self.sockets.remove(handle) {
            if slot.phase != Phase::Closed {
                self.platform.close(slot.platform, how);
            }
            self.make_room();
        }
    }

    fn discard(&mut self, socket: TcpSocket) {
        if let Some(handle) = socket.handle().filter(|handle| self.sockets.contains(*handle)) {
            self.close_socket(handle, Close::Graceful);
        }
    }
}
