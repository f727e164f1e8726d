//! The Modbus server under whatever a network and a system can do to it.

#[path = "../shared/modbus_world.rs"]
mod modbus_world;

use modbus_world::{modbus, seen};
use ptk_mock::Faults;

/// How many seeds run if `PTK_SEEDS` does not say.
const SEEDS: u64 = 200;

fn seeds() -> u64 {
    std::env::var("PTK_SEEDS").map_or(SEEDS, |text| text.parse().expect("PTK_SEEDS is a number"))
}

#[test]
fn every_answer_is_right_under_swarms_of_faults() {
    modbus(100)
        .faults(Faults::swarm())
        .sometimes("the server has crashed", |world| world.starts("server") > 1)
        .sometimes("a request has failed", |world| seen(world).failed > 0)
        .test(0..seeds());
}

#[test]
fn without_faults_no_request_fails() {
    modbus(200).always("no request fails", |world| seen(world).failed == 0).test(0..10);
}
