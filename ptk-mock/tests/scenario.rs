//! Whole worlds: what holds under faults, and how it is told what does not.

#[path = "scenario/echo.rs"]
mod echo;
#[path = "scenario/ping.rs"]
mod ping;

use echo::echo;
use ping::ping;
use ptk_core::{Duration, Instant};
use ptk_mock::{Family, Faults, Label, Link, World};

/// How many seeds each proof takes.
const SEEDS: u64 = 100;

#[test]
fn an_echo_is_whole_under_swarms_of_faults() {
    echo("echo")
        .faults(Faults::swarm())
        .sometimes("a node has crashed", |world| world.starts("server") > 1)
        .test(0..SEEDS);
}

#[test]
fn an_echo_without_faults_has_the_same_trace_on_all_machines() {
    let report = echo("echo").check(0..20).expect("it holds");
    assert_eq!(report.hash.to_string(), "65729d148f359498d06c672eb4d6f280");
}

#[test]
fn a_stream_keeps_its_order_through_partitions_that_come_and_go() {
    let part = |world: &mut World| world.part("client", "server");
    let join = |world: &mut World| world.join("client", "server");
    let ms = Duration::from_millis;
    echo("echo")
        .faults(Faults::of(&[Family::Streams]).rate(Label::Retransmit, 200_000))
        .at(ms(1), part)
        .at(ms(300), join)
        .at(ms(400), part)
        .at(ms(900), join)
        .test(0..SEEDS);
}

#[test]
fn datagrams_are_answered_under_swarms_of_faults() {
    ping("ping", 20).faults(Faults::swarm()).test(0..SEEDS);
}

#[test]
fn each_family_alone_does_no_harm() {
    for family in Family::ALL {
        echo("echo").faults(Faults::of(&[family])).test(0..15);
        ping("ping", 20).faults(Faults::of(&[family])).test(0..15);
    }
}

#[test]
fn a_seed_repeats_its_trace_and_another_has_another() {
    let scenario = echo("echo").faults(Faults::swarm());
    let hash = |seed| {
        let mut world = scenario.world(seed);
        world.run_for(Duration::from_secs(2));
        world.trace_hash()
    };
    assert_eq!(hash(7), hash(7));
    assert_ne!(hash(7), hash(8));
}

#[test]
fn a_failure_is_shrunk_and_its_command_repeats_it() {
    let broken = || {
        ping("ping", 20)
            .links(Link::lan().loss_ppm(50_000).duplicate_ppm(20_000))
            .always("no ping is lost", |world| ping::pings_lost(world) == 0)
    };
    let failure = broken().check(0..100).expect_err("pings are lost");
    assert!(failure.unshrunk > failure.tape.0.len(), "{failure}");
    assert_eq!(failure.tape.0.len(), 1, "{failure}");
    let request = failure.command.split('\'').nth(1).expect("a request");
    let again = broken().replay(request.trim_start_matches("PTK_RUN=")).expect("it can be repeated");
    assert_eq!((again.hash, &again.property, &again.tape), (failure.hash, &failure.property, &failure.tape));
}

#[test]
fn a_goal_that_only_faults_reach_is_found_where_peace_breaks_out() {
    let copies = |world: &World| ping::stale(world) >= 30;
    let scenario = ping::endless("copies").links(Link::lan().duplicate_ppm(1_000_000));
    assert!(scenario.world(0).run_until(Instant::from_nanos(1_000_000_000), copies), "faults reach it");
    let scenario = scenario.eventually("thirty copies came", Duration::from_secs(1), copies);
    let failure = scenario.check(0..1).expect_err("peace does not");
    assert_eq!(failure.property, "thirty copies came");
}

#[test]
fn priorities_repeat_on_a_tape() {
    let broken = || ping("ping", 20).priorities(3, 50).always("few are answered", |world| ping::answered(world) < 15);
    let failure = broken().check(0..5).expect_err("many are");
    let request = failure.command.split('\'').nth(1).expect("a request");
    let again = broken().replay(request.trim_start_matches("PTK_RUN=")).expect("it can be repeated");
    assert_eq!(again.hash, failure.hash);
}

#[test]
fn a_request_that_is_none_is_told() {
    let scenario = ping("ping", 1);
    for (request, what) in [("ping/1", "no tape"), ("ping/1/-/0", "another course"), ("ping/1/lost/0", "no choice")] {
        let error = scenario.replay(request).expect_err(request);
        assert!(error.contains(what), "{error}");
    }
}

#[test]
fn what_never_happens_is_told() {
    let failure = ping("ping", 5).sometimes("pigs fly", |_| false).check(0..3).expect_err("they do not");
    assert!(failure.to_string().contains("never so in the seeds 0 to 3"), "{failure}");
}

#[test]
fn an_echo_is_the_same_wherever_it_is_cut() {
    echo("echo").wherever_it_is_cut("what came back", |world| format!("{:?}", echo::client_state(world))).test(0..20);
}
