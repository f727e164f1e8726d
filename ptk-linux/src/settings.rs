//! Settings of sockets: those of [`Options`], set before use, and those of [`SocketOption`], set at any time.

use core::net::{IpAddr, Ipv4Addr};

use ptk_core::{Duration, Error, Interface, Keepalive, Membership, Options, SocketOption};
use rustix::fd::BorrowedFd;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType, ipproto, sockopt};

use crate::errno;

/// Sets what differs from the default.
pub(crate) fn configure(fd: BorrowedFd<'_>, options: &Options) -> Result<(), Errno> {
    if options.nodelay {
        sockopt::set_tcp_nodelay(fd, true)?;
    }
    resize_buffers(fd, options)
}

/// The kernel doubles the sizes for its own needs and keeps them within `net.core.rmem_max` and `wmem_max` (`socket(7)`).
pub(crate) fn resize_buffers(fd: BorrowedFd<'_>, options: &Options) -> Result<(), Errno> {
    if options.receive_buffer != 0 {
        sockopt::set_socket_recv_buffer_size(fd, buffer_size(options.receive_buffer))?;
    }
    if options.send_buffer != 0 {
        sockopt::set_socket_send_buffer_size(fd, buffer_size(options.send_buffer))?;
    }
    Ok(())
}

/// The kernel takes an `int`; the largest is more than it allows anyway.
fn buffer_size(bytes: u32) -> usize {
    bytes.min(i32::MAX as u32) as usize
}

/// Changes a setting of an open socket. What the kernel takes silently although it has no effect is refused.
pub(crate) fn set(fd: BorrowedFd<'_>, option: SocketOption) -> Result<(), Errno> {
    match option {
        SocketOption::Nodelay(on) => sockopt::set_tcp_nodelay(fd, on),
        SocketOption::Keepalive(keepalive) => set_keepalive(fd, keepalive),
        SocketOption::UserTimeout(timeout) => sockopt::set_tcp_user_timeout(fd, milliseconds(timeout)?),
        SocketOption::ReceiveBuffer(bytes) => sockopt::set_socket_recv_buffer_size(fd, buffer_size(bytes)),
        SocketOption::SendBuffer(bytes) => sockopt::set_socket_send_buffer_size(fd, buffer_size(bytes)),
        SocketOption::HopLimit(hops) => set_hop_limit(fd, hops),
        SocketOption::Broadcast(on) => match datagram_family(fd)? {
            Family::V4 => sockopt::set_socket_broadcast(fd, on),
            Family::V6 => Err(Errno::OPNOTSUPP),
        },
        SocketOption::MulticastHops(hops) => match datagram_family(fd)? {
            Family::V4 => sockopt::set_ip_multicast_ttl(fd, hops.into()),
            Family::V6 => sockopt::set_ipv6_multicast_hops(fd, hops.into()),
        },
        SocketOption::MulticastLoopback(on) => match datagram_family(fd)? {
            Family::V4 => sockopt::set_ip_multicast_loop(fd, on),
            Family::V6 => sockopt::set_ipv6_multicast_loop(fd, on),
        },
        SocketOption::MulticastInterface(interface) => set_multicast_interface(fd, interface),
        SocketOption::Join(membership) => join(fd, membership),
        SocketOption::Leave(membership) => leave(fd, membership),
        _ => Err(Errno::OPNOTSUPP),
    }
}

/// What a number means that `set` failed with. `ENODEV` and `EADDRNOTAVAIL` say in turn of an interface that it is not
/// there, of a group that no route leads to it, and of a membership that there is none (`ip(7)`, `ipv6(7)`).
#[cold]
pub(crate) fn error(option: SocketOption, errno: Errno) -> Error {
    match (option, errno) {
        (SocketOption::Join(Membership { interface: Interface::Any, .. }), Errno::NODEV) => Error::NoRoute,
        (SocketOption::Join(_), Errno::NODEV | Errno::ADDRNOTAVAIL) => Error::InvalidArgument,
        (SocketOption::MulticastInterface(_), Errno::NODEV | Errno::ADDRNOTAVAIL) => Error::InvalidArgument,
        (SocketOption::Leave(_), Errno::NODEV) => Error::AddressNotAvailable,
        _ => errno::error(errno),
    }
}

/// The families that have these settings.
enum Family {
    V4,
    V6,
}

fn internet_family(fd: BorrowedFd<'_>) -> Result<Family, Errno> {
    match sockopt::socket_domain(fd)? {
        AddressFamily::INET => Ok(Family::V4),
        AddressFamily::INET6 => Ok(Family::V6),
        _ => Err(Errno::OPNOTSUPP),
    }
}

