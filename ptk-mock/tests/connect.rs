//! How connections begin.

mod harness;

use harness::*;
use ptk_core::{Duration, Error, Instant, Options, Platform, Until};

#[test]
fn connect_succeeds_before_anyone_accepts_while_the_backlog_has_room() {
    let mut mock = open();
    let (mut listener, address) = listen(&mut mock, &Options::DEFAULT);
    let mut client = mock.open_stream(address, &Options::DEFAULT, CLIENT).expect("descriptors are left");
    assert_eq!(poll(&mut mock), [Report::Socket(CLIENT, WRITE), Report::Socket(SERVER, READ)]);
    assert_eq!(mock.finish_connect(&mut client), Ok(()));
    assert_eq!(mock.finish_connect(&mut client), Ok(()));
    send(&mut mock, &mut client, b"early");

    let mut accepted = mock.accept(&mut listener, &Options::DEFAULT, ACCEPTED).expect("the client waits");
    assert_eq!(poll(&mut mock), [Report::Socket(ACCEPTED, READ)]);
    assert_eq!(receive(&mut mock, &mut accepted), Ok(b"early".to_vec()));
}

#[test]
fn both_ends_know_both_addresses() {
    for (bind, target, source) in [
        ("127.0.0.1:0", "127.0.0.1", "127.0.0.1"),
        ("0.0.0.0:0", "127.0.0.9", "127.0.0.1"),
        ("[::1]:0", "::1", "::1"),
        ("[::]:0", "::1", "::1"),
    ] {
        let mut mock = open();
        let mut listener = mock.open_listener(at(bind), &Options::DEFAULT, SERVER).expect("a port is free");
        let port = mock.local_address(&listener).expect("it is open").port();
        let peer = (target.parse::<std::net::IpAddr>().expect("an address"), port).into();
        let client = mock.open_stream(peer, &Options::DEFAULT, CLIENT).expect("descriptors are left");
        let accepted = mock.accept(&mut listener, &Options::DEFAULT, ACCEPTED).expect("the client waits");
        let local = mock.local_address(&client).expect("it is open");
        assert_eq!(local.ip().to_string(), source);
        assert_ne!(local.port(), port);
        assert_eq!(mock.peer_address(&client), Ok(peer));
        assert_eq!(mock.local_address(&accepted), Ok(peer));
        assert_eq!(mock.peer_address(&accepted), Ok(local));
        assert_eq!(mock.peer_address(&listener), Err(Error::NotConnected));
    }
}

#[test]
fn where_nobody_listens_the_connect_is_refused_once() {
    let mut mock = open();
    let mut client = mock.open_stream(at("127.0.0.1:9"), &Options::DEFAULT, CLIENT).expect("descriptors are left");
    let reports = poll(&mut mock);
    assert!(matches!(reports[..], [Report::Socket(CLIENT, readiness)] if readiness.has(WRITE.with(HANGUP))));
    assert_eq!(mock.finish_connect(&mut client), Err(Error::ConnectionRefused));
    assert_eq!(mock.finish_connect(&mut client), Err(Error::NotConnected));
    assert_eq!(mock.peer_address(&client), Err(Error::NotConnected));
    assert_eq!(poll(&mut mock), []);
}

#[test]
fn a_retry_after_a_refusal_works() {
    let mut mock = open();
    let mut client = mock.open_stream(at("127.0.0.1:9"), &Options::DEFAULT, CLIENT).expect("descriptors are left");
    assert_eq!(mock.finish_connect(&mut client), Err(Error::ConnectionRefused));
    close(&mut mock, client);
    let _listener = mock.open_listener(at("127.0.0.1:9"), &Options::DEFAULT, SERVER).expect("the port is free");
    let mut client = mock.open_stream(at("127.0.0.1:9"), &Options::DEFAULT, CLIENT).expect("descriptors are left");
    assert_eq!(mock.finish_connect(&mut client), Ok(()));
    assert_eq!(poll(&mut mock), [Report::Socket(CLIENT, WRITE), Report::Socket(SERVER, READ)]);
}

