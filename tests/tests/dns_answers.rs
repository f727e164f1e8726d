//! What counts as an answer, and what a hostile or garbled one can do.

mod dns_messages;
mod dns_world;

use dns_messages::{A, AAAA, NAME_ERROR, Query, REFUSED, Reply, SERVER_FAILURE, wire};
use dns_world::{Act, BOTH, Outcome, Script, V4, both, found, say, stage};
use ptk_core::prelude::*;

#[test]
fn both_families_are_asked_together_and_come_by_turns() {
    let mut stage =
        stage(|_, _, query| say(&query.reply().addresses(60, &["192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1"])));
    let all = ["2001:db8::1", "192.0.2.1", "192.0.2.2", "192.0.2.3"];
    assert_eq!(stage.resolve("Server.Example"), (found(&all), 0));
    let asked = &stage.app.servers[0].asked;
    assert_eq!(*asked, [("Server.Example".to_string(), AAAA), ("Server.Example".to_string(), A)]);
}

#[test]
fn one_family_suffices_when_the_other_has_nothing_or_failed() {
    let others: [(Script, &str); 5] = [
        (|_, _, query| say(&query.reply()), "empty"),
        (|_, _, query| say(&query.reply().flags(REFUSED)), "refused"),
        (|_, _, query| say(&query.reply().flags(SERVER_FAILURE)), "failed"),
        (|_, _, query| say(&query.reply().record("", AAAA, 1, b"short")), "garbled"),
        (|_, _, query| say(&query.reply().flags(NAME_ERROR)), "not found"),
    ];
    for (other, what) in others {
        static OTHER: std::sync::Mutex<Option<Script>> = std::sync::Mutex::new(None);
        *OTHER.lock().expect("nobody panicked") = Some(other);
        let mut stage = stage(|server, n, query| {
            let other = OTHER.lock().expect("nobody panicked").expect("it was set");
            if query.kind == A { both(server, n, query) } else { other(server, n, query) }
        });
        assert_eq!(stage.resolve("server.example"), (found(&V4), 0), "{what}");
    }
}

#[test]
fn the_other_family_has_fifty_milliseconds_and_no_more() {
    fn late(millis: u64, query: &Query) -> Vec<Act> {
        let bytes = query.reply().addresses(60, &BOTH).bytes();
        if query.kind == A { vec![Act::Say(bytes)] } else { vec![Act::Late(millis, bytes)] }
    }
    assert_eq!(stage(|_, _, query| late(49, query)).resolve("server.example"), (found(&BOTH), 49));
    assert_eq!(stage(|_, _, query| late(60, query)).resolve("server.example"), (found(&V4), 50));
    assert_eq!(stage(|_, _, query| if query.kind == A { both(0, 0, query) } else { vec![] }).resolve("a.b").1, 50);
}

#[test]
fn a_name_that_does_not_exist_or_has_no_address_is_not_found() {
    let mut nowhere = stage(|_, _, query| say(&query.reply().flags(NAME_ERROR)));
    assert_eq!(nowhere.resolve("nowhere.example."), (Outcome::Failed(Error::NameNotFound), 0));
    assert_eq!(nowhere.app.servers[0].asked.len(), 2, "it is believed at once");
    let mut empty = stage(|_, _, query| say(&query.reply()));
    assert_eq!(empty.resolve("empty.example."), (Outcome::Failed(Error::NameNotFound), 0));
}

#[test]
fn what_answers_another_question_is_passed_over() {
    let mut stage = stage(|_, _, query| {
        let evil = query.reply().address(&query.name, 60, if query.kind == A { "203.0.113.6" } else { "2001:db8::6" });
        let mut other_name = evil.clone();
        other_name.name = "evil.example".into();
        let mut other_kind = evil.clone();
        other_kind.kind = 16;
        let mut a_query = evil.clone();
        a_query.flags &= !0x8000;
        let other_id = Reply { id: query.id ^ 1, ..evil.clone() };
        let mut forged = vec![Act::Forge(evil.bytes())];
        forged.extend([other_id, other_name, other_kind, a_query].map(|reply| Act::Say(reply.bytes())));
        forged.push(Act::Say(evil.header(0)));
        forged.push(Act::Say(evil.bytes()[..11].to_vec()));
        forged.push(Act::Say(vec![]));
        let good = query.reply().addresses(60, &BOTH);
        forged.push(Act::Late(100, good.bytes()));
        forged
    });
    assert_eq!(stage.resolve("server.example"), (found(&BOTH), 100));
}

