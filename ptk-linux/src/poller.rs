//! The epoll set: registrations, waiting, and what the events mean. Never closes a socket and never reads from one.
//!
//! Each descriptor is registered once, edge-triggered, and removed before it is closed; nothing is ever modified, so the
//! steady state makes no `epoll_ctl` call.

use core::mem::MaybeUninit;

use ptk_core::{Handle, Readiness};
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::time::Timespec;

/// How many events one wait takes from the kernel. It keeps the order, so a socket that is always busy cannot hide the
/// others behind it; more than this and the 12 bytes for each begin to weigh on a small stack.
pub(crate) const BATCH: usize = 64;

/// Room for the events of one wait, not initialized.
pub(crate) type Events = [MaybeUninit<epoll::Event>; BATCH];

/// `IN | OUT` for data, `RDHUP` for the end of the stream. `ERR` and `HUP` come uninvited (`epoll_ctl(2)`).
///
/// `PRI` is there for what it says about the next receive, see [`Event::Socket`]. Edge-triggered, urgent data make one
/// event for each time they arrive, whether anybody reads them or not.
const SOCKET: EventFlags =
    EventFlags::IN.union(EventFlags::OUT).union(EventFlags::RDHUP).union(EventFlags::PRI).union(EventFlags::ET);

/// The alarm's and the port's descriptors are never read: each expiry and each write is an edge of its own.
const INTERNAL: EventFlags = EventFlags::IN.union(EventFlags::ET);

/// Tokens that no handle has: a handle's upper four bits are its kind, which is never 0.
const ALARM: u64 = 0;
const PORT: u64 = 1;

/// What an event means.
pub(crate) enum Event {
    /// A socket became ready.
    Socket {
        /// What it was registered with.
        token: Handle,
        /// For what it became ready.
        readiness: Readiness,
        /// Urgent data are among its data (`tcp(7)`, RFC 6093). A receive stops in front of them, so its being short
        /// does not mean that nothing is behind.
        urgent: bool,
    },
    /// The alarm went off.
    Alarm,
    /// The port's eventfd was written to.
    Port,
}

/// An epoll set.
#[derive(Debug)]
pub(crate) struct Poller(OwnedFd);

impl Poller {
    pub(crate) fn open() -> Result<Self, Errno> {
        epoll::create(CreateFlags::CLOEXEC).map(Poller)
    }

    pub(crate) fn add_alarm(&self, fd: BorrowedFd<'_>) -> Result<(), Errno> {
        epoll::add(&self.0, fd, EventData::new_u64(ALARM), INTERNAL)
    }

    pub(crate) fn add_port(&self, fd: BorrowedFd<'_>) -> Result<(), Errno> {
        epoll::add(&self.0, fd, EventData::new_u64(PORT), INTERNAL)
    }

    /// Registers a socket. What it is ready for now counts as the first edge.
    pub(crate) fn add_socket(&self, fd: BorrowedFd<'_>, token: Handle) -> Result<(), Errno> {
        epoll::add(&self.0, fd, EventData::new_u64(token.raw()), SOCKET)
    }

    /// Removes a socket that is about to be closed. Closing alone removes nothing while another process or a duplicate
    /// holds what the descriptor stands for (`epoll(7)`, question 6).
    pub(crate) fn remove(&self, fd: BorrowedFd<'_>) {
        // Fails only if it is not there, and then there is nothing to do.
        let _ = epoll::delete(&self.0, fd);
    }

    /// Takes what happened, and sleeps until something does if `sleep`. The alarm alone limits the sleep, because the
    /// timeout of `epoll_wait` has milliseconds only.
    ///
    /// `EINTR` is passed on: the call is never restarted, whatever `SA_RESTART` says (`signal(7)`).
    #[inline]
    pub(crate) fn wait<'e>(&self, sleep: bool, events: &'e mut Events) -> Result<&'e [epoll::Event], Errno> {
        const AT_ONCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };
        let timeout = if sleep { None } else { Some(&AT_ONCE) };
        epoll::wait(&self.0, events, timeout).map(|(events, _)| &*events)
    }
}

impl AsFd for Poller {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// What the kernel's event means.
#[inline]
pub(crate) fn translate(event: &epoll::Event) -> Event {
    let (flags, data) = (event.flags, event.data.u64());
    match Handle::from_raw(data) {
        Some(token) => Event::Socket { token, readiness: readiness(flags), urgent: flags.contains(EventFlags::PRI) },
        None if data == ALARM => Event::Alarm,
        None => Event::Port,
    }
}

/// What a socket's flags mean.
///
/// | | comes with | |
/// |---|---|---|
/// | data | `IN` | read |
/// | the peer's FIN | `IN RDHUP` | read, hangup |
/// | both sides ended | `IN OUT RDHUP HUP` | all |
/// | a reset | `IN OUT RDHUP HUP ERR` | all: the data before it are still readable, then comes the error |
/// | a connect that failed | `OUT HUP ERR` and others | all: the end of a connect counts as writable |
///
/// The error itself is left where it is: reading `SO_ERROR` here would make the reset look like the end of the stream.
#[inline]
const fn readiness(flags: EventFlags) -> Readiness {
    const FAILED: EventFlags = EventFlags::HUP.union(EventFlags::ERR);
    const ENDED: EventFlags = FAILED.union(EventFlags::RDHUP);
    const READ: EventFlags = ENDED.union(EventFlags::IN).union(EventFlags::PRI);
    const WRITE: EventFlags = FAILED.union(EventFlags::OUT);

    let mut readiness = Readiness::NONE;
    if flags.intersects(READ) {
        readiness = readiness.with(Readiness::READ);
    }
    if flags.intersects(WRITE) {
        readiness = readiness.with(Readiness::WRITE);
    }
    if flags.intersects(ENDED) {
        readiness = readiness.with(Readiness::HANGUP);
    }
    readiness
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_translated() {
        type F = EventFlags;
        let read_hangup = Readiness::READ.with(Readiness::HANGUP);
        for (flags, expected) in [
            (F::IN, Readiness::READ),
            (F::OUT, Readiness::WRITE),
            (F::IN | F::OUT, Readiness::READ.with(Readiness::WRITE)),
            (F::PRI, Readiness::READ),
            (F::IN | F::RDHUP, read_hangup),
            (F::RDHUP, read_hangup),
            (F::HUP, Readiness::ALL),
            (F::ERR, Readiness::ALL),
            (F::OUT | F::HUP, Readiness::ALL),
            (F::IN | F::OUT | F::RDHUP | F::HUP | F::ERR, Readiness::ALL),
            (F::empty(), Readiness::NONE),
        ] {
            assert_eq!(readiness(flags), expected, "{flags:?}");
        }
    }

    #[test]
    fn internal_tokens_are_no_handles() {
        assert_eq!(Handle::from_raw(ALARM), None);
        assert_eq!(Handle::from_raw(PORT), None);
    }
}
