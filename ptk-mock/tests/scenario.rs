//! Whole worlds: what holds under faults, and how it is told what does not.

#[path = "scenario/echo.rs"]
mod echo;
#[path = "scenario/ping.rs"]
mod ping;

use echo::echo;
use ping::ping;
use ptk_core::Duration;
use ptk_mock::{Family, Faults, Link};

/// How many seeds each proof takes.
const SEEDS: u64 = 300;

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
    assert_eq!(report.hash.to_string(), "f1e16020ac64b77e53817ed6b1266acb");
}

#[test]
fn datagrams_are_answered_under_swarms_of_faults() {
    ping("ping", 20).faults(Faults::swarm()).test(0..SEEDS);
}

#[test]
fn each_family_alone_does_no_harm() {
    for family in Family::ALL {
        echo("echo").faults(Faults::of(&[family])).test(0..50);
        ping("ping", 20).faults(Faults::of(&[family])).test(0..50);
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
