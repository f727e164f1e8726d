//! Connections to other hosts: what `traffic` does within a host, in segments that take their time.
//!
//! The network between two hosts carries the segments of a connection in order and loses none; if it cannot, it says so
//! to the sender, and the connection has failed. Each side knows how much the other has room for (`credit`), and keeps
//! what it sent in its own send buffer until it hears that it arrived (`in_flight`).

use std::net::SocketAddr;

use ptk_core::{Close, Duration, Error, Instant};

use super::agenda::Action;
use super::stream::{Owner, Phase, Stream};
use super::{Kernel, ListenerId, StreamId};
use crate::mutant::Mutant;
use crate::packet::{Body, Packet, Payload};

/// The most bytes of one segment: what an Ethernet frame holds behind the headers of IPv4 and TCP.
pub(crate) const MAX_SEGMENT: usize = 1_460;

/// How long an end that nobody holds waits for the peer's end (Linux: `net.ipv4.tcp_fin_timeout`).
const FIN_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a connection is asked for (Linux: `net.ipv4.tcp_syn_retries` of 6).
const CONNECT_TIMEOUT: Duration = Duration::from_secs(127);

/// How long what was sent may go unanswered (Linux: `net.ipv4.tcp_retries2` of 15).
const SEND_TIMEOUT: Duration = Duration::from_secs(924);

/// Longer than any world lasts.
const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// What an end knows about its other end on another host.
#[derive(Clone, Hash, Debug)]
pub(crate) struct Wire {
    /// The place of the other end in its host's table, once it is known.
    target: Option<u32>,
    /// Bytes that were sent and whose arrival was not told, an end of the stream among them.
    in_flight: usize,
    /// Bytes that the other end has room for.
    credit: usize,
    /// Bytes that were received here and of whose arrival the other end does not know, an end of the stream among them.
    owed: usize,
    /// Bytes that were received here and of whose room the other end does not know.
    untold: usize,
}

impl Wire {
    /// The end that asks for a connection.
    pub(crate) const fn new() -> Wire {
        Wire { target: None, in_flight: 0, credit: 0, owed: 0, untold: 0 }
    }

    const fn accepted(target: u32, window: u32) -> Wire {
        Wire { target: Some(target), in_flight: 0, credit: window as usize, owed: 0, untold: 0 }
    }
}

impl Kernel {
    /// Asks the host of the peer for a connection.
    pub(crate) fn ask(&mut self, id: StreamId) {
        let window = self.streams.get(id.0).map_or(0, |stream| stream.incoming.room() as u32);
        self.emit(id, Body::Syn { window });
    }

    /// A packet has come over the network. `false` if there is no room for it: a connection that is asked for again
    /// later may be granted.
    pub(crate) fn arrive(&mut self, packet: &Packet, now: Instant) -> bool {
        let Packet { from, to, .. } = *packet;
        match packet.body {
            Body::Datagram(ref data) => self.deliver(from, to, data),
            Body::Unreachable => self.hear_refusal(to, from),
            Body::Syn { window } => return self.grant(packet, window, now),
            _ => self.arrive_segment(packet, now),
        }
        true
    }

    /// Whether a segment would be for an end that is here.
    fn end_of(&self, packet: &Packet) -> Option<StreamId> {
        let id = packet.target?;
        let stream = self.streams.get(id)?;
        (stream.local == packet.to && stream.remote == packet.from && stream.wire.is_some()).then_some(StreamId(id))
    }

    fn arrive_segment(&mut self, packet: &Packet, now: Instant) {
        let Some(id) = self.end_of(packet) else { return self.outbox.extend(packet.denial()) };
        if packet.acknowledges > 0 {
            self.acknowledged(id, packet.acknowledges as usize, 0, now);
        }
        match packet.body {
            Body::SynAck { window } => self.granted(id, packet.reply, window),
            Body::Data(ref data) => self.arrive_data(id, data),
            Body::Fin => self.arrive_end(id, now),
            Body::Ack { taken, room } => self.acknowledged(id, taken as usize, room as usize, now),
            Body::Reset => self.arrive_reset(id),
            Body::GaveUp => self.give_up(id),
            Body::Probe | Body::Datagram(_) | Body::Unreachable | Body::Syn { .. } => {}
        }
    }

    fn grant(&mut self, packet: &Packet, window: u32, now: Instant) -> bool {
        let Some(listener_id) = self.pick_listener(packet.to) else {
            self.outbox.extend(packet.denial());
            return true;
        };
        let is_full = self.listeners.get(listener_id.0).is_none_or(super::Listener::is_full);
        if is_full && !Mutant::BacklogEndless.is_on() {
            return false;
        }
        let wire = Wire::accepted(packet.reply, window);
        if let Some(id) = self.take_in(listener_id, packet.to, packet.from, wire) {
            let window = self.streams.get(id.0).map_or(0, |stream| stream.incoming.room() as u32);
            self.emit(id, Body::SynAck { window });
            self.schedule_probe(id, now);
            self.announce(listener_id, id);
        }
        true
    }

