//! Registering the current task, and waking those that wait.

use core::task::Poll;

use crate::cx::Cx;
use crate::error::Error;
use crate::platform::{Platform, Readiness};
use crate::socket::Phase;
use crate::timer::TimerSlot;
use crate::wait::{Condition, Node, NodeId, Nodes, Place, Source, WAIT_NODES, WaitList};

impl<P: Platform> Cx<'_, P> {
    /// Registers the current task to be resumed when `source` becomes ready. `Ready` is the reason why that cannot be.
    ///
    /// A task that has used up its budget is not registered: it goes on in the next turn, whatever it waits for.
    #[inline]
    pub(crate) fn wait_for(&mut self, source: Source, place: Place) -> Poll<Error> {
        let Some(task) = self.poll.task else { return Poll::Pending };
        if !self.poll.may_progress() {
            return self.stop_for_budget(task);
        }
        let list = self.list(source);
        if list.has_handler() {
            return Poll::Ready(Error::Busy);
        }
        match self.free_node(task, source) {
            Ok(Some(id)) => {
                self.poll.registered += 1;
                if place == Place::Back || !self.keep_place(id, source) {
                    let list = self.tasks.link(list, id, source, place);
                    self.set_list(source, list);
                }
                Poll::Pending
            }
            Ok(None) => Poll::Pending,
            Err(error) => Poll::Ready(error),
        }
    }

    /// Links `id` behind the one that was put back at the front in the same turn, if that waits for the same: it had
    /// been before it. A listener wakes its waiters one at a time, but for room several are woken in one turn.
    fn keep_place(&mut self, id: NodeId, source: Source) -> bool {
        let before = core::mem::replace(&mut self.state.put_back, id);
        self.tasks.link_behind(before, id, source)
    }

    #[cold]
    fn stop_for_budget(&mut self, task: usize) -> Poll<Error> {
        self.state.counters.0.budget_stops += 1;
        self.tasks.wake(task);
        Poll::Pending
    }

    /// A free node of `task`; none if it waits for `source` already.
    #[inline]
    fn free_node(&mut self, task: usize, source: Source) -> Result<Option<NodeId>, Error> {
        let Some(slot) = self.tasks.slots.get(task) else { return Ok(None) };
        let mut free = None;
        for (place, node) in slot.nodes.iter().enumerate().rev() {
            if node.source == source {
                return Ok(None);
            }
            if node.is_free() {
                free = Some(NodeId::new(task, place));
            }
        }
        if free.is_none() {
            self.state.counters.0.too_many_waits += 1;
            return Err(Error::TooManyWaits);
        }
        Ok(free)
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
            None => {}
        }
    }

    /// Wakes the task that has waited longest for `source`; whether there was one.
    #[inline]
    pub(crate) fn wake_first(&mut self, source: Source) -> bool {
        let list = self.list(source);
        let Some(first) = list.first() else { return false };
        let list = self.tasks.unlink(list, first);
        self.set_list(source, list);
        self.set_promised(source, true);
        self.tasks.wake(first.task());
        self.state.counters.0.wakes += 1;
        true
    }

    /// Wakes all tasks that wait for `source`, which is about to go away.
    pub(crate) fn wake_all(&mut self, source: Source) {
        while self.wake_first(source) {}
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
            None => false,
        }
    }

    /// Frees all wait nodes of a task; gives back what it had been woken for.
    #[inline]
    pub(crate) fn take_waits(&mut self, task: usize) -> [Source; WAIT_NODES] {
        core::array::from_fn(|place| self.take_wait(task, place))
    }

    /// Frees one wait node of a task; gives back what the task had been woken for by it.
    #[inline]
    fn take_wait(&mut self, task: usize, place: usize) -> Source {
        let Some(node) = self.tasks.slots.get(task).and_then(|slot| slot.nodes.get(place)).copied() else {
            return Source::NONE;
        };
        if node.is_free() {
            return Source::NONE;
        }
        let id = NodeId::new(task, place);
        if node.is_linked() {
            let list = self.list(node.source);
            let list = self.tasks.unlink(list, id);
            self.set_list(node.source, list);
        }
        self.tasks.set(id, Node::FREE);
        if node.is_linked() { Source::NONE } else { node.source }
    }

    /// Frees the current task's wait nodes but the first `count`. They are in use in the order in which the waits were
    /// evaluated, so these belong to the wait that has just ended, and to those inside it.
    #[cold]
    pub(crate) fn forget_latest_waits(&mut self, count: u8) {
        let Some(task) = self.poll.task else { return };
        for place in usize::from(count)..WAIT_NODES {
            let source = self.take_wait(task, place);
            self.pass_on(source);
        }
        self.poll.registered = count;
    }

    /// Frees all wait nodes of a task that is not resumed any more. Who waits behind it for what it was woken for is
    /// woken in its place.
    pub(crate) fn forget_waits(&mut self, task: usize) {
        for source in self.take_waits(task) {
            self.pass_on(source);
        }
    }

    /// Notes whether a waiter was woken for `source` and is still to be resumed.
    #[inline]
    fn set_promised(&mut self, source: Source, promised: bool) {
        if let Some(Condition::Readable(index)) = source.condition()
            && let Some(slot) = self.sockets.slot_at(index)
        {
            slot.value_mut().set_promised(promised);
        }
    }

    /// Wakes the next waiter if `source` is still ready, behind the one that was woken for it.
    #[inline]
    pub(crate) fn pass_on(&mut self, source: Source) {
        self.set_promised(source, false);
        if !source.is_none() && self.is_ready(source) {
            self.wake_first(source);
        }
    }

    /// Wakes a waiter of each source that is ready.
    #[cold]
    pub(crate) fn pass_everything_on(&mut self) {
        for socket in 0..self.sockets.capacity() {
            self.pass_on(Source::readable(socket));
            self.pass_on(Source::writable(socket));
        }
        for timer in 0..self.timers.capacity() {
            self.pass_on(Source::expired(timer));
        }
        for source in 0..self.sources.capacity() {
            self.pass_on(Source::raised(source));
        }
        self.pass_on(Source::ROOM);
    }

    /// A socket slot or a descriptor has become free, or accepting may be tried again.
    pub(crate) fn make_room(&mut self) {
        self.state.accept_again = None;
        self.wake_first(Source::ROOM);
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
