//! Timers: their slots, and what a task or handler can do with them.

use core::task::Poll;

use crate::cx::Cx;
use crate::deadlines::{Deadline, Positions};
use crate::error::Error;
use crate::handle::{Handle, Kind, Timer, TypedHandle};
use crate::inspect::Unhashed;
use crate::mutant::Mutant;
use crate::platform::Platform;
use crate::table::{HandleTableView, Slot, Vacant};
use crate::time::{Duration, Instant};
use crate::wait::Source;

/// One timer. With its key 32 bytes; zero bits are a timer that was never started.
#[derive(Clone, Copy, Hash, Debug)]
pub(crate) struct TimerSlot {
    /// When it expires next; while it is expired, when it did.
    at: Instant,
    /// Zero for a timer that expires once.
    period: Duration,
    /// Its place among the deadlines, plus 1.
    position: Unhashed<u32>,
    expired: bool,
}

const _: () = assert!(size_of::<Slot<TimerSlot>>() <= 32);

impl Vacant for TimerSlot {
    const VACANT: Self =
        TimerSlot { at: Instant::ORIGIN, period: Duration::ZERO, position: Unhashed(0), expired: false };
}

impl TimerSlot {
    pub(crate) const fn is_expired(&self) -> bool {
        self.expired
    }

    /// Marks the timer, whose deadline has come, as expired.
    pub(crate) const fn expire(&mut self) {
        self.expired = true;
    }

    /// Takes the expiry: how often the timer has expired by `now`, and when it does next.
    fn take(&mut self, now: Instant) -> (u64, Option<Instant>) {
        self.expired = false;
        if self.period.is_zero() {
            return (1, None);
        }
        let missed = (now - self.at).as_nanos() / self.period.as_nanos();
        // The phase is kept: the next expiry lies a whole number of periods behind the first.
        let mut next = self.at + self.period.saturating_mul(missed.saturating_add(1));
        if Mutant::TimerDrifts.is_on() {
            next = now + self.period;
        }
        if Mutant::TimerForgetsPeriods.is_on() {
            return (1, Some(next));
        }
        (missed.saturating_add(1), Some(next))
    }
}

impl Positions for HandleTableView<TimerSlot> {
    fn position(&self, index: usize) -> u32 {
        self.handle_at(index).and_then(|handle| self.get(handle)).map_or(0, |timer| timer.position.0)
    }

    fn set_position(&mut self, index: usize, position: u32) {
        if let Some(slot) = self.slot_at(index) {
            slot.value_mut().position.0 = position;
        }
    }
}

