//! The latest value of something, for all that want to know.

use core::task::Poll;

use super::waiters::{FOR_ALL, Id};
use crate::cx::Cx;
use crate::error::Error;
use crate::inspect::Shared;
use crate::platform::Platform;

/// The latest value of something: a link's state, a setting, the wish to shut down. Eight bytes more than the value.
///
/// All that wait are woken, and each sees the latest value once; what was set and replaced before a task looked, it never
/// sees. Each reader keeps in a field of its own what it has [`Seen`]. For values of which none may be lost, and which
/// one task takes, there is [`Channel`](super::Channel).
///
/// ```
/// # use ptk_core::prelude::*;
/// # use ptk_core::sync::{Seen, Signal};
/// # #[derive(Clone, Hash, Debug)]
/// # struct Led { pt: Pt, seen: Seen, lit: bool }
/// # impl<P: Platform> Protothread<P, Signal<bool>> for Led {
/// #     type Output = Result<(), Error>;
/// #     #[protothread]
/// #     fn run(&mut self, cx: &mut Cx<'_, P>, link_up: &mut Signal<bool>) -> Result<(), Error> {
/// loop {
///     // At first the value that is there.
///     self.lit = wait!(link_up.changed(cx, &mut self.seen))?;
/// }
/// #     }
/// # }
/// # let _ = Signal::new(false);
/// ```
#[derive(Clone, Hash, Debug)]
pub struct Signal<T> {
    version: Seen,
    id: Id,
    value: T,
}

/// How much a reader has seen of a [`Signal`]. Four bytes; a new one has seen nothing.
///
/// Changes are counted modulo 2^32: a reader that looks again after exactly that many misses them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Seen(u32);

impl Seen {
    /// Nothing yet.
    pub const NOTHING: Seen = Seen(0);
}

impl<T> Signal<T> {
    /// A signal with its first value.
    pub const fn new(value: T) -> Self {
        Signal { version: Seen(1), id: Id::NONE, value }
    }

    /// Replaces the value and wakes all that wait, also if it is equal to the one before.
    pub fn set<P: Platform>(&mut self, cx: &mut Cx<'_, P>, value: T) {
        self.value = value;
        self.version = Seen(if self.version.0 == u32::MAX { 1 } else { self.version.0 + 1 });
        cx.offer_all(self.id, Shared::Change);
    }

    /// The value.
    pub const fn get(&self) -> &T {
        &self.value
    }

    /// What a reader has seen who knows the value that is there.
    pub const fn seen(&self) -> Seen {
        self.version
    }

    /// Whether a reader that has seen `seen` has missed a change.
    pub fn has_changed(&self, seen: Seen) -> bool {
        self.version != seen
    }
}

impl<T: Clone> Signal<T> {
    /// Waits until there is a value that the reader has not seen, notes it in `seen`, and gives a copy.
    ///
    /// # Errors
    ///
    /// [`Error::TooManyWaits`].
    pub fn changed<P: Platform>(&mut self, cx: &mut Cx<'_, P>, seen: &mut Seen) -> Poll<Result<T, Error>> {
        // A change is there for all.
        let available = if self.has_changed(*seen) { FOR_ALL } else { 0 };
        let taken = cx.take(&mut self.id, Shared::Change, available);
        taken.map(|taken| {
            taken.map(|()| {
                *seen = self.version;
                self.value.clone()
            })
        })
    }
}
