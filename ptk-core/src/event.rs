//! What a handler is told.

use crate::error::Error;
use crate::port::Raised;

/// Something that happened to a handle with a handler: see [`Cx::set_handler`](crate::Cx::set_handler).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Event {
    /// The timer expired this many times: 1, and one more for each period that a stall swallowed.
    TimerExpired(u64),
    /// A receive or an accept may get something. Told again each turn until it has been taken.
    Readable,
    /// A send may take something. Told once when it becomes so.
    Writable,
    /// The connection that the handler's socket was making is up.
    Connected,
    /// The peer ended its side. Data may still be readable. Told once.
    Disconnected,
    /// The connection could not be made.
    Error(Error),
    /// The source was raised.
    Raised(Raised),
}
