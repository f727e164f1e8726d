//! The kernel of one host, as plain data: listeners, connections, datagram sockets, ports, what is ready and what is
//! planned.
//!
//! It knows nothing of the loop, and time is an argument. `connect` makes connections, `traffic` carries their bytes,
//! `datagrams` carries datagrams.

mod address;
mod agenda;
mod bindings;
mod connect;
mod datagrams;
mod endpoint;
mod inbox;
mod listener;
mod pipe;
mod ports;
mod ready;
mod settings;
mod slab;
mod stream;
mod traffic;
mod wire;

use std::net::SocketAddr;

use ptk_core::{Close, Error, Handle, Instant, Readiness};

pub(crate) use self::address::{Home, host_of, is_broadcast};
use self::agenda::{Action, Agenda};
use self::bindings::Bindings;
use self::endpoint::Endpoint;
use self::listener::Listener;
use self::ports::Ports;
use self::ready::{ReadyQueue, Source};
use self::slab::Slab;
use self::stream::{Owner, Phase, Stream};
use crate::packet::Packet;
use crate::random::Random;
use crate::socket::{Name, Socket};

/// The index of a listener.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct ListenerId(u32);

/// The index of one end of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct StreamId(u32);

/// The index of a datagram socket.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct EndpointId(u32);

/// See the module's text.
#[derive(Clone, Hash, Debug)]
pub(crate) struct Kernel {
    listeners: Slab<Listener>,
    streams: Slab<Stream>,
    /// The TCP ports.
    ports: Ports,
    endpoints: Slab<Endpoint>,
    /// The UDP ports.
    bindings: Bindings,
    agenda: Agenda,
    ready: ReadyQueue,
    /// Sockets that the core holds.
    descriptors: usize,
    /// How many it may hold.
    descriptor_limit: usize,
    home: Home,
    /// Packets for other hosts, in the order in which they were sent.
    outbox: Vec<Packet>,
    /// The ends whose other ends were perhaps not told of what has arrived.
    owing: Vec<StreamId>,
}

impl Kernel {
    /// A host on which nothing is open, and that draws its UDP ports from `random`.
    pub(crate) const fn new(descriptor_limit: usize, random: Random, home: Home) -> Kernel {
        Kernel {
            listeners: Slab::new(),
            streams: Slab::new(),
            ports: Ports::new(),
            endpoints: Slab::new(),
            bindings: Bindings::new(random),
            agenda: Agenda::new(),
            ready: ReadyQueue::new(),
            descriptors: 0,
            descriptor_limit,
            home,
            outbox: Vec::new(),
            owing: Vec::new(),
        }
    }

    /// Sockets that the core holds.
    pub(crate) const fn descriptors(&self) -> usize {
        self.descriptors
    }

    /// Packets for other hosts, to be taken out.
    pub(crate) fn outbox(&mut self) -> &mut Vec<Packet> {
        &mut self.outbox
    }

    /// How many sockets may have something to report.
    pub(crate) fn events(&self) -> usize {
        self.ready.len()
    }

    /// The token of one of the open sockets, if there are so many.
    pub(crate) fn token_at(&self, place: usize) -> Option<Handle> {
        let listeners = self.listeners.iter().map(|(_, listener)| listener.token);
        let streams = self.streams.iter().filter_map(|(_, stream)| match stream.owner {
            Owner::Core(token) => Some(token),
            Owner::Backlog | Owner::Nobody => None,
        });
        let endpoints = self.endpoints.iter().map(|(_, endpoint)| endpoint.token);
        listeners.chain(streams).chain(endpoints).nth(place)
    }

