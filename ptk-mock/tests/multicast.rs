//! Groups: who joins, who hears.

mod harness;

use std::net::{IpAddr, Ipv4Addr};

use harness::*;
use ptk_core::{Error, Interface, Membership, Options, Platform, Reuse, SocketOption};
use ptk_mock::{Mock, Socket};

const V4: &str = "239.1.2.3";
const V6: &str = "ff05::5";

fn membership(group: &str, interface: Interface) -> Membership {
    Membership { group: group.parse().expect("an address"), interface }
}

fn join_on(mock: &mut Mock, socket: &mut Socket, group: &str, interface: Interface) -> Result<(), Error> {
    mock.set_option(socket, SocketOption::Join(membership(group, interface)))
}

fn join(mock: &mut Mock, socket: &mut Socket, group: &str) -> Result<(), Error> {
    join_on(mock, socket, group, Interface::Any)
}

fn leave(mock: &mut Mock, socket: &mut Socket, group: &str) -> Result<(), Error> {
    mock.set_option(socket, SocketOption::Leave(membership(group, Interface::Any)))
}

/// Sends to a group's port 5000.
fn send(mock: &mut Mock, socket: &mut Socket, group: &str) -> Result<(), Error> {
    let group: IpAddr = group.parse().expect("an address");
    mock.send_to(socket, b"group", Some((group, 5000).into()))
}

/// The families: a group, another one, all addresses, one's own.
const FAMILIES: [(&str, &str, &str, &str); 2] =
    [(V4, "224.0.0.251", "0.0.0.0", "127.0.0.1"), (V6, "ff02::fb", "[::]", "[::1]")];

#[test]
fn every_member_gets_a_copy_and_nobody_else() {
    for (group, other_group, any, own) in FAMILIES {
        let mut mock = open();
        let shared = reuse(Reuse::Address);
        let any = format!("{any}:5000");
        let [mut one, mut two, mut stranger, mut other] =
            [1, 2, 3, 4].map(|n| datagram_with(&mut mock, &any, &shared, n).0);
        let (mut single, _) = datagram_with(&mut mock, &format!("{own}:5000"), &shared, 5);
        for socket in [&mut one, &mut two, &mut single] {
            assert_eq!(join(&mut mock, socket, group), Ok(()));
        }
        assert_eq!(join(&mut mock, &mut other, other_group), Ok(()));
        let (mut sender, sender_address) = datagram(&mut mock, &format!("{own}:0"), 6);
        assert_eq!(send(&mut mock, &mut sender, group), Ok(()));
        assert_eq!(receive_from(&mut mock, &mut one), Ok((b"group".to_vec(), sender_address)));
        let counts = [&mut one, &mut two, &mut stranger, &mut other, &mut single];
        assert_eq!(counts.map(|socket| count_datagrams(&mut mock, socket)), [0, 1, 0, 0, 0]);

        assert_eq!(leave(&mut mock, &mut two, group), Ok(()));
        assert_eq!(send(&mut mock, &mut sender, group), Ok(()));
        assert_eq!([one, two].each_mut().map(|socket| count_datagrams(&mut mock, socket)), [1, 0]);
    }
}

#[test]
fn those_who_share_a_port_get_a_copy_each_too() {
    let mut mock = open();
    let mut members = [1, 2, 3].map(|n| datagram_with(&mut mock, "0.0.0.0:5000", &reuse(Reuse::Port), n).0);
    for socket in &mut members {
        assert_eq!(join(&mut mock, socket, V4), Ok(()));
    }
    let (mut sender, _) = datagram(&mut mock, "127.0.0.1:0", 4);
    assert_eq!(send(&mut mock, &mut sender, V4), Ok(()));
    assert_eq!(members.each_mut().map(|socket| count_datagrams(&mut mock, socket)), [1, 1, 1]);
}

#[test]
fn each_copy_is_announced() {
    let mut mock = open();
    let mut members = [1, 2].map(|n| datagram_with(&mut mock, "0.0.0.0:5000", &reuse(Reuse::Address), n).0);
    for socket in &mut members {
        assert_eq!(join(&mut mock, socket, V4), Ok(()));
    }
    let (mut sender, _) = datagram(&mut mock, "127.0.0.1:0", 4);
    assert_eq!(send(&mut mock, &mut sender, V4), Ok(()));
    assert_eq!(poll(&mut mock), [Report::Socket(token(1), READ), Report::Socket(token(2), READ)]);
}

