//! Breadth first, in blocks that threads share; what they find is taken up in the order in which one thread would have
//! found it, so that the result does not depend on their number.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};
use std::time::Instant as WallClock;

use ptk_core::Instant;

use super::state::{State, Step};
use super::worker::{Candidate, Found, Worker};
use super::{Counterexample, Exploration, Explorer, Move, collision_odds};
use crate::failure::{Failure, command_of_test};
use crate::scenario::{Course, Violation};
use crate::tape::Tape;
use crate::trace::{Record, TraceEvent, TraceLog};

/// How many states are expanded before what came of them is taken up.
const BLOCK: usize = 4_096;

/// With fewer states, threads cost more than they bring.
const WORTH_A_THREAD: usize = 64;

/// The hashes of the states that were met.
pub(crate) type Visited = HashSet<u128, BuildHasherDefault<Identity>>;

/// The hash of a hash: its lower half.
#[derive(Default)]
pub(crate) struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u128(&mut self, number: u128) {
        self.0 = number as u64;
    }
}

/// How a state was reached for the first time.
struct Link {
    parent: u32,
    step: Step,
}

/// A state whose successors are still to be found.
pub(crate) type Open = (u32, State);

/// See the module's text.
pub(crate) struct Search<'a> {
    explorer: &'a Explorer,
    /// By the number of the state, less one: the first state has none.
    links: Vec<Link>,
    visited: Visited,
    seen: Vec<bool>,
    generated: u64,
    depth: usize,
    complete: bool,
    started: WallClock,
}

