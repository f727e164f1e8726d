//! Binding, backlogs and descriptors.

mod harness;

use harness::*;
use ptk_core::{Error, Options, Platform, Reuse, Until};
use ptk_mock::Mock;

const SHARED: Options = Options { reuse: Reuse::Port, ..Options::DEFAULT };

fn bind(mock: &mut Mock, address: &str, options: &Options) -> Result<ptk_mock::Socket, Error> {
    mock.open_listener(at(address), options, SERVER)
}

#[test]
fn port_0_gives_each_listener_a_port_of_its_own() {
    let mut mock = open();
    let (_a, first) = listen(&mut mock, &Options::DEFAULT);
    let (_b, second) = listen(&mut mock, &Options::DEFAULT);
    assert_ne!(first.port(), 0);
    assert_ne!(first.port(), second.port());
}

#[test]
fn an_address_in_use_is_refused_until_it_is_free() {
    for (one, other) in [
        ("127.0.0.1:80", "127.0.0.1:80"),
        ("0.0.0.0:80", "127.0.0.1:80"),
        ("127.0.0.1:80", "0.0.0.0:80"),
        ("[::]:80", "[::1]:80"),
    ] {
        let mut mock = open();
        let first = bind(&mut mock, one, &Options::DEFAULT).expect("the port is free");
        assert_eq!(bind(&mut mock, other, &Options::DEFAULT), Err(Error::AddressInUse), "{one} and {other}");
        assert_eq!(bind(&mut mock, other, &SHARED), Err(Error::AddressInUse), "both must want to share");
        assert_eq!(mock.open_sockets(), 1);
        close(&mut mock, first);
        assert!(bind(&mut mock, other, &Options::DEFAULT).is_ok());
    }
}

#[test]
fn different_addresses_may_have_the_same_port() {
    let mut mock = open();
    for address in ["127.0.0.1:80", "127.0.0.2:80", "[::1]:80"] {
        assert!(bind(&mut mock, address, &Options::DEFAULT).is_ok(), "{address}");
    }
}

#[test]
fn an_address_of_another_host_is_not_available() {
    let mut mock = open();
    for address in ["192.0.2.1:80", "[2001:db8::1]:0"] {
        assert_eq!(bind(&mut mock, address, &Options::DEFAULT), Err(Error::AddressNotAvailable));
    }
}

#[test]
fn listeners_that_share_a_port_share_the_connections() {
    let mut mock = open();
    let mut first = bind(&mut mock, "127.0.0.1:80", &SHARED).expect("the port is free");
    let mut second = bind(&mut mock, "127.0.0.1:80", &SHARED).expect("the port is shared");
    let clients: Vec<_> = (10..14).map(|n| mock.open_stream(at("127.0.0.1:80"), &SHARED, token(n))).collect();
    for listener in [&mut first, &mut second] {
        assert!(mock.accept(listener, &SHARED, ACCEPTED).is_ok());
        assert!(mock.accept(listener, &SHARED, ACCEPTED).is_ok());
        assert_eq!(mock.accept(listener, &SHARED, ACCEPTED), Err(Error::WouldBlock));
    }
    assert_eq!(clients.len(), 4);
}

#[test]
fn the_listener_at_the_very_address_comes_before_the_one_at_all_addresses() {
    let mut mock = open();
    let mut all = bind(&mut mock, "0.0.0.0:80", &SHARED).expect("the port is free");
    let mut one = bind(&mut mock, "127.0.0.1:80", &SHARED).expect("the port is shared");
    let _client = mock.open_stream(at("127.0.0.1:80"), &Options::DEFAULT, CLIENT).expect("it is heard");
    assert_eq!(mock.accept(&mut all, &SHARED, ACCEPTED), Err(Error::WouldBlock));
    assert!(mock.accept(&mut one, &SHARED, ACCEPTED).is_ok());
    let _client = mock.open_stream(at("127.0.0.2:80"), &Options::DEFAULT, CLIENT).expect("it is heard");
    assert!(mock.accept(&mut all, &SHARED, ACCEPTED).is_ok());
}

