//! SNTP version 4 as a client: the time of a server, and how far a clock is from it.
//!
//! ```text
//!  client -> packet -> socket
//!  client <- packet <- socket     sample: when, by whose clocks
//!  sample + wall clock -> time and offset
//! ```
//!
//! Section numbers refer to RFC 4330 where nothing else is said. The client reads no wall clock: it measures with the
//! loop's monotonic one. Whoever has a wall clock says what it showed at some instant ([`client::Sample::offset`]), so that
//! a device without one can still learn the time.

pub mod calendar;
pub mod client;
pub mod packet;
pub mod timestamp;

/// The port of NTP.
pub const PORT: u16 = 123;