    fn take_in(&mut self, listener: ListenerId, local: SocketAddr, remote: SocketAddr, wire: Wire) -> Option<StreamId> {
        let listener = self.listeners.get(listener.0)?;
        let mut end = Stream::new(Owner::Backlog, Phase::Up, local, remote, &listener.options);
        end.settings = listener.settings;
        end.wire = Some(wire);
        Some(self.insert_stream(end))
    }

    fn granted(&mut self, id: StreamId, target: u32, window: u32) {
        if let Some(stream) = self.streams.get_mut(id.0)
            && let Phase::Connecting(_) = stream.phase
            && let Some(wire) = &mut stream.wire
        {
            wire.target = Some(target);
            wire.credit = window as usize;
            stream.phase = Phase::Up;
        }
        self.refresh(id);
    }

    fn arrive_data(&mut self, id: StreamId, data: &Payload) {
        let Some(stream) = self.streams.get_mut(id.0) else { return };
        let is_unwanted = stream.owner == Owner::Nobody || (stream.deaf && stream.end_sent);
        if is_unwanted || stream.phase != Phase::Up {
            // Who receives no more answers data with a reset, and is done with the connection.
            self.emit(id, Body::Reset);
            return self.arrive_reset(id);
        }
        stream.incoming.accept(data);
        self.owe(id, data.len());
        self.refresh(id);
    }

    fn arrive_end(&mut self, id: StreamId, now: Instant) {
        if let Some(stream) = self.streams.get_mut(id.0) {
            stream.end_arrived = true;
        }
        self.owe(id, 1);
        self.settle_wire(id, now);
        self.refresh(id);
    }

    /// The other end is to be told that so much has arrived: by the next segment that goes there, or else soon.
    fn owe(&mut self, id: StreamId, count: usize) {
        let Some(wire) = self.streams.get_mut(id.0).and_then(|stream| stream.wire.as_mut()) else { return };
        if wire.owed == 0 {
            self.owing.push(id);
        }
        wire.owed += count;
    }

    /// Nothing more is going to be sent now: who was not told of what has arrived is told.
    pub(crate) fn acknowledge(&mut self) {
        while let Some(id) = self.owing.pop() {
            self.acknowledge_at(id);
        }
    }

    fn acknowledge_at(&mut self, id: StreamId) {
        let wire = self.streams.get(id.0).and_then(|stream| stream.wire.as_ref());
        if wire.is_some_and(|wire| wire.owed > 0) {
            self.emit(id, Body::Ack { taken: 0, room: 0 });
        }
    }

    fn acknowledged(&mut self, id: StreamId, taken: usize, room: usize, now: Instant) {
        if let Some(stream) = self.streams.get_mut(id.0)
            && let Some(wire) = &mut stream.wire
        {
            wire.in_flight = wire.in_flight.saturating_sub(taken);
            wire.credit += room;
            stream.outgoing.release(taken);
        }
        self.pump_wire(id);
        self.settle_wire(id, now);
        self.refresh(id);
    }

    fn arrive_reset(&mut self, id: StreamId) {
        let Some(stream) = self.streams.get_mut(id.0) else { return };
        if stream.phase == Phase::Over {
            return self.forget_failed(id);
        }
        let is_asking = matches!(stream.phase, Phase::Connecting(_));
        stream.fail(if is_asking { Error::ConnectionRefused } else { Error::ConnectionReset });
        self.forget_failed(id);
    }

    fn give_up(&mut self, id: StreamId) {
        let Some(stream) = self.streams.get_mut(id.0) else { return };
        if stream.phase == Phase::Over {
            return self.forget_failed(id);
        }
        stream.fail(Error::TimedOut);
        self.forget_failed(id);
    }

    fn forget_failed(&mut self, id: StreamId) {
        if self.streams.get(id.0).is_some_and(|stream| stream.owner == Owner::Nobody) {
            self.remove_stream(id);
        }
        self.refresh(id);
    }

    /// Sends what the other end has room for, and behind the last byte the end.
    pub(crate) fn pump_wire(&mut self, id: StreamId) {
        while let Some(body) = self.next_segment(id) {
            self.emit(id, body);
        }
    }

