//! Has one action happen to a state, again and again.

use std::sync::Arc;

use super::canonical::Canonical;
use super::search::{Open, Visited};
use super::state::{Act, Budget, Held, Parked, State, Step, spend};
use super::{Action, Explorer};
use crate::network::give_up;
use crate::oracle;
use crate::scenario::{Violation, deviations, quietly};
use crate::tape::Choice;
use crate::trace::TraceLog;
use crate::world::World;

/// More turns behind one action than this are a loop without end.
const MOST_TURNS: usize = 100_000;

/// A state that was not met before, as far as this worker knows.
pub(crate) struct Candidate {
    pub(crate) parent: u32,
    pub(crate) step: Step,
    pub(crate) state: State,
    pub(crate) hash: u128,
}

/// The step from a state that leads to a violation.
pub(crate) struct Found {
    pub(crate) parent: u32,
    pub(crate) step: Step,
}

/// See the module's text.
pub(crate) struct Worker<'a> {
    explorer: &'a Explorer,
    pub(crate) world: World,
    canonical: Canonical,
    words: Vec<u8>,
    scripts: Vec<Vec<u32>>,
    pub(crate) generated: u64,
    pub(crate) seen: Vec<bool>,
    pub(crate) candidates: Vec<Candidate>,
    pub(crate) found: Option<Found>,
}

