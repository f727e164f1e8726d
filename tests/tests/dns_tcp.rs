//! Answers that are too long for a datagram come over TCP.

mod dns_messages;
mod dns_world;

use dns_messages::{A, Query, Reply, TRUNCATED};
use dns_world::{Act, BOTH, Outcome, Script, TcpScript, V4, both, found, say, stage};
use ptk_core::prelude::*;

/// Answers over UDP that TCP is to be used, but for AAAA.
fn too_long(_: usize, _: usize, query: &Query) -> Vec<Act> {
    let flags = if query.kind == A { TRUNCATED } else { 0 };
    say(&query.reply().flags(flags))
}

fn framed(reply: &Reply) -> Vec<u8> {
    let bytes = reply.bytes();
    [&(bytes.len() as u16).to_be_bytes()[..], &bytes].concat()
}

#[test]
fn a_truncated_answer_comes_over_tcp_however_it_is_split() {
    let mut stage = stage(too_long);
    stage.app.tcp[0].script =
        |query| Some(framed(&query.reply().addresses(60, &V4)).chunks(1).map(<[u8]>::to_vec).collect());
    assert_eq!(stage.resolve("server.example."), (found(&V4), 0));
    assert_eq!(stage.app.tcp[0].asked, [("server.example".to_string(), A)]);
}

#[test]
fn both_families_may_be_truncated() {
    let mut stage = stage(|_, _, query| say(&query.reply().flags(TRUNCATED)));
    stage.app.tcp[0].script = |query| Some(vec![framed(&query.reply().addresses(60, &BOTH))]);
    assert_eq!(stage.resolve("server.example."), (found(&BOTH), 0));
}

#[test]
fn each_family_has_the_servers_time_over_tcp() {
    let answer: TcpScript = |query| Some(vec![framed(&query.reply().addresses(60, &BOTH))]);
    let v4_is_long: Script = |server, n, query| match query.kind {
        A => say(&query.reply().flags(TRUNCATED)),
        _ => both(server, n, query),
    };
    let mut second = stage(v4_is_long);
    (second.app.tcp[0].script, second.app.tcp[0].delay) = (answer, Duration::from_millis(100));
    assert_eq!(second.resolve("server.example."), (found(&BOTH), 100));
    let mut each = stage(|_, _, query| say(&query.reply().flags(TRUNCATED)));
    (each.app.tcp[0].script, each.app.tcp[0].delay) = (answer, Duration::from_millis(100));
    assert_eq!(each.resolve("server.example."), (found(&BOTH), 200));
    let mut hangs = stage(v4_is_long);
    assert_eq!(hangs.resolve("server.example."), (found(&BOTH[..1]), 5_000));
}

#[test]
fn the_beginning_of_a_very_long_answer_counts() {
    let mut stage = stage(too_long);
    stage.app.tcp[0].script = |query| {
        let addresses: Vec<String> = (0..200).map(|n| format!("192.0.2.{n}")).collect();
        let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
        Some(vec![framed(&query.reply().addresses(60, &addresses))])
    };
    let first: Vec<String> = (0..8).map(|n| format!("192.0.2.{n}")).collect();
    assert_eq!(stage.resolve("server.example.").0, Outcome::Found(first));
}

#[test]
fn a_tcp_side_that_hangs_or_closes_or_lies_is_a_failure() {
    let mut hangs = stage(too_long);
    assert_eq!(hangs.resolve("server.example."), (Outcome::Failed(Error::TimedOut), 10_000));
    let mut closes = stage(too_long);
    closes.app.tcp[0].script = |query| Some(vec![framed(&query.reply().addresses(60, &V4))[..20].to_vec()]);
    assert_eq!(closes.resolve("server.example.").0, Outcome::Failed(Error::NameServerRefused));
    let mut lies = stage(too_long);
    lies.app.tcp[0].script = |query| Some(vec![framed(&Reply { id: query.id ^ 1, ..query.reply() })]);
    assert_eq!(lies.resolve("server.example.").0, Outcome::Failed(Error::Protocol));
    let mut again = stage(too_long);
    again.app.tcp[0].script = |query| Some(vec![framed(&query.reply().flags(TRUNCATED))]);
    assert_eq!(again.resolve("server.example.").0, Outcome::Failed(Error::Protocol));
    let mut nothing = stage(too_long);
    nothing.app.tcp[0].script = |_| Some(vec![vec![0, 0]]);
    assert_eq!(nothing.resolve("server.example.").0, Outcome::Failed(Error::Protocol));
}
