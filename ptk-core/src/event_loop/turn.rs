//! One turn: wait, deliver, run.
//!
//! ```text
//!  wait            sockets become ready: their first waiter is queued, or their handler's news
//!  deadlines       timers and timed waits that are due, in order
//!  raised sources
//!  handlers        of sockets with news
//!  tasks           that were ready by now, each once
//! ```

use core::task::Poll;

use crate::cx::{Cx, News, Resume, queue_news};
use crate::deadlines::{Deadline, Entry, is_before};
use crate::error::Error;
use crate::event::Event;
use crate::handle::{Handle, Kind};
use crate::mutant::Mutant;
use crate::platform::{Platform, Readiness, Sink, Until};
use crate::socket::{Phase, SocketSlot, note_connect};
use crate::table::HandleTableView;
use crate::task::Tasks;
use crate::task_set::{Suspended, TaskSet};
use crate::time::{Duration, Instant};
use crate::wait::{Node, Nodes, Source, WaitList};

impl<P: Platform> Cx<'_, P> {
    pub(super) fn turn<S: TaskSet<P>>(&mut self, set: &mut S, may_sleep: bool) -> Result<bool, Error> {
        self.begin::<S>()?;
        if self.is_over() {
            return Ok(false);
        }
        self.state.counters.0.turns += 1;
        let alarm = self.wait(may_sleep)?;
        if alarm {
            self.expire_due(set);
        }
        if core::mem::take(&mut self.state.raised) {
            self.deliver_raised(set);
        }
        if self.state.news.len > 0 {
            self.deliver_news(set);
        }
        self.run_ready(set);
        Ok(!self.is_over())
    }

    fn begin<S: TaskSet<P>>(&mut self) -> Result<(), Error> {
        if !self.state.open {
            return Err(Error::NotOpen);
        }
        self.state.set_len = Some(S::LEN as u16);
        self.clear_up_after_panic();
        if !self.state.started {
            for index in 0..S::LEN {
                self.start(index)?;
            }
            self.state.started = true;
        }
        Ok(())
    }

    /// Ends the task, or goes on with the handler, that panicked in an earlier turn, if somebody caught that.
    fn clear_up_after_panic(&mut self) {
        if let Some(task) = self.state.running {
            note!(error, "task {} has panicked", task);
            self.end_task(usize::from(task));
        }
        if let Some(handle) = self.state.telling.take() {
            note!(error, "the handler of {} has panicked", handle);
            self.state.counters.0.failed_handlers += 1;
            // What else was to be told went with the turn.
            self.state.raised = true;
            if self.has_handler(handle) {
                self.tell_what_is_ready(handle);
            }
        }
    }

    fn is_over(&self) -> bool {
        self.state.stopping || (self.state.live_tasks == 0 && self.state.handlers == 0)
    }

    /// Whether a turn has something to do without waiting.
    pub(super) fn has_work(&self) -> bool {
        self.tasks.ready_len() > 0 || self.state.due || self.state.raised || self.state.news.len > 0
    }

    /// The earliest deadline of all.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let timer = self.timer_deadlines.first().map_or(Instant::MAX, |entry| entry.deadline().at);
        let task = self.task_deadlines.first().map_or(Instant::MAX, |entry| entry.deadline().at);
        let accept = self.state.accept_again.filter(|_| !Mutant::AcceptPauseEndless.is_on()).unwrap_or(Instant::MAX);
        let first = timer.min(task).min(accept);
        (first != Instant::MAX).then_some(first)
    }

    /// Waits for events. Whether a deadline may have come.
    fn wait(&mut self, may_sleep: bool) -> Result<bool, Error> {
        let next = self.next_deadline();
        let until = match next {
            _ if self.has_work() || !may_sleep => Until::Now,
            Some(deadline) => Until::Deadline(deadline),
            None => Until::Event,
        };
        let alarm = self.collect(until)?;
        self.state.due = false;
        // Who does not wait for the alarm has to look at the clock.
        Ok(alarm || (until == Until::Now && next.is_some()))
    }

    /// Waits for the platform's reports, and queues whom they wake. Whether the alarm was among them.
    pub(crate) fn collect(&mut self, until: Until) -> Result<bool, Error> {
        let mut collector = Collector {
            sockets: self.sockets,
            tasks: self.tasks,
            news_links: self.news_links,
            news: &mut self.state.news,
            wakes: 0,
            alarm: false,
            raised: false,
        };
        let waited = self.platform.wait(until, &mut collector);
        let Collector { wakes, alarm, raised, .. } = collector;
        self.state.counters.0.wakes += wakes;
        self.state.raised |= raised;
        if let Err(error) = waited {
            note!(error, "loop {} cannot wait: {}", self.state.loop_id, error);
        }
        waited.map(|()| alarm)
    }

    /// Expires what is due, in the order of the deadlines. What is armed meanwhile waits for the next turn.
    fn expire_due<S: TaskSet<P>>(&mut self, set: &mut S) {
        let now = self.platform.now();
        let at = match () {
            () if Mutant::DueTooEarly.is_on() => now + Duration::from_millis(1),
            () if Mutant::DueTooLate.is_on() => Instant::from_nanos(now.as_nanos().saturating_sub(1)),
            () => now,
        };
        let limit = Deadline { at, order: self.state.order() };
        while let Some(due) = self.first_due(limit) {
            match due {
                Due::Timer(index) => self.expire_timer(set, index),
                Due::Task(index) => {
                    self.task_deadlines.remove(index, self.tasks);
                    self.tasks.wake(index);
                    self.state.counters.0.wakes += 1;
                }
            }
        }
        if self.state.accept_again.is_some_and(|at| at <= now) {
            self.make_room();
        }
    }

    fn first_due(&self, limit: Deadline) -> Option<Due> {
        let timer = self.timer_deadlines.first().filter(|entry| is_before(entry.deadline(), limit));
        let task = self.task_deadlines.first().filter(|entry| is_before(entry.deadline(), limit));
        match (timer, task) {
            (Some(timer), Some(task)) if is_before(task.deadline(), timer.deadline()) => Some(Due::Task(task.index())),
            (Some(timer), _) => Some(Due::Timer(timer.index())),
            (None, task) => task.map(Entry::index).map(Due::Task),
        }
    }

    fn expire_timer<S: TaskSet<P>>(&mut self, set: &mut S, index: usize) {
        self.timer_deadlines.remove(index, self.timers);
        let Some(slot) = self.timers.slot_at(index) else { return };
        slot.value_mut().expire();
        if !slot.waiters().has_handler() {
            self.wake_first(Source::expired(index));
            return;
        }
        let count = self.take_expiry(index);
        if let Some(handle) = self.timers.handle_at(index) {
            self.tell(set, handle, Event::TimerExpired(count));
        }
    }

    fn deliver_raised<S: TaskSet<P>>(&mut self, set: &mut S) {
        for index in 0..self.sources.capacity() {
            let Some(handle) = self.sources.handle_at(index) else { continue };
            if !self.has_handler(handle) {
                if self.is_raised(index) {
                    self.wake_first(Source::raised(index));
                    if Mutant::FirstRaiseOnly.is_on() {
                        return;
                    }
                }
                continue;
            }
            if let Some(raised) = self.platform.take_raised(index) {
                self.tell(set, handle, Event::Raised(raised));
            }
        }
    }

    fn deliver_news<S: TaskSet<P>>(&mut self, set: &mut S) {
        for _ in 0..self.state.news.len {
            let Some(handle) = self.next_news().and_then(|index| self.sockets.handle_at(index)) else { continue };
            self.tell_news(set, handle);
            self.queue_what_is_left(handle);
        }
    }

    /// Tells the news of one socket: the end of its connect, then data, then the end, then room to send.
    fn tell_news<S: TaskSet<P>>(&mut self, set: &mut S, handle: Handle) {
        if !self.has_handler(handle) {
            return;
        }
        let Some(slot) = self.sockets.get_mut(handle) else { return };
        let mut news = core::mem::take(&mut slot.news);
        if slot.phase == Phase::Connecting {
            let connected = slot.finish_connect(self.platform);
            note_connect(handle, connected);
            match connected {
                Ok(()) => self.tell(set, handle, Event::Connected),
                Err(Error::WouldBlock) => return,
                Err(error) => return self.tell(set, handle, Event::Error(error)),
            }
            // Connected includes that it is writable.
            news = news.without(Readiness::WRITE);
        }
        let readable = |slot: &SocketSlot<P>| slot.ready.has(Readiness::READ) && !slot.has_ended();
        if self.sockets.get(handle).is_some_and(readable) {
            self.tell(set, handle, Event::Readable);
        }
        if news.has(Readiness::HANGUP) && handle.kind() != Kind::UdpSocket {
            self.tell(set, handle, Event::Disconnected);
        }
        if news.has(Readiness::WRITE) {
            self.tell(set, handle, Event::Writable);
        }
    }

    /// Reading and accepting are told again until nothing is left, or there is no room to accept.
    fn queue_what_is_left(&mut self, handle: Handle) {
        let has_room = !self.sockets.is_full() && !self.state.accept_paused();
        if !self.has_handler(handle) {
            return;
        }
        let Some(slot) = self.sockets.get(handle) else { return };
        if !slot.ready.has(Readiness::READ) || slot.has_ended() {
            return;
        }
        if handle.kind() == Kind::TcpListener && !has_room {
            self.state.starved_handlers = true;
            return;
        }
        if !Mutant::NewsToldOnce.is_on() {
            self.queue_news(handle.index());
        }
    }

    /// Calls the handler of `handle`, if it has not been removed meanwhile.
    fn tell<S: TaskSet<P>>(&mut self, set: &mut S, handle: Handle, event: Event) {
        if !self.has_handler(handle) {
            return;
        }
        self.state.counters.0.events += 1;
        self.poll = Resume::handler();
        self.state.telling = Some(handle);
        let result = set.event(self, handle, event);
        self.state.telling = None;
        if let Err(error) = result {
            self.state.counters.0.failed_handlers += 1;
            self.fail(error);
            note!(warn, "the handler of {} failed: {}", handle, error);
        }
        self.poll = Resume::outside();
    }

    /// Resumes each task that is ready now, once.
    fn run_ready<S: TaskSet<P>>(&mut self, set: &mut S) {
        for _ in 0..self.tasks.ready_len() {
            let Some(index) = self.tasks.next_ready() else { break };
            self.resume(set, index);
        }
        self.poll = Resume::outside();
    }

    #[inline]
    fn resume<S: TaskSet<P>>(&mut self, set: &mut S, index: usize) {
        let Some(slot) = self.tasks.slots.get_mut(index) else { return };
        if !slot.is_live() {
            return;
        }
        let fresh = slot.take_fresh();
        // Not so for one that yielded, or whose time is up.
        let woken = slot.nodes.iter().any(Node::has_fired);
        self.poll = Resume::of_task(index, fresh, slot.deepest_scope);
        self.state.running = Some(index as u16);
        self.state.counters.0.polls += 1;
        let suspended = crate::note::ON.then(|| set.inspect(index));
        let result = set.poll(index, self);
        self.state.running = None;
        note_end(index, suspended, result);
        let Some(slot) = self.tasks.slots.get(index) else { return };
        if woken && result.is_pending() && !self.poll.has_progressed() {
            self.state.counters.0.spurious_wakes += 1;
        }
        let has_deadline = slot.has_deadline() || self.poll.is_deadline_set();
        let goes_on = result.is_pending() && !slot.is_doomed() && !self.state.tracks_waits;
        // A busy task ends nearly every resume waiting for just what it had waited for.
        if goes_on && !has_deadline && slot.unmet(self.poll.registered) == 0 {
            return;
        }
        self.settle(index, result);
    }

    #[inline(never)]
    fn settle(&mut self, index: usize, result: Poll<Result<(), Error>>) {
        self.settle_deadline(index);
        self.settle_task(index, result);
        self.settle_waits(index);
    }

    /// The task's deadline is the earliest that its resume found pending.
    fn settle_deadline(&mut self, index: usize) {
        if self.poll.is_deadline_set() {
            self.task_deadlines.set(index, self.poll.deadline, self.tasks);
        } else {
            self.task_deadlines.remove(index, self.tasks);
        }
    }

    fn settle_task(&mut self, index: usize, result: Poll<Result<(), Error>>) {
        let Some(slot) = self.tasks.slots.get_mut(index) else { return };
        match result {
            Poll::Pending if !slot.is_doomed() => {
                if self.state.tracks_waits {
                    slot.since.0 = self.platform.now();
                }
                return;
            }
            Poll::Ready(Err(error)) => {
                self.state.counters.0.failed_tasks += 1;
                self.fail(error);
                note!(warn, "task {} failed: {}", index, error.code());
            }
            Poll::Ready(Ok(())) | Poll::Pending => {}
        }
        self.end_task(index);
    }
}