impl<'a> Search<'a> {
    pub(crate) fn new(explorer: &'a Explorer) -> Search<'a> {
        Search {
            explorer,
            links: Vec::new(),
            visited: Visited::default(),
            seen: vec![false; explorer.scenario.sometimes.len()],
            generated: 1,
            depth: 0,
            complete: true,
            started: WallClock::now(),
        }
    }

    pub(crate) fn run(mut self) -> Result<Exploration, Box<Counterexample>> {
        let mut workers: Vec<_> =
            (0..self.explorer.threads).map(|_| Worker::new(self.explorer, TraceLog::off())).collect();
        let Some(worker) = workers.first_mut() else { return Ok(self.report()) };
        let first = worker.first();
        self.note_seen(worker);
        let (first, hash) = match first {
            Ok(first) => first,
            Err(_) => return Err(self.counterexample(Vec::new())),
        };
        self.visited.insert(hash);
        let mut frontier = vec![(0, first)];
        while !frontier.is_empty() {
            if self.depth >= self.explorer.depth {
                self.complete = false;
                break;
            }
            let next = self.level(&mut workers, frontier)?;
            if self.visited.len() >= self.explorer.states && !next.is_empty() {
                self.complete = false;
                break;
            }
            self.depth += usize::from(!next.is_empty());
            frontier = next;
        }
        self.conclude()
    }

    /// The states that one action more leads to and that were never met.
    fn level(&mut self, workers: &mut [Worker<'a>], frontier: Vec<Open>) -> Result<Vec<Open>, Box<Counterexample>> {
        let mut next = Vec::new();
        for block in frontier.chunks(BLOCK) {
            if self.visited.len() >= self.explorer.states {
                self.complete = false;
                break;
            }
            let count = workers.len().min(block.len().div_ceil(WORTH_A_THREAD)).max(1);
            expand(workers.get_mut(..count).unwrap_or_default(), &self.visited, block);
            for worker in workers.iter_mut().take(count) {
                self.take_up(worker, &mut next)?;
            }
        }
        Ok(next)
    }

    fn take_up(&mut self, worker: &mut Worker<'a>, next: &mut Vec<Open>) -> Result<(), Box<Counterexample>> {
        self.note_seen(worker);
        self.generated += std::mem::take(&mut worker.generated);
        for Candidate { parent, step, state, hash } in worker.candidates.drain(..) {
            if self.visited.insert(hash) {
                self.links.push(Link { parent, step });
                next.push((self.links.len() as u32, state));
            }
        }
        match worker.found.take() {
            None => Ok(()),
            Some(Found { parent, step }) => {
                let mut steps = self.way_to(parent);
                steps.push(step);
                self.depth += 1;
                Err(self.counterexample(steps))
            }
        }
    }

    fn note_seen(&mut self, worker: &Worker<'_>) {
        for (seen, by_worker) in self.seen.iter_mut().zip(&worker.seen) {
            *seen |= *by_worker;
        }
    }

    /// The steps that lead to a state.
    fn way_to(&self, mut id: u32) -> Vec<Step> {
        let mut steps = Vec::new();
        while let Some(link) = (id as usize).checked_sub(1).and_then(|place| self.links.get(place)) {
            steps.push(link.step.clone());
            id = link.parent;
        }
        steps.reverse();
        steps
    }

    fn report(&self) -> Exploration {
        let names = self.explorer.scenario.sometimes.iter().map(|property| property.name.clone());
        Exploration {
            generated: self.generated,
            unique: self.visited.len() as u64,
            depth: self.depth,
            seconds: self.started.elapsed().as_secs_f64(),
            collision_odds: collision_odds(self.visited.len() as u64),
            complete: self.complete,
            sometimes: names.zip(self.seen.iter().copied()).collect(),
        }
    }

    fn conclude(self) -> Result<Exploration, Box<Counterexample>> {
        let report = self.report();
        match report.sometimes.iter().find(|(_, seen)| !seen) {
            Some((name, _)) if report.complete => {
                let violation = Violation::new(name, format!("in none of {} states", report.unique));
                let (failure, path) = self.explorer.failure(violation, Vec::new(), Vec::new(), Instant::ORIGIN);
                Err(Box::new(Counterexample { failure, path, exploration: report, steps: Vec::new() }))
            }
            _ => Ok(report),
        }
    }

    fn counterexample(&self, steps: Vec<Step>) -> Box<Counterexample> {
        let (failure, path) = match self.explorer.retrace(&steps) {
            Ok(traced) => traced,
            Err(what) => {
                let violation = Violation::new("the same actions lead to the same state", what);
                self.explorer.failure(violation, Vec::new(), Vec::new(), Instant::ORIGIN)
            }
        };
        Box::new(Counterexample { failure, path, exploration: self.report(), steps })
    }
}

/// Each worker expands its part of the block.
fn expand(workers: &mut [Worker<'_>], visited: &Visited, block: &[Open]) {
    let part = block.len().div_ceil(workers.len().max(1));
    let Some((first, others)) = workers.split_first_mut() else { return };
    let mut parts = block.chunks(part);
    let own = parts.next().unwrap_or_default();
    std::thread::scope(|scope| {
        for (worker, part) in others.iter_mut().zip(parts) {
            scope.spawn(move || worker.expand_all(visited, part));
        }
        first.expand_all(visited, own);
    });
}

impl Explorer {
    /// Goes a way that leads to a violation, and records it.
    pub(super) fn retrace(&self, steps: &[Step]) -> Result<(Failure, Vec<Move>), String> {
        let mut worker = Worker::new(self, TraceLog::new(true));
        let mut clock = Stretched::default();
        let mut path = Vec::new();
        let mut state = match worker.first() {
            Ok((state, _)) => state,
            Err(violation) => return Ok(self.traced(worker, violation, path, clock)),
        };
        clock.tick(&worker);
        for (number, step) in steps.iter().enumerate() {
            let (action, result) = worker.go(&state, step).ok_or_else(|| format!("step {number} is not possible"))?;
            path.push(Move { action, choices: worker.choices() });
            clock.tick(&worker);
            match result {
                Ok(next) => state = next,
                Err(violation) if number + 1 == steps.len() => return Ok(self.traced(worker, violation, path, clock)),
                Err(violation) => return Err(format!("{} does not hold after step {number}", violation.property)),
            }
        }
        Err("everything holds".to_owned())
    }

    fn traced(
        &self,
        mut worker: Worker<'_>,
        violation: Violation,
        path: Vec<Move>,
        mut clock: Stretched,
    ) -> (Failure, Vec<Move>) {
        let property = format!("{}: {}", violation.property, violation.detail);
        let at = worker.world.now();
        worker.world.environment().trace.keep(at, || TraceEvent::Violated { property });
        clock.tick(&worker);
        self.failure(violation, path, clock.stretch(worker.world.records()), at)
    }

    fn failure(
        &self,
        violation: Violation,
        path: Vec<Move>,
        records: Vec<Record>,
        time: Instant,
    ) -> (Failure, Vec<Move>) {
        let course = Course {
            violation: None,
            tape: Tape::default(),
            hash: crate::trace::TraceHash(0),
            steps: path.len() as u64,
            time,
            seen: Vec::new(),
            records,
            names: self.scenario.node_names().to_vec(),
            asked: Vec::new(),
        };
        let mut failure = Failure::new(&self.scenario, 0, violation, course, 0);
        failure.command = command_of_test(&self.scenario);
        failure.recording.command.clone_from(&failure.command);
        (failure, path)
    }
}

/// When things happened, if each action takes a millisecond: in a state at rest no time passes, and all arrows would lie
/// upon each other.
#[derive(Default)]
struct Stretched {
    /// How many records there were behind each action.
    ends: Vec<usize>,
}

impl Stretched {
    fn tick(&mut self, worker: &Worker<'_>) {
        self.ends.push(worker.world.records().len());
    }

    fn at(&self, place: usize) -> Instant {
        Instant::from_nanos(self.ends.partition_point(|end| *end <= place) as u64 * 1_000_000)
    }

    fn stretch(&self, records: &[Record]) -> Vec<Record> {
        let ends = |flight: u64| {
            records.iter().position(|record| {
                matches!(record.event, TraceEvent::Arrived { flight: id } | TraceEvent::Lost { flight: id, .. } if id == flight)
            })
        };
        let stretched = records.iter().enumerate().map(|(place, record)| {
            let mut record = Record { at: self.at(place), event: record.event.clone() };
            if let TraceEvent::Sent { flight, arrives, .. } = &mut record.event {
                *arrives = self.at(ends(*flight).unwrap_or(records.len()));
            }
            record
        });
        stretched.collect()
    }
}
