//! Settings of open sockets: what they do, and what refuses them.

mod harness;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use harness::*;
use ptk_core::{Duration, Error, Interface, Keepalive, Membership, Options, Platform, Readiness, Reuse, SocketOption};
use ptk_linux::{Linux, Socket, interface_index};

const GROUP: Ipv4Addr = Ipv4Addr::new(239, 192, 7, 7);
const GROUP6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x7077);
const LOOPBACK: Interface = Interface::Address(Ipv4Addr::LOCALHOST);

fn of(group: impl Into<IpAddr>, interface: Interface) -> Membership {
    Membership { group: group.into(), interface }
}

/// A TCP connection, an IPv4 and an IPv6 UDP socket.
fn sockets(linux: &mut Linux<'_>) -> (Socket, Socket, Socket) {
    let tcp = connection(linux, token(1)).0;
    let four = linux.open_datagram(V4, &Options::DEFAULT, token(2)).unwrap();
    let six = linux.open_datagram(V6, &Options::DEFAULT, token(3)).expect("this test needs IPv6");
    (tcp, four, six)
}

fn keepalive(idle: u64, interval: u64, probes: u8) -> SocketOption {
    let (idle, interval) = (Duration::from_secs(idle), Duration::from_secs(interval));
    SocketOption::Keepalive(Some(Keepalive { idle, interval, probes }))
}

/// Refused sockets of other kinds, and values beyond the kernel's.
#[test]
fn each_setting_is_for_its_own_kind_of_socket() {
    let mut linux = open(Linux::new());
    let (mut tcp, mut four, mut six) = sockets(&mut linux);
    const OK: Result<(), Error> = Ok(());
    const NO: Result<(), Error> = Err(Error::NotSupported);
    const BAD: Result<(), Error> = Err(Error::InvalidArgument);
    let nowhere = Interface::Index(i32::MAX as u32);
    for (option, expected) in [
        (SocketOption::Nodelay(true), [OK, NO, NO]),
        (keepalive(1, 1, 1), [OK, NO, NO]),
        (keepalive(32_767, 32_767, 127), [OK, NO, NO]),
        (keepalive(0, 1, 1), [BAD, NO, NO]),
        (keepalive(32_768, 1, 1), [BAD, NO, NO]),
        (keepalive(1, 0, 1), [BAD, NO, NO]),
        (keepalive(1, 1, 0), [BAD, NO, NO]),
        (keepalive(1, 1, 128), [BAD, NO, NO]),
        (SocketOption::Keepalive(None), [OK, NO, NO]),
        (SocketOption::UserTimeout(Duration::from_secs(3)), [OK, NO, NO]),
        (SocketOption::UserTimeout(Duration::ZERO), [OK, NO, NO]),
        (SocketOption::ReceiveBuffer(u32::MAX), [OK, OK, OK]),
        (SocketOption::SendBuffer(0), [OK, OK, OK]),
        (SocketOption::HopLimit(1), [OK, OK, OK]),
        (SocketOption::HopLimit(255), [OK, OK, OK]),
        (SocketOption::HopLimit(0), [BAD, BAD, BAD]),
        (SocketOption::Broadcast(true), [NO, OK, NO]),
        (SocketOption::MulticastHops(0), [NO, OK, OK]),
        (SocketOption::MulticastHops(255), [NO, OK, OK]),
        (SocketOption::MulticastLoopback(false), [NO, OK, OK]),
        (SocketOption::MulticastInterface(Interface::Any), [NO, OK, OK]),
        (SocketOption::MulticastInterface(Interface::Index(1)), [NO, OK, OK]),
        (SocketOption::MulticastInterface(LOOPBACK), [NO, OK, BAD]),
        (SocketOption::MulticastInterface(Interface::Address(Ipv4Addr::new(203, 0, 113, 7))), [NO, BAD, BAD]),
        (SocketOption::MulticastInterface(nowhere), [NO, BAD, BAD]),
        (SocketOption::Join(of(GROUP, nowhere)), [NO, BAD, BAD]),
        (SocketOption::Join(of(GROUP6, nowhere)), [NO, BAD, BAD]),
        (SocketOption::Join(of(GROUP6, LOOPBACK)), [NO, BAD, BAD]),
        (SocketOption::Join(of(Ipv4Addr::LOCALHOST, LOOPBACK)), [NO, BAD, BAD]),
        (SocketOption::Join(of(Ipv6Addr::LOCALHOST, Interface::Index(1))), [NO, BAD, BAD]),
    ] {
        for (socket, expected) in [&mut tcp, &mut four, &mut six].into_iter().zip(expected) {
            assert_eq!(linux.set_option(socket, option), expected, "{option:?}");
        }
    }
    assert_eq!(
        linux.set_option(&mut tcp, SocketOption::UserTimeout(Duration::from_secs(3_000_000))),
        BAD,
        "more milliseconds than the kernel counts"
    );
}

