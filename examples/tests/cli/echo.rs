//! `echo`.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use super::process::{PATIENCE, Process};
use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};

#[test]
fn it_sends_back_what_it_receives_until_a_signal_comes() {
    for signal in [Signal::TERM, Signal::INT] {
        let (server, address) = Process::serve("echo", &["--listen", "127.0.0.1:0"]);
        let mut peer = TcpStream::connect(address).unwrap();
        let sent: Vec<u8> = (0..1 << 20).map(|i: u32| (i / 251) as u8).collect();
        let mut writer = peer.try_clone().unwrap();
        let copy = sent.clone();
        let writing = std::thread::spawn(move || writer.write_all(&copy));
        let mut received = vec![0; sent.len()];
        peer.read_exact(&mut received).unwrap();
        writing.join().unwrap().unwrap();
        assert!(sent == received);
        server.signal(signal);
        let ended = server.end();
        assert_eq!((ended.code, ended.stderr.len()), (Some(0), 0), "{ended:?}");
    }
}

#[test]
fn connections_beyond_the_number_wait_their_turn() {
    let (_server, address) = Process::serve("echo", &["--listen", "127.0.0.1:0", "--connections", "2"]);
    let mut peers: Vec<TcpStream> = (0..3).map(|_| TcpStream::connect(address).unwrap()).collect();
    let mut byte = [0];
    for peer in &mut peers {
        peer.write_all(b"x").unwrap();
    }
    for peer in &mut peers[..2] {
        peer.read_exact(&mut byte).unwrap();
    }
    drop(peers.remove(0));
    peers[1].read_exact(&mut byte).unwrap();
    assert_eq!(byte, *b"x");
}

/// Lets this process have so many connections.
fn allow_descriptors(count: u64) {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < count) {
        setrlimit(Resource::Nofile, Rlimit { current: Some(count), ..limit }).expect("the limit can be raised");
    }
}

/// A message that no other connection or round has.
fn message(connection: usize, round: usize) -> [u8; 64] {
    std::array::from_fn(|i| (connection * 31 + round * 17 + i * 7 + (connection >> 8)) as u8)
}

#[test]
fn a_thousand_connections_at_once_are_echoed_byte_for_byte() {
    const CONNECTIONS: usize = 1000;
    allow_descriptors(CONNECTIONS as u64 + 200);
    let (_server, address) = Process::serve("echo", &["--listen", "127.0.0.1:0"]);
    let mut peers: Vec<TcpStream> = (0..CONNECTIONS).map(|_| TcpStream::connect(address).unwrap()).collect();
    for round in 0..3 {
        for (connection, peer) in peers.iter_mut().enumerate() {
            peer.write_all(&message(connection, round)).unwrap();
        }
        for (connection, peer) in peers.iter_mut().enumerate() {
            let mut received = [0; 64];
            peer.read_exact(&mut received).unwrap();
            assert_eq!(received, message(connection, round), "connection {connection}, round {round}");
        }
    }
}

/// Connects, has a byte echoed, and closes, in one of three ways.
fn cycle(address: SocketAddr, number: usize) {
    let mut peer = TcpStream::connect(address).unwrap();
    peer.write_all(b"x").unwrap();
    if !number.is_multiple_of(3) {
        peer.read_exact(&mut [0]).unwrap();
    }
    // Closed with the echo unread, the connection is reset.
}

#[test]
fn ten_thousand_connections_leave_descriptors_and_tables_as_they_were() {
    let (server, address) = Process::serve("echo", &["--listen", "127.0.0.1:0", "--connections", "50"]);
    let before = server.descriptors();
    for number in 0..10_000 {
        cycle(address, number);
    }
    // 50 connections at once are served again: none of the slots is lost.
    let mut peers: Vec<TcpStream> = (0..50).map(|_| TcpStream::connect(address).unwrap()).collect();
    for peer in &mut peers {
        peer.write_all(b"x").unwrap();
        peer.read_exact(&mut [0]).unwrap();
    }
    assert_eq!(server.descriptors(), before + 50);
    drop(peers);
    let deadline = Instant::now() + PATIENCE;
    while server.descriptors() != before {
        assert!(Instant::now() < deadline, "{} descriptors, {before} before", server.descriptors());
        std::thread::yield_now();
    }
}

#[test]
fn a_listing_that_nobody_reads_does_not_stop_the_server() {
    let (server, address, _stderr) =
        Process::serve_unread("echo", &["--listen", "127.0.0.1:0", "--connections", "5000"]);
    let mut peer = TcpStream::connect(address).unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    // A pipe takes 64 KiB, and a listing of so many tasks more.
    server.signal(Signal::USR1);
    for _ in 0..3 {
        peer.write_all(b"x").unwrap();
        peer.read_exact(&mut [0]).unwrap();
    }
    server.signal(Signal::TERM);
    assert_eq!(server.end().code, Some(0));
}