/// Logs how a task ended that was `suspended` there before.
#[inline]
fn note_end(index: usize, suspended: Option<Suspended>, result: Poll<Result<(), Error>>) {
    let (Some(Suspended { task, instance, file, line, .. }), Poll::Ready(result)) = (suspended, result) else { return };
    match result {
        Ok(()) => note!(debug, "task {}, {}[{}], has ended", index, task, instance),
        Err(error) => {
            note!(
                warn,
                "task {}, {}[{}], failed: {}; it was resumed at {}:{}",
                index,
                task,
                instance,
                error,
                file,
                line
            );
        }
    }
}

/// Whose deadline is due.
enum Due {
    Timer(usize),
    Task(usize),
}

/// Takes the platform's reports: wakes the first waiter, or notes the news for the handler.
struct Collector<'a, P: Platform> {
    sockets: &'a mut HandleTableView<SocketSlot<P>>,
    tasks: &'a mut Tasks,
    news_links: &'a mut [u32],
    news: &'a mut News,
    wakes: u64,
    alarm: bool,
    raised: bool,
}

impl<P: Platform> Collector<'_, P> {
    /// Wakes who has waited longest; unless somebody was woken before, if `one_at_a_time`.
    #[inline]
    fn wake_first(&mut self, list: WaitList, one_at_a_time: bool) {
        let Some(id) = self.tasks.first_waiting(list).filter(|id| !one_at_a_time || Some(*id) == list.first()) else {
            return;
        };
        self.tasks.fire(id);
        self.wakes += 1;
    }
}

