//! How connections begin: binding, asking a listener, accepting.

use std::net::SocketAddr;

use ptk_core::{Close, Duration, Error, Handle, Instant, Options, Readiness, Reuse};

use super::agenda::Action;
use super::listener::Listener;
use super::ready::{Signal, Source};
use super::stream::{Owner, Phase, Stream};
use super::wire::Wire;
use super::{Kernel, ListenerId, StreamId, address};
use crate::socket::{Name, Socket};

/// How often a listener without room is asked before the connect times out, as on Linux.
const ATTEMPTS: u8 = 7;

impl Kernel {
    /// Binds a listener. See [`Platform::open_listener`](ptk_core::Platform::open_listener).
    pub(crate) fn listen(
        &mut self,
        mut address: SocketAddr,
        options: &Options,
        token: Handle,
    ) -> Result<Socket, Error> {
        self.check_descriptors()?;
        if !self.home.is_bindable(address.ip()) {
            return Err(Error::AddressNotAvailable);
        }
        if address.port() == 0 {
            address.set_port(self.ports.ephemeral().ok_or(Error::AddressInUse)?);
        }
        let taken = self.listeners.iter().any(|(_, other)| {
            address::collide(other.address, address)
                && !(other.options.reuse == Reuse::Port && options.reuse == Reuse::Port)
        });
        let taken = taken || self.streams.iter().any(|(_, stream)| stream.excludes(address));
        if taken {
            return Err(Error::AddressInUse);
        }
        self.ports.acquire(address.port());
        self.descriptors += 1;
        let id = ListenerId(self.listeners.insert(Listener::new(token, address, options)));
        Ok(Socket(Name::Listener(id, token)))
    }

    /// Ends a listener. The connections that nobody accepted are reset; the accepted ones live on.
    pub(crate) fn close_listener(&mut self, id: ListenerId, now: Instant) {
        let Some(listener) = self.listeners.remove(id.0) else { return };
        listener.signal.forget(Source::Listener(id), &mut self.ready);
        self.ports.release(listener.address.port());
        for waiting in listener.waiting {
            self.close_stream(waiting, Close::Abort, now);
        }
    }

    /// Starts to connect. See [`Platform::open_stream`](ptk_core::Platform::open_stream).
    pub(crate) fn connect(
        &mut self,
        peer: SocketAddr,
        options: &Options,
        token: Handle,
        now: Instant,
    ) -> Result<Socket, Error> {
        self.check_descriptors()?;
        if peer.port() == 0 || peer.ip().is_unspecified() {
            return Err(Error::InvalidArgument);
        }
        if !self.home.is_local(peer.ip()) && !self.home.is_elsewhere(peer.ip()) {
            return Err(Error::NoRoute);
        }
        let port = self.ports.ephemeral().ok_or(Error::AddressNotAvailable)?;
        let local = SocketAddr::new(self.home.source_for(peer.ip()), port);
        let id = self.insert_stream(Stream::new(Owner::Core(token), Phase::Connecting(0), local, peer, options));
        self.descriptors += 1;
        if self.home.is_elsewhere(peer.ip()) {
            self.stream_mut(id)?.wire = Some(Wire::new());
            self.ask(id);
        } else {
            self.attempt(id, now);
        }
        Ok(Socket(Name::Stream(id, token)))
    }

    /// How a connect that was started ended. See [`Platform::finish_connect`](ptk_core::Platform::finish_connect).
    pub(crate) fn finish_connect(&mut self, id: StreamId) -> Result<(), Error> {
        let stream = self.stream_mut(id)?;
        match (stream.phase, stream.error.take()) {
            (_, Some(error)) => Err(error),
            (Phase::Up, None) => Ok(()),
            (Phase::Over, None) => Err(Error::NotConnected),
            (Phase::Connecting(_), None) => {
                stream.signal.deny(Readiness::WRITE);
                Err(Error::WouldBlock)
            }
        }
    }

