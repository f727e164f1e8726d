//! Which addresses are this host's, and which are those of others.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The broadcast address of the loopback network.
const LOOPBACK_BROADCAST: Ipv4Addr = Ipv4Addr::new(127, 255, 255, 255);

/// The broadcast address of the network that the hosts of a world share.
const NETWORK_BROADCAST: Ipv4Addr = Ipv4Addr::new(10, 255, 255, 255);

/// Where a host is: its number on the network, if there is one. Host 0 has the addresses `10.0.0.1` and `fd00::1`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Home(Option<u16>);

impl Home {
    /// A host without a network.
    pub(crate) const ALONE: Home = Home(None);

    /// Host `number` of a network.
    pub(crate) const fn of(number: u16) -> Home {
        Home(Some(number))
    }

    /// Whether there is a network.
    pub(crate) const fn is_of_a_network(self) -> bool {
        self.0.is_some()
    }

    /// The host's IPv4 address on the network.
    pub(crate) const fn v4(self) -> Option<Ipv4Addr> {
        match self.0 {
            // The network has room for 2^24 hosts.
            Some(number) => Some(Ipv4Addr::from_bits(0x0a00_0000 + number as u32 + 1)),
            None => None,
        }
    }

    /// The host's IPv6 address on the network.
    pub(crate) const fn v6(self) -> Option<Ipv6Addr> {
        match self.0 {
            Some(number) => Some(Ipv6Addr::from_bits((0xfd00 << 112) + number as u128 + 1)),
            None => None,
        }
    }

    /// Whether packets to `ip` go to this host alone.
    pub(crate) fn is_local(self, ip: IpAddr) -> bool {
        (ip.is_loopback() && !is_broadcast(ip)) || self.is_own(ip)
    }

    /// Whether packets to `ip` go to another host, if there is one with that address.
    pub(crate) fn is_elsewhere(self, ip: IpAddr) -> bool {
        self.0.is_some() && !self.is_own(ip) && !is_broadcast(ip) && is_of_the_network(ip)
    }

    /// Whether any socket can bind to `ip`.
    pub(crate) fn is_bindable(self, ip: IpAddr) -> bool {
        ip.is_loopback() || ip.is_unspecified() || self.is_own(ip)
    }

    /// Whether packets to `ip` also leave this host.
    pub(crate) fn is_heard_elsewhere(self, ip: IpAddr) -> bool {
        self.0.is_some() && (ip.is_multicast() || ip == NETWORK_BROADCAST || ip == Ipv4Addr::BROADCAST)
    }

    /// The address that packets to `peer` come from, if the sender has no address of its own.
    pub(crate) fn source_for(self, peer: IpAddr) -> IpAddr {
        match (peer, self.v4(), self.v6()) {
            (IpAddr::V4(peer), Some(own), _) if !peer.is_loopback() => IpAddr::V4(own),
            (IpAddr::V6(peer), _, Some(own)) if !peer.is_loopback() => IpAddr::V6(own),
            (IpAddr::V4(_), ..) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            (IpAddr::V6(_), ..) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        }
    }

    fn is_own(self, ip: IpAddr) -> bool {
        match ip {
            IpAddr::V4(ip) => self.v4() == Some(ip),
            IpAddr::V6(ip) => self.v6() == Some(ip),
        }
    }
}

/// The number of the host that has `ip` on the network.
pub(crate) fn host_of(ip: IpAddr) -> Option<u16> {
    let number = match ip {
        IpAddr::V4(ip) if ip.octets()[0] == 10 => (ip.to_bits() & 0x00ff_ffff) as u128,
        IpAddr::V6(ip) if ip.segments()[0] == 0xfd00 => ip.to_bits() & !(0xffff << 112),
        _ => return None,
    };
    u16::try_from(number.checked_sub(1)?).ok()
}

fn is_of_the_network(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.octets()[0] == 10,
        IpAddr::V6(ip) => ip.segments()[0] == 0xfd00,
    }
}

/// Whether packets to `ip` go to everybody.
pub(crate) fn is_broadcast(ip: IpAddr) -> bool {
    ip == LOOPBACK_BROADCAST || ip == NETWORK_BROADCAST || ip == Ipv4Addr::BROADCAST
}

/// The address without IPv6's zone and flow: there is one interface, and flows are for routers.
pub(crate) const fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip(), address.port())
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

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::{Home, host_of};

    #[test]
    fn a_host_is_found_by_either_of_its_addresses() {
        for number in [0, 1, 254, 255, 256, 40_000, u16::MAX] {
            let home = Home::of(number);
            assert_eq!(home.v4().and_then(|ip| host_of(ip.into())), Some(number));
            assert_eq!(home.v6().and_then(|ip| host_of(ip.into())), Some(number));
        }
        for elsewhere in ["127.0.0.1", "10.0.0.0", "10.255.255.255", "::1", "fd00::", "fd01::1"] {
            assert_eq!(elsewhere.parse().map(|ip: IpAddr| host_of(ip)), Ok(None), "{elsewhere}");
        }
    }

    #[test]
    fn packets_stay_here_or_go_elsewhere() {
        let home = Home::of(0);
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        for here in ["127.0.0.1", "10.0.0.1", "::1", "fd00::1"] {
            assert!(home.is_local(ip(here)) && !home.is_elsewhere(ip(here)), "{here}");
        }
        for there in ["10.0.0.2", "fd00::2"] {
            assert!(!home.is_local(ip(there)) && home.is_elsewhere(ip(there)), "{there}");
            assert!(!Home::ALONE.is_elsewhere(ip(there)), "{there}");
        }
        for nowhere in ["11.0.0.1", "10.255.255.255", "2001:db8::1"] {
            assert!(!home.is_local(ip(nowhere)) && !home.is_elsewhere(ip(nowhere)), "{nowhere}");
        }
    }
}
