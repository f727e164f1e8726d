//! Resume points: all that a suspended protothread remembers beside its author's fields.

use core::fmt;
use core::hash::{Hash, Hasher};

use crate::deadlines::Deadline;
use crate::time::Instant;

/// Where a protothread goes on when it is resumed. Two bytes; zero bits are the beginning.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Pt {
    state: u16,
}

const _: () = assert!(size_of::<Pt>() == 2);

impl Pt {
    const DONE: u16 = u16::MAX;

    /// A protothread that has not started.
    pub const fn new() -> Self {
        Pt { state: 0 }
    }

    /// Whether the protothread has not started, or was restarted.
    pub const fn is_new(self) -> bool {
        self.state == 0
    }

    /// Whether the protothread has returned, or panicked.
    pub const fn is_done(self) -> bool {
        self.state == Self::DONE
    }

    /// The number of the wait at which the protothread is suspended, counted from 1 in the order of the source; 0 before
    /// the start.
    pub const fn state(self) -> u16 {
        self.state
    }

    /// Makes the next resume begin at the beginning.
    ///
    /// `wait!` does this for every child that it starts; only code that polls a child by hand needs it.
    pub const fn restart(&mut self) {
        self.state = 0;
    }
}

impl fmt::Debug for Pt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.state {
            0 => f.write_str("new"),
            Self::DONE => f.write_str("done"),
            n => write!(f, "wait {n}"),
        }
    }
}

/// A [`Pt`] with room for one deadline, for protothreads that use `wait!(.., timeout = ..)` or `sleep!`. Sixteen bytes.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PtTimed {
    at: Instant,
    order: u32,
    pt: Pt,
}

const _: () = assert!(size_of::<PtTimed>() == 16);

/// The resume point, and the deadline of the wait at which it stands, if that has one.
impl Hash for PtTimed {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.pt.hash(state);
        if !self.pt.is_new() && !self.pt.is_done() {
            self.deadline().hash(state);
        }
    }
}

impl PtTimed {
    /// A protothread that has not started.
    pub const fn new() -> Self {
        PtTimed { at: Instant::ORIGIN, order: 0, pt: Pt::new() }
    }

    /// The resume point.
    pub const fn pt(self) -> Pt {
        self.pt
    }

    /// Makes the next resume begin at the beginning: see [`Pt::restart`].
    pub const fn restart(&mut self) {
        self.pt.restart();
    }
}

/// Where `#[protothread]` keeps its resume point: `Pt` or `PtTimed`.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot hold a protothread's resume point",
    label = "expected a field of type `Pt` or `PtTimed`"
)]
pub trait ResumePoint {
    fn get(&self) -> Pt;
    fn set(&mut self, state: u16);
    /// As `set`, at a wait without a deadline.
    fn set_untimed(&mut self, state: u16) {
        self.set(state);
    }
    /// Takes the state and leaves DONE, so that every way out but a pending wait finishes the protothread.
    fn take(&mut self) -> Pt;
}

impl ResumePoint for Pt {
    #[inline(always)]
    fn get(&self) -> Pt {
        *self
    }

    #[inline(always)]
    fn set(&mut self, state: u16) {
        self.state = state;
    }

    #[inline(always)]
    fn take(&mut self) -> Pt {
        core::mem::replace(self, Pt { state: Self::DONE })
    }
}

impl ResumePoint for PtTimed {
    #[inline(always)]
    fn get(&self) -> Pt {
        self.pt
    }

    #[inline(always)]
    fn set(&mut self, state: u16) {
        self.pt.set(state);
    }

    #[inline(always)]
    fn set_untimed(&mut self, state: u16) {
        // Nothing is left of the deadline of an earlier wait, or equal states would not hash alike.
        self.set_deadline(Deadline { at: Instant::ORIGIN, order: 0 });
        self.pt.set(state);
    }

    #[inline(always)]
    fn take(&mut self) -> Pt {
        self.pt.take()
    }
}

/// A resume point with room for a deadline.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no room for a deadline",
    label = "a timeout or `sleep!` needs the protothread's state to be a `PtTimed`"
)]
pub trait TimedResumePoint: ResumePoint {
    fn deadline(&self) -> Deadline;
    fn set_deadline(&mut self, deadline: Deadline);
}

impl TimedResumePoint for PtTimed {
    #[inline]
    fn deadline(&self) -> Deadline {
        Deadline { at: self.at, order: self.order }
    }

    #[inline]
    fn set_deadline(&mut self, deadline: Deadline) {
        self.at = deadline.at;
        self.order = deadline.order;
    }
}
