//! Listening, and accepting connections.

use core::net::SocketAddr;
use core::task::Poll;

use crate::cx::Cx;
use crate::error::Error;
use crate::handle::{Handle, Kind, TcpListener, TcpSocket, TypedHandle};
use crate::options::Options;
use crate::platform::{Platform, Readiness};
use crate::socket::{Phase, SocketSlot};
use crate::time::Duration;
use crate::wait::Source;

/// How long accepting pauses when the system has no descriptors or memory left, unless a socket is closed sooner.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

impl<P: Platform> Cx<'_, P> {
    /// Listens at `address`; port 0 lets the platform choose, and [`local_address`](Self::local_address) tells what.
    ///
    /// # Errors
    ///
    /// [`Error::AddressInUse`], [`Error::AddressNotAvailable`], [`Error::PermissionDenied`], [`Error::TableFull`], and
    /// whatever else the platform says.
    pub fn listen(&mut self, address: SocketAddr) -> Result<TcpListener, Error> {
        self.listen_with(address, &Options::DEFAULT)
    }

    /// As [`listen`](Self::listen), with `options`. Accepted sockets inherit them.
    ///
    /// # Errors
    ///
    /// As [`listen`](Self::listen).
    pub fn listen_with(&mut self, address: SocketAddr, options: &Options) -> Result<TcpListener, Error> {
        // Accepting starts when the platform says that somebody came.
        self.open_with(options, |platform, token| {
            let opened = platform.open_listener(address, options, token);
            if opened.is_ok() {
                note!(info, "{} listens at {}", token, address);
            }
            opened
        })
    }

    /// Takes the next connection. Many tasks may wait on one listener: they are woken one at a time, first come, first
    /// served. The socket belongs to the current task and scope.
    ///
    /// Passing troubles are waited out, not reported: while the socket table is full, newcomers wait in the platform's
    /// backlog; when the system has no descriptors or memory left, accepting pauses until a socket of this loop is closed,
    /// or a tenth of a second.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidHandle`]; [`Error::Busy`] if the listener has a handler and nobody is there;
    /// [`Error::TooManyWaits`]; whatever says that the listener is broken.
    pub fn accept(&mut self, listener: TcpListener) -> Poll<Result<TcpSocket, Error>> {
        if let Some(source) = self.must_queue(listener) {
            if self.was_woken_by(source) {
                self.step_back(source);
            }
            return self.wait_for(source).map(|error| Err(self.fail(error)));
        }
        let source = match self.accept_now(listener) {
            Ok(socket) => return Poll::Ready(Ok(socket)),
            Err(Error::WouldBlock) => match listener.handle() {
                Some(handle) => Source::readable(handle.index()),
                None => return Poll::Ready(Err(self.fail(Error::InvalidHandle))),
            },
            Err(Error::TableFull { .. } | Error::TooManyDescriptors | Error::OutOfMemory) => Source::ROOM,
            Err(error) => return Poll::Ready(Err(self.fail(error))),
        };
        self.wait_for(source).map(|error| Err(self.fail(error)))
    }

    /// What to wait for if others are first: for the listener, if one was woken for the next connection or, where the
    /// current task has had its turn, one waits; for room, if others wait for that.
    fn must_queue(&mut self, listener: TcpListener) -> Option<Source> {
        self.poll.task?;
        let was_woken_for_room = self.was_woken_by(Source::ROOM);
        if was_woken_for_room && !self.poll.accepted {
            // It was first at the listener when there was no room.
            return None;
        }
        let handle = listener.handle()?;
        let somebody_is_there = self.sockets.get(handle)?.ready.has(Readiness::READ);
        let source = Source::readable(handle.index());
        let others_are_first =
            if self.poll.accepted { self.has_other_waiters(source) } else { self.is_promised_to_another(source) };
        if others_are_first {
            return Some(source);
        }
        (somebody_is_there && self.has_other_waiters(Source::ROOM)).then_some(Source::ROOM)
    }

    /// Takes the next connection if there is one, without waiting.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`] if nobody is there; [`Error::TableFull`], [`Error::TooManyDescriptors`] and
    /// [`Error::OutOfMemory`] while somebody may be; otherwise as [`accept`](Self::accept).
    pub fn try_accept(&mut self, listener: TcpListener) -> Result<TcpSocket, Error> {
        self.accept_now(listener).map_err(|error| self.fail(error))
    }

    fn accept_now(&mut self, listener: TcpListener) -> Result<TcpSocket, Error> {
        let listener = listener.handle().ok_or(Error::InvalidHandle)?;
        let next = self.sockets.next_handle(Kind::TcpSocket, self.state.loop_id);
        let capacity = self.sockets.capacity() as u32;
        let paused = self.state.accept_paused();
        let slot = self.sockets.get_mut(listener).ok_or(Error::InvalidHandle)?;
        if !slot.ready.has(Readiness::READ) || !self.poll.may_progress() {
            return Err(Error::WouldBlock);
        }
        let Some(token) = next else { return Err(Error::TableFull { kind: Kind::TcpSocket, capacity }) };
        if paused {
            return Err(Error::TooManyDescriptors);
        }
        let options = slot.options;
        let platform = match self.platform.accept(&mut slot.platform, &options, token) {
            Err(Error::WouldBlock) => {
                slot.ready = slot.ready.without(Readiness::READ);
                return Err(Error::WouldBlock);
            }
            Err(error @ (Error::TooManyDescriptors | Error::OutOfMemory)) => {
                self.pause_accepting(listener, error);
                return Err(error);
            }
            accepted => accepted?,
        };
        self.poll.progress();
        self.poll.accepted = true;
        self.step_back(Source::readable(listener.index()));
        self.add_socket(SocketSlot::new(platform, options, Phase::Connected, Readiness::WRITE))
    }

    fn pause_accepting(&mut self, listener: Handle, error: Error) {
        self.state.counters.0.accept_pauses += 1;
        self.state.accept_again = Some(self.platform.now() + ACCEPT_PAUSE);
        note!(warn, "accepting from {} pauses: {}", listener, error);
    }
}
