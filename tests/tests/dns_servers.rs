//! Who is asked for a name, how often and for how long, and in which order names are searched.

mod dns_messages;
mod dns_world;

use dns_messages::{NAME_ERROR, REFUSED, Reply, SERVER_FAILURE};
use dns_world::{Act, BOTH, Outcome, Script, Stage, Step, both, found, local, say, silent, stage};
use ptk_core::prelude::*;
use ptk_core::{Kind, NameService};

// --- What needs no server

#[test]
fn a_numeric_address_needs_no_slot_and_no_server() {
    for (host, address) in [("192.0.2.7", "192.0.2.7"), ("2001:db8::7", "2001:db8::7"), ("[::1]", "::1")] {
        let mut stage: Stage<0> = Stage::new(silent);
        assert_eq!(stage.resolve(host), (found(&[address]), 0));
        assert_eq!(stage.app.servers[0].asked, []);
    }
}

#[test]
fn the_hosts_of_the_platform_come_before_any_server() {
    let mut stage: Stage<0> = Stage::new(both);
    for address in ["10.0.0.1", "10.0.0.2", "fd00::1"] {
        stage.event_loop.platform_mut().add_host("printer.lan", address.parse().expect("an address"));
    }
    assert_eq!(stage.resolve("Printer.LAN.").0, found(&["fd00::1", "10.0.0.1", "10.0.0.2"]));
    assert_eq!(stage.app.servers[0].asked, []);
}

#[test]
fn localhost_is_the_loopback_whatever_a_server_says() {
    for host in ["localhost", "LocalHost.", "a.b.localhost"] {
        let mut stage: Stage<0> = Stage::new(both);
        assert_eq!(stage.resolve(host).0, found(&["::1", "127.0.0.1"]));
    }
}

#[test]
fn a_loop_without_slots_says_what_to_raise() {
    let mut stage: Stage<0> = Stage::new(both);
    let error = Error::TableFull { kind: Kind::Lookup, capacity: 0 };
    assert_eq!(stage.resolve("server.example").0, Outcome::Failed(error));
    assert_eq!(error.to_string(), "lookup table full (0 of 0): raise LOOKUPS");
}

#[test]
fn outside_a_task_only_what_is_known_is_found() {
    let mut stage = stage(both);
    let mut cx = stage.event_loop.cx();
    assert!(matches!(cx.resolve("127.0.0.1"), Poll::Ready(Ok(_))));
    assert_eq!(cx.resolve("server.example"), Poll::Ready(Err(Error::NotSupported)));
    assert_eq!(cx.connect_to("server.example", 80), Poll::Ready(Err(Error::NotSupported)));
}

#[test]
fn what_is_no_name_is_refused_and_nobody_is_asked() {
    for host in ["", ".", "a..b", "b\u{fc}cher.example", "a b", "1.2.3.256", "[192.0.2.1]", "fe80::1%eth0", "http://a"]
    {
        let mut stage = stage(both);
        assert_eq!(stage.resolve(host).0, Outcome::Failed(Error::InvalidArgument), "{host:?}");
        assert_eq!(stage.app.servers[0].asked, []);
    }
}

#[test]
fn without_any_server_there_is_nobody_to_ask() {
    let mut stage = stage(both);
    stage.event_loop.cx().set_name_servers(&[]).expect("no servers are fine");
    assert_eq!(stage.resolve("server.example").0, Outcome::Failed(Error::NoNameServer));
}

// --- Servers

#[test]
fn a_silent_server_is_followed_by_the_next_after_its_time() {
    let mut stage = stage(|server, n, query| if server == 0 { vec![] } else { both(server, n, query) });
    stage.ask_both_servers();
    assert_eq!(stage.resolve("server.example."), (found(&BOTH), 5_000));
}

#[test]
fn each_server_is_asked_as_often_as_the_settings_say() {
    let mut stage = stage(silent);
    let servers = stage.servers;
    let mock = stage.event_loop.platform_mut();
    mock.set_name_service(&[
        NameService::Server(servers[0]),
        NameService::Server(servers[1]),
        NameService::Timeout(2),
        NameService::Attempts(3),
    ]);
    stage.event_loop.cx().set_name_servers(&[]).expect("no servers are fine");
    assert_eq!(stage.resolve("server.example."), (Outcome::Failed(Error::TimedOut), 12_000));
    for server in &stage.app.servers {
        assert_eq!(server.asked.len(), 6);
        let mut ports = server.ports.clone();
        ports.dedup();
        assert_eq!(ports.len(), 3, "each attempt has a port of its own: {ports:?}");
        let mut ids = server.ids.clone();
        ids.sort_unstable();
        ids.dedup();
        assert!(ids.len() > 4, "ids are random: {ids:?}");
    }
}

#[test]
fn a_server_that_refuses_or_fails_is_followed_by_the_next_at_once() {
    for flags in [REFUSED, SERVER_FAILURE] {
        static FLAGS: std::sync::atomic::AtomicU16 = std::sync::atomic::AtomicU16::new(0);
        FLAGS.store(flags, std::sync::atomic::Ordering::Relaxed);
        let script: Script = |server, n, query| {
            let flags = FLAGS.load(std::sync::atomic::Ordering::Relaxed);
            if server == 0 { say(&query.reply().flags(flags)) } else { both(server, n, query) }
        };
        let mut both_servers = stage(script);
        both_servers.ask_both_servers();
        assert_eq!(both_servers.resolve("server.example."), (found(&BOTH), 0));
        let alone = stage(script).resolve("server.example.");
        assert_eq!(alone, (Outcome::Failed(Error::NameServerRefused), 0));
    }
}

