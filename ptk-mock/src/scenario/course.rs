//! One run: what goes wrong for a while, then nothing any more, and what holds meanwhile.

use std::fmt::Write;

use ptk_core::Instant;

use super::quiet::quietly;
use super::{Scenario, sorted};
use crate::chooser::Decider;
use crate::oracle;
use crate::tape::Tape;
use crate::trace::{Record, TraceEvent, TraceHash, TraceLog};
use crate::world::{Step, World};

/// After so many steps in which nobody runs, tasks are resumed for nothing on a copy.
const RESUMES_EVERY: u64 = 32;

/// In one seed of so many, peace breaks out at several places on the way, on copies.
const HEALS_IN: u64 = 16;

/// The first of these places, in steps; each further one is twice as far.
const HEALS_FROM: u64 = 64;

/// More steps without time passing than this are a loop without end.
const MOST_STEPS_AT_ONCE: u64 = 200_000;

/// Something that did not hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Violation {
    /// What.
    pub(crate) property: String,
    /// How.
    pub(crate) detail: String,
}

impl Violation {
    pub(crate) fn new(property: &str, detail: String) -> Violation {
        Violation { property: property.to_owned(), detail }
    }
}

/// How a run went.
#[derive(Clone, Debug)]
pub(crate) struct Course {
    pub(crate) violation: Option<Violation>,
    pub(crate) tape: Tape,
    pub(crate) hash: TraceHash,
    pub(crate) steps: u64,
    pub(crate) time: Instant,
    /// Which of what must happen sometimes did.
    pub(crate) seen: Vec<bool>,
    pub(crate) records: Vec<Record>,
    pub(crate) names: Vec<String>,
    /// See [`Chooser::asked`](crate::chooser::Chooser::asked).
    pub(crate) asked: Vec<u32>,
}

impl Scenario {
    /// The course of a seed, or that of a tape.
    pub(crate) fn course(&self, seed: u64, tape: Option<&Tape>, keeps: bool) -> Course {
        let decider = tape.map_or(Decider::Seeded(seed), |tape| Decider::Tape(sorted(tape)));
        let world = self.make(seed, decider, self.faults.for_seed(seed), TraceLog::new(keeps));
        self.follow(world)
    }

    /// Goes the whole way with a world.
    pub(crate) fn follow(&self, world: World) -> Course {
        let mut run = Run {
            scenario: self,
            world,
            seen: vec![false; self.sometimes.len()],
            next_action: 0,
            idle: 0,
            is_peace: false,
            last: Instant::ORIGIN,
            at_once: 0,
        };
        let violation = match quietly(|| run.all()) {
            Ok(result) => result.err(),
            Err(panic) => Some(Violation::new("nothing panics", panic)),
        };
        if let Some(violation) = &violation {
            let (now, property) = (run.world.now(), format!("{}: {}", violation.property, violation.detail));
            run.world.environment().trace.keep(now, || TraceEvent::Violated { property });
        }
        let asked = run.world.environment().chooser.asked().to_vec();
        let world = &run.world;
        Course {
            asked,
            violation,
            tape: world.tape(),
            hash: world.trace_hash(),
            steps: world.steps(),
            time: world.now(),
            records: world.records().to_vec(),
            names: world.names().to_vec(),
            seen: run.seen,
        }
    }
}

struct Run<'a> {
    scenario: &'a Scenario,
    world: World,
    seen: Vec<bool>,
    next_action: usize,
    /// Steps in which nobody ran.
    idle: u64,
    /// Nothing goes wrong any more.
    is_peace: bool,
    /// When the last step was, and how many were at that time.
    last: Instant,
    at_once: u64,
}

