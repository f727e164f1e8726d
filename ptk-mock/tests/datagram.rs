//! Datagrams between sockets of one host.

mod harness;

use harness::*;
use ptk_core::{Datagram, Error, Half, Options, Platform, Rest, SocketOption, Until};

#[test]
fn a_datagram_arrives_with_its_source_and_is_announced() {
    for (bind, target, from_bind, source) in [
        ("127.0.0.1:0", "127.0.0.1", "127.0.0.1:0", "127.0.0.1"),
        ("127.0.0.9:0", "127.0.0.9", "127.0.0.5:0", "127.0.0.5"),
        ("0.0.0.0:0", "127.1.2.3", "0.0.0.0:0", "127.0.0.1"),
        ("0.0.0.0:0", "127.0.0.0", "127.255.255.255:0", "127.0.0.1"),
        ("[::1]:0", "::1", "[::]:0", "::1"),
        ("[::]:0", "::1", "[::1]:0", "::1"),
    ] {
        let mut mock = open();
        let (mut receiver, bound) = datagram(&mut mock, bind, 1);
        let (mut sender, sender_bound) = datagram(&mut mock, from_bind, 2);
        assert_eq!(receive_from(&mut mock, &mut receiver), Err(Error::WouldBlock));
        let target = (target.parse::<std::net::IpAddr>().expect("an address"), bound.port()).into();
        assert_eq!(mock.send_to(&mut sender, b"hello", Some(target)), Ok(()));
        assert_eq!(poll(&mut mock), [Report::Socket(token(1), READ)]);
        let (bytes, from) = receive_from(&mut mock, &mut receiver).expect("it has arrived");
        assert_eq!((bytes, from.ip().to_string()), (b"hello".to_vec(), source.to_owned()));
        assert_eq!(from.port(), sender_bound.port());
        assert_eq!(receive_from(&mut mock, &mut receiver), Err(Error::WouldBlock));
        assert_eq!(receive_from(&mut mock, &mut sender), Err(Error::WouldBlock));
    }
}

#[test]
fn an_empty_datagram_is_delivered_and_an_empty_buffer_takes_one() {
    let mut mock = open();
    let (mut socket, address) = datagram(&mut mock, "127.0.0.1:0", 1);
    for data in [&b""[..], b"xy", b"end"] {
        assert_eq!(mock.send_to(&mut socket, data, Some(address)), Ok(()));
    }
    assert_eq!(receive_from(&mut mock, &mut socket), Ok((vec![], address)));
    let lost = Datagram { count: 0, from: address, truncated: true };
    assert_eq!(mock.receive_from(&mut socket, &mut []), Ok((lost, Rest::MaybeMore)));
    assert_eq!(receive_from(&mut mock, &mut socket), Ok((b"end".to_vec(), address)));
}

#[test]
fn truncation_is_flagged_and_the_rest_is_lost() {
    let mut mock = open();
    let (mut socket, address) = datagram(&mut mock, "127.0.0.1:0", 1);
    for _ in 0..2 {
        assert_eq!(mock.send_to(&mut socket, b"12345", Some(address)), Ok(()));
    }
    let mut buffer = [0; 4];
    let cut = Datagram { count: 4, from: address, truncated: true };
    assert_eq!(mock.receive_from(&mut socket, &mut buffer), Ok((cut, Rest::MaybeMore)));
    assert_eq!(&buffer, b"1234");
    let mut buffer = [0; 5];
    let whole = Datagram { count: 5, from: address, truncated: false };
    assert_eq!(mock.receive_from(&mut socket, &mut buffer), Ok((whole, Rest::Drained)));
    assert_eq!(mock.receive_from(&mut socket, &mut buffer), Err(Error::WouldBlock));
}

#[test]
fn the_longest_datagram_passes_and_one_byte_more_does_not() {
    for (bind, max) in [("127.0.0.1:0", 65_507), ("[::1]:0", 65_527)] {
        let mut mock = open();
        let (mut socket, address) = datagram(&mut mock, bind, 1);
        assert_eq!(mock.send_to(&mut socket, &vec![7; max + 1], Some(address)), Err(Error::MessageTooLarge));
        assert_eq!(mock.send_to(&mut socket, &vec![7; max], Some(address)), Ok(()));
        let mut buffer = vec![0; max + 1];
        let whole = Datagram { count: max, from: address, truncated: false };
        assert_eq!(mock.receive_from(&mut socket, &mut buffer), Ok((whole, Rest::Drained)));
        assert!(buffer[..max].iter().all(|byte| *byte == 7));
    }
}