    /// When the kernel acts by itself the next time.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.agenda.next_due()
    }

    /// Does everything that is due at `now`.
    pub(crate) fn act(&mut self, now: Instant) {
        while let Some(action) = self.agenda.take_due(now) {
            match action {
                Action::RepeatConnect(id) => self.attempt(id, now),
                Action::Forget(id) => drop(self.remove_stream(id)),
                Action::Probe(id) => self.probe(id, now),
            }
        }
    }

    /// The event at `place` of those that are due, if there is one.
    pub(crate) fn next_event(&mut self, mut place: usize) -> Option<(Handle, Readiness)> {
        loop {
            let event = match self.ready.take(std::mem::take(&mut place))? {
                Source::Listener(ListenerId(id)) => self.listeners.get_mut(id).map(|listener| {
                    let level = listener.readiness();
                    (listener.token, listener.signal.report(level))
                }),
                Source::Stream(StreamId(id)) => self.streams.get_mut(id).and_then(|stream| {
                    let Owner::Core(token) = stream.owner else { return None };
                    let level = stream.readiness();
                    stream.has_alarm = false;
                    Some((token, stream.signal.report(level)))
                }),
                Source::Endpoint(EndpointId(id)) => self.endpoints.get_mut(id).map(|endpoint| {
                    let level = endpoint.readiness();
                    (endpoint.token, endpoint.signal.report(level))
                }),
            };
            if let Some((token, readiness)) = event
                && !readiness.is_none()
            {
                return Some((token, readiness));
            }
        }
    }

    /// Closes what `socket` names. See [`Platform::close`](ptk_core::Platform::close).
    pub(crate) fn close(&mut self, socket: &Socket, how: Close, now: Instant) {
        if let Ok(id) = self.listener_id(socket) {
            self.descriptors -= 1;
            self.close_listener(id, now);
        } else if let Ok(id) = self.stream_id(socket) {
            self.descriptors -= 1;
            self.close_stream(id, how, now);
        } else if let Ok(id) = self.endpoint_id(socket) {
            self.descriptors -= 1;
            self.close_endpoint(id);
        }
    }

    /// Closes everything, as a system does for a process that was killed.
    pub(crate) fn close_all(&mut self, now: Instant) {
        let listeners: Vec<_> = self.listeners.iter().map(|(id, _)| ListenerId(id)).collect();
        listeners.into_iter().for_each(|id| self.close_listener(id, now));
        let streams: Vec<_> = self.streams.iter().map(|(id, _)| StreamId(id)).collect();
        streams.into_iter().for_each(|id| self.close_stream(id, Close::Graceful, now));
        let endpoints: Vec<_> = self.endpoints.iter().map(|(id, _)| EndpointId(id)).collect();
        endpoints.into_iter().for_each(|id| self.close_endpoint(id));
    }

    /// The address that `socket` is bound to.
    pub(crate) fn local_address(&self, socket: &Socket) -> Result<SocketAddr, Error> {
        if let Ok(ListenerId(id)) = self.listener_id(socket) {
            return self.listeners.get(id).map(|listener| listener.address).ok_or(Error::InvalidHandle);
        }
        if let Ok(id) = self.endpoint_id(socket) {
            return Ok(self.endpoint(id)?.local);
        }
        Ok(self.stream(self.stream_id(socket)?)?.local)
    }

    /// The address of the other end, while there is a connection.
    pub(crate) fn peer_address(&self, socket: &Socket) -> Result<SocketAddr, Error> {
        if let Ok(id) = self.endpoint_id(socket) {
            return self.endpoint(id)?.peer.ok_or(Error::NotConnected);
        }
        let stream = self.stream(self.stream_id(socket)?)?;
        if stream.phase == Phase::Up { Ok(stream.remote) } else { Err(Error::NotConnected) }
    }

    /// The listener that `socket` names.
    pub(crate) fn listener_id(&self, socket: &Socket) -> Result<ListenerId, Error> {
        match socket.0 {
            Name::Listener(id, token) if self.listeners.get(id.0).is_some_and(|it| it.token == token) => Ok(id),
            Name::Listener(..) | Name::Closed => Err(Error::InvalidHandle),
            Name::Stream(..) | Name::Endpoint(..) => Err(Error::InvalidArgument),
        }
    }

    /// The end of a connection that `socket` names.
    pub(crate) fn stream_id(&self, socket: &Socket) -> Result<StreamId, Error> {
        match socket.0 {
            Name::Stream(id, token) if self.streams.get(id.0).is_some_and(|it| it.owner == Owner::Core(token)) => {
                Ok(id)
            }
            Name::Stream(..) | Name::Closed => Err(Error::InvalidHandle),
            Name::Listener(..) | Name::Endpoint(..) => Err(Error::NotConnected),
        }
    }

    /// The datagram socket that `socket` names.
    pub(crate) fn endpoint_id(&self, socket: &Socket) -> Result<EndpointId, Error> {
        match socket.0 {
            Name::Endpoint(id, token) if self.endpoints.get(id.0).is_some_and(|it| it.token == token) => Ok(id),
            Name::Endpoint(..) | Name::Closed => Err(Error::InvalidHandle),
            Name::Listener(..) | Name::Stream(..) => Err(Error::InvalidArgument),
        }
    }

    fn endpoint(&self, id: EndpointId) -> Result<&Endpoint, Error> {
        self.endpoints.get(id.0).ok_or(Error::InvalidHandle)
    }

    fn endpoint_mut(&mut self, id: EndpointId) -> Result<&mut Endpoint, Error> {
        self.endpoints.get_mut(id.0).ok_or(Error::InvalidHandle)
    }

    fn stream(&self, id: StreamId) -> Result<&Stream, Error> {
        self.streams.get(id.0).ok_or(Error::InvalidHandle)
    }

    fn stream_mut(&mut self, id: StreamId) -> Result<&mut Stream, Error> {
        self.streams.get_mut(id.0).ok_or(Error::InvalidHandle)
    }

    /// Whether the limit allows one more descriptor.
    fn check_descriptors(&self) -> Result<(), Error> {
        if self.descriptors < self.descriptor_limit { Ok(()) } else { Err(Error::TooManyDescriptors) }
    }

    /// Adds one end of a connection.
    fn insert_stream(&mut self, stream: Stream) -> StreamId {
        self.ports.acquire(stream.local.port());
        StreamId(self.streams.insert(stream))
    }

    /// Takes one end of a connection out of all tables; the other end no longer knows it.
    fn remove_stream(&mut self, id: StreamId) -> Option<Stream> {
        let stream = self.streams.remove(id.0)?;
        self.ports.release(stream.local.port());
        stream.signal.forget(Source::Stream(id), &mut self.ready);
        for action in [Action::RepeatConnect(id), Action::Forget(id), Action::Probe(id)] {
            self.agenda.cancel(action);
        }
        if let Some(peer) = stream.peer.and_then(|StreamId(peer)| self.streams.get_mut(peer)) {
            peer.peer = None;
        }
        Some(stream)
    }

    /// Something about this end may have changed: if that is news to the core, an event is due.
    fn refresh(&mut self, id: StreamId) {
        if let Some(stream) = self.streams.get_mut(id.0)
            && let Owner::Core(_) = stream.owner
        {
            let level = stream.readiness();
            stream.signal.update(level, Source::Stream(id), &mut self.ready);
        }
    }
}
