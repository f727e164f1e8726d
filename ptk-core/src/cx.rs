//! The context: what a protothread, a handler or set-up code can do with its loop, without knowing its capacities.

mod handlers;
mod ownership;
mod waiting;

pub(crate) use self::handlers::{News, queue_news};

use core::task::Poll;

use crate::deadlines::{Deadline, DeadlineQueueView, is_before};
use crate::error::Error;
use crate::handle::{Handle, Task, TypedHandle};
use crate::mutant::Mutant;
use crate::ownership::Owners;
use crate::platform::Platform;
use crate::rt::Context;
use crate::scope::{Control, Scope};
use crate::socket::SocketSlot;
use crate::source::SourceSlot;
use crate::state::{LastError, State};
use crate::table::HandleTableView;
use crate::task::Tasks;
use crate::time::{Duration, Instant};
use crate::timer::TimerSlot;

/// How many operations a task may have succeed in one resume, and a handler in one call. Then the others get their turn
/// (as libuv's 32 reads a stream).
const BUDGET: u32 = 64;

/// A view of a loop: what [`EventLoop::cx`](crate::EventLoop::cx) gives to set-up code, and each resume to its
/// protothread.
///
/// An operation that can wait returns [`Poll`]. Polled by a task, `Pending` has registered the task to be resumed when the
/// operation may get further; registration and check are one step, so no wakeup falls between. Polled outside a task, it
/// only says that the operation is not ready.
pub struct Cx<'a, P: Platform> {
    pub(crate) platform: &'a mut P,
    pub(crate) sockets: &'a mut HandleTableView<SocketSlot<P>>,
    /// The queue of sockets with news for their handler: for each the next one, plus 1.
    pub(crate) news_links: &'a mut [u32],
    pub(crate) timers: &'a mut HandleTableView<TimerSlot>,
    pub(crate) timer_deadlines: &'a mut DeadlineQueueView,
    pub(crate) sources: &'a mut HandleTableView<SourceSlot>,
    #[cfg(feature = "dns")]
    pub(crate) names: crate::dns::NamesView<'a>,
    pub(crate) owners: Owners<'a>,
    pub(crate) tasks: &'a mut Tasks,
    pub(crate) task_deadlines: &'a mut DeadlineQueueView,
    pub(crate) state: &'a mut State,
    pub(crate) poll: Resume,
}

/// What holds during one resume of a task, or one call of a handler. It is no part of the loop's state.
pub(crate) struct Resume {
    pub(crate) task: Option<usize>,
    pub(crate) control: Control,
    /// Operations that may still succeed.
    pub(crate) budget: u32,
    /// Whether any connection was accepted: the task has had its turn.
    pub(crate) accepted: bool,
    /// Which of the task's wait nodes hold what it waits for now; the others are from before.
    pub(crate) registered: u8,
    /// As the task's slot has it.
    pub(crate) deepest_scope: u8,
    /// The earliest deadline of this resume's pending timed waits.
    pub(crate) deadline: Deadline,
}

/// The deadline of a resume without timed waits.
const NEVER: Deadline = Deadline { at: Instant::MAX, order: 0 };

impl Resume {
    /// Code that is no task: nothing waits, nothing is owned, nothing is budgeted.
    pub(crate) const fn outside() -> Resume {
        Resume { budget: u32::MAX, ..Resume::handler() }
    }

    /// A handler: nothing waits and nothing is owned, but there is a budget.
    pub(crate) const fn handler() -> Resume {
        Resume { task: None, ..Resume::of_task(0, false, 0) }
    }

    /// A resume of a task.
    #[inline]
    pub(crate) const fn of_task(task: usize, fresh: bool, deepest_scope: u8) -> Resume {
        Resume {
            task: Some(task),
            control: Control::root(fresh),
            budget: BUDGET,
            accepted: false,
            registered: 0,
            deepest_scope,
            deadline: NEVER,
        }
    }

    /// Whether an operation may still succeed: the budget is not used up.
    #[inline]
    pub(crate) const fn may_progress(&self) -> bool {
        self.budget != 0
    }

