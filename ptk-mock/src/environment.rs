//! What all nodes of a world share: time, and what decides.

use ptk_core::Instant;

use crate::chooser::Chooser;
use crate::clock::Clock;
use crate::label::Label;
use crate::node_id::NodeId;
use crate::trace::TraceLog;

/// A world lends it to the node that runs; a mock that is no node has one of its own.
#[derive(Clone, Debug)]
pub(crate) struct Environment {
    pub(crate) clock: Clock,
    pub(crate) chooser: Chooser,
    pub(crate) trace: TraceLog,
}

impl Environment {
    /// A benign one, at the origin of time, that is not traced.
    pub(crate) fn benign() -> Environment {
        Environment { clock: Clock::new(), chooser: Chooser::benign(), trace: TraceLog::off() }
    }

    /// That of a mock that is no node.
    #[cold]
    pub(crate) fn own() -> Box<Environment> {
        Box::new(Environment::benign())
    }

    /// The time now.
    #[inline]
    pub(crate) const fn now(&self) -> Instant {
        self.clock.now()
    }

    /// What happens, of `n` possibilities: 0 is benign.
    #[inline]
    pub(crate) fn choose(&mut self, label: Label, node: NodeId, n: u32) -> u32 {
        let rate = self.chooser.rate_of(label);
        if rate == 0 { 0 } else { self.choose_at(label, node, n, rate) }
    }

    /// As `choose`, with a rate in parts per million.
    #[inline(never)]
    pub(crate) fn choose_at(&mut self, label: Label, node: NodeId, n: u32, ppm: u32) -> u32 {
        self.traced(|chooser| chooser.choose_at(label, node, n, ppm))
    }

    /// Which of the nodes that have something to do runs next.
    #[inline]
    pub(crate) fn choose_node(&mut self, candidates: &[NodeId]) -> usize {
        if candidates.len() <= 1 {
            return 0;
        }
        self.traced(|chooser| chooser.choose_node(candidates))
    }

    fn traced<T>(&mut self, ask: impl FnOnce(&mut Chooser) -> T) -> T {
        let before = self.chooser.tape_len();
        let answer = ask(&mut self.chooser);
        for choice in self.chooser.tape_since(before) {
            self.trace.chosen(self.clock.now(), *choice);
        }
        answer
    }
}
