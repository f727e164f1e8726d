//! A value that one task has at a time, for as long as it likes.

use core::task::Poll;

use super::waiters::Id;
use crate::cx::Cx;
use crate::error::Error;
use crate::handle::{Task, TypedHandle};
use crate::inspect::Shared;
use crate::platform::Platform;

/// A value that one task has for itself, across waits. Sixteen bytes more than the value.
///
/// There is no guard, which could not survive a wait: a task [locks](Self::lock), uses the value with
/// [`get_mut`](Self::get_mut) in as many resumes as it needs, and [unlocks](Self::unlock).
///
/// The lock belongs to the task. When that ends, however it does, the lock is free, and
/// [`was_abandoned`](Self::was_abandoned) tells the next that what it finds may be half done. A wait that is given up
/// does not unlock: lock before the wait with the timeout, not inside it.
///
/// ```
/// # use ptk_core::prelude::*;
/// # use ptk_core::sync::Mutex;
/// # #[derive(Clone, Hash, Debug, Default)]
/// # struct Bus { pt: Pt }
/// # impl Bus {
/// #     #[protothread]
/// #     fn exchange<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<u8, Error> { Ok(1) }
/// # }
/// # #[derive(Clone, Hash, Debug)]
/// # struct User { pt: PtTimed }
/// # impl<P: Platform> Protothread<P, Mutex<Bus>> for User {
/// #     type Output = Result<(), Error>;
/// #     #[protothread]
/// #     fn run(&mut self, cx: &mut Cx<'_, P>, bus: &mut Mutex<Bus>) -> Result<(), Error> {
/// wait!(bus.lock(cx))?;
/// let answer = wait!(bus.get_mut(cx)?.exchange(cx), timeout = Duration::from_millis(50));
/// bus.unlock(cx)?;
/// #         answer??;
/// #         Ok(())
/// #     }
/// # }
/// ```
#[derive(Clone, Hash, Debug)]
pub struct Mutex<T> {
    /// The task that locked it; stale if that has ended.
    holder: Task,
    id: Id,
    abandoned: bool,
    value: T,
}

impl<T> Mutex<T> {
    /// An unlocked mutex.
    pub const fn new(value: T) -> Self {
        Mutex { holder: Task::NONE, id: Id::NONE, abandoned: false, value }
    }

    /// Locks it for the current task.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] if the current task has locked it already; [`Error::InvalidArgument`] outside a task;
    /// [`Error::TooManyWaits`].
    pub fn lock<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Poll<Result<(), Error>> {
        if let Err(error) = self.check_locker(cx) {
            return Poll::Ready(Err(cx.fail(error)));
        }
        let available = usize::from(!self.is_locked(cx));
        let locked = cx.take(&mut self.id, Shared::Lock, available);
        if locked == Poll::Ready(Ok(())) {
            self.locked(cx);
        }
        locked
    }

    /// Locks it for the current task without waiting.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`] if another has locked it, or waits for it; otherwise as [`lock`](Self::lock).
    pub fn try_lock<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<(), Error> {
        self.check_locker(cx).map_err(|error| cx.fail(error))?;
        cx.try_take(self.id, Shared::Lock, usize::from(!self.is_locked(cx)))?;
        self.locked(cx);
        Ok(())
    }

    fn check_locker<P: Platform>(&self, cx: &Cx<'_, P>) -> Result<(), Error> {
        if cx.current_task() == Task::NONE {
            return Err(Error::InvalidArgument);
        }
        if self.is_held(cx) { Err(Error::Busy) } else { Ok(()) }
    }

    fn locked<P: Platform>(&mut self, cx: &mut Cx<'_, P>) {
        self.abandoned |= self.holder != Task::NONE;
        self.holder = cx.current_task();
        cx.note_lock();
    }

    /// Unlocks it, and wakes the task that has waited longest.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] if the current task has not locked it.
    pub fn unlock<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<(), Error> {
        if !self.is_held(cx) {
            return Err(cx.fail(Error::InvalidArgument));
        }
        self.holder = Task::NONE;
        self.abandoned = false;
        cx.offer(self.id, Shared::Lock, 1);
        Ok(())
    }

    /// Whether a task that still runs has locked it.
    pub fn is_locked<P: Platform>(&self, cx: &Cx<'_, P>) -> bool {
        cx.is_running(self.holder)
    }

    /// Whether the current task has locked it.
    pub fn is_held<P: Platform>(&self, cx: &Cx<'_, P>) -> bool {
        self.holder != Task::NONE && self.holder == cx.current_task()
    }

    /// Whether who locked it before the holder ended without unlocking, and nobody has unlocked it since.
    pub const fn was_abandoned(&self) -> bool {
        self.abandoned
    }

    /// The value: for the task that has locked it, or for any code while nobody has. Handlers and set-up code need no
    /// more, and neither does a task that is done before its next wait.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] if another task has locked it.
    pub fn get_mut<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<&mut T, Error> {
        if self.is_locked(cx) && !self.is_held(cx) {
            return Err(cx.fail(Error::Busy));
        }
        Ok(&mut self.value)
    }

    /// The value, to look at. A holder that waits may have left it half done.
    pub const fn peek(&self) -> &T {
        &self.value
    }
}

impl<P: Platform> Cx<'_, P> {
    fn is_running(&self, task: Task) -> bool {
        task.handle().is_some_and(|handle| self.task_handle(handle.index()) == Some(handle))
    }

    fn note_lock(&mut self) {
        if let Some(slot) = self.poll.task.and_then(|task| self.tasks.slots.get_mut(task)) {
            slot.note_lock();
        }
    }
}
