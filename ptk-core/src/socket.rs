//! Sockets: their slots, and what is the same for all kinds of them.

mod connect;
mod datagram;
mod listen;
mod settings;
mod stream;

use core::net::SocketAddr;
use core::task::Poll;

use crate::cx::Cx;
use crate::error::Error;
use crate::handle::{Handle, Kind, TcpSocket, TypedHandle};
use crate::mutant::Mutant;
use crate::options::Options;
use crate::ownership::TableName;
use crate::platform::{Close, Datagram, Half, Platform, Readiness, Received, Rest};
use crate::table::{HandleTableView, Vacant};
use crate::wait::{Source, WaitList};

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
///
/// A UDP socket is `Datagram` from its beginning to its end.
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
    /// Datagrams come and go.
    Datagram,
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
                if !Mutant::FailedConnectLeaks.is_on() {
                    platform.close(socket, Close::Graceful);
                }
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
                let has_hung_up = self.ready.has(Readiness::HANGUP) && !Mutant::EndBehindHangUpMissed.is_on();
                if rest == Rest::Drained && !has_hung_up || Mutant::ReadEdgeDropped.is_on() {
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
                if count < data.len() || Mutant::WriteEdgeDropped.is_on() {
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

    /// A look at what a receive would get. Never the last word about readiness: what it saw is still there.
    fn peek(&mut self, platform: &mut P, buffer: &mut [u8]) -> Result<usize, Error> {
        if self.phase != Phase::Connected || self.has(READ_SHUT) {
            return Err(Error::NotConnected);
        }
        if !self.ready.has(Readiness::READ) {
            return Err(Error::WouldBlock);
        }
        match platform.peek(&mut self.platform, buffer) {
            Ok(0) if self.has(BROKEN) => Err(Error::ConnectionReset),
            Err(Error::WouldBlock) => {
                self.ready = self.ready.without(Readiness::READ);
                Err(Error::WouldBlock)
            }
            // Nothing was looked at.
            Err(Error::NotSupported) => Err(Error::NotSupported),
            // The error is taken with the look, and what a receive then finds is no end of the stream.
            Err(error) => {
                self.flags |= BROKEN;
                Err(error)
            }
            count => count,
        }
    }

    #[inline]
    fn receive_from(&mut self, platform: &mut P, buffer: &mut [u8]) -> Result<Datagram, Error> {
        if self.phase != Phase::Datagram {
            return Err(Error::NotConnected);
        }
        if !self.ready.has(Readiness::READ) {
            return Err(Error::WouldBlock);
        }
        match platform.receive_from(&mut self.platform, buffer) {
            Ok((datagram, rest)) => {
                if rest == Rest::Drained || Mutant::DatagramEdgeDropped.is_on() {
                    self.ready = self.ready.without(Readiness::READ);
                }
                Ok(datagram)
            }
            Err(Error::WouldBlock) => {
                self.ready = self.ready.without(Readiness::READ);
                Err(Error::WouldBlock)
            }
            // What the network said of an earlier datagram: others may lie behind it.
            Err(error) => {
                if Mutant::RefusalHidesDatagrams.is_on() {
                    self.ready = self.ready.without(Readiness::READ);
                }
                Err(error)
            }
        }
    }

    #[inline]
    fn send_to(&mut self, platform: &mut P, data: &[u8], peer: Option<SocketAddr>) -> Result<(), Error> {
        if self.phase != Phase::Datagram {
            return Err(Error::NotConnected);
        }
        if !self.ready.has(Readiness::WRITE) {
            return Err(Error::WouldBlock);
        }
        let sent = platform.send_to(&mut self.platform, data, peer);
        if sent == Err(Error::WouldBlock) {
            self.ready = self.ready.without(Readiness::WRITE);
        }
        sent
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

/// Logs how a connect ended, if it did.
#[inline]
pub(crate) fn note_connect(socket: Handle, connected: Result<(), Error>) {
    match connected {
        Ok(()) => note!(debug, "{} connected", socket),
        Err(Error::WouldBlock) => {}
        Err(error) => note!(info, "{} failed to connect: {}", socket, error),
    }
}

/// Whether nobody can be at this address.
fn is_nobody(peer: SocketAddr) -> bool {
    peer.ip().is_unspecified() || peer.port() == 0
}

/// A socket of any kind that is open.
fn open_socket<P: Platform>(
    sockets: &mut HandleTableView<SocketSlot<P>>,
    handle: impl TypedHandle,
) -> Result<&mut SocketSlot<P>, Error> {
    let handle = handle.handle().ok_or(Error::InvalidHandle)?;
    if TableName::of(handle.kind()) != Some(TableName::Sockets) {
        return Err(Error::NotSupported);
    }
    let slot = sockets.get_mut(handle).ok_or(Error::InvalidHandle)?;
    if slot.phase == Phase::Closed { Err(Error::NotConnected) } else { Ok(slot) }
}

impl<P: Platform> Cx<'_, P> {
    /// Takes in what only the platform knows how to open: a Unix-domain socket as a [`TcpSocket`] or
    /// [`TcpListener`](crate::TcpListener), a serial port as a [`Descriptor`](crate::Descriptor). `open` gets the token
    /// with which the platform is to report readiness, the first included. The handle belongs to the current task and
    /// scope. For the crates of platforms, which give their users calls by name.
    ///
    /// # Errors
    ///
    /// [`Error::TableFull`]; [`Error::NotSupported`] for handles that name no socket; what `open` says.
    pub fn open_with<H: TypedHandle>(
        &mut self,
        options: &Options,
        open: impl FnOnce(&mut P, Handle) -> Result<P::Socket, Error>,
    ) -> Result<H, Error> {
        // Sending is tried before the platform says that it may be: a turn less.
        let (phase, ready) = match H::KIND {
            Kind::TcpSocket | Kind::Descriptor => (Phase::Connected, Readiness::WRITE),
            Kind::TcpListener => (Phase::Listening, Readiness::NONE),
            Kind::UdpSocket => (Phase::Datagram, Readiness::WRITE),
            Kind::Timer | Kind::EventSource | Kind::Task | Kind::Lookup => return Err(self.fail(Error::NotSupported)),
        };
        let Some(token) = self.sockets.next_handle(H::KIND, self.state.loop_id) else {
            return Err(self.sockets_full());
        };
        let platform = open(self.platform, token).map_err(|error| self.fail(error))?;
        self.add_socket(SocketSlot::new(platform, *options, phase, ready))
    }

    /// Refuses a handle that is not valid, where there is nothing to do with a valid one.
    #[cold]
    pub(crate) fn check_socket(&mut self, socket: impl TypedHandle) -> Result<(), Error> {
        match socket.handle().filter(|handle| self.sockets.contains(*handle)) {
            Some(_) => Ok(()),
            None => Err(self.fail(Error::InvalidHandle)),
        }
    }

    /// Ready when a receive may get something: data, a datagram, the end of the stream, or an error. May be spurious.
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`], also for a listener; [`Error::InvalidHandle`]; [`Error::NotSupported`] for other kinds of
    /// handles; [`Error::Busy`] if the socket has a handler; [`Error::TooManyWaits`].
    pub fn readable(&mut self, socket: impl TypedHandle) -> Poll<Result<(), Error>> {
        match self.check_ready(socket, Readiness::READ) {
            Err(Error::WouldBlock) => self.wait_readable(socket).map(|error| Err(self.fail(error))),
            checked => Poll::Ready(checked.map_err(|error| self.fail(error))),
        }
    }

    /// Ready when a send may be accepted. May be spurious.
    ///
    /// # Errors
    ///
    /// As [`readable`](Self::readable).
    pub fn writable(&mut self, socket: impl TypedHandle) -> Poll<Result<(), Error>> {
        match self.check_ready(socket, Readiness::WRITE) {
            Err(Error::WouldBlock) => self.wait_writable(socket).map(|error| Err(self.fail(error))),
            checked => Poll::Ready(checked.map_err(|error| self.fail(error))),
        }
    }

    fn check_ready(&mut self, socket: impl TypedHandle, wanted: Readiness) -> Result<(), Error> {
        let slot = open_socket(self.sockets, socket)?;
        if !matches!(slot.phase, Phase::Connected | Phase::Datagram) {
            return Err(Error::NotConnected);
        }
        if !slot.ready.has(wanted) || !self.poll.may_progress() {
            return Err(Error::WouldBlock);
        }
        self.poll.progress();
        Ok(())
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
    /// of handles, and where the platform's addresses are none of the Internet's.
    pub fn local_address(&mut self, handle: impl TypedHandle) -> Result<SocketAddr, Error> {
        let address = open_socket(self.sockets, handle).and_then(|slot| self.platform.local_address(&slot.platform));
        address.map_err(|error| self.fail(error))
    }

    /// The address of the peer of a connection, or of a UDP socket that was connected to one.
    ///
    /// # Errors
    ///
    /// As [`local_address`](Self::local_address), and [`Error::NotConnected`] if there is no peer.
    pub fn peer_address(&mut self, handle: impl TypedHandle) -> Result<SocketAddr, Error> {
        let address = open_socket(self.sockets, handle).and_then(|slot| self.platform.peer_address(&slot.platform));
        address.map_err(|error| self.fail(error))
    }

    fn tcp(&mut self, socket: TcpSocket) -> Option<&mut SocketSlot<P>> {
        self.sockets.get_mut(socket.handle()?)
    }

    fn add_socket<H: TypedHandle>(&mut self, slot: SocketSlot<P>) -> Result<H, Error> {
        match self.sockets.insert(H::KIND, self.state.loop_id, slot) {
            Ok(handle) => {
                self.own(handle);
                note!(debug, "{} opened", handle);
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
    fn wait_readable(&mut self, socket: impl TypedHandle) -> Poll<Error> {
        match socket.handle() {
            Some(handle) => self.wait_for(Source::readable(handle.index())),
            None => Poll::Ready(Error::InvalidHandle),
        }
    }

    #[inline]
    fn wait_writable(&mut self, socket: impl TypedHandle) -> Poll<Error> {
        match socket.handle() {
            Some(handle) => self.wait_for(Source::writable(handle.index())),
            None => Poll::Ready(Error::InvalidHandle),
        }
    }

    /// Closes a socket whose handle is valid: its waiters wake and find the handle stale.
    pub(crate) fn close_socket(&mut self, handle: Handle, how: Close) {
        let index = handle.index();
        if !Mutant::WaitersNotDismissed.is_on() {
            self.dismiss(Source::readable(index));
            self.dismiss(Source::writable(index));
        }
        if handle.kind() == Kind::TcpListener {
            // Some may wait for room to accept from it.
            self.dismiss(Source::ROOM);
        }
        self.disown(handle);
        self.forget_handler(handle);
        if let Some(slot) = self.sockets.remove(handle) {
            if slot.phase != Phase::Closed {
                self.platform.close(slot.platform, how);
            }
            note!(debug, "{} closed", handle);
            self.make_room();
        }
    }
}
