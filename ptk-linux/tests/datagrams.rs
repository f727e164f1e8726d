//! UDP: what arrives, what is lost and flagged, peers, and what the network says.

mod harness;

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use harness::*;
use ptk_core::{Close, Datagram, Error, Handle, Options, Platform, Readiness, Rest, Reuse, SocketOption};
use ptk_linux::{Linux, Socket};

/// A socket of the platform under `token`, and its address.
fn datagram(linux: &mut Linux<'_>, at: SocketAddr, token: Handle) -> (Socket, SocketAddr) {
    let socket = linux.open_datagram(at, &Options::DEFAULT, token);
    let socket = socket.unwrap_or_else(|error| panic!("this test needs {at}: {error}"));
    let address = linux.local_address(&socket).unwrap();
    (socket, address)
}

/// A socket of the standard library that does not wait for ever.
fn peer(at: SocketAddr) -> UdpSocket {
    let peer = UdpSocket::bind(at).unwrap();
    peer.set_read_timeout(Some(PATIENCE.into())).unwrap();
    peer
}

/// Receives into a buffer of 100 bytes.
fn receive_from(linux: &mut Linux<'_>, socket: &mut Socket) -> Result<(Vec<u8>, SocketAddr), Error> {
    let mut buffer = [0; 100];
    let (datagram, rest) = linux.receive_from(socket, &mut buffer)?;
    assert_eq!(rest, Rest::MaybeMore, "nothing says that a datagram was the last one");
    assert!(!datagram.truncated);
    Ok((buffer[..datagram.count].to_vec(), datagram.from))
}

#[test]
fn datagrams_go_both_ways_with_their_addresses() {
    for any in [V4, V6] {
        let mut linux = open(Linux::new());
        let (mut socket, address) = datagram(&mut linux, any, token(1));
        let peer = peer(any);
        wait_for(&mut linux, token(1), Readiness::WRITE);
        assert_eq!(linux.send_to(&mut socket, b"over", Some(peer.local_addr().unwrap())), Ok(()));
        let mut buffer = [0; 10];
        assert_eq!(peer.recv_from(&mut buffer).unwrap(), (4, address));
        peer.send_to(b"and out", address).unwrap();
        wait_for(&mut linux, token(1), Readiness::READ);
        assert_eq!(receive_from(&mut linux, &mut socket), Ok((b"and out".to_vec(), peer.local_addr().unwrap())));
        assert_eq!(receive_from(&mut linux, &mut socket), Err(Error::WouldBlock));
        assert_eq!(linux.last_os_error(), None, "an empty queue is no failure");
    }
}

#[test]
fn each_arrival_is_announced_after_the_queue_was_found_empty() {
    let mut linux = open(Linux::new());
    let (mut socket, address) = datagram(&mut linux, V4, token(1));
    let peer = peer(V4);
    for number in 0..100_u8 {
        peer.send_to(&[number], address).unwrap();
        peer.send_to(&[number, number], address).unwrap();
        wait_for(&mut linux, token(1), Readiness::READ);
        assert_eq!(receive_from(&mut linux, &mut socket).unwrap().0, [number]);
        assert_eq!(receive_from(&mut linux, &mut socket).unwrap().0, [number, number]);
        assert_eq!(receive_from(&mut linux, &mut socket), Err(Error::WouldBlock));
    }
}

#[test]
fn an_empty_datagram_is_a_datagram() {
    let mut linux = open(Linux::new());
    let (mut socket, address) = datagram(&mut linux, V4, token(1));
    let peer = peer(V4);
    let from = peer.local_addr().unwrap();
    assert_eq!(linux.send_to(&mut socket, b"", Some(from)), Ok(()));
    assert_eq!(peer.recv_from(&mut [0; 10]).unwrap(), (0, address));
    linux.connect_datagram(&mut socket, Some(from)).unwrap();
    assert_eq!(linux.send_to(&mut socket, b"", None), Ok(()));
    assert_eq!(peer.recv_from(&mut [0; 10]).unwrap(), (0, address));

    peer.send_to(b"", address).unwrap();
    peer.send_to(b"behind", address).unwrap();
    wait_for(&mut linux, token(1), Readiness::READ);
    assert_eq!(receive_from(&mut linux, &mut socket), Ok((Vec::new(), from)));
    assert_eq!(receive_from(&mut linux, &mut socket), Ok((b"behind".to_vec(), from)));
}

