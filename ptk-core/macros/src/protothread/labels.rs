//! The places that lowered code jumps to, and what each turns out to be.

use proc_macro2::{Literal, Span, TokenStream};

use super::names::BlockId;

/// A number for each place, the same in both runs.
pub(super) type LabelId = usize;

/// A place that lowered code jumps to.
#[derive(Default)]
pub(super) struct Label {
    /// Where the wait is, if this is the place behind a wait's first evaluation.
    pub(super) wait: Option<Span>,
    /// The blocks with a jump to here.
    pub(super) sources: Vec<BlockId>,
    /// Values arrive here, from other blocks.
    pub(super) carries: bool,
}

/// One arm of the `match` over the states.
pub(super) struct Block {
    /// What begins the block.
    pub(super) label: LabelId,
    /// Its code, which always ends by going elsewhere.
    pub(super) code: TokenStream,
}

/// What a jump to a label is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// A `break` out of a labelled block.
    InPlace,
    /// A change of state.
    State(usize),
}

/// What the first run found out about each label.
pub(super) struct Plan(Vec<Target>);

impl Plan {
    /// Numbers the states: the start is 0, then the waits in the order of the source, then all other blocks.
    pub(super) fn new(labels: &[Label], blocks: &[Block]) -> Self {
        let mut targets = vec![Target::InPlace; labels.len()];
        let waits = |block: &&Block| labels.get(block.label).is_some_and(|label| label.wait.is_some());
        let (start, rest) = blocks.split_at(blocks.len().min(1));
        let ordered = start.iter().chain(rest.iter().filter(waits)).chain(rest.iter().filter(|block| !waits(block)));
        for (state, block) in ordered.enumerate() {
            if let Some(target) = targets.get_mut(block.label) {
                *target = Target::State(state);
            }
        }
        Plan(targets)
    }

    /// What a jump to `label` is.
    pub(super) fn target(&self, label: LabelId) -> Target {
        self.0.get(label).copied().unwrap_or(Target::InPlace)
    }

    /// The number of the state that `label` is, as code.
    pub(super) fn state(&self, label: LabelId) -> Option<Literal> {
        match self.target(label) {
            Target::State(state) => Some(Literal::usize_unsuffixed(state)),
            Target::InPlace => None,
        }
    }
}
