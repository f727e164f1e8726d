#![doc = "lib doc placeholder"]
#![no_std]
#![forbid(unsafe_code)]

extern crate self as ptk_core;

#[macro_use]
mod note;

mod buffer;
mod cx;
pub mod deadlines;
mod error;
mod event;
mod event_loop;
mod handle;
mod inspect;
mod ownership;
mod platform;
mod port;
mod protothread;
mod pt;
#[doc(hidden)]
#[path = "rt.rs"]
pub mod __rt;
mod scope;
mod socket;
mod source;
mod state;
pub mod table;
mod task;
mod task_set;
mod time;
mod timer;
mod wait;

use __rt as rt;

pub use buffer::{Buf, Buffer, Bytes};
pub use cx::Cx;
pub use error::Error;
pub use event::Event;
pub use event_loop::EventLoop;
pub use handle::{EventSource, Handle, Kind, MAX_SLOTS, Task, TcpListener, TcpSocket, Timer, TypedHandle, UdpSocket};
pub use inspect::{Counters, Tables, TaskReport, TaskState, Unhashed, Usage, WaitingFor};
pub use platform::{Close, Half, Options, Platform, Readiness, Received, Rest, Sink, Until};
pub use port::{EventPort, EventPortView, Port, Raised, Wake};
pub use protothread::{First, Never, Protothread, TimedOut};
pub use ptk_macros::{TaskSet, protothread};
pub use pt::{Pt, PtTimed};
pub use task_set::{DynTask, DynTasks, Suspended, TaskOutput, TaskSet};
pub use time::{Duration, Instant};
pub use wait::{MAX_TASKS, WAIT_NODES};

/// What code that uses PTK usually imports.
pub mod prelude {
    pub use core::task::Poll;

    pub use crate::{
        Buf, Buffer, Cx, Duration, Error, Event, EventLoop, EventSource, First, Half, Instant, Options, Platform,
        Protothread, Pt, PtTimed, Task, TaskSet, TcpListener, TcpSocket, TimedOut, Timer, TypedHandle, first,
        protothread, sleep, wait, yield_now,
    };
}
