//! `modbus server`.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::modbus::{Raw, frame};
use super::process::Process;
use rustix::process::Signal;

const READ_ONE: [u8; 5] = [4, 0, 100, 0, 1];
const ONE: [u8; 4] = [4, 2, 0, 100];

fn serve() -> (Process, SocketAddr) {
    Process::serve("modbus", &["server", "--listen", "127.0.0.1:0"])
}

#[test]
fn signals_end_it_with_the_totals() {
    for signal in [Signal::TERM, Signal::INT] {
        let (server, address) = serve();
        assert_ne!(address.port(), 0);
        let mut open = Raw::connect(address);
        assert_eq!(open.ask(&READ_ONE), ONE);
        assert_eq!(open.ask(&[7]), [0x87, 1]);
        server.signal(signal);
        let ended = server.end();
        assert_eq!((ended.code, ended.totals()), (Some(0), [2, 0, 0]));
        assert!(ended.stderr.is_empty(), "{ended:?}");
    }
}

#[test]
fn it_listens_where_it_is_told() {
    let (_server, address) = Process::serve("modbus", &["server", "--listen", "localhost:0"]);
    assert_eq!(Raw::connect(address).ask(&READ_ONE), ONE);
    let (_server, address) = Process::serve("modbus", &["server", "--listen", "[::1]:0"]);
    assert!(address.is_ipv6());
    assert_eq!(Raw::connect(address).ask(&READ_ONE), ONE);
}

#[test]
fn every_function_is_answered() {
    let (_server, address) = serve();
    let mut peer = Raw::connect(address);
    assert_eq!(peer.ask(&[5, 0, 200, 0xFF, 0]), [5, 0, 200, 0xFF, 0]);
    assert_eq!(peer.ask(&[15, 0, 201, 0, 3, 1, 0b101]), [15, 0, 201, 0, 3]);
    assert_eq!(peer.ask(&[1, 0, 200, 0, 4]), [1, 1, 0b1011]);
    assert_eq!(peer.ask(&[2, 0, 102, 0, 9]), [2, 2, 0b0100_1001, 0]);
    assert_eq!(peer.ask(&[6, 0, 200, 0x12, 0x34]), [6, 0, 200, 0x12, 0x34]);
    assert_eq!(peer.ask(&[16, 0, 201, 0, 2, 4, 1, 2, 3, 4]), [16, 0, 201, 0, 2]);
    assert_eq!(peer.ask(&[22, 0, 200, 0x0F, 0, 0x50, 0x55]), [22, 0, 200, 0x0F, 0, 0x50, 0x55]);
    assert_eq!(peer.ask(&[3, 0, 200, 0, 3]), [3, 6, 0x52, 0x55, 1, 2, 3, 4]);
    assert_eq!(peer.ask(&[23, 0, 200, 0, 2, 0, 200, 0, 1, 2, 9, 9]), [23, 4, 9, 9, 1, 2]);
    assert_eq!(peer.ask(&READ_ONE), ONE);
    assert_eq!(peer.ask(&[43, 14, 4, 0]), b"\x2b\x0e\x04\x82\x00\x00\x01\x00\x03PTK");
    let first = peer.ask(&[43, 14, 2, 0]);
    assert_eq!(first[..5], [43, 14, 2, 0x82, 0xFF], "more follows");
    let second = peer.ask(&[43, 14, 2, first[5]]);
    assert_eq!((second[4], second[5]), (0, 0), "nothing follows");
    assert_eq!(first[6] + second[6], 7, "all objects");
}

#[test]
fn the_connection_survives_every_exception() {
    let (_server, address) = serve();
    let mut peer = Raw::connect(address);
    for (pdu, exception) in [
        (&[99][..], [0xE3, 1]),
        (&[0], [0x80, 1]),
        (&[0x83, 0, 0, 0, 1], [0x83, 1]),
        (&[3, 3, 0xE8, 0, 1], [0x83, 2]),
        (&[3, 0xFF, 0xFF, 0, 2], [0x83, 2]),
        (&[3, 0, 0, 0, 0], [0x83, 3]),
        (&[3, 0xFF, 0xFF, 0, 126], [0x83, 3]),
        (&[3], [0x83, 3]),
        (&[43, 14, 4, 200], [0xAB, 2]),
        (&[43, 14, 9, 0], [0xAB, 3]),
    ] {
        assert_eq!(peer.ask(pdu), exception, "{pdu:?}");
    }
    assert_eq!(peer.ask(&READ_ONE), ONE);
}

#[test]
fn any_unit_is_answered_and_repeated() {
    let (_server, address) = serve();
    let mut peer = Raw::connect(address);
    for unit in [0, 1, 247, 248, 255] {
        peer.send(&frame(u16::from(unit) * 257, unit, &READ_ONE));
        assert_eq!(peer.frame(), (u16::from(unit) * 257, unit, ONE.to_vec()));
    }
}

#[test]
fn frames_may_come_byte_by_byte() {
    let (_server, address) = serve();
    let mut peer = Raw::connect(address);
    for (transaction, pdu) in [(1, &[16, 1, 0, 0, 1, 2, 0xAB, 0xCD][..]), (2, &[3, 1, 0, 0, 1])] {
        for byte in frame(transaction, 1, pdu) {
            std::thread::sleep(Duration::from_millis(2));
            peer.send(&[byte]);
        }
    }
    assert_eq!(peer.frame(), (1, 1, vec![16, 1, 0, 0, 1]));
    assert_eq!(peer.frame(), (2, 1, vec![3, 2, 0xAB, 0xCD]));
}

