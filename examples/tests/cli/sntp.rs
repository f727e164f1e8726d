//! `sntp`, against servers that behave and servers that do not.

use std::net::{SocketAddr, UdpSocket};

use rustix::process::Signal;

use super::name_server;
use super::process::{Ended, PATIENCE, Process, run};
use super::udp_server::serve;

/// 7 February 2036, 06:28:20: the fifth second of NTP's second era.
const IN_2036: u64 = 4 << 32;

/// What a server answers to the request with this number, counted from 1.
type Script = fn(request: &[u8], number: usize) -> Vec<Vec<u8>>;

/// A server's answer: the request's cookie, and a time.
fn answer(request: &[u8], flags: u8, stratum: u8, reference: &[u8; 4], time: u64) -> Vec<u8> {
    let mut packet = vec![0; 48];
    packet[..4].copy_from_slice(&[flags, stratum, 6, 0xEC]);
    packet[12..16].copy_from_slice(reference);
    packet[24..32].copy_from_slice(&request[40..48]);
    packet[32..40].copy_from_slice(&time.to_be_bytes());
    packet[40..48].copy_from_slice(&time.to_be_bytes());
    packet
}

fn good(request: &[u8]) -> Vec<u8> {
    answer(request, 0x24, 2, &[10, 1, 2, 3], IN_2036)
}

fn ask(server: SocketAddr) -> Ended {
    run("sntp", &[&server.to_string()])
}

fn field<'a>(ended: &'a Ended, name: &str) -> &'a str {
    let line = ended.stdout.iter().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("no {name}: {ended:?}")).trim()
}

fn is_in_2036(ended: &Ended) -> bool {
    ended.code == Some(0) && field(ended, "time").starts_with("2036-02-07 06:28:20.")
}

#[test]
fn the_time_is_told_beyond_2036() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let ended = ask(serve(address, |request, _| vec![good(request)]));
        assert!(is_in_2036(&ended) && ended.stderr.is_empty(), "{ended:?}");
        assert_eq!((field(&ended, "stratum"), field(&ended, "reference")), ("2", "10.1.2.3"));
        let offset: f64 = field(&ended, "offset").trim_end_matches(" s").parse().unwrap();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
        assert!((offset + now - 2_085_978_500.0).abs() < 60.0, "{offset}");
        let round_trip: f64 = field(&ended, "round trip").trim_end_matches(" s").parse().unwrap();
        assert!((0.0..1.0).contains(&round_trip), "{round_trip}");
    }
}

#[test]
fn a_request_gives_nothing_away() {
    let server = serve("127.0.0.1:0", |request, _| {
        assert_eq!((request.len(), request[0]), (48, 0x23));
        assert!(request[1..40].iter().all(|byte| *byte == 0) && request[40..] != [0; 8]);
        vec![good(request)]
    });
    assert!(is_in_2036(&ask(server)));
}

#[test]
fn what_is_no_answer_is_ignored() {
    let ended = ask(serve("127.0.0.1:0", |request, _| {
        let mut forged = answer(request, 0x24, 1, b"EVIL", 1 << 63);
        forged[24] ^= 1;
        let own_mode = answer(request, 0x23, 1, b"EVIL", 1 << 63);
        vec![forged, own_mode, b"short".to_vec(), vec![], good(request)]
    }));
    assert!(is_in_2036(&ended), "{ended:?}");
}

#[test]
fn a_lost_packet_is_asked_for_again() {
    let ended = ask(serve("127.0.0.1:0", |request, number| if number == 1 { vec![] } else { vec![good(request)] }));
    assert!(is_in_2036(&ended), "{ended:?}");
}

#[test]
fn a_server_without_time_is_told() {
    let servers: [(Script, &str); 4] = [
        (|request, _| vec![answer(request, 0xE4, 0, b"RATE", 0)], "refuses: RATE"),
        (|request, _| vec![answer(request, 0x24, 0, b"DENY", 0)], "refuses: DENY"),
        (|request, _| vec![answer(request, 0xE4, 3, b"abcd", IN_2036)], "own clock is not set"),
        (|request, _| vec![answer(request, 0x24, 16, b"abcd", IN_2036)], "own clock is not set"),
    ];
    for (script, complaint) in servers {
        let ended = ask(serve("127.0.0.1:0", script));
        assert_eq!((ended.code, ended.stdout.len(), ended.stderr.len()), (Some(1), 0, 1), "{ended:?}");
        assert!(ended.stderr[0].contains(complaint), "{ended:?}");
    }
}

