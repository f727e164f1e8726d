//! Protothreads and an event loop on static memory: the core of PTK, the Protocol Toolkit.
//!
//! For network protocols in firmware-style applications: no heap, every limit known when it compiles, each byte of RAM
//! visible. `no_std`, no allocation, no `unsafe`; it knows no operating system. A [`Platform`] brings one in.
//!
//! # A protothread
//!
//! Code that reads top to bottom, whose whole state is a resume point and named fields, so that it is
//! `Clone + Hash + Debug`: it can be copied, compared, printed and explored.
//!
//! ```
//! use core::net::SocketAddr;
//! use ptk_core::prelude::*;
//!
//! #[derive(Clone, Hash, Debug)]
//! struct Client { pt: PtTimed, server: SocketAddr, socket: TcpSocket, buffer: Buffer<256>, rounds: u32 }
//!
//! impl<P: Platform> Protothread<P> for Client {
//!     type Output = Result<(), Error>;
//!
//!     #[protothread] // the state is `self.pt`
//!     fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
//!         self.socket = wait!(cx.connect(self.server), timeout = Duration::from_secs(3))??;
//!         while self.rounds > 0 {
//!             self.rounds -= 1;
//!             self.buffer.put_slice(b"hello")?;
//!             wait!(cx.send_all(self.socket, &mut self.buffer))?;
//!             if wait!(cx.recv(self.socket, &mut self.buffer))? == 0 {
//!                 break;
//!             }
//!             self.buffer.clear();
//!         }
//!         cx.close(self.socket)
//!     }
//! }
//! ```
//!
//! - [`protothread`](macro@protothread) describes the attribute, [`wait!`] waiting, [`first!`] choosing, [`sleep!`] and
//!   [`yield_now!`] pausing.
//! - A local does not survive a wait: keep it in a field. Using one is a compile error at its name.
//! - A child is a field: `wait!(self.child.method(cx))?`. Each wait that reaches it starts it at its beginning.
//! - What a task opens is its own. A wait that fails or is given up closes what was opened under it; the task's end
//!   closes all. [`Cx::detach`] opts out.
//!
//! # A loop
//!
//! An [`EventLoop`] owns all storage. The application's tasks are a [`TaskSet`], usually
//! [derived](derive@TaskSet); [`Cx`] is what they see of the loop. Applications without protothreads use handlers
//! ([`Cx::set_handler`]).
//!
//! # Where things are
//!
//! | | |
//! |---|---|
//! | [`Handle`] | names that are never valid twice |
//! | [`Error`] | one error type with stable codes |
//! | [`Instant`], [`Duration`] | time |
//! | [`EventPort`] | raising events from threads, signal handlers and interrupts |
//! | [`Buffer`], [`framing`] | bytes between two positions, and messages in a stream of them |
//! | [`sync`] | locks, permits, signals and channels between tasks |
//! | `dns` | names of hosts: the feature of that name |
//! | [`Counters`], [`TaskReport`], [`Tables`] | seeing inside |
//! | [`Platform`], [`middleware`] | the contract of a backend, and what goes around one |
//!
//! # Features
//!
//! `dns`: names of hosts, `Cx::resolve` and `Cx::connect_to`. `defmt`: `Format` for the public types. `log`, `defmt-log`:
//! log sites through that facade. `wait-nodes-4`, `wait-nodes-8`: what a task can wait for at once, instead of two. All are
//! additive. `mutants` is for PTK's own tests: it makes bugs that can be planted.
//!
//! # Log
//!
//! What is written at which level, with the handle or task and the error that it is about:
//!
//! | level | |
//! |---|---|
//! | `error` | the loop cannot go on: it does not open, or cannot wait; a task or a handler has panicked |
//! | `warn` | somebody has lost something: a task or a handler failed, a table is full, a task waits for too much at once, accepting pauses |
//! | `info` | what an operator asks for: a listener listens, a connect failed |
//! | `debug` | sockets are opened, connect and are closed; tasks start and end; what a lookup of a name found |
//! | `trace` | a task has used up its budget of a turn |
//!
//! A task that failed is named with the line of the wait at which it was last resumed. [`middleware::Log`] writes the
//! calls of the platform, at `debug` and `trace`. Without `log` and `defmt-log` no log site leaves any code behind.

#![no_std]
#![forbid(unsafe_code)]

extern crate self as ptk_core;

#[macro_use]
mod note;

#[doc(hidden)]
#[path = "rt.rs"]
pub mod __rt;
mod blocking;
mod buffer;
mod cx;
#[doc(hidden)]
pub mod deadlines;
#[cfg(feature = "dns")]
pub mod dns;
mod error;
mod event;
mod event_loop;
pub mod framing;
mod handle;
mod inspect;
pub mod middleware;
#[doc(hidden)]
pub mod mutant;
mod options;
mod ownership;
mod platform;
mod port;
mod protothread;
mod pt;
mod scope;
mod socket;
mod source;
mod state;
pub mod sync;
#[doc(hidden)]
pub mod table;
mod task;
mod task_set;
mod time;
mod timer;
mod wait;

use __rt as rt;

pub use blocking::Blocking;
pub use buffer::{Buf, Buffer, Bytes};
pub use cx::Cx;
pub use error::Error;
pub use event::Event;
pub use event_loop::EventLoop;
pub use handle::{
    Descriptor, EventSource, Handle, Kind, MAX_SLOTS, Stream, Task, TcpListener, TcpSocket, Timer, TypedHandle,
    UdpSocket,
};
pub use inspect::{Counters, Shared, Tables, TaskReport, TaskState, Usage, WaitingFor};
pub use options::{Interface, Keepalive, Membership, Options, Reuse, SocketOption};
pub use platform::{Close, Datagram, Half, NameService, Platform, Readiness, Received, Rest, Sink, Until};
pub use port::{EventPort, EventPortView, Port, Raised, Wake};
pub use protothread::{First, Never, Protothread, TimedOut};
pub use pt::{Pt, PtTimed};
pub use ptk_macros::{TaskSet, protothread};
pub use task_set::{DynTask, DynTasks, Suspended, TaskOutput, TaskSet};
pub use time::{Duration, Instant};
pub use wait::{MAX_TASKS, WAIT_NODES};

/// What code that uses PTK usually imports.
pub mod prelude {
    pub use core::task::Poll;

    pub use crate::{
        Buf, Buffer, Cx, Datagram, Duration, Error, Event, EventLoop, EventSource, First, Half, Instant, Options,
        Platform, Protothread, Pt, PtTimed, Task, TaskSet, TcpListener, TcpSocket, TimedOut, Timer, TypedHandle,
        UdpSocket, first, protothread, sleep, wait, yield_now,
    };
}
