//! What flows between datagram sockets: datagrams, and what the network says of those that reach nobody.

use std::net::{IpAddr, SocketAddr};

use ptk_core::{Datagram, Error, Handle, Options, Readiness, Rest, Reuse};

use super::endpoint::Endpoint;
use super::ready::Source;
use super::{EndpointId, Kernel, address};
use crate::mutant::Mutant;
use crate::packet::{Body, Packet, Payload};
use crate::random;
use crate::socket::{Name, Socket};

impl Kernel {
    /// Binds a datagram socket. See [`Platform::open_datagram`](ptk_core::Platform::open_datagram).
    pub(crate) fn open_datagram(
        &mut self,
        address: SocketAddr,
        options: &Options,
        token: Handle,
    ) -> Result<Socket, Error> {
        self.check_descriptors()?;
        let mut address = address::plain(address);
        let is_port_chosen = address.port() == 0;
        let ip = address.ip();
        if !self.home.is_bindable(ip) && !address::is_broadcast(ip) && !ip.is_multicast() {
            return Err(Error::AddressNotAvailable);
        }
        if address.port() == 0 {
            address.set_port(self.bindings.ephemeral().ok_or(Error::AddressInUse)?);
        }
        if self.is_bound(address, options.reuse) {
            return Err(Error::AddressInUse);
        }
        let mut endpoint = Endpoint::new(token, self.home, address, options);
        endpoint.is_port_chosen = is_port_chosen;
        let id = EndpointId(self.endpoints.insert(endpoint));
        self.bindings.add(address.port(), id);
        self.descriptors += 1;
        self.refresh_endpoint(id);
        Ok(Socket(Name::Endpoint(id, token)))
    }

    /// Whether an address cannot be had, because of who has it. As on Linux, the last to be bound is asked first, and who
    /// meets another that shares the port with it asks no more.
    fn is_bound(&self, address: SocketAddr, reuse: Reuse) -> bool {
        let others = self.bindings.at(address.port()).iter().rev().filter_map(|id| self.endpoints.get(id.0));
        let mut in_the_way = others.filter(|other| other.is_in_the_way(address, reuse));
        in_the_way.next().is_some_and(|other| (other.reuse, reuse) != (Reuse::Port, Reuse::Port))
    }

    /// Ends a datagram socket, and what it has not received with it.
    pub(crate) fn close_endpoint(&mut self, id: EndpointId) {
        let Some(endpoint) = self.endpoints.remove(id.0) else { return };
        endpoint.signal.forget(Source::Endpoint(id), &mut self.ready);
        self.bindings.remove(endpoint.local.port(), id);
    }

    /// Connects or disconnects. See [`Platform::connect_datagram`](ptk_core::Platform::connect_datagram).
    pub(crate) fn connect_datagram(&mut self, id: EndpointId, peer: Option<SocketAddr>) -> Result<(), Error> {
        let endpoint = self.endpoint_mut(id)?;
        let before = endpoint.local;
        match peer {
            None => endpoint.disconnect(),
            Some(peer) => endpoint.connect(endpoint.check_peer(peer)?),
        }
        // Linux then looks it up as one that was just bound.
        if endpoint.local != before || (peer.is_none() && endpoint.is_port_chosen) {
            self.bindings.remove(before.port(), id);
            self.bindings.add(before.port(), id);
        }
        Ok(())
    }

    /// Receives. See [`Platform::receive_from`](ptk_core::Platform::receive_from).
    ///
    /// As on Linux, what the network said comes before the datagrams that wait.
    pub(crate) fn receive_from(&mut self, id: EndpointId, buffer: &mut [u8]) -> Result<(Datagram, Rest), Error> {
        let endpoint = self.endpoint_mut(id)?;
        if let Some(error) = endpoint.error.take() {
            return Err(error);
        }
        let Some(datagram) = endpoint.inbox.take(buffer) else {
            endpoint.signal.deny(Readiness::READ);
            return Err(Error::WouldBlock);
        };
        if endpoint.inbox.is_empty() {
            endpoint.signal.deny(Readiness::READ);
            return Ok((datagram, Rest::Drained));
        }
        Ok((datagram, Rest::MaybeMore))
    }

