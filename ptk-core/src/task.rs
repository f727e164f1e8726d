//! Tasks: slots with wait nodes, and the queue of those that are ready to run.
//!
//! ```text
//!             start                    first in the queue
//!   +------+ -------> +--------+ -------------------------> +---------+
//!   | idle |          | queued |                            | running |
//!   +------+          +--------+ <------------------------- +---------+
//!      ^                   ^        yield, or woken by itself   |   |
//!      |                   | what it waits for is ready         |   |
//!      |                   |                              pending   |
//!      |              +---------+                               |   |
//!      |              | waiting | <-----------------------------+   |
//!      |              +---------+                                   |
//!      |                   | cancelled                 returned, or |
//!      +-------------------+---------------------------- cancelled -+
//! ```

use core::hash::{Hash, Hasher};

use crate::deadlines::Positions;
use crate::handle::{Handle, Kind};
use crate::inspect::Unhashed;
use crate::mutant::Mutant;
use crate::ownership::Link;
use crate::time::Instant;
use crate::wait::{Node, NodeId, Nodes, Source, WAIT_NODES};

/// One task. Forty bytes with two wait nodes; zero bits are an idle task.
#[derive(Clone, Copy, Hash, Debug)]
pub(crate) struct TaskSlot {
    pub(crate) nodes: [Node; WAIT_NODES],
    /// When it began to wait, where the loop tracks that.
    pub(crate) since: Unhashed<Instant>,
    /// Hashed as the handle of the run.
    generation: Unhashed<u32>,
    /// The first of the handles that it owns.
    pub(crate) owned: Link,
    /// Its place among the deadlines.
    deadline_position: Unhashed<u16>,
    next_ready: u16,
    flags: u8,
    /// No handle that it owns lies deeper in its scopes than this.
    pub(crate) deepest_scope: u8,
}

const _: () = assert!(WAIT_NODES > 2 || size_of::<TaskSlot>() <= 40);

const LIVE: u8 = 1;
const QUEUED: u8 = 2;
const FRESH: u8 = 4;
const DOOMED: u8 = 8;
const LOCKED: u8 = 16;

impl TaskSlot {
    pub(crate) const IDLE: TaskSlot = TaskSlot {
        nodes: [Node::FREE; WAIT_NODES],
        since: Unhashed(Instant::ORIGIN),
        generation: Unhashed(0),
        owned: Link::NONE,
        deadline_position: Unhashed(0),
        next_ready: 0,
        flags: 0,
        deepest_scope: 0,
    };

    const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Whether it runs, is queued, or waits.
    #[inline]
    pub(crate) const fn is_live(&self) -> bool {
        self.has(LIVE)
    }

    /// Whether it will be polled.
    pub(crate) const fn is_queued(&self) -> bool {
        self.has(QUEUED)
    }

    /// Whether it was cancelled while it ran.
    #[inline]
    pub(crate) const fn is_doomed(&self) -> bool {
        self.has(DOOMED)
    }

    pub(crate) const fn doom(&mut self) {
        self.flags |= DOOMED;
    }

    /// Whether this run of it has locked a mutex.
    pub(crate) const fn has_locked(&self) -> bool {
        self.has(LOCKED)
    }

    pub(crate) const fn note_lock(&mut self) {
        self.flags |= LOCKED;
    }

    /// Whether its next poll is its first.
    #[inline]
    pub(crate) const fn take_fresh(&mut self) -> bool {
        let fresh = self.has(FRESH);
        self.flags &= !FRESH;
        fresh
    }

    /// Whether it has one among the deadlines.
    #[inline]
    pub(crate) const fn has_deadline(&self) -> bool {
        self.deadline_position.0 != 0
    }

    /// Which of its wait nodes are in use and not among `met`.
    #[inline]
    pub(crate) fn unmet(&self, met: u8) -> u8 {
        let in_use = |bits, (place, node): (usize, &Node)| bits | u8::from(!node.is_free()) << place;
        self.nodes.iter().enumerate().fold(0, in_use) & !met
    }

    /// The handle of this run of the task in slot `index`.
    pub(crate) fn handle(&self, index: usize, loop_id: u8) -> Handle {
        Handle::new(Kind::Task, loop_id, index as u32, self.generation.0)
    }

