//! Names of hosts: [`Cx::resolve`](crate::Cx::resolve) and [`Cx::connect_to`](crate::Cx::connect_to).
//!
//! A lookup's state lives in the loop, in one of its `LOOKUPS` slots, and runs inside the task that waits for it: its
//! sockets are the task's, and giving the wait up closes them. While all slots are taken, tasks wait for one, first come
//! first served.
//!
//! # Where addresses come from
//!
//! 1. A numeric address (`192.0.2.1`, `2001:db8::1`, `[2001:db8::1]`) stands for itself.
//! 2. `localhost` and names within it are the loopback addresses (RFC 6761, 6.3).
//! 3. What the platform's own table says ([`Platform::host_addresses`](crate::Platform::host_addresses)).
//! 4. The loop's cache.
//! 5. The name servers: those of [`Cx::set_name_servers`](crate::Cx::set_name_servers), else the platform's.
//!
//! # How servers are asked
//!
//! - Names are searched as `resolv.conf(5)` says: search domains, `ndots`, `timeout`, `attempts`. A server that refuses,
//!   fails, answers nonsense or is silent for the timeout is followed by the next; behind the last one the attempt after
//!   that begins. A name that a server says does not exist, or has no address, is not asked for again, but the next
//!   search domain is tried. So it is where all servers refused, failed or answered nonsense; that is reported if no
//!   other domain has the name. Silence ends the search.
//! - Each attempt has a UDP socket of its own, at a port that the platform chooses unpredictably, connected to the server;
//!   ids are random (RFC 5452). A datagram that does not come from there, or has another id or question, is passed over,
//!   whatever it says; but a refusal (any code save success and "no such name") may leave the question out.
//! - A and AAAA are asked for together. One usable answer suffices: it waits 50 milliseconds for the other over UDP
//!   (RFC 8305, 3). What comes later is lost to [`Cx::resolve`](crate::Cx::resolve).
//!   [`Cx::connect_to`](crate::Cx::connect_to) asks for the missing family again, each server once, when it could not
//!   connect to any address of the other.
//! - An answer that was cut off is asked for again over TCP, for as long as the server's timeout. Its first kilobyte
//!   counts.
//! - A connect tries an address after the other: each for two seconds while others are left, or a family is missing. A
//!   last address that hung is tried again, without limit, once the missing family has come to nothing.
//! - Aliases (CNAME) are followed within an answer, and by further queries where it ends at one: eight of each at most.
//!
//! # What is kept
//!
//! Four names for each slot, of 63 bytes at most, for as long as the answers say but not longer than a day; the entry
//! that expires first gives way. An answer that holds no time at all is not kept, nor is one in which a family is missing
//! because a server failed or was late, nor that a name does not exist.
//!
//! # Left out
//!
//! Names in other scripts (write their ASCII form, `xn--..`), DNSSEC, extensions (EDNS), and all records but A, AAAA and
//! CNAME. Addresses are not sorted by the machine's routes: see [`Addresses`].

mod addresses;
mod cache;
mod lookup;
#[doc(hidden)] // public for fuzzing alone
pub mod message;
mod name;
mod resolve;
mod service;
mod slots;

pub use self::addresses::{Addresses, MAX_ADDRESSES};
pub use self::service::MAX_NAME_SERVERS;
pub(crate) use self::slots::{Names, NamesView};
