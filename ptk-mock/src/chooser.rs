//! The one place where it is decided what happens.

use std::sync::Arc;

use crate::faults::Faults;
use crate::label::Label;
use crate::mutant::Mutant;
use crate::node_id::NodeId;
use crate::random::mix;
use crate::tape::{Choice, Tape};

/// Who answers.
#[derive(Clone, Debug)]
pub(crate) enum Decider {
    /// Each answer follows from the seed, what is asked, for which node, and how often it was asked before. So one more
    /// question changes no other answer.
    Seeded(u64),
    /// The answers of an earlier run, sorted; what is not among them is benign.
    Tape(Arc<[Choice]>),
    /// The answers one after the other, benign when they have run out; what was asked is written down.
    Script {
        /// The answers.
        answers: Arc<[u32]>,
        /// How many answers there would have been, for each question so far.
        asked: Vec<u32>,
    },
}

/// Priorities instead of chance for the order in which nodes run (Burckhardt and others, "A randomized scheduler with
/// probabilistic guarantees of finding bugs", 2010).
#[derive(Clone, Debug)]
pub(crate) struct Priorities {
    /// One for each node: the highest runs.
    of_nodes: Vec<u64>,
    /// The steps at which who runs falls behind all others.
    changes: Vec<u64>,
    step: u64,
}

impl Priorities {
    /// Priorities from a seed for so many nodes, with changes at `depth` - 1 of `steps` steps.
    pub(crate) fn new(seed: u64, nodes: usize, depth: usize, steps: u64) -> Priorities {
        let draw = |n: u64| mix(seed ^ mix(n ^ 0x9c7));
        let mut changes: Vec<u64> = (1..depth as u64).map(|n| draw(n << 32) % steps.max(1)).collect();
        changes.sort_unstable();
        Priorities { of_nodes: (0..nodes as u64).map(|node| draw(node) | 1 << 63).collect(), changes, step: 0 }
    }

    fn pick(&mut self, candidates: &[NodeId]) -> usize {
        let priority = |node: &NodeId| self.of_nodes.get(node.index()).copied().unwrap_or(0);
        let best = (0..candidates.len()).max_by_key(|index| priority(&candidates[*index])).unwrap_or(0);
        let passed = self.changes.partition_point(|at| *at < self.step);
        if self.changes.get(passed) == Some(&self.step)
            && let Some(chosen) = candidates.get(best).and_then(|node| self.of_nodes.get_mut(node.index()))
        {
            *chosen = (self.changes.len() - passed) as u64;
        }
        self.step += 1;
        best
    }
}

/// Answers all questions, and writes down the answers that are not benign.
#[derive(Clone, Debug)]
pub(crate) struct Chooser {
    decider: Decider,
    faults: Faults,
    priorities: Option<Priorities>,
    /// How often each label was asked for each node.
    counts: Vec<[u32; Label::COUNT]>,
    tape: Vec<Choice>,
}

impl Chooser {
    /// Nothing but benign answers.
    pub(crate) fn benign() -> Chooser {
        Chooser::new(Decider::Tape(Arc::new([])), Faults::NONE, 1)
    }

    /// Answers for so many nodes.
    pub(crate) fn new(decider: Decider, faults: Faults, nodes: usize) -> Chooser {
        Chooser { decider, faults, priorities: None, counts: vec![[0; Label::COUNT]; nodes], tape: Vec::new() }
    }

    /// With priorities in place of chance.
    pub(crate) fn with_priorities(self, priorities: Priorities) -> Chooser {
        // The rate is that of the questions that count, so that a tape counts the same ones.
        let faults = self.faults.rate(Label::Schedule, 1);
        let is_tape = matches!(self.decider, Decider::Tape(_));
        Chooser { priorities: (!is_tape).then_some(priorities), faults, ..self }
    }

    /// The answers so far that were not benign.
    pub(crate) fn tape(&self) -> Tape {
        Tape(self.tape.clone())
    }

    /// How many answers so far were not benign.
    pub(crate) fn tape_len(&self) -> usize {
        self.tape.len()
    }

