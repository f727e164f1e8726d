//! The hunt for one bug, and the run without any.

use ptk_mock::Failure;

/// The head of the table.
pub const HEAD: &str = "| bug | what is wrong | found by | seeds | choices, shrunk (of) |\n|---|---|---|---|---|";

/// A bug that can be planted.
pub struct Planted {
    pub number: u32,
    pub name: String,
    pub what: &'static str,
}

/// All bugs.
pub fn all() -> Vec<Planted> {
    let core = ptk_core::mutant::Mutant::ALL.iter();
    core.map(|(mutant, what)| Planted { number: mutant.number(), name: format!("{mutant:?}"), what }).collect()
}

/// How a bug was found.
pub struct Found {
    failure: Box<Failure>,
}

impl Found {
    /// Its row of the table.
    pub fn row(&self, mutant: &Planted) -> String {
        let Failure { scenario, property, detail, seed, tape, unshrunk, .. } = &*self.failure;
        // Of an assertion the text behind its place says what it is about.
        let text = match property.as_str() {
            "nothing panics" => detail.lines().nth(1).unwrap_or(detail).rsplit(": ").next().unwrap_or(detail),
            _ => property,
        };
        format!(
            "| `{}` | {} | {scenario}: {text} | {} | {} ({unshrunk}) |",
            mutant.name,
            mutant.what,
            seed + 1,
            tape.0.len()
        )
    }
}

/// Plants a bug, and looks for it with at most `budget` seeds of each scenario: few of all, then more of all.
pub fn find(mutant: &Planted, budget: u64) -> Option<Found> {
    ptk_core::mutant::plant(mutant.number);
    let scenarios = crate::scenarios();
    let mut done = 0;
    while done < budget {
        let upto = (done * 4).clamp(4, budget);
        for scenario in &scenarios {
            if let Err(failure) = scenario.check(done..upto) {
                return Some(Found { failure });
            }
        }
        done = upto;
    }
    None
}

/// Runs all scenarios without any bug, with so many seeds in all; gives how many failed.
pub fn run_clean(seeds: u64) -> usize {
    ptk_core::mutant::plant(0);
    let scenarios = crate::scenarios();
    let each = seeds.div_ceil(scenarios.len() as u64);
    let failures = scenarios.iter().filter_map(|scenario| scenario.check(0..each).err());
    let failures = failures.inspect(|failure| eprintln!("{failure}"));
    failures.count()
}