#[test]
fn a_listener_of_one_family_does_not_hear_the_other() {
    let mut mock = open();
    let _listener = bind(&mut mock, "[::]:80", &Options::DEFAULT).expect("the port is free");
    let mut client = mock.open_stream(at("127.0.0.1:80"), &Options::DEFAULT, CLIENT).expect("descriptors are left");
    assert_eq!(mock.finish_connect(&mut client), Err(Error::ConnectionRefused));
}

#[test]
fn connections_are_accepted_in_the_order_in_which_they_came() {
    let mut mock = open();
    let (mut listener, address) = listen(&mut mock, &Options::DEFAULT);
    let clients: Vec<_> =
        (10..20).map(|n| mock.open_stream(address, &Options::DEFAULT, token(n)).expect("room for all")).collect();
    for client in &clients {
        let accepted = mock.accept(&mut listener, &Options::DEFAULT, ACCEPTED).expect("ten wait");
        assert_eq!(mock.peer_address(&accepted), mock.local_address(client));
    }
    assert_eq!(mock.accept(&mut listener, &Options::DEFAULT, ACCEPTED), Err(Error::WouldBlock));
}

#[test]
fn the_default_backlog_holds_128_and_one_more() {
    let mut mock = open();
    let (_listener, address) = listen(&mut mock, &Options::DEFAULT);
    let mut results = (0..130).map(|n| {
        let mut client = mock.open_stream(address, &Options::DEFAULT, token(n)).expect("descriptors are left");
        mock.finish_connect(&mut client)
    });
    assert!(results.by_ref().take(129).all(|result| result == Ok(())));
    assert_eq!(results.next(), Some(Err(Error::WouldBlock)));
}

#[test]
fn a_listener_reports_again_only_after_it_was_found_empty() {
    let mut mock = open();
    let (mut listener, address) = listen(&mut mock, &Options::DEFAULT);
    let connect = |mock: &mut Mock, n| mock.open_stream(address, &Options::DEFAULT, token(n)).map(|_| ());
    assert_eq!(connect(&mut mock, 10), Ok(()));
    assert!(poll(&mut mock).contains(&Report::Socket(SERVER, READ)));
    assert_eq!(connect(&mut mock, 11), Ok(()));
    assert_eq!(poll(&mut mock), [Report::Socket(token(11), WRITE)]);
    while mock.accept(&mut listener, &Options::DEFAULT, ACCEPTED).is_ok() {}
    assert_eq!(connect(&mut mock, 12), Ok(()));
    assert!(poll(&mut mock).contains(&Report::Socket(SERVER, READ)));
}

#[test]
fn closing_the_listener_resets_whom_nobody_accepted_and_leaves_the_others() {
    let mut mock = open();
    let (mut listener, address) = listen(&mut mock, &Options::DEFAULT);
    let mut lucky = mock.open_stream(address, &Options::DEFAULT, CLIENT).expect("descriptors are left");
    let mut accepted = mock.accept(&mut listener, &Options::DEFAULT, ACCEPTED).expect("the client waits");
    let mut queued = mock.open_stream(address, &Options::DEFAULT, token(9)).expect("descriptors are left");
    assert_eq!(mock.finish_connect(&mut queued), Ok(()));
    assert!(is_drained(&mut mock, &mut queued));
    poll(&mut mock);
    close(&mut mock, listener);

    assert_eq!(poll(&mut mock), [Report::Socket(token(9), READ.with(HANGUP))]);
    assert_eq!(receive(&mut mock, &mut queued), Err(Error::ConnectionReset));
    send(&mut mock, &mut lucky, b"alive");
    assert_eq!(receive(&mut mock, &mut accepted), Ok(b"alive".to_vec()));
}

#[test]
fn a_connection_that_was_reset_before_accept_is_accepted_and_then_reads_the_reset() {
    let mut mock = open();
    let (mut listener, address) = listen(&mut mock, &Options::DEFAULT);
    let mut client = mock.open_stream(address, &Options::DEFAULT, CLIENT).expect("descriptors are left");
    send(&mut mock, &mut client, b"bye");
    abort(&mut mock, client);
    let mut accepted = mock.accept(&mut listener, &Options::DEFAULT, ACCEPTED).expect("it still waits");
    assert_eq!(poll(&mut mock), [Report::Socket(ACCEPTED, READ.with(HANGUP))]);
    assert_eq!(receive(&mut mock, &mut accepted), Ok(b"bye".to_vec()));
    assert_eq!(receive(&mut mock, &mut accepted), Err(Error::ConnectionReset));
    let _next = mock.open_stream(address, &Options::DEFAULT, CLIENT).expect("descriptors are left");
    assert!(mock.accept(&mut listener, &Options::DEFAULT, ACCEPTED).is_ok(), "the listener goes on");
}

