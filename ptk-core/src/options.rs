//! Settings of sockets: those that a socket is opened with, and those that can be changed while it is open.

use core::net::{IpAddr, Ipv4Addr};

use crate::time::Duration;

/// Plain settings of a socket, kept by the core until the platform opens it. Twelve bytes; the default is all zero bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Options {
    /// Send small segments at once (`TCP_NODELAY`, RFC 896). Accepted connections inherit it.
    pub nodelay: bool,
    /// Who else may have the address.
    pub reuse: Reuse,
    /// Connections that the platform holds while nobody accepts; 0 is the platform's default.
    pub backlog: u16,
    /// The size of the platform's receive buffer in bytes; 0 is the platform's default. Platforms may round it.
    pub receive_buffer: u32,
    /// The size of the platform's send buffer in bytes; 0 is the platform's default. Platforms may round it.
    pub send_buffer: u32,
}

const _: () = assert!(size_of::<Options>() == 12);

impl Options {
    /// The platform's defaults.
    pub const DEFAULT: Options =
        Options { nodelay: false, reuse: Reuse::Never, backlog: 0, receive_buffer: 0, send_buffer: 0 };
}

/// Who else may have a socket's address and port at the same time.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u8)]
pub enum Reuse {
    /// Nobody. A TCP listener may all the same follow one that has just ended, whatever connections that left behind.
    #[default]
    Never = 0,
    /// UDP sockets that ask for the same (`SO_REUSEADDR`): each gets every multicast datagram; who gets a datagram to a
    /// single host is the platform's choice. For a TCP listener as [`Never`](Self::Never).
    Address,
    /// Sockets that ask for the same (`SO_REUSEPORT`): the platform spreads connections and datagrams over them.
    Port,
}

/// A setting of an open socket, for [`Platform::set_option`](crate::Platform::set_option). The methods of
/// [`Cx`](crate::Cx) that begin with `set_`, `join_` and `leave_` make them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SocketOption {
    /// Send small segments at once (`TCP_NODELAY`).
    Nodelay(bool),
    /// Probe a connection on which nothing is sent; `None` turns that off (RFC 9293, 3.8.4).
    Keepalive(Option<Keepalive>),
    /// How long data that were sent may stay unacknowledged before the connection fails with
    /// [`TimedOut`](crate::Error::TimedOut) (RFC 5482); zero is the platform's default.
    UserTimeout(Duration),
    /// The size of the platform's receive buffer in bytes. Platforms may round it.
    ReceiveBuffer(u32),
    /// The size of the platform's send buffer in bytes. Platforms may round it.
    SendBuffer(u32),
    /// How many routers a packet may pass.
    HopLimit(u8),
    /// Whether datagrams may be sent to broadcast addresses.
    Broadcast(bool),
    /// How many routers a multicast datagram may pass, the first hop included: 1 keeps it in the local network.
    MulticastHops(u8),
    /// Whether the multicast datagrams that this socket sends reach this machine's own members of the group.
    MulticastLoopback(bool),
    /// From which interface multicast datagrams are sent.
    MulticastInterface(Interface),
    /// Receive what is sent to a multicast group.
    Join(Membership),
    /// Receive it no more.
    Leave(Membership),
}

/// How an idle connection is probed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Keepalive {
    /// How long nothing must have been received before the first probe. Platforms may round it up to seconds.
    pub idle: Duration,
    /// The time between probes. Platforms may round it up to seconds.
    pub interval: Duration,
    /// How many unanswered probes end the connection.
    pub probes: u8,
}

/// Membership of a socket in a multicast group on one interface.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Membership {
    /// The group.
    pub group: IpAddr,
    /// The interface.
    pub interface: Interface,
}

/// A network interface.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Interface {
    /// The platform chooses, by its routes.
    #[default]
    Any,
    /// The one that has this address. For IPv4 groups only.
    Address(Ipv4Addr),
    /// The one with this number (RFC 3493, 4).
    Index(u32),
}

#[cfg(feature = "defmt")]
impl defmt::Format for Membership {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{} on {}", defmt::Display2Format(&self.group), self.interface);
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Interface {
    fn format(&self, f: defmt::Formatter<'_>) {
        match self {
            Interface::Any => defmt::write!(f, "any"),
            Interface::Address(address) => defmt::write!(f, "{}", defmt::Display2Format(address)),
            Interface::Index(index) => defmt::write!(f, "{}", index),
        }
    }
}
