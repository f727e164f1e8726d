//! From a run that failed to a shorter one that fails in the same way.
//!
//! A run is its seed and its tape. Without an answer of the tape all others stay as they are, so any part can be tried
//! without: whole families of faults, whole nodes, the end, single answers; then smaller answers.

use crate::failure::Failure;
use crate::faults::Family;
use crate::scenario::{Course, Scenario, Violation};
use crate::tape::{Choice, Tape};

/// How many runs it may take.
const MOST_RUNS: usize = 5_000;

/// How many steps these may take together: a run in which time stands still takes very many.
const MOST_STEPS: u64 = 5_000_000;

/// The failure of `course`, as short as it gets.
pub(crate) fn shrink(scenario: &Scenario, seed: u64, course: Course) -> Failure {
    let unshrunk = course.tape.0.len();
    let mut search =
        Search { scenario, seed, wanted: course.violation.clone(), best: course.tape.clone(), runs: 0, steps: 0 };
    search.families();
    search.nodes();
    search.end();
    search.parts();
    search.values();
    let best = search.best;
    // Once more, to be drawn; and the same as before, or nothing is to be trusted.
    let mut shrunk = scenario.course(seed, Some(&best), true);
    let again = scenario.course(seed, Some(&best), false);
    if shrunk.hash != again.hash || shrunk.violation.is_none() {
        let detail = format!("of the tape {best}, one trace has the hash {}, another {}", shrunk.hash, again.hash);
        shrunk.violation = Some(match shrunk.violation {
            None => course.violation.unwrap_or_else(|| Violation::new("a tape repeats its run", detail)),
            Some(_) => Violation::new("a tape repeats its run", detail),
        });
    }
    match Failure::of(scenario, seed, shrunk, unshrunk) {
        Some(failure) => failure,
        None => unreachable!("the course has a violation"),
    }
}

struct Search<'a> {
    scenario: &'a Scenario,
    seed: u64,
    wanted: Option<Violation>,
    best: Tape,
    runs: usize,
    steps: u64,
}

impl Search<'_> {
    /// Takes `choices` in place of the best if the run fails in the same way; whether it does.
    fn try_with(&mut self, choices: Vec<Choice>) -> bool {
        if self.runs >= MOST_RUNS || self.steps >= MOST_STEPS {
            return false;
        }
        self.runs += 1;
        let course = self.scenario.course(self.seed, Some(&Tape(choices)), false);
        self.steps += course.steps;
        let fails = match (&course.violation, &self.wanted) {
            (Some(found), Some(wanted)) => found.property == wanted.property && same_place(found, wanted),
            _ => false,
        };
        if fails {
            // What was not asked any more has left the tape by itself.
            self.best = course.tape;
        }
        fails
    }

    fn without(&mut self, leaves: impl Fn(&Choice) -> bool) -> bool {
        let rest: Vec<_> = self.best.0.iter().copied().filter(|choice| !leaves(choice)).collect();
        rest.len() < self.best.0.len() && self.try_with(rest)
    }

    fn families(&mut self) {
        for family in Family::ALL {
            self.without(|choice| family.has(choice.label));
        }
        for label in crate::label::Label::ALL {
            self.without(|choice| choice.label == label);
        }
    }

    fn nodes(&mut self) {
        let mut nodes: Vec<_> = self.best.0.iter().map(|choice| choice.node).collect();
        nodes.sort_unstable();
        nodes.dedup();
        for node in nodes {
            self.without(|choice| choice.node == node);
        }
    }

    /// The shortest beginning that still fails, by halving.
    fn end(&mut self) {
        let (mut short, mut long) = (0, self.best.0.len());
        while short < long {
            let half = usize::midpoint(short, long);
            let beginning = self.best.0.get(..half).map(<[Choice]>::to_vec).unwrap_or_default();
            if self.try_with(beginning) {
                long = self.best.0.len().min(half);
            } else {
                short = half + 1;
            }
        }
    }

    /// Parts of half the length, of a quarter, down to single choices (Zeller, "Yesterday, my program worked", 1999).
    fn parts(&mut self) {
        let mut size = self.best.0.len().div_ceil(2);
        while size > 0 {
            let (mut place, mut is_shorter) = (0, false);
            while place < self.best.0.len() {
                let end = place + size;
                let parts = self.best.0.iter().copied().enumerate();
                let rest = parts.filter(|(index, _)| !(place..end).contains(index)).map(|(_, choice)| choice).collect();
                if self.try_with(rest) {
                    is_shorter = true;
                } else {
                    place += size;
                }
            }
            if size == 1 && !is_shorter {
                break;
            }
            size = if size == 1 { 1 } else { size.div_ceil(2) };
        }
    }

    fn values(&mut self) {
        for place in 0..self.best.0.len() {
            while let Some(choice) = self.best.0.get(place).copied()
                && choice.k > 1
            {
                let smaller = |k| {
                    let mut choices = self.best.0.clone();
                    if let Some(choice) = choices.get_mut(place) {
                        choice.k = k;
                    }
                    choices
                };
                let (one, half) = (smaller(1), smaller(choice.k / 2));
                if !self.try_with(one) && !self.try_with(half) {
                    break;
                }
            }
        }
    }
}

/// Panics are the same if they happened at the same place.
fn same_place(found: &Violation, wanted: &Violation) -> bool {
    let place = |violation: &Violation| violation.detail.lines().next().map(str::to_owned);
    found.property != "nothing panics" || place(found) == place(wanted)
}