/// A receiver of the platform that shares a port, its group joined on `interface`; and where to send to.
fn member(linux: &mut Linux<'_>, index: u64, port: u16, interface: Interface) -> (Socket, SocketAddr) {
    let options = Options { reuse: Reuse::Address, ..Options::DEFAULT };
    let any = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port);
    let mut socket = linux.open_datagram(any, &options, token(index)).unwrap();
    linux.set_option(&mut socket, SocketOption::Join(of(GROUP, interface))).unwrap();
    let port = linux.local_address(&socket).unwrap().port();
    (socket, SocketAddr::new(GROUP.into(), port))
}

/// A sender into the loopback interface.
fn sender(linux: &mut Linux<'_>) -> Socket {
    let any = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
    let mut sender = linux.open_datagram(any, &Options::DEFAULT, token(9)).unwrap();
    linux.set_option(&mut sender, SocketOption::MulticastInterface(LOOPBACK)).unwrap();
    sender
}

#[test]
fn every_member_gets_what_is_sent_to_the_group_until_it_leaves() {
    let mut linux = open(Linux::new());
    let index = interface_index("lo").unwrap();
    let (mut first, group) = member(&mut linux, 1, 0, LOOPBACK);
    let (mut second, _) = member(&mut linux, 2, group.port(), Interface::Index(index));
    let mut sender = sender(&mut linux);
    assert_eq!(linux.send_to(&mut sender, b"all", Some(group)), Ok(()));
    let has_come = |heard: &Recorder, number| heard.readiness(token(number)).has(Readiness::READ);
    wait_until(&mut linux, |heard| has_come(heard, 1) && has_come(heard, 2));
    for socket in [&mut first, &mut second] {
        assert_eq!(linux.receive_from(socket, &mut [0; 10]).unwrap().0.count, 3);
        assert_eq!(linux.receive_from(socket, &mut [0; 10]).map(|_| ()), Err(Error::WouldBlock));
    }
    linux.set_option(&mut first, SocketOption::Leave(of(GROUP, LOOPBACK))).unwrap();
    linux.set_option(&mut second, SocketOption::Leave(of(GROUP, Interface::Index(index)))).unwrap();
    assert_eq!(linux.send_to(&mut sender, b"all", Some(group)), Ok(()));
    assert!(!listen_for(&mut linux, SILENCE).0.readiness(token(1)).has(Readiness::READ));
    assert_eq!(linux.receive_from(&mut first, &mut [0; 10]).map(|_| ()), Err(Error::WouldBlock));
}

/// The loopback interface brings back all that it is given, so this needs another.
#[test]
fn without_loopback_members_on_this_machine_hear_nothing() {
    in_process_of_its_own("without_loopback_members_on_this_machine_hear_nothing", || {
        network_of_its_own();
        ip("link add ptk0 type veth peer name ptk1");
        ip("addr add 198.51.100.1/24 dev ptk0");
        ip("link set ptk1 up");
        ip("link set ptk0 up");
        let mut linux = open(Linux::new());
        let ours = Interface::Index(interface_index("ptk0").unwrap());
        let (mut receiver, group) = member(&mut linux, 1, 0, ours);
        let any = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
        let mut sender = linux.open_datagram(any, &Options::DEFAULT, token(9)).unwrap();
        linux.set_option(&mut sender, SocketOption::MulticastInterface(ours)).unwrap();
        linux.set_option(&mut sender, SocketOption::MulticastLoopback(false)).unwrap();
        assert_eq!(linux.send_to(&mut sender, b"quiet", Some(group)), Ok(()));
        linux.set_option(&mut sender, SocketOption::MulticastLoopback(true)).unwrap();
        assert_eq!(linux.send_to(&mut sender, b"loud", Some(group)), Ok(()));
        wait_for(&mut linux, token(1), Readiness::READ);
        let mut buffer = [0; 10];
        let datagram = linux.receive_from(&mut receiver, &mut buffer).unwrap().0;
        assert_eq!(&buffer[..datagram.count], b"loud");
        assert_eq!(datagram.from.ip(), IpAddr::from([198, 51, 100, 1]), "from the interface that was named");
    });
}