#[test]
fn what_is_cut_off_is_flagged_and_lost() {
    for any in [V4, V6] {
        let mut linux = open(Linux::new());
        let (mut socket, address) = datagram(&mut linux, any, token(1));
        let peer = peer(any);
        let from = peer.local_addr().unwrap();
        for _ in 0..3 {
            peer.send_to(b"four", address).unwrap();
        }
        peer.send_to(b"", address).unwrap();
        wait_for(&mut linux, token(1), Readiness::READ);
        for (room, count, truncated) in [(3, 3, true), (4, 4, false), (0, 0, true), (0, 0, false)] {
            let mut buffer = [0; 4];
            let got = linux.receive_from(&mut socket, &mut buffer[..room]).unwrap().0;
            assert_eq!(got, Datagram { count, from, truncated }, "into {room}");
            assert_eq!(&buffer[..count], &b"four"[..count]);
        }
        assert_eq!(receive_from(&mut linux, &mut socket), Err(Error::WouldBlock), "each took one");
    }
}

#[test]
fn a_refusal_is_told_once_and_the_socket_goes_on() {
    in_process_of_its_own("a_refusal_is_told_once_and_the_socket_goes_on", || {
        for any in [V4, V6] {
            for told_by_send in [false, true] {
                let mut linux = open(Linux::new());
                let (mut socket, address) = datagram(&mut linux, any, token(1));
                let gone = peer(any).local_addr().unwrap();
                linux.connect_datagram(&mut socket, Some(gone)).unwrap();
                while !take_events(&mut linux).sockets.is_empty() {}
                assert_eq!(linux.send_to(&mut socket, b"anybody?", None), Ok(()));
                let heard = wait_for(&mut linux, token(1), Readiness::READ);
                assert!(heard.readiness(token(1)).has(Readiness::WRITE), "either call may tell it");
                let told = if told_by_send {
                    linux.send_to(&mut socket, b"still nobody?", None)
                } else {
                    receive_from(&mut linux, &mut socket).map(|_| ())
                };
                assert_eq!(told, Err(Error::ConnectionRefused));
                assert_eq!(linux.last_os_error(), Some(libc::ECONNREFUSED));
                assert_eq!(receive_from(&mut linux, &mut socket), Err(Error::WouldBlock), "once");

                let back = peer(gone);
                assert_eq!(linux.send_to(&mut socket, b"there", None), Ok(()));
                assert_eq!(back.recv_from(&mut [0; 10]).unwrap(), (5, address));
                back.send_to(b"here", address).unwrap();
                wait_for(&mut linux, token(1), Readiness::READ);
                assert_eq!(receive_from(&mut linux, &mut socket), Ok((b"here".to_vec(), gone)));
            }
        }
    });
}

#[test]
fn a_peer_keeps_others_out_until_it_is_taken_away() {
    for any in [V4, V6] {
        let mut linux = open(Linux::new());
        let (mut socket, address) = datagram(&mut linux, any, token(1));
        let (friend, other) = (peer(any), peer(any));
        assert_eq!(linux.peer_address(&socket), Err(Error::NotConnected));
        assert_eq!(linux.send_to(&mut socket, b"x", None), Err(Error::NotConnected));

        linux.connect_datagram(&mut socket, friend.local_addr().ok()).unwrap();
        assert_eq!(linux.peer_address(&socket), Ok(friend.local_addr().unwrap()));
        other.send_to(b"let me in", address).unwrap();
        friend.send_to(b"hello", address).unwrap();
        wait_for(&mut linux, token(1), Readiness::READ);
        assert_eq!(receive_from(&mut linux, &mut socket).unwrap().0, b"hello");
        assert_eq!(receive_from(&mut linux, &mut socket), Err(Error::WouldBlock));
        assert_eq!(linux.send_to(&mut socket, b"yes", None), Ok(()));
        assert_eq!(friend.recv_from(&mut [0; 10]).unwrap(), (3, address));
        assert_eq!(linux.send_to(&mut socket, b"no", other.local_addr().ok()), Ok(()), "others may still be named");
        assert_eq!(other.recv_from(&mut [0; 10]).unwrap(), (2, address));

        linux.connect_datagram(&mut socket, None).unwrap();
        assert_eq!(linux.peer_address(&socket), Err(Error::NotConnected));
        assert_eq!(linux.send_to(&mut socket, b"x", None), Err(Error::NotConnected));
        assert_eq!(linux.local_address(&socket), Ok(address), "its own address stays");
        other.send_to(b"now?", address).unwrap();
        wait_for(&mut linux, token(1), Readiness::READ);
        assert_eq!(receive_from(&mut linux, &mut socket).unwrap().0, b"now?");
    }
}

