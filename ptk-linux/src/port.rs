//! The port: raised events of the core, and the eventfd that wakes the loop for them. Never reads the eventfd, unless
//! its counter is full.

use core::fmt;

use ptk_core::{Error, EventPort, EventPortView, EventSource, Wake};
use rustix::event::{EventfdFlags, eventfd};
use rustix::fd::BorrowedFd;
use rustix::io::{Errno, read, write};

use crate::errno;
use crate::sys::OnceFd;

/// How often a wake is tried against other raisers that fill the counter or signals that interrupt.
const WAKE_TRIES: usize = 16;

/// `N` sources of events that any thread and any signal handler can raise, and the eventfd that wakes the loop for them.
///
/// A `static` port opens its eventfd when the first loop opens and never closes it; one in a scope closes it at its end.
/// The loop and the raisers borrow the port, so no raise can ever write to a descriptor that has become something else.
///
/// One port serves one loop at a time. `16 + 8 * N + 8` bytes, all zero until the first loop opens.
///
/// ```
/// use ptk_core::prelude::*;
/// use ptk_linux::{Linux, Port};
///
/// static PORT: Port<4> = Port::new();
///
/// #[derive(Default)]
/// struct Counter {
///     pt: Pt,
///     source: EventSource,
///     raises: u32,
/// }
///
/// impl<P: Platform> Protothread<P> for Counter {
///     type Output = Result<(), Error>;
///
///     #[protothread]
///     fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
///         while self.raises < 1000 {
///             self.raises += u32::from(wait!(cx.raised(self.source))?.count);
///         }
///         Ok(())
///     }
/// }
///
/// #[derive(TaskSet)]
/// struct App {
///     counters: [Counter; 1],
/// }
///
/// # fn main() -> Result<(), Error> {
/// let mut event_loop = EventLoop::<Linux, 1, 0, 0, 4>::new(0, Linux::with_port(&PORT));
/// event_loop.open()?;
/// let source = event_loop.cx().event_source()?;
/// std::thread::spawn(move || (0..1000).for_each(|value| PORT.raise(source, value).unwrap()));
/// event_loop.run(&mut App { counters: [Counter { source, ..Counter::default() }] })
/// # }
/// ```
#[derive(Debug)]
pub struct Port<const N: usize> {
    wake: WakeFd,
    events: EventPort<N>,
}

impl<const N: usize> Port<N> {
    /// A port whose sources are all closed. Acquires nothing.
    pub const fn new() -> Self {
        Port { wake: WakeFd(OnceFd::new()), events: EventPort::new() }
    }

    /// Raises `source`: its count grows by one, its value becomes `value`, and the loop wakes up if it sleeps. Whatever
    /// the raiser wrote before is visible to the task that takes the event.
    ///
    /// Legal in any thread and in a signal handler: lock-free, without allocation, and `errno` keeps its value. A
    /// handful of instructions; one system call if the loop sleeps and nothing was pending, so a burst of raises costs
    /// one for each time that the loop falls asleep, not one for each raise.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidHandle`] if the source is closed or belongs to another loop; nothing was touched. What the system
    /// says if the eventfd cannot be written to; the event is pending then, and the loop takes it when it next wakes.
    pub fn raise(&self, source: EventSource, value: u32) -> Result<(), Error> {
        self.view().raise(source, value)
    }

    /// The port without its size.
    pub(crate) const fn view(&self) -> PortView<'_> {
        PortView { wake: &self.wake, events: &self.events }
    }
}

impl<const N: usize> Default for Port<N> {
    fn default() -> Self {
        Self::new()
    }
}

/// A borrowed port of any size.
#[derive(Clone, Copy)]
pub(crate) struct PortView<'p> {
    wake: &'p WakeFd,
    pub(crate) events: &'p EventPortView,
}

impl<'p> PortView<'p> {
    pub(crate) fn raise(self, source: EventSource, value: u32) -> Result<(), Error> {
        match self.events.raise(source, value)? {
            Wake::NotNeeded => Ok(()),
            Wake::Needed => self.wake.wake().map_err(errno::error),
        }
    }

    /// The eventfd, opened if it is not yet.
    pub(crate) fn open(self) -> Result<BorrowedFd<'p>, Errno> {
        self.wake.0.get_or_open(|| eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC))
    }
}

impl fmt::Debug for PortView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Port").field("sources", &self.events.capacity()).field("wake", &self.wake.0).finish()
    }
}

/// The eventfd. Its counter is never looked at: under `EPOLLET` each write is an edge, and the port's words say the rest.
#[derive(Debug)]
struct WakeFd(OnceFd);

impl WakeFd {
    /// Makes an edge.
    #[cold]
    fn wake(&self) -> Result<(), Errno> {
        // A loop that sleeps has opened it, so without it nobody sleeps.
        let Some(fd) = self.0.get() else { return Ok(()) };
        for _ in 0..WAKE_TRIES {
            match write(fd, &1_u64.to_ne_bytes()) {
                // At its maximum the counter takes no more and makes no edge (eventfd(2)); reading resets it. It fails
                // only if somebody else has just done that.
                Err(Errno::AGAIN) => drop(read(fd, &mut [0_u8; 8])),
                Err(Errno::INTR) => {}
                done => return done.map(drop),
            }
        }
        Err(Errno::AGAIN)
    }
}
