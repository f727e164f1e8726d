//! `modbus client`.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use super::process::{Process, run};
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