impl<P: Platform> Sink for Collector<'_, P> {
    #[inline]
    fn socket(&mut self, token: Handle, readiness: Readiness) {
        let Some(slot) = self.sockets.slot_mut(token) else { return };
        let waiters = slot.waiters();
        let value = slot.value_mut();
        // Platforms may report what was there before: that is no news.
        let fresh = readiness.without(value.ready);
        if !(Mutant::ReadinessWithoutWaiterLost.is_on()
            && waiters == WaitList::EMPTY
            && value.writers == WaitList::EMPTY)
        {
            value.ready = value.ready.with(readiness);
        }
        if waiters.has_handler() {
            let value = slot.value_mut();
            value.news = value.news.with(fresh);
            queue_news(self.news_links, self.news, token.index());
            return;
        }
        let (readers, writers) = (slot.waiters(), slot.value().writers);
        // One waiter at a time: who comes to accept passes on what is left.
        let is_shared = slot.value().phase == Phase::Listening;
        if readiness.has(Readiness::READ) {
            self.wake_first(readers, is_shared);
        }
        if readiness.has(Readiness::WRITE) {
            self.wake_first(writers, false);
        }
    }

    fn alarm(&mut self) {
        self.alarm = true;
    }

    fn raised(&mut self) {
        self.raised = true;
    }
}
