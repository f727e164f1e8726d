//! Connecting to a name: the addresses are tried in turn, and a late family counts.

mod dns_messages;
mod dns_world;

use std::net::SocketAddr;

use dns_messages::{A, AAAA, NAME_ERROR, Query, SERVER_FAILURE};
use dns_world::{Act, Outcome, Script, Stage, Step, both, say, silent, stage};
use ptk_core::prelude::*;

fn hosts(stage: &mut Stage<2>, host: &str, addresses: &[&str]) {
    for address in addresses {
        stage.event_loop.platform_mut().add_host(host, address.parse().expect("an address"));
    }
}

#[test]
fn addresses_are_tried_in_turn_until_one_answers() {
    let mut stage = stage(|_, _, query| say(&query.reply().addresses(60, &["::1", "127.0.0.9", "127.0.0.2"])));
    stage.event_loop.cx().listen("127.0.0.2:80".parse().expect("an address")).expect("the port is free");
    stage.sockets += 1;
    let connected = Outcome::Connected("127.0.0.2:80".parse().expect("an address"));
    assert_eq!(stage.one(Step::Connect("server.example.", 80)), (connected, 0));
}

#[test]
fn the_last_error_tells_why_nobody_could_be_reached() {
    let mut stage = stage(|_, _, query| say(&query.reply().addresses(60, &["::1", "127.0.0.1"])));
    assert_eq!(stage.one(Step::Connect("server.example.", 9)).0, Outcome::Failed(Error::ConnectionRefused));
    let mut nowhere = self::stage(|_, _, query| say(&query.reply().flags(NAME_ERROR)));
    assert_eq!(nowhere.one(Step::Connect("server.example.", 9)).0, Outcome::Failed(Error::NameNotFound));
    let mut zero = self::stage(both);
    assert_eq!(zero.one(Step::Connect("server.example.", 0)).0, Outcome::Failed(Error::InvalidArgument));
}

/// Listens at port 80 of `address`, for the rest of the test.
fn listen(stage: &mut Stage<2>, address: &str) -> Outcome {
    let address = SocketAddr::new(address.parse().expect("an address"), 80);
    stage.event_loop.cx().listen(address).expect("the port is free");
    stage.sockets += 1;
    Outcome::Connected(address)
}

/// Lets connects to port 80 of `address` hang.
fn hang(stage: &mut Stage<2>, address: &str) {
    let mut cx = stage.event_loop.cx();
    let options = Options { backlog: 1, ..Options::DEFAULT };
    let full = SocketAddr::new(address.parse().expect("an address"), 80);
    cx.listen_with(full, &options).expect("the port is free");
    for _ in 0..2 {
        let filler = cx.tcp_socket(&Options::DEFAULT).expect("there is room");
        assert_eq!(cx.connect_on(filler, full), Poll::Pending);
    }
    stage.sockets = stage.event_loop.tables().sockets.used;
}

#[test]
fn an_address_that_hangs_holds_the_others_for_two_seconds() {
    let mut stage = stage(silent);
    hosts(&mut stage, "server", &["127.0.0.3", "127.0.0.4", "127.0.0.2"]);
    hang(&mut stage, "127.0.0.3");
    hang(&mut stage, "127.0.0.4");
    let connected = listen(&mut stage, "127.0.0.2");
    assert_eq!(stage.one(Step::Connect("server", 80)), (connected, 4_000));
}

/// AAAA is `::1`, and A 127.0.0.2 after so many milliseconds.
fn late_v4(millis: u64, query: &Query) -> Vec<Act> {
    let bytes = query.reply().addresses(0, &["::1", "127.0.0.2"]).bytes();
    if query.kind == A { vec![Act::Late(millis, bytes)] } else { vec![Act::Say(bytes)] }
}

fn kinds(stage: &Stage<2>) -> Vec<u16> {
    stage.app.servers[0].asked.iter().map(|(_, kind)| *kind).collect()
}

#[test]
fn the_late_family_is_tried_when_the_other_cannot_be_reached() {
    let mut refused = stage(|_, _, query| late_v4(60, query));
    let connected = listen(&mut refused, "127.0.0.2");
    assert_eq!(refused.one(Step::Connect("server.example.", 80)), (connected, 50 + 60));
    assert_eq!(kinds(&refused), [AAAA, A, A], "what is known is not asked for again");
    let mut hangs = stage(|_, _, query| late_v4(3_000, query));
    hang(&mut hangs, "::1");
    let connected = listen(&mut hangs, "127.0.0.2");
    assert_eq!(hangs.one(Step::Connect("server.example.", 80)), (connected, 50 + 2_000 + 3_000));
}

#[test]
fn a_family_that_was_refused_or_lost_is_asked_for_again() {
    let scripts: [Script; 3] = [
        |_, n, query| if n == 2 { say(&query.reply().flags(SERVER_FAILURE)) } else { late_v4(0, query) },
        |_, n, query| if n == 2 { say(&query.reply().record("", A, 1, b"short")) } else { late_v4(0, query) },
        |_, n, query| if n == 2 { vec![] } else { late_v4(0, query) },
    ];
    for script in scripts {
        let mut stage = stage(script);
        let connected = listen(&mut stage, "127.0.0.2");
        assert_eq!(stage.one(Step::Connect("server.example.", 80)).0, connected);
        assert_eq!(kinds(&stage), [AAAA, A, A]);
    }
}

#[test]
fn an_alias_of_the_late_family_is_followed() {
    let mut stage = stage(|_, _, query| match (query.kind, query.name.as_str()) {
        (A, "server.example") => say(&query.reply().alias("server.example", 60, "other.example")),
        _ => late_v4(0, query),
    });
    let connected = listen(&mut stage, "127.0.0.2");
    assert_eq!(stage.one(Step::Connect("server.example.", 80)).0, connected);
}

#[test]
fn a_family_that_is_never_answered_is_waited_for_once() {
    let mut stage = stage(|_, _, query| if query.kind == A { vec![] } else { late_v4(0, query) });
    let refused = Outcome::Failed(Error::ConnectionRefused);
    assert_eq!(stage.one(Step::Connect("server.example.", 80)), (refused, 50 + 5_000));
    assert_eq!(kinds(&stage), [AAAA, A, A]);
}

#[test]
fn the_only_address_has_all_the_time_once_no_other_can_come() {
    let mut stage = stage(|_, _, query| if query.kind == A { vec![] } else { late_v4(0, query) });
    hang(&mut stage, "::1");
    let steps = [Step::TryConnect("server.example.", 80, 60_000)];
    assert_eq!(stage.run(&[&steps])[0], [(Outcome::TimedOut, 60_000)]);
}

#[test]
fn a_family_without_addresses_is_not_asked_for_again() {
    let mut stage = stage(|_, _, query| if query.kind == A { say(&query.reply()) } else { late_v4(0, query) });
    let refused = Outcome::Failed(Error::ConnectionRefused);
    assert_eq!(stage.one(Step::Connect("server.example.", 80)), (refused, 0));
    assert_eq!(kinds(&stage), [AAAA, A]);
}

#[test]
fn a_numeric_address_connects_without_a_slot() {
    let mut stage: Stage<0> = Stage::new(silent);
    stage.event_loop.cx().listen("[::1]:80".parse().expect("an address")).expect("the port is free");
    stage.sockets += 1;
    let connected = Outcome::Connected("[::1]:80".parse().expect("an address"));
    assert_eq!(stage.one(Step::Connect("[::1]", 80)), (connected, 0));
}
