//! What a mock knows about names.

mod harness;

use std::net::IpAddr;

use harness::*;
use ptk_core::{NameService, Platform};
use ptk_mock::Mock;

fn told(mock: &mut Mock) -> Vec<String> {
    let mut told = Vec::new();
    mock.name_service(&mut |entry| told.push(format!("{entry:?}")));
    told
}

fn addresses(mock: &mut Mock, name: &str) -> Vec<IpAddr> {
    let mut addresses = Vec::new();
    mock.host_addresses(name, &mut |address| addresses.push(address));
    addresses
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

#[test]
fn a_mock_knows_nothing_that_it_was_not_given() {
    let mut mock = open();
    assert_eq!(told(&mut mock), [""; 0]);
    assert!(addresses(&mut mock, "localhost").is_empty());
}

#[test]
fn what_it_was_given_is_told_in_order_until_it_is_replaced() {
    let mut mock = open();
    let entries = [
        NameService::Server(at("127.0.0.1:53")),
        NameService::Server(at("[::1]:5353")),
        NameService::Search("plant.example"),
        NameService::Ndots(2),
        NameService::Timeout(3),
        NameService::Attempts(4),
    ];
    mock.set_name_service(&entries);
    assert_eq!(told(&mut mock), entries.map(|entry| format!("{entry:?}")));
    mock.set_name_service(&entries[1..2]);
    assert_eq!(told(&mut mock), [format!("{:?}", entries[1])]);
}

#[test]
fn a_host_has_all_its_addresses_in_upper_and_lower_case() {
    let mut mock = open();
    mock.add_host("PLC.plant.example.", ip("127.0.0.7"));
    mock.add_host("other", ip("127.0.0.8"));
    mock.add_host("plc.plant.example", ip("::1"));
    assert_eq!(addresses(&mut mock, "plc.Plant.EXAMPLE"), [ip("127.0.0.7"), ip("::1")]);
    assert!(addresses(&mut mock, "plc").is_empty());
}

#[test]
fn names_are_part_of_the_state() {
    let mut mock = open();
    let mut clone = mock.clone();
    mock.add_host("plc", ip("127.0.0.7"));
    assert_ne!(hash(&mock), hash(&clone));
    assert!(addresses(&mut clone, "plc").is_empty());
    clone.add_host("PLC.", ip("127.0.0.7"));
    assert_eq!(hash(&mock), hash(&clone));
}
