//! The machines and their clients in a simulated world: crashes, and all else that can go wrong.

use ptk_core::Duration;
use ptk_examples::replicas::Variant;
use ptk_examples::replicas::replica::Role;
use ptk_mock::{Faults, Link, Scenario};

use super::worlds::{BUSY, MACHINES, crashes, is_answered_or_lost, register, role};

/// How many seeds run if `PTK_SEEDS` does not say.
const SEEDS: u64 = 300;

fn seeds() -> u64 {
    std::env::var("PTK_SEEDS").map_or(SEEDS, |text| text.parse().expect("PTK_SEEDS is a number"))
}

fn scenario(variant: Variant) -> Scenario {
    register(variant, BUSY).eventually("all is answered", Duration::from_secs(5), is_answered_or_lost)
}

/// A link that loses, doubles and reorders what it carries.
const fn rough() -> Link {
    Link::fixed(Duration::from_micros(200)).loss_ppm(30_000).duplicate_ppm(30_000).reorder_ppm(30_000)
}

/// In each seed one of the machines crashes, at another time.
fn with_one_crash(scenario: Scenario) -> Scenario {
    const TIMES: u64 = 40;
    (0..TIMES).fold(scenario, |scenario, time| {
        scenario.at(Duration::from_micros(100 * time), move |world| {
            if world.seed() % TIMES == time {
                let victim = MACHINES[(world.seed() / TIMES % 3) as usize];
                world.crash(victim);
            }
        })
    })
}

#[test]
fn it_is_a_register_over_a_rough_network() {
    scenario(Variant::Correct)
        .links(rough())
        .sometimes("the backup goes on alone", |world| role(world, "second") == Some(Role::Alone))
        .sometimes("the primary goes on alone", |world| role(world, "first") == Some(Role::Alone))
        .test(0..seeds());
}

#[test]
fn each_machine_may_crash_at_any_time() {
    for link in [Link::fixed(Duration::from_micros(200)), rough()] {
        with_one_crash(scenario(Variant::Correct))
            .links(link)
            .sometimes("the primary has crashed", |world| crashes(world, "first") == 1)
            .sometimes("the backup goes on alone", |world| role(world, "second") == Some(Role::Alone))
            .sometimes("the primary goes on alone", |world| role(world, "first") == Some(Role::Alone))
            .test(0..seeds());
    }
}

#[test]
fn it_is_a_register_under_swarms_of_faults() {
    scenario(Variant::Correct)
        .faults(Faults::swarm())
        .sometimes("a machine has crashed", |world| MACHINES.iter().any(|name| crashes(world, name) > 0))
        .test(0..seeds());
}

#[test]
fn each_mistake_is_found_and_repeated() {
    for variant in [Variant::EarlyAnswer, Variant::LocalReads, Variant::TwoGrants] {
        let scenario = scenario(variant).links(rough());
        let failure = scenario.check(0..1_000).expect_err(variant.name());
        assert_eq!(failure.property, "it is a register", "{failure}");
        let request = failure.command.split('\'').nth(1).expect("the command says what to run");
        assert_eq!(scenario.replay(request).expect("the same course").hash, failure.hash);
    }
}