#[test]
fn a_socket_bound_to_the_group_hears_it_when_it_has_joined() {
    for (group, _, _, own) in FAMILIES {
        let mut mock = open();
        let bind = std::net::SocketAddr::new(group.parse().expect("an address"), 5000).to_string();
        let (mut member, _) = datagram(&mut mock, &bind, 1);
        let (mut sender, _) = datagram(&mut mock, &format!("{own}:0"), 2);
        assert_eq!(send(&mut mock, &mut sender, group), Ok(()));
        assert_eq!(count_datagrams(&mut mock, &mut member), 0);
        assert_eq!(join(&mut mock, &mut member, group), Ok(()));
        assert_eq!(send(&mut mock, &mut sender, group), Ok(()));
        assert_eq!(count_datagrams(&mut mock, &mut member), 1);
    }
}

#[test]
fn without_loopback_this_machines_members_hear_nothing_and_with_no_hops_they_do() {
    for (group, _, any, _) in FAMILIES {
        let mut mock = open();
        let (mut socket, _) = datagram(&mut mock, &format!("{any}:5000"), 1);
        assert_eq!(join(&mut mock, &mut socket, group), Ok(()));
        for (option, count) in [
            (SocketOption::MulticastHops(0), 1),
            (SocketOption::MulticastLoopback(false), 0),
            (SocketOption::MulticastLoopback(true), 1),
        ] {
            assert_eq!(mock.set_option(&mut socket, option), Ok(()));
            assert_eq!(send(&mut mock, &mut socket, group), Ok(()));
            assert_eq!(count_datagrams(&mut mock, &mut socket), count, "{option:?}");
        }
    }
}

#[test]
fn what_no_member_hears_is_no_refusal() {
    let mut mock = open();
    let (mut sender, _) = datagram(&mut mock, "127.0.0.1:0", 1);
    assert_eq!(mock.connect_datagram(&mut sender, Some(at("239.1.2.3:5000"))), Ok(()));
    assert_eq!(mock.send_to(&mut sender, b"x", None), Ok(()));
    assert_eq!(receive_from(&mut mock, &mut sender), Err(Error::WouldBlock));
}

#[test]
fn a_membership_is_had_once_and_left_once() {
    for (group, _, any, _) in FAMILIES {
        let mut mock = open();
        let (mut socket, _) = datagram(&mut mock, &format!("{any}:5000"), 1);
        assert_eq!(leave(&mut mock, &mut socket, group), Err(Error::AddressNotAvailable));
        assert_eq!(join(&mut mock, &mut socket, group), Ok(()));
        assert_eq!(join(&mut mock, &mut socket, group), Err(Error::AddressInUse));
        assert_eq!(join_on(&mut mock, &mut socket, group, Interface::Index(1)), Err(Error::AddressInUse));
        assert_eq!(leave(&mut mock, &mut socket, group), Ok(()));
        assert_eq!(leave(&mut mock, &mut socket, group), Err(Error::AddressNotAvailable));
        assert_eq!(join(&mut mock, &mut socket, group), Ok(()));
    }
}

#[test]
fn what_is_no_group_of_the_family_is_refused() {
    let mut mock = open();
    let (mut v4, _) = datagram(&mut mock, "0.0.0.0:0", 1);
    let (mut v6, _) = datagram(&mut mock, "[::]:0", 2);
    for (socket, groups) in [(&mut v4, ["127.0.0.1", V6]), (&mut v6, ["::1", V4])] {
        for group in groups {
            assert_eq!(join(&mut mock, socket, group), Err(Error::InvalidArgument), "{group}");
        }
    }
    assert_eq!(leave(&mut mock, &mut v4, "127.0.0.1"), Err(Error::AddressNotAvailable), "as on Linux");
    assert_eq!(leave(&mut mock, &mut v6, "::1"), Err(Error::InvalidArgument), "as on Linux");
    assert_eq!(leave(&mut mock, &mut v4, V6), Err(Error::InvalidArgument));
    assert_eq!(leave(&mut mock, &mut v6, V4), Err(Error::InvalidArgument));
}

