//! What was found holds for its time, and no longer.

mod dns_messages;
mod dns_world;

use dns_messages::{A, Query, REFUSED};
use dns_world::{Act, Outcome, Script, Step, found, say, stage};

/// Answers with so many seconds to live, and with another address each time.
fn counted(ttl: u32, n: usize, query: &Query) -> Vec<Act> {
    let address = format!("192.0.2.{n}");
    say(&query.reply().addresses(ttl, &[&address]))
}

fn found_at_times(ttl: Script, sleep: u64) -> Vec<(Outcome, u64)> {
    let steps = [Step::Resolve("a.example"), Step::Sleep(sleep), Step::Resolve("A.example")];
    stage(ttl).run(&[&steps])[0].clone()
}

#[test]
fn what_was_found_holds_as_long_as_the_answer_says() {
    let fresh = found_at_times(|_, n, query| counted(60, n, query), 59_999);
    assert_eq!(fresh, [(found(&["192.0.2.2"]), 0), (found(&["192.0.2.2"]), 59_999)]);
    let stale = found_at_times(|_, n, query| counted(60, n, query), 60_000);
    assert_eq!(stale, [(found(&["192.0.2.2"]), 0), (found(&["192.0.2.4"]), 60_000)]);
    let never = found_at_times(|_, n, query| counted(0, n, query), 0);
    assert_eq!(never[1].0, found(&["192.0.2.4"]), "a time of zero is no time");
    let negative = found_at_times(|_, n, query| counted(1 << 31, n, query), 0);
    assert_eq!(negative[1].0, found(&["192.0.2.4"]), "nor is one with the highest bit");
}

#[test]
fn an_alias_ends_what_it_leads_to() {
    let log = found_at_times(
        |_, n, query| {
            let address = format!("192.0.2.{n}");
            say(&query.reply().alias(&query.name, 1, "b.example").address("b.example", 60, &address))
        },
        1_000,
    );
    assert_ne!(log[0].0, log[1].0);
}

#[test]
fn half_an_answer_is_not_kept() {
    let log = found_at_times(
        |_, n, query| if query.kind == A { counted(60, n, query) } else { say(&query.reply().flags(REFUSED)) },
        10,
    );
    assert_ne!(log[0].0, log[1].0);
}

#[test]
fn new_servers_begin_with_an_empty_cache() {
    let mut stage = stage(|_, n, query| counted(60, n, query));
    let log = stage.run(&[&[Step::Resolve("a.example"), Step::SetServers, Step::Resolve("a.example")]]);
    assert_eq!(log[0][1].0, found(&["192.0.2.4"]));
}
