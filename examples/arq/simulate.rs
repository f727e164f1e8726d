//! The sender and the receiver on simulated machines: the proof, and mistakes that are found.

use std::io::Write;
use std::path::Path;

use ptk_examples::arq::Variant;
use ptk_mock::{Failure, Faults, Report, Scenario};

use crate::PROGRAM;
use crate::arguments::give_up;
use crate::worlds::transfer;

/// Runs so many seeds under all faults, and ends the process if a message does not come once and in order.
pub(crate) fn prove(seeds: u64) {
    let scenario = transfer(Variant::Correct)
        .faults(Faults::swarm())
        .command(&format!("cargo run --release --example arq -- prove --seeds {seeds}"));
    match again(&scenario).unwrap_or_else(|| scenario.check(0..seeds)) {
        Ok(report) => print(&report),
        Err(failure) => give_up(PROGRAM, failure),
    }
}

fn print(report: &Report) {
    let mut out = std::io::stdout().lock();
    let Report { seeds, steps, time, sometimes, hash } = report;
    for (name, count) in sometimes {
        let _ = writeln!(out, "{name} in {count} of {seeds} seeds");
    }
    let _ = writeln!(out, "seeds={seeds} failures=0 steps={steps} simulated_seconds={}", time.as_secs());
    let _ = writeln!(out, "trace {hash}");
}

/// Looks for a seed that shows the mistake, and ends the process if there is none.
pub(crate) fn find(variant: Variant, seeds: u64, folder: &Path) {
    let name = variant.name();
    let scenario = transfer(variant).command(&format!("cargo run --release --example arq -- break --variant {name}"));
    match again(&scenario).unwrap_or_else(|| scenario.check(0..seeds)) {
        Ok(report) => give_up(PROGRAM, format_args!("{name}: not found in {} seeds", report.seeds)),
        Err(failure) => tell(&failure, folder),
    }
}

/// The course that the variable `PTK_RUN` asks for, as the command at the end of a failure sets it.
fn again(scenario: &Scenario) -> Option<Result<Report, Box<Failure>>> {
    let request = std::env::var("PTK_RUN").ok()?;
    match scenario.replay(&request) {
        Ok(failure) => Some(Err(Box::new(failure))),
        Err(reason) => give_up(PROGRAM, format_args!("PTK_RUN={request}: {reason}")),
    }
}

fn tell(failure: &Failure, folder: &Path) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{failure}");
    match failure.write_to(folder) {
        Ok([page, packets]) => {
            let _ = writeln!(out, "drawn:    {}\npackets:  {}", page.display(), packets.display());
        }
        Err(error) => give_up(PROGRAM, format_args!("{}: {error}", folder.display())),
    }
}
