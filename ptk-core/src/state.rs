//! What a loop remembers beside its tables.

use crate::cx::News;
use crate::error::Error;
use crate::handle::Handle;
use crate::inspect::{Counters, Unhashed};
use crate::time::Instant;
use crate::wait::WaitList;

/// The state of a loop that has no place in a table. All zero bits when new, but for the loop's id.
#[derive(Clone, Hash, Debug)]
pub(crate) struct State {
    pub(crate) loop_id: u8,
    pub(crate) open: bool,
    /// The first turn came, or some task was started by hand before it.
    pub(crate) started: bool,
    /// `run` returns after this turn.
    pub(crate) stopping: bool,
    /// Something is due at once: the next turn looks at the clock before it sleeps.
    pub(crate) due: bool,
    /// A source may have been raised: the next turn looks at all of them.
    pub(crate) raised: bool,
    /// Listeners with a handler wait for room.
    pub(crate) starved_handlers: bool,
    /// Resumes note the time when they end pending.
    pub(crate) tracks_waits: bool,
    /// The task that runs; left behind by one that panicked.
    pub(crate) running: Option<u16>,
    /// The handle whose handler runs; left behind by one that panicked.
    pub(crate) telling: Option<Handle>,
    /// The number of tasks of the set, once it is known.
    pub(crate) set_len: Option<u16>,
    pub(crate) live_tasks: u32,
    /// The most tasks that were ever live at once.
    pub(crate) most_tasks: Unhashed<u32>,
    /// Handles with a handler.
    pub(crate) handlers: u32,
    /// The place of the next deadline among equal ones.
    order: Unhashed<u32>,
    /// Tasks that wait for room to accept.
    pub(crate) room: WaitList,
    /// Tasks that wait for primitives of [`sync`](crate::sync), all in one, in the order in which they came.
    pub(crate) shared: WaitList,
    /// How many of those primitives were given an id.
    pub(crate) shared_ids: u32,
    /// When accepting, paused for want of descriptors or memory, is tried again.
    pub(crate) accept_again: Option<Instant>,
    pub(crate) news: News,
    pub(crate) last_error: Unhashed<LastError>,
    pub(crate) counters: Unhashed<Counters>,
}

impl State {
    pub(crate) const fn new(loop_id: u8) -> State {
        State {
            loop_id,
            open: false,
            started: false,
            stopping: false,
            due: false,
            raised: false,
            starved_handlers: false,
            tracks_waits: false,
            running: None,
            telling: None,
            set_len: None,
            live_tasks: 0,
            most_tasks: Unhashed(0),
            handlers: 0,
            order: Unhashed(0),
            room: WaitList::EMPTY,
            shared: WaitList::EMPTY,
            shared_ids: 0,
            accept_again: None,
            news: News::NONE,
            last_error: Unhashed(LastError::Nothing),
            counters: Unhashed(Counters::NONE),
        }
    }

    pub(crate) const fn accept_paused(&self) -> bool {
        self.accept_again.is_some()
    }

    /// The place of a deadline that is armed now among equal ones. Counts modulo 2^32.
    pub(crate) const fn next_order(&mut self) -> u32 {
        let order = self.order.0;
        self.order.0 = order.wrapping_add(1);
        order
    }

    /// The place that the next deadline will get.
    pub(crate) const fn order(&self) -> u32 {
        self.order.0
    }
}

/// Why a call last failed. `None` of an `Option<Error>` is not zero bits.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(crate) enum LastError {
    Nothing = 0,
    Failed(Error) = 1,
}

impl LastError {
    pub(crate) const fn get(self) -> Option<Error> {
        match self {
            LastError::Nothing => None,
            LastError::Failed(error) => Some(error),
        }
    }
}

impl From<Option<Error>> for LastError {
    fn from(error: Option<Error>) -> Self {
        error.map_or(LastError::Nothing, LastError::Failed)
    }
}
