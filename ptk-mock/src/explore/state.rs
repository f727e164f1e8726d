//! A state, as compact as can be: nodes and packets are shared with the states around it.

use std::sync::Arc;

use ptk_core::Instant;
use xxhash_rust::xxh3::xxh3_128;

use super::canonical::{Canonical, Print};
use crate::network::Flight;
use crate::node_id::NodeId;
use crate::world::{Slot, World};

/// A budget without a limit.
pub(crate) const UNLIMITED: u16 = u16::MAX;

/// What may still happen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Budget {
    pub(crate) drops: u16,
    pub(crate) duplicates: u16,
    pub(crate) crashes: u16,
    pub(crate) restarts: u16,
    pub(crate) time_steps: u16,
    pub(crate) reorderings: u16,
    pub(crate) choices: u16,
}

impl Budget {
    fn words(self) -> [u16; 7] {
        let Budget { drops, duplicates, crashes, restarts, time_steps, reorderings, choices } = self;
        [drops, duplicates, crashes, restarts, time_steps, reorderings, choices]
    }
}

/// Takes something out of a budget; `None` if there is not so much.
pub(crate) fn spend(budget: u16, count: u16) -> Option<u16> {
    if budget == UNLIMITED { Some(budget) } else { budget.checked_sub(count) }
}

/// A node at rest, and the hash of what it is.
#[derive(Clone)]
pub(crate) struct Held {
    pub(crate) slot: Arc<Slot>,
    pub(crate) print: Print,
}

impl Held {
    pub(crate) fn new(slot: &Arc<Slot>, canonical: &mut Canonical) -> Held {
        Held { slot: slot.clone(), print: canonical.print(|hasher| slot.hash_all(hasher)) }
    }
}

/// A packet on its way.
pub(crate) struct Parked {
    pub(crate) flight: Flight,
    hash: u128,
}

impl Parked {
    pub(crate) fn new(flight: Flight, canonical: &mut Canonical) -> Arc<Parked> {
        let hash = canonical.hash_of(&(flight.from, flight.to, &flight.packet));
        Arc::new(Parked { flight, hash })
    }

    pub(crate) fn is_segment(&self) -> bool {
        self.flight.packet.body.is_segment()
    }

    /// Whether both are the same packet, sent twice.
    pub(crate) fn is_like(&self, other: &Parked) -> bool {
        self.hash == other.hash
    }

    /// Whether a segment has to come behind another.
    pub(crate) fn follows(&self, other: &Parked) -> bool {
        let (one, other) = (&self.flight.packet, &other.flight.packet);
        (one.from, one.to) == (other.from, other.to) && other.body.is_segment() && one.body.is_segment()
    }

    /// Whether both are datagrams of one way.
    pub(crate) fn is_beside(&self, other: &Parked) -> bool {
        let ways = (self.flight.from, self.flight.to) == (other.flight.from, other.flight.to);
        ways && !self.is_segment() && !other.is_segment()
    }
}

/// A state of the world in which all nodes are at rest.
#[derive(Clone)]
pub(crate) struct State {
    pub(crate) nodes: Vec<Held>,
    /// In the order in which they were sent.
    pub(crate) flights: Vec<Arc<Parked>>,
    pub(crate) now: Instant,
    pub(crate) left: Budget,
}

impl State {
    /// The state of a world at rest.
    pub(crate) fn of(world: &mut World, left: Budget, canonical: &mut Canonical) -> State {
        let nodes = world.slots().iter().map(|slot| Held::new(slot, canonical)).collect();
        let now = world.now();
        let flights = world.take_sent().map(|flight| Parked::new(flight, canonical)).collect();
        State { nodes, flights, now, left }
    }

    pub(crate) fn is_up(&self, node: NodeId) -> bool {
        self.nodes.get(node.index()).is_some_and(|held| held.slot.body().is_some())
    }

    /// Whether a packet waits for its receiver to start.
    pub(crate) fn is_held_up(&self, parked: &Parked) -> bool {
        World::waits_for_a_start(&parked.flight.packet) && !self.is_up(parked.flight.to)
    }

    /// When time passes to, if it does.
    pub(crate) fn next_time(&self) -> Option<Instant> {
        let given_up = self.flights.iter().filter(|parked| self.is_held_up(parked));
        let deadlines = self.nodes.iter().filter_map(|held| held.slot.wake_at);
        deadlines.chain(given_up.map(|parked| parked.flight.deadline)).min()
    }

    /// Whether nothing more happens by itself, and all are up.
    pub(crate) fn is_final(&self) -> bool {
        self.flights.is_empty()
            && self.nodes.iter().all(|held| held.slot.body().is_some() && held.slot.wake_at.is_none())
    }

    /// The hash of all that counts.
    pub(crate) fn hash(&self, words: &mut Vec<u8>) -> u128 {
        words.clear();
        for Held { print, .. } in &self.nodes {
            words.extend_from_slice(&print.hash.to_le_bytes());
            let base = print.base.map_or(i64::MIN, |base| base.as_nanos().wrapping_sub(self.now.as_nanos()) as i64);
            words.extend_from_slice(&base.to_le_bytes());
        }
        let flights = (0..self.flights.len()).fold(0_u128, |sum, index| sum.wrapping_add(self.hash_of_flight(index)));
        words.extend_from_slice(&flights.to_le_bytes());
        for word in self.left.words() {
            words.extend_from_slice(&word.to_le_bytes());
        }
        xxh3_128(words)
    }

    /// The hash of a packet and, where that counts, of how many are before it.
    fn hash_of_flight(&self, index: usize) -> u128 {
        let Some(parked) = self.flights.get(index) else { return 0 };
        let earlier = || self.flights.iter().take(index);
        let place = if parked.is_segment() {
            earlier().filter(|other| parked.follows(other)).count()
        } else if self.left.reorderings != UNLIMITED {
            earlier().filter(|other| parked.is_beside(other)).count()
        } else {
            0
        };
        let patience =
            if self.is_held_up(parked) { parked.flight.deadline.saturating_since(self.now).as_nanos() } else { 0 };
        mix(parked.hash ^ u128::from(patience) << 16 ^ place as u128)
    }
}

/// Spreads the bits, so that sums of hashes are hashes.
fn mix(bits: u128) -> u128 {
    let (low, high) = (bits as u64, (bits >> 64) as u64);
    let one = crate::random::mix(low ^ crate::random::mix(high));
    let other = crate::random::mix(high.wrapping_add(one.rotate_left(32)));
    u128::from(one) << 64 | u128::from(other)
}

/// An action in a state, named by the places of what it acts on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Act {
    Deliver(u16),
    Duplicate(u16),
    Drop(u16),
    Crash(NodeId),
    Restart(NodeId),
    Pass,
}

/// An action, and what was answered during it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Step {
    pub(crate) act: Act,
    pub(crate) answers: Box<[u32]>,
}