#[test]
fn a_silent_server_is_given_up_with_what_came_instead() {
    let server = serve("127.0.0.1:0", |request, _| vec![b"short".to_vec(), request.to_vec()]);
    let ended = ask(server);
    assert_eq!((ended.code, ended.stderr.len()), (Some(1), 1), "{ended:?}");
    let expected = format!(
        "sntp: {server}: no answer to 3 requests in 7 s; ignored 3 too short; ignored 3 of a wrong mode or version"
    );
    assert_eq!(ended.stderr[0], expected);
}

#[test]
fn times_that_cannot_be_are_ignored_and_told_apart() {
    let server = serve("127.0.0.1:0", |request, _| {
        let received = |time: u64| {
            let mut packet = good(request);
            packet[32..40].copy_from_slice(&time.to_be_bytes());
            packet
        };
        // None; a million seconds before and after the answer went out.
        let seconds = 1_000_000 << 32;
        vec![received(0), received(IN_2036.wrapping_sub(seconds)), received(IN_2036 + seconds)]
    });
    let ended = ask(server);
    assert_eq!((ended.code, ended.stdout.len(), ended.stderr.len()), (Some(1), 0, 1), "{ended:?}");
    let expected = format!(
        "sntp: {server}: no answer to 3 requests in 7 s; ignored 3 with no receive timestamp; \
         ignored 6 with timestamps that contradict the time it took"
    );
    assert_eq!(ended.stderr[0], expected);
}

#[test]
fn all_addresses_of_a_name_are_asked() {
    // `localhost` is ::1 and 127.0.0.1, in this order. On the first nobody listens.
    let server = serve("127.0.0.1:0", |request, _| vec![good(request)]);
    let ended = run("sntp", &[&format!("localhost:{}", server.port())]);
    assert!(is_in_2036(&ended), "{ended:?}");
    // Or somebody who says nothing.
    let server = serve("127.0.0.1:0", |request, _| vec![good(request)]);
    let _silent = UdpSocket::bind(("::1", server.port())).unwrap();
    let ended = run("sntp", &[&format!("localhost:{}", server.port())]);
    assert!(is_in_2036(&ended), "{ended:?}");
}

#[test]
fn a_name_whose_addresses_all_refuse_is_given_up_at_once() {
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let ended = run("sntp", &[&format!("localhost:{port}")]);
    assert_eq!((ended.code, ended.stderr.len()), (Some(1), 1), "{ended:?}");
    assert!(ended.stderr[0].contains("refused"), "{ended:?}");
}

#[test]
fn an_address_that_refuses_takes_no_request_from_one_that_says_nothing() {
    let silent = UdpSocket::bind("[::1]:0").unwrap();
    silent.set_read_timeout(Some(PATIENCE)).unwrap();
    let server = format!("localhost:{}", silent.local_addr().unwrap().port());
    let client = Process::start("sntp", &[&server]);
    for _ in 0..3 {
        silent.recv(&mut [0; 100]).unwrap();
    }
    assert_eq!(client.end().stderr, [format!("sntp: {server}: no answer to 3 requests in 7 s")]);
}

#[test]
fn an_absent_server_is_one_line_of_complaint() {
    let address = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ended = ask(address);
    assert_eq!((ended.code, ended.stdout.len(), ended.stderr.len()), (Some(1), 0, 1), "{ended:?}");
    assert!(ended.stderr[0].contains(&address.to_string()) && ended.stderr[0].contains("refused"), "{ended:?}");
}

#[test]
fn signals_list_its_tasks_and_end_it() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    silent.set_read_timeout(Some(PATIENCE)).unwrap();
    let client = Process::start("sntp", &[&silent.local_addr().unwrap().to_string()]);
    silent.recv(&mut [0; 100]).unwrap();
    client.signal(Signal::USR1);
    let listing = [client.complaint(), client.complaint()];
    assert!(listing.iter().any(|line| line.contains("client") && line.contains("sntp/client.rs")), "{listing:?}");
    client.signal(Signal::INT);
    assert_eq!(client.end().code, Some(1));
}

#[test]
fn a_server_is_found_by_its_name() {
    let server = serve("127.0.0.1:0", |request, _| vec![good(request)]);
    let resolver = name_server::serve().to_string();
    let name = format!("server.test:{}", server.port());
    assert!(is_in_2036(&run("sntp", &["--resolver", &resolver, &name])));
    let ended = run("sntp", &["--resolver", &resolver, "other.test"]);
    assert!(ended.code == Some(1) && ended.stderr[0].contains("no host of this name"), "{ended:?}");
}
