//! A recording as a capture file, as Wireshark opens it (draft-ietf-opsawg-pcapng).
//!
//! Each node is an interface of its name, and each packet is captured where it leaves its node, with headers as they
//! would be on a real network. What only the simulation knows stands in comments: what was lost and why, what the
//! network doubled, which choices were not benign, and what befell nodes and links before.

mod block;
mod connections;
mod headers;
#[cfg(test)]
mod tests;

use std::io::{self, Write};

use ptk_core::Instant;

use super::flights::{Fate, Flight, Flights};
use super::{Recording, TraceEvent};
use crate::label::Label;
use crate::node_id::NodeId;
use crate::packet::{Body, Packet};
use crate::tape::Choice;
use block::Block;
use connections::Connections;
use headers::Protocol;

/// The most that a TCP segment carries behind headers of either family.
const LONGEST_DATA: usize = 65_475;

impl Recording {
    /// Writes the packets as a pcapng file, which Wireshark and tshark open: an interface for each node, each packet as it
    /// leaves its node, times in nanoseconds of the world's clock, and comments on what was lost or doubled.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn write_pcapng(&self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(&block::section("ptk-mock", &self.summary()))?;
        for node in 0..self.interfaces() {
            out.write_all(&block::interface(&self.name(NodeId(node))))?;
        }
        let mut capture = Capture {
            recording: self,
            flights: Flights::of(self),
            connections: Connections::default(),
            choices: Vec::new(),
            news: Vec::new(),
        };
        self.records.iter().try_for_each(|record| capture.write(record.at, &record.event, out))
    }

    fn summary(&self) -> String {
        let violated = self.violation().map(|(at, property)| format!("violated at {at}: {property}\n"));
        let violated = violated.unwrap_or_default();
        format!("{}\n{violated}seed: {}\nrun again: {}\ntrace hash: {}", self.title, self.seed, self.command, self.hash)
    }

    /// A number for each node that has a name or sends.
    fn interfaces(&self) -> u16 {
        let senders = self.records.iter().filter_map(|record| match record.event {
            TraceEvent::Sent { from, .. } => Some(from.0.saturating_add(1)),
            _ => None,
        });
        senders.max().unwrap_or(0).max(u16::try_from(self.nodes.len()).unwrap_or(u16::MAX))
    }
}

/// What is known at one point of the recording.
struct Capture<'a> {
    recording: &'a Recording,
    flights: Flights<'a>,
    connections: Connections,
    /// Since the last packet, and when.
    choices: Vec<(Instant, Choice)>,
    /// What befell nodes and links since the last packet.
    news: Vec<String>,
}

impl Capture<'_> {
    fn write(&mut self, at: Instant, event: &TraceEvent, out: &mut impl Write) -> io::Result<()> {
        match event {
            TraceEvent::Sent { flight, .. } => return self.write_packet(at, *flight, out),
            TraceEvent::Arrived { flight } => self.connections.arrived(*flight),
            // How long it takes is told by the times.
            TraceEvent::Chosen(choice) if choice.label != Label::Latency => self.choices.push((at, *choice)),
            _ => {
                let news = self.news(event).map(|news| format!("before, at {at}: {news}"));
                self.news.extend(news);
            }
        }
        Ok(())
    }

    fn write_packet(&mut self, at: Instant, number: u64, out: &mut impl Write) -> io::Result<()> {
        let Some(flight) = self.flights.get(number).copied() else { return Ok(()) };
        let mut comments = std::mem::take(&mut self.news);
        comments.extend(self.choices_for(at, flight.from));
        comments.extend(fate(&flight, &self.recording.name(flight.to)));
        for bytes in self.frames(number, flight.packet) {
            out.write_all(&Block::packet(flight.from.0, at, &bytes).comments(&comments).end())?;
            comments.clear();
        }
        Ok(())
    }

    fn choices_for(&mut self, at: Instant, node: NodeId) -> Option<String> {
        let choices = self.choices.drain(..).filter(|(when, choice)| *when == at && choice.node == node);
        let texts: Vec<_> = choices.map(|(_, choice)| choice.to_string()).collect();
        (!texts.is_empty()).then(|| format!("chosen: {}", texts.join(", ")))
    }

    /// The packet as it is on the network; more than one if it is too long for one.
    fn frames(&mut self, number: u64, packet: &Packet) -> Vec<Vec<u8>> {
        let (from, to) = (packet.from, packet.to);
        match &packet.body {
            Body::Datagram(payload) => vec![headers::frame(from, to, Protocol::Udp, payload)],
            Body::Unreachable => vec![headers::frame(from, to, Protocol::Icmp, &[])],
            // The network's word, and no packet.
            Body::GaveUp => Vec::new(),
            Body::Data(payload) if payload.len() > LONGEST_DATA => {
                payload.chunks(LONGEST_DATA).map(|part| self.segment(number, packet, part)).collect()
            }
            body => vec![self.segment(number, packet, body.payload())],
        }
    }

    fn segment(&mut self, number: u64, packet: &Packet, payload: &[u8]) -> Vec<u8> {
        let segment = self.connections.sent(number, packet, payload.len());
        headers::frame(packet.from, packet.to, Protocol::Tcp(segment), payload)
    }

    fn news(&self, event: &TraceEvent) -> Option<String> {
        let name = |node: &NodeId| self.recording.name(*node);
        Some(match event {
            TraceEvent::Started { node } => format!("{} started", name(node)),
            TraceEvent::Crashed { node, lost_power: true } => format!("{} crashed, its power was lost", name(node)),
            TraceEvent::Crashed { node, .. } => format!("{} crashed", name(node)),
            TraceEvent::Paused { node, until } => format!("{} stands still until {until}", name(node)),
            TraceEvent::LinkCut { from, to } => format!("the link from {} to {} was cut", name(from), name(to)),
            TraceEvent::LinkHealed { from, to } => format!("the link from {} to {} healed", name(from), name(to)),
            TraceEvent::Violated { property } => format!("violated: {property}"),
            _ => return None,
        })
    }
}

/// What became of a packet, unless it just arrived.
fn fate(flight: &Flight<'_>, receiver: &str) -> Vec<String> {
    let mut comments = Vec::new();
    if flight.copy {
        comments.push(String::from("duplicate, made by the network"));
    }
    if flight.repeats > 0 {
        comments.push(format!("sent again by the network: {}", flight.repeats));
    }
    match flight.fate {
        Fate::Arrived => {}
        Fate::Lost(why) => comments.push(format!("did not arrive at {receiver}: {}", why.name())),
        Fate::UnderWay => comments.push(String::from("still under way at the end")),
    }
    comments
}