#[test]
fn without_descriptors_nothing_is_lost_and_a_close_makes_room() {
    let mut mock = opened(Mock::with_descriptor_limit(2));
    let (mut listener, address) = listen(&mut mock, &Options::DEFAULT);
    let mut client = mock.open_stream(address, &Options::DEFAULT, CLIENT).expect("the second of two");
    send(&mut mock, &mut client, b"kept");
    assert_eq!(mock.open_stream(address, &Options::DEFAULT, token(9)), Err(Error::TooManyDescriptors));
    assert_eq!(bind(&mut mock, "127.0.0.1:0", &Options::DEFAULT), Err(Error::TooManyDescriptors));
    for _ in 0..3 {
        assert_eq!(mock.accept(&mut listener, &Options::DEFAULT, ACCEPTED), Err(Error::TooManyDescriptors));
    }
    close(&mut mock, client);
    let mut accepted = mock.accept(&mut listener, &Options::DEFAULT, ACCEPTED).expect("there is room now");
    assert_eq!(receive(&mut mock, &mut accepted), Ok(b"kept".to_vec()));
    assert_eq!(mock.open_sockets(), 2);
}

#[test]
fn a_missing_descriptor_is_told_even_if_nobody_waits() {
    let mut mock = opened(Mock::with_descriptor_limit(1));
    let (mut listener, _) = listen(&mut mock, &Options::DEFAULT);
    assert_eq!(mock.accept(&mut listener, &Options::DEFAULT, ACCEPTED), Err(Error::TooManyDescriptors));
}

#[test]
fn a_closed_listener_reports_nothing() {
    let mut mock = open();
    let (listener, address) = listen(&mut mock, &Options::DEFAULT);
    let client = mock.open_stream(address, &Options::DEFAULT, CLIENT).expect("descriptors are left");
    close(&mut mock, client);
    close(&mut mock, listener);
    assert_eq!(wait(&mut mock, Until::Event), Err(Error::Deadlock));
}

#[test]
fn accepted_connections_inherit_the_listeners_buffers() {
    let mut mock = open();
    let (mut listener, address) = listen(&mut mock, &buffers(0, 10));
    let mut client = mock.open_stream(address, &buffers(10, 0), CLIENT).expect("descriptors are left");
    assert_eq!(mock.send(&mut client, &[0; 100]), Ok(20));
    let mut accepted = mock.accept(&mut listener, &Options::DEFAULT, ACCEPTED).expect("the client waits");
    assert_eq!(receive_up_to(&mut mock, &mut accepted, 100).map(|(bytes, _)| bytes.len()), Ok(10));
}

#[test]
fn a_listener_is_no_connection_and_a_connection_no_listener() {
    let mut mock = open();
    let (mut listener, mut near, _far) = connection(&mut mock, &Options::DEFAULT, &Options::DEFAULT);
    assert_eq!(mock.send(&mut listener, b"x"), Err(Error::NotConnected));
    assert_eq!(mock.accept(&mut near, &Options::DEFAULT, ACCEPTED), Err(Error::InvalidArgument));
}

#[test]
fn the_port_of_a_client_is_not_for_listeners_and_that_of_an_accepted_connection_is() {
    let mut mock = open();
    let (listener, near, far) = connection(&mut mock, &Options::DEFAULT, &Options::DEFAULT);
    let (client, server) = [&near, &far].map(|end| mock.local_address(end).unwrap()).into();
    assert_eq!(mock.open_listener(client, &Options::DEFAULT, token(9)).map(drop), Err(Error::AddressInUse));
    close(&mut mock, listener);
    assert!(mock.open_listener(server, &Options::DEFAULT, token(10)).is_ok());
    abort(&mut mock, far);
    assert!(mock.open_listener(client, &Options::DEFAULT, token(11)).is_ok(), "the connection is gone");
}