    /// The last answers that were not benign.
    pub(crate) fn tape_since(&self, len: usize) -> &[Choice] {
        self.tape.get(len..).unwrap_or(&[])
    }

    /// What was asked for, where answers came from a script: how many answers there would have been.
    pub(crate) fn asked(&self) -> &[u32] {
        match &self.decider {
            Decider::Script { asked, .. } => asked,
            _ => &[],
        }
    }

    /// From now on all answers are benign, but for those of a link's own.
    pub(crate) fn heal(&mut self) {
        self.faults = Faults::NONE;
        self.priorities = None;
    }

    /// How often the answer to `label` is not benign.
    #[inline]
    pub(crate) fn rate_of(&self, label: Label) -> u32 {
        self.faults.rate_of(label)
    }

    /// What happens, of `n` possibilities: 0 is benign.
    #[inline]
    pub(crate) fn choose(&mut self, label: Label, node: NodeId, n: u32) -> u32 {
        self.choose_at(label, node, n, self.faults.rate_of(label))
    }

    /// As `choose`, with a rate.
    #[inline]
    pub(crate) fn choose_at(&mut self, label: Label, node: NodeId, n: u32, ppm: u32) -> u32 {
        if n <= 1 || ppm == 0 { 0 } else { self.draw(label, node, n, ppm) }
    }

    /// Which of the nodes that have something to do runs next.
    #[inline]
    pub(crate) fn choose_node(&mut self, candidates: &[NodeId]) -> usize {
        let Some(priorities) = &mut self.priorities else {
            return self.choose(Label::Schedule, NodeId(0), candidates.len() as u32) as usize;
        };
        let k = priorities.pick(candidates);
        if let Some(nth) = self.count(Label::Schedule, NodeId(0)) {
            self.note(Choice { label: Label::Schedule, node: NodeId(0), nth, k: k as u32 });
        }
        k
    }

    fn draw(&mut self, label: Label, node: NodeId, n: u32, ppm: u32) -> u32 {
        let Some(nth) = self.count(label, node) else { return 0 };
        let k = match &mut self.decider {
            Decider::Seeded(seed) => seeded(*seed, label, node, nth, n, ppm),
            Decider::Tape(choices) => {
                let key = |choice: &Choice| (choice.label, choice.node, choice.nth);
                let place = choices.binary_search_by_key(&(label, node, nth), key);
                place.ok().and_then(|place| choices.get(place)).map_or(0, |choice| choice.k.min(n - 1))
            }
            // How long packets take is no fault.
            Decider::Script { .. } if label == Label::Latency => 0,
            Decider::Script { answers, asked } => {
                let k = answers.get(asked.len()).copied().unwrap_or(0).min(n - 1);
                asked.push(n);
                k
            }
        };
        self.note(Choice { label, node, nth, k });
        k
    }

    /// For the how-manieth time this is asked.
    fn count(&mut self, label: Label, node: NodeId) -> Option<u32> {
        let count = self.counts.get_mut(node.index())?.get_mut(label as usize)?;
        let nth = *count;
        *count = count.wrapping_add(1);
        Some(nth)
    }

    fn note(&mut self, choice: Choice) {
        let is_forgotten = choice.label == Label::ShortReceive && Mutant::TapeForgetsReads.is_on();
        if choice.k != 0 && !is_forgotten {
            self.tape.push(choice);
        }
    }
}

/// The answer that follows from the seed and the question.
fn seeded(seed: u64, label: Label, node: NodeId, nth: u32, n: u32, ppm: u32) -> u32 {
    let question = (label as u64) << 56 | u64::from(node.0) << 32 | u64::from(nth);
    let bits = mix(seed ^ mix(question.wrapping_add(0x9e37_79b9_7f4a_7c15)));
    let chance = ((bits & 0xffff_ffff) * 1_000_000) >> 32;
    if chance >= u64::from(ppm) {
        return 0;
    }
    1 + (((bits >> 32) * u64::from(n - 1)) >> 32) as u32
}