fn datagram_family(fd: BorrowedFd<'_>) -> Result<Family, Errno> {
    match sockopt::socket_type(fd)? {
        SocketType::DGRAM => internet_family(fd),
        _ => Err(Errno::OPNOTSUPP),
    }
}

/// Zero, and what is beyond the kernel's 32767 seconds and 127 probes, is `EINVAL` (`tcp(7)`). The times come first: a
/// socket whose times are refused is not probed.
fn set_keepalive(fd: BorrowedFd<'_>, keepalive: Option<Keepalive>) -> Result<(), Errno> {
    // Sockets of all kinds take SO_KEEPALIVE.
    if sockopt::socket_protocol(fd)? != Some(ipproto::TCP) {
        return Err(Errno::OPNOTSUPP);
    }
    if let Some(keepalive) = keepalive {
        // Rounded up to seconds.
        sockopt::set_tcp_keepidle(fd, keepalive.idle.into())?;
        sockopt::set_tcp_keepintvl(fd, keepalive.interval.into())?;
        sockopt::set_tcp_keepcnt(fd, keepalive.probes.into())?;
    }
    sockopt::set_socket_keepalive(fd, keepalive.is_some())
}

/// Rounded up; the kernel takes an `int` that is not negative.
fn milliseconds(time: Duration) -> Result<u32, Errno> {
    u32::try_from(time.as_nanos().div_ceil(1_000_000)).map_err(|_| Errno::INVAL)
}

/// The kernel would take an IPv6 hop limit of 0, and send what nobody may pass on.
fn set_hop_limit(fd: BorrowedFd<'_>, hops: u8) -> Result<(), Errno> {
    match internet_family(fd)? {
        _ if hops == 0 => Err(Errno::INVAL),
        Family::V4 => sockopt::set_ip_ttl(fd, hops.into()),
        Family::V6 => sockopt::set_ipv6_unicast_hops(fd, Some(hops)),
    }
}

fn set_multicast_interface(fd: BorrowedFd<'_>, interface: Interface) -> Result<(), Errno> {
    match datagram_family(fd)? {
        Family::V4 => {
            let (address, index) = ipv4_interface(interface);
            // The kernel has no use for the group here.
            sockopt::set_ip_multicast_if_with_ifindex(fd, &Ipv4Addr::UNSPECIFIED, &address, index)
        }
        Family::V6 => sockopt::set_ipv6_multicast_if(fd, ipv6_interface(interface)?),
    }
}

fn join(fd: BorrowedFd<'_>, membership: Membership) -> Result<(), Errno> {
    match (datagram_family(fd)?, membership.group) {
        (Family::V4, IpAddr::V4(group)) => {
            let (address, index) = ipv4_interface(membership.interface);
            sockopt::set_ip_add_membership_with_ifindex(fd, &group, &address, index)
        }
        (Family::V6, IpAddr::V6(group)) => {
            sockopt::set_ipv6_add_membership(fd, &group, ipv6_interface(membership.interface)?)
        }
        _ => Err(Errno::INVAL),
    }
}

fn leave(fd: BorrowedFd<'_>, membership: Membership) -> Result<(), Errno> {
    match (datagram_family(fd)?, membership.group) {
        (Family::V4, IpAddr::V4(group)) => {
            let (address, index) = ipv4_interface(membership.interface);
            sockopt::set_ip_drop_membership_with_ifindex(fd, &group, &address, index)
        }
        (Family::V6, IpAddr::V6(group)) => {
            sockopt::set_ipv6_drop_membership(fd, &group, ipv6_interface(membership.interface)?)
        }
        _ => Err(Errno::INVAL),
    }
}

/// The two names of an interface in an `ip_mreqn`, of which the index is the stronger; zero is none (`ip(7)`).
const fn ipv4_interface(interface: Interface) -> (Ipv4Addr, u32) {
    match interface {
        Interface::Any => (Ipv4Addr::UNSPECIFIED, 0),
        Interface::Address(address) => (address, 0),
        Interface::Index(index) => (Ipv4Addr::UNSPECIFIED, index),
    }
}

fn ipv6_interface(interface: Interface) -> Result<u32, Errno> {
    match interface {
        Interface::Any => Ok(0),
        Interface::Index(index) => Ok(index),
        Interface::Address(_) => Err(Errno::INVAL),
    }
}

#[cfg(test)]
mod tests {
    use core::net::{Ipv6Addr, SocketAddr};

    use rustix::fd::AsFd;

    use super::*;
    use crate::{tcp, udp};

