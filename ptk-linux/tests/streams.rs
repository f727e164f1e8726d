//! Connections: making them, their data, and each of their ends.

mod harness;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};

use harness::*;
use ptk_core::{Close, Error, Half, Options, Platform, Readiness, Rest, SocketOption, Until};
use ptk_linux::Linux;

#[test]
fn a_connect_is_announced_and_succeeds() {
    for any in [V4, V6] {
        let mut linux = open(Linux::new());
        let listener = TcpListener::bind(any).unwrap_or_else(|error| panic!("this test needs {any}: {error}"));
        let address = listener.local_addr().unwrap();
        let socket = connect(&mut linux, address, token(1), &Options::DEFAULT);
        let (peer, from) = listener.accept().unwrap();
        assert_eq!(linux.peer_address(&socket), Ok(address));
        assert_eq!(linux.local_address(&socket), Ok(from));
        assert_eq!(peer.peer_addr().unwrap(), from);
    }
}

/// A socket bound to a port of its own, at which nobody listens until somebody does.
fn bound() -> (rustix::fd::OwnedFd, std::net::SocketAddr) {
    use rustix::net::{AddressFamily, SocketType, bind, getsockname, socket};
    let fd = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&fd, &V4).unwrap();
    let address = getsockname(&fd).unwrap().try_into().unwrap();
    (fd, address)
}

#[test]
fn a_refused_connect_is_retried_on_a_new_descriptor() {
    let mut linux = open(Linux::new());
    let (listener, address) = bound();
    let mut socket = linux.open_stream(address, &Options::DEFAULT, token(1)).unwrap();
    wait_for(&mut linux, token(1), Readiness::WRITE);
    assert_eq!(linux.finish_connect(&mut socket), Err(Error::ConnectionRefused));
    assert_eq!(linux.last_os_error(), Some(libc::ECONNREFUSED));
    assert_eq!(linux.finish_connect(&mut socket), Err(Error::NotConnected), "the reason is told once");
    linux.close(socket, Close::Graceful);

    rustix::net::listen(&listener, 1).unwrap();
    connect(&mut linux, address, token(2), &Options::DEFAULT);
}

#[test]
fn a_connection_in_the_making_would_block_and_is_given_up_quietly() {
    let mut linux = open(Linux::new());
    let (listener, address) = bound();
    rustix::net::listen(&listener, 0).unwrap();
    // The backlog takes one; the kernel drops what else comes until there is room (listen(2)).
    let _first = TcpStream::connect(address).unwrap();
    let mut socket = linux.open_stream(address, &Options::DEFAULT, token(1)).unwrap();
    assert_eq!(linux.finish_connect(&mut socket), Err(Error::WouldBlock));
    let (heard, _) = listen_for(&mut linux, SILENCE);
    assert_eq!(heard.sockets, [], "nothing happened to it");
    assert_eq!(linux.finish_connect(&mut socket), Err(Error::WouldBlock), "asking changes nothing");
    linux.close(socket, Close::Graceful);
    assert_eq!(listen_for(&mut linux, SILENCE).0.sockets, []);
}

#[test]
fn bytes_arrive_in_order_both_ways() {
    let mut linux = open(Linux::new());
    let (mut socket, mut peer) = connection(&mut linux, token(1));
    peer.write_all(b"over").unwrap();
    wait_for(&mut linux, token(1), Readiness::READ);
    assert_eq!(receive(&mut linux, &mut socket), Ok((b"over".to_vec(), Rest::Drained)));
    assert_eq!(receive(&mut linux, &mut socket), Err(Error::WouldBlock));
    assert_eq!(linux.send(&mut socket, b"and out"), Ok(7));
    let mut got = [0; 7];
    peer.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"and out");
}

#[test]
fn a_full_buffer_may_leave_more() {
    let mut linux = open(Linux::new());
    let (mut socket, mut peer) = connection(&mut linux, token(1));
    peer.write_all(b"abcd").unwrap();
    wait_for(&mut linux, token(1), Readiness::READ);
    let got = linux.receive(&mut socket, &mut [0; 4]).unwrap();
    assert_eq!((got.count, got.rest), (4, Rest::MaybeMore));
}

#[test]
fn data_after_a_drained_receive_are_announced() {
    let mut linux = open(Linux::new());
    let (mut socket, mut peer) = connection(&mut linux, token(1));
    for _ in 0..100 {
        peer.write_all(b"x").unwrap();
        wait_for(&mut linux, token(1), Readiness::READ);
        assert_eq!(receive(&mut linux, &mut socket), Ok((b"x".to_vec(), Rest::Drained)));
    }
}

