//! Whose handles are whose: opening, passing on and closing by task and scope.

use crate::cx::Cx;
use crate::error::Error;
use crate::handle::{Handle, Kind, TypedHandle};
use crate::ownership::{Link, Owner, TableName};
use crate::platform::{Close, Platform};
use crate::scope::Scope;

impl<P: Platform> Cx<'_, P> {
    /// Closes a socket, listener, timer or event source. Tasks that wait for it are resumed and find
    /// [`Error::InvalidHandle`]; its handler hears nothing more. What a socket was given to send is still sent, in the
    /// background; to end a connection at once there is [`abort`](Self::abort). A [`Task`](crate::Task) is cancelled.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidHandle`].
    pub fn close(&mut self, handle: impl TypedHandle) -> Result<(), Error> {
        if let Some(task) = handle.handle().and_then(crate::Task::from_handle) {
            return self.cancel(task);
        }
        match handle.handle().filter(|handle| self.is_valid(*handle)) {
            Some(handle) => {
                self.close_handle(handle);
                Ok(())
            }
            None => Err(self.fail(Error::InvalidHandle)),
        }
    }

    /// Whether `handle` names something that is open.
    pub fn is_valid(&self, handle: Handle) -> bool {
        match handle.kind() {
            Kind::TcpSocket | Kind::TcpListener | Kind::UdpSocket | Kind::Descriptor => self.sockets.contains(handle),
            Kind::Timer => self.timers.contains(handle),
            Kind::EventSource => self.sources.contains(handle),
            #[cfg(feature = "dns")]
            Kind::Lookup => self.names.lookups.contains(handle),
            #[cfg(not(feature = "dns"))]
            Kind::Lookup => false,
            Kind::Task => self.task_handle(handle.index()) == Some(handle),
        }
    }

    /// Takes a handle away from its task: it stays open when the task ends, until somebody closes it.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidHandle`]; also for a [`Task`](crate::Task), which nobody owns.
    pub fn detach(&mut self, handle: impl TypedHandle) -> Result<(), Error> {
        let handle = self.owned_handle(handle)?;
        self.disown(handle);
        Ok(())
    }

    /// Makes a handle the current task's, in the current scope, whoever had it before. Outside a task this is
    /// [`detach`](Self::detach).
    ///
    /// # Errors
    ///
    /// As [`detach`](Self::detach).
    pub fn adopt(&mut self, handle: impl TypedHandle) -> Result<(), Error> {
        let handle = self.owned_handle(handle)?;
        self.disown(handle);
        self.take_over(handle);
        Ok(())
    }

    /// A number that the application keeps with a handle; 0 until it is set.
    ///
    /// # Errors
    ///
    /// As [`detach`](Self::detach).
    pub fn user_data(&mut self, handle: impl TypedHandle) -> Result<u32, Error> {
        let handle = self.owned_handle(handle)?;
        Ok(self.owner(handle).map_or(0, |owner| owner.user_data))
    }

    /// Keeps a number with a handle.
    ///
    /// # Errors
    ///
    /// As [`detach`](Self::detach).
    pub fn set_user_data(&mut self, handle: impl TypedHandle, data: u32) -> Result<(), Error> {
        let handle = self.owned_handle(handle)?;
        if let Some(owner) = self.owner(handle) {
            owner.user_data = data;
        }
        Ok(())
    }

    fn owned_handle(&mut self, handle: impl TypedHandle) -> Result<Handle, Error> {
        let valid = handle.handle().filter(|handle| handle.kind() != Kind::Task && self.is_valid(*handle));
        valid.ok_or_else(|| self.fail(Error::InvalidHandle))
    }

    fn owner(&mut self, handle: Handle) -> Option<&mut Owner> {
        self.owners.get(Link::of(handle)?)
    }

    /// Notes a handle that was just opened as the current task's.
    pub(crate) fn own(&mut self, handle: Handle) {
        if let Some(owner) = self.owner(handle) {
            *owner = Owner::NOBODY;
        }
        self.take_over(handle);
    }

    fn take_over(&mut self, handle: Handle) {
        let Some(link) = Link::of(handle) else { return };
        let Some(index) = self.poll.task else { return };
        let Some(task) = self.tasks.slots.get_mut(index) else { return };
        let scope = self.poll.control.scope;
        if let Some(owner) = self.owners.get(link) {
            owner.set_task(Some(index));
            owner.scope = scope;
            owner.next = core::mem::replace(&mut task.owned, link);
            task.deepest_scope = task.deepest_scope.max(scope.depth());
            self.poll.deepest_scope = task.deepest_scope;
        }
    }

    /// Takes a handle out of its owner's list. Takes time in proportion to the handles that the owner has.
    pub(crate) fn disown(&mut self, handle: Handle) {
        let Some(link) = Link::of(handle) else { return };
        let Some(owner) = self.owners.get(link) else { return };
        let Some(index) = owner.task() else { return };
        let next = owner.next;
        owner.set_task(None);
        owner.next = Link::NONE;
        let Some(task) = self.tasks.slots.get_mut(index) else { return };
        if task.owned == link {
            task.owned = next;
            return;
        }
        let mut before = task.owned;
        while !before.is_none() {
            let Some(owner) = self.owners.get(before) else { return };
            if owner.next == link {
                owner.next = next;
                return;
            }
            before = owner.next;
        }
    }

    /// The slot of a handle that an earlier evaluation of the current wait opened with `tag` as its user data, and that
    /// `is_it` agrees to.
    pub(crate) fn owned_here(
        &mut self,
        table: TableName,
        tag: u32,
        is_it: impl Fn(&mut Self, usize) -> bool,
    ) -> Option<usize> {
        if self.poll.control.fresh {
            return None;
        }
        let scope = self.poll.control.scope;
        let mut link = self.first_owned(self.poll.task?);
        while !link.is_none() {
            let owner = *self.owners.get(link)?;
            if let Some((owned, index)) = link.place()
                && (owned, owner.scope, owner.user_data) == (table, scope, tag)
                && is_it(self, index)
            {
                return Some(index);
            }
            link = owner.next;
        }
        None
    }

    /// Whether the current task may own handles in `scope`; a quick no is exact.
    #[inline(always)]
    pub(crate) fn has_handles_in(&self, scope: Scope) -> bool {
        self.poll.deepest_scope >= scope.depth()
    }

    /// Closes the current task's handles in `scope`.
    pub(crate) fn close_handles_in(&mut self, scope: Scope) {
        let Some(task) = self.poll.task else { return };
        let mut link = self.first_owned(task);
        while !link.is_none() {
            let next = self.owners.next(link);
            if self.owners.get(link).is_some_and(|owner| scope.contains(owner.scope)) {
                self.close_link(link);
            }
            link = next;
        }
        self.find_deepest_scope(task);
    }

    /// Passes the current task's handles in `scope` on to `outer`.
    pub(crate) fn pass_handles(&mut self, scope: Scope, outer: Scope) {
        let Some(task) = self.poll.task else { return };
        let mut link = self.first_owned(task);
        while let Some(owner) = self.owners.get(link) {
            if scope.contains(owner.scope) {
                owner.scope = outer;
            }
            link = owner.next;
        }
        self.find_deepest_scope(task);
    }

    /// Closes all handles of a task.
    pub(crate) fn close_all(&mut self, task: usize) {
        loop {
            let link = self.first_owned(task);
            if link.is_none() {
                break;
            }
            self.close_link(link);
        }
        self.find_deepest_scope(task);
    }

    fn find_deepest_scope(&mut self, task: usize) {
        let mut deepest = 0;
        let mut link = self.first_owned(task);
        while let Some(owner) = self.owners.get(link) {
            deepest = deepest.max(owner.scope.depth());
            link = owner.next;
        }
        if let Some(slot) = self.tasks.slots.get_mut(task) {
            slot.deepest_scope = deepest;
        }
        if self.poll.task == Some(task) {
            self.poll.deepest_scope = deepest;
        }
    }

    fn first_owned(&self, task: usize) -> Link {
        self.tasks.slots.get(task).map_or(Link::NONE, |task| task.owned)
    }

    fn close_link(&mut self, link: Link) {
        let handle = link.place().and_then(|(table, index)| match table {
            TableName::Sockets => self.sockets.handle_at(index),
            TableName::Timers => self.timers.handle_at(index),
            TableName::Sources => self.sources.handle_at(index),
            #[cfg(feature = "dns")]
            TableName::Lookups => self.names.lookups.handle_at(index),
            #[cfg(not(feature = "dns"))]
            TableName::Lookups => None,
        });
        if let Some(handle) = handle {
            self.close_handle(handle);
        }
    }

    fn close_handle(&mut self, handle: Handle) {
        match handle.kind() {
            Kind::TcpSocket | Kind::TcpListener | Kind::UdpSocket | Kind::Descriptor => {
                self.close_socket(handle, Close::Graceful)
            }
            Kind::Timer => self.close_timer(handle),
            Kind::EventSource => self.close_source(handle),
            #[cfg(feature = "dns")]
            Kind::Lookup => self.close_lookup(handle),
            #[cfg(not(feature = "dns"))]
            Kind::Lookup => {}
            Kind::Task => {}
        }
    }
}
