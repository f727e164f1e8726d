//! Which datagram sockets may have which address, and who of those that share one hears what.

mod harness;

use harness::*;
use ptk_core::{Error, Options, Platform, Reuse};
use ptk_mock::Mock;

#[test]
fn an_address_is_for_one_socket_and_free_again_after_its_close() {
    for (first, second, result) in [
        ("127.0.0.1:5000", "127.0.0.1:5000", Err(Error::AddressInUse)),
        ("127.0.0.1:5000", "0.0.0.0:5000", Err(Error::AddressInUse)),
        ("0.0.0.0:5000", "127.0.0.1:5000", Err(Error::AddressInUse)),
        ("0.0.0.0:5000", "224.0.0.1:5000", Err(Error::AddressInUse)),
        ("[::]:5000", "[::1]:5000", Err(Error::AddressInUse)),
        ("127.0.0.1:5000", "127.0.0.2:5000", Ok(())),
        ("127.0.0.1:5000", "127.0.0.1:5001", Ok(())),
        ("0.0.0.0:5000", "[::]:5000", Ok(())),
    ] {
        let mut mock = open();
        let (held, _) = datagram(&mut mock, first, 1);
        let opened = mock.open_datagram(at(second), &Options::DEFAULT, token(2));
        assert_eq!(opened.map(drop), result, "{first} and {second}");
        close(&mut mock, held);
        let again = mock.open_datagram(at(first), &Options::DEFAULT, token(3));
        assert!(again.is_ok(), "{first} after {second}");
    }
}

#[test]
fn tcp_and_udp_ports_have_nothing_to_do_with_each_other() {
    let mut mock = open();
    let (_listener, address) = listen(&mut mock, &Options::DEFAULT);
    assert!(mock.open_datagram(address, &Options::DEFAULT, token(9)).is_ok());
}

#[test]
fn an_address_is_shared_by_those_who_ask_for_the_same() {
    use Reuse::{Address, Never, Port};
    for (first, second, may) in [
        (Address, Address, true),
        (Port, Port, true),
        (Never, Address, false),
        (Address, Never, false),
        (Port, Never, false),
        (Address, Port, false),
    ] {
        let mut mock = open();
        let (_held, address) = datagram_with(&mut mock, "127.0.0.1:0", &reuse(first), 1);
        let opened = mock.open_datagram(address, &reuse(second), token(2));
        assert_eq!(opened.is_ok(), may, "{first:?} and {second:?}");
    }
}

#[test]
fn an_address_that_is_not_this_hosts_is_not_available() {
    let mut mock = open();
    for address in ["192.0.2.1:0", "[2001:db8::1]:0"] {
        assert_eq!(
            mock.open_datagram(at(address), &Options::DEFAULT, token(1)),
            Err(Error::AddressNotAvailable),
            "{address}"
        );
    }
}

#[test]
fn port_0_gives_a_free_port_that_is_hard_to_guess() {
    let mut mock = open();
    let mut ports: Vec<u16> = (1..200).map(|n| datagram(&mut mock, "127.0.0.1:0", n).1.port()).collect();
    assert!(ports.iter().all(|port| (32_768..=60_999).contains(port)));
    let steps: std::collections::BTreeSet<_> = ports.windows(2).map(|pair| pair[1].abs_diff(pair[0])).collect();
    assert!(steps.len() > 150, "no step from one to the next is usual");
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), 199);
}

#[test]
fn the_ports_repeat_with_the_seed_and_only_with_it() {
    let ports = |seed| {
        let mut mock = opened(Mock::with_seed(seed));
        [1, 2, 3].map(|n| datagram(&mut mock, "127.0.0.1:0", n).1.port())
    };
    assert_eq!(ports(7), ports(7));
    assert_ne!(ports(7), ports(8));
}

#[test]
fn of_those_that_share_an_address_the_last_one_gets_what_is_sent_to_a_single_host() {
    let mut mock = open();
    let shared = reuse(Reuse::Address);
    let (mut first, address) = datagram_with(&mut mock, "127.0.0.1:0", &shared, 1);
    let (mut last, _) = datagram_with(&mut mock, &address.to_string(), &shared, 2);
    let (mut sender, _) = datagram(&mut mock, "127.0.0.1:0", 3);
    assert_eq!(mock.send_to(&mut sender, b"x", Some(address)), Ok(()));
    assert_eq!([&mut first, &mut last].map(|socket| count_datagrams(&mut mock, socket)), [0, 1]);
    close(&mut mock, last);
    assert_eq!(mock.send_to(&mut sender, b"x", Some(address)), Ok(()));
    assert_eq!(count_datagrams(&mut mock, &mut first), 1);
}

