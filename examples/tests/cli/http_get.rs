//! `http_get`, against servers that behave and servers that do not.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use super::name_server;
use super::process::{Ended, PATIENCE, Process, run, run_raw, run_unheard};

/// A server for one connection: reads the request, and then does what it is told. Gives its address.
fn serve(address: &str, answer: impl FnOnce(&mut TcpStream, &str) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind(address).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut peer, _) = listener.accept().unwrap();
        let request = read_request(&mut peer);
        answer(&mut peer, &request);
    });
    address
}

fn read_request(peer: &mut TcpStream) -> String {
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        peer.read_exact(&mut byte).expect("a whole request");
        request.push(byte[0]);
    }
    String::from_utf8(request).expect("a request is ASCII")
}

/// A server that answers with these bytes and closes.
fn serve_bytes(answer: impl Into<Vec<u8>>) -> String {
    let answer = answer.into();
    url(serve("127.0.0.1:0", move |peer, _| {
        // A client that has seen enough does not take the rest.
        let _ = peer.write_all(&answer);
    }))
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}/")
}

fn get(url: &str) -> (Option<i32>, Vec<u8>, Vec<String>) {
    run_raw("http_get", &["--patience", "20", url])
}

/// More than any buffer holds, and in no place the same.
fn large_body() -> Vec<u8> {
    (0..3_000_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

fn chunked(body: &[u8], size: usize) -> Vec<u8> {
    let mut out = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for chunk in body.chunks(size) {
        write!(out, "{:x};name=value\r\n", chunk.len()).unwrap();
        out.extend(chunk);
        out.extend(b"\r\n");
    }
    out.extend(b"0\r\nTrailer: x\r\n\r\n");
    out
}

fn with_length(body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

#[test]
fn bodies_of_any_length_come_whole() {
    let body = large_body();
    let until_close = [b"HTTP/1.0 200 OK\r\n\r\n", body.as_slice()].concat();
    for answer in [with_length(&body), chunked(&body, 7), chunked(&body, 100_000), until_close] {
        let (code, out, complaints) = get(&serve_bytes(answer));
        assert!(out == body, "{} bytes, {complaints:?}", out.len());
        assert_eq!((code, complaints.len()), (Some(0), 0), "{complaints:?}");
    }
}

#[test]
fn an_empty_body_is_a_body() {
    for answer in [&b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"[..], b"HTTP/1.1 200 OK\r\n\r\n"] {
        assert_eq!(get(&serve_bytes(answer)), (Some(0), vec![], vec![]));
    }
}

#[test]
fn an_answer_that_comes_byte_by_byte_comes_whole() {
    for answer in [with_length(b"hello, world"), chunked(b"hello, world", 5)] {
        let address = serve("127.0.0.1:0", move |peer, _| {
            peer.set_nodelay(true).unwrap();
            for byte in answer {
                peer.write_all(&[byte]).unwrap();
                thread::yield_now();
            }
        });
        assert_eq!(get(&url(address)), (Some(0), b"hello, world".to_vec(), vec![]));
    }
}

#[test]
fn it_does_not_wait_for_the_end_of_a_connection_whose_body_is_complete() {
    let (done, is_done) = channel::<()>();
    let address = serve("127.0.0.1:0", move |peer, _| {
        peer.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").unwrap();
        let _ = is_done.recv_timeout(PATIENCE * 2);
    });
    assert_eq!(get(&url(address)).0, Some(0));
    drop(done);
}

#[test]
fn the_request_is_what_a_server_expects() {
    let (sender, requests) = channel();
    let other = sender.clone();
    let plain = serve("127.0.0.1:0", move |_, request| sender.send(request.to_owned()).unwrap());
    let _ = get(&format!("http://{plain}/a/b?c=d#e"));
    let request = requests.recv_timeout(PATIENCE).unwrap();
    assert!(request.starts_with("GET /a/b?c=d HTTP/1.1\r\n"), "{request}");
    assert!(request.contains(&format!("\r\nHost: {plain}\r\n")), "{request}");
    assert!(request.contains("\r\nConnection: close\r\n"), "{request}");
    let six = serve("[::1]:0", move |_, request| other.send(request.to_owned()).unwrap());
    let _ = get(&format!("http://{six}"));
    let request = requests.recv_timeout(PATIENCE).unwrap();
    assert!(request.starts_with("GET / HTTP/1.1\r\n") && request.contains("\r\nHost: [::1]:"), "{request}");
}

#[test]
fn news_in_front_of_the_answer_is_skipped() {
    let answer = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nhello";
    assert_eq!(get(&serve_bytes(answer)), (Some(0), b"hello".to_vec(), vec![]));
}

#[test]
fn another_status_is_a_failure_whose_body_is_shown() {
    for status in ["404 Not Found", "301 Moved", "206 Partial Content", "500 Oops"] {
        let url = serve_bytes(format!("HTTP/1.1 {status}\r\nContent-Length: 4\r\n\r\nbody"));
        let (code, out, complaints) = get(&url);
        assert_eq!((code, out.as_slice()), (Some(1), &b"body"[..]), "{status}");
        assert_eq!(complaints, [format!("http_get: {url}: the server's status is {}", &status[..3])]);
    }
}

#[test]
fn what_a_server_does_wrong_is_told_apart() {
    const OK: &str = "HTTP/1.1 200 OK\r\n";
    let too_long = format!("{OK}X: {}\r\n\r\n", "x".repeat(9000));
    for (answer, body, complaint) in [
        ("", "", "closed the connection without an answer"),
        ("HTTP/1.1 200 OK\r\nContent-", "", "in the middle of the header"),
        (&format!("{OK}Content-Length: 10\r\n\r\nhello"), "hello", "with 5 bytes of the body to come"),
        (&format!("{OK}Transfer-Encoding: chunked\r\n\r\na\r\nhello"), "hello", "before the last chunk"),
        (&format!("{OK}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"), "hello", "before the last chunk"),
        (&format!("{OK}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"), "hello", "before the last chunk"),
        (
            &format!("{OK}Transfer-Encoding: chunked\r\n\r\n5\r\nhello!\r\n"),
            "hello",
            "a chunk of the body is malformed",
        ),
        (&format!("{OK}Transfer-Encoding: gzip\r\n\r\n"), "", "transfer coding"),
        (&format!("{OK}Content-Length: many\r\n\r\n"), "", "Content-Length is wrong"),
        (&format!("{OK}Content-Length: 1\r\nContent-Length: 2\r\n\r\n"), "", "Content-Length is wrong"),
        (&format!("{OK}nonsense\r\n\r\n"), "", "the header is malformed"),
        ("SSH-2.0-OpenSSH_9.2\r\n", "", "does not speak HTTP/1"),
        ("\0\u{1}\u{2}", "", "does not speak HTTP/1"),
        (&too_long, "", "longer than 8192 bytes"),
    ] {
        let url = serve_bytes(answer);
        let (code, out, complaints) = get(&url);
        assert_eq!((code, out.as_slice()), (Some(1), body.as_bytes()), "{answer:.60}: {complaints:?}");
        assert_eq!(complaints.len(), 1, "{complaints:?}");
        assert!(complaints[0].contains(complaint) && complaints[0].contains(&url), "{complaint}: {complaints:?}");
    }
}

#[test]
fn a_reset_is_told() {
    let address = serve("127.0.0.1:0", |peer, _| {
        peer.write_all(b"HTTP/1.1 200 OK\r\n\r\nhello").unwrap();
        rustix::net::sockopt::set_socket_linger(&*peer, Some(Duration::ZERO)).unwrap();
    });
    let (code, _, complaints) = get(&url(address));
    assert_eq!(code, Some(1));
    assert!(complaints[0].contains("reset"), "{complaints:?}");
}

#[test]
fn a_server_that_falls_silent_is_given_up() {
    for (answer, complaint) in [
        ("", "no answer: timed out"),
        ("HTTP/1.1 200 OK\r\n", "no answer: timed out"),
        ("HTTP/1.1 200 OK\r\n\r\nhello", "the body broke off: timed out"),
    ] {
        let (done, is_done) = channel::<()>();
        let address = serve("127.0.0.1:0", move |peer, _| {
            peer.write_all(answer.as_bytes()).unwrap();
            let _ = is_done.recv_timeout(PATIENCE * 2);
        });
        let ended: Ended = run("http_get", &["--patience", "1", &url(address)]);
        assert_eq!((ended.code, ended.stderr.len()), (Some(1), 1), "{ended:?}");
        assert!(ended.stderr[0].contains(complaint), "{ended:?}");
        drop(done);
    }
}

/// The pace of a server that dribbles: each byte comes well within the patience of a second.
const BETWEEN_BYTES: Duration = Duration::from_millis(100);

#[test]
fn headers_that_dribble_for_ever_are_given_up() {
    let address = serve("127.0.0.1:0", |peer, _| {
        let _ = peer.write_all(b"HTTP/1.1 200 OK\r\nX: ");
        while peer.write_all(b"x").is_ok() {
            thread::sleep(BETWEEN_BYTES);
        }
    });
    let ended = run("http_get", &["--patience", "1", &url(address)]);
    assert!(ended.code == Some(1) && ended.stderr[0].contains("no answer: timed out"), "{ended:?}");
}

#[test]
fn an_absent_server_is_one_line_of_complaint() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ended = run("http_get", &[&url(address)]);
    assert_eq!((ended.code, ended.stdout.len(), ended.stderr.len()), (Some(1), 0, 1), "{ended:?}");
    assert!(ended.stderr[0].contains("cannot connect: connection refused"), "{ended:?}");
}

#[test]
fn a_body_that_nobody_takes_is_a_failure() {
    let (code, complaints) = run_unheard("http_get", &[&serve_bytes(with_length(&large_body()))]);
    assert_eq!((code, complaints.len()), (Some(1), 1), "{complaints:?}");
    assert!(complaints[0].contains("cannot write the body"), "{complaints:?}");
}

#[test]
fn signals_list_its_tasks_and_end_it() {
    let (done, is_done) = channel::<()>();
    let (asked, is_asked) = channel();
    let address = serve("127.0.0.1:0", move |_, _| {
        asked.send(()).unwrap();
        let _ = is_done.recv_timeout(PATIENCE * 2);
    });
    let client = Process::start("http_get", &[&url(address)]);
    is_asked.recv_timeout(PATIENCE).expect("a request");
    client.signal(Signal::USR1);
    let listing = [client.complaint(), client.complaint()];
    assert!(listing.iter().any(|line| line.contains("get") && line.contains("http/get.rs")), "{listing:?}");
    client.signal(Signal::TERM);
    let ended = client.end();
    assert!(ended.code == Some(1) && ended.stderr[0].contains("interrupted"), "{ended:?}");
    drop(done);
}

#[test]
fn a_server_is_found_by_its_name() {
    let address = serve("127.0.0.1:0", |peer, request| {
        assert!(request.contains("\r\nHost: server.test:"), "{request}");
        peer.write_all(b"HTTP/1.1 200 OK\r\n\r\nfound").unwrap();
    });
    let resolver = name_server::serve().to_string();
    let url = format!("http://server.test:{}/", address.port());
    assert_eq!(run_raw("http_get", &["--resolver", &resolver, &url]), (Some(0), b"found".to_vec(), vec![]));
    let ended = run("http_get", &["--resolver", &resolver, "http://other.test/"]);
    assert!(ended.code == Some(1) && ended.stderr[0].contains("cannot connect: no host of this name"), "{ended:?}");
}
