//! Seeing inside: counters, memory by table, and where each task waits. Nothing here allocates.

use core::fmt;
use core::hash::{Hash, Hasher};

use crate::handle::{Handle, Task};
use crate::task_set::Suspended;
use crate::time::Instant;
use crate::wait::WAIT_NODES;

/// A value that is not part of the state that a hash stands for: counters, and when something began.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Unhashed<T>(pub(crate) T);

impl<T> Hash for Unhashed<T> {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

impl<T: fmt::Debug> fmt::Debug for Unhashed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a loop has counted since it was made. They never reset; each wraps after 2^64.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Counters {
    /// Turns of the loop.
    pub turns: u64,
    /// Resumes of tasks.
    pub polls: u64,
    /// Waiting tasks that were made ready, by readiness, an event, a timer or a deadline.
    pub wakes: u64,
    /// Resumes of woken tasks that found nothing to do: they made no operation succeed and did not end.
    pub spurious_wakes: u64,
    /// Events handed to handlers.
    pub events: u64,
    /// Operations refused because a task had no wait node left: [`Error::TooManyWaits`](crate::Error::TooManyWaits).
    pub too_many_waits: u64,
    /// Resumes cut short because a task had used up its budget of operations.
    pub budget_stops: u64,
    /// Pauses of accepting because the system had no descriptors or memory left.
    pub accept_pauses: u64,
    /// Tasks that ended with an error.
    pub failed_tasks: u64,
    /// Handlers that returned an error.
    pub failed_handlers: u64,
}

impl Counters {
    pub(crate) const NONE: Counters = Counters {
        turns: 0,
        polls: 0,
        wakes: 0,
        spurious_wakes: 0,
        events: 0,
        too_many_waits: 0,
        budget_stops: 0,
        accept_pauses: 0,
        failed_tasks: 0,
        failed_handlers: 0,
    };
}

/// How full a table is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Usage {
    /// Entries in use.
    pub used: usize,
    /// The most that were ever in use at once.
    pub high_water: usize,
    /// Entries that there are.
    pub capacity: usize,
    /// Bytes of the table, with everything that is kept for its entries elsewhere.
    pub bytes: usize,
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} used, {} at most, {} bytes", self.used, self.capacity, self.high_water, self.bytes)
    }
}

/// How full the tables of a loop are, and what they take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Tables {
    /// Tasks: slots, wait nodes and deadlines. The protothreads themselves are the application's.
    pub tasks: Usage,
    /// Sockets and listeners, with what the platform keeps in the loop for each.
    pub sockets: Usage,
    /// Timers.
    pub timers: Usage,
    /// Event sources, without the port's words.
    pub events: Usage,
    /// Lookups of names, with the cache. Empty without the feature `dns`.
    pub lookups: Usage,
    /// The whole loop, platform included.
    pub bytes: usize,
}

/// What a task does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum TaskState {
    /// Never started, or ended.
    Idle,
    /// In the ready queue, or running.
    Ready,
    /// Waiting.
    Waiting,
}

/// What a task waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum WaitingFor {
    /// Data, a connection to accept, or the end of the stream.
    Readable(Handle),
    /// Room to send, or the end of a connect.
    Writable(Handle),
    /// A timer.
    Expired(Handle),
    /// A raise.
    Raised(Handle),
    /// A free socket slot or descriptor, to accept the next connection with.
    Room,
    /// A free slot for a lookup.
    LookupRoom,
    /// Another task, by way of the primitive with this number: see [`sync`](crate::sync).
    Shared(Shared, u32),
}

/// What tasks share that one of them can wait for: see [`sync`](crate::sync).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u8)]
pub enum Shared {
    /// A permit of a [`Semaphore`](crate::sync::Semaphore).
    Permit,
    /// A [`Mutex`](crate::sync::Mutex).
    Lock,
    /// A new value of a [`Signal`](crate::sync::Signal).
    Change,
    /// A message of a [`Channel`](crate::sync::Channel).
    Message,
    /// Room for a message in a [`Channel`](crate::sync::Channel).
    Space,
}

impl Shared {
    pub(crate) const fn from_bits(bits: u32) -> Option<Shared> {
        match bits {
            0 => Some(Shared::Permit),
            1 => Some(Shared::Lock),
            2 => Some(Shared::Change),
            3 => Some(Shared::Message),
            4 => Some(Shared::Space),
            _ => None,
        }
    }
}

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Shared::Permit => "a permit of semaphore",
            Shared::Lock => "mutex",
            Shared::Change => "a change of signal",
            Shared::Message => "a message in channel",
            Shared::Space => "room in channel",
        })
    }
}

impl fmt::Display for WaitingFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WaitingFor::Readable(handle) => write!(f, "{handle} readable"),
            WaitingFor::Writable(handle) => write!(f, "{handle} writable"),
            WaitingFor::Expired(handle) => write!(f, "{handle} expired"),
            WaitingFor::Raised(handle) => write!(f, "{handle} raised"),
            WaitingFor::Room => f.write_str("room for a socket"),
            WaitingFor::LookupRoom => f.write_str("room for a lookup"),
            WaitingFor::Shared(wanted, id) => write!(f, "{wanted} {id}"),
        }
    }
}

/// One line of a task listing.
#[derive(Clone, Copy, Debug)]
pub struct TaskReport {
    /// The task's index in its set.
    pub index: usize,
    /// The handle of this run; `NONE` for an idle task.
    pub task: Task,
    /// What it does.
    pub state: TaskState,
    /// Where its protothread is suspended.
    pub suspended: Suspended,
    /// What it waits for.
    pub waits: [Option<WaitingFor>; WAIT_NODES],
    /// The deadline of its timed waits and sleeps.
    pub deadline: Option<Instant>,
    /// When it was last suspended, if the loop [tracks that](crate::EventLoop::track_waits).
    pub since: Option<Instant>,
}

impl fmt::Display for TaskReport {
    /// `3 conns[2] run waiting at server.rs:41 for TcpSocket 0.5#1 readable, until 12.000000000s, since 9.100000000s`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Suspended { task, instance, method, file, line, .. } = self.suspended;
        let state = match self.state {
            TaskState::Idle => return write!(f, "{} {task}[{instance}] {method} idle", self.index),
            TaskState::Ready => "ready",
            TaskState::Waiting => "waiting",
        };
        write!(f, "{} {task}[{instance}] {method} {state} at {file}:{line}", self.index)?;
        let mut word = " for";
        for wait in self.waits.iter().flatten() {
            write!(f, "{word} {wait}")?;
            word = " or";
        }
        if let Some(deadline) = self.deadline {
            write!(f, ", until {deadline}")?;
        }
        match self.since {
            Some(since) => write!(f, ", since {since}"),
            None => Ok(()),
        }
    }
}
