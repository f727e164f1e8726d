//! The hunt for one bug, and the run without any.

use ptk_core::Duration;
use ptk_examples::arq::Variant;
use ptk_mock::Failure;

/// The head of the table.
pub const HEAD: &str = "| bug | what is wrong | found by | seeds | choices, shrunk (of) |\n|---|---|---|---|---|";

/// A bug that can be planted.
pub struct Planted {
    pub number: u32,
    pub name: String,
    pub what: &'static str,
}

macro_rules! planted {
    ($($list:path),*) => {
        [$($list.iter().map(|(mutant, what)| Planted {
            number: mutant.number(),
            name: format!("{mutant:?}"),
            what,
        }).collect::<Vec<_>>()),*].into_iter().flatten().collect()
    };
}

/// All bugs.
pub fn all() -> Vec<Planted> {
    let mut all: Vec<_> =
        planted!(ptk_core::mutant::Mutant::ALL, ptk_examples::mutant::Mutant::ALL, ptk_mock::mutant::Mutant::ALL);
    let variants = VARIANTS.iter();
    all.extend(variants.map(|(number, variant, what)| Planted { number: *number, name: format!("{variant:?}"), what }));
    all
}

/// What the mistakes are that the reliable datagrams of the examples can make on purpose, and their numbers.
const VARIANTS: [(u32, Variant, &str); 4] = [
    (5001, Variant::OffByOne, "arq: of what was lost the first is not sent again, but what lies behind it"),
    (5002, Variant::Duplicates, "arq: a duplicate is handed up once more"),
    (5003, Variant::ShortNumbers, "arq: numbers have as few bits as a window needs"),
    (5004, Variant::Unchecked, "arq: nobody looks at checksums"),
];

/// The mistake that is planted, if it is one of those.
pub fn variant() -> Variant {
    let planted = ptk_core::mutant::planted();
    let variant = VARIANTS.iter().find(|(number, ..)| *number == planted);
    variant.map_or(Variant::Correct, |(_, variant, _)| *variant)
}

/// How a bug was found.
pub struct Found {
    by: String,
    seeds: u64,
    choices: usize,
    unshrunk: usize,
}

impl Found {
    fn by(failure: &Failure) -> Found {
        let Failure { scenario, property, detail, seed, tape, unshrunk, .. } = failure;
        // Of an assertion the text behind its place says what it is about.
        let text = match property.as_str() {
            "nothing panics" => detail.lines().nth(1).unwrap_or(detail).rsplit(": ").next().unwrap_or(detail),
            _ => property,
        };
        Found { by: format!("{scenario}: {text}"), seeds: seed + 1, choices: tape.0.len(), unshrunk: *unshrunk }
    }

    /// Its row of the table.
    pub fn row(&self, mutant: &Planted) -> String {
        let Found { by, seeds, choices, unshrunk } = self;
        format!("| `{}` | {} | {by} | {seeds} | {choices} ({unshrunk}) |", mutant.name, mutant.what)
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
                return Some(Found::by(&failure));
            }
        }
        done = upto;
    }
    same_traces(budget)
}

/// What no run can tell by itself: worlds that differ in what packets carry have traces that differ.
fn same_traces(seeds: u64) -> Option<Found> {
    let trace = |seed, text| {
        let mut world = crate::apps::letters::scenario(text).world(seed);
        world.run_for(Duration::from_millis(10));
        world.trace_hash()
    };
    let seed = (0..seeds).find(|seed| trace(*seed, b"one") == trace(*seed, b"two"))?;
    Some(Found {
        by: "letters: what packets carry is in the trace's hash".into(),
        seeds: seed + 1,
        choices: 0,
        unshrunk: 0,
    })
}

/// Runs all scenarios without any bug, each with so many seeds; gives how many failed.
pub fn run_clean(seeds: u64) -> usize {
    ptk_core::mutant::plant(0);
    let scenarios = crate::scenarios();
    let failures = scenarios.iter().filter_map(|scenario| scenario.check(0..seeds).err());
    let failures = failures.inspect(|failure| eprintln!("{failure}"));
    failures.count() + usize::from(same_traces(seeds).is_some())
}
