//! The conformance suite: what every backend must do, written once and run on each.
//!
//! A [`Backend`] says how to make an open platform and how to do to it what a loop cannot do to itself; a behaviour is a
//! function that is generic over it, and goes through the whole loop: protothreads, handlers, timers, sockets. Both ends
//! of a connection are in one loop, because only that works on every backend.
//!
//! [`conformance!`] makes each behaviour a test for one backend. A backend that cannot offer a behaviour lists it with the
//! reason; it is tried all the same, and an exception that is not needed any more fails.
//!
//! Each test is bounded three times: a watchdog timer in the loop tells where each task waits, a bound on the turns ends a
//! loop that spins, and a thread ends the process if the loop itself sleeps for ever.

pub mod actors;
mod backend;
mod behaviours;
mod closing;
mod connecting;
mod datagrams;
mod ending;
mod events;
mod groups;
mod handlers;
pub mod linux;
mod listener;
pub mod mock;
pub mod stage;
mod streaming;
mod timers;

pub use backend::{Backend, Exception, Network, Raise, UrgentPeer, unsupported};
pub use behaviours::{Behaviour, all, bounded, run};
