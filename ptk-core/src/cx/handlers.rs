//! Handlers: events told to the task set in place of a waiting task.

use crate::cx::Cx;
use crate::error::Error;
use crate::handle::{Handle, Kind, TypedHandle};
use crate::ownership::TableName;
use crate::platform::{Platform, Readiness};
use crate::wait::{Source, WaitList};

/// The last socket in the queue of those with news.
const END: u32 = u32::MAX;

impl<P: Platform> Cx<'_, P> {
    /// Has the events of a handle told to [`TaskSet::event`](crate::TaskSet::event) from now on, beginning with what is
    /// ready already. Reading and accepting are told again each turn while something is left, so a handler need not take
    /// everything; no byte is lost between [`remove_handler`](Self::remove_handler) and the next `set_handler`.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] if the handle has a handler, or tasks wait for it; [`Error::InvalidHandle`].
    pub fn set_handler(&mut self, handle: impl TypedHandle) -> Result<(), Error> {
        let set = self.try_set_handler(handle.handle());
        set.map_err(|error| self.fail(error))
    }

    fn try_set_handler(&mut self, handle: Option<Handle>) -> Result<(), Error> {
        let handle = handle.ok_or(Error::InvalidHandle)?;
        self.step_back_from(handle);
        let waiters = self.waiters(handle).ok_or(Error::InvalidHandle)?;
        let writers = self.sockets.get(handle).map_or(WaitList::EMPTY, |slot| slot.writers);
        if waiters != WaitList::EMPTY || writers != WaitList::EMPTY {
            return Err(Error::Busy);
        }
        self.set_waiters(handle, WaitList::HANDLER);
        self.state.handlers += 1;
        self.tell_what_is_ready(handle);
        Ok(())
    }

    /// Ends what the current task waited for before it was resumed: it may set a handler now.
    fn step_back_from(&mut self, handle: Handle) {
        let index = handle.index();
        match TableName::of(handle.kind()) {
            Some(TableName::Sockets) => {
                self.step_back(Source::readable(index));
                self.step_back(Source::writable(index));
            }
            Some(TableName::Timers) => self.step_back(Source::expired(index)),
            Some(TableName::Sources) => self.step_back(Source::raised(index)),
            Some(TableName::Lookups) | None => {}
        }
    }

    pub(crate) fn tell_what_is_ready(&mut self, handle: Handle) {
        match TableName::of(handle.kind()) {
            Some(TableName::Sockets) => {
                let Some(slot) = self.sockets.get_mut(handle) else { return };
                slot.news = slot.ready;
                if slot.news != Readiness::NONE {
                    self.queue_news(handle.index());
                }
            }
            Some(TableName::Timers) => self.expire_again(handle),
            Some(TableName::Sources) => self.state.raised = true,
            Some(TableName::Lookups) | None => {}
        }
    }

    /// Tells the handler of a handle nothing more, not even what is in the current batch.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] if the handle has no handler; [`Error::InvalidHandle`].
    pub fn remove_handler(&mut self, handle: impl TypedHandle) -> Result<(), Error> {
        let handle = handle.handle().filter(|handle| self.waiters(*handle).is_some());
        let Some(handle) = handle else { return Err(self.fail(Error::InvalidHandle)) };
        if !self.has_handler(handle) {
            return Err(self.fail(Error::InvalidArgument));
        }
        self.forget_handler(handle);
        Ok(())
    }

    pub(crate) fn forget_handler(&mut self, handle: Handle) {
        if self.has_handler(handle) {
            self.set_waiters(handle, WaitList::EMPTY);
            self.state.handlers -= 1;
        }
    }

    pub(crate) fn has_handler(&mut self, handle: Handle) -> bool {
        self.waiters(handle).is_some_and(WaitList::has_handler)
    }

    fn waiters(&mut self, handle: Handle) -> Option<WaitList> {
        match handle.kind() {
            Kind::TcpSocket | Kind::TcpListener | Kind::UdpSocket | Kind::Descriptor => {
                Some(self.sockets.slot_mut(handle)?.waiters())
            }
            Kind::Timer => Some(self.timers.slot_mut(handle)?.waiters()),
            Kind::EventSource => Some(self.sources.slot_mut(handle)?.waiters()),
            Kind::Task | Kind::Lookup => None,
        }
    }

    fn set_waiters(&mut self, handle: Handle, waiters: WaitList) {
        if let Some(slot) = self.sockets.slot_mut(handle) {
            slot.set_waiters(waiters);
        } else if let Some(slot) = self.timers.slot_mut(handle) {
            slot.set_waiters(waiters);
        } else if let Some(slot) = self.sources.slot_mut(handle) {
            slot.set_waiters(waiters);
        }
    }

    /// Puts a socket at the end of the queue of those with news for their handler, if it is not in it.
    pub(crate) fn queue_news(&mut self, index: usize) {
        queue_news(self.news_links, &mut self.state.news, index);
    }

    /// Takes the first socket out of that queue.
    pub(crate) fn next_news(&mut self) -> Option<usize> {
        let news = &mut self.state.news;
        let index = (news.first as usize).checked_sub(1)?;
        let next = core::mem::take(self.news_links.get_mut(index)?);
        news.first = if next == END { 0 } else { next };
        if news.first == 0 {
            news.last = 0;
        }
        news.len -= 1;
        Some(index)
    }
}

/// The ends of the queue of sockets with news, as indices plus 1, and its length.
#[derive(Clone, Copy, Hash, Debug)]
pub(crate) struct News {
    first: u32,
    last: u32,
    pub(crate) len: u32,
}

impl News {
    pub(crate) const NONE: News = News { first: 0, last: 0, len: 0 };
}

/// As [`Cx::queue_news`], for who has only the parts.
pub(crate) fn queue_news(links: &mut [u32], news: &mut News, index: usize) {
    match links.get_mut(index) {
        Some(link) if *link == 0 => *link = END,
        _ => return,
    }
    let name = index as u32 + 1;
    if news.first == 0 {
        news.first = name;
    } else if let Some(link) = links.get_mut(news.last as usize - 1) {
        *link = name;
    }
    news.last = name;
    news.len += 1;
}
