//! Settings of open sockets.

use core::net::IpAddr;

use crate::cx::Cx;
use crate::error::Error;
use crate::handle::{TcpSocket, TypedHandle, UdpSocket};
use crate::options::{Interface, Keepalive, Membership, SocketOption};
use crate::platform::Platform;
use crate::socket::{Phase, open_socket};
use crate::time::Duration;

impl<P: Platform> Cx<'_, P> {
    /// Whether small segments are sent at once (`TCP_NODELAY`, RFC 896). Remembered by a socket that is not connected yet.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidHandle`], and what the platform says.
    pub fn set_nodelay(&mut self, socket: TcpSocket, on: bool) -> Result<(), Error> {
        self.remember(socket, SocketOption::Nodelay(on))
    }

    /// Probes the connection while nothing is received, and ends it with [`Error::TimedOut`] when the probes stay
    /// unanswered; `None` turns that off, which is the default.
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`] before the connection is made or up; [`Error::InvalidArgument`] for times or numbers beyond
    /// the platform's; [`Error::InvalidHandle`]; what else the platform says.
    pub fn set_keepalive(&mut self, socket: TcpSocket, keepalive: Option<Keepalive>) -> Result<(), Error> {
        self.set(socket, SocketOption::Keepalive(keepalive))
    }

    /// How long data that were sent may stay unacknowledged before the connection ends with [`Error::TimedOut`]
    /// (RFC 5482); zero is the platform's default, which can be many minutes.
    ///
    /// # Errors
    ///
    /// As [`set_keepalive`](Self::set_keepalive).
    pub fn set_user_timeout(&mut self, socket: TcpSocket, timeout: Duration) -> Result<(), Error> {
        self.set(socket, SocketOption::UserTimeout(timeout))
    }

    /// The size of the platform's receive buffer in bytes, which platforms round. Remembered by a TCP socket that is not
    /// connected yet.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidHandle`]; [`Error::NotSupported`] for handles of no sockets; what the platform says.
    pub fn set_receive_buffer(&mut self, socket: impl TypedHandle, bytes: u32) -> Result<(), Error> {
        self.remember(socket, SocketOption::ReceiveBuffer(bytes))
    }

    /// The size of the platform's send buffer in bytes, which platforms round. Remembered by a TCP socket that is not
    /// connected yet.
    ///
    /// # Errors
    ///
    /// As [`set_receive_buffer`](Self::set_receive_buffer).
    pub fn set_send_buffer(&mut self, socket: impl TypedHandle, bytes: u32) -> Result<(), Error> {
        self.remember(socket, SocketOption::SendBuffer(bytes))
    }

    /// How many routers a packet to a single host may pass (TTL, hop limit), at least 1.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for 0; otherwise as [`set_keepalive`](Self::set_keepalive).
    pub fn set_hop_limit(&mut self, socket: impl TypedHandle, hops: u8) -> Result<(), Error> {
        self.set(socket, SocketOption::HopLimit(hops))
    }

    /// Whether the socket may send to broadcast addresses; off at first. IPv4 only.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidHandle`]; [`Error::NotSupported`] for IPv6; what else the platform says.
    pub fn set_broadcast(&mut self, socket: UdpSocket, on: bool) -> Result<(), Error> {
        self.set(socket, SocketOption::Broadcast(on))
    }

    /// Receives what is sent to a multicast group from now on, on one interface. The socket's address must be the group's,
    /// or unspecified, and its port the group's. To share that with other sockets there is
    /// [`Reuse::Address`](crate::Reuse::Address).
    ///
    /// On Linux an IPv6 socket that has joined a group on one interface hears it on all on which some socket of the machine
    /// has joined it.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] if `group` is no multicast address or of the other family, or there is no such interface;
    /// [`Error::NoRoute`] if no interface is named and no route leads to the group; [`Error::AddressInUse`] if the socket
    /// is a member; [`Error::OutOfMemory`] for more groups than the platform allows; [`Error::InvalidHandle`]; what else
    /// the platform says.
    pub fn join_multicast(&mut self, socket: UdpSocket, group: IpAddr, interface: Interface) -> Result<(), Error> {
        self.set(socket, SocketOption::Join(Membership { group, interface }))
    }

    /// Receives what is sent to the group no more.
    ///
    /// # Errors
    ///
    /// [`Error::AddressNotAvailable`] if the socket is no member there; otherwise as
    /// [`join_multicast`](Self::join_multicast).
    pub fn leave_multicast(&mut self, socket: UdpSocket, group: IpAddr, interface: Interface) -> Result<(), Error> {
        self.set(socket, SocketOption::Leave(Membership { group, interface }))
    }

    /// How many routers a multicast datagram of this socket may pass (TTL, hop limit): 0 keeps it on this machine, 1, the
    /// default, in the local network (RFC 1112, 6.1).
    ///
    /// # Errors
    ///
    /// [`Error::InvalidHandle`], and what the platform says.
    pub fn set_multicast_hops(&mut self, socket: UdpSocket, hops: u8) -> Result<(), Error> {
        self.set(socket, SocketOption::MulticastHops(hops))
    }

    /// Whether multicast datagrams of this socket reach the group's members on this machine too; on at first.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidHandle`], and what the platform says.
    pub fn set_multicast_loopback(&mut self, socket: UdpSocket, on: bool) -> Result<(), Error> {
        self.set(socket, SocketOption::MulticastLoopback(on))
    }

    /// From which interface multicast datagrams of this socket are sent.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] if there is no such interface; [`Error::InvalidHandle`]; what else the platform says.
    pub fn set_multicast_interface(&mut self, socket: UdpSocket, interface: Interface) -> Result<(), Error> {
        self.set(socket, SocketOption::MulticastInterface(interface))
    }

    fn set(&mut self, socket: impl TypedHandle, option: SocketOption) -> Result<(), Error> {
        let set =
            open_socket(self.sockets, socket).and_then(|slot| self.platform.set_option(&mut slot.platform, option));
        set.map_err(|error| self.fail(error))
    }

    /// As `set`, for what the socket's options hold too: they are for the next connect, and for accepted connections.
    fn remember(&mut self, socket: impl TypedHandle, option: SocketOption) -> Result<(), Error> {
        let Some(slot) = socket.handle().and_then(|handle| self.sockets.get_mut(handle)) else {
            return self.set(socket, option);
        };
        match option {
            SocketOption::Nodelay(on) => slot.options.nodelay = on,
            SocketOption::ReceiveBuffer(bytes) => slot.options.receive_buffer = bytes,
            SocketOption::SendBuffer(bytes) => slot.options.send_buffer = bytes,
            _ => {}
        }
        if slot.phase == Phase::Closed { Ok(()) } else { self.set(socket, option) }
    }
}