#[test]
fn a_socket_at_any_address_keeps_it_when_its_peer_is_taken_away() {
    for (any, localhost) in [("0.0.0.0:0", V4), ("[::]:0", V6)] {
        let mut linux = open(Linux::new());
        let (mut socket, address) = datagram(&mut linux, any.parse().unwrap(), token(1));
        let peer = peer(localhost);
        linux.connect_datagram(&mut socket, peer.local_addr().ok()).unwrap();
        assert_eq!(linux.local_address(&socket).unwrap().ip(), localhost.ip());
        linux.connect_datagram(&mut socket, None).unwrap();
        assert_eq!(linux.local_address(&socket), Ok(address));
    }
}

#[test]
fn what_cannot_be_sent_says_why() {
    let mut linux = open(Linux::new());
    let (mut four, _) = datagram(&mut linux, V4, token(1));
    let (mut six, _) = datagram(&mut linux, V6, token(2));
    let (to_four, to_six) = (peer(V4).local_addr().ok(), peer(V6).local_addr().ok());
    let large = vec![0; 65_508];
    assert_eq!(linux.send_to(&mut four, &large, to_four), Err(Error::MessageTooLarge));
    assert_eq!(linux.send_to(&mut four, &large[..65_507], to_four), Ok(()));
    assert_eq!(linux.send_to(&mut four, b"x", to_six), Err(Error::InvalidArgument));
    assert_eq!(linux.send_to(&mut six, b"x", to_four), Err(Error::InvalidArgument));
    assert_eq!(linux.connect_datagram(&mut four, to_six), Err(Error::InvalidArgument));
    assert_eq!(linux.connect_datagram(&mut six, to_four), Err(Error::InvalidArgument));
    let broadcast = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 255, 255, 255)), 9);
    assert_eq!(linux.send_to(&mut four, b"x", Some(broadcast)), Err(Error::PermissionDenied));
    linux.set_option(&mut four, SocketOption::Broadcast(true)).unwrap();
    assert_eq!(linux.send_to(&mut four, b"x", Some(broadcast)), Ok(()));
}

#[test]
fn an_ipv6_socket_leaves_the_port_to_ipv4() {
    in_process_of_its_own("an_ipv6_socket_leaves_the_port_to_ipv4", || {
        let mut linux = open(Linux::new());
        let (_six, address) = datagram(&mut linux, "[::]:0".parse().unwrap(), token(1));
        let four = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), address.port());
        assert!(linux.open_datagram(four, &Options::DEFAULT, token(2)).is_ok());
    });
}

#[test]
fn addresses_are_shared_only_by_those_who_ask_for_the_same() {
    let mut linux = open(Linux::new());
    for (first, second, shared) in [
        (Reuse::Never, Reuse::Never, false),
        (Reuse::Never, Reuse::Address, false),
        (Reuse::Never, Reuse::Port, false),
        (Reuse::Address, Reuse::Never, false),
        (Reuse::Address, Reuse::Address, true),
        (Reuse::Port, Reuse::Port, true),
        (Reuse::Address, Reuse::Port, false),
    ] {
        let with = |reuse| Options { reuse, ..Options::DEFAULT };
        let held = linux.open_datagram(V4, &with(first), token(1)).unwrap();
        let address = linux.local_address(&held).unwrap();
        let second_one = linux.open_datagram(address, &with(second), token(2)).map(|_| ());
        let expected = if shared { Ok(()) } else { Err(Error::AddressInUse) };
        assert_eq!(second_one, expected, "{first:?}, {second:?}");
    }
}

