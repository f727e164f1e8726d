//! Listeners: addresses, the backlog, and what goes wrong in it.

mod harness;

use std::io::Write;
use std::net::{SocketAddr, TcpStream};

use harness::*;
use ptk_core::{Close, Error, Options, Platform, Readiness, Rest, Reuse};
use ptk_linux::Linux;

#[test]
fn connections_are_accepted_with_their_addresses() {
    for any in [V4, V6] {
        let mut linux = open(Linux::new());
        let mut listener = linux
            .open_listener(any, &Options::DEFAULT, token(1))
            .unwrap_or_else(|error| panic!("this test needs {any}: {error}"));
        let address = linux.local_address(&listener).unwrap();
        let peer = TcpStream::connect(address).unwrap();
        let socket = accept(&mut linux, &mut listener, token(2));
        assert_eq!(linux.local_address(&socket), Ok(address));
        assert_eq!(linux.peer_address(&socket), Ok(peer.local_addr().unwrap()));
    }
}

#[test]
fn all_of_a_queue_are_accepted_after_one_event() {
    let mut linux = open(Linux::new());
    let mut listener = linux.open_listener(V4, &Options::DEFAULT, token(1)).unwrap();
    let address = linux.local_address(&listener).unwrap();
    let peers: Vec<_> = (0..100).map(|_| TcpStream::connect(address).unwrap()).collect();
    wait_for(&mut linux, token(1), Readiness::READ);
    let mut accepted = Vec::new();
    let error = loop {
        match linux.accept(&mut listener, &Options::DEFAULT, token(2)) {
            Ok(socket) => accepted.push(socket),
            Err(error) => break error,
        }
    };
    assert_eq!((accepted.len(), error), (peers.len(), Error::WouldBlock));
    assert_eq!(linux.last_os_error(), None, "an empty backlog is no failure");
}

#[test]
fn data_that_came_before_the_accept_are_announced() {
    let mut linux = open(Linux::new());
    let mut listener = linux.open_listener(V4, &Options::DEFAULT, token(1)).unwrap();
    let mut peer = TcpStream::connect(linux.local_address(&listener).unwrap()).unwrap();
    peer.write_all(b"early").unwrap();
    let mut socket = accept(&mut linux, &mut listener, token(2));
    wait_for(&mut linux, token(2), Readiness::READ);
    assert_eq!(receive(&mut linux, &mut socket), Ok((b"early".to_vec(), Rest::Drained)));
}

#[test]
fn a_connection_reset_in_the_backlog_is_accepted_and_then_reads_the_reset() {
    let mut linux = open(Linux::new());
    let mut listener = linux.open_listener(V4, &Options::DEFAULT, token(1)).unwrap();
    let address = linux.local_address(&listener).unwrap();
    reset(TcpStream::connect(address).unwrap());
    let mut socket = accept(&mut linux, &mut listener, token(2));
    wait_for(&mut linux, token(2), Readiness::HANGUP);
    assert_eq!(receive(&mut linux, &mut socket), Err(Error::ConnectionReset));
    let _next = TcpStream::connect(address).unwrap();
    accept(&mut linux, &mut listener, token(3));
}

#[test]
fn closing_the_listener_leaves_its_connections() {
    let mut linux = open(Linux::new());
    let mut listener = linux.open_listener(V4, &Options::DEFAULT, token(1)).unwrap();
    let address = linux.local_address(&listener).unwrap();
    let mut peer = TcpStream::connect(address).unwrap();
    let mut socket = accept(&mut linux, &mut listener, token(2));
    linux.close(listener, Close::Graceful);
    assert!(TcpStream::connect(address).is_err());
    peer.write_all(b"alive").unwrap();
    wait_for(&mut linux, token(2), Readiness::READ);
    assert_eq!(receive(&mut linux, &mut socket).unwrap().0, b"alive");
}