impl<'a> Worker<'a> {
    pub(crate) fn new(explorer: &'a Explorer, trace: TraceLog) -> Worker<'a> {
        Worker {
            explorer,
            world: explorer.world(trace),
            canonical: Canonical::default(),
            words: Vec::new(),
            scripts: Vec::new(),
            generated: 0,
            seen: vec![false; explorer.scenario.sometimes.len()],
            candidates: Vec::new(),
            found: None,
        }
    }

    /// The state in which everything begins.
    pub(crate) fn first(&mut self) -> Result<(State, u128), Violation> {
        match quietly(|| self.settle()) {
            Ok(settled) => settled?,
            Err(panic) => return Err(Violation::new("nothing panics", panic)),
        }
        let state = State::of(&mut self.world, self.explorer.budget, &mut self.canonical);
        self.check_end(&state)?;
        let hash = state.hash(&mut self.words);
        Ok((state, hash))
    }

    /// Finds the successors of states, up to the first violation.
    pub(crate) fn expand_all(&mut self, visited: &Visited, states: &[Open]) {
        for (id, state) in states {
            for (act, left) in acts(state) {
                if self.expand(visited, (*id, state), act, left).is_none() {
                    return;
                }
            }
        }
    }

    /// One action, with all answers to what is asked meanwhile. `None` behind a violation.
    fn expand(&mut self, visited: &Visited, (parent, state): (u32, &State), act: Act, left: Budget) -> Option<()> {
        self.scripts.push(Vec::new());
        while let Some(script) = self.scripts.pop() {
            self.generated += 1;
            let next = match self.try_apply(state, act, left, &script) {
                Ok(next) => next,
                Err(_) => return self.stop_at(parent, act, script),
            };
            if self.explorer.asks() {
                self.plan_scripts(&script, left);
            }
            let hash = next.hash(&mut self.words);
            if visited.contains(&hash) {
                continue;
            }
            if next.is_final() && self.try_end(&next).is_err() {
                return self.stop_at(parent, act, script);
            }
            let step = Step { act, answers: script.into() };
            self.candidates.push(Candidate { parent, step, state: next, hash });
        }
        Some(())
    }

    fn stop_at(&mut self, parent: u32, act: Act, script: Vec<u32>) -> Option<()> {
        self.scripts.clear();
        self.found = Some(Found { parent, step: Step { act, answers: script.into() } });
        None
    }

    fn plan_scripts(&mut self, script: &[u32], left: Budget) {
        let asked = self.world.environment().chooser.asked();
        let has_budget = |longer: &Vec<u32>| spend(left.choices, deviates(longer)).is_some();
        self.scripts.extend(deviations(script, asked).filter(has_budget));
    }

    /// One step of a way that is gone again: what it is, and where it leads. `None` if it is not possible.
    pub(crate) fn go(&mut self, state: &State, step: &Step) -> Option<(Action, Result<State, Violation>)> {
        let (_, left) = acts(state).into_iter().find(|(act, _)| *act == step.act)?;
        let action = describe(state, step.act)?;
        let next = self.try_apply(state, step.act, left, &step.answers);
        let next = next.and_then(|next| self.try_end(&next).map(|()| next));
        Some((action, next))
    }

    /// The answers of the last step that were not benign.
    pub(crate) fn choices(&self) -> Vec<Choice> {
        self.world.tape().0
    }

    fn try_end(&mut self, state: &State) -> Result<(), Violation> {
        match quietly(|| self.check_end(state)) {
            Ok(checked) => checked,
            Err(panic) => Err(Violation::new("nothing panics", panic)),
        }
    }

    fn try_apply(&mut self, state: &State, act: Act, left: Budget, answers: &[u32]) -> Result<State, Violation> {
        match quietly(|| self.apply(state, act, left, answers)) {
            Ok(applied) => applied,
            Err(panic) => Err(Violation::new("nothing panics", panic)),
        }
    }

    fn apply(&mut self, state: &State, act: Act, left: Budget, answers: &[u32]) -> Result<State, Violation> {
        let is_gone = matches!(act, Act::Deliver(_) | Act::Drop(_));
        let slots = state.nodes.iter().map(|held| &held.slot);
        self.world.load(slots, state.now, state.flights.len() - usize::from(is_gone));
        if self.explorer.asks() {
            self.world.environment().chooser = self.explorer.chooser(answers);
        }
        let mut flights = Vec::with_capacity(state.flights.len() + 2);
        flights.extend_from_slice(&state.flights);
        self.act(state, act, &mut flights);
        self.settle()?;
        let sent = self.world.take_sent();
        flights.extend(sent.map(|flight| Parked::new(flight, &mut self.canonical)));
        let choices = spend(left.choices, deviates(answers)).unwrap_or(0);
        let (nodes, now) = (self.nodes_since(state), self.world.now());
        Ok(State { nodes, flights, now, left: Budget { choices, ..left } })
    }

    fn act(&mut self, state: &State, act: Act, flights: &mut Vec<Arc<Parked>>) {
        match act {
            Act::Deliver(place) => {
                let parked = flights.remove(usize::from(place));
                self.world.deliver(parked.flight.clone());
            }
            Act::Duplicate(place) => {
                if let Some(parked) = flights.get(usize::from(place)) {
                    let copy = self.world.copy_of(&parked.flight);
                    self.world.deliver(copy);
                }
            }
            Act::Drop(place) => {
                let parked = flights.remove(usize::from(place));
                self.world.lose(&parked.flight);
            }
            Act::Crash(node) => {
                for parked in flights.iter_mut().filter(|parked| parked.is_segment() && parked.flight.to == node) {
                    let mut flight = parked.flight.clone();
                    flight.deadline = state.now + flight.packet.patience;
                    *parked = Parked::new(flight, &mut self.canonical);
                }
                self.world.crash_node(node);
            }
            Act::Restart(node) => self.world.start_node(node),
            Act::Pass => self.pass(state, flights),
        }
    }

    /// Time passes to the next deadline, and who waited for a node that is down in vain is told so.
    fn pass(&mut self, state: &State, flights: &mut Vec<Arc<Parked>>) {
        let Some(to) = state.next_time() else { return };
        self.world.wake_at_instant(to);
        let is_vain = |parked: &Arc<Parked>| state.is_held_up(parked) && parked.flight.deadline <= to;
        if !flights.iter().any(is_vain) {
            return;
        }
        for parked in std::mem::take(flights) {
            if is_vain(&parked) {
                flights.extend(give_up(parked.flight.clone()).map(|told| Parked::new(told, &mut self.canonical)));
            } else {
                flights.push(parked);
            }
        }
    }

    /// All run until they rest.
    fn settle(&mut self) -> Result<(), Violation> {
        self.check()?;
        let mut turns = 0;
        while self.world.run_first() {
            self.check()?;
            turns += 1;
            if turns > MOST_TURNS {
                return Err(Violation::new("time passes", format!("{turns} turns, and none of the nodes rests")));
            }
        }
        Ok(())
    }

    fn check(&mut self) -> Result<(), Violation> {
        let scenario = &self.explorer.scenario;
        for (property, seen) in scenario.sometimes.iter().zip(&mut self.seen) {
            *seen = *seen || (property.holds)(&self.world);
        }
        match scenario.always.iter().find(|property| !(property.holds)(&self.world)) {
            Some(property) => Err(Violation::new(&property.name, format!("not so at {}", self.world.now()))),
            None => Ok(()),
        }
    }

    /// Where nothing more can happen, all must have come true that must.
    fn check_end(&mut self, state: &State) -> Result<(), Violation> {
        if !state.is_final() {
            return Ok(());
        }
        let scenario = &self.explorer.scenario;
        if scenario.checks_resumes {
            oracle::resumes_change_nothing(&self.world).map_err(|what| Violation::new("no wakeup is lost", what))?;
        }
        if let Some(goal) = scenario.eventually.iter().find(|goal| !(goal.holds)(&self.world)) {
            return Err(Violation::new(&goal.name, "not so, and nothing more can happen".to_owned()));
        }
        if scenario.checks_leftovers {
            oracle::nothing_is_left(&self.world).map_err(|what| Violation::new("nothing is left open", what))?;
        }
        Ok(())
    }

    /// The nodes as they are now; who has not acted was hashed before.
    fn nodes_since(&mut self, before: &State) -> Vec<Held> {
        let canonical = &mut self.canonical;
        let nodes = before.nodes.iter().zip(self.world.slots());
        let held = nodes.map(
            |(held, slot)| {
                if Arc::ptr_eq(&held.slot, slot) { held.clone() } else { Held::new(slot, canonical) }
            },
        );
        held.collect()
    }
}

fn deviates(answers: &[u32]) -> u16 {
    answers.iter().filter(|answer| **answer != 0).count() as u16
}

/// What can happen in a state, and what is left of the budget then.
fn acts(state: &State) -> Vec<(Act, Budget)> {
    let mut acts = Vec::with_capacity(16);
    for place in 0..state.flights.len() {
        packet_acts(state, place, &mut acts);
    }
    let left = state.left;
    for node in (0..state.nodes.len() as u16).map(crate::node_id::NodeId) {
        let slot = state.nodes.get(node.index()).map(|held| &held.slot);
        if state.is_up(node) {
            acts.extend(spend(left.crashes, 1).map(|crashes| (Act::Crash(node), Budget { crashes, ..left })));
        } else if slot.is_some_and(|slot| slot.wake_at.is_none()) {
            acts.extend(spend(left.restarts, 1).map(|restarts| (Act::Restart(node), Budget { restarts, ..left })));
        }
    }
    if state.next_time().is_some() {
        acts.extend(spend(left.time_steps, 1).map(|time_steps| (Act::Pass, Budget { time_steps, ..left })));
    }
    acts
}

fn packet_acts(state: &State, place: usize, acts: &mut Vec<(Act, Budget)>) {
    let (Some(parked), Some(earlier)) = (state.flights.get(place), state.flights.get(..place)) else { return };
    let (left, at) = (state.left, place as u16);
    if parked.is_segment() {
        if !state.is_held_up(parked) && !earlier.iter().any(|other| parked.follows(other)) {
            acts.push((Act::Deliver(at), left));
        }
        return;
    }
    if earlier.iter().any(|other| parked.is_like(other)) {
        return;
    }
    acts.extend(spend(left.drops, 1).map(|drops| (Act::Drop(at), Budget { drops, ..left })));
    let overtakes = u16::from(earlier.iter().any(|other| parked.is_beside(other)));
    let Some(reorderings) = spend(left.reorderings, overtakes) else { return };
    let left = Budget { reorderings, ..left };
    acts.push((Act::Deliver(at), left));
    acts.extend(spend(left.duplicates, 1).map(|duplicates| (Act::Duplicate(at), Budget { duplicates, ..left })));
}

fn describe(state: &State, act: Act) -> Option<Action> {
    let flight = |place: u16| state.flights.get(usize::from(place)).map(|parked| parked.flight.clone());
    Some(match act {
        Act::Deliver(place) => {
            let flight = flight(place)?;
            Action::Deliver { from: flight.from, to: flight.to, packet: flight.packet }
        }
        Act::Drop(place) => {
            let flight = flight(place)?;
            Action::Drop { from: flight.from, to: flight.to, packet: flight.packet }
        }
        Act::Duplicate(place) => {
            let flight = flight(place)?;
            Action::Duplicate { from: flight.from, to: flight.to, packet: flight.packet }
        }
        Act::Crash(node) => Action::Crash { node },
        Act::Restart(node) => Action::Restart { node },
        Act::Pass => Action::Pass { time: state.next_time()?.saturating_since(state.now) },
    })
}
