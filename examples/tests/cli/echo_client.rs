//! `echo --udp` and `echo client`.

use std::net::{SocketAddr, TcpListener, UdpSocket};

use rustix::process::Signal;

use super::process::{Ended, PATIENCE, Process, run};
use super::udp_server::serve;

fn client(arguments: &[&str], server: SocketAddr) -> Ended {
    let server = server.to_string();
    run("echo", &[&["client", server.as_str()], arguments].concat())
}

#[test]
fn clients_and_servers_agree_over_both_transports() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        for flags in [&[][..], &["--udp"]] {
            let (server, address) = Process::serve("echo", &[&["--listen", address], flags].concat());
            let ended = client(&[&["--count", "500", "--size", "1400"], flags].concat(), address);
            assert_eq!((ended.code, ended.stderr.len()), (Some(0), 0), "{ended:?}");
            assert_eq!(ended.stdout, ["sent=500 received=500 lost=0 cut=0 late=0 wrong=0"]);
            server.signal(Signal::TERM);
            assert_eq!(server.end().code, Some(0));
        }
    }
}

#[test]
fn datagrams_come_back_to_each_sender_empty_ones_too() {
    let (server, address) = Process::serve("echo", &["--udp", "--listen", "127.0.0.1:0"]);
    let peers: Vec<UdpSocket> = (0..5).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    for (number, peer) in peers.iter().enumerate() {
        peer.set_read_timeout(Some(PATIENCE)).unwrap();
        peer.send_to(&vec![b'x'; number], address).unwrap();
    }
    for (number, peer) in peers.iter().enumerate() {
        assert_eq!(peer.recv_from(&mut [0; 100]).unwrap(), (number, address));
    }
    server.signal(Signal::INT);
    assert_eq!(server.end().stdout, ["echoed=5 cut=0 dropped=0"]);
}

#[test]
fn what_is_cut_is_flagged_on_both_sides() {
    let (server, address) = Process::serve("echo", &["--udp", "--listen", "127.0.0.1:0"]);
    let ended = client(&["--udp", "--count", "3", "--size", "2048"], address);
    assert_eq!((ended.code, ended.stdout[0].as_str()), (Some(0), "sent=3 received=3 lost=0 cut=0 late=0 wrong=0"));
    let ended = client(&["--udp", "--count", "3", "--size", "2049"], address);
    assert_eq!((ended.code, ended.stdout[0].as_str()), (Some(1), "sent=3 received=3 lost=0 cut=3 late=0 wrong=0"));
    server.signal(Signal::TERM);
    assert_eq!(server.end().stdout, ["echoed=6 cut=3 dropped=0"]);
}

#[test]
fn what_is_lost_is_counted_and_not_waited_for() {
    let server =
        serve("127.0.0.1:0", |datagram, number| if number % 3 == 0 { vec![] } else { vec![datagram.to_vec()] });
    let ended = client(&["--udp", "--count", "9", "--timeout", "200"], server);
    assert_eq!(ended.code, Some(0), "loss is no failure: {ended:?}");
    assert_eq!(ended.stdout, ["sent=9 received=6 lost=3 cut=0 late=0 wrong=0"]);
}

#[test]
fn what_comes_twice_late_or_changed_is_told_apart() {
    let server = serve("127.0.0.1:0", |datagram, number| match number {
        1 => vec![datagram.to_vec(), datagram.to_vec()],
        2 => vec![vec![], b"x".to_vec(), vec![0xFF; 5000], datagram.to_vec()],
        _ => vec![datagram.to_vec()],
    });
    let ended = client(&["--udp", "--count", "3"], server);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(ended.stdout, ["sent=3 received=3 lost=0 cut=0 late=1 wrong=3"]);
}

#[test]
fn a_silent_server_is_a_failure() {
    let ended = client(&["--udp", "--count", "2", "--timeout", "100"], serve("127.0.0.1:0", |_, _| vec![]));
    assert_eq!((ended.code, ended.stderr.len()), (Some(1), 1), "{ended:?}");
    assert_eq!(ended.stdout, ["sent=2 received=0 lost=2 cut=0 late=0 wrong=0"]);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let ended = client(&["--timeout", "100"], silent.local_addr().unwrap());
    assert!(ended.code == Some(1) && ended.stderr[0].contains("timed out"), "{ended:?}");
}

#[test]
fn an_absent_server_is_one_line_of_complaint() {
    let absent = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for flags in [&[][..], &["--udp"]] {
        let ended = client(flags, absent);
        assert_eq!((ended.code, ended.stdout.len(), ended.stderr.len()), (Some(1), 0, 1), "{ended:?}");
        assert!(ended.stderr[0].contains("refused"), "{ended:?}");
    }
}

#[test]
fn servers_that_are_told_of_each_other_stay_calm() {
    let (server, address) = Process::serve("echo", &["--udp", "--listen", "127.0.0.1:0"]);
    // From another address, but from the server's own port.
    let forger = UdpSocket::bind(("127.0.0.2", address.port())).unwrap();
    forger.send_to(b"hello", address).unwrap();
    assert_eq!(client(&["--udp", "--count", "1"], address).code, Some(0));
    server.signal(Signal::TERM);
    assert_eq!(server.end().stdout, ["echoed=1 cut=0 dropped=1"]);
}