#[test]
fn a_closer_fit_comes_before_a_later_one() {
    let mut mock = open();
    let shared = reuse(Reuse::Address);
    let (mut sender, sender_address) = datagram(&mut mock, "127.0.0.1:0", 1);
    let (mut connected, address) = datagram_with(&mut mock, "127.0.0.1:0", &shared, 2);
    assert_eq!(mock.connect_datagram(&mut connected, Some(sender_address)), Ok(()));
    let (mut bound, _) = datagram_with(&mut mock, &address.to_string(), &shared, 3);
    let everything = format!("0.0.0.0:{}", address.port());
    let (mut everything, _) = datagram_with(&mut mock, &everything, &shared, 4);
    let mut counts = |mock: &mut Mock, sender: &mut _| {
        assert_eq!(mock.send_to(sender, b"x", Some(address)), Ok(()));
        [&mut connected, &mut bound, &mut everything].map(|socket| count_datagrams(mock, socket))
    };
    assert_eq!(counts(&mut mock, &mut sender), [1, 0, 0]);
    let (mut stranger, _) = datagram(&mut mock, "127.0.0.1:0", 5);
    assert_eq!(counts(&mut mock, &mut stranger), [0, 1, 0]);
}

#[test]
fn sockets_that_share_a_port_share_the_senders() {
    let mut mock = open();
    let shared = reuse(Reuse::Port);
    let (one, address) = datagram_with(&mut mock, "127.0.0.1:0", &shared, 1);
    let (two, _) = datagram_with(&mut mock, &address.to_string(), &shared, 2);
    let (three, _) = datagram_with(&mut mock, &address.to_string(), &shared, 3);
    let mut sharers = [one, two, three];
    let mut totals = [0; 3];
    for n in 0..60 {
        let (mut sender, _) = datagram(&mut mock, "127.0.0.1:0", 10 + n);
        for _ in 0..2 {
            assert_eq!(mock.send_to(&mut sender, b"x", Some(address)), Ok(()));
        }
        let counts = sharers.each_mut().map(|socket| count_datagrams(&mut mock, socket));
        assert!(counts.contains(&2), "what one sender sends goes to one socket: {counts:?}");
        totals.iter_mut().zip(counts).for_each(|(total, count)| *total += count);
    }
    assert!(totals.iter().all(|total| *total >= 20), "{totals:?}");
}

#[test]
fn the_zone_of_an_address_makes_no_difference() {
    let mut mock = open();
    let zoned = std::net::SocketAddrV6::new(std::net::Ipv6Addr::LOCALHOST, 5000, 7, 1);
    let mut socket = mock.open_datagram(zoned.into(), &Options::DEFAULT, token(1)).expect("the port is free");
    assert_eq!(mock.local_address(&socket), Ok(at("[::1]:5000")));
    assert_eq!(mock.connect_datagram(&mut socket, Some(zoned.into())), Ok(()));
    assert_eq!(mock.send_to(&mut socket, b"self", None), Ok(()));
    assert_eq!(receive_from(&mut mock, &mut socket), Ok((b"self".to_vec(), at("[::1]:5000"))));
}

#[test]
fn datagram_sockets_count_as_descriptors() {
    let mut mock = opened(Mock::with_descriptor_limit(1));
    let (socket, _) = datagram(&mut mock, "127.0.0.1:0", 1);
    assert_eq!(mock.open_sockets(), 1);
    assert_eq!(mock.open_datagram(at("127.0.0.1:0"), &Options::DEFAULT, token(2)), Err(Error::TooManyDescriptors));
    close(&mut mock, socket);
    assert_eq!(mock.open_sockets(), 0);
    datagram(&mut mock, "127.0.0.1:0", 2);
}

#[test]
fn nothing_is_opened_before_the_mock() {
    let mut mock = Mock::new();
    assert_eq!(mock.open_datagram(at("127.0.0.1:0"), &Options::DEFAULT, token(1)), Err(Error::NotOpen));
}

#[test]
fn who_meets_a_sharer_of_the_port_first_asks_no_other() {
    use Reuse::{Address, Port};
    for (first, last, result) in [(Address, Port, Ok(())), (Port, Address, Err(Error::AddressInUse))] {
        let mut mock = open();
        let _first = datagram_with(&mut mock, "127.0.0.1:5000", &reuse(first), 1);
        let _last = datagram_with(&mut mock, "127.0.0.2:5000", &reuse(last), 2);
        let opened = mock.open_datagram(at("0.0.0.0:5000"), &reuse(Port), token(3));
        assert_eq!(opened.map(drop), result, "{last:?} was bound last");
    }
}

#[test]
fn a_socket_that_gave_up_its_peer_counts_as_the_last_to_be_bound() {
    let mut mock = open();
    let (mut first, address) = datagram_with(&mut mock, "127.0.0.1:0", &reuse(Reuse::Address), 1);
    let (mut last, _) = datagram_with(&mut mock, &address.to_string(), &reuse(Reuse::Address), 2);
    for expected in [[false, true], [true, false]] {
        assert_eq!(mock.send_to(&mut last, b"x", Some(address)), Ok(()));
        let heard = [&mut first, &mut last].map(|socket| mock.receive_from(socket, &mut [0]).is_ok());
        assert_eq!(heard, expected);
        assert_eq!(mock.connect_datagram(&mut first, None), Ok(()));
    }
}