#[test]
fn data_and_fin_in_one_edge_gives_data_then_end() {
    let mut linux = open(Linux::new());
    let (mut socket, mut peer) = connection(&mut linux, token(1));
    take_events(&mut linux);
    peer.write_all(b"last words").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    let heard = wait_for(&mut linux, token(1), Readiness::READ);
    assert!(heard.readiness(token(1)).has(Readiness::HANGUP), "no other event will tell: {heard:?}");
    assert_eq!(receive(&mut linux, &mut socket).unwrap().0, b"last words");
    assert_eq!(receive(&mut linux, &mut socket).unwrap().0, b"", "the end");
    assert_eq!(linux.send(&mut socket, b"still"), Ok(5), "the other direction works");
}

#[test]
fn fin_after_the_data_were_read_is_an_event_of_its_own() {
    let mut linux = open(Linux::new());
    let (mut socket, mut peer) = connection(&mut linux, token(1));
    peer.write_all(b"a").unwrap();
    wait_for(&mut linux, token(1), Readiness::READ);
    assert_eq!(receive(&mut linux, &mut socket).unwrap().0, b"a");
    drop(peer);
    wait_for(&mut linux, token(1), Readiness::READ.with(Readiness::HANGUP));
    assert_eq!(receive(&mut linux, &mut socket).unwrap().0, b"");
}

#[test]
fn reset_is_read_after_buffered_data() {
    let mut linux = open(Linux::new());
    let (mut socket, mut peer) = connection(&mut linux, token(1));
    peer.write_all(b"precious").unwrap();
    reset(peer);
    wait_for(&mut linux, token(1), Readiness::ALL);
    assert_eq!(receive(&mut linux, &mut socket).unwrap().0, b"precious");
    assert_eq!(receive(&mut linux, &mut socket), Err(Error::ConnectionReset));
    assert_eq!(linux.last_os_error(), Some(libc::ECONNRESET));
}

#[test]
fn a_partial_send_is_continued_when_there_is_room() {
    let mut linux = open(Linux::new());
    let options = Options { send_buffer: 10_000, ..Options::DEFAULT };
    let (mut socket, mut peer) = connection_with(&mut linux, token(1), &options);
    let data = vec![7; 20_000_000];
    take_events(&mut linux);
    // One send that takes less than offered, and no WouldBlock seen: that alone must arm the event.
    let sent = linux.send(&mut socket, &data).unwrap();
    assert!(sent < data.len());
    peer.read_exact(&mut vec![0; sent]).unwrap();
    wait_for(&mut linux, token(1), Readiness::WRITE);
    assert!(linux.send(&mut socket, &data[sent..]).unwrap() > 0);
}

#[test]
fn a_full_send_buffer_would_block_until_there_is_room() {
    let mut linux = open(Linux::new());
    let (mut socket, mut peer) = connection(&mut linux, token(1));
    let data = vec![7; 1_000_000];
    take_events(&mut linux);
    let mut sent = 0;
    let error = loop {
        match linux.send(&mut socket, &data) {
            Ok(count) => sent += count,
            Err(error) => break error,
        }
    };
    assert_eq!(error, Error::WouldBlock);
    peer.read_exact(&mut vec![0; sent]).unwrap();
    wait_for(&mut linux, token(1), Readiness::WRITE);
    assert!(linux.send(&mut socket, &data).unwrap() > 0);
}

#[test]
fn a_send_to_a_gone_peer_is_an_error_and_no_signal() {
    in_process_of_its_own("a_send_to_a_gone_peer_is_an_error_and_no_signal", || {
        // The runtime of a Rust program ignores the signal, which those of other languages do not.
        // SAFETY: sets the default again.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        let mut linux = open(Linux::new());
        let (mut socket, peer) = connection(&mut linux, token(1));
        reset(peer);
        wait_for(&mut linux, token(1), Readiness::ALL);
        assert_eq!(linux.send(&mut socket, b"hello?"), Err(Error::ConnectionReset));
        assert_eq!(linux.send(&mut socket, b"hello?"), Err(Error::ConnectionReset), "EPIPE means the same");
        assert_eq!(linux.last_os_error(), Some(libc::EPIPE));
    });
}

#[test]
fn a_shut_down_half_leaves_the_other() {
    let mut linux = open(Linux::new());
    let (mut socket, mut peer) = connection(&mut linux, token(1));
    linux.send(&mut socket, b"question").unwrap();
    linux.shutdown(&mut socket, Half::Write).unwrap();
    let mut question = Vec::new();
    peer.read_to_end(&mut question).unwrap();
    assert_eq!(question, b"question");
    peer.write_all(b"answer").unwrap();
    wait_for(&mut linux, token(1), Readiness::READ);
    assert_eq!(receive(&mut linux, &mut socket).unwrap().0, b"answer");
    assert_eq!(linux.send(&mut socket, b"x"), Err(Error::ConnectionReset));
}