#[test]
fn a_burst_beyond_the_buffer_is_lost_in_silence_and_what_fits_keeps_its_order() {
    let mut mock = open();
    let (mut receiver, address) = datagram(&mut mock, "127.0.0.1:0", 1);
    let (mut sender, _) = datagram(&mut mock, "127.0.0.1:0", 2);
    for number in 0..300_u16 {
        assert_eq!(mock.send_to(&mut sender, &number.to_be_bytes(), Some(address)), Ok(()));
    }
    for number in 0..256_u16 {
        assert_eq!(receive_from(&mut mock, &mut receiver).map(|it| it.0), Ok(number.to_be_bytes().to_vec()));
    }
    assert_eq!(receive_from(&mut mock, &mut receiver), Err(Error::WouldBlock));
    assert_eq!(mock.send_to(&mut sender, b"room again", Some(address)), Ok(()));
    assert_eq!(count_datagrams(&mut mock, &mut receiver), 1);
}

#[test]
fn the_receive_buffer_can_be_chosen_and_changed() {
    let mut mock = open();
    let (mut socket, address) = datagram_with(&mut mock, "127.0.0.1:0", &buffers(0, 1), 1);
    let mut burst = |mock: &mut ptk_mock::Mock| {
        (0..300).for_each(|_| assert_eq!(mock.send_to(&mut socket, b"x", Some(address)), Ok(())));
        let held = count_datagrams(mock, &mut socket);
        assert_eq!(mock.set_option(&mut socket, SocketOption::ReceiveBuffer(2_000)), Ok(()));
        held
    };
    assert_eq!(burst(&mut mock), 2);
    assert_eq!(burst(&mut mock), 4);
}

#[test]
fn one_event_announces_a_burst_and_the_next_comes_when_it_was_drained() {
    let mut mock = open();
    let (mut socket, address) = datagram(&mut mock, "127.0.0.1:0", 1);
    for _ in 0..2 {
        assert_eq!(mock.send_to(&mut socket, b"x", Some(address)), Ok(()));
    }
    assert_eq!(poll(&mut mock), [Report::Socket(token(1), READ)]);
    assert_eq!(mock.receive_from(&mut socket, &mut [0]).map(|it| it.1), Ok(Rest::MaybeMore));
    assert_eq!(mock.send_to(&mut socket, b"x", Some(address)), Ok(()));
    assert_eq!(poll(&mut mock), [], "the core knows that more may be there");
    assert_eq!(mock.receive_from(&mut socket, &mut [0]).map(|it| it.1), Ok(Rest::MaybeMore));
    assert_eq!(mock.receive_from(&mut socket, &mut [0]).map(|it| it.1), Ok(Rest::Drained));
    assert_eq!(mock.send_to(&mut socket, b"x", Some(address)), Ok(()));
    assert_eq!(poll(&mut mock), [Report::Socket(token(1), READ)]);
}

#[test]
fn a_refusal_reaches_the_connected_socket_once_by_receive_or_send() {
    let mut mock = open();
    let (mut socket, _) = datagram(&mut mock, "127.0.0.1:0", 1);
    assert_eq!(mock.connect_datagram(&mut socket, Some(at("127.0.0.1:9"))), Ok(()));
    assert_eq!(receive_from(&mut mock, &mut socket), Err(Error::WouldBlock));
    assert_eq!(mock.send_to(&mut socket, b"x", None), Ok(()));
    assert_eq!(poll(&mut mock), [Report::Socket(token(1), READ)], "a failure is something to receive");
    assert_eq!(receive_from(&mut mock, &mut socket), Err(Error::ConnectionRefused));
    assert_eq!(receive_from(&mut mock, &mut socket), Err(Error::WouldBlock));

    assert_eq!(mock.send_to(&mut socket, b"x", None), Ok(()));
    assert_eq!(poll(&mut mock), [Report::Socket(token(1), READ)], "and so is the next");
    assert_eq!(mock.send_to(&mut socket, b"not sent", None), Err(Error::ConnectionRefused));
    let (mut server, _) = datagram(&mut mock, "127.0.0.1:9", 2);
    assert_eq!(mock.send_to(&mut socket, b"usable", None), Ok(()));
    assert_eq!(receive_from(&mut mock, &mut server).map(|it| it.0), Ok(b"usable".to_vec()));
}