    /// Takes the oldest connection from the backlog. See [`Platform::accept`](ptk_core::Platform::accept).
    ///
    /// As on Linux, a missing descriptor is noticed first, even if nobody waits, and a connection that was reset
    /// meanwhile is handed out like any other: a receive then says what happened.
    pub(crate) fn accept(&mut self, id: ListenerId, options: &Options, token: Handle) -> Result<Socket, Error> {
        self.check_descriptors()?;
        let listener = self.listeners.get_mut(id.0).ok_or(Error::InvalidHandle)?;
        let Some(accepted) = listener.waiting.pop_front() else {
            listener.signal.deny(Readiness::READ);
            return Err(Error::WouldBlock);
        };
        let stream = self.stream_mut(accepted)?;
        stream.owner = Owner::Core(token);
        stream.signal = Signal::new(Readiness::WRITE);
        let capacity = stream.incoming.capacity();
        stream.apply(options);
        let grown = stream.incoming.capacity().saturating_sub(capacity);
        let peer = stream.peer;
        self.descriptors += 1;
        if let Some(peer) = peer {
            self.pump(peer);
        }
        self.make_room(accepted, grown);
        self.refresh(accepted);
        Ok(Socket(Name::Stream(accepted, token)))
    }

    /// Asks whoever listens at the peer's address, once.
    pub(crate) fn attempt(&mut self, id: StreamId, now: Instant) {
        let Some(stream) = self.streams.get_mut(id.0) else { return };
        let Phase::Connecting(attempts) = stream.phase else { return };
        let (local, remote) = (stream.local, stream.remote);
        match self.pick_listener(remote) {
            None => self.end_connect(id, Error::ConnectionRefused),
            Some(listener) if self.listeners.get(listener.0).is_none_or(Listener::is_full) => {
                self.repeat_later(id, attempts, now);
            }
            Some(listener) => self.establish(id, listener, local, remote),
        }
    }

    /// Which of the listeners that hear `peer` gets the connection: those at the very address come before those at all
    /// addresses, then the one with the shortest queue, then the one with the lowest index.
    pub(crate) fn pick_listener(&self, peer: SocketAddr) -> Option<ListenerId> {
        self.listeners
            .iter()
            .filter(|(_, listener)| address::hears(listener.address, peer))
            .min_by_key(|(_, listener)| (listener.address.ip().is_unspecified(), listener.waiting.len()))
            .map(|(index, _)| ListenerId(index))
    }

    /// The listener has no room: it is asked again after 1, 2, 4 .. seconds.
    fn repeat_later(&mut self, id: StreamId, attempts: u8, now: Instant) {
        if attempts == ATTEMPTS {
            self.end_connect(id, Error::TimedOut);
        } else if let Some(stream) = self.streams.get_mut(id.0) {
            stream.phase = Phase::Connecting(attempts + 1);
            self.agenda.plan(now + Duration::from_secs(1 << attempts), Action::RepeatConnect(id));
        }
    }

    /// The connect has failed.
    fn end_connect(&mut self, id: StreamId, error: Error) {
        if let Some(stream) = self.streams.get_mut(id.0) {
            stream.fail(error);
        }
        self.refresh(id);
    }

    /// The connection is up: its other end waits in the listener's backlog.
    fn establish(&mut self, id: StreamId, listener_id: ListenerId, local: SocketAddr, remote: SocketAddr) {
        let Some(listener) = self.listeners.get(listener_id.0) else { return };
        let mut end = Stream::new(Owner::Backlog, Phase::Up, remote, local, &listener.options);
        end.peer = Some(id);
        end.settings = listener.settings;
        let end = self.insert_stream(end);
        if let Some(stream) = self.streams.get_mut(id.0) {
            stream.phase = Phase::Up;
            stream.peer = Some(end);
        }
        self.refresh(id);
        self.announce(listener_id, end);
    }

    /// A connection waits in the listener's backlog.
    pub(crate) fn announce(&mut self, listener_id: ListenerId, end: StreamId) {
        if let Some(listener) = self.listeners.get_mut(listener_id.0) {
            listener.waiting.push_back(end);
            let level = listener.readiness();
            listener.signal.update(level, Source::Listener(listener_id), &mut self.ready);
        }
    }
}
