//! The event loop: it owns all storage, and turns.

mod turn;

use core::hash::{Hash, Hasher};
use core::marker::PhantomData;

use crate::cx::{Cx, Resume};
use crate::deadlines::{DeadlineQueue, DeadlineQueueView, Entry};
use crate::error::Error;
use crate::handle::{Handle, Task, TypedHandle};
use crate::inspect::{Counters, Tables, TaskReport, TaskState, Usage, WaitingFor};
use crate::ownership::{Owner, Owners};
use crate::platform::Platform;
use crate::socket::SocketSlot;
use crate::source::SourceSlot;
use crate::state::State;
use crate::table::{HandleTable, Slot, Vacant};
use crate::task::{TaskSlot, Tasks};
use crate::task_set::{Suspended, TaskSet};
use crate::time::Instant;
use crate::timer::TimerSlot;
use crate::wait::{Condition, MAX_TASKS, WAIT_NODES};

/// A loop over the platform `P`, with room for so many tasks, sockets (listeners included), timers, event sources and,
/// with the feature `dns`, lookups of names at once.
///
/// It owns all its storage, is const-constructible and fit for a `static` ([`event_loop!`](crate::event_loop) makes
/// one): with id 0 it is all zero bits and takes no room in the image. Loops do not know of each other: a process may
/// have as many as it likes, each with its own capacities, one in a thread or several.
///
/// Dropping a loop closes what is open.
#[derive(Clone, Debug)]
pub struct EventLoop<
    P: Platform,
    const TASKS: usize,
    const SOCKETS: usize = 0,
    const TIMERS: usize = 0,
    const EVENTS: usize = 0,
    const LOOKUPS: usize = 0,
> {
    platform: P,
    state: State,
    tasks: Tasks<[TaskSlot; TASKS]>,
    task_deadlines: DeadlineQueue<TASKS>,
    sockets: HandleTable<SocketSlot<P>, SOCKETS>,
    socket_owners: [Owner; SOCKETS],
    news_links: [u32; SOCKETS],
    timers: HandleTable<TimerSlot, TIMERS>,
    timer_owners: [Owner; TIMERS],
    timer_deadlines: DeadlineQueue<TIMERS>,
    sources: HandleTable<SourceSlot, EVENTS>,
    source_owners: [Owner; EVENTS],
    #[cfg(feature = "dns")]
    names: crate::dns::Names<LOOKUPS>,
    #[cfg(feature = "dns")]
    lookup_owners: [Owner; LOOKUPS],
    /// Makes the derives and the hash ask for what the platform's sockets can do, too.
    socket: PhantomData<P::Socket>,
}

/// The whole state but for what only counts, and for what tells loops apart that will do the same: the generations of
/// handles that nobody holds, and how deadlines lie in their heaps.
impl<
    P: Platform<Socket: Hash> + Hash,
    const TASKS: usize,
    const SOCKETS: usize,
    const TIMERS: usize,
    const EVENTS: usize,
    const LOOKUPS: usize,
> Hash for EventLoop<P, TASKS, SOCKETS, TIMERS, EVENTS, LOOKUPS>
{
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.platform.hash(state);
        self.state.hash(state);
        self.tasks.hash(state);
        let tasks: &Tasks = &self.tasks;
        (&self.task_deadlines as &DeadlineQueueView).hash_of_owners(TASKS, tasks, state);
        self.sockets.hash(state);
        self.socket_owners.hash(state);
        self.news_links.hash(state);
        self.timers.hash(state);
        self.timer_owners.hash(state);
        (&self.timer_deadlines as &DeadlineQueueView).hash_of_owners(TIMERS, self.timers.view(), state);
        self.sources.hash(state);
        self.source_owners.hash(state);
        #[cfg(feature = "dns")]
        self.names.hash(state);
        #[cfg(feature = "dns")]
        self.lookup_owners.hash(state);
    }
}

impl<
    P: Platform,
    const TASKS: usize,
    const SOCKETS: usize,
    const TIMERS: usize,
    const EVENTS: usize,
    const LOOKUPS: usize,