    /// An operation has succeeded.
    #[inline]
    pub(crate) fn progress(&mut self) {
        // The last one stays, if it is never used up.
        if Mutant::BudgetEndless.is_on() && self.budget == 1 {
            return;
        }
        self.budget -= 1;
    }

    #[inline]
    pub(crate) const fn has_progressed(&self) -> bool {
        self.budget != BUDGET
    }

    /// Whether this resume has met a wait with a deadline that is still to come.
    #[inline]
    pub(crate) fn is_deadline_set(&self) -> bool {
        self.deadline.at != Instant::MAX
    }
}

impl<P: Platform> Cx<'_, P> {
    /// The time now, read from the platform's clock.
    pub fn now(&mut self) -> Instant {
        self.platform.now()
    }

    /// Fills `out` with bytes that nobody can guess, from the platform. A simulator's repeat with its seed.
    ///
    /// # Errors
    ///
    /// [`Error::NotSupported`] if the platform has no source of them; what else it says.
    pub fn entropy(&mut self, out: &mut [u8]) -> Result<(), Error> {
        let filled = self.platform.entropy(out);
        filled.map_err(|error| self.fail(error))
    }

    /// Ready once the clock has reached `deadline`.
    ///
    /// For a sleep relative to now, whose deadline must be the same at each evaluation, see [`sleep!`](crate::sleep).
    pub fn sleep_until(&mut self, deadline: Instant) -> Poll<()> {
        if self.poll.may_progress() && deadline != Instant::MAX && self.platform.now() >= deadline {
            self.poll.progress();
            return Poll::Ready(());
        }
        let deadline = self.kept_deadline(deadline);
        self.resume_at(deadline);
        Poll::Pending
    }

    /// The current task's deadline if it is `at`, so that its place among equal ones stays the same; else a new one.
    fn kept_deadline(&mut self, at: Instant) -> Deadline {
        let kept = self.poll.task.and_then(|task| self.task_deadlines.get(task, self.tasks));
        match kept {
            Some(deadline) if deadline.at == at && !Mutant::DeadlineOrderNotKept.is_on() => deadline,
            _ => Deadline { at, order: self.state.next_order() },
        }
    }

    /// Resumes the current task when `deadline` has come.
    fn resume_at(&mut self, deadline: Deadline) {
        if is_before(deadline, self.poll.deadline) {
            self.poll.deadline = deadline;
        }
    }

    /// Starts task `index` of the task set at its beginning; it is polled in the next turn.
    ///
    /// A loop starts all tasks of its set in its first turn, unless some were started by hand before.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] if the set has no such task; [`Error::Busy`] if it runs already.
    pub fn start(&mut self, index: usize) -> Result<Task, Error> {
        let started = self.start_task(index);
        started.map_err(|error| self.fail(error))
    }

    fn start_task(&mut self, index: usize) -> Result<Task, Error> {
        if self.state.set_len.is_some_and(|len| index >= usize::from(len)) {
            return Err(Error::InvalidArgument);
        }
        let slot = self.tasks.slots.get_mut(index).ok_or(Error::InvalidArgument)?;
        if slot.is_live() || !slot.begin() {
            return Err(Error::Busy);
        }
        let handle = slot.handle(index, self.state.loop_id);
        self.state.started = true;
        self.state.live_tasks += 1;
        self.state.most_tasks.0 = self.state.most_tasks.0.max(self.state.live_tasks);
        self.tasks.wake(index);
        note!(debug, "task {} starts", index);
        Task::from_handle(handle).ok_or(Error::InvalidHandle)
    }

    /// Ends a task: it is not resumed again, and everything that it owns is closed. A task that cancels itself ends with
    /// its current resume.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidHandle`] if that run of the task has ended.
    pub fn cancel(&mut self, task: Task) -> Result<(), Error> {
        let Some(index) = self.running_task(task) else { return Err(self.fail(Error::InvalidHandle)) };
        match self.tasks.slots.get_mut(index) {
            Some(slot) if self.poll.task == Some(index) => slot.doom(),
            _ => self.end_task(index),
        }
        Ok(())
    }

    fn running_task(&self, task: Task) -> Option<usize> {
        let handle = task.handle()?;
        let slot = self.tasks.slots.get(handle.index())?;
        (slot.is_live() && slot.handle(handle.index(), self.state.loop_id) == handle).then_some(handle.index())
    }

    /// The task that runs now; `NONE` outside a task.
    pub fn current_task(&self) -> Task {
        let handle = self.poll.task.and_then(|index| self.task_handle(index));
        handle.and_then(Task::from_handle).unwrap_or(Task::NONE)
    }

    pub(crate) fn task_handle(&self, index: usize) -> Option<Handle> {
        let slot = self.tasks.slots.get(index)?;
        slot.is_live().then(|| slot.handle(index, self.state.loop_id))
    }

    /// Lets the loop's `run` return after this turn.
    pub fn stop(&mut self) {
        self.state.stopping = true;
    }

    /// Why a call last failed, in any task; [`Error::WouldBlock`] does not count.
    pub fn last_error(&self) -> Option<Error> {
        self.state.last_error.0.get()
    }

    /// Replaces what [`last_error`](Self::last_error) tells.
    pub fn set_last_error(&mut self, error: Option<Error>) {
        self.state.last_error.0 = error.into();
    }

    /// The system's number for the last failure of a platform call, for diagnosis.
    pub fn last_os_error(&self) -> Option<i32> {
        self.platform.last_os_error()
    }

    /// The platform, for what only it can do.
    pub fn platform(&mut self) -> &mut P {
        self.platform
    }

    /// Keeps `error` as the last one.
    #[inline]
    pub(crate) fn fail(&mut self, error: Error) -> Error {
        if error != Error::WouldBlock {
            self.state.last_error.0 = LastError::Failed(error);
        }
        if matches!(error, Error::TableFull { .. }) {
            note!(warn, "{}", error);
        }
        error
    }

    /// Ends a task that does not run at the moment, or has just been polled.
    pub(crate) fn end_task(&mut self, index: usize) {
        if !Mutant::HandlesOutliveTask.is_on() {
            self.close_all(index);
        }
        self.forget_waits(index);
        if !Mutant::DeadlineOutlivesTask.is_on() {
            self.task_deadlines.remove(index, self.tasks);
        }
        if let Some(slot) = self.tasks.slots.get_mut(index) {
            let has_locked = slot.has_locked();
            slot.end();
            self.state.live_tasks -= 1;
            if has_locked && !Mutant::LockDiesWithHolder.is_on() {
                self.pass_locks_on();
            }
        }
        if self.state.running == Some(index as u16) {
            // It panicked.
            self.state.running = None;
            self.state.counters.0.failed_tasks += 1;
        }
    }
}