impl Run<'_> {
    fn all(&mut self) -> Result<(), Violation> {
        self.check()?;
        let end = Instant::ORIGIN + self.scenario.lasting;
        self.go_on(end)?;
        self.world.heal();
        self.is_peace = true;
        for place in 0..self.scenario.eventually.len() {
            self.reach(place)?;
        }
        self.check_resumes()?;
        self.check_leftovers()
    }

    /// Until `end`, or until all that must come true has.
    fn go_on(&mut self, end: Instant) -> Result<(), Violation> {
        while !self.has_come_true() && self.advance(end)? {}
        Ok(())
    }

    /// Does what is planned, or a step. `false` if there is nothing more until `end`.
    fn advance(&mut self, end: Instant) -> Result<bool, Violation> {
        self.act();
        let planned = self.scenario.actions.get(self.next_action).map(|(time, _)| Instant::ORIGIN + *time);
        match (self.world.next_event(), planned) {
            (next, Some(planned)) if planned <= end && next.is_none_or(|next| next > planned) => {
                self.world.pass_to(planned);
                Ok(true)
            }
            (Some(next), _) if next <= end => self.step().map(|()| true),
            _ => Ok(false),
        }
    }

    fn has_come_true(&self) -> bool {
        let goals = &self.scenario.eventually;
        !goals.is_empty()
            && self.next_action == self.scenario.actions.len()
            && goals.iter().all(|goal| (goal.holds)(&self.world))
    }

    /// Does what is planned for now.
    fn act(&mut self) {
        while let Some((time, action)) = self.scenario.actions.get(self.next_action)
            && Instant::ORIGIN + *time <= self.world.now()
        {
            action(&mut self.world);
            self.next_action += 1;
        }
    }

    fn step(&mut self) -> Result<(), Violation> {
        let before = self.world.now();
        let step = self.world.step();
        if self.world.now() < before {
            return Err(Violation::new("time never goes back", format!("from {before} to {}", self.world.now())));
        }
        self.check_progress()?;
        self.check()?;
        self.check_peace()?;
        if !matches!(step, Step::Ran(_)) && self.world.is_at_rest() {
            self.idle += 1;
            if self.idle.is_multiple_of(RESUMES_EVERY) {
                self.check_resumes()?;
            }
        }
        Ok(())
    }

    fn check_progress(&mut self) -> Result<(), Violation> {
        let now = self.world.now();
        self.at_once = if now == self.last { self.at_once + 1 } else { 0 };
        self.last = now;
        if self.at_once > MOST_STEPS_AT_ONCE {
            return Err(Violation::new("time passes", format!("{} steps, and all at {now}", self.at_once)));
        }
        Ok(())
    }

    fn check(&mut self) -> Result<(), Violation> {
        for (property, seen) in self.scenario.sometimes.iter().zip(&mut self.seen) {
            *seen = *seen || (property.holds)(&self.world);
        }
        match self.scenario.always.iter().find(|property| !(property.holds)(&self.world)) {
            Some(property) => Err(Violation::new(&property.name, format!("not so at {}", self.world.now()))),
            None => Ok(()),
        }
    }

    /// Nothing goes wrong any more: what must come true does.
    fn reach(&mut self, place: usize) -> Result<(), Violation> {
        let Some(goal) = self.scenario.eventually.get(place) else { return Ok(()) };
        let planned = self.scenario.actions.last().map_or(Instant::ORIGIN, |(time, _)| Instant::ORIGIN + *time);
        let limit = self.world.now().max(planned) + goal.within;
        while !(goal.holds)(&self.world) {
            if !self.advance(limit)? {
                self.check_resumes()?;
                let mut detail = format!("not within {} of peace; the tasks:", goal.within);
                self.list_tasks(&mut detail);
                return Err(Violation::new(&goal.name, detail));
            }
        }
        Ok(())
    }

    fn list_tasks(&self, text: &mut String) {
        for name in self.world.names() {
            // A string takes everything.
            self.world.list_tasks(name, |report| {
                let _ = write!(text, "\n  {name}: {report}");
            });
        }
    }

    /// Wherever peace breaks out, what must come true does.
    fn check_peace(&mut self) -> Result<(), Violation> {
        let (steps, is_seed) = (self.world.steps(), self.world.seed().is_multiple_of(HEALS_IN));
        if !is_seed || self.is_peace || steps < HEALS_FROM || !steps.is_power_of_two() {
            return Ok(());
        }
        let world = self.world.clone();
        let mut copy = Run { world, seen: Vec::new(), is_peace: true, ..*self };
        copy.world.heal();
        let reached = (0..self.scenario.eventually.len()).try_for_each(|place| copy.reach(place));
        if reached.is_err() {
            // What there is to see happened on the copy.
            self.world = copy.world;
        }
        reached
    }

    fn check_resumes(&self) -> Result<(), Violation> {
        if !self.scenario.checks_resumes || !self.world.is_at_rest() {
            return Ok(());
        }
        oracle::resumes_change_nothing(&self.world).map_err(|detail| Violation::new("no wakeup is lost", detail))
    }

    fn check_leftovers(&self) -> Result<(), Violation> {
        if !self.scenario.checks_leftovers {
            return Ok(());
        }
        oracle::nothing_is_left(&self.world).map_err(|detail| Violation::new("nothing is left open", detail))
    }
}
