//! Events raised from threads, signal handlers and interrupts.
//!
//! A port is an array of sources, each one word that can be raised from anywhere without a lock, and two flags by which
//! a raiser knows whether it has to wake the loop:
//!
//! ```text
//!  raiser                                   loop, before it sleeps
//!  ------                                   ----------------------
//!  1. word: count += 1, value               1. asleep = true
//!  2. was pending already? then done        2. pending? then do not sleep
//!     pending = true                        3. sleep
//!  3. asleep? then wake it                  4. asleep = false
//!                                           5. pending = false, then look at the words
//! ```
//!
//! All accesses to the flags and the words are sequentially consistent: either the raiser sees `asleep`, or the loop sees
//! `pending`; and a raiser that found `pending` set did so before the loop cleared it and looked at the words. A raise
//! while the loop runs costs no system call, and neither does the second of two.

mod word;

use core::fmt;
use core::hash::{Hash, Hasher};
use core::sync::atomic::{AtomicBool, AtomicU16, Ordering};

use self::word::Word;
use crate::error::Error;
use crate::handle::{EventSource, TypedHandle};

/// What a source had been raised with when its event was taken.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Raised {
    /// How often it was raised since the event was last taken; stays at 65,535 when there were more.
    pub count: u16,
    /// The value of the last raise.
    pub value: u32,
}

/// Whether the raiser has to wake the loop.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use = "a loop that sleeps does not notice the raise until it is woken"]
pub enum Wake {
    /// The loop sleeps, or is about to.
    Needed,
    /// The loop will see the raise without help.
    NotNeeded,
}

/// A port with any number of sources: what a reference to an [`EventPort`] becomes by unsizing.
pub type EventPortView = Port<[Word]>;

/// A port with `N` sources. Const-constructible and all zero bits; 16 bytes, and 8 for each source.
pub type EventPort<const N: usize> = Port<[Word; N]>;

/// A port over some storage: see [`EventPort`].
pub struct Port<W: ?Sized> {
    pending: AtomicBool,
    asleep: AtomicBool,
    /// The id of the loop that is attached, plus 1.
    attached: AtomicU16,
    words: W,
}

impl<const N: usize> EventPort<N> {
    /// A port whose sources are all closed.
    pub const fn new() -> Self {
        Port {
            pending: AtomicBool::new(false),
            asleep: AtomicBool::new(false),
            attached: AtomicU16::new(0),
            words: [const { Word::new() }; N],
        }
    }
}

impl<const N: usize> Default for EventPort<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl EventPortView {
    /// Raises `source`: its count grows by one and its value becomes `value`. Whatever the raiser wrote before is
    /// visible to the task that takes the event.
    ///
    /// Legal in any thread, signal handler or interrupt; lock-free; a handful of instructions.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidHandle`] if the source is closed or belongs to another loop; nothing was touched.
    pub fn raise(&self, source: EventSource, value: u32) -> Result<Wake, Error> {
        let handle = source.handle().ok_or(Error::InvalidHandle)?;
        if u16::from(handle.loop_id()) + 1 != self.attached.load(Ordering::Relaxed) {
            return Err(Error::InvalidHandle);
        }
        let generation = u16::try_from(handle.generation()).map_err(|_| Error::InvalidHandle)?;
        let word = self.words.get(handle.index()).ok_or(Error::InvalidHandle)?;
        word.raise(generation, value)?;
        // In a burst most raises find it pending; looking first spares them a locked instruction.
        let is_pending = self.pending.load(Ordering::SeqCst) || self.pending.swap(true, Ordering::SeqCst);
        if is_pending || !self.asleep.load(Ordering::SeqCst) {
            return Ok(Wake::NotNeeded);
        }
        Ok(Wake::Needed)
    }

    /// How many sources there are.
    pub const fn capacity(&self) -> usize {
        self.words.len()
    }

    /// Attaches the loop `loop_id`: from now on, its sources can be raised. For backends and the core.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] if another loop is attached: one port serves one loop.
    pub fn attach(&self, loop_id: u8) -> Result<(), Error> {
        let attached = u16::from(loop_id) + 1;
        self.attached
            .compare_exchange(0, attached, Ordering::Relaxed, Ordering::Relaxed)
            .map_or(Err(Error::Busy), |_| Ok(()))
    }

    /// Closes all sources and lets another loop attach. For the core, when a loop is dropped.
    pub fn detach(&self) {
        for index in 0..self.words.len() {
            self.close(index);
        }
        self.asleep.store(false, Ordering::SeqCst);
        self.attached.store(0, Ordering::Relaxed);
    }

    /// Opens source `index` and returns the generation that its handle carries. For the core.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] if there is no such source; [`Error::Busy`] if it is open or has used up its
    /// generations.
    pub fn open(&self, index: usize) -> Result<u16, Error> {
        self.words.get(index).ok_or(Error::InvalidArgument)?.open()
    }

    /// Closes source `index`; raises by its handle are refused from now on. For the core.
    pub fn close(&self, index: usize) {
        if let Some(word) = self.words.get(index) {
            word.close();
        }
    }

    /// Whether source `index` was raised since its event was last taken.
    pub fn is_raised(&self, index: usize) -> bool {
        self.words.get(index).is_some_and(Word::is_raised)
    }

    /// Takes what source `index` was raised with. For the core.
    pub fn take(&self, index: usize) -> Option<Raised> {
        self.words.get(index)?.take()
    }

    /// Announces that the loop is about to sleep; `false` if something was raised and it must not. For backends: every
    /// call is followed by [`wake_up`](Self::wake_up).
    pub fn may_sleep(&self) -> bool {
        self.asleep.store(true, Ordering::SeqCst);
        !self.pending.load(Ordering::SeqCst)
    }

    /// Announces that the loop runs; whether something was raised since the last call. For backends.
    pub fn wake_up(&self) -> bool {
        // Nobody else writes it, and a loop that did not sleep is spared a locked instruction.
        if self.asleep.load(Ordering::Relaxed) {
            self.asleep.store(false, Ordering::SeqCst);
        }
        // Cleared before the words are read: a raise that comes now sets it again.
        self.pending.load(Ordering::Relaxed) && self.pending.swap(false, Ordering::SeqCst)
    }
}

impl<const N: usize> Clone for EventPort<N> {
    /// A port with the same pending events, for worlds that are copied. Raises during the copy may be in it or not.
    fn clone(&self) -> Self {
        Port {
            pending: AtomicBool::new(self.pending.load(Ordering::SeqCst)),
            asleep: AtomicBool::new(self.asleep.load(Ordering::SeqCst)),
            attached: AtomicU16::new(self.attached.load(Ordering::Relaxed)),
            words: core::array::from_fn(|i| self.words[i].clone()),
        }
    }
}

impl<const N: usize> Hash for EventPort<N> {
    /// The pending events, and whether the loop has heard of them.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.pending.load(Ordering::SeqCst).hash(state);
        for (index, word) in self.words.iter().enumerate().filter(|(_, word)| word.is_open()) {
            index.hash(state);
            word.hash(state);
        }
    }
}

impl<const N: usize> fmt::Debug for EventPort<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.words).finish()
    }
}