    /// Sends. See [`Platform::send_to`](ptk_core::Platform::send_to).
    ///
    /// As on Linux, a call that reports what the network said of an earlier datagram sends nothing, and one whose
    /// arguments are wrong does not report it.
    pub(crate) fn send_to(&mut self, id: EndpointId, data: &[u8], peer: Option<SocketAddr>) -> Result<(), Error> {
        let endpoint = self.endpoint_mut(id)?;
        endpoint.check_field(data.len())?;
        let to = endpoint.check_peer(peer.or(endpoint.peer).ok_or(Error::NotConnected)?)?;
        endpoint.check_length(data.len())?;
        if let Some(error) = endpoint.error.take() {
            return Err(error);
        }
        let from = endpoint.source_for(to.ip());
        let is_heard_here = !to.ip().is_multicast() || endpoint.multicast_loopback;
        let home = self.home;
        let is_elsewhere = home.is_elsewhere(to.ip());
        let data = Payload::new(data);
        if !is_elsewhere && is_heard_here {
            self.deliver(from, to, &data);
        }
        if is_elsewhere || home.is_heard_elsewhere(to.ip()) {
            self.outbox.push(Packet::datagram(from, to, Body::Datagram(data)));
        }
        Ok(())
    }

    /// What becomes of a datagram on the network: groups and broadcasts reach everybody who listens, other addresses
    /// one socket.
    pub(crate) fn deliver(&mut self, from: SocketAddr, to: SocketAddr, data: &Payload) {
        if to.ip().is_multicast() || address::is_broadcast(to.ip()) {
            self.deliver_to_all(from, to, data);
        } else if let Some(id) = self.pick_endpoint(from, to) {
            if let Some(endpoint) = self.endpoints.get_mut(id.0) {
                endpoint.inbox.put(from, data.clone());
            }
            self.refresh_endpoint(id);
        } else {
            self.refuse(from, to);
        }
    }

    /// One copy for each socket that hears it, in the order in which they were bound.
    fn deliver_to_all(&mut self, from: SocketAddr, to: SocketAddr, data: &Payload) {
        for id in self.bindings.at(to.port()) {
            let endpoint = self.endpoints.get_mut(id.0).filter(|endpoint| endpoint.hears(from, to));
            if let Some(endpoint) = endpoint {
                endpoint.inbox.put(from, data.clone());
                let level = endpoint.readiness();
                endpoint.signal.update(level, Source::Endpoint(*id), &mut self.ready);
            }
        }
    }

    /// Which of the sockets that hear a datagram gets it: the one that fits best; among equals the one that was bound
    /// last, but sockets that share a port by [`Reuse::Port`] share the senders among them.
    fn pick_endpoint(&self, from: SocketAddr, to: SocketAddr) -> Option<EndpointId> {
        let hearers = || {
            let endpoints = self.bindings.at(to.port()).iter().filter_map(|id| Some((*id, self.endpoints.get(id.0)?)));
            endpoints.filter(|(_, endpoint)| endpoint.hears(from, to))
        };
        let (last, best) = hearers().max_by_key(|(_, endpoint)| endpoint.fitness())?;
        if best.reuse != Reuse::Port {
            return Some(last);
        }
        let sharers = || hearers().filter(|(_, endpoint)| endpoint.fitness() == best.fitness());
        sharers().nth(share(from, sharers().count())).map(|(id, _)| id)
    }

    /// Nobody has the port that a datagram went to: an ICMP message says so, and a socket that is connected to that
    /// very port hears it (RFC 1122, 4.1.3.3, and udp(7)).
    fn refuse(&mut self, from: SocketAddr, to: SocketAddr) {
        if Mutant::RefusalUnheard.is_on() {
            return;
        }
        if self.home.is_elsewhere(from.ip()) {
            self.outbox.push(Packet::datagram(to, from, Body::Unreachable));
        } else {
            self.hear_refusal(from, to);
        }
    }

    /// The network says that nobody took what `from` sent to `to`.
    pub(crate) fn hear_refusal(&mut self, from: SocketAddr, to: SocketAddr) {
        let hearer = self.bindings.at(from.port()).iter().rev().find(|id| {
            self.endpoints.get(id.0).is_some_and(|endpoint| endpoint.local == from && endpoint.peer == Some(to))
        });
        let Some(id) = hearer.copied() else { return };
        if let Some(endpoint) = self.endpoints.get_mut(id.0) {
            endpoint.error = Some(Error::ConnectionRefused);
        }
        self.refresh_endpoint(id);
    }

    fn refresh_endpoint(&mut self, id: EndpointId) {
        if let Some(endpoint) = self.endpoints.get_mut(id.0) {
            let level = endpoint.readiness();
            endpoint.signal.update(level, Source::Endpoint(id), &mut self.ready);
        }
    }
}

/// Whose turn a sender is among `count`: always the same one's.
fn share(from: SocketAddr, count: usize) -> usize {
    let ip = match from.ip() {
        IpAddr::V4(ip) => ip.to_bits().into(),
        IpAddr::V6(ip) => random::mix(ip.to_bits() as u64) ^ (ip.to_bits() >> 64) as u64,
    };
    (random::mix(random::mix(ip) ^ u64::from(from.port())) % count.max(1) as u64) as usize
}
