//! PTK on Linux: epoll, timerfd and eventfd behind [`ptk_core::Platform`].
//!
//! [`Linux`] is the platform of an event loop; [`Port`] is how threads and signal handlers raise events into it. Neither
//! allocates, both are const-constructible, and neither holds a descriptor before it is opened.
//!
//! # What it costs
//!
//! Each socket is registered with epoll once, edge-triggered, and never again: a connection in its steady state makes
//! one `recv`, one `send` and its share of one `epoll_wait`. One timerfd serves all deadlines and is set only when an
//! earlier one comes up; a raise writes to the eventfd only if the loop sleeps.
//!
//! # Embedding
//!
//! [`Linux`] lends its epoll descriptor ([`Linux::as_fd`]), which a foreign loop can watch for readability. Before it
//! sleeps, the foreign loop calls [`Linux::prepare_to_sleep`] with the event loop's next deadline; whenever
//! the descriptor is readable, it runs a turn that does not wait.
//!
//! # Files
//!
//! | file | owns |
//! |---|---|
//! | `platform.rs` | [`Linux`]: what the core calls |
//! | `poller.rs` | epoll, and what its events mean |
//! | `alarm.rs` | the timerfd and when it must be set |
//! | `port.rs` | [`Port`]: the eventfd and who writes to it |
//! | `socket.rs` | [`Socket`]: what is the same for all kinds of them |
//! | `tcp.rs`, `udp.rs` | the calls that make TCP and UDP sockets, and their quirks |
//! | `unix.rs` | [`unix`]: Unix-domain sockets |
//! | `descriptor.rs` | [`descriptor`]: what else epoll can watch |
//! | `settings.rs` | settings of sockets |
//! | `interface.rs` | [`interface_index`] |
//! | `resolv_conf.rs`, `hosts.rs` | what the system knows about names |
//! | `lines.rs` | files, line by line |
//! | `errno.rs` | the meaning of each error number |
//! | `slot.rs` | "not open yet" as zero bits |
//! | `sys.rs` | all `unsafe` |
#![no_std]
#![deny(unsafe_code)]

mod alarm;
pub mod descriptor;
mod errno;
mod hosts;
mod interface;
mod lines;
mod platform;
mod poller;
mod port;
mod resolv_conf;
mod settings;
mod slot;
mod socket;
#[allow(unsafe_code, reason = "the one module that may")]
mod sys;
mod tcp;
mod udp;
pub mod unix;

pub use interface::interface_index;
pub use platform::Linux;
pub use port::Port;
pub use rustix::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd};
pub use socket::Socket;
