//! Registering the current task, and waking those that wait.

use core::task::Poll;

use crate::cx::Cx;
use crate::error::Error;
use crate::mutant::Mutant;
use crate::platform::{Platform, Readiness};
use crate::socket::Phase;
use crate::timer::TimerSlot;
use crate::wait::{Condition, Node, NodeId, Nodes, Source, WAIT_NODES, WaitList};

impl<P: Platform> Cx<'_, P> {
    /// Registers the current task to be resumed when `source` becomes ready. `Ready` is the reason why that cannot be.
    ///
    /// A task that has used up its budget is not registered: it goes on in the next turn, whatever it waits for.
    #[inline]
    pub(crate) fn wait_for(&mut self, source: Source) -> Poll<Error> {
        let Some(task) = self.poll.task else { return Poll::Pending };
        if !self.poll.may_progress() {
            return self.stop_for_budget(task);
        }
        let Some(slot) = self.tasks.slots.get_mut(task) else { return Poll::Pending };
        for (place, node) in slot.nodes.iter_mut().enumerate() {
            if node.source() == source {
                // Who took something and waits again does so behind the others; who found nothing keeps its place.
                let id = NodeId::new(task, place);
                let goes_back = node.has_fired() && self.poll.has_progressed() && !node.is_alone(id);
                if !Mutant::WaitStaysFired.is_on() {
                    node.unfire();
                }
                self.poll.registered |= 1 << place;
                if goes_back {
                    self.move_back(id, source);
                }
                return Poll::Pending;
            }
        }
        self.register(task, source)
    }

    /// Moves a node to the end of its list.
    #[cold]
    fn move_back(&mut self, id: NodeId, source: Source) {
        let list = self.list(source);
        let list = self.tasks.unlink(list, id);
        let list = self.tasks.link(list, id, source);
        self.set_list(source, list);
    }

    /// Links a node into the list of `source`, where the task has none yet.
    #[inline(never)]
    fn register(&mut self, task: usize, source: Source) -> Poll<Error> {
        let list = self.list(source);
        if list.has_handler() {
            return Poll::Ready(Error::Busy);
        }
        let Some(place) = self.free_place(task) else {
            return Poll::Ready(self.too_many_waits(task));
        };
        let list = self.tasks.link(list, NodeId::new(task, place), source);
        self.set_list(source, list);
        self.poll.registered |= 1 << place;
        Poll::Pending
    }

    #[cold]
    pub(crate) fn too_many_waits(&mut self, task: usize) -> Error {
        self.state.counters.0.too_many_waits += 1;
        note!(warn, "task {} waits for more than {} things at once", task, WAIT_NODES);
        Error::TooManyWaits
    }

    /// A free node of the current task; one that holds what an earlier resume waited for gives way.
    pub(crate) fn free_place(&mut self, task: usize) -> Option<usize> {
        let slot = self.tasks.slots.get(task)?;
        if let Some(place) = slot.nodes.iter().position(Node::is_free) {
            return Some(place);
        }
        let unmet = |place: &usize| self.poll.registered >> place & 1 == 0;
        // One that has not fired is owed nothing, so it goes first.
        let place =
            (0..WAIT_NODES).filter(unmet).min_by_key(|place| slot.nodes.get(*place).is_some_and(Node::has_fired))?;
        self.release(task, place);
        Some(place)
    }

    #[cold]
    fn stop_for_budget(&mut self, task: usize) -> Poll<Error> {
        self.state.counters.0.budget_stops += 1;
        note!(trace, "task {} has used up its budget of this turn", task);
        if !Mutant::BudgetStopForgotten.is_on() {
            self.tasks.wake(task);
        }
        Poll::Pending
    }

    #[inline]
    fn list(&mut self, source: Source) -> WaitList {
        let list = match source.condition() {
            Some(Condition::Readable(index)) => self.sockets.slot_at(index).map(|slot| slot.waiters()),
            Some(Condition::Writable(index)) => self
                .sockets
                .slot_at(index)
                .map(|slot| if slot.waiters().has_handler() { WaitList::HANDLER } else { slot.value().writers }),
            Some(Condition::Expired(index)) => self.timers.slot_at(index).map(|slot| slot.waiters()),
            Some(Condition::Raised(index)) => self.sources.slot_at(index).map(|slot| slot.waiters()),
            Some(Condition::Room) => Some(self.state.room),
            #[cfg(feature = "dns")]
            Some(Condition::LookupRoom) => Some(self.names.shared.waiters),
            #[cfg(not(feature = "dns"))]
            Some(Condition::LookupRoom) => None,
            Some(Condition::Shared(..)) => Some(self.state.shared),
            None => None,
        };
        list.unwrap_or(WaitList::EMPTY)
    }

    #[inline]
    fn set_list(&mut self, source: Source, list: WaitList) {
        match source.condition() {
            Some(Condition::Readable(index)) => {
                if let Some(slot) = self.sockets.slot_at(index) {
                    slot.set_waiters(list);
                }
            }
            Some(Condition::Writable(index)) => {
                if let Some(slot) = self.sockets.slot_at(index) {
                    slot.value_mut().writers = list;
                }
            }
            Some(Condition::Expired(index)) => {
                if let Some(slot) = self.timers.slot_at(index) {
                    slot.set_waiters(list);
                }
            }
            Some(Condition::Raised(index)) => {
                if let Some(slot) = self.sources.slot_at(index) {
                    slot.set_waiters(list);
                }
            }
            Some(Condition::Room) => self.state.room = list,
            #[cfg(feature = "dns")]
            Some(Condition::LookupRoom) => self.names.shared.waiters = list,
            #[cfg(not(feature = "dns"))]
            Some(Condition::LookupRoom) => {}
            Some(Condition::Shared(..)) => self.state.shared = list,
            None => {}
        }
    }

    /// Wakes the task that has waited longest for `source`.
    #[inline]
    pub(crate) fn wake_first(&mut self, source: Source) {
        let list = self.list(source);
        let Some(first) = self.tasks.first_waiting(list) else { return };
        self.fire(first);
    }

    /// Wakes the task of a node that waits, and counts that.
    pub(crate) fn fire(&mut self, id: NodeId) {
        self.tasks.fire(id);
        self.state.counters.0.wakes += 1;
    }

    /// Wakes all tasks that wait for `source`, which is about to go away.
    pub(crate) fn dismiss(&mut self, source: Source) {
        let mut list = self.list(source);
        while let Some(id) = list.first() {
            let is_stale = self.is_stale(id);
            let had_fired = self.tasks.node(id).is_some_and(|node| node.has_fired());
            list = self.tasks.unlink(list, id);
            if is_stale {
                continue;
            }
            if self.poll.task == Some(id.task()) {
                self.poll.registered &= !(1 << id.place());
            } else {
                self.tasks.set(id, Node::GONE);
            }
            if !had_fired {
                self.tasks.wake(id.task());
                self.state.counters.0.wakes += 1;
            }
        }
        self.set_list(source, list);
    }

    /// Whether a node holds what the current task waited for before it was resumed, and has not met again.
    fn is_stale(&self, id: NodeId) -> bool {
        self.poll.task == Some(id.task()) && self.poll.registered >> id.place() & 1 == 0
    }

    /// Frees what the current task waited for at `source` before it was resumed. What that had been woken for is no longer
    /// its business.
    pub(crate) fn forget_stale(&mut self, source: Source) {
        let Some(task) = self.poll.task else { return };
        for place in 0..WAIT_NODES {
            let id = NodeId::new(task, place);
            if self.is_stale(id) && self.tasks.node(id).is_some_and(|node| node.source() == source) {
                self.free(id, source);
            }
        }
    }

    /// Whether the current task was woken for `source`, and has not waited for it again.
    pub(crate) fn was_woken_by(&self, source: Source) -> bool {
        let slot = self.poll.task.and_then(|task| self.tasks.slots.get(task));
        slot.is_some_and(|slot| slot.nodes.iter().any(|node| node.has_fired() && node.source() == source))
    }

    /// Whether another task waits for `source`.
    pub(crate) fn has_other_waiters(&mut self, source: Source) -> bool {
        let Some(first) = self.list(source).first() else { return false };
        Some(first.task()) != self.poll.task || self.tasks.node(first).is_some_and(|node| !node.is_alone(first))
    }

    /// Whether another task was woken for `source` and is still to be resumed.
    pub(crate) fn is_promised_to_another(&mut self, source: Source) -> bool {
        let Some(first) = self.list(source).first() else { return false };
        Some(first.task()) != self.poll.task && self.tasks.node(first).is_some_and(|node| node.has_fired())
    }

    /// Whether a task that is woken for `source` now would find something.
    pub(crate) fn is_ready(&mut self, source: Source) -> bool {
        match source.condition() {
            Some(Condition::Readable(index)) => {
                self.sockets.slot_at(index).is_some_and(|slot| slot.value().ready.has(Readiness::READ))
            }
            Some(Condition::Writable(index)) => {
                self.sockets.slot_at(index).is_some_and(|slot| slot.value().ready.has(Readiness::WRITE))
            }
            Some(Condition::Expired(index)) => {
                self.timers.slot_at(index).is_some_and(|slot| TimerSlot::is_expired(slot.value()))
            }
            Some(Condition::Raised(index)) => self.is_raised(index),
            Some(Condition::Room) => !self.sockets.is_full() && !self.state.accept_paused(),
            #[cfg(feature = "dns")]
            Some(Condition::LookupRoom) => self.has_lookup_room(),
            #[cfg(not(feature = "dns"))]
            Some(Condition::LookupRoom) => false,
            // Only the primitive can tell.
            Some(Condition::Shared(..)) | None => false,
        }
    }

    /// Takes `id` out of the list of `source`.
    fn free(&mut self, id: NodeId, source: Source) {
        let list = self.list(source);
        let list = self.tasks.unlink(list, id);
        self.set_list(source, list);
    }

    /// Frees one wait node of a task. If the task had been woken for it, and there is still something, the next is woken.
    #[inline(never)]
    fn release(&mut self, task: usize, place: usize) {
        let id = NodeId::new(task, place);
        let Some(node) = self.tasks.node(id).copied() else { return };
        if node.is_free() {
            return;
        }
        self.free(id, node.source());
        if node.has_fired() && !Mutant::WakeDiesWithWaiter.is_on() {
            self.pass_on(node.source());
        }
    }

    /// Frees the nodes of what the current task does not wait for any more: its resume ends.
    pub(crate) fn settle_waits(&mut self, task: usize) {
        let mut unmet = self.tasks.slots.get(task).map_or(0, |slot| slot.unmet(self.poll.registered));
        while unmet != 0 {
            self.release(task, unmet.trailing_zeros() as usize);
            unmet &= unmet - 1;
        }
    }

    /// Frees all wait nodes of a task that is not resumed any more.
    pub(crate) fn forget_waits(&mut self, task: usize) {
        for place in 0..WAIT_NODES {
            self.release(task, place);
        }
    }

    /// Wakes the next waiter if `source` is still ready.
    pub(crate) fn pass_on(&mut self, source: Source) {
        if source.is_shared() {
            return self.pass_shared_on(source);
        }
        if self.list(source).first().is_some() && self.is_ready(source) {
            self.wake_first(source);
        }
    }

    /// The current task has had its turn: who waits behind it is next, and if it waits again, it does so behind all others.
    pub(crate) fn step_back(&mut self, source: Source) {
        self.forget_stale(source);
        if !Mutant::AcceptBatonDropped.is_on() {
            self.pass_on(source);
        }
    }

    /// A socket slot or a descriptor has become free, or accepting may be tried again.
    pub(crate) fn make_room(&mut self) {
        self.state.accept_again = None;
        if !Mutant::RoomNotAnnounced.is_on() {
            self.wake_first(Source::ROOM);
        }
        if core::mem::take(&mut self.state.starved_handlers) {
            self.requeue_listeners();
        }
    }

    /// Puts all listeners back in the queue whose handlers had to wait for room.
    fn requeue_listeners(&mut self) {
        for index in 0..self.sockets.capacity() {
            let listening = self
                .sockets
                .slot_at(index)
                .is_some_and(|slot| slot.waiters().has_handler() && slot.value().phase == Phase::Listening);
            if listening {
                self.queue_news(index);
            }
        }
    }
}