#[test]
fn memberships_are_counted() {
    let mut linux = open(Linux::new());
    let (_tcp, four, six) = sockets(&mut linux);
    let mut sockets = [four, six];
    let index = Interface::Index(interface_index("lo").unwrap());
    for (at, membership) in [(0, of(GROUP, index)), (0, of(GROUP, LOOPBACK)), (1, of(GROUP6, index))] {
        let socket = &mut sockets[at];
        let mut set = |option| linux.set_option(socket, option);
        assert_eq!(set(SocketOption::Leave(membership)), Err(Error::AddressNotAvailable), "{membership:?}");
        assert_eq!(set(SocketOption::Join(membership)), Ok(()));
        assert_eq!(set(SocketOption::Join(membership)), Err(Error::AddressInUse));
        assert_eq!(set(SocketOption::Leave(membership)), Ok(()));
        assert_eq!(set(SocketOption::Leave(membership)), Err(Error::AddressNotAvailable));
    }
    assert_eq!(linux.last_os_error(), Some(libc::EADDRNOTAVAIL));
}

#[test]
fn more_groups_than_the_kernel_allows_are_refused() {
    let limit = std::fs::read_to_string("/proc/sys/net/ipv4/igmp_max_memberships").unwrap();
    let limit: u8 = limit.trim().parse().unwrap();
    let mut linux = open(Linux::new());
    let mut socket = linux.open_datagram(V4, &Options::DEFAULT, token(1)).unwrap();
    let mut join = |number| {
        let group = Ipv4Addr::new(239, 192, 8, number);
        linux.set_option(&mut socket, SocketOption::Join(of(group, LOOPBACK)))
    };
    for number in 0..limit {
        assert_eq!(join(number), Ok(()), "{number}");
    }
    assert_eq!(join(limit), Err(Error::OutOfMemory));
}

#[test]
fn a_group_that_no_route_leads_to_needs_an_interface() {
    in_process_of_its_own("a_group_that_no_route_leads_to_needs_an_interface", || {
        network_of_its_own();
        let mut linux = open(Linux::new());
        let any = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
        let mut socket = linux.open_datagram(any, &Options::DEFAULT, token(1)).unwrap();
        let membership = of(GROUP, Interface::Any);
        assert_eq!(linux.set_option(&mut socket, SocketOption::Join(membership)), Err(Error::NoRoute));
        assert_eq!(linux.last_os_error(), Some(libc::ENODEV), "the kernel's own number");
        assert_eq!(linux.set_option(&mut socket, SocketOption::Leave(membership)), Err(Error::AddressNotAvailable));
    });
}

#[test]
fn a_broadcast_is_heard() {
    let mut linux = open(Linux::new());
    let receiver = UdpSocket::bind("0.0.0.0:0").unwrap();
    receiver.set_read_timeout(Some(PATIENCE.into())).unwrap();
    let mut socket = linux.open_datagram(V4, &Options::DEFAULT, token(1)).unwrap();
    let to = SocketAddr::from(([127, 255, 255, 255], receiver.local_addr().unwrap().port()));
    linux.set_option(&mut socket, SocketOption::Broadcast(true)).unwrap();
    assert_eq!(linux.send_to(&mut socket, b"all", Some(to)), Ok(()));
    assert_eq!(receiver.recv(&mut [0; 10]).unwrap(), 3);
    linux.set_option(&mut socket, SocketOption::Broadcast(false)).unwrap();
    assert_eq!(linux.send_to(&mut socket, b"all", Some(to)), Err(Error::PermissionDenied));
}

#[test]
fn data_that_a_peer_never_takes_time_out() {
    let mut linux = open(Linux::new());
    let options = Options { send_buffer: 10_000, ..Options::DEFAULT };
    let (mut socket, _peer) = connection_with(&mut linux, token(1), &options);
    linux.set_option(&mut socket, SocketOption::UserTimeout(Duration::from_millis(200))).unwrap();
    // Room comes up as long as the peer's kernel takes what its program does not.
    loop {
        while linux.send(&mut socket, &[0; 10_000]).is_ok() {}
        if wait_until(&mut linux, |heard| !heard.sockets.is_empty()).readiness(token(1)).has(Readiness::HANGUP) {
            break;
        }
    }
    assert_eq!(linux.receive(&mut socket, &mut [0; 10]).map(|_| ()), Err(Error::TimedOut));
}

#[test]
fn interfaces_have_numbers_and_names_that_are_none_are_refused() {
    let number: u32 = std::fs::read_to_string("/sys/class/net/lo/ifindex").unwrap().trim().parse().unwrap();
    assert_eq!(interface_index("lo"), Ok(number));
    for none in ["", "lo\0", "no such interface", "a-name-of-more-than-fifteen-bytes", &"x".repeat(5000), "é"] {
        assert_eq!(interface_index(none), Err(Error::InvalidArgument), "{none:?}");
    }
}
