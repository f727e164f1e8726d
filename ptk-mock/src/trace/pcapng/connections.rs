//! The numbers in TCP's headers: a recording has none, since in the simulation no segment is lost for good or overtaken.

use std::collections::HashMap;
use std::net::SocketAddr;

use super::headers::{ACK, FIN, PSH, RST, SYN, Segment};
use crate::packet::{Body, Packet};

/// One end of a connection.
#[derive(Clone, Copy, Default)]
struct End {
    /// The number of the next byte that it sends.
    next: u32,
    /// The number behind the last byte that has arrived.
    arrived: u32,
    /// The number up to which the other end may send.
    edge: u32,
}

impl End {
    /// The room that is left, as far as the header can tell.
    fn window(&self) -> u16 {
        let room = self.edge.wrapping_sub(self.arrived);
        // A peer that sends more than it may would make it less than nothing.
        if room > u32::MAX / 2 { 0 } else { u16::try_from(room).unwrap_or(u16::MAX) }
    }
}

/// What arrives with a segment.
struct Cargo {
    to: (SocketAddr, SocketAddr),
    /// It begins a connection.
    begins: bool,
    /// It ends a stream: its last number takes no room.
    ends: bool,
    /// The number behind its last.
    end: u32,
}

/// All connections so far, each end by its own and the other's address.
#[derive(Default)]
pub(super) struct Connections {
    ends: HashMap<(SocketAddr, SocketAddr), End>,
    cargoes: HashMap<u64, Cargo>,
    begun: u32,
}

impl Connections {
    /// The header of a segment that is sent now.
    pub(super) fn sent(&mut self, flight: u64, packet: &Packet, len: usize) -> Segment {
        let here = (packet.from, packet.to);
        let begins = matches!(packet.body, Body::Syn { .. } | Body::SynAck { .. });
        if begins {
            self.begin(here, packet);
        }
        let end = self.ends.entry(here).or_default();
        if let Body::Syn { window: room } | Body::SynAck { window: room } | Body::Ack { room, .. } = packet.body {
            end.edge = end.edge.wrapping_add(room);
        }
        let (sequence, acknowledged) = (end.next, end.arrived);
        let flags = match packet.body {
            Body::Syn { .. } => SYN,
            Body::SynAck { .. } => SYN | ACK,
            Body::Data(_) => PSH | ACK,
            Body::Fin => FIN | ACK,
            Body::Reset => RST | ACK,
            _ => ACK,
        };
        // To ask whether the other end is there, the last byte's number is used again.
        let sequence = if packet.body == Body::Probe { sequence.wrapping_sub(1) } else { sequence };
        end.next = end.next.wrapping_add(len as u32 + u32::from(flags & (SYN | FIN) != 0));
        let acknowledged = if flags & ACK == 0 { 0 } else { acknowledged };
        let segment = Segment { sequence, acknowledged, flags, window: end.window() };
        if len > 0 || flags & (SYN | FIN) != 0 {
            let cargo = Cargo { to: (packet.to, packet.from), begins, ends: flags & FIN != 0, end: end.next };
            self.cargoes.insert(flight, cargo);
        }
        segment
    }

    /// A segment has arrived.
    pub(super) fn arrived(&mut self, flight: u64) {
        let Some(cargo) = self.cargoes.remove(&flight) else { return };
        let end = self.ends.entry(cargo.to).or_default();
        if cargo.begins {
            // What it had granted before it knew where to count from, it granted from here.
            end.edge = end.edge.wrapping_sub(end.arrived).wrapping_add(cargo.end);
        }
        end.edge = end.edge.wrapping_add(u32::from(cargo.ends));
        end.arrived = cargo.end;
    }

    /// A connection begins at this end: with a number of its own, and nothing that was before.
    fn begin(&mut self, here: (SocketAddr, SocketAddr), packet: &Packet) {
        self.begun = self.begun.wrapping_add(1);
        let first = self.begun << 24;
        if matches!(packet.body, Body::Syn { .. }) {
            self.ends.insert((here.1, here.0), End::default());
            self.ends.insert(here, End { next: first, ..End::default() });
        } else {
            self.ends.entry(here).or_default().next = first;
        }
    }
}
