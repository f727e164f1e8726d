//! The virtual clock: it moves when it is told to, and never back.

use ptk_core::Instant;

use crate::mutant::Mutant;

/// Time as data.
#[derive(Clone, Copy, Hash, Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    /// A clock at its origin.
    pub(crate) const fn new() -> Clock {
        Clock(Instant::ORIGIN)
    }

    /// The time now.
    pub(crate) const fn now(&self) -> Instant {
        self.0
    }

    /// Is at `instant`, in another state of the world.
    pub(crate) fn set(&mut self, instant: Instant) {
        self.0 = instant;
    }

    /// Moves on to `instant`; an instant that has passed changes nothing.
    pub(crate) fn pass_to(&mut self, instant: Instant) {
        self.0 = if Mutant::ClockGoesBack.is_on() { instant } else { self.0.max(instant) };
    }
}

#[cfg(test)]
mod tests {
    use ptk_core::Instant;

    use super::Clock;

    #[test]
    fn a_clock_never_goes_back() {
        let mut clock = Clock::new();
        clock.pass_to(Instant::from_nanos(2));
        clock.pass_to(Instant::from_nanos(1));
        assert_eq!(clock.now(), Instant::from_nanos(2));
    }
}
