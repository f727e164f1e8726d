//! Reliable messages over UDP: each is handed up exactly once and in order, though datagrams are lost, come twice, late,
//! out of order, cut or with wrong bits.
//!
//! A [`Sender`](sender::Sender) opens a connection to a [`Receiver`](receiver::Receiver), has up to [`WINDOW`] messages on
//! their way, sends again what is not acknowledged in time, and gives up after so many attempts. A receiver has one
//! connection at a time, and a newer sender takes its place.
//!
//! ```text
//!  sender                                receiver
//!    | --- Open (my id) ------------------> |    who may be an old duplicate: nothing changes but a candidate
//!    | <-- Opened (your id, my id) -------- |
//!    | --- Data 0, Data 1, .. ------------> |    both ids are right: the candidate becomes the connection
//!    | <-- Ack (next, what lies behind) --- |
//!    | --- End n -------------------------> |    numbered and acknowledged as the messages are
//!    | <-- Ack n+1 ------------------------ |
//! ```
//!
//! Both ids are random. So what is left on the network of an earlier connection belongs to no connection now, and a
//! receiver that has crashed and lost its state answers with `Gone`, which ends the sender. What was acknowledged was
//! handed up; whether what was not was handed up before the crash nobody can tell.
//!
//! Numbers have 32 bits: a duplicate would have to be four billion messages late to be taken for another message. A
//! [`Variant`] makes mistakes on purpose, for the simulator to find.
//!
//! Left out: round-trip times are not measured, what is sent is not slowed down for the network's sake, messages are not
//! split, and nobody is authenticated.

use ptk_core::Duration;

pub mod frame;
pub mod numbered;
mod numbers;
pub mod receiver;
mod receiving;
pub mod sender;
mod sending;
mod variant;

pub use variant::Variant;

/// How many messages are on their way at once.
pub const WINDOW: usize = 4;

/// The longest message, in bytes.
pub const MAX_MESSAGE: usize = 128;

/// When a sender loses patience.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Patience {
    /// How long the first answer may take; each time that none comes, twice as long.
    pub first: Duration,
    /// How long it takes at the longest.
    pub longest: Duration,
    /// How often in a row no answer may come.
    pub attempts: u32,
}

impl Patience {
    /// For a local network: 20 s in all.
    pub const DEFAULT: Patience =
        Patience { first: Duration::from_millis(100), longest: Duration::from_secs(2), attempts: 14 };

    /// How long the answer may take after so many that did not come.
    pub fn after(&self, failures: u32) -> Duration {
        let factor = 1u64.checked_shl(failures).unwrap_or(u64::MAX);
        let nanos = self.first.as_nanos().saturating_mul(factor);
        Duration::from_nanos(nanos.min(self.longest.as_nanos()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_doubles_and_ends_somewhere() {
        let patience = Patience { first: Duration::from_millis(10), longest: Duration::from_millis(50), attempts: 3 };
        let waits = [0, 1, 2, 3, 63, 64, 1000].map(|failures| patience.after(failures).as_millis());
        assert_eq!(waits, [10, 20, 40, 50, 50, 50, 50]);
    }
}