#[test]
fn pipelined_frames_are_answered_in_order() {
    const COUNT: u16 = 2000;
    let (_server, address) = serve();
    let mut peer = Raw::connect(address);
    let mut bytes = Vec::new();
    for number in 0..COUNT {
        let [high, low] = number.to_be_bytes();
        bytes.extend(frame(number, 3, &[6, 1, 44, high, low]));
        bytes.extend(frame(number, 3, &[3, 1, 44, 0, 125]));
    }
    // Nobody reads the answers meanwhile, so the sender must not wait for them.
    let mut sender = peer.clone();
    let sending = std::thread::spawn(move || sender.send(&bytes));
    for number in 0..COUNT {
        let [high, low] = number.to_be_bytes();
        assert_eq!(peer.frame(), (number, 3, vec![6, 1, 44, high, low]));
        let (transaction, _, pdu) = peer.frame();
        assert_eq!((transaction, &pdu[..4]), (number, &[3, 250, high, low][..]));
    }
    sending.join().unwrap();
}

#[test]
fn a_broken_header_ends_its_own_connection_and_no_other() {
    let (server, address) = serve();
    let mut other = Raw::connect(address);
    assert_eq!(other.ask(&READ_ONE), ONE);
    let headers: [&[u8]; 7] = [
        &[0, 1, 0, 1, 0, 6, 1],
        &[0, 1, 1, 0, 0, 6, 1],
        &[0, 1, 0, 0, 0, 0, 1],
        &[0, 1, 0, 0, 0, 1, 1],
        &[0, 1, 0, 0, 0, 255, 1],
        &[0, 1, 0, 0, 0xFF, 0xFF, 1],
        b"GET / HTTP/1.1\r\nHost: tank\r\n\r\n",
    ];
    for header in headers {
        let mut peer = Raw::connect(address);
        let mut bytes = frame(1, 1, &READ_ONE);
        bytes.extend(header);
        bytes.extend([3; 5000]);
        peer.send(&bytes);
        assert_eq!(peer.rest(), frame(1, 1, &ONE), "the frame before is answered, nothing else: {header:?}");
        assert_eq!(other.ask(&READ_ONE), ONE);
    }
    server.signal(Signal::TERM);
    assert_eq!(server.end().totals(), [15, 7, 0]);
}

#[test]
fn a_frame_that_never_ends_gets_no_answer() {
    let (_server, address) = serve();
    for length in 0..12 {
        let mut peer = Raw::connect(address);
        peer.send(&frame(1, 1, &READ_ONE)[..length]);
        peer.finish();
        assert_eq!(peer.rest(), []);
    }
    let mut peer = Raw::connect(address);
    peer.send(&frame(1, 1, &READ_ONE));
    peer.finish();
    assert_eq!(peer.rest(), frame(1, 1, &ONE), "a whole one does, even behind the end of its stream");
}

#[test]
fn sixty_four_connections_are_served_and_the_next_waits() {
    let (_server, address) = serve();
    let mut peers: Vec<Raw> = (0..64).map(|_| Raw::connect(address)).collect();
    for peer in &mut peers {
        assert_eq!(peer.ask(&READ_ONE), ONE);
    }
    let mut waiting = Raw::connect(address);
    waiting.send(&frame(9, 1, &READ_ONE));
    assert!(waiting.is_silent(Duration::from_millis(300)), "there is no place");
    assert_eq!(peers[63].ask(&READ_ONE), ONE);
    drop(peers.remove(10));
    assert_eq!(waiting.frame(), (9, 1, ONE.to_vec()));
}

#[test]
fn silent_peers_free_their_places() {
    let (_server, address) = Process::serve("modbus", &["server", "--listen", "127.0.0.1:0", "--idle", "1"]);
    let mut peer = Raw::connect(address);
    assert_eq!(peer.ask(&READ_ONE), ONE);
    assert_eq!(peer.rest(), []);
}

#[test]
fn a_peer_that_dribbles_a_request_does_not_keep_its_place() {
    let (_server, address) = Process::serve("modbus", &["server", "--listen", "127.0.0.1:0", "--idle", "1"]);
    let mut peer = TcpStream::connect(address).unwrap();
    let begun = Instant::now();
    // A frame of 260 bytes, one every tenth of a second: 26 seconds for a server that lets it come to its end.
    peer.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    for byte in [0, 1, 0, 0, 0, 254].into_iter().chain(std::iter::repeat(0)) {
        let closed = peer.write_all(&[byte]).is_err() || matches!(peer.read(&mut [0]), Ok(0));
        if closed {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(15), "the connection stays");
    }
}

#[test]
fn a_signal_lists_the_tasks() {
    let (server, address) = serve();
    let mut peer = Raw::connect(address);
    assert_eq!(peer.ask(&READ_ONE), ONE);
    server.signal(Signal::USR1);
    let lines: Vec<String> = (0..66).map(|_| server.complaint()).collect();
    assert!(lines.iter().any(|line| line.contains("connections[63]") && line.contains("server.rs:")), "{lines:?}");
    assert_eq!(peer.ask(&READ_ONE), ONE);
}
