//! Which addresses are this host's.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The broadcast address of the loopback network.
const LOOPBACK_BROADCAST: Ipv4Addr = Ipv4Addr::new(127, 255, 255, 255);

/// Whether packets to `ip` go to this host alone.
pub(crate) fn is_local(ip: IpAddr) -> bool {
    ip.is_loopback() && !is_broadcast(ip)
}

/// Whether packets to `ip` go to everybody.
pub(crate) fn is_broadcast(ip: IpAddr) -> bool {
    ip == LOOPBACK_BROADCAST || ip == Ipv4Addr::BROADCAST
}

/// Whether any socket can bind to `ip`.
pub(crate) const fn is_bindable(ip: IpAddr) -> bool {
    ip.is_loopback() || ip.is_unspecified()
}

/// The address without IPv6's zone and flow: there is one interface, and flows are for routers.
pub(crate) const fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip(), address.port())
}

/// The address that packets to `peer` come from, if the sender has no address of its own.
pub(crate) const fn source_for(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    }
}

/// Whether a socket at `bound` hears what comes to `target`.
pub(crate) fn hears(bound: SocketAddr, target: SocketAddr) -> bool {
    bound.port() == target.port()
        && bound.is_ipv4() == target.is_ipv4()
        && (bound.ip() == target.ip() || bound.ip().is_unspecified())
}

/// Whether two sockets would hear the same.
pub(crate) fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    hears(one, other) || hears(other, one)
}
