//! Hashes what happens, and keeps it where somebody wants to see it.
//!
//! The hash covers an encoding that is the same on every machine: a tag, and numbers of fixed widths, lowest byte first.
//! XXH3's 128 bits are no secret: two traces that differ by accident have different hashes, a forger could do otherwise.

use std::net::{IpAddr, SocketAddr};

use ptk_core::Instant;
use xxhash_rust::xxh3::Xxh3;

use super::{Loss, Record, TraceEvent, TraceHash};
use crate::mutant::Mutant;
use crate::node_id::NodeId;
use crate::packet::{Body, Packet};
use crate::tape::Choice;

/// See the module's text.
#[derive(Clone)]
pub(crate) struct TraceLog {
    hasher: Option<Box<Xxh3>>,
    records: Option<Vec<Record>>,
}

impl std::fmt::Debug for TraceLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.hash())
    }
}

impl TraceLog {
    /// Neither hashes nor keeps anything.
    pub(crate) const fn off() -> TraceLog {
        TraceLog { hasher: None, records: None }
    }

    /// Hashes, and keeps what happens if `keeps` says so.
    pub(crate) fn new(keeps: bool) -> TraceLog {
        TraceLog { hasher: Some(Box::new(Xxh3::new())), records: keeps.then(Vec::new) }
    }

    /// Whether what happens is kept.
    pub(crate) const fn keeps(&self) -> bool {
        self.records.is_some()
    }

    /// The hash of all so far.
    pub(crate) fn hash(&self) -> TraceHash {
        TraceHash(self.hasher.as_ref().map_or(0, |hasher| hasher.digest128()))
    }

    /// What was kept.
    pub(crate) fn records(&self) -> &[Record] {
        self.records.as_deref().unwrap_or(&[])
    }

    /// A packet was sent.
    pub(crate) fn sent(
        &mut self,
        at: Instant,
        flight: u64,
        (from, to): (NodeId, NodeId),
        packet: &Packet,
        arrives: Instant,
    ) {
        if let Some(hasher) = &mut self.hasher {
            let mut line = Line::new(1, at).u64(flight).u16(from.0).u16(to.0).u64(arrives.as_nanos());
            line = line.address(packet.from).address(packet.to).body(&packet.body);
            hasher.update(line.bytes());
            if !Mutant::HashLeavesPayloadOut.is_on() {
                hasher.update(packet.body.payload());
            }
        }
        if let Some(records) = &mut self.records {
            records.push(Record { at, event: TraceEvent::Sent { flight, from, to, packet: packet.clone(), arrives } });
        }
    }

    /// A packet has arrived.
    pub(crate) fn arrived(&mut self, at: Instant, flight: u64) {
        self.hash_line(|| Line::new(2, at).u64(flight));
        self.keep(at, || TraceEvent::Arrived { flight });
    }

    /// A packet was lost.
    pub(crate) fn lost(&mut self, at: Instant, flight: u64, why: Loss) {
        self.hash_line(|| Line::new(3, at).u64(flight).u16(why as u16));
        self.keep(at, || TraceEvent::Lost { flight, why });
    }

    /// A node ran: what its tasks have become.
    pub(crate) fn ran(&mut self, at: Instant, node: NodeId, polls: u64) {
        self.hash_line(|| Line::new(4, at).u16(node.0).u64(polls));
    }

    /// An answer was not benign.
    pub(crate) fn chosen(&mut self, at: Instant, choice: Choice) {
        self.hash_line(|| Line::new(5, at).u16(choice.label as u16).u16(choice.node.0).u32(choice.nth).u32(choice.k));
        self.keep(at, || TraceEvent::Chosen(choice));
    }

    /// A node started, crashed or stands still, or a link changed.
    pub(crate) fn changed(&mut self, at: Instant, event: TraceEvent) {
        self.hash_line(|| match &event {
            TraceEvent::Started { node } => Line::new(6, at).u16(node.0),
            TraceEvent::Crashed { node, lost_power } => Line::new(7, at).u16(node.0).u16(u16::from(*lost_power)),
            TraceEvent::Paused { node, until } => Line::new(8, at).u16(node.0).u64(until.as_nanos()),
            TraceEvent::LinkCut { from, to } => Line::new(9, at).u16(from.0).u16(to.0),
            TraceEvent::LinkHealed { from, to } => Line::new(10, at).u16(from.0).u16(to.0),
            _ => Line::new(11, at),
        });
        self.keep(at, || event);
    }

    /// Something that is shown and not hashed: it follows from the rest.
    pub(crate) fn keep(&mut self, at: Instant, event: impl FnOnce() -> TraceEvent) {
        if let Some(records) = &mut self.records {
            records.push(Record { at, event: event() });
        }
    }

    fn hash_line(&mut self, line: impl FnOnce() -> Line) {
        if let Some(hasher) = &mut self.hasher {
            hasher.update(line().bytes());
        }
    }
}

/// The encoding of one event, but for its payload.
struct Line {
    bytes: [u8; 128],
    len: usize,
}

impl Line {
    fn new(tag: u8, at: Instant) -> Line {
        Line { bytes: [0; 128], len: 0 }.raw(&[tag]).u64(at.as_nanos())
    }

    fn raw(mut self, bytes: &[u8]) -> Line {
        // The longest line takes 96 bytes.
        if let Some(place) = self.bytes.get_mut(self.len..self.len + bytes.len()) {
            place.copy_from_slice(bytes);
            self.len += bytes.len();
        }
        self
    }

    fn u16(self, number: u16) -> Line {
        self.raw(&number.to_le_bytes())
    }

    fn u32(self, number: u32) -> Line {
        self.raw(&number.to_le_bytes())
    }

    fn u64(self, number: u64) -> Line {
        self.raw(&number.to_le_bytes())
    }

    fn address(self, address: SocketAddr) -> Line {
        let line = match address.ip() {
            IpAddr::V4(ip) => self.raw(&[4]).raw(&ip.octets()),
            IpAddr::V6(ip) => self.raw(&[6]).raw(&ip.octets()),
        };
        line.u16(address.port())
    }

    fn body(self, body: &Body) -> Line {
        let (tag, one, other) = match body {
            Body::Datagram(payload) => (0, payload.len() as u32, 0),
            Body::Unreachable => (1, 0, 0),
            Body::Syn { window } => (2, *window, 0),
            Body::SynAck { window } => (3, *window, 0),
            Body::Data(payload) => (4, payload.len() as u32, 0),
            Body::Fin => (5, 0, 0),
            Body::Reset => (6, 0, 0),
            Body::Ack { taken, room } => (7, *taken, *room),
            Body::Probe => (8, 0, 0),
            Body::GaveUp => (9, 0, 0),
        };
        self.raw(&[tag]).u32(one).u32(other)
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&[])
    }
}
