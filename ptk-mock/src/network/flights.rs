//! The packets that are on their way.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use ptk_core::Instant;

use crate::node_id::NodeId;
use crate::packet::Packet;

/// A packet on its way.
#[derive(Clone, Debug)]
pub(crate) struct Flight {
    /// Its number, for the trace.
    pub(crate) id: u64,
    pub(crate) from: NodeId,
    pub(crate) to: NodeId,
    pub(crate) packet: Packet,
    /// For segments: when the network gives up.
    pub(crate) deadline: Instant,
    /// How often it was tried in vain.
    pub(crate) attempts: u8,
    /// It waits for a link that carries nothing.
    pub(crate) is_stalled: bool,
}

/// All packets that are on their way, in the order in which they arrive; those of one instant in the order in which
/// they were sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flights {
    queue: BinaryHeap<Reverse<(Instant, u64, u32)>>,
    places: Vec<Option<Flight>>,
    free: Vec<u32>,
}

impl Flights {
    /// A packet leaves; packets that arrive at the same time do so in the order of their numbers.
    pub(crate) fn launch(&mut self, arrives: Instant, flight: Flight) {
        let order = flight.id;
        let place = match self.free.pop() {
            Some(place) => place,
            None => {
                self.places.push(None);
                self.places.len() as u32 - 1
            }
        };
        if let Some(entry) = self.places.get_mut(place as usize) {
            *entry = Some(flight);
            self.queue.push(Reverse((arrives, order, place)));
        }
    }

    /// When the next packet arrives.
    pub(crate) fn next_arrival(&self) -> Option<Instant> {
        self.queue.peek().map(|Reverse((arrives, ..))| *arrives)
    }

    /// Takes out the packet that arrives next.
    pub(crate) fn land(&mut self) -> Option<Flight> {
        let Reverse((_, _, place)) = self.queue.pop()?;
        self.free.push(place);
        self.places.get_mut(place as usize)?.take()
    }

    /// Takes out those that `matches`, in the order in which they would have arrived.
    pub(crate) fn take_all(&mut self, matches: impl Fn(&Flight) -> bool) -> Vec<Flight> {
        let (mut taken, mut kept) = (Vec::new(), BinaryHeap::new());
        while let Some(Reverse(key)) = self.queue.pop() {
            let entry = self.places.get_mut(key.2 as usize);
            match entry.filter(|flight| flight.as_ref().is_some_and(&matches)).and_then(Option::take) {
                Some(flight) => {
                    self.free.push(key.2);
                    taken.push(flight);
                }
                None => kept.push(Reverse(key)),
            }
        }
        self.queue = kept;
        taken
    }

    /// Delays those that `matches` until they arrive in the order of their numbers. When the last of them does.
    pub(crate) fn put_in_order(&mut self, matches: impl Fn(&Flight) -> bool) -> Option<Instant> {
        let is_ours = |place: u32| self.places.get(place as usize).and_then(Option::as_ref).is_some_and(&matches);
        let (mut ours, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.queue).into_iter().partition(|Reverse((.., place))| is_ours(*place));
        ours.sort_unstable_by_key(|Reverse((_, order, _))| *order);
        let mut last = None;
        for Reverse((arrives, ..)) in &mut ours {
            *arrives = last.into_iter().fold(*arrives, Instant::max);
            last = Some(*arrives);
        }
        self.queue = others.into_iter().chain(ours).collect();
        last
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }
}