#[test]
fn an_address_in_use_or_of_another_machine_is_refused() {
    let mut linux = open(Linux::new());
    let listener = linux.open_listener(V4, &Options::DEFAULT, token(1)).unwrap();
    let address = linux.local_address(&listener).unwrap();
    assert_eq!(linux.open_listener(address, &Options::DEFAULT, token(2)).err(), Some(Error::AddressInUse));
    assert_eq!(linux.last_os_error(), Some(libc::EADDRINUSE));
    // TEST-NET-1 (RFC 5737) is nobody's.
    let elsewhere = SocketAddr::from(([192, 0, 2, 1], 0));
    assert_eq!(linux.open_listener(elsewhere, &Options::DEFAULT, token(2)).err(), Some(Error::AddressNotAvailable));
}

#[test]
fn the_port_of_a_listener_with_old_connections_can_be_used_at_once() {
    let mut linux = open(Linux::new());
    let reopened = (0..5).any(|_| {
        let mut listener = linux.open_listener(V4, &Options::DEFAULT, token(1)).unwrap();
        let address = linux.local_address(&listener).unwrap();
        let peer = TcpStream::connect(address).unwrap();
        let socket = accept(&mut linux, &mut listener, token(2));
        // The side that ends first keeps the port in TIME_WAIT.
        linux.close(socket, Close::Graceful);
        drop(peer);
        linux.close(listener, Close::Graceful);
        // Fails now and then because the kernel has just given the port to somebody else on this machine.
        linux.open_listener(address, &Options::DEFAULT, token(3)).is_ok()
    });
    assert!(reopened);
}

#[test]
fn a_port_is_shared_only_by_those_who_ask() {
    let mut linux = open(Linux::new());
    let sharing = Options { reuse: Reuse::Port, ..Options::DEFAULT };
    let listener = linux.open_listener(V4, &sharing, token(1)).unwrap();
    let address = linux.local_address(&listener).unwrap();
    linux.open_listener(address, &sharing, token(2)).unwrap();
    assert_eq!(linux.open_listener(address, &Options::DEFAULT, token(3)).err(), Some(Error::AddressInUse));
}

#[test]
fn an_ipv6_listener_takes_no_ipv4_connections() {
    let mut linux = open(Linux::new());
    let everywhere = SocketAddr::from((std::net::Ipv6Addr::UNSPECIFIED, 0));
    let listener = linux
        .open_listener(everywhere, &Options::DEFAULT, token(1))
        .unwrap_or_else(|error| panic!("this test needs IPv6: {error}"));
    let port = linux.local_address(&listener).unwrap().port();
    assert!(TcpStream::connect(("::1", port)).is_ok());
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn emfile_on_accept_is_reported_and_recovers() {
    in_process_of_its_own("emfile_on_accept_is_reported_and_recovers", || {
        let mut linux = open(Linux::new());
        let mut listener = linux.open_listener(V4, &Options::DEFAULT, token(1)).unwrap();
        let mut peer = TcpStream::connect(linux.local_address(&listener).unwrap()).unwrap();
        wait_for(&mut linux, token(1), Readiness::READ);
        let mut spare = fill_descriptors();
        for _ in 0..3 {
            let refused = linux.accept(&mut listener, &Options::DEFAULT, token(2));
            assert_eq!(refused.err(), Some(Error::TooManyDescriptors));
            assert_eq!(linux.last_os_error(), Some(libc::EMFILE));
        }
        let connected = linux.open_stream(V4, &Options::DEFAULT, token(3));
        assert_eq!(connected.err(), Some(Error::TooManyDescriptors));
        let (_, waits) = listen_for(&mut linux, SILENCE);
        assert!(waits < 10, "{waits} waits: a connection that cannot be accepted must not spin");

        spare.pop();
        let mut socket = linux.accept(&mut listener, &Options::DEFAULT, token(2)).unwrap();
        peer.write_all(b"x").unwrap();
        wait_for(&mut linux, token(2), Readiness::READ);
        assert_eq!(receive(&mut linux, &mut socket).unwrap().0, b"x");
    });
}
