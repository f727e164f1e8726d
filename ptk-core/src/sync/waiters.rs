//! Who waits for a primitive: the loop's side.
//!
//! A primitive has some of what is wanted of it: permits, messages, room. It lies with the author, so the loop cannot
//! look: each operation tells how much there is. Some of that is promised to tasks that were woken and have not been
//! resumed, which are counted in the ready queue each time; a count that is kept could be wrong after a cancel.
//!
//! What holds after each operation: if there is something and somebody waits, somebody was woken. Who was woken takes its
//! own, whatever is promised to others, and wakes the next if more is there; or does not look, and then the next is woken
//! in its place. So who comes new may take what is there if nothing is promised to anybody, and overtakes nobody.

use core::task::Poll;

use crate::cx::Cx;
use crate::error::Error;
use crate::inspect::Shared;
use crate::mutant::Mutant;
use crate::platform::Platform;
use crate::wait::{NodeId, Nodes, Source};

/// So much is available that it is there for all: the end of a channel, a change.
pub(super) const FOR_ALL: usize = usize::MAX;

/// The ids of primitives have 26 bits.
const IDS: u32 = 1 << 26;

/// The number by which a loop knows a primitive; 0 until a task first has to wait for it.
#[derive(Clone, Copy, Hash, Debug)]
pub(super) struct Id(u32);

impl Id {
    pub(super) const NONE: Id = Id(0);

    const fn source(self, wanted: Shared) -> Source {
        if self.0 == 0 { Source::NONE } else { Source::shared(wanted, self.0) }
    }
}

impl<P: Platform> Cx<'_, P> {
    /// Takes one of `available`, or waits for it. The caller does the taking.
    pub(super) fn take(&mut self, id: &mut Id, wanted: Shared, available: usize) -> Poll<Result<(), Error>> {
        let free = self.poll_free(id, wanted, available);
        if free == Poll::Ready(Ok(())) {
            self.taken(*id, wanted);
        }
        free
    }

    /// Waits until one of `available` may be taken, which is to be told by [`taken`](Self::taken). Until then it stays
    /// promised, so that a panic in between loses nothing.
    pub(super) fn poll_free(&mut self, id: &mut Id, wanted: Shared, available: usize) -> Poll<Result<(), Error>> {
        let free = self.is_free(id.source(wanted), available);
        if free && self.poll.may_progress() {
            return Poll::Ready(Ok(()));
        }
        self.wait_for_shared(id, wanted, free).map(|error| Err(self.fail(error)))
    }

    /// The current task has taken what it waited for.
    pub(super) fn taken(&mut self, id: Id, wanted: Shared) {
        self.poll.progress();
        self.forget_stale(id.source(wanted));
    }

    /// Takes one of `available` if nobody else is before. The caller does the taking.
    pub(super) fn try_take(&mut self, id: Id, wanted: Shared, available: usize) -> Result<(), Error> {
        self.check_free(id, wanted, available)?;
        self.forget_stale(id.source(wanted));
        Ok(())
    }

    /// Whether one of `available` may be taken.
    pub(super) fn check_free(&self, id: Id, wanted: Shared, available: usize) -> Result<(), Error> {
        if self.is_free(id.source(wanted), available) { Ok(()) } else { Err(Error::WouldBlock) }
    }

    fn is_free(&self, source: Source, available: usize) -> bool {
        available == FOR_ALL || available > 0 && (self.was_woken_by(source) || self.promised(source) == 0)
    }

    fn promised(&self, source: Source) -> usize {
        self.tasks.promised(source)
    }

    /// Registers the current task. With `promise` it only gives way to the others: it is resumed in the next turn, and
    /// what it could have taken is promised to it until then.
    fn wait_for_shared(&mut self, id: &mut Id, wanted: Shared, promise: bool) -> Poll<Error> {
        let Some(task) = self.poll.task else { return Poll::Pending };
        let source = self.name(id).source(wanted);
        let place = match self.place_of(task, source) {
            Ok(place) => place,
            Err(error) => return Poll::Ready(error),
        };
        self.poll.registered |= 1 << place;
        let Some(node) = self.tasks.node(NodeId::new(task, place)) else { return Poll::Pending };
        if promise {
            node.fire();
            self.state.counters.0.budget_stops += 1;
            self.tasks.wake(task);
        } else {
            node.unfire();
        }
        Poll::Pending
    }

    /// Which node of `task` waits for `source`, from now on if none did.
    fn place_of(&mut self, task: usize, source: Source) -> Result<usize, Error> {
        let slot = self.tasks.slots.get(task);
        if let Some(place) = slot.and_then(|slot| slot.nodes.iter().position(|node| node.source() == source)) {
            return Ok(place);
        }
        let Some(place) = self.free_place(task) else { return Err(self.too_many_waits(task)) };
        self.state.shared = self.tasks.link(self.state.shared, NodeId::new(task, place), source);
        Ok(place)
    }

    fn name(&mut self, id: &mut Id) -> Id {
        if id.0 == 0 {
            self.state.shared_ids = self.state.shared_ids % (IDS - 1) + 1;
            *id = Id(self.state.shared_ids);
        }
        *id
    }

    /// There may be more of what is wanted than before: wakes who has waited longest, if something is there that is not
    /// promised.
    pub(super) fn offer(&mut self, id: Id, wanted: Shared, available: usize) {
        let source = id.source(wanted);
        if self.state.shared.first().is_some() && available > self.promised(source) {
            self.wake_shared(source);
        }
    }

    /// Wakes all that wait.
    pub(super) fn offer_all(&mut self, id: Id, wanted: Shared) {
        let (source, list) = (id.source(wanted), self.state.shared);
        let Some(first) = list.first() else { return };
        let mut id = first;
        loop {
            let Some(node) = self.tasks.node(id).copied() else { return };
            if !node.has_fired() && node.source() == source {
                self.fire(id);
                if Mutant::SignalWakesOne.is_on() {
                    return;
                }
            }
            id = node.next();
            if id == first {
                return;
            }
        }
    }

    fn wake_shared(&mut self, source: Source) -> bool {
        let list = self.state.shared;
        let first = self.tasks.find(list, |_, waits_for| waits_for == source);
        first.map(|first| self.fire(first)).is_some()
    }

    /// Wakes the next waiter in place of one that was woken and did not look: whether there is something, it will see.
    /// Where another was woken, that one wakes the next if there is more.
    pub(crate) fn pass_shared_on(&mut self, source: Source) {
        // All that waited for a change were woken, and one that came since has seen it.
        if source.wants() != Some(Shared::Change) && self.promised(source) == 0 {
            self.wake_shared(source);
        }
    }

    /// A task has ended that may have held a lock: the first waiter of each looks.
    #[cold]
    pub(crate) fn pass_locks_on(&mut self) {
        while let Some(source) = self.unpromised(|source| source.wants() == Some(Shared::Lock)) {
            self.wake_shared(source);
        }
    }

    /// A source among `wanted` that is waited for, and for which no task was woken.
    fn unpromised(&mut self, wanted: impl Fn(Source) -> bool) -> Option<Source> {
        let list = self.state.shared;
        let id = self.tasks.find(list, |tasks, source| wanted(source) && tasks.promised(source) == 0)?;
        self.tasks.node(id).map(|node| node.source())
    }
}