    fn next_segment(&mut self, id: StreamId) -> Option<Body> {
        let stream = self.streams.get_mut(id.0)?;
        let wire = stream.wire.as_mut()?;
        if stream.phase != Phase::Up || stream.end_sent {
            return None;
        }
        let count = stream.outgoing.len().min(wire.credit).min(MAX_SEGMENT);
        let is_ended = stream.ended && Mutant::EndOvertakesData.is_on();
        if count > 0 && !is_ended {
            if !Mutant::WindowIgnored.is_on() {
                wire.credit -= count;
            }
            wire.in_flight += count;
            return Some(Body::Data(stream.outgoing.lend(count)));
        }
        if stream.ended && (stream.outgoing.is_empty() || is_ended) {
            stream.end_sent = true;
            wire.in_flight += 1;
            return Some(Body::Fin);
        }
        None
    }

    /// The core has received `count` bytes: once there is much more room, the sender is told.
    pub(crate) fn make_room(&mut self, id: StreamId, count: usize) {
        let Some(stream) = self.streams.get_mut(id.0) else { return };
        let threshold = stream.incoming.capacity().div_ceil(2);
        let Some(wire) = &mut stream.wire else { return };
        wire.untold += count;
        let is_told = !Mutant::WindowNeverReopens.is_on();
        if is_told && wire.untold >= threshold && stream.phase == Phase::Up && !stream.end_arrived {
            let room = core::mem::take(&mut wire.untold) as u32;
            self.emit(id, Body::Ack { taken: 0, room });
        }
    }

    /// When both sides have ended and know it, the connection is over; who nobody holds is forgotten.
    fn settle_wire(&mut self, id: StreamId, now: Instant) {
        let Some(stream) = self.streams.get_mut(id.0) else { return };
        let is_told = stream.end_sent && stream.wire.as_ref().is_some_and(|wire| wire.in_flight == 0);
        if is_told && stream.end_arrived {
            stream.phase = Phase::Over;
        }
        if stream.owner != Owner::Nobody {
            return;
        }
        if stream.phase == Phase::Over {
            self.acknowledge_at(id);
            self.remove_stream(id);
        } else if is_told {
            self.agenda.plan_once(now + FIN_TIMEOUT, Action::Forget(id));
        }
    }

    /// The core lets go of an end whose other end is on another host.
    pub(crate) fn close_wire(&mut self, id: StreamId, how: Close, now: Instant) {
        let Some(stream) = self.streams.get_mut(id.0) else { return };
        if stream.phase != Phase::Up {
            self.acknowledge_at(id);
            self.remove_stream(id);
            return;
        }
        let is_unread = !stream.incoming.is_empty() && !Mutant::UnreadCloseIsAnEnd.is_on();
        if how == Close::Abort || is_unread {
            self.emit(id, Body::Reset);
            self.remove_stream(id);
            return;
        }
        stream.owner = Owner::Nobody;
        stream.ended = true;
        self.pump_wire(id);
        self.settle_wire(id, now);
    }

    /// From now on, asks every now and then whether the other end is still there, if that was asked for.
    pub(crate) fn schedule_probe(&mut self, id: StreamId, now: Instant) {
        self.agenda.cancel(Action::Probe(id));
        let Some(stream) = self.streams.get(id.0) else { return };
        if let Some(keepalive) = stream.settings.keepalive
            && stream.wire.is_some()
            && stream.phase != Phase::Over
        {
            self.agenda.plan(now + keepalive.idle, Action::Probe(id));
        }
    }

    /// Asks whether the other end is still there.
    pub(crate) fn probe(&mut self, id: StreamId, now: Instant) {
        if self.streams.get(id.0).is_some_and(|stream| stream.phase == Phase::Up) {
            self.emit(id, Body::Probe);
        }
        self.schedule_probe(id, now);
    }

    fn emit(&mut self, id: StreamId, body: Body) {
        let Some(stream) = self.streams.get_mut(id.0) else { return };
        let Some(wire) = &mut stream.wire else { return };
        let owed = std::mem::take(&mut wire.owed) as u32;
        let (body, acknowledges) = match body {
            Body::Ack { taken, room } => (Body::Ack { taken: taken + owed, room }, 0),
            body => (body, owed),
        };
        let (from, to, target, reply) = (stream.local, stream.remote, wire.target, id.0);
        let patience = patience(stream, &body);
        self.outbox.push(Packet { from, to, body, target, reply, acknowledges, patience });
    }
}

/// How long the network tries before it gives up.
fn patience(stream: &Stream, body: &Body) -> Duration {
    match (body, stream.settings.keepalive) {
        // Nobody waits for it as long as nobody has something to send.
        (Body::Ack { taken: 0, .. }, _) => FOR_EVER,
        (Body::Ack { .. }, _) => SEND_TIMEOUT,
        (Body::Probe, Some(keepalive)) => keepalive.interval.saturating_mul(u64::from(keepalive.probes)),
        _ if !stream.settings.user_timeout.is_zero() => stream.settings.user_timeout,
        (Body::Syn { .. } | Body::SynAck { .. }, _) => CONNECT_TIMEOUT,
        _ => SEND_TIMEOUT,
    }
}