> EventLoop<P, TASKS, SOCKETS, TIMERS, EVENTS, LOOKUPS>
{
    /// A loop that is not open yet.
    ///
    /// `id` becomes part of its handles: loops with distinct ids refuse each other's handles. Two live loops with one id
    /// would take each other's handles for their own; that is the caller's to avoid.
    pub const fn new(id: u8, platform: P) -> Self {
        const { assert!(TASKS <= MAX_TASKS, "too many tasks: wait nodes are numbered in 16 bits") };
        EventLoop {
            platform,
            state: State::new(id),
            tasks: Tasks::new(),
            task_deadlines: DeadlineQueue::new(),
            sockets: HandleTable::new(),
            socket_owners: [Owner::NOBODY; SOCKETS],
            news_links: [0; SOCKETS],
            timers: HandleTable::new(),
            timer_owners: [Owner::NOBODY; TIMERS],
            timer_deadlines: DeadlineQueue::new(),
            sources: HandleTable::new(),
            source_owners: [Owner::NOBODY; EVENTS],
            #[cfg(feature = "dns")]
            names: crate::dns::Names::new(),
            #[cfg(feature = "dns")]
            lookup_owners: [Owner::NOBODY; LOOKUPS],
            socket: PhantomData,
        }
    }

    /// Opens the platform, in place. Called once, before all else.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] if the loop is open, or the platform's port serves another loop; what the platform says.
    pub fn open(&mut self) -> Result<(), Error> {
        if self.state.open {
            return Err(Error::Busy);
        }
        if let Some(port) = self.platform.port() {
            port.attach(self.state.loop_id)?;
        }
        if let Err(error) = self.platform.open() {
            note!(error, "loop {} does not open: {}", self.state.loop_id, error);
            if let Some(port) = self.platform.port() {
                port.detach();
            }
            return Err(error);
        }
        self.state.open = true;
        Ok(())
    }

    /// The loop as set-up code sees it: what is opened here is owned by no task.
    pub fn cx(&mut self) -> Cx<'_, P> {
        Cx {
            platform: &mut self.platform,
            sockets: &mut self.sockets,
            news_links: &mut self.news_links,
            timers: &mut self.timers,
            timer_deadlines: &mut self.timer_deadlines,
            sources: &mut self.sources,
            #[cfg(feature = "dns")]
            names: self.names.view(),
            owners: Owners {
                sockets: &mut self.socket_owners,
                timers: &mut self.timer_owners,
                sources: &mut self.source_owners,
                #[cfg(feature = "dns")]
                lookups: &mut self.lookup_owners,
            },
            tasks: &mut self.tasks,
            task_deadlines: &mut self.task_deadlines,
            state: &mut self.state,
            poll: Resume::outside(),
        }
    }

    /// Turns until no task is left and no handle has a handler, or until [`Cx::stop`].
    ///
    /// The first turn of a loop starts all tasks of the set, unless some were started by hand before.
    ///
    /// # Errors
    ///
    /// As [`turn`](Self::turn).
    pub fn run<S: TaskSet<P>>(&mut self, set: &mut S) -> Result<(), Error> {
        const { assert!(S::LEN <= TASKS, "the loop has fewer tasks than the task set: raise TASKS") };
        self.state.stopping = false;
        let mut cx = self.cx();
        while cx.turn(set, true)? {}
        Ok(())
    }

    /// As [`run`](Self::run), and ends too when `done` says so, which is asked after each turn.
    ///
    /// # Errors
    ///
    /// As [`turn`](Self::turn).
    pub fn run_until<S: TaskSet<P>>(
        &mut self,
        set: &mut S,
        mut done: impl FnMut(&mut Self, &mut S) -> bool,
    ) -> Result<(), Error> {
        self.state.stopping = false;
        while self.turn(set)? {
            if done(self, set) {
                break;
            }
        }
        Ok(())
    }

    /// One turn: waits until something happens, and then runs all that is ready. `false` if [`run`](Self::run) would end.
    ///
    /// A turn polls each ready task once, first in first out; what becomes ready meanwhile runs in the next turn.
    ///
    /// # Errors
    ///
    /// [`Error::NotOpen`] before [`open`](Self::open); what the platform's wait says.
    pub fn turn<S: TaskSet<P>>(&mut self, set: &mut S) -> Result<bool, Error> {
        const { assert!(S::LEN <= TASKS, "the loop has fewer tasks than the task set: raise TASKS") };
        self.cx().turn(set, true)
    }

    /// As [`turn`](Self::turn) without waiting: for a loop inside a foreign one, which sleeps until
    /// [`next_deadline`](Self::next_deadline) or until the platform has something to report. How it learns of that is the
    /// platform's: on Linux it tells the platform so (`prepare_to_sleep`) and watches its descriptor.
    ///
    /// # Errors
    ///
    /// As [`turn`](Self::turn).
    pub fn turn_now<S: TaskSet<P>>(&mut self, set: &mut S) -> Result<bool, Error> {
        const { assert!(S::LEN <= TASKS, "the loop has fewer tasks than the task set: raise TASKS") };
        self.cx().turn(set, false)
    }

    /// Lets [`run`](Self::run) return after the current turn.
    pub fn stop(&mut self) {
        self.state.stopping = true;
    }

    /// Makes every task ready that waits, as if something had happened: each looks again at what it waits for, and waits on
    /// if that is still not there. Such a resume for nothing is allowed at any time and changes nothing; simulators check
    /// both.
    pub fn wake_all(&mut self) {
        let tasks: &mut Tasks = &mut self.tasks;
        for index in 0..TASKS {
            tasks.wake(index);
        }
    }

    /// Until when the next [`turn`](Self::turn) may sleep: the earliest deadline, [`Instant::ORIGIN`] if something is ready
    /// now, `None` if only an event can wake it.
    pub fn next_deadline(&mut self) -> Option<Instant> {
        let cx = self.cx();
        // The first turn has the tasks to start.
        if cx.has_work() || !cx.state.started {
            return Some(Instant::ORIGIN);
        }
        let platform = cx.platform.next_deadline();
        cx.next_deadline().into_iter().chain(platform).min()
    }

    /// Whether `handle` names something that is open in this loop.
    pub fn is_valid(&mut self, handle: Handle) -> bool {
        self.cx().is_valid(handle)
    }

    /// The id that the handles of this loop carry.
    pub const fn id(&self) -> u8 {
        self.state.loop_id
    }

    /// The platform.
    pub const fn platform(&self) -> &P {
        &self.platform
    }

    /// The platform, to be changed.
    pub const fn platform_mut(&mut self) -> &mut P {
        &mut self.platform
    }

    /// Why a call last failed, in any task.
    pub const fn last_error(&self) -> Option<Error> {
        self.state.last_error.0.get()
    }

    /// What the loop has counted.
    pub const fn counters(&self) -> Counters {
        self.state.counters.0
    }

    /// Has each resume note the time when it ends pending, for [`TaskReport::since`]. Costs a reading of the clock each
    /// resume, so it is off at first.
    pub const fn track_waits(&mut self, on: bool) {
        self.state.tracks_waits = on;
    }

    /// How full the tables are, and how many bytes they take.
    pub fn tables(&self) -> Tables {
        let owner = size_of::<Owner>();
        let deadline = size_of::<Entry>();
        Tables {
            tasks: Usage {
                used: self.state.live_tasks as usize,
                high_water: self.state.most_tasks.0 as usize,
                capacity: TASKS,
                bytes: TASKS * (size_of::<TaskSlot>() + deadline),
            },
            sockets: usage(&self.sockets, size_of::<Slot<SocketSlot<P>>>() + owner + size_of::<u32>()),
            timers: usage(&self.timers, size_of::<Slot<TimerSlot>>() + owner + deadline),
            events: usage(&self.sources, size_of::<Slot<SourceSlot>>() + owner),
            #[cfg(feature = "dns")]
            lookups: usage(&self.names.lookups, crate::dns::Names::<LOOKUPS>::SLOT_BYTES + owner),
            #[cfg(not(feature = "dns"))]
            lookups: Usage { used: 0, high_water: 0, capacity: 0, bytes: 0 },
            bytes: size_of::<Self>(),
        }
    }

    /// Tells `tell` of each task of `set`: where it is suspended, what it waits for, and until when.
    pub fn list_tasks<S: TaskSet<P>>(&self, set: &S, mut tell: impl FnMut(&TaskReport)) {
        for (index, slot) in self.tasks.slots.iter().enumerate().take(S::LEN) {
            tell(&self.report(slot, index, set.inspect(index)));
        }
    }

    fn report(&self, slot: &TaskSlot, index: usize, suspended: Suspended) -> TaskReport {
        let state = match (slot.is_live(), slot.is_queued()) {
            (false, _) => TaskState::Idle,
            (true, true) => TaskState::Ready,
            (true, false) => TaskState::Waiting,
        };
        let handle = slot.is_live().then(|| slot.handle(index, self.state.loop_id));
        let mut waits = [None; WAIT_NODES];
        for (wait, node) in waits.iter_mut().zip(&slot.nodes) {
            *wait = node.source().condition().and_then(|condition| self.waiting_for(condition));
        }
        let since = slot.since.0;
        TaskReport {
            index,
            task: handle.and_then(Task::from_handle).unwrap_or(Task::NONE),
            state,
            suspended,
            waits,
            deadline: self.task_deadline(index),
            since: (since != Instant::ORIGIN && state == TaskState::Waiting).then_some(since),
        }
    }

    fn task_deadline(&self, index: usize) -> Option<Instant> {
        let queue: &DeadlineQueueView = &self.task_deadlines;
        let tasks: &Tasks = &self.tasks;
        queue.get(index, tasks).map(|deadline| deadline.at)
    }

    fn waiting_for(&self, condition: Condition) -> Option<WaitingFor> {
        Some(match condition {
            Condition::Readable(index) => WaitingFor::Readable(self.sockets.view().handle_at(index)?),
            Condition::Writable(index) => WaitingFor::Writable(self.sockets.view().handle_at(index)?),
            Condition::Expired(index) => WaitingFor::Expired(self.timers.view().handle_at(index)?),
            Condition::Raised(index) => WaitingFor::Raised(self.sources.view().handle_at(index)?),
            Condition::Room => WaitingFor::Room,
            Condition::LookupRoom => WaitingFor::LookupRoom,
            Condition::Shared(wanted, id) => WaitingFor::Shared(wanted, id),
        })
    }
}