#[test]
fn a_refusal_without_the_question_counts_at_once() {
    const RCODES: [u16; 4] = [1, SERVER_FAILURE, 4, REFUSED];
    let mut stage = stage(|server, n, query| {
        let rcode = RCODES.iter().find(|rcode| query.name == format!("refused-{rcode}.example"));
        match rcode {
            Some(rcode) if server == 0 => vec![Act::Say(query.reply().flags(*rcode).header(0))],
            _ => both(server, n, query),
        }
    });
    stage.ask_both_servers();
    let steps = ["refused-1.example.", "refused-2.example.", "refused-4.example.", "refused-5.example."];
    let log = stage.run(&[&steps.map(Step::Resolve)]);
    assert_eq!(log[0], steps.map(|_| (found(&BOTH), 0)));
    assert_eq!(stage.names(0).len(), 4);
}

#[test]
fn only_a_refusal_with_the_right_id_counts_without_the_question() {
    let mut stage = stage(|_, _, query| {
        let stranger = Reply { id: query.id ^ 0x100, ..query.reply() }.flags(REFUSED);
        let mut a_query = query.reply().flags(REFUSED);
        a_query.flags &= !0x8000;
        let headers = [stranger, a_query, query.reply().flags(NAME_ERROR), query.reply()];
        let mut acts: Vec<Act> = headers.iter().map(|reply| Act::Say(reply.header(0))).collect();
        acts.push(Act::Late(100, query.reply().addresses(60, &BOTH).bytes()));
        acts
    });
    assert_eq!(stage.resolve("server.example."), (found(&BOTH), 100));
}

#[test]
fn a_server_that_does_not_listen_has_refused() {
    let mut stage = stage(both);
    stage.event_loop.cx().set_name_servers(&[local(99)]).expect("a server that can be asked");
    assert_eq!(stage.resolve("server.example.").0, Outcome::Failed(Error::NameServerRefused));
}

#[test]
fn what_one_server_said_counts_more_than_the_silence_of_another() {
    let mut stage = stage(|server, _, query| if server == 0 { say(&query.reply().flags(REFUSED)) } else { vec![] });
    stage.ask_both_servers();
    assert_eq!(stage.resolve("server.example."), (Outcome::Failed(Error::NameServerRefused), 10_000));
}

// --- Search

fn search(host: &'static str, ndots: u8) -> (Outcome, Vec<String>) {
    let mut stage = stage(|server, n, query| match query.name.as_str() {
        "a.two.example" | "a.b.two.example" => both(server, n, query),
        _ => say(&query.reply().flags(NAME_ERROR)),
    });
    stage.event_loop.platform_mut().set_name_service(&[
        NameService::Server(local(99)),
        NameService::Search("one.example"),
        NameService::Search("two.example."),
        NameService::Search("three.example"),
        NameService::Ndots(ndots),
    ]);
    let outcome = stage.resolve(host).0;
    (outcome, stage.names(0))
}

#[test]
fn names_are_searched_in_the_order_that_their_dots_say() {
    assert_eq!(search("a", 1), (found(&BOTH), vec!["a.one.example".into(), "a.two.example".into()]));
    let dotted = ["a.b", "a.b.one.example", "a.b.two.example"].map(String::from).to_vec();
    assert_eq!(search("a.b", 1), (found(&BOTH), dotted.clone()));
    assert_eq!(search("a.b", 2), (found(&BOTH), dotted[1..].to_vec()));
    assert_eq!(search("a.b.", 1), (Outcome::Failed(Error::NameNotFound), vec!["a.b".into()]));
    let all = ["x.one.example", "x.two.example", "x.three.example", "x"].map(String::from).to_vec();
    assert_eq!(search("x", 1), (Outcome::Failed(Error::NameNotFound), all));
}

/// Searches `a` in these domains: their names say what their servers do.
fn search_among(domains: &[&'static str]) -> (Outcome, Vec<String>) {
    let mut stage = stage(|server, n, query| match query.name.split('.').nth(1) {
        Some("fails") => say(&query.reply().flags(SERVER_FAILURE)),
        Some("refuses") => say(&query.reply().flags(REFUSED)),
        Some("babbles") => say(&query.reply().record("", query.kind, 1, b"short")),
        Some("good") => both(server, n, query),
        Some("silent") => silent(server, n, query),
        _ => say(&query.reply().flags(NAME_ERROR)),
    });
    let settings: Vec<NameService> = domains.iter().map(|domain| NameService::Search(domain)).collect();
    stage.event_loop.platform_mut().set_name_service(&settings);
    let outcome = stage.resolve("a").0;
    (outcome, stage.names(0))
}

#[test]
fn a_domain_whose_server_fails_does_not_end_the_search() {
    for domain in ["fails", "refuses", "babbles"] {
        let names = vec![format!("a.{domain}"), "a.good".into()];
        assert_eq!(search_among(&[domain, "good"]), (found(&BOTH), names));
    }
    let refused = Outcome::Failed(Error::NameServerRefused);
    assert_eq!(search_among(&["fails"]), (refused.clone(), vec!["a.fails".into(), "a".into()]));
    let names = ["a.fails", "a.nowhere", "a"].map(String::from).to_vec();
    assert_eq!(search_among(&["fails", "nowhere"]), (refused, names));
}

#[test]
fn a_silent_server_ends_the_search() {
    let silence = (Outcome::Failed(Error::TimedOut), vec!["a.silent".into()]);
    assert_eq!(search_among(&["silent", "good"]), silence);
}