#[test]
fn a_connect_to_itself_is_refused() {
    let mut mock = open();
    let probe = mock.open_stream(at("127.0.0.1:9"), &Options::DEFAULT, CLIENT).expect("descriptors are left");
    let mut target = mock.local_address(&probe).expect("it is open");
    target.set_port(target.port() + 1); // the port that the next connect starts from
    let mut client = mock.open_stream(target, &Options::DEFAULT, CLIENT).expect("descriptors are left");
    assert_eq!(mock.local_address(&client), Ok(target));
    assert_eq!(mock.finish_connect(&mut client), Err(Error::ConnectionRefused));
}

#[test]
fn there_is_no_way_to_foreign_addresses_groups_and_everybody() {
    let mut mock = open();
    for address in ["192.0.2.1:80", "224.0.0.1:80", "127.255.255.255:80", "255.255.255.255:80", "[2001:db8::1]:80"] {
        assert_eq!(mock.open_stream(at(address), &Options::DEFAULT, CLIENT), Err(Error::NoRoute));
    }
    assert_eq!(mock.open_sockets(), 0);
}

#[test]
fn what_the_core_refuses_is_refused_here_too() {
    let mut mock = open();
    for address in ["0.0.0.0:80", "127.0.0.1:0", "[::]:80"] {
        assert_eq!(mock.open_stream(at(address), &Options::DEFAULT, CLIENT), Err(Error::InvalidArgument));
    }
}

#[test]
fn a_full_backlog_delays_the_connect_until_it_is_repeated() {
    let mut mock = open();
    let (mut listener, address) = listen(&mut mock, &backlog(1));
    let _held: Vec<_> = (10..12).map(|n| mock.open_stream(address, &Options::DEFAULT, token(n))).collect();
    let mut late = mock.open_stream(address, &Options::DEFAULT, CLIENT).expect("descriptors are left");
    assert_eq!(poll(&mut mock).len(), 3, "two clients and the listener");
    assert_eq!(mock.finish_connect(&mut late), Err(Error::WouldBlock));
    assert_eq!(mock.send(&mut late, b"x"), Err(Error::WouldBlock));
    assert_eq!(receive(&mut mock, &mut late), Err(Error::WouldBlock));

    mock.accept(&mut listener, &Options::DEFAULT, ACCEPTED).expect("two wait");
    assert_eq!(poll(&mut mock), [], "room alone does not help: the listener must be asked again");
    assert_eq!(wait(&mut mock, Until::Event), Ok(vec![Report::Socket(CLIENT, WRITE)]));
    assert_eq!(mock.now(), Instant::ORIGIN + Duration::from_secs(1));
    assert_eq!(mock.finish_connect(&mut late), Ok(()));
}

#[test]
fn a_loop_inside_a_foreign_one_is_told_when_a_connect_is_repeated() {
    let mut mock = open();
    assert_eq!(mock.next_deadline(), None);
    let (_listener, address) = listen(&mut mock, &backlog(1));
    let _held: Vec<_> = (10..12).map(|n| mock.open_stream(address, &Options::DEFAULT, token(n))).collect();
    assert_eq!(mock.next_deadline(), None);
    let late = mock.open_stream(address, &Options::DEFAULT, CLIENT).expect("descriptors are left");
    for seconds in [1, 3, 7] {
        let due = Instant::ORIGIN + Duration::from_secs(seconds);
        assert_eq!(mock.next_deadline(), Some(due));
        let wait = due - mock.now();
        mock.advance(wait);
    }
    close(&mut mock, late);
    assert_eq!(mock.next_deadline(), None);
}

