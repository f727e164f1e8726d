//! What exploration does with a world: it sets a state in, has one thing happen, and takes the state out.
//!
//! Packets on their way are not the network's then: exploration holds them, and decides when each arrives.

use std::sync::Arc;

use ptk_core::Instant;

use super::World;
use super::slot::Slot;
use crate::network::Flight;
use crate::node_id::NodeId;
use crate::packet::Packet;
use crate::trace::Loss;

impl World {
    /// The nodes as they are: a copy of what this points to costs nothing.
    pub(crate) fn slots(&self) -> &[Arc<Slot>] {
        &self.nodes
    }

    /// Becomes another state: these nodes, all at rest, at this time, and so many packets on their way.
    pub(crate) fn load<'a>(&mut self, slots: impl Iterator<Item = &'a Arc<Slot>>, now: Instant, in_flight: usize) {
        for (place, slot) in self.nodes.iter_mut().zip(slots) {
            if !Arc::ptr_eq(place, slot) {
                place.clone_from(slot);
            }
        }
        self.runnable.clear();
        self.wakes.clear();
        self.network.park(in_flight);
        self.environment().clock.set(now);
    }

    /// A packet arrives.
    pub(crate) fn deliver(&mut self, flight: Flight) {
        let to = flight.to;
        self.receive(flight);
        self.note_due(to);
    }

    /// A packet was lost.
    pub(crate) fn lose(&mut self, flight: &Flight) {
        let now = self.now();
        self.environment().trace.lost(now, flight.id, Loss::Loss);
    }

    /// Another packet like this one leaves.
    pub(crate) fn copy_of(&mut self, flight: &Flight) -> Flight {
        let (now, id) = (self.now(), self.network.number());
        self.environment().trace.sent(now, id, (flight.from, flight.to), &flight.packet, now);
        Flight { id, ..flight.clone() }
    }

    /// A node loses its power.
    pub(crate) fn crash_node(&mut self, node: NodeId) {
        self.stop(node, true);
    }

    /// A node starts.
    pub(crate) fn start_node(&mut self, node: NodeId) {
        self.start(node);
    }

    /// The node that stands first among those that have something to do runs once; `false` if there is none.
    pub(crate) fn run_first(&mut self) -> bool {
        if self.runnable.is_empty() {
            return false;
        }
        let node = self.runnable.remove(0);
        let now = self.now();
        if let Some(slot) = self.slot_mut(node)
            && slot.paused_until <= now
        {
            // Its deadline is told anew: an earlier one that is no more would make a state of its own.
            slot.wake_at = None;
        }
        self.run(node);
        self.note_due(node);
        true
    }

    /// What the kernel of a node does by itself makes a deadline, too.
    fn note_due(&mut self, node: NodeId) {
        let due = self.slot(node).and_then(Slot::body).and_then(|body| body.mock_view().kernel_view().next_due());
        if let Some(due) = due
            && self.slot(node).is_some_and(|slot| slot.wake_at.is_none_or(|at| due < at))
        {
            self.wake_at(node, due);
        }
    }

    /// Time passes to `instant`: who has a deadline then has something to do.
    pub(crate) fn wake_at_instant(&mut self, instant: Instant) {
        self.pass_to(instant);
        for node in self.node_ids() {
            if self.slot(node).is_some_and(|slot| slot.wake_at.is_some_and(|at| at <= instant)) {
                self.wake(node);
                self.note_due(node);
            }
        }
    }

    /// Takes out the packets that were sent, in the order in which they were.
    pub(crate) fn take_sent(&mut self) -> impl Iterator<Item = Flight> + '_ {
        std::iter::from_fn(|| self.network.take_next())
    }

    /// Whether a packet waits while its receiver is down: a segment is repeated, a datagram is lost.
    pub(crate) fn waits_for_a_start(packet: &Packet) -> bool {
        use crate::packet::Body;
        packet.body.is_segment() && !matches!(packet.body, Body::GaveUp | Body::Reset)
    }
}