impl<P: Platform> Context for Cx<'_, P> {
    #[inline(always)]
    fn control(&mut self) -> Control {
        self.poll.control
    }

    #[inline(always)]
    fn set_control(&mut self, control: Control) {
        self.poll.control = control;
    }

    #[inline(always)]
    fn close_scope(&mut self, scope: Scope) {
        if self.has_handles_in(scope) {
            self.close_handles_in(scope);
        }
    }

    #[inline(always)]
    fn merge_scope(&mut self, scope: Scope, outer: Scope) {
        if self.has_handles_in(scope) {
            self.pass_handles(scope, outer);
        }
    }

    fn arm(&mut self, after: Duration) -> Deadline {
        self.state.due |= after.is_zero();
        Deadline { at: self.platform.now() + after, order: self.state.next_order() }
    }

    fn expired(&mut self, deadline: Deadline) -> bool {
        // What was armed just now is due in the next turn at the earliest: zero time gives way to the others.
        let fresh = self.poll.control.fresh;
        if !fresh && deadline.at != Instant::MAX && self.platform.now() >= deadline.at {
            return true;
        }
        self.resume_at(deadline);
        false
    }

    fn yield_now(&mut self) {
        if let Some(task) = self.poll.task {
            self.tasks.wake(task);
        }
    }

    #[inline(always)]
    fn registered(&self) -> u8 {
        self.poll.registered
    }

    #[inline(always)]
    fn unregister(&mut self, registered: u8) {
        self.poll.registered &= registered;
    }
}