impl<P: Platform> Cx<'_, P> {
    /// A timer, not running. It belongs to the current task and scope.
    ///
    /// # Errors
    ///
    /// [`Error::TableFull`].
    pub fn timer(&mut self) -> Result<Timer, Error> {
        match self.timers.insert(Kind::Timer, self.state.loop_id, TimerSlot::VACANT) {
            Ok(handle) => {
                self.own(handle);
                Timer::from_handle(handle).ok_or(Error::InvalidHandle)
            }
            Err(_) => {
                let capacity = self.timers.capacity() as u32;
                Err(self.fail(Error::TableFull { kind: Kind::Timer, capacity }))
            }
        }
    }

    /// Starts the timer: it expires once, `after` from now. Never early; zero means in the next turn. A running timer gets
    /// the new deadline, and an expiry that nobody took is dropped.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidHandle`].
    pub fn start_timer(&mut self, timer: Timer, after: Duration) -> Result<(), Error> {
        self.restart_timer(timer, after, Duration::ZERO)
    }

    /// Starts the timer: it expires every `period`, first after one `period` from now. Its phase does not drift; after a
    /// stall it expires once, with the number of periods that passed.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a period of zero; [`Error::InvalidHandle`].
    pub fn start_repeating(&mut self, timer: Timer, period: Duration) -> Result<(), Error> {
        if period.is_zero() {
            return Err(self.fail(Error::InvalidArgument));
        }
        self.restart_timer(timer, period, period)
    }

    fn restart_timer(&mut self, timer: Timer, after: Duration, period: Duration) -> Result<(), Error> {
        let Some(handle) = self.valid_timer(timer) else { return Err(self.fail(Error::InvalidHandle)) };
        if let Some(slot) = self.timers.get_mut(handle) {
            slot.period = period;
            slot.expired &= Mutant::TimerKeepsOldExpiry.is_on();
        }
        let at = self.platform.now() + after;
        self.arm_timer(handle.index(), at);
        self.state.due |= after.is_zero();
        Ok(())
    }

    fn arm_timer(&mut self, index: usize, at: Instant) {
        if let Some(slot) = self.timers.slot_at(index) {
            slot.value_mut().at = at;
        }
        let deadline = Deadline { at, order: self.state.next_order() };
        self.timer_deadlines.set(index, deadline, self.timers);
    }

    /// Stops the timer. An expiry that nobody took is dropped: nothing is delivered after this.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidHandle`].
    pub fn stop_timer(&mut self, timer: Timer) -> Result<(), Error> {
        let Some(handle) = self.valid_timer(timer) else { return Err(self.fail(Error::InvalidHandle)) };
        if !Mutant::TimerStopsHalf.is_on() {
            self.timer_deadlines.remove(handle.index(), self.timers);
        }
        if let Some(slot) = self.timers.get_mut(handle) {
            slot.expired = false;
            slot.period = Duration::ZERO;
        }
        Ok(())
    }

    /// Whether the timer will expire, or has expired and nobody took it.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidHandle`].
    pub fn timer_is_running(&mut self, timer: Timer) -> Result<bool, Error> {
        match timer.handle().and_then(|handle| self.timers.get(handle)) {
            Some(slot) => Ok(slot.position.0 != 0 || slot.expired),
            None => Err(self.fail(Error::InvalidHandle)),
        }
    }

    /// Waits until the timer has expired, and takes the expiry. Ready with how often it expired: 1, and for a repeating
    /// timer one more for each period that passed since.
    ///
    /// A timer that is not running is waited for all the same: another task may start it.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidHandle`], [`Error::Busy`] if the timer has a handler, [`Error::TooManyWaits`].
    pub fn expired(&mut self, timer: Timer) -> Poll<Result<u64, Error>> {
        let Some(handle) = self.valid_timer(timer) else { return Poll::Ready(Err(self.fail(Error::InvalidHandle))) };
        if self.poll.may_progress() && self.timers.get(handle).is_some_and(TimerSlot::is_expired) {
            self.poll.progress();
            return Poll::Ready(Ok(self.take_expiry(handle.index())));
        }
        self.wait_for(Source::expired(handle.index())).map(|error| Err(self.fail(error)))
    }

    /// Takes the expiry of an expired timer, and arms a repeating one again.
    pub(crate) fn take_expiry(&mut self, index: usize) -> u64 {
        let now = self.platform.now();
        let Some(slot) = self.timers.slot_at(index) else { return 0 };
        let (count, next) = slot.value_mut().take(now);
        if let Some(next) = next.filter(|_| !Mutant::TimerNotRearmed.is_on()) {
            self.arm_timer(index, next);
        }
        count
    }

    /// Lets an expiry that nobody took come again, for a handler that was set since.
    pub(crate) fn expire_again(&mut self, handle: Handle) {
        let Some(slot) = self.timers.get_mut(handle).filter(|slot| slot.expired) else { return };
        slot.expired = false;
        let at = slot.at;
        self.arm_timer(handle.index(), at);
        self.state.due = true;
    }

    fn valid_timer(&self, timer: Timer) -> Option<Handle> {
        timer.handle().filter(|handle| self.timers.contains(*handle))
    }

    pub(crate) fn close_timer(&mut self, handle: Handle) {
        self.dismiss(Source::expired(handle.index()));
        self.disown(handle);
        self.forget_handler(handle);
        self.timer_deadlines.remove(handle.index(), self.timers);
        self.timers.remove(handle);
    }
}
