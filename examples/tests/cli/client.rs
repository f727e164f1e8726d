//! `modbus client`.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use super::modbus::frame;
use super::process::{Ended, Process, run};
use rustix::process::Signal;

/// An address at which nobody listens. Another process could take it, which is unlikely.
fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[test]
fn it_reads_the_tank() {
    let (_server, address) = Process::serve("modbus", &["server", "--listen", "127.0.0.1:0"]);
    let ended = run("modbus", &["client", &address.to_string(), "--once"]);
    assert_eq!((ended.code, ended.totals()), (Some(0), [4, 0, 0]), "{ended:?}");
    assert!(ended.stdout.iter().any(|line| line.starts_with("level ")), "{ended:?}");
    let ended = run("modbus", &["client", &format!("localhost:{}", address.port()), "--polls", "2", "--unit", "255"]);
    assert_eq!((ended.code, ended.totals()), (Some(0), [8, 0, 0]), "{ended:?}");
}

#[test]
fn an_absent_peer_is_one_line_of_complaint() {
    for flags in [&["--once"][..], &["--patience", "0"], &["--patience", "1"]] {
        let address = free_address();
        let mut arguments = vec!["client", &address];
        arguments.extend(flags);
        let ended = run("modbus", &arguments);
        assert_eq!((ended.code, ended.stderr.len()), (Some(1), 1), "{flags:?}: {ended:?}");
        assert!(ended.stderr[0].contains(&address) && ended.stderr[0].contains("refused"), "{ended:?}");
    }
}

#[test]
fn a_server_that_comes_late_or_comes_back_is_found() {
    let address = free_address();
    let client = Process::start("modbus", &["client", &address]);
    assert_eq!(client.line(), format!("polling {address}"));
    assert!(!client.has_line_within(Duration::from_millis(600)), "nobody is there");
    for _ in 0..2 {
        let (server, _) = Process::serve("modbus", &["server", "--listen", &address]);
        let started = Instant::now();
        assert!(client.line().starts_with("level "));
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
        server.signal(Signal::TERM);
        assert_eq!(server.end().code, Some(0));
        assert!(client.complaint().contains(&address));
    }
    client.signal(Signal::INT);
    let ended = client.end();
    assert_eq!(ended.code, Some(0));
    let [requests, errors, allocations] = ended.totals();
    assert!(requests >= 8 && errors >= 2 && allocations == 0, "{ended:?}");
}

#[test]
fn a_server_that_does_not_answer_times_out() {
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = mute.local_addr().unwrap().to_string();
    let ended = run("modbus", &["client", &address, "--once", "--timeout", "50"]);
    assert_eq!((ended.code, ended.stderr.len()), (Some(1), 1), "{ended:?}");
    assert!(ended.stderr[0].contains("timed out"), "{ended:?}");
}

/// Polls a server that is `serve`, once.
fn poll(serve: impl FnOnce(TcpStream) + Send + 'static) -> Ended {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let serving = thread::spawn(move || serve(listener.accept().unwrap().0));
    let ended = run("modbus", &["client", &address, "--once", "--timeout", "500"]);
    serving.join().unwrap();
    ended
}

/// The next request: its transaction and its PDU, which is a read.
fn request(stream: &mut TcpStream) -> Option<(u16, [u8; 5])> {
    let mut bytes = [0; 12];
    stream.read_exact(&mut bytes).ok()?;
    Some((u16::from_be_bytes([bytes[0], bytes[1]]), bytes[7..].try_into().unwrap()))
}

/// The answer of a device whose points are all zero.
fn zeros(pdu: [u8; 5]) -> Vec<u8> {
    let count = if pdu[0] < 3 { 1 } else { 2 * pdu[4] };
    let mut answer = vec![pdu[0], count];
    answer.resize(2 + usize::from(count), 0);
    answer
}

#[test]
fn a_request_is_repeated_and_late_answers_are_dropped() {
    let ended = poll(|mut stream| {
        let (first, _) = request(&mut stream).unwrap();
        let (second, pdu) = request(&mut stream).unwrap();
        assert_ne!(first, second, "each attempt has a number of its own");
        // The answer to the first attempt is wrong, and nobody may look at it.
        stream.write_all(&frame(first, 1, &[0xFF; 7])).unwrap();
        stream.write_all(&frame(second, 1, &zeros(pdu))).unwrap();
        while let Some((transaction, pdu)) = request(&mut stream) {
            stream.write_all(&frame(transaction, 1, &zeros(pdu))).unwrap();
        }
    });
    assert_eq!((ended.code, ended.totals()), (Some(0), [4, 0, 0]), "{ended:?}");
}

#[test]
fn wrong_answers_are_not_believed() {
    type Answer = fn(u16, [u8; 5]) -> Vec<u8>;
    let wrong: [Answer; 5] = [
        |transaction, pdu| frame(transaction, 2, &zeros(pdu)),
        |transaction, pdu| frame(transaction, 1, &zeros(pdu)[1..]),
        |transaction, _| frame(transaction, 1, &[1, 2, 0, 0]),
        |transaction, _| frame(transaction, 1, &[0x82, 1]),
        |_, _| b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
    ];
    for answer in wrong {
        let ended = poll(move |mut stream| {
            let (transaction, pdu) = request(&mut stream).unwrap();
            stream.write_all(&answer(transaction, pdu)).unwrap();
        });
        assert_eq!((ended.code, ended.stderr.len()), (Some(1), 1), "{ended:?}");
        assert!(ended.stderr[0].contains("answer is wrong"), "{ended:?}");
    }
}

#[test]
fn refusals_are_told_with_their_code() {
    let ended = poll(|mut stream| {
        let (transaction, pdu) = request(&mut stream).unwrap();
        stream.write_all(&frame(transaction, 1, &[pdu[0] | 0x80, 2])).unwrap();
    });
    assert_eq!((ended.code, ended.stderr.len()), (Some(1), 1), "{ended:?}");
    assert!(ended.stderr[0].contains("exception 2"), "{ended:?}");
}
