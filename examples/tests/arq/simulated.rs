//! Sender and receiver on simulated machines, with a link that loses, doubles and reorders.

use ptk_examples::arq::Variant;
use ptk_mock::{Family, Faults};

use super::worlds::transfer;

/// How many seeds run if `PTK_SEEDS` does not say.
const SEEDS: u64 = 300;

fn seeds() -> u64 {
    std::env::var("PTK_SEEDS").map_or(SEEDS, |text| text.parse().expect("PTK_SEEDS is a number"))
}

#[test]
fn messages_come_once_and_in_order_over_a_rough_link() {
    transfer(Variant::Correct).test(0..seeds());
}

#[test]
fn messages_come_once_and_in_order_under_swarms_of_faults() {
    transfer(Variant::Correct).faults(Faults::swarm().without(Family::Crashes)).test(0..seeds());
}

#[test]
fn messages_come_once_and_in_order_though_machines_crash() {
    transfer(Variant::Correct)
        .faults(Faults::swarm())
        .sometimes("the sender has crashed", |world| world.starts("sender") > 1)
        .sometimes("the receiver has crashed", |world| world.starts("receiver") > 1)
        .test(0..seeds());
}
