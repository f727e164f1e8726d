//! A datagram socket.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ptk_core::{Error, Handle, Options, Readiness, Reuse};

use super::address::{self, Home};
use super::inbox::Inbox;
use super::ready::Signal;

/// The longest datagram: what an IPv4 packet holds behind its header of 20 bytes and UDP's of 8 (RFC 768).
const MAX_LENGTH_V4: usize = 65_535 - 20 - 8;

/// The longest datagram in IPv6, whose own header does not count (RFC 8200, 3).
const MAX_LENGTH_V6: usize = 65_535 - 8;

/// See the module's text.
#[derive(Clone, Hash, Debug)]
pub(crate) struct Endpoint {
    pub(crate) token: Handle,
    /// Where its host is.
    pub(crate) home: Home,
    /// The address that it was bound to.
    bound: SocketAddr,
    /// Whether the kernel chose its port.
    pub(crate) is_port_chosen: bool,
    /// The same; but while a socket that was bound to all addresses is connected, the one that its peer sees.
    pub(crate) local: SocketAddr,
    /// The only one that it receives from.
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) reuse: Reuse,
    pub(crate) inbox: Inbox,
    /// What the network said of an earlier datagram, until a call has told.
    pub(crate) error: Option<Error>,
    /// Accepted and kept; nothing ever waits to be sent.
    pub(crate) send_buffer: u32,
    pub(crate) broadcast: bool,
    /// Accepted and kept, as are the hops of multicast datagrams: there are no routers.
    pub(crate) hop_limit: Option<u8>,
    pub(crate) multicast_hops: u8,
    pub(crate) multicast_loopback: bool,
    /// Where multicast datagrams come from, if an interface was chosen by its address.
    pub(crate) multicast_source: Option<Ipv4Addr>,
    pub(crate) groups: BTreeSet<IpAddr>,
    pub(crate) signal: Signal,
}

impl Endpoint {
    /// A socket bound to `address`, of which the core knows nothing yet.
    pub(crate) fn new(token: Handle, home: Home, address: SocketAddr, options: &Options) -> Endpoint {
        Endpoint {
            token,
            home,
            bound: address,
            is_port_chosen: false,
            local: address,
            peer: None,
            reuse: options.reuse,
            inbox: Inbox::new(options.receive_buffer),
            error: None,
            send_buffer: options.send_buffer,
            broadcast: false,
            hop_limit: None,
            multicast_hops: 1,
            multicast_loopback: true,
            multicast_source: None,
            groups: BTreeSet::new(),
            signal: Signal::new(Readiness::NONE),
        }
    }

    /// What the core would find. There is always room to send: what is sent is there at once.
    pub(crate) fn readiness(&self) -> Readiness {
        let is_readable = !self.inbox.is_empty() || self.error.is_some();
        if is_readable { Readiness::READ.with(Readiness::WRITE) } else { Readiness::WRITE }
    }

    /// Whether something can be sent to `peer`, and its address as the model compares it.
    pub(crate) fn check_peer(&self, peer: SocketAddr) -> Result<SocketAddr, Error> {
        let ip = peer.ip();
        if peer.is_ipv4() != self.local.is_ipv4() || ip.is_unspecified() || peer.port() == 0 {
            return Err(Error::InvalidArgument);
        }
        if address::is_broadcast(ip) {
            return if self.broadcast { Ok(peer) } else { Err(Error::PermissionDenied) };
        }
        let is_reachable = self.home.is_local(ip) || self.home.is_elsewhere(ip) || ip.is_multicast();
        if is_reachable { Ok(address::plain(peer)) } else { Err(Error::NoRoute) }
    }

    /// Whether the length can be told in a header at all: in IPv4 Linux refuses more before it looks at the peer.
    pub(crate) fn check_field(&self, length: usize) -> Result<(), Error> {
        let is_possible = self.local.is_ipv6() || length <= usize::from(u16::MAX);
        if is_possible { Ok(()) } else { Err(Error::MessageTooLarge) }
    }

    /// Whether a datagram of this length fits into a packet.
    pub(crate) fn check_length(&self, length: usize) -> Result<(), Error> {
        let max = if self.local.is_ipv4() { MAX_LENGTH_V4 } else { MAX_LENGTH_V6 };
        if length <= max { Ok(()) } else { Err(Error::MessageTooLarge) }
    }

    /// The address that a datagram to `peer` comes from.
    pub(crate) fn source_for(&self, peer: IpAddr) -> SocketAddr {
        let ip = match (self.local.ip(), self.multicast_source) {
            (local, _) if self.home.is_local(local) => local,
            (_, Some(source)) if peer.is_multicast() => source.into(),
            _ => self.home.source_for(peer),
        };
        SocketAddr::new(ip, self.local.port())
    }

    /// Receives from `peer` only, from now on.
    pub(crate) fn connect(&mut self, peer: SocketAddr) {
        if self.local.ip().is_unspecified() {
            self.local = self.source_for(peer.ip());
        }
        self.peer = Some(peer);
    }

    /// Receives from everybody again.
    pub(crate) fn disconnect(&mut self) {
        self.local = self.bound;
        self.peer = None;
    }

    /// Whether another socket at `address` would have to ask: not if both take whoever asks for the same.
    pub(crate) fn is_in_the_way(&self, address: SocketAddr, reuse: Reuse) -> bool {
        address::collide(self.local, address) && (self.reuse, reuse) != (Reuse::Address, Reuse::Address)
    }

    /// Whether a datagram from `from` to `to` is one for this socket.
    pub(crate) fn hears(&self, from: SocketAddr, to: SocketAddr) -> bool {
        address::hears(self.local, to)
            && self.peer.is_none_or(|peer| peer == from)
            && (!to.ip().is_multicast() || self.groups.contains(&to.ip()))
    }

    /// How well it fits a datagram that it hears: a connected socket better than a bound one, and that better than one
    /// that is bound to all addresses.
    pub(crate) fn fitness(&self) -> u8 {
        u8::from(self.peer.is_some()) + u8::from(!self.local.ip().is_unspecified())
    }
}
