//! Event sources: the loop's side of what threads and interrupts raise through the platform's port.

use core::task::Poll;

use crate::cx::Cx;
use crate::error::Error;
use crate::handle::{EventSource, Handle, Kind, TypedHandle};
use crate::mutant::Mutant;
use crate::platform::Platform;
use crate::port::Raised;
use crate::table::Vacant;
use crate::wait::Source;

/// One event source. Its count and value are in the port; the table has its name and its waiters.
#[derive(Clone, Copy, Hash, Debug)]
pub(crate) struct SourceSlot;

impl Vacant for SourceSlot {
    const VACANT: Self = SourceSlot;
}

impl<P: Platform> Cx<'_, P> {
    /// An event source of this loop, to be raised through the platform's port. It belongs to the current task and scope.
    ///
    /// # Errors
    ///
    /// [`Error::NotSupported`] if the platform has no port; [`Error::TableFull`] if the loop's table or the port has no
    /// source left.
    pub fn event_source(&mut self) -> Result<EventSource, Error> {
        let opened = self.open_source();
        opened.map_err(|error| self.fail(error))
    }

    fn open_source(&mut self) -> Result<EventSource, Error> {
        let full = Error::TableFull { kind: Kind::EventSource, capacity: self.sources.capacity() as u32 };
        // The port is the authority on generations: it outlives the loop.
        let (index, generation) = loop {
            let index = self.sources.next_index().ok_or(full)?;
            match self.platform.open_source(index) {
                Ok(generation) => break (index, generation),
                Err(Error::Busy) => self.sources.retire_next(),
                Err(error) => return Err(error),
            }
        };
        self.sources.advance_generation(index, u32::from(generation));
        let handle = self.sources.insert(Kind::EventSource, self.state.loop_id, SourceSlot).map_err(|_| full)?;
        self.own(handle);
        EventSource::from_handle(handle).ok_or(Error::InvalidHandle)
    }

    /// Waits until the source was raised, and takes what it was raised with. Several tasks may wait for one source: they
    /// take turns, first come, first served. So do those that wait for one timer or one socket.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidHandle`], [`Error::Busy`] if the source has a handler, [`Error::TooManyWaits`].
    pub fn raised(&mut self, source: EventSource) -> Poll<Result<Raised, Error>> {
        let Some(handle) = source.handle().filter(|handle| self.sources.contains(*handle)) else {
            return Poll::Ready(Err(self.fail(Error::InvalidHandle)));
        };
        let may_look = !Mutant::RaiseTakenWhenWokenOnly.is_on() || self.was_woken_by(Source::raised(handle.index()));
        if self.poll.may_progress()
            && may_look
            && let Some(raised) = self.platform.take_raised(handle.index())
        {
            self.poll.progress();
            return Poll::Ready(Ok(raised));
        }
        self.wait_for(Source::raised(handle.index())).map(|error| Err(self.fail(error)))
    }

    /// Raises a source of this loop from the loop itself: delivered in the next turn. See
    /// [`EventPortView::raise`](crate::EventPortView::raise) for other threads and interrupts.
    ///
    /// # Errors
    ///
    /// As [`Platform::raise`].
    pub fn raise(&mut self, source: EventSource, value: u32) -> Result<(), Error> {
        let raised = self.platform.raise(source, value);
        // The port knows, but a foreign loop that asks for the next deadline does not.
        self.state.due |= raised.is_ok();
        raised.map_err(|error| self.fail(error))
    }

    pub(crate) fn is_raised(&mut self, index: usize) -> bool {
        self.platform.is_raised(index)
    }

    pub(crate) fn close_source(&mut self, handle: Handle) {
        self.dismiss(Source::raised(handle.index()));
        self.disown(handle);
        self.forget_handler(handle);
        if let Some(port) = self.platform.port() {
            port.close(handle.index());
        }
        self.sources.remove(handle);
    }
}
