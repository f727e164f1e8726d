//! Bugs planted one at a time: does the simulator find them?
//!
//! `ptk-mutants SEEDS` looks for each, in a process of its own, with [`BUDGET`] seeds of each scenario; then it runs the
//! code as it is with `SEEDS` seeds. `ptk-mutants SEEDS NUMBER` looks for one only.

mod apps;
#[allow(dead_code, reason = "the example looks at more of it")]
#[path = "../../examples/arq/worlds.rs"]
mod arq;
mod hunt;

use std::process::{Child, Command, ExitCode};
use std::thread::sleep;
use std::time::{Duration, Instant};

use ptk_mock::Scenario;

/// With so many seeds of each scenario each bug must be found.
const BUDGET: u64 = 2_000;

/// How long the hunt for one bug may take, shrinking included.
const PATIENCE: Duration = Duration::from_secs(100);

/// All scenarios.
fn scenarios() -> Vec<Scenario> {
    vec![
        apps::timers::punctual(),
        apps::streams::scenario(),
        apps::streams::parted(),
        apps::order::scenario(),
        apps::datagrams::scenario(),
        apps::timers::late(),
        apps::events::scenario(),
        apps::baton::scenario(),
        apps::sync::scenario(),
        apps::budget::scenario(),
        apps::accepting::crowded(),
        apps::accepting::together(),
        apps::giving_up::scenario(),
        apps::handles::scenario(),
        apps::handlers::scenario(),
        apps::refusals::scenario(),
        apps::resets::scenario(),
        apps::windows::scenario(),
        apps::backlog::scenario(),
        apps::modbus::vandalized(),
        apps::modbus::parted(),
        arq::transfer(hunt::variant()),
    ]
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let seeds = arguments.next().and_then(|seeds| seeds.parse().ok()).unwrap_or(10_000);
    match arguments.next().and_then(|number| number.parse().ok()) {
        Some(number) => one(number),
        None => all(seeds),
    }
}

/// Looks for one bug; prints its row of the table.
fn one(number: u32) -> ExitCode {
    let Some(mutant) = hunt::all().into_iter().find(|mutant| mutant.number == number) else {
        eprintln!("there is no bug {number}");
        return ExitCode::FAILURE;
    };
    match hunt::find(&mutant, BUDGET) {
        Some(found) => {
            println!("{}", found.row(&mutant));
            ExitCode::SUCCESS
        }
        None => {
            println!("| `{}` | {} | not found | | |", mutant.name, mutant.what);
            ExitCode::FAILURE
        }
    }
}

/// Whether a hunt is a success, and not without end.
fn ends_well(mut hunt: Child) -> bool {
    let begin = Instant::now();
    loop {
        match hunt.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) if begin.elapsed() < PATIENCE => sleep(Duration::from_millis(5)),
            _ => {
                // It may have ended by itself.
                let _ = hunt.kill();
                return false;
            }
        }
    }
}

fn all(seeds: u64) -> ExitCode {
    println!("{}", hunt::HEAD);
    let mut missed = Vec::new();
    for mutant in hunt::all() {
        // A bug may leave the process unusable.
        let this = std::env::current_exe().expect("the program knows where it is");
        let hunt = Command::new(this).args(["0", &mutant.number.to_string()]).spawn();
        if !hunt.is_ok_and(ends_well) {
            missed.push(mutant.name);
        }
    }
    let alarms = hunt::run_clean(seeds);
    if missed.is_empty() && alarms == 0 {
        return ExitCode::SUCCESS;
    }
    eprintln!("not found: {missed:?}; alarms without any bug: {alarms}");
    ExitCode::FAILURE
}
