//! Hashes what happens, and keeps it where somebody wants to see it.
//!
//! The hash covers an encoding that is the same on every machine: words of 64 bits, the lowest byte first, of which the
//! first tells what follows.
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
    hash: Option<Box<RunningHash>>,
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
        TraceLog { hash: None, records: None }
    }

    /// Hashes, and keeps what happens if `keeps` says so.
    pub(crate) fn new(keeps: bool) -> TraceLog {
        TraceLog { hash: Some(Box::new(RunningHash::new())), records: keeps.then(Vec::new) }
    }

    /// Whether what happens is kept.
    pub(crate) const fn keeps(&self) -> bool {
        self.records.is_some()
    }

    /// The hash of all so far.
    pub(crate) fn hash(&self) -> TraceHash {
        TraceHash(self.hash.as_ref().map_or(0, |hash| hash.digest()))
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
        if let Some(hash) = &mut self.hash {
            let (kind, number) = numbers(&packet.body);
            let number = number | u64::from(packet.acknowledges) << 32;
            let head = 1 | kind << 8 | of(from) | u64::from(to.0) << 32;
            hash.words([head, at.as_nanos(), flight, arrives.as_nanos(), number]);
            hash.address(packet.from);
            hash.address(packet.to);
            if !Mutant::HashLeavesPayloadOut.is_on() {
                hash.bytes(packet.body.payload());
            }
        }
        if let Some(records) = &mut self.records {
            records.push(Record { at, event: TraceEvent::Sent { flight, from, to, packet: packet.clone(), arrives } });
        }
    }

    /// A packet has arrived.
    pub(crate) fn arrived(&mut self, at: Instant, flight: u64) {
        self.line(|| [2, at.as_nanos(), flight]);
        self.keep(at, || TraceEvent::Arrived { flight });
    }

    /// A packet was lost.
    pub(crate) fn lost(&mut self, at: Instant, flight: u64, why: Loss) {
        self.line(|| [3 | (why as u64) << 8, at.as_nanos(), flight]);
        self.keep(at, || TraceEvent::Lost { flight, why });
    }

    /// A node ran: what its tasks have become.
    pub(crate) fn ran(&mut self, at: Instant, node: NodeId, polls: u64) {
        self.line(|| [4 | of(node), at.as_nanos(), polls]);
    }

    /// An answer was not benign.
    pub(crate) fn chosen(&mut self, at: Instant, choice: Choice) {
        let Choice { label, node, nth, k } = choice;
        self.line(|| [5 | (label as u64) << 8 | of(node), at.as_nanos(), u64::from(nth) << 32 | u64::from(k)]);
        self.keep(at, || TraceEvent::Chosen(choice));
    }

    /// A node started, crashed or stands still, or a link changed.
    pub(crate) fn changed(&mut self, at: Instant, event: TraceEvent) {
        self.line(|| match &event {
            TraceEvent::Started { node } => [6 | of(*node), at.as_nanos(), 0],
            TraceEvent::Crashed { node, lost_power } => [7 | of(*node), at.as_nanos(), u64::from(*lost_power)],
            TraceEvent::Paused { node, until } => [8 | of(*node), at.as_nanos(), until.as_nanos()],
            TraceEvent::LinkCut { from, to } => [9 | of(*from), at.as_nanos(), u64::from(to.0)],
            TraceEvent::LinkHealed { from, to } => [10 | of(*from), at.as_nanos(), u64::from(to.0)],
            _ => [11, at.as_nanos(), 0],
        });
        self.keep(at, || event);
    }

    /// Something that is shown and not hashed: it follows from the rest.
    pub(crate) fn keep(&mut self, at: Instant, event: impl FnOnce() -> TraceEvent) {
        if let Some(records) = &mut self.records {
            records.push(Record { at, event: event() });
        }
    }

    fn line<const N: usize>(&mut self, words: impl FnOnce() -> [u64; N]) {
        if let Some(hash) = &mut self.hash {
            hash.words(words());
        }
    }
}

/// A node's place in the first word of a line, beside the kind of the event.
fn of(node: NodeId) -> u64 {
    u64::from(node.0) << 16
}

/// The kind of a body, and its numbers.
fn numbers(body: &Body) -> (u64, u64) {
    let pair = |one: u32, other: u32| u64::from(one) << 32 | u64::from(other);
    match body {
        Body::Datagram(payload) => (0, payload.len() as u64),
        Body::Unreachable => (1, 0),
        Body::Syn { window } => (2, pair(*window, 0)),
        Body::SynAck { window } => (3, pair(*window, 0)),
        Body::Data(payload) => (4, payload.len() as u64),
        Body::Fin => (5, 0),
        Body::Reset => (6, 0),
        Body::Ack { taken, room } => (7, pair(*taken, *room)),
        Body::Probe => (8, 0),
        Body::GaveUp => (9, 0),
    }
}

/// A hash of which parts come one after the other. It gathers them, for the hasher is slow with short ones.
#[derive(Clone)]
struct RunningHash {
    hasher: Xxh3,
    gathered: [u8; GATHERED],
    len: usize,
}

/// How many bytes are gathered.
const GATHERED: usize = 1024;

impl RunningHash {
    fn new() -> RunningHash {
        RunningHash { hasher: Xxh3::new(), gathered: [0; GATHERED], len: 0 }
    }

    #[inline]
    fn words<const N: usize>(&mut self, words: [u64; N]) {
        if let Some(places) = self.room(8 * N) {
            for (place, word) in places.chunks_exact_mut(8).zip(words) {
                place.copy_from_slice(&word.to_le_bytes());
            }
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        match self.room(bytes.len()) {
            Some(place) => place.copy_from_slice(bytes),
            None => self.hasher.update(bytes),
        }
    }

    fn address(&mut self, address: SocketAddr) {
        let port = u64::from(address.port());
        match address.ip() {
            IpAddr::V4(ip) => self.words([4 | port << 8 | u64::from(ip.to_bits()) << 32]),
            IpAddr::V6(ip) => self.words([6 | port << 8, (ip.to_bits() >> 64) as u64, ip.to_bits() as u64]),
        }
    }

    /// A place for the next `len` bytes. If there can be none, all that was gathered is hashed.
    #[inline]
    fn room(&mut self, len: usize) -> Option<&mut [u8]> {
        if self.len + len > GATHERED {
            self.hash_gathered();
        }
        let place = self.gathered.get_mut(self.len..self.len + len)?;
        self.len += len;
        Some(place)
    }

    fn hash_gathered(&mut self) {
        self.hasher.update(self.gathered.get(..self.len).unwrap_or(&[]));
        self.len = 0;
    }

    fn digest(&self) -> u128 {
        let mut all = self.clone();
        all.hash_gathered();
        all.hasher.digest128()
    }
}
