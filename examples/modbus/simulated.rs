//! The demonstration in a simulated world: the same server, clients on two hosts, a network that a seed disturbs.

use std::io::Write;

use ptk_core::{Duration, Instant};
use ptk_mock::Faults;

use crate::PROGRAM;
use crate::arguments::give_up;
use crate::modbus_world::{modbus, seen};

/// Runs the world of a seed for so long on its own clock, and prints what came of it.
pub(crate) fn run(duration: Duration, seed: u64) {
    let mut out = std::io::stdout();
    let mut world = modbus(0).faults(Faults::swarm()).world(seed);
    let _ = writeln!(out, "a Modbus server and clients on two hosts, simulated for {duration} from seed {seed}");
    let mut second = Instant::ORIGIN;
    while second < Instant::ORIGIN + duration {
        second += Duration::from_secs(1).min(Instant::ORIGIN + duration - second);
        world.run_for(second - world.now());
        let seen = seen(&world);
        let _ = writeln!(
            out,
            "{:>4} s: {} answered since the clients started, {} failed, {} packets on their way, {} faults so far",
            second.as_nanos() / 1_000_000_000,
            seen.answered,
            seen.failed,
            world.in_flight(),
            world.tape().0.len()
        );
    }
    if seen(&world).wrong > 0 {
        give_up(PROGRAM, "an answer was not that of the model");
    }
    let _ = writeln!(out, "trace {}", world.trace_hash());
}
