//! Which addresses are this host's.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Whether packets to `ip` stay on this host.
pub(crate) const fn is_local(ip: IpAddr) -> bool {
    ip.is_loopback()
}

/// Whether a listener can bind to `ip`.
pub(crate) const fn is_bindable(ip: IpAddr) -> bool {
    is_local(ip) || ip.is_unspecified()
}

/// The address that a connection to `peer` starts from.
pub(crate) const fn source_for(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    }
}

/// Whether a listener at `bound` hears a connect to `peer`.
pub(crate) fn hears(bound: SocketAddr, peer: SocketAddr) -> bool {
    bound.port() == peer.port()
        && bound.is_ipv4() == peer.is_ipv4()
        && (bound.ip() == peer.ip() || bound.ip().is_unspecified())
}

/// Whether two listeners would hear the same connect.
pub(crate) fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    hears(one, other) || hears(other, one)
}
