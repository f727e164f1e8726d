//! Where lookups live in the loop, and who may have a slot.

use core::task::Poll;

use crate::cx::Cx;
use crate::dns::cache::{Entry, NAMES_EACH};
use crate::dns::lookup::Lookup;
use crate::dns::service::Servers;
use crate::error::Error;
use crate::handle::{Handle, Kind};
use crate::ownership::TableName;
use crate::platform::Platform;
use crate::table::{HandleTable, HandleTableView, Vacant};
use crate::wait::{Source, WaitList};

/// What a loop keeps for names. All zero bits when new.
#[derive(Clone, Hash, Debug)]
pub(crate) struct Names<const LOOKUPS: usize> {
    pub(crate) lookups: HandleTable<Lookup, LOOKUPS>,
    cache: [[Entry; NAMES_EACH]; LOOKUPS],
    shared: Shared,
}

/// What all lookups of a loop share.
#[derive(Clone, Hash, Debug)]
pub(crate) struct Shared {
    /// The application's name servers.
    pub(crate) servers: Servers,
    /// Tasks that wait for a slot.
    pub(crate) waiters: WaitList,
}

impl<const LOOKUPS: usize> Names<LOOKUPS> {
    pub(crate) const fn new() -> Self {
        Names {
            lookups: HandleTable::new(),
            cache: [[Entry::VACANT; NAMES_EACH]; LOOKUPS],
            shared: Shared { servers: Servers::NONE, waiters: WaitList::EMPTY },
        }
    }

    pub(crate) fn view(&mut self) -> NamesView<'_> {
        NamesView { lookups: &mut self.lookups, cache: self.cache.as_flattened_mut(), shared: &mut self.shared }
    }

    /// What a slot takes, with its part of the cache.
    pub(crate) const SLOT_BYTES: usize = size_of::<crate::table::Slot<Lookup>>() + NAMES_EACH * size_of::<Entry>();
}

/// [`Names`] of any capacity.
pub(crate) struct NamesView<'a> {
    pub(crate) lookups: &'a mut HandleTableView<Lookup>,
    pub(crate) cache: &'a mut [Entry],
    pub(crate) shared: &'a mut Shared,
}

impl<P: Platform> Cx<'_, P> {
    /// Runs the lookup that this wait's earlier evaluation began, or a new one. Its slot is free again when it is ready.
    pub(crate) fn run_lookup<T>(
        &mut self,
        tag: u32,
        run: impl FnOnce(&mut Lookup, &mut Self) -> Poll<Result<T, Error>>,
    ) -> Poll<Result<T, Error>> {
        let handle = match self.lookup_here(tag) {
            Some(handle) => handle,
            None => match self.new_lookup(tag) {
                Poll::Ready(Ok(handle)) => handle,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(self.fail(error))),
                Poll::Pending => return Poll::Pending,
            },
        };
        let Some(slot) = self.names.lookups.get_mut(handle) else {
            return Poll::Ready(Err(self.fail(Error::InvalidHandle)));
        };
        // Out of its slot, so that it can be run with this very context.
        let mut lookup = core::mem::replace(slot, Lookup::VACANT);
        let result = run(&mut lookup, self);
        match result {
            Poll::Pending => {
                if let Some(slot) = self.names.lookups.get_mut(handle) {
                    *slot = lookup;
                }
                Poll::Pending
            }
            Poll::Ready(result) => {
                lookup.close_sockets(self);
                self.close_lookup(handle);
                Poll::Ready(result.map_err(|error| self.fail(error)))
            }
        }
    }

    /// The lookup that this wait's earlier evaluation began.
    pub(crate) fn lookup_here(&mut self, tag: u32) -> Option<Handle> {
        let index = self.owned_here(TableName::Lookups, tag, |_, _| true)?;
        self.names.lookups.handle_at(index)
    }

    /// A slot, once there is one: those who were woken for one come first, and while there is room nobody waits.
    fn new_lookup(&mut self, tag: u32) -> Poll<Result<Handle, Error>> {
        if self.poll.task.is_none() {
            return Poll::Ready(Err(Error::NotSupported));
        }
        if self.names.lookups.capacity() == 0 {
            return Poll::Ready(Err(Error::TableFull { kind: Kind::Lookup, capacity: 0 }));
        }
        let room = Source::LOOKUP_ROOM;
        let may_take = self.was_woken_by(room) || !self.has_other_waiters(room);
        if !self.poll.may_progress() || !may_take || self.names.lookups.is_full() {
            return self.wait_for(room).map(Err);
        }
        match self.names.lookups.insert(Kind::Lookup, self.state.loop_id, Lookup::VACANT) {
            Ok(handle) => {
                self.own(handle);
                self.step_back(room);
                if let Some(owner) = crate::ownership::Link::of(handle).and_then(|link| self.owners.get(link)) {
                    owner.user_data = tag;
                }
                Poll::Ready(Ok(handle))
            }
            Err(_) => self.wait_for(room).map(Err),
        }
    }

    /// Whether there is a slot that nobody was woken for.
    pub(crate) fn has_lookup_room(&self) -> bool {
        let free = self.names.lookups.capacity() - self.names.lookups.len();
        free > self.tasks.promised(Source::LOOKUP_ROOM) && !self.names.lookups.is_full()
    }

    /// Frees the slot of a lookup whose handle is valid. Its sockets are its task's, in the same scope.
    pub(crate) fn close_lookup(&mut self, handle: Handle) {
        self.disown(handle);
        if self.names.lookups.remove(handle).is_some() {
            self.pass_on(Source::LOOKUP_ROOM);
        }
    }
}
