//! One source: a generation, a count and a value, changed together.
//!
//! ```text
//!  63         48 47         32 31                          0
//! +-------------+-------------+-----------------------------+
//! | generation  |    count    |            value            |
//! +-------------+-------------+-----------------------------+
//! ```
//!
//! An odd generation is an open source. Where the processor swaps 64 bits at once all three live in one atomic, so a
//! raise that races with a close either counts or touches nothing. Elsewhere the value is a word of its own, written
//! before the count: exact as long as raises interrupt the loop rather than run beside it, as on a single core.

#[cfg(any(test, not(target_has_atomic = "64")))]
mod split;
#[cfg(target_has_atomic = "64")]
mod wide;

use core::fmt;
use core::hash::{Hash, Hasher};

#[cfg(not(target_has_atomic = "64"))]
use self::split::Split as Native;
#[cfg(target_has_atomic = "64")]
use self::wide::Wide as Native;
use super::Raised;
use crate::error::Error;
use crate::mutant::Mutant;

/// A source closed in this generation has retired: the next one would have no successor to close it with.
const LAST_CLOSED: u16 = u16::MAX - 1;

/// The state of a source, unpacked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct State {
    generation: u16,
    count: u16,
    value: u32,
}

impl State {
    const fn is_open(self) -> bool {
        self.generation % 2 == 1
    }

    fn raised(self, generation: u16, value: u32) -> Result<State, Error> {
        if !self.is_open() || self.generation != generation {
            return Err(Error::InvalidHandle);
        }
        let before = if Mutant::RaisesCountOnce.is_on() { 0 } else { self.count };
        Ok(State { generation, count: before.saturating_add(1), value })
    }
}

/// Atomic access to a [`State`].
pub trait Atomic {
    /// All zero.
    const NEW: Self;

    fn load(&self) -> State;

    fn store(&self, state: State);

    /// Changes the state as one step; `change` may be asked several times.
    fn update(&self, change: impl Fn(State) -> Result<State, Error>) -> Result<(), Error>;

    /// Resets count and value, and returns what the state was.
    fn take(&self) -> State;
}

/// One source of a port. Eight bytes; zero bits are a source that was never opened.
pub struct Word<A = Native>(A);

impl Word {
    pub(super) const fn new() -> Self {
        Word(Native::NEW)
    }
}

impl<A: Atomic> Word<A> {
    pub(super) fn open(&self) -> Result<u16, Error> {
        let state = self.0.load();
        if state.is_open() || state.generation >= LAST_CLOSED {
            return Err(Error::Busy);
        }
        let generation = state.generation + 1;
        self.0.store(State { generation, count: 0, value: 0 });
        Ok(generation)
    }

    pub(super) fn close(&self) {
        let state = self.0.load();
        if state.is_open() {
            self.0.store(State { generation: state.generation + 1, count: 0, value: 0 });
        }
    }

    pub(super) fn raise(&self, generation: u16, value: u32) -> Result<(), Error> {
        self.0.update(|state| state.raised(generation, value))
    }

    pub(super) fn is_open(&self) -> bool {
        self.0.load().is_open()
    }

    pub(super) fn is_raised(&self) -> bool {
        self.0.load().count != 0
    }

    pub(super) fn take(&self) -> Option<Raised> {
        if !self.is_raised() {
            return None;
        }
        let taken = self.0.take();
        Some(Raised { count: taken.count, value: taken.value })
    }
}

impl<A: Atomic> Clone for Word<A> {
    fn clone(&self) -> Self {
        let copy = Word(A::NEW);
        copy.0.store(self.0.load());
        copy
    }
}

impl<A: Atomic> Hash for Word<A> {
    /// What it was raised with; the generation is that of its handle.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let State { count, value, .. } = self.0.load();
        (count, value).hash(state);
    }
}

impl<A: Atomic> fmt::Debug for Word<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let State { generation, count, value } = self.0.load();
        write!(f, "#{generation} {count} x {value}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a_source_counts_keeps_the_last_value_and_refuses_stale_raises<A: Atomic>() {
        let word = Word(A::NEW);
        assert_eq!(word.raise(1, 5), Err(Error::InvalidHandle));
        let first = word.open().unwrap();
        assert_eq!((first, word.open()), (1, Err(Error::Busy)));
        assert_eq!((word.raise(first, 5), word.raise(first, 6)), (Ok(()), Ok(())));
        assert!(word.is_raised());
        assert_eq!(word.clone().take(), Some(Raised { count: 2, value: 6 }));
        assert_eq!(word.take(), Some(Raised { count: 2, value: 6 }));
        assert_eq!(word.take(), None);
        assert_eq!(word.raise(first, 7), Ok(()));
        word.close();
        assert_eq!((word.raise(first, 8), word.take()), (Err(Error::InvalidHandle), None));
        assert_eq!(word.open(), Ok(3));
        assert_eq!(word.raise(first, 8), Err(Error::InvalidHandle));
    }

    #[test]
    fn one_wide_atomic() {
        a_source_counts_keeps_the_last_value_and_refuses_stale_raises::<wide::Wide>();
    }

    #[test]
    fn two_narrow_atomics() {
        a_source_counts_keeps_the_last_value_and_refuses_stale_raises::<split::Split>();
    }
}
