//! All `unsafe` of this crate: one descriptor that many threads share, and the system calls that rustix lacks.

use core::fmt;
use core::sync::atomic::{AtomicI32, Ordering};

use rustix::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd};
use rustix::io::Errno;
use syscalls::{Sysno, syscall};

/// A descriptor that is opened at most once and stays open until this is dropped; never, in a `static`.
///
/// ```text
///  0 ----- get_or_open ----> fd + 1 ----- drop ----> closed
/// ```
pub(crate) struct OnceFd(AtomicI32);

impl OnceFd {
    /// Not open; zero bits.
    pub(crate) const fn new() -> Self {
        OnceFd(AtomicI32::new(0))
    }

    /// The descriptor, if it is open. Legal in a signal handler.
    #[inline]
    pub(crate) fn get(&self) -> Option<BorrowedFd<'_>> {
        match self.0.load(Ordering::Acquire) {
            0 => None,
            // SAFETY: a value other than 0 comes from `get_or_open` alone, which put an open descriptor there and gave
            // up its ownership. It is closed in `drop` only, which no borrow of `self` outlives.
            stored => Some(unsafe { BorrowedFd::borrow_raw(stored - 1) }),
        }
    }

    /// The descriptor, which `open` opens if nobody did. Of two threads that come at once, the later closes its own.
    pub(crate) fn get_or_open(&self, open: impl FnOnce() -> Result<OwnedFd, Errno>) -> Result<BorrowedFd<'_>, Errno> {
        if let Some(fd) = self.get() {
            return Ok(fd);
        }
        let raw = open()?.into_raw_fd();
        if self.0.compare_exchange(0, raw + 1, Ordering::AcqRel, Ordering::Acquire).is_err() {
            // SAFETY: `raw` was taken out of an `OwnedFd` above and stored nowhere.
            drop(unsafe { OwnedFd::from_raw_fd(raw) });
        }
        self.get().ok_or(Errno::BADF)
    }
}

impl Drop for OnceFd {
    fn drop(&mut self) {
        let stored = *self.0.get_mut();
        if stored != 0 {
            // SAFETY: `get_or_open` gave up the ownership of this descriptor to `self`, which ends here, and `&mut`
            // says that nobody borrows it.
            drop(unsafe { OwnedFd::from_raw_fd(stored - 1) });
        }
    }
}

impl fmt::Debug for OnceFd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.get(), f)
    }
}

/// Sets a socket option that is an `int` (`setsockopt(2)`).
pub(crate) fn set_socket_option(fd: BorrowedFd<'_>, level: i32, name: i32, value: i32) -> Result<(), Errno> {
    let size = size_of::<i32>();
    // SAFETY: the kernel reads `size` bytes of `value`, which lives until the call returns, and writes nothing of ours.
    let set = unsafe { syscall!(Sysno::setsockopt, fd.as_raw_fd(), level, name, &raw const value, size) };
    set.map(|_| ()).map_err(|errno| Errno::from_raw_os_error(errno.into_raw()))
}

#[cfg(test)]
mod tests {
    use rustix::event::{EventfdFlags, eventfd};

    use super::*;

    #[test]
    fn who_comes_second_takes_what_the_first_has_opened() {
        let once = OnceFd::new();
        assert!(once.get().is_none());
        let open = || eventfd(0, EventfdFlags::CLOEXEC);
        let mut first = None;
        let second = once.get_or_open(|| {
            // Somebody else comes while this one opens.
            first = once.get_or_open(open).ok().map(|fd| fd.as_raw_fd());
            open()
        });
        assert_eq!(second.ok().map(|fd| fd.as_raw_fd()), first);
        let third = once.get_or_open(|| Err(Errno::MFILE)).ok().map(|fd| fd.as_raw_fd());
        assert_eq!(third, first, "opened once");
    }

    #[test]
    fn a_failure_to_open_can_be_repaired() {
        let once = OnceFd::new();
        assert_eq!(once.get_or_open(|| Err(Errno::MFILE)).err(), Some(Errno::MFILE));
        assert!(once.get_or_open(|| eventfd(0, EventfdFlags::CLOEXEC)).is_ok());
    }
}