    /// Begins a run. `false` if the slot's generations are used up.
    pub(crate) const fn begin(&mut self) -> bool {
        if self.generation.0 == u32::MAX {
            return false;
        }
        self.flags = self.flags & QUEUED | LIVE | FRESH;
        true
    }

    /// Ends a run: its handle is stale from now on.
    pub(crate) const fn end(&mut self) {
        self.flags &= QUEUED;
        self.generation.0 += 1;
    }
}

/// The slots of all tasks.
#[derive(Clone, Debug)]
pub(crate) struct Tasks<S: ?Sized = [TaskSlot]> {
    pub(crate) ready: ReadyQueue,
    pub(crate) slots: S,
}

/// The runs that have not ended, each with its handle: what became of earlier runs is no part of the state.
impl<const N: usize> Hash for Tasks<[TaskSlot; N]> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.ready.hash(state);
        for (index, slot) in self.slots.iter().enumerate().filter(|(_, slot)| slot.is_live() || slot.is_queued()) {
            slot.handle(index, 0).hash(state);
            slot.hash(state);
        }
    }
}

/// The ready queue's ends, as indices plus 1, and its length.
#[derive(Clone, Copy, Hash, Debug)]
pub(crate) struct ReadyQueue {
    first: u16,
    last: u16,
    len: u16,
}

impl<const N: usize> Tasks<[TaskSlot; N]> {
    pub(crate) const fn new() -> Self {
        Tasks { ready: ReadyQueue { first: 0, last: 0, len: 0 }, slots: [TaskSlot::IDLE; N] }
    }
}

impl Tasks {
    #[inline]
    pub(crate) const fn ready_len(&self) -> usize {
        self.ready.len as usize
    }

    /// Puts a live task at the end of the ready queue, if it is not in it.
    #[inline]
    pub(crate) fn wake(&mut self, index: usize) {
        let Some(slot) = self.slots.get_mut(index) else { return };
        if slot.flags & (LIVE | QUEUED) != LIVE {
            return;
        }
        slot.flags |= QUEUED;
        slot.next_ready = 0;
        let name = index as u16 + 1;
        if Mutant::ReadyQueueLastFirst.is_on() && self.ready.len > 0 {
            slot.next_ready = core::mem::replace(&mut self.ready.first, name);
            self.ready.len += 1;
            return;
        }
        let last = core::mem::replace(&mut self.ready.last, name);
        match (last as usize).checked_sub(1).and_then(|last| self.slots.get_mut(last)) {
            Some(last) => last.next_ready = name,
            None => self.ready.first = name,
        }
        self.ready.len += 1;
    }

    /// How many tasks were woken for `source` and are still to be resumed: all of them are in the ready queue. Costs a
    /// step for each task in it.
    pub(crate) fn promised(&self, source: Source) -> usize {
        let mut count = 0;
        let mut name = self.ready.first;
        while let Some(slot) = usize::from(name).checked_sub(1).and_then(|index| self.slots.get(index)) {
            count += usize::from(slot.nodes.iter().any(|node| node.has_fired() && node.source() == source));
            name = slot.next_ready;
        }
        count
    }

    /// Wakes the task of a node that waits.
    #[inline]
    pub(crate) fn fire(&mut self, id: NodeId) {
        if let Some(node) = self.node(id) {
            node.fire();
            self.wake(id.task());
        }
    }

    /// Takes the first task out of the ready queue.
    #[inline]
    pub(crate) fn next_ready(&mut self) -> Option<usize> {
        let index = (self.ready.first as usize).checked_sub(1)?;
        let slot = self.slots.get_mut(index)?;
        slot.flags &= !QUEUED;
        // Nothing is left of its having been queued, or equal states would not hash alike.
        self.ready.first = core::mem::take(&mut slot.next_ready);
        if self.ready.first == 0 {
            self.ready.last = 0;
        }
        self.ready.len -= 1;
        Some(index)
    }
}

impl Nodes for Tasks {
    #[inline]
    fn node(&mut self, id: NodeId) -> Option<&mut Node> {
        self.slots.get_mut(id.task())?.nodes.get_mut(id.place())
    }
}

impl Positions for Tasks {
    fn position(&self, index: usize) -> u32 {
        self.slots.get(index).map_or(0, |slot| u32::from(slot.deadline_position.0))
    }

    fn set_position(&mut self, index: usize, position: u32) {
        if let Some(slot) = self.slots.get_mut(index) {
            slot.deadline_position.0 = position as u16;
        }
    }
}
