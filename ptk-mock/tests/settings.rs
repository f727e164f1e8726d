//! Settings of open sockets.

mod harness;

use harness::*;
use ptk_core::{Duration, Error, Interface, Keepalive, Options, Platform, SocketOption};

const KEEPALIVE: Keepalive =
    Keepalive { idle: Duration::from_secs(7), interval: Duration::from_millis(1), probes: 127 };

#[test]
fn the_settings_of_connections_are_accepted_and_kept() {
    let mut mock = open();
    let (listener, near, far) = connection(&mut mock, &Options::DEFAULT, &Options::DEFAULT);
    for mut socket in [listener, near, far] {
        for option in [
            SocketOption::Nodelay(true),
            SocketOption::Keepalive(Some(KEEPALIVE)),
            SocketOption::UserTimeout(Duration::from_secs(3)),
            SocketOption::HopLimit(1),
        ] {
            let before = hash(&mock);
            assert_eq!(mock.set_option(&mut socket, option), Ok(()), "{option:?}");
            assert_ne!(hash(&mock), before, "{option:?}");
        }
        assert_eq!(mock.set_option(&mut socket, SocketOption::Keepalive(None)), Ok(()));
        for option in [
            SocketOption::Broadcast(true),
            SocketOption::MulticastHops(1),
            SocketOption::MulticastLoopback(true),
            SocketOption::MulticastInterface(Interface::Any),
        ] {
            assert_eq!(mock.set_option(&mut socket, option), Err(Error::NotSupported), "{option:?}");
        }
    }
}

#[test]
fn an_accepted_connection_inherits_the_listeners_settings() {
    let mut mock = open();
    let (mut listener, address) = listen(&mut mock, &Options::DEFAULT);
    let accepted = |world: &ptk_mock::Mock| {
        let (mut world, mut listener) = (world.clone(), listener.clone());
        let _client = world.open_stream(address, &Options::DEFAULT, CLIENT).expect("descriptors are left");
        world.accept(&mut listener, &Options::DEFAULT, ACCEPTED).expect("the client waits");
        close(&mut world, listener);
        hash(&world)
    };
    let plain = accepted(&mock);
    assert_eq!(accepted(&mock), plain);
    let mut changed = mock.clone();
    assert_eq!(changed.set_option(&mut listener.clone(), SocketOption::HopLimit(9)), Ok(()));
    assert_ne!(accepted(&changed), plain);
    assert_eq!(mock.set_option(&mut listener, SocketOption::Broadcast(true)), Err(Error::NotSupported));
}

#[test]
fn values_beyond_the_systems_are_refused_and_change_nothing() {
    let mut mock = open();
    let (mut near, _far) = ends(&mut mock);
    let before = hash(&mock);
    let seconds = Duration::from_secs;
    for option in [
        SocketOption::HopLimit(0),
        SocketOption::Keepalive(Some(Keepalive { idle: Duration::ZERO, ..KEEPALIVE })),
        SocketOption::Keepalive(Some(Keepalive { idle: seconds(32_768), ..KEEPALIVE })),
        SocketOption::Keepalive(Some(Keepalive { interval: Duration::ZERO, ..KEEPALIVE })),
        SocketOption::Keepalive(Some(Keepalive { interval: seconds(32_768), ..KEEPALIVE })),
        SocketOption::Keepalive(Some(Keepalive { probes: 0, ..KEEPALIVE })),
        SocketOption::Keepalive(Some(Keepalive { probes: 128, ..KEEPALIVE })),
        SocketOption::UserTimeout(Duration::from_millis(1 << 31)),
    ] {
        assert_eq!(mock.set_option(&mut near, option), Err(Error::InvalidArgument), "{option:?}");
    }
    assert_eq!(hash(&mock), before);
    let longest = Keepalive { idle: seconds(32_767), interval: seconds(32_767), probes: 1 };
    assert_eq!(mock.set_option(&mut near, SocketOption::Keepalive(Some(longest))), Ok(()));
}

#[test]
fn the_settings_of_datagram_sockets_are_accepted_and_kept() {
    let mut mock = open();
    for (bind, number) in [("127.0.0.1:0", 1), ("[::1]:0", 2)] {
        let (mut socket, _) = datagram(&mut mock, bind, number);
        for option in [
            SocketOption::HopLimit(3),
            SocketOption::SendBuffer(5_000),
            SocketOption::ReceiveBuffer(5_000),
            SocketOption::MulticastHops(2),
            SocketOption::MulticastLoopback(false),
        ] {
            let before = hash(&mock);
            assert_eq!(mock.set_option(&mut socket, option), Ok(()), "{option:?}");
            assert_ne!(hash(&mock), before, "{option:?}");
        }
        assert_eq!(mock.set_option(&mut socket, SocketOption::HopLimit(0)), Err(Error::InvalidArgument));
        for option in
            [SocketOption::Nodelay(true), SocketOption::Keepalive(None), SocketOption::UserTimeout(Duration::ZERO)]
        {
            assert_eq!(mock.set_option(&mut socket, option), Err(Error::NotSupported), "{option:?}");
        }
    }
}

#[test]
fn there_is_no_broadcast_in_ipv6() {
    let mut mock = open();
    let (mut socket, _) = datagram(&mut mock, "[::1]:0", 1);
    assert_eq!(mock.set_option(&mut socket, SocketOption::Broadcast(true)), Err(Error::NotSupported));
}
