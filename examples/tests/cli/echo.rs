//! `echo`.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::process::Process;
use rustix::process::Signal;

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

#[test]
fn it_serves_many_at_once() {
    let (_server, address) = Process::serve("echo", &["--listen", "127.0.0.1:0", "--connections", "400"]);
    let mut peers: Vec<TcpStream> = (0..400).map(|_| TcpStream::connect(address).unwrap()).collect();
    for round in 0..3u8 {
        for peer in &mut peers {
            peer.write_all(&[round]).unwrap();
        }
        for peer in &mut peers {
            let mut byte = [0];
            peer.read_exact(&mut byte).unwrap();
            assert_eq!(byte, [round]);
        }
    }
}
