//! The one alarm: a timerfd, and when it must be set. Never read, never disarmed, and not asked for the time.
//!
//! ```text
//!            arm(at)                      arm(earlier)
//!  unarmed ----------> armed until `at` ---------------+
//!     ^                 |     ^                         |
//!     |   it went off   |     +-------------------------+
//!     +-----------------+
//! ```
//!
//! A later deadline leaves the earlier alarm alone: timeouts that are started again and again, and almost never expire,
//! then cost one early wake for each length of the timeout and not one system call for each start.

use ptk_core::Instant;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
use rustix::time::{timerfd_create, timerfd_settime};

const NANOS_PER_SEC: u64 = 1_000_000_000;

/// A timerfd on the clock of [`Instant`].
#[derive(Debug)]
pub(crate) struct Alarm {
    fd: OwnedFd,
    /// When it will go off, unless it has and nobody has told us yet.
    armed: Option<Instant>,
}

impl Alarm {
    pub(crate) fn open() -> Result<Self, Errno> {
        let fd = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        Ok(Alarm { fd, armed: None })
    }

    /// Whether it goes off at `deadline` or before, without being set.
    #[inline]
    pub(crate) fn covers(&self, deadline: Instant) -> bool {
        self.armed.is_some_and(|at| at <= deadline)
    }

    /// Sets it to go off at `deadline`; at once if that has passed. One system call.
    ///
    /// What an earlier setting left unread does not matter: setting clears it, and the next expiry is a new edge.
    pub(crate) fn arm(&mut self, deadline: Instant) -> Result<(), Errno> {
        // A value of zero would disarm it (timerfd_settime(2)); a nanosecond after the boot has passed as well.
        let nanos = deadline.as_nanos().max(1);
        let setting = Itimerspec {
            it_interval: Timespec { tv_sec: 0, tv_nsec: 0 },
            it_value: Timespec { tv_sec: (nanos / NANOS_PER_SEC) as _, tv_nsec: (nanos % NANOS_PER_SEC) as _ },
        };
        timerfd_settime(&self.fd, TimerfdTimerFlags::ABSTIME, &setting)?;
        self.armed = Some(deadline);
        Ok(())
    }

    /// It went off.
    pub(crate) fn fired(&mut self) {
        self.armed = None;
    }
}

impl AsFd for Alarm {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