#[test]
fn an_unconnected_socket_hears_of_no_refusal() {
    let mut mock = open();
    let (mut socket, _) = datagram(&mut mock, "127.0.0.1:0", 1);
    for _ in 0..3 {
        assert_eq!(mock.send_to(&mut socket, b"x", Some(at("127.0.0.1:9"))), Ok(()));
        assert_eq!(receive_from(&mut mock, &mut socket), Err(Error::WouldBlock));
    }
    assert_eq!(wait(&mut mock, Until::Event), Err(Error::Deadlock));
}

#[test]
fn a_connected_socket_hears_of_no_refusal_by_somebody_else() {
    let mut mock = open();
    let (mut socket, _) = datagram(&mut mock, "127.0.0.1:0", 1);
    let (_server, server_address) = datagram(&mut mock, "127.0.0.1:0", 2);
    assert_eq!(mock.connect_datagram(&mut socket, Some(server_address)), Ok(()));
    assert_eq!(mock.send_to(&mut socket, b"x", Some(at("127.0.0.1:9"))), Ok(()));
    assert_eq!(receive_from(&mut mock, &mut socket), Err(Error::WouldBlock));
}

#[test]
fn a_refusal_comes_before_the_datagrams_and_survives_a_new_peer_and_wrong_calls() {
    let mut mock = open();
    let (mut socket, address) = datagram(&mut mock, "127.0.0.1:0", 1);
    let (mut server, server_address) = datagram(&mut mock, "127.0.0.1:0", 2);
    assert_eq!(mock.send_to(&mut server, b"early", Some(address)), Ok(()));
    assert_eq!(mock.connect_datagram(&mut socket, Some(at("127.0.0.1:9"))), Ok(()));
    assert_eq!(mock.send_to(&mut socket, b"x", None), Ok(()));
    assert_eq!(mock.connect_datagram(&mut socket, Some(server_address)), Ok(()));
    assert_eq!(mock.send_to(&mut socket, &[0; 65_508], None), Err(Error::MessageTooLarge));
    assert_eq!(receive_from(&mut mock, &mut socket), Err(Error::ConnectionRefused));
    assert_eq!(receive_from(&mut mock, &mut socket), Ok((b"early".to_vec(), server_address)));
    assert_eq!(receive_from(&mut mock, &mut socket), Err(Error::WouldBlock));
}

#[test]
fn a_connected_socket_hears_its_peer_alone_until_it_is_disconnected() {
    for bind in ["127.0.0.1:0", "0.0.0.0:0"] {
        let mut mock = open();
        let (mut socket, bound) = datagram(&mut mock, bind, 1);
        let (mut peer, peer_address) = datagram(&mut mock, "127.0.0.7:0", 2);
        let (mut stranger, stranger_address) = datagram(&mut mock, "127.0.0.8:0", 3);
        assert_eq!(mock.peer_address(&socket), Err(Error::NotConnected));
        assert_eq!(mock.connect_datagram(&mut socket, Some(peer_address)), Ok(()));
        assert_eq!(mock.peer_address(&socket), Ok(peer_address));
        let local = mock.local_address(&socket).expect("it is open");
        assert_eq!(local, at(&format!("127.0.0.1:{}", bound.port())), "the one that the peer sees");

        assert_eq!(mock.send_to(&mut stranger, b"hello", Some(local)), Ok(()));
        assert_eq!(receive_from(&mut mock, &mut socket), Err(Error::WouldBlock));
        assert_eq!(mock.send_to(&mut peer, b"hello", Some(local)), Ok(()));
        assert_eq!(receive_from(&mut mock, &mut socket), Ok((b"hello".to_vec(), peer_address)));
        assert_eq!(mock.send_to(&mut socket, b"others may be sent to", Some(stranger_address)), Ok(()));
        assert_eq!(count_datagrams(&mut mock, &mut stranger), 1);

        assert_eq!(mock.connect_datagram(&mut socket, None), Ok(()));
        assert_eq!(mock.local_address(&socket), Ok(bound));
        assert_eq!(mock.peer_address(&socket), Err(Error::NotConnected));
        assert_eq!(mock.send_to(&mut socket, b"x", None), Err(Error::NotConnected));
        assert_eq!(mock.send_to(&mut stranger, b"hello", Some(local)), Ok(()));
        assert_eq!(receive_from(&mut mock, &mut socket), Ok((b"hello".to_vec(), stranger_address)));
    }
}

