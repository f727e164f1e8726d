//! Datagrams: UDP sockets.

use core::net::SocketAddr;
use core::task::Poll;

use crate::buffer::Buf;
use crate::cx::Cx;
use crate::error::Error;
use crate::handle::{TypedHandle, UdpSocket};
use crate::options::Options;
use crate::platform::{Datagram, Platform};
use crate::socket::is_nobody;

impl<P: Platform> Cx<'_, P> {
    /// A UDP socket at `address`; port 0 lets the platform choose, and [`local_address`](Self::local_address) tells what.
    /// It belongs to the current task and scope.
    ///
    /// # Errors
    ///
    /// [`Error::AddressInUse`], [`Error::AddressNotAvailable`], [`Error::PermissionDenied`], [`Error::TableFull`], and
    /// whatever else the platform says.
    pub fn udp_socket(&mut self, address: SocketAddr) -> Result<UdpSocket, Error> {
        self.udp_socket_with(address, &Options::DEFAULT)
    }

    /// As [`udp_socket`](Self::udp_socket), with `options`.
    ///
    /// # Errors
    ///
    /// As [`udp_socket`](Self::udp_socket).
    pub fn udp_socket_with(&mut self, address: SocketAddr, options: &Options) -> Result<UdpSocket, Error> {
        self.open_with(options, |platform, token| platform.open_datagram(address, options, token))
    }

    /// Makes `peer` the only one that the socket receives from, and whom [`send_datagram`](Self::send_datagram) sends to.
    /// Does not wait: nothing is exchanged. A datagram of somebody else that had arrived before may still be received.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a peer of the other family, an unspecified address or port 0; [`Error::NoRoute`];
    /// [`Error::InvalidHandle`]; whatever else the platform says.
    pub fn connect_udp(&mut self, socket: UdpSocket, peer: SocketAddr) -> Result<(), Error> {
        self.set_udp_peer(socket, Some(peer))
    }

    /// Undoes [`connect_udp`](Self::connect_udp).
    ///
    /// On Linux an IPv6 socket still hears the address of its old peer only (seen on 6.18, which keeps it in the socket):
    /// open another socket there.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidHandle`], and what the platform says.
    pub fn disconnect_udp(&mut self, socket: UdpSocket) -> Result<(), Error> {
        self.set_udp_peer(socket, None)
    }

    fn set_udp_peer(&mut self, socket: UdpSocket, peer: Option<SocketAddr>) -> Result<(), Error> {
        if peer.is_some_and(is_nobody) {
            return Err(self.fail(Error::InvalidArgument));
        }
        let slot = socket.handle().and_then(|handle| self.sockets.get_mut(handle));
        let Some(slot) = slot else { return Err(self.fail(Error::InvalidHandle)) };
        let done = self.platform.connect_datagram(&mut slot.platform, peer);
        done.map_err(|error| self.fail(error))
    }

    /// Receives one datagram and appends it to the buffer. What does not fit into the buffer's room is lost, and flagged.
    ///
    /// # Errors
    ///
    /// [`Error::BufferFull`] if the buffer has no room at all, and nothing is received. [`Error::ConnectionRefused`],
    /// [`Error::NoRoute`] and the like are what the network said of a datagram that was sent to the connected peer: the
    /// socket stays usable, and each is told once, by a send or a receive. [`Error::InvalidHandle`], also when the socket
    /// is closed meanwhile; [`Error::Busy`] if it would have to wait and the socket has a handler;
    /// [`Error::TooManyWaits`].
    #[inline]
    pub fn recv_from(&mut self, socket: UdpSocket, buffer: &mut Buf) -> Poll<Result<Datagram, Error>> {
        let room = buffer.writable();
        if room.is_empty() {
            let error = self.check_socket(socket).err().unwrap_or(Error::BufferFull);
            return Poll::Ready(Err(self.fail(error)));
        }
        match self.receive_datagram(socket, room) {
            Ok(datagram) => {
                buffer.commit(datagram.count);
                Poll::Ready(Ok(datagram))
            }
            Err(Error::WouldBlock) => self.wait_readable(socket).map(|error| Err(self.fail(error))),
            Err(error) => Poll::Ready(Err(self.fail(error))),
        }
    }

    /// Sends one datagram, which may be empty, to `peer`. Ready when the platform has accepted it, which is no sign that it
    /// arrives.
    ///
    /// # Errors
    ///
    /// [`Error::MessageTooLarge`]; [`Error::PermissionDenied`] for a broadcast without
    /// [`set_broadcast`](Self::set_broadcast); [`Error::NoRoute`]; [`Error::InvalidArgument`] for a peer of the other
    /// family, an unspecified address or port 0; [`Error::AlreadyConnected`] where the platform does not let a connected
    /// socket send to others; otherwise as [`recv_from`](Self::recv_from).
    #[inline]
    pub fn send_to(&mut self, socket: UdpSocket, data: &[u8], peer: SocketAddr) -> Poll<Result<(), Error>> {
        let sent = self.send_datagram_now(socket, data, Some(peer));
        self.sent_or_wait(socket, sent)
    }

    /// As [`send_to`](Self::send_to), to the peer that the socket is connected to.
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`] if there is none; otherwise as [`send_to`](Self::send_to).
    #[inline]
    pub fn send_datagram(&mut self, socket: UdpSocket, data: &[u8]) -> Poll<Result<(), Error>> {
        let sent = self.send_datagram_now(socket, data, None);
        self.sent_or_wait(socket, sent)
    }

    #[inline]
    fn sent_or_wait(&mut self, socket: UdpSocket, sent: Result<(), Error>) -> Poll<Result<(), Error>> {
        match sent {
            Err(Error::WouldBlock) => self.wait_writable(socket).map(|error| Err(self.fail(error))),
            sent => Poll::Ready(sent.map_err(|error| self.fail(error))),
        }
    }

    /// Receives one datagram without waiting. With an empty `buffer` too it takes one.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`] if none is there, or the current task or handler has used up its budget; otherwise as
    /// [`recv_from`](Self::recv_from).
    pub fn try_recv_from(&mut self, socket: UdpSocket, buffer: &mut [u8]) -> Result<Datagram, Error> {
        self.receive_datagram(socket, buffer).map_err(|error| self.fail(error))
    }

    /// Sends one datagram to `peer` without waiting.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`] if there is no room, or the current task or handler has used up its budget; otherwise as
    /// [`send_to`](Self::send_to).
    pub fn try_send_to(&mut self, socket: UdpSocket, data: &[u8], peer: SocketAddr) -> Result<(), Error> {
        self.send_datagram_now(socket, data, Some(peer)).map_err(|error| self.fail(error))
    }

    /// As [`try_send_to`](Self::try_send_to), to the peer that the socket is connected to.
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`] if there is none; otherwise as [`try_send_to`](Self::try_send_to).
    pub fn try_send_datagram(&mut self, socket: UdpSocket, data: &[u8]) -> Result<(), Error> {
        self.send_datagram_now(socket, data, None).map_err(|error| self.fail(error))
    }

    #[inline]
    fn receive_datagram(&mut self, socket: UdpSocket, buffer: &mut [u8]) -> Result<Datagram, Error> {
        let handle = socket.handle().ok_or(Error::InvalidHandle)?;
        let slot = self.sockets.get_mut(handle).ok_or(Error::InvalidHandle)?;
        if !self.poll.may_progress() {
            return Err(Error::WouldBlock);
        }
        let datagram = slot.receive_from(self.platform, buffer)?;
        self.poll.progress();
        Ok(datagram)
    }

    #[inline]
    fn send_datagram_now(&mut self, socket: UdpSocket, data: &[u8], peer: Option<SocketAddr>) -> Result<(), Error> {
        let handle = socket.handle().ok_or(Error::InvalidHandle)?;
        let slot = self.sockets.get_mut(handle).ok_or(Error::InvalidHandle)?;
        if !self.poll.may_progress() {
            return Err(Error::WouldBlock);
        }
        if peer.is_some_and(is_nobody) {
            return Err(Error::InvalidArgument);
        }
        slot.send_to(self.platform, data, peer)?;
        self.poll.progress();
        Ok(())
    }
}
