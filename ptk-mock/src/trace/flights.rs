//! The packets of a recording with what became of each, for the writers of files.

use std::borrow::Cow;
use std::collections::HashMap;

use ptk_core::Instant;

use super::{Loss, Recording, TraceEvent};
use crate::label::Label;
use crate::node_id::NodeId;
use crate::packet::Packet;

/// What became of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    /// The recording ends before it does.
    UnderWay,
    /// It arrived.
    Arrived,
    /// It did not. A segment that was lost may still come again.
    Lost(Loss),
}

/// One packet under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flight<'a> {
    pub(super) from: NodeId,
    pub(super) to: NodeId,
    pub(super) packet: &'a Packet,
    pub(super) fate: Fate,
    /// How often it was lost and yet came again.
    pub(super) repeats: u32,
    /// The network made it from the packet that was sent before.
    pub(super) copy: bool,
}

/// All flights of a recording, by number.
pub(super) struct Flights<'a>(HashMap<u64, Flight<'a>>);

impl<'a> Flights<'a> {
    /// Finds them in one pass.
    pub(super) fn of(recording: &'a Recording) -> Flights<'a> {
        let mut flights = Flights(HashMap::new());
        let mut copies = Copies::default();
        for record in &recording.records {
            copies.see(record.at, &record.event);
            match &record.event {
                TraceEvent::Sent { flight, from, to, packet, .. } => {
                    let copy = copies.is_copy(*to, packet);
                    let sent = Flight { from: *from, to: *to, packet, fate: Fate::UnderWay, repeats: 0, copy };
                    flights.0.insert(*flight, sent);
                }
                TraceEvent::Arrived { flight } => flights.end(*flight, Fate::Arrived),
                TraceEvent::Lost { flight, why } => flights.end(*flight, Fate::Lost(*why)),
                _ => {}
            }
        }
        flights
    }

    fn end(&mut self, flight: u64, fate: Fate) {
        if let Some(flight) = self.0.get_mut(&flight) {
            flight.repeats += u32::from(flight.fate != Fate::UnderWay);
            flight.fate = fate;
        }
    }

    /// The flight of this number.
    pub(super) fn get(&self, flight: u64) -> Option<&Flight<'a>> {
        self.0.get(&flight)
    }
}

/// Tells a packet that the network doubled from one that a node sent twice: the network is asked right before.
#[derive(Default)]
struct Copies<'a> {
    now: Option<Instant>,
    /// The network doubles the packet that is sent next.
    doubles: bool,
    /// The packet that it doubles.
    original: Option<(NodeId, &'a Packet)>,
}

impl<'a> Copies<'a> {
    fn see(&mut self, at: Instant, event: &TraceEvent) {
        if self.now != Some(at) {
            *self = Copies { now: Some(at), ..Copies::default() };
        }
        if matches!(event, TraceEvent::Chosen(choice) if choice.label == Label::Duplicate) {
            *self = Copies { doubles: true, original: None, ..*self };
        }
    }

    fn is_copy(&mut self, to: NodeId, packet: &'a Packet) -> bool {
        let doubles = core::mem::take(&mut self.doubles);
        let original = core::mem::replace(&mut self.original, doubles.then_some((to, packet)));
        original == Some((to, packet))
    }
}

impl Recording {
    /// A node's name; its number if it has none.
    pub(super) fn name(&self, node: NodeId) -> Cow<'_, str> {
        match self.nodes.get(usize::from(node.0)) {
            Some(name) => Cow::Borrowed(name),
            None => Cow::Owned(format!("node {}", node.0)),
        }
    }

    /// The property that did not hold, and when that was seen.
    pub(super) fn violation(&self) -> Option<(Instant, &str)> {
        self.records.iter().rev().find_map(|record| match &record.event {
            TraceEvent::Violated { property } => Some((record.at, property.as_str())),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::sample::{CLIENT, SERVER, Script, datagram};

    #[test]
    fn only_what_the_network_doubled_is_a_copy() {
        let mut script = Script::new();
        let send = |script: &mut Script| script.send(CLIENT, SERVER, datagram(CLIENT, SERVER, b"x"), 5);
        let sent_before = send(&mut script);
        script.choose(Label::Duplicate, CLIENT, 1);
        let (original, copy, sent_behind) = (send(&mut script), send(&mut script), send(&mut script));
        script.choose(Label::Duplicate, CLIENT, 1);
        script.pass(1);
        let sent_later = [send(&mut script), send(&mut script)];
        let recording = script.end(&["client", "server"]);
        let flights = Flights::of(&recording);
        let is_copy = |flight| flights.get(flight).expect("a flight").copy;
        assert!(is_copy(copy));
        assert!(![sent_before, original, sent_behind].into_iter().chain(sent_later).any(is_copy));
    }

    #[test]
    fn the_last_word_on_a_packet_counts() {
        let mut script = Script::new();
        let flight = script.miss(CLIENT, SERVER, datagram(CLIENT, SERVER, b"x"), 5, Loss::NoRoom);
        script.pass(10);
        script.note(TraceEvent::Arrived { flight });
        let under_way = script.send(CLIENT, SERVER, datagram(CLIENT, SERVER, b"y"), 5);
        let recording = script.end(&["client", "server"]);
        let flights = Flights::of(&recording);
        let fate = |flight| flights.get(flight).map(|flight| (flight.fate, flight.repeats));
        assert_eq!(fate(flight), Some((Fate::Arrived, 1)));
        assert_eq!(fate(under_way), Some((Fate::UnderWay, 0)));
    }
}