#[test]
fn a_full_send_buffer_blocks_and_room_is_announced() {
    in_process_of_its_own("a_full_send_buffer_blocks_and_room_is_announced", || {
        // On the loopback interface the receiver's queue takes what is sent at once, so the queue of an interface of our
        // own holds it back.
        let mut linux = open(Linux::new());
        let slow = slow_network();
        let options = Options { send_buffer: 8_000, ..Options::DEFAULT };
        let any = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
        let mut socket = linux.open_datagram(any, &options, token(1)).unwrap();
        wait_for(&mut linux, token(1), Readiness::WRITE);
        let mut sent = 0;
        let error = loop {
            match linux.send_to(&mut socket, &[0; 1000], Some(slow)) {
                Ok(()) => sent += 1,
                Err(error) => break error,
            }
            assert!(sent < 10_000, "it never fills");
        };
        assert_eq!(error, Error::WouldBlock);
        wait_for(&mut linux, token(1), Readiness::WRITE);
        assert_eq!(linux.send_to(&mut socket, &[0; 1000], Some(slow)), Ok(()));
    });
}

/// An address in this process's own network at which nobody answers: what is sent there counts as the sender's until the
/// kernel gives up.
fn slow_network() -> SocketAddr {
    network_of_its_own();
    ip("link add ptk0 type veth peer name ptk1");
    ip("addr add 198.51.100.1/24 dev ptk0");
    ip("link set ptk1 up");
    ip("link set ptk0 up");
    std::fs::write("/proc/sys/net/ipv4/neigh/ptk0/mcast_solicit", "1").unwrap();
    SocketAddr::from(([198, 51, 100, 2], 9))
}

#[test]
fn a_closed_socket_hears_nothing_and_frees_its_address() {
    in_process_of_its_own("a_closed_socket_hears_nothing_and_frees_its_address", || {
        let mut linux = open(Linux::new());
        let (socket, address) = datagram(&mut linux, V4, token(1));
        while !take_events(&mut linux).sockets.is_empty() {}
        peer(V4).send_to(b"x", address).unwrap();
        linux.close(socket, Close::Graceful);
        assert_eq!(listen_for(&mut linux, SILENCE).0.sockets, []);
        assert!(linux.open_datagram(address, &Options::DEFAULT, token(2)).is_ok());
        let mut closed = Linux::CLOSED;
        assert_eq!(linux.receive_from(&mut closed, &mut [0; 1]).map(|_| ()), Err(Error::NotConnected));
    });
}

#[test]
fn the_descriptor_is_cloexec_and_non_blocking() {
    in_process_of_its_own("the_descriptor_is_cloexec_and_non_blocking", || {
        let mut linux = open(Linux::new());
        let before = descriptors();
        let _socket = datagram(&mut linux, V4, token(1));
        let ours: Vec<i32> = descriptors().into_iter().filter(|fd| !before.contains(fd)).collect();
        assert_eq!(ours.len(), 1);
        // SAFETY: no pointers.
        let flags = unsafe { (libc::fcntl(ours[0], libc::F_GETFD), libc::fcntl(ours[0], libc::F_GETFL)) };
        assert_eq!(flags.0, libc::FD_CLOEXEC);
        assert!(flags.1 & libc::O_NONBLOCK != 0);
    });
}

#[test]
fn a_peer_that_cannot_be_had_leaves_the_old_one() {
    let mut linux = open(Linux::new());
    let (mut socket, _) = datagram(&mut linux, V4, token(1));
    let peer = peer(V4);
    let broadcast = SocketAddr::new(Ipv4Addr::BROADCAST.into(), 9);
    assert_eq!(linux.connect_datagram(&mut socket, Some(peer.local_addr().unwrap())), Ok(()));
    assert!(linux.connect_datagram(&mut socket, Some(broadcast)).is_err());
    assert_eq!(linux.peer_address(&socket), Ok(peer.local_addr().unwrap()));
    for number in 0..3 {
        assert_eq!(linux.send_to(&mut socket, &[number], None), Ok(()));
        let mut buffer = [9; 2];
        assert_eq!(peer.recv(&mut buffer).expect("it arrives"), 1);
        assert_eq!(buffer[0], number);
    }
}