#[test]
fn a_deadline_before_the_repetition_comes_first() {
    let mut mock = open();
    let (mut listener, address) = listen(&mut mock, &backlog(1));
    let _held: Vec<_> = (10..13).map(|n| mock.open_stream(address, &Options::DEFAULT, token(n))).collect();
    mock.accept(&mut listener, &Options::DEFAULT, ACCEPTED).expect("two wait");
    poll(&mut mock);
    let half = Instant::ORIGIN + Duration::from_millis(500);
    assert_eq!(wait(&mut mock, Until::Deadline(half)), Ok(vec![Report::Alarm]));
    assert_eq!(mock.now(), half);
    let full = Instant::ORIGIN + Duration::from_secs(1);
    assert_eq!(wait(&mut mock, Until::Deadline(full)), Ok(vec![Report::Socket(token(12), WRITE), Report::Alarm]));
}

#[test]
fn a_connect_that_nobody_answers_times_out() {
    let mut mock = open();
    let (_listener, address) = listen(&mut mock, &backlog(1));
    let _held: Vec<_> = (10..12).map(|n| mock.open_stream(address, &Options::DEFAULT, token(n))).collect();
    let mut late = mock.open_stream(address, &Options::DEFAULT, CLIENT).expect("descriptors are left");
    poll(&mut mock);
    let reports = wait(&mut mock, Until::Event).expect("it times out");
    assert!(matches!(reports[..], [Report::Socket(CLIENT, readiness)] if readiness.has(WRITE.with(HANGUP))));
    assert_eq!(mock.now(), Instant::ORIGIN + Duration::from_secs(127));
    assert_eq!(mock.finish_connect(&mut late), Err(Error::TimedOut));
    assert_eq!(wait(&mut mock, Until::Event), Err(Error::Deadlock));
}

#[test]
fn a_stall_lets_the_kernel_go_on() {
    let mut mock = open();
    let (_listener, address) = listen(&mut mock, &backlog(1));
    let _held: Vec<_> = (10..12).map(|n| mock.open_stream(address, &Options::DEFAULT, token(n))).collect();
    let mut late = mock.open_stream(address, &Options::DEFAULT, CLIENT).expect("descriptors are left");
    mock.advance(Duration::from_secs(200));
    assert_eq!(mock.finish_connect(&mut late), Err(Error::TimedOut));
}

#[test]
fn close_while_connecting_leaves_nothing_behind() {
    let mut mock = open();
    let (_listener, address) = listen(&mut mock, &backlog(1));
    let _held: Vec<_> = (10..12).map(|n| mock.open_stream(address, &Options::DEFAULT, token(n))).collect();
    let late = mock.open_stream(address, &Options::DEFAULT, CLIENT).expect("descriptors are left");
    poll(&mut mock);
    close(&mut mock, late);
    assert_eq!(wait(&mut mock, Until::Event), Err(Error::Deadlock));
    assert_eq!(mock.now(), Instant::ORIGIN, "nothing was left to wait for");
}

#[test]
fn a_listener_that_ends_while_a_connect_waits_refuses_it() {
    let mut mock = open();
    let (listener, address) = listen(&mut mock, &backlog(1));
    let held: Vec<_> = (10..12).filter_map(|n| mock.open_stream(address, &Options::DEFAULT, token(n)).ok()).collect();
    let mut late = mock.open_stream(address, &Options::DEFAULT, CLIENT).expect("descriptors are left");
    held.into_iter().for_each(|socket| close(&mut mock, socket));
    close(&mut mock, listener);
    assert!(matches!(wait(&mut mock, Until::Event).as_deref(), Ok([Report::Socket(CLIENT, _)])));
    assert_eq!(mock.finish_connect(&mut late), Err(Error::ConnectionRefused));
}

#[test]
fn a_reset_before_the_connect_was_finished_is_told_by_finish_connect() {
    let mut mock = open();
    let (mut listener, address) = listen(&mut mock, &Options::DEFAULT);
    let mut client = mock.open_stream(address, &Options::DEFAULT, CLIENT).expect("descriptors are left");
    let accepted = mock.accept(&mut listener, &Options::DEFAULT, ACCEPTED).expect("the client waits");
    abort(&mut mock, accepted);
    assert_eq!(mock.finish_connect(&mut client), Err(Error::ConnectionReset));
}