#[test]
fn an_ipv4_socket_has_at_most_twenty_groups() {
    let mut mock = open();
    let (mut socket, _) = datagram(&mut mock, "0.0.0.0:0", 1);
    for n in 1..=20 {
        assert_eq!(join(&mut mock, &mut socket, &format!("239.0.0.{n}")), Ok(()));
    }
    assert_eq!(join(&mut mock, &mut socket, "239.0.0.21"), Err(Error::OutOfMemory));
    assert_eq!(join(&mut mock, &mut socket, "239.0.0.20"), Err(Error::AddressInUse));
    assert_eq!(leave(&mut mock, &mut socket, "239.0.0.1"), Ok(()));
    assert_eq!(join(&mut mock, &mut socket, "239.0.0.21"), Ok(()));
    let (mut v6, _) = datagram(&mut mock, "[::]:0", 2);
    for n in 1..=40 {
        assert_eq!(join(&mut mock, &mut v6, &format!("ff05::{n}")), Ok(()));
    }
}

#[test]
fn there_is_one_interface() {
    let mut mock = open();
    let (mut v4, _) = datagram(&mut mock, "0.0.0.0:0", 1);
    let (mut v6, _) = datagram(&mut mock, "[::]:0", 2);
    let address = |text: &str| Interface::Address(text.parse::<Ipv4Addr>().expect("an address"));
    for (interface, for_v4, for_v6) in [
        (Interface::Any, Ok(()), Ok(())),
        (Interface::Index(0), Ok(()), Ok(())),
        (Interface::Index(1), Ok(()), Ok(())),
        (Interface::Index(2), Err(Error::InvalidArgument), Err(Error::InvalidArgument)),
        (address("0.0.0.0"), Ok(()), Err(Error::InvalidArgument)),
        (address("127.0.0.9"), Ok(()), Err(Error::InvalidArgument)),
        (address("192.0.2.1"), Err(Error::InvalidArgument), Err(Error::InvalidArgument)),
    ] {
        for (socket, group, expected) in [(&mut v4, V4, for_v4), (&mut v6, V6, for_v6)] {
            assert_eq!(join_on(&mut mock, socket, group, interface), expected, "{group} on {interface:?}");
            assert_eq!(mock.set_option(socket, SocketOption::MulticastInterface(interface)), expected);
            let left = mock.set_option(socket, SocketOption::Leave(membership(group, interface)));
            assert_eq!(left.is_ok(), expected.is_ok(), "{group} on {interface:?}");
        }
    }
}

#[test]
fn who_is_a_member_on_one_interface_cannot_leave_on_another() {
    let mut mock = open();
    let (mut socket, _) = datagram(&mut mock, "0.0.0.0:0", 1);
    assert_eq!(join(&mut mock, &mut socket, V4), Ok(()));
    let elsewhere = SocketOption::Leave(membership(V4, Interface::Index(2)));
    assert_eq!(mock.set_option(&mut socket, elsewhere), Err(Error::AddressNotAvailable));
    assert_eq!(leave(&mut mock, &mut socket, V4), Ok(()));
}

#[test]
fn an_interface_chosen_by_its_address_gives_the_source_unless_the_socket_has_one() {
    for (bind, source) in [("0.0.0.0:0", "127.0.0.9"), ("127.0.0.5:0", "127.0.0.5")] {
        let mut mock = open();
        let (mut member, _) = datagram_with(&mut mock, "0.0.0.0:5000", &Options::DEFAULT, 1);
        assert_eq!(join(&mut mock, &mut member, V4), Ok(()));
        let (mut sender, _) = datagram(&mut mock, bind, 2);
        let interface = Interface::Address(Ipv4Addr::new(127, 0, 0, 9));
        assert_eq!(mock.set_option(&mut sender, SocketOption::MulticastInterface(interface)), Ok(()));
        assert_eq!(send(&mut mock, &mut sender, V4), Ok(()));
        let (_, from) = receive_from(&mut mock, &mut member).expect("it is a member");
        assert_eq!(from.ip().to_string(), source);
    }
}
