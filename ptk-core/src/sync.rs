//! What the tasks of one loop share: a [`Mutex`], a [`Semaphore`], a [`Signal`] and a [`Channel`].
//!
//! They are plain data without a heap, const-constructible, and live where the author puts them, usually in the task
//! set's shared field. Only one task runs at a time, so nothing here is about memory: it is about who may go on. For
//! threads and interrupts there is [`EventPort`](crate::EventPort).
//!
//! ```
//! use ptk_core::prelude::*;
//! use ptk_core::sync::{Channel, Mutex};
//!
//! #[derive(Clone, Hash, Debug)]
//! struct Bus { transfers: u32 }
//!
//! /// What all tasks see: a bus that one of them uses at a time, and readings on their way to whoever reports them.
//! #[derive(Clone, Hash, Debug)]
//! struct Shared { bus: Mutex<Bus>, readings: Channel<u16, 8> }
//!
//! #[derive(Clone, Hash, Debug)]
//! struct Sensor { pt: PtTimed, address: u16 }
//!
//! impl<P: Platform> Protothread<P, Shared> for Sensor {
//!     type Output = Result<(), Error>;
//!
//!     #[protothread]
//!     fn run(&mut self, cx: &mut Cx<'_, P>, shared: &mut Shared) -> Result<(), Error> {
//!         loop {
//!             wait!(shared.bus.lock(cx), timeout = Duration::from_millis(100))??;
//!             wait!(sleep!(Duration::from_millis(1))); // the transfer: nobody else has the bus meanwhile
//!             shared.bus.get_mut(cx)?.transfers += 1;
//!             shared.bus.unlock(cx)?;
//!             wait!(shared.readings.send(cx, &self.address))?;
//!         }
//!     }
//! }
//! ```
//!
//! # Order
//!
//! First in, first out. One who comes new waits behind all that wait already, also behind one that was woken and has not
//! been resumed yet. A task that was woken and found nothing keeps its place. A task that is woken, and whose wait is
//! given up before it could take anything (a timeout, a `first!` that another operand won, a cancel, a panic), wakes the
//! next in its place: nothing is lost.
//!
//! The `try_` forms never wait. They work in handlers and in set-up code too, wake tasks as the others do, and overtake
//! nobody: they say [`WouldBlock`](crate::Error::WouldBlock) while others are before them. A task that had waited for the
//! same before this resume, and was woken for it since, is not behind the others.
//!
//! A wait that succeeds counts against the budget of its resume, as a socket's does.
//!
//! # One loop, one name
//!
//! Tasks wait for a primitive by a number that it gets from the loop when first one has to. So a primitive belongs to one
//! loop from then on, and a clone of it is the same primitive in the clone of the loop. Two clones in one loop, or one
//! that is replaced while tasks wait for it, take each other's wakeups or leave their waiters waiting: do not. A loop
//! gives out 2^26 - 1 numbers before it begins again.
//!
//! # Cost
//!
//! Where nobody waits, what a method shows. All tasks of a loop that wait for primitives hang in one list, those that were
//! woken and have not been resumed too. Waking one takes a step for each task in the list before it, and waking all a step
//! for each in the list. Taking something that tasks have waited for before takes a step for each task in the ready queue.

mod channel;
mod mutex;
mod semaphore;
mod signal;
mod waiters;

pub use self::channel::Channel;
pub use self::mutex::Mutex;
pub use self::semaphore::Semaphore;
pub use self::signal::{Seen, Signal};