fn usage<T: Vacant, const N: usize>(table: &HandleTable<T, N>, each: usize) -> Usage {
    let table = table.view();
    Usage { used: table.len(), high_water: table.high_water(), capacity: N, bytes: N * each }
}

impl<
    P: Platform,
    const TASKS: usize,
    const SOCKETS: usize,
    const TIMERS: usize,
    const EVENTS: usize,
    const LOOKUPS: usize,
> Drop for EventLoop<P, TASKS, SOCKETS, TIMERS, EVENTS, LOOKUPS>
{
    fn drop(&mut self) {
        if let Some(port) = self.platform.port().filter(|_| self.state.open) {
            port.detach();
        }
    }
}

/// A loop in a `static`, to be borrowed mutably once.
///
/// ```
/// use ptk_mock::Mock;
///
/// ptk_core::event_loop! {
///     /// The server's loop.
///     pub static LOOP: Mock = Mock::new();
///     id: 0, tasks: 64, sockets: 65, timers: 8, events: 4
/// }
///
/// let event_loop = LOOP.try_take().expect("taken once");
/// event_loop.open()?;
/// # Ok::<(), ptk_core::Error>(())
/// ```
///
/// `try_take` gives `&'static mut EventLoop<..>` the first time, and `None` after that. Building a large loop by value
/// could overflow a thread's stack; here it is never moved.
#[macro_export]
macro_rules! event_loop {
    (
        $(#[$attribute:meta])*
        $visibility:vis static $name:ident: $platform:ty = $new:expr;
        id: $id:expr, tasks: $tasks:expr
        $(, sockets: $sockets:expr)? $(, timers: $timers:expr)? $(, events: $events:expr)? $(, lookups: $lookups:expr)? $(,)?
    ) => {
        $(#[$attribute])*
        $visibility static $name: $crate::__rt::ConstStaticCell<
            $crate::EventLoop<$platform, { $tasks }, { 0 $(+ $sockets)? }, { 0 $(+ $timers)? }, { 0 $(+ $events)? }, { 0 $(+ $lookups)? }>,
        > = $crate::__rt::ConstStaticCell::new($crate::EventLoop::new($id, $new));
    };
}