#[test]
fn a_refused_datagram_of_a_connected_socket_does_not_reach_its_neighbours() {
    let mut mock = open();
    let (mut socket, _) = datagram(&mut mock, "127.0.0.1:5000", 1);
    let (mut other, _) = datagram(&mut mock, "127.0.0.2:5000", 2);
    for socket in [&mut socket, &mut other] {
        assert_eq!(mock.connect_datagram(socket, Some(at("127.0.0.1:9"))), Ok(()));
    }
    assert_eq!(mock.send_to(&mut socket, b"x", None), Ok(()));
    assert_eq!(receive_from(&mut mock, &mut other), Err(Error::WouldBlock));
    assert_eq!(receive_from(&mut mock, &mut socket), Err(Error::ConnectionRefused));
}

#[test]
fn what_cannot_be_sent_to_is_refused() {
    let mut mock = open();
    for (bind, peer, error) in [
        ("127.0.0.1:0", "[::1]:9", Error::InvalidArgument),
        ("[::1]:0", "127.0.0.1:9", Error::InvalidArgument),
        ("0.0.0.0:0", "0.0.0.0:9", Error::InvalidArgument),
        ("0.0.0.0:0", "127.0.0.1:0", Error::InvalidArgument),
        ("0.0.0.0:0", "192.0.2.1:9", Error::NoRoute),
        ("[::]:0", "[2001:db8::1]:9", Error::NoRoute),
        ("0.0.0.0:0", "127.255.255.255:9", Error::PermissionDenied),
        ("0.0.0.0:0", "255.255.255.255:9", Error::PermissionDenied),
    ] {
        let (mut socket, _) = datagram(&mut mock, bind, 1);
        assert_eq!(mock.send_to(&mut socket, b"x", Some(at(peer))), Err(error), "{bind} to {peer}");
        assert_eq!(mock.connect_datagram(&mut socket, Some(at(peer))), Err(error), "{bind} to {peer}");
        assert_eq!(mock.peer_address(&socket), Err(Error::NotConnected));
        assert_eq!(mock.send_to(&mut socket, b"x", None), Err(Error::NotConnected));
        close(&mut mock, socket);
    }
}

#[test]
fn a_broadcast_reaches_all_who_are_bound_to_everything_or_to_it() {
    for target in ["127.255.255.255:5000", "255.255.255.255:5000"] {
        let mut mock = open();
        let shared = reuse(ptk_core::Reuse::Address);
        let (mut everything, _) = datagram_with(&mut mock, "0.0.0.0:5000", &shared, 1);
        let (mut very, _) = datagram_with(&mut mock, target, &shared, 2);
        let (mut single, _) = datagram_with(&mut mock, "127.0.0.1:5000", &shared, 3);
        let (mut other_port, _) = datagram(&mut mock, "0.0.0.0:5001", 4);
        let (mut sender, _) = datagram(&mut mock, "127.0.0.1:0", 5);
        assert_eq!(mock.set_option(&mut sender, SocketOption::Broadcast(true)), Ok(()));
        assert_eq!(mock.send_to(&mut sender, b"all", Some(at(target))), Ok(()));
        let counts = [&mut everything, &mut very, &mut single, &mut other_port];
        assert_eq!(counts.map(|socket| count_datagrams(&mut mock, socket)), [1, 1, 0, 0], "{target}");
        assert_eq!(mock.set_option(&mut sender, SocketOption::Broadcast(false)), Ok(()));
        assert_eq!(mock.send_to(&mut sender, b"all", Some(at(target))), Err(Error::PermissionDenied));
    }
}

