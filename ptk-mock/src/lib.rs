//! PTK's platform as a deterministic simulation: a virtual clock and one host with TCP and UDP over its loopback
//! network.
//!
//! [`Mock`] is plain data, `Clone + Hash + Debug`: it owns the clock, the kernel's tables, every byte in flight and the
//! port, reads no wall clock, draws its random numbers from a seed and keeps nothing outside itself. So a loop on it
//! can be copied, compared and run again, and the same calls with the same seed always give the same world.
//!
//! ```
//! use ptk_core::{Duration, Instant, Platform, Readiness, Sink, Until};
//! use ptk_mock::Mock;
//!
//! struct Alarms(u32);
//! impl Sink for Alarms {
//!     fn socket(&mut self, _: ptk_core::Handle, _: Readiness) {}
//!     fn alarm(&mut self) {
//!         self.0 += 1;
//!     }
//!     fn raised(&mut self) {}
//! }
//!
//! let mut mock = Mock::new();
//! mock.open()?;
//! let noon = mock.now() + Duration::from_secs(12 * 3600);
//! let mut alarms = Alarms(0);
//! mock.wait(Until::Deadline(noon), &mut alarms)?; // takes no time at all
//! assert_eq!((mock.now(), alarms.0), (noon, 1));
//! # Ok::<(), ptk_core::Error>(())
//! ```
//!
//! # The model
//!
//! | | what the mock does | Linux |
//! |---|---|---|
//! | network | one host; `127.0.0.0/8` and `::1` are its addresses; no latency, no loss | the same for loopback |
//! | IPv6 | a listener at `[::]` takes IPv6 only | the same with `IPV6_V6ONLY` |
//! | connect | up as soon as the backlog has room; refused where nobody listens | the same |
//! | full backlog | the connect is repeated after 1, 2, 4 .. s and times out after 127 s | much the same |
//! | backlog of n | holds n + 1 | the same |
//! | streams | a send and a receive buffer for each end, whose sizes are exact | sizes are rounded |
//! | reset | data first, then one error, taken by the first call that meets it, then the end | the same |
//! | bound ports | free as soon as the last socket is gone: no `TIME_WAIT` | with `SO_REUSEADDR` |
//! | UDP | a datagram has arrived when the send returns; there is always room to send | the same for loopback |
//! | UDP source | the socket's own address, else `127.0.0.1` or `::1` | the same for loopback |
//! | UDP port 0 | a free port, drawn from the seed | drawn at random |
//! | UDP receive buffer | 212,992 bytes or twice what was chosen; a datagram takes 832 or more | the same |
//! | nobody has the port | who is connected to it is told once, before its datagrams; others never | the same |
//! | shared address | the best fit, then the last bound; by `Reuse::Port` each sender has its socket | another hash |
//! | bound and connected | whoever was bound to all addresses has, while connected, the one its peer sees | the same |
//! | disconnected | keeps its port | loses one that the kernel chose |
//! | broadcast | `127.255.255.255` and `255.255.255.255` reach all bound to it or to all addresses | needs a route |
//! | multicast | one interface, number 1, like a network card with nobody else on its network | needs a route |
//! | keepalive, user timeout, hop limits | checked and kept, to no effect: no loss, no routers | the same on loopback |
//! | names | what [`Mock::set_name_service`] and [`Mock::add_host`] gave | `resolv.conf` and `hosts` |
//! | events | only what the contract demands: no spurious ones, none twice | a few more |
//!
//! # Where it could go another way
//!
//! Each decision that a kernel, a scheduler or a network could take differently is one function, and takes the benign
//! way: first in, first out, whole reads and writes, no fault. They are `Kernel::pick_listener`, `Ports::ephemeral` and
//! `Bindings::ephemeral`, `Kernel::attempt` (the fate of a connect), `Kernel::pump` (how much moves from one end to the
//! other), `Pipe::put` and `Pipe::take` (how much a call takes), `rest_after` (whether a receive knows that it drained
//! the socket), `Kernel::deliver` (the fate of a datagram), `Kernel::pick_endpoint` (who gets it), `Inbox::put`
//! (whether there is room) and `ReadyQueue::next` (which event is reported next). What the kernel is going to do by
//! itself stands in its agenda.
#![forbid(unsafe_code)]

mod chooser;
mod clock;
mod environment;
mod failure;
mod faults;
pub mod guide;
mod kernel;
mod label;
mod link;
mod mock;
mod names;
mod network;
mod node;
mod node_id;
mod oracle;
mod packet;
mod random;
mod scenario;
mod shrink;
mod socket;
mod tape;
mod trace;
mod world;

pub use failure::Failure;
pub use faults::{Family, Faults};
pub use label::Label;
pub use link::{Latency, Link};
pub use mock::Mock;
pub use node::{Application, Boot};
pub use node_id::NodeId;
pub use packet::{Body, Packet, Payload};
pub use scenario::{Report, Scenario};
pub use socket::Socket;
pub use tape::{Choice, Tape, TapeError};
pub use trace::{Loss, Record, Recording, TraceEvent, TraceHash};
pub use world::{Step, World};
