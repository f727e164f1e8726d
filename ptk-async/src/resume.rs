//! What a future reaches during a whole resume of its task, also while the context is in use.

use core::cell::Cell;

use ptk_core::__rt::Scope;
use ptk_core::{Handle, Task};

/// How many handles can be given up before the context comes back. Further ones stay open until their task ends.
const HANDLES: usize = 8;

/// One resume, and what was given up in it.
pub(crate) struct Resume {
    /// The number of its poll.
    pub(crate) poll: u32,
    /// Who is resumed.
    pub(crate) parent: Parent,
    /// An operation that was pending in this very poll was given up, and its registration is still there.
    pub(crate) stale: Cell<bool>,
    /// The protothreads to be closed, a bit each.
    protothreads: Cell<u8>,
    /// The handles to be closed: as many of them as `count` says.
    handles: [Cell<Option<Handle>>; HANDLES],
    count: Cell<usize>,
}

/// Who awaits a protothread: an [`AsyncTask`](crate::AsyncTask).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Parent {
    pub(crate) task: Task,
    /// The scope of its future's own operations. One that ran before it can have had the same.
    pub(crate) scope: Scope,
    /// The number of its first poll.
    pub(crate) first_poll: u32,
}

/// A protothread that is being awaited.
#[derive(Clone, Copy)]
pub(crate) struct Awaited {
    pub(crate) parent: Parent,
    /// Its place among those of its parent, below 8.
    pub(crate) ordinal: u16,
}

impl Resume {
    pub(crate) const fn new(poll: u32, parent: Parent) -> Self {
        Resume {
            poll,
            parent,
            stale: Cell::new(false),
            protothreads: Cell::new(0),
            handles: [const { Cell::new(None) }; HANDLES],
            count: Cell::new(0),
        }
    }

    /// Notes that an operation was given up which was last pending in the poll `pending_in`; 0 is none.
    pub(crate) fn give_up_wait(&self, pending_in: u32) {
        if pending_in == self.poll {
            self.stale.set(true);
        }
    }

    /// Notes that a protothread was given up, if it is one of those that this resume can close.
    pub(crate) fn give_up_protothread(&self, awaited: Awaited) {
        if awaited.parent == self.parent {
            self.protothreads.set(self.protothreads.get() | 1 << awaited.ordinal);
        }
    }

    /// Notes that the owner of a handle was dropped, if there is room.
    pub(crate) fn give_up_handle(&self, handle: Handle) {
        let count = self.count.get();
        if let Some(place) = self.handles.get(count) {
            place.set(Some(handle));
            self.count.set(count + 1);
        }
    }

    /// The protothreads that were given up, a bit each, once.
    pub(crate) fn take_protothreads(&self) -> u8 {
        self.protothreads.take()
    }

    /// A handle that was given up, once.
    pub(crate) fn take_handle(&self) -> Option<Handle> {
        let count = self.count.get().checked_sub(1)?;
        self.count.set(count);
        self.handles.get(count)?.take()
    }
}