    const V4: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
    const V6: SocketAddr = SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 0);

    #[test]
    fn times_are_rounded_up() {
        let fd = tcp::open_listener(V4, &Options::DEFAULT).unwrap();
        let keepalive = Keepalive { idle: Duration::from_nanos(1), interval: Duration::from_millis(2_001), probes: 7 };
        set(fd.as_fd(), SocketOption::Keepalive(Some(keepalive))).unwrap();
        assert!(sockopt::socket_keepalive(&fd).unwrap());
        assert_eq!(sockopt::tcp_keepidle(&fd).unwrap().as_secs(), 1);
        assert_eq!(sockopt::tcp_keepintvl(&fd).unwrap().as_secs(), 3);
        assert_eq!(sockopt::tcp_keepcnt(&fd), Ok(7));
        set(fd.as_fd(), SocketOption::Keepalive(None)).unwrap();
        assert!(!sockopt::socket_keepalive(&fd).unwrap());

        for (nanos, millis) in [(1, 1), (1_000_000, 1), (1_000_001, 2), (0, 0)] {
            set(fd.as_fd(), SocketOption::UserTimeout(Duration::from_nanos(nanos))).unwrap();
            assert_eq!(sockopt::tcp_user_timeout(&fd), Ok(millis), "{nanos} ns");
        }
    }

    #[test]
    fn refused_times_leave_probing_off() {
        let fd = tcp::open_listener(V4, &Options::DEFAULT).unwrap();
        let keepalive = Keepalive { idle: Duration::from_secs(1), interval: Duration::ZERO, probes: 1 };
        assert_eq!(set(fd.as_fd(), SocketOption::Keepalive(Some(keepalive))), Err(Errno::INVAL));
        assert!(!sockopt::socket_keepalive(&fd).unwrap());
    }

    #[test]
    fn nodelay_and_buffers_are_changed() {
        let fd = tcp::open_listener(V4, &Options { nodelay: true, ..Options::DEFAULT }).unwrap();
        set(fd.as_fd(), SocketOption::Nodelay(false)).unwrap();
        assert!(!sockopt::tcp_nodelay(&fd).unwrap());
        set(fd.as_fd(), SocketOption::ReceiveBuffer(50_000)).unwrap();
        set(fd.as_fd(), SocketOption::SendBuffer(40_000)).unwrap();
        // The kernel reports the double (socket(7)).
        assert_eq!(sockopt::socket_recv_buffer_size(&fd), Ok(100_000));
        assert_eq!(sockopt::socket_send_buffer_size(&fd), Ok(80_000));
    }

    #[test]
    fn both_families_have_their_own_numbers() {
        let four = udp::open(V4, &Options::DEFAULT).unwrap();
        let six = udp::open(V6, &Options::DEFAULT).expect("this test needs IPv6");
        for fd in [&four, &six] {
            for option in [
                SocketOption::HopLimit(33),
                SocketOption::MulticastHops(44),
                SocketOption::MulticastLoopback(false),
                SocketOption::MulticastInterface(Interface::Index(1)),
            ] {
                set(fd.as_fd(), option).unwrap();
            }
        }
        assert_eq!(sockopt::ip_ttl(&four), Ok(33));
        assert_eq!(sockopt::ip_multicast_ttl(&four), Ok(44));
        assert_eq!(sockopt::ip_multicast_loop(&four), Ok(false));
        assert_eq!(sockopt::ipv6_unicast_hops(&six), Ok(33));
        assert_eq!(sockopt::ipv6_multicast_hops(&six), Ok(44));
        assert_eq!(sockopt::ipv6_multicast_loop(&six), Ok(false));
        assert_eq!(sockopt::ipv6_multicast_if(&six), Ok(1));

        set(four.as_fd(), SocketOption::MulticastInterface(Interface::Address(Ipv4Addr::LOCALHOST))).unwrap();
        assert_eq!(sockopt::ip_multicast_if(&four), Ok(Ipv4Addr::LOCALHOST));
        set(four.as_fd(), SocketOption::MulticastInterface(Interface::Any)).unwrap();
        assert_eq!(sockopt::ip_multicast_if(&four), Ok(Ipv4Addr::UNSPECIFIED));
    }

    #[test]
    fn the_options_of_a_new_datagram_socket_are_set() {
        let options = Options { receive_buffer: 50_000, send_buffer: 40_000, ..Options::DEFAULT };
        let fd = udp::open(V6, &options).expect("this test needs IPv6");
        assert_eq!(sockopt::socket_recv_buffer_size(&fd), Ok(100_000));
        assert_eq!(sockopt::socket_send_buffer_size(&fd), Ok(80_000));
        assert!(sockopt::ipv6_v6only(&fd).unwrap());
        assert!(!sockopt::socket_reuseaddr(&fd).unwrap());
    }
}