#[test]
fn what_is_gone_is_not_connected() {
    let mut linux = open(Linux::new());
    let (mut socket, peer) = connection(&mut linux, token(1));
    reset(peer);
    wait_for(&mut linux, token(1), Readiness::HANGUP);
    assert_eq!(linux.shutdown(&mut socket, Half::Write), Err(Error::NotConnected));
    assert_eq!(linux.peer_address(&socket), Err(Error::NotConnected));
}

#[test]
fn a_socket_that_was_never_opened_is_not_connected() {
    let mut linux = open(Linux::new());
    let mut socket = Linux::CLOSED;
    assert_eq!(linux.send(&mut socket, b"x"), Err(Error::NotConnected));
    assert_eq!(linux.receive(&mut socket, &mut [0]), Err(Error::NotConnected));
    assert_eq!(linux.finish_connect(&mut socket), Err(Error::NotConnected));
    assert_eq!(linux.local_address(&socket), Err(Error::NotConnected));
    linux.close(socket, Close::Abort);
}

#[test]
fn a_graceful_close_delivers_what_was_sent() {
    let mut linux = open(Linux::new());
    let (mut socket, mut peer) = connection(&mut linux, token(1));
    linux.send(&mut socket, b"bye").unwrap();
    linux.close(socket, Close::Graceful);
    let mut got = Vec::new();
    peer.read_to_end(&mut got).unwrap();
    assert_eq!(got, b"bye");
}

#[test]
fn an_abort_resets_the_peer() {
    let mut linux = open(Linux::new());
    let (socket, mut peer) = connection(&mut linux, token(1));
    linux.close(socket, Close::Abort);
    let error = peer.read(&mut [0]).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::ECONNRESET));
}

#[test]
fn urgent_data_neither_spin_nor_hide_what_is_behind() {
    let mut linux = open(Linux::new());
    let (mut socket, mut peer) = connection(&mut linux, token(1));
    peer.write_all(b"abc").unwrap();
    // SAFETY: one byte of a constant.
    let sent = unsafe { libc::send(std::os::fd::AsRawFd::as_raw_fd(&peer), b"!".as_ptr().cast(), 1, libc::MSG_OOB) };
    assert_eq!(sent, 1);
    peer.write_all(b"def").unwrap();
    wait_for(&mut linux, token(1), Readiness::READ);

    // As the core does it: until a receive says that it has taken all.
    let mut got = Vec::new();
    while let Ok((bytes, rest)) = receive(&mut linux, &mut socket) {
        got.extend(bytes);
        if rest == Rest::Drained {
            break;
        }
    }
    assert_eq!(got, b"abcdef");
    let (_, waits) = listen_for(&mut linux, SILENCE);
    assert!(waits < 10, "{waits} waits: urgent data that nobody reads must not wake again and again");
}

#[test]
fn options_can_be_set_on_an_open_socket() {
    let mut linux = open(Linux::new());
    let options = Options { nodelay: true, receive_buffer: u32::MAX, send_buffer: 20_000, ..Options::DEFAULT };
    let (mut socket, _peer) = connection_with(&mut linux, token(1), &options);
    for option in [SocketOption::Nodelay(false), SocketOption::ReceiveBuffer(u32::MAX), SocketOption::SendBuffer(1)] {
        assert_eq!(linux.set_option(&mut socket, option), Ok(()));
    }
}

#[test]
fn a_busy_socket_hides_no_other_and_a_large_batch_loses_none() {
    let mut linux = open(Linux::new());
    let mut pairs: Vec<_> = (0..200).map(|index| connection(&mut linux, token(index))).collect();
    while !take_events(&mut linux).sockets.is_empty() {}
    for (_, peer) in &mut pairs {
        peer.write_all(b"x").unwrap();
    }
    let heard = wait_until(&mut linux, |heard| (0..200).all(|i| heard.readiness(token(i)).has(Readiness::READ)));
    assert!(heard.sockets.len() >= 200);
}

#[test]
fn a_wait_without_end_ends_with_an_event() {
    let mut linux = open(Linux::new());
    let (_socket, mut peer) = connection(&mut linux, token(1));
    take_events(&mut linux);
    peer.write_all(b"x").unwrap();
    let mut recorder = Recorder::default();
    while recorder.sockets.is_empty() {
        linux.wait(Until::Event, &mut recorder).unwrap();
    }
    assert!(recorder.readiness(token(1)).has(Readiness::READ));
}