#[test]
fn upper_and_lower_case_are_the_same_in_an_answer() {
    let mut stage = stage(|_, _, query| {
        let mut reply = query.reply().address("SERVER.example", 60, if query.kind == A { "192.0.2.1" } else { "::5" });
        reply.name = "sErVeR.eXaMpLe".into();
        say(&reply)
    });
    assert_eq!(stage.resolve("server.EXAMPLE").0, found(&["::5", "192.0.2.1"]));
}

#[test]
fn a_flood_of_forgeries_does_not_hold_a_lookup_beyond_its_time() {
    let mut stage = stage(|_, _, query| {
        let forged = Reply { id: query.id ^ 1, ..query.reply() };
        (0..300).map(|_| Act::Say(forged.bytes())).collect()
    });
    assert_eq!(stage.resolve("server.example."), (Outcome::Failed(Error::TimedOut), 10_000));
}

// --- Garbage

#[test]
fn answers_that_make_no_sense_are_a_protocol_error() {
    fn with_records(query: &Query, answers: u16, records: &[u8]) -> Vec<Act> {
        let mut reply = query.reply();
        reply.answers = answers;
        reply.records = records.to_vec();
        say(&reply)
    }
    let scripts: [(Script, &str); 10] = [
        (|_, _, query| with_records(query, 1, &[]), "fewer records than promised"),
        (|_, _, query| with_records(query, 1, &[0xc0]), "half a pointer"),
        (
            |_, _, query| with_records(query, 1, &[0xc0, 0xff, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 1, 2, 3, 4]),
            "a pointer ahead",
        ),
        (|_, _, query| with_records(query, 1, &[0x40, 0, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 1, 2, 3, 4]), "a bad label"),
        (|_, _, query| with_records(query, 1, &[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 9, 1, 2, 3, 4]), "too much data"),
        (|_, _, query| say(&query.reply().record(&query.name, A, 9, &[1, 2, 3])), "an address of three bytes"),
        (|_, _, query| say(&query.reply().record(&query.name, AAAA, 9, &[1; 17])), "an address of seventeen bytes"),
        (|_, _, query| say(&query.reply().record(&query.name, 5, 9, &[3, b'a', b'b', b'c'])), "an alias without end"),
        (|_, _, query| say(&query.reply().record(&query.name, 5, 9, &[0, 0])), "an alias that ends early"),
        (
            |_, _, query| {
                // An owner that points to itself, at the place where the records begin.
                let at = (12 + wire(&query.name).len() + 4) as u8;
                with_records(query, 1, &[0xc0, at, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 1, 2, 3, 4])
            },
            "a name that points to itself",
        ),
    ];
    for (script, what) in scripts {
        let mut stage = stage(script);
        assert_eq!(stage.resolve("server.example.").0, Outcome::Failed(Error::Protocol), "{what}");
    }
}

#[test]
fn aliases_that_go_round_end() {
    let mut inside = stage(|_, _, query| {
        say(&query.reply().alias(&query.name, 9, "b.example").alias("b.example", 9, &query.name.clone()))
    });
    assert_eq!(inside.resolve("a.example.").0, Outcome::Failed(Error::Protocol));
    let mut across = stage(|_, _, query| {
        let target = if query.name == "a.example" { "b.example" } else { "a.example" };
        say(&query.reply().alias(&query.name.clone(), 9, target))
    });
    assert_eq!(across.resolve("a.example.").0, Outcome::Failed(Error::Protocol));
    assert_eq!(across.app.servers[0].asked.len(), 2 * 9, "eight aliases are followed");
}

// --- Aliases

#[test]
fn a_chain_of_aliases_is_followed_in_any_order_of_records() {
    let mut stage = stage(|_, _, query| {
        let reply = query.reply().address("c.example", 60, if query.kind == A { "192.0.2.1" } else { "2001:db8::1" });
        let reply = reply.address("stranger.example", 60, "192.0.2.66");
        say(&reply.alias("b.example", 60, "C.example").alias("a.example", 60, "b.example"))
    });
    assert_eq!(stage.resolve("a.example.").0, found(&BOTH));
    assert_eq!(stage.app.servers[0].asked.len(), 2);
}

#[test]
fn where_an_answer_ends_at_an_alias_that_is_asked_for() {
    let mut stage = stage(|server, n, query| match query.name.as_str() {
        "a.example" => say(&query.reply().alias("a.example", 60, "b.example")),
        _ => both(server, n, query),
    });
    assert_eq!(stage.resolve("a.example.").0, found(&BOTH));
    assert_eq!(stage.names(0), ["a.example", "b.example"]);
}
