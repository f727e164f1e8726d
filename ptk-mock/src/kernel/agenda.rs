//! What the kernel is going to do by itself, and when.

use std::collections::VecDeque;

use ptk_core::Instant;

use super::StreamId;

/// Something that the kernel does later, without a call.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Action {
    /// Asks a listener that had no room once more.
    RepeatConnect(StreamId),
    /// Forgets an end that nobody holds, and whose peer never ends.
    Forget(StreamId),
    /// Asks whether the other end is still there.
    Probe(StreamId),
}

/// The actions to come: earliest first, and those of one instant in the order in which they were planned.
#[derive(Clone, Hash, Debug)]
pub(crate) struct Agenda(VecDeque<(Instant, Action)>);

impl Agenda {
    /// Nothing to do.
    pub(crate) const fn new() -> Agenda {
        Agenda(VecDeque::new())
    }

    /// Plans an action.
    pub(crate) fn plan(&mut self, at: Instant, action: Action) {
        let place = self.0.partition_point(|&(planned, _)| planned <= at);
        self.0.insert(place, (at, action));
    }

    /// Plans an action that is not planned yet.
    pub(crate) fn plan_once(&mut self, at: Instant, action: Action) {
        if self.0.iter().all(|&(_, planned)| planned != action) {
            self.plan(at, action);
        }
    }

    /// Strikes an action out.
    pub(crate) fn cancel(&mut self, action: Action) {
        self.0.retain(|&(_, planned)| planned != action);
    }

    /// When the next action is due.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.0.front().map(|&(at, _)| at)
    }

    /// Takes the next action if it is due at `now`.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<Action> {
        self.next_due().filter(|at| *at <= now)?;
        self.0.pop_front().map(|(_, action)| action)
    }
}
