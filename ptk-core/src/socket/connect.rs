//! Connecting a TCP socket.

use core::hash::{Hash, Hasher};
use core::net::SocketAddr;
use core::task::Poll;

use crate::cx::Cx;
use crate::error::Error;
use crate::handle::{TcpSocket, TypedHandle};
use crate::mutant::Mutant;
use crate::options::Options;
use crate::ownership::{Link, TableName};
use crate::platform::{Close, Platform, Readiness};
use crate::socket::{IMPLICIT, Phase, SocketSlot, is_nobody, note_connect};

/// An address that a connection can be made to.
fn check_peer(peer: SocketAddr) -> Result<(), Error> {
    if is_nobody(peer) { Err(Error::InvalidArgument) } else { Ok(()) }
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
        let socket = match self.connecting_here(tag).filter(|_| !Mutant::ConnectStartedAgain.is_on()) {
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
        let index = self.owned_here(TableName::Sockets, tag, |cx, index| {
            cx.sockets.slot_at(index).is_some_and(|slot| slot.value().has(IMPLICIT))
        })?;
        self.sockets.handle_at(index).and_then(TcpSocket::from_handle)
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
                note!(debug, "{} connects to {}", handle, peer);
                let started = slot.connect(self.platform, peer, handle);
                // A start is no end.
                note_connect(handle, started.and(Err(Error::WouldBlock)));
                started?;
                Err(Error::WouldBlock)
            }
            Phase::Connecting => {
                if !self.poll.may_progress() {
                    return Err(Error::WouldBlock);
                }
                let connected = slot.finish_connect(self.platform);
                note_connect(handle, connected);
                connected?;
                self.poll.progress();
                Ok(())
            }
            Phase::Connected | Phase::Listening | Phase::Datagram => Err(Error::AlreadyConnected),
        }
    }

    /// Closes a socket if it is open.
    pub(super) fn discard(&mut self, socket: TcpSocket) {
        if let Some(handle) = socket.handle().filter(|handle| self.sockets.contains(*handle)) {
            self.close_socket(handle, Close::Graceful);
        }
    }
}
