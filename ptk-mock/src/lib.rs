//! PTK's platform as a deterministic simulation: a virtual clock, hosts with TCP and UDP, and the network between them.
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
//! # The model of one host
//!
//! | | what the mock does | Linux |
//! |---|---|---|
//! | loopback | `127.0.0.0/8` and `::1` are the host's addresses; no latency, no loss | the same |
//! | IPv6 | a listener at `[::]` takes IPv6 only | the same with `IPV6_V6ONLY` |
//! | connect | up as soon as the backlog has room; refused where nobody listens | the same |
//! | full backlog | the connect is repeated after 1, 2, 4 .. s and times out after 127 s | much the same |
//! | backlog of n | holds n + 1 | the same |
//! | streams | a send and a receive buffer for each end, whose sizes are exact | sizes are rounded |
//! | small segments | are never held back | held back without `nodelay` (RFC 896) |
//! | close with unread data, abort | a reset | the same |
//! | reset | data first, then one error, taken by the first call that meets it, then the end | the same |
//! | urgent data | out of line, announced as readable: [`Mock::send_urgent`], on the loopback network only | the same |
//! | bound ports | free as soon as the last socket is gone: no `TIME_WAIT` | with `SO_REUSEADDR` |
//! | UDP | a datagram has arrived when the send returns; there is always room to send | the same for loopback |
//! | UDP source | the socket's own address, else the one that leads to the peer | the same |
//! | UDP port 0 | a free port, drawn from the seed | drawn at random |
//! | UDP receive buffer | 212,992 bytes or twice what was chosen; a datagram takes 832 or more | the same |
//! | UDP length | up to 65,507 bytes by IPv4 and 65,527 by IPv6, else `MessageTooLarge` | the same |
//! | nobody has the port | who is connected to it is told once, before its datagrams; others never | the same |
//! | shared address | the best fit, then the last bound; by `Reuse::Port` each sender has its socket | another hash |
//! | bound and connected | whoever was bound to all addresses has, while connected, the one its peer sees | the same |
//! | disconnected | keeps its port | loses one that the kernel chose |
//! | broadcast | `127.255.255.255` and `255.255.255.255` reach all bound to it or to all addresses | needs a route |
//! | multicast | one interface, number 1, like a network card | needs a route |
//! | names | what [`Mock::set_name_service`] and [`Mock::add_host`] gave, and the names of a world's nodes | `resolv.conf` and `hosts` |
//! | events | only what the contract demands: no spurious ones, none twice, unless faults say so | a few more |
//!
//! This is compared with Linux by random scripts that both run (`tests/tests/fidelity.rs`); what differs on purpose is a
//! short list there, and whatever else differs is a defect.
//!
//! # The model of the network between hosts
//!
//! The nodes of a [`World`] are hosts of their own, at `10.0.0.1`, `10.0.0.2` .. and `fd00::1`, `fd00::2` .. in the order
//! in which they were named. Each two are joined by a [`Link`].
//!
//! | | what the mock does | Linux |
//! |---|---|---|
//! | handshake | SYN and SYN-ACK; the third packet is left out: the listener has the connection when the SYN arrives | one more way |
//! | full backlog | the SYN is asked again after 1, 2, 4 .. s | the same |
//! | nobody listens | a reset after a round trip | the same |
//! | nobody answers | a connect times out after 127 s, what was sent after 924 s or the user timeout | about that |
//! | loss of segments | never in the middle: a segment comes later, as if it had been sent again, and none overtakes another | sent again |
//! | partition | what is sent waits, and arrives 200 ms after the link is whole again | up to two minutes after |
//! | acknowledgements | one for each segment, without delay; they carry the window, and take no part in a user timeout | delayed, joined |
//! | windows | what the receiver has room for, told anew when half of it is free; no congestion window, no slow start | both |
//! | segments | up to 1,460 bytes | also by 64 KiB, on loopback |
//! | half-closed, closed by us | an end that nobody holds is forgotten 60 s after its end arrived | the same |
//! | unknown connection | a reset, so a host that lost its power tells its old peers when they send | the same |
//! | killed process | FIN or reset, as if each socket had been closed; what waits for a window is lost; the host goes on to refuse | the rest is sent, too |
//! | keepalive | probes after the idle time; `probes` times the interval later the connection times out | the same |
//! | datagrams | lost, doubled, overtaken, spoilt, as the link says; one packet each, whatever their size | in fragments |
//! | datagram for nobody | a connected sender is told after a round trip | the same |
//! | groups and broadcast | reach all hosts; `10.255.255.255` is the network's broadcast address | the same on one segment |
//! | hop limits | checked and kept, to no effect: there are no routers | |
//! | bandwidth | packets leave one after the other; there is no limit to how many wait | queues are finite |
//!
//! # Where it could go another way
//!
//! Each decision that a kernel, a scheduler or a network could take differently is a question with a name, a [`Label`],
//! to which the answer 0 is the benign one: first in, first out, whole reads and writes, no fault. Labels are the list of
//! all that can go wrong or merely differently. The answers that were not 0 are a [`Tape`], which repeats a run; [`Faults`]
//! says how often which label is answered by something else. What the kernel is going to do by itself stands in its
//! agenda, and takes no decision.
#![forbid(unsafe_code)]

mod chooser;
mod clock;
mod environment;
mod explore;
mod failure;
mod faults;
pub mod guide;
mod kernel;
mod label;
mod link;
mod mock;
#[doc(hidden)]
pub mod mutant;
mod names;
mod network;
mod node;
mod node_id;
mod oracle;
mod packet;
mod random;
mod replayed;
mod scenario;
mod shrink;
mod socket;
mod tape;
mod trace;
mod world;

pub use explore::{Action, Counterexample, Exploration, Explorer, Move};
pub use failure::Failure;
pub use faults::{Family, Faults};
pub use label::Label;
pub use link::{Latency, Link};
pub use mock::Mock;
pub use node::{Application, Boot};
pub use node_id::NodeId;
pub use packet::{Body, Packet, Payload};
pub use replayed::{Difference, Replayed, ReplayedSocket};
pub use scenario::{Exhausted, Report, Scenario};
pub use socket::Socket;
pub use tape::{Choice, Tape, TapeError};
pub use trace::{Loss, Record, Recording, TraceEvent, TraceHash};
pub use world::{Step, World};