#[test]
fn a_broadcast_that_nobody_hears_is_no_refusal() {
    let mut mock = open();
    let (mut sender, _) = datagram(&mut mock, "0.0.0.0:0", 1);
    assert_eq!(mock.set_option(&mut sender, SocketOption::Broadcast(true)), Ok(()));
    assert_eq!(mock.connect_datagram(&mut sender, Some(at("127.255.255.255:9"))), Ok(()));
    assert_eq!(mock.send_to(&mut sender, b"x", None), Ok(()));
    assert_eq!(receive_from(&mut mock, &mut sender), Err(Error::WouldBlock));
}

#[test]
fn a_socket_that_was_closed_reports_and_receives_nothing_any_more() {
    let mut mock = open();
    let (socket, address) = datagram(&mut mock, "127.0.0.1:0", 1);
    let (mut sender, _) = datagram(&mut mock, "127.0.0.1:0", 2);
    assert_eq!(mock.send_to(&mut sender, b"x", Some(address)), Ok(()));
    let mut stale = socket.clone();
    close(&mut mock, socket);
    assert_eq!(wait(&mut mock, Until::Event), Err(Error::Deadlock));
    let (_successor, _) = datagram(&mut mock, &address.to_string(), 3);
    assert_eq!(mock.send_to(&mut stale, b"x", Some(address)), Err(Error::InvalidHandle));
    assert_eq!(receive_from(&mut mock, &mut stale), Err(Error::InvalidHandle));
    assert_eq!(mock.set_option(&mut stale, SocketOption::Broadcast(true)), Err(Error::InvalidHandle));
    close(&mut mock, stale);
    assert_eq!(mock.open_sockets(), 2);
}

#[test]
fn calls_for_streams_are_none_for_datagrams_and_the_other_way_round() {
    let mut mock = open();
    let (mut socket, address) = datagram(&mut mock, "127.0.0.1:0", 5);
    assert_eq!(mock.send(&mut socket, b"x"), Err(Error::NotConnected));
    assert_eq!(receive(&mut mock, &mut socket), Err(Error::NotConnected));
    assert_eq!(mock.peek(&mut socket, &mut [0]), Err(Error::NotConnected));
    assert_eq!(mock.shutdown(&mut socket, Half::Both), Err(Error::NotConnected));
    assert_eq!(mock.accept(&mut socket, &Options::DEFAULT, ACCEPTED), Err(Error::InvalidArgument));
    let (mut near, _far) = ends(&mut mock);
    assert_eq!(mock.send_to(&mut near, b"x", Some(address)), Err(Error::InvalidArgument));
    assert_eq!(receive_from(&mut mock, &mut near), Err(Error::InvalidArgument));
    assert_eq!(mock.connect_datagram(&mut near, Some(address)), Err(Error::InvalidArgument));
    let mut closed = ptk_mock::Mock::CLOSED;
    assert_eq!(mock.send_to(&mut closed, b"x", Some(address)), Err(Error::InvalidHandle));
    assert_eq!(receive_from(&mut mock, &mut closed), Err(Error::InvalidHandle));
    assert_eq!(mock.connect_datagram(&mut closed, None), Err(Error::InvalidHandle));
    assert_eq!(mock.peek(&mut closed, &mut [0]), Err(Error::InvalidHandle));
}

#[test]
fn an_empty_buffer_takes_a_datagram_of_any_length() {
    let mut mock = open();
    let (mut socket, address) = datagram_with(&mut mock, "127.0.0.1:0", &buffers(0, 1), 1);
    for length in [60_000, 1] {
        assert_eq!(mock.send_to(&mut socket, &vec![0; length], Some(address)), Ok(()));
    }
    let cut = Datagram { count: 9, from: address, truncated: true };
    assert_eq!(mock.receive_from(&mut socket, &mut [0; 9]), Ok((cut, Rest::Drained)));
    assert_eq!(mock.receive_from(&mut socket, &mut [0; 9]), Err(Error::WouldBlock), "beside it there was no room");
}

#[test]
fn a_length_that_no_ipv4_header_can_tell_is_refused_before_the_peer_is_looked_at() {
    for (bind, result) in [("127.0.0.1:0", Error::MessageTooLarge), ("[::1]:0", Error::NotConnected)] {
        let mut mock = open();
        let (mut socket, _) = datagram(&mut mock, bind, 1);
        assert_eq!(mock.send_to(&mut socket, &[0; 65_536], None), Err(result), "{bind}");
    }
}
