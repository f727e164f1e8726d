//! What lies between the hosts: links, and the packets on their way.
//!
//! ```text
//!            datagram: lost, doubled, late, spoilt            no room: asked again later
//!   send ----------------------------------------> on its way ------------------------> arrives
//!     |      segment: late, in order, never lost      ^   |
//!     |                                               |   | nobody answers for too long
//!     +---- segment, and the link is cut ----> stalled    +------------------------> given up: the sender is told
//! ```

mod flights;

use std::collections::{BTreeMap, BTreeSet};

use ptk_core::{Duration, Instant};

pub(crate) use self::flights::Flight;
use self::flights::Flights;
use crate::environment::Environment;
use crate::kernel::{host_of, is_broadcast};
use crate::label::Label;
use crate::link::{LATENCY_STEPS, Link};
use crate::mutant::Mutant;
use crate::node_id::NodeId;
use crate::packet::{Body, Packet, Payload};
use crate::trace::{Loss, TraceEvent};

/// How long the first attempt to send a segment again takes (Linux: `TCP_RTO_MIN`); each further one takes twice as long.
const RETRANSMIT: Duration = Duration::from_millis(200);

/// How long a connect that found no room waits for its second attempt; each further one waits twice as long.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// How much longer a packet takes on a clogged link.
const CLOGGED: Duration = Duration::from_millis(100);

/// The unit in which partitions and clogs are drawn.
const OUTAGE: Duration = Duration::from_millis(10);

/// How many units they last at most.
const LONGEST_OUTAGE: u32 = 200;

/// Bytes of the headers of Ethernet, IP and UDP or TCP: what a packet takes of the bandwidth beside its payload.
const HEADERS: usize = 54;

/// One direction of a link.
#[derive(Clone, Debug)]
struct Line {
    link: Link,
    permanent: Duration,
    /// It carries nothing until then.
    cut_until: Instant,
    /// It is slow until then.
    clogged_until: Instant,
    /// The last packet has left it then.
    free_at: Instant,
    /// So many datagrams more are lost.
    burst: u32,
}

/// One direction of a connection: the nodes and their ports. A connection over IPv4 and one over IPv6 may share one.
type Lane = (NodeId, NodeId, u16, u16);

fn lane((from, to): (NodeId, NodeId), packet: &Packet) -> Lane {
    (from, to, packet.from.port(), packet.to.port())
}

/// See the module's text.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    hosts: u16,
    lines: Vec<Line>,
    flights: Flights,
    /// When the last segment of each direction of each connection arrives: none overtakes another.
    lanes: BTreeMap<Lane, Instant>,
    next_id: u64,
    /// How many packets exploration holds.
    parked: usize,
}

impl Network {
    /// A network of so many hosts; `link` tells how each two are linked.
    pub(crate) fn new(hosts: u16, seed: u64, link: impl Fn(NodeId, NodeId) -> Link) -> Network {
        let pairs = (0..hosts).flat_map(|from| (0..hosts).map(move |to| (from, to)));
        let lines = pairs.map(|(from, to)| {
            let link = link(NodeId(from), NodeId(to));
            Line {
                link,
                permanent: link.permanent_part(seed, from, to),
                cut_until: Instant::ORIGIN,
                clogged_until: Instant::ORIGIN,
                free_at: Instant::ORIGIN,
                burst: 0,
            }
        });
        Network {
            hosts,
            lines: lines.collect(),
            flights: Flights::default(),
            lanes: BTreeMap::new(),
            next_id: 0,
            parked: 0,
        }
    }

    /// When the next packet arrives.
    pub(crate) fn next_arrival(&self) -> Option<Instant> {
        self.flights.next_arrival()
    }

    /// How many packets are on their way.
    pub(crate) fn in_flight(&self) -> usize {
        self.flights.len() + self.parked
    }

    /// Nothing is on its way but so many packets that exploration holds.
    pub(crate) fn park(&mut self, count: usize) {
        while self.flights.land().is_some() {}
        self.lanes.clear();
        self.parked = count;
    }

    /// Takes out the packet that arrives next, whatever happens to it.
    pub(crate) fn take_next(&mut self) -> Option<Flight> {
        self.flights.land()
    }

    /// A packet leaves its host.
    pub(crate) fn send(&mut self, from: NodeId, packet: Packet, environment: &mut Environment) {
        let ip = packet.to.ip();
        if ip.is_multicast() || is_broadcast(ip) {
            for to in (0..self.hosts).map(NodeId).filter(|to| *to != from) {
                self.send_to(from, to, packet.clone(), environment);
            }
            return;
        }
        match host_of(ip).filter(|host| *host < self.hosts) {
            Some(to) => self.send_to(from, NodeId(to), packet, environment),
            None => {
                let id = self.number();
                environment.trace.sent(environment.clock.now(), id, (from, from), &packet, environment.clock.now());
                environment.trace.lost(environment.clock.now(), id, Loss::NoRoute);
            }
        }
    }

    fn send_to(&mut self, from: NodeId, to: NodeId, packet: Packet, environment: &mut Environment) {
        self.disturb(from, to, environment);
        if packet.body.is_segment() {
            self.send_segment(from, to, packet, environment);
        } else {
            self.send_datagram(from, to, packet, environment);
        }
    }

    /// Now and then a link fails, or becomes slow.
    fn disturb(&mut self, from: NodeId, to: NodeId, environment: &mut Environment) {
        let now = environment.now();
        let outage = environment.choose(Label::Partition, from, LONGEST_OUTAGE);
        if outage > 0 {
            self.cut(from, to, now + OUTAGE.saturating_mul(u64::from(outage)), environment);
            // Every other one goes both ways.
            if outage.is_multiple_of(2) {
                self.cut(to, from, now + OUTAGE.saturating_mul(u64::from(outage)), environment);
            }
        }
        let clog = environment.choose(Label::Clog, from, LONGEST_OUTAGE);
        if clog > 0
            && let Some(line) = self.line_mut(from, to)
        {
            line.clogged_until = now + OUTAGE.saturating_mul(u64::from(clog));
        }
    }

    fn send_datagram(&mut self, from: NodeId, to: NodeId, mut packet: Packet, environment: &mut Environment) {
        let Some(line) = self.line_mut(from, to) else { return };
        if let Body::Datagram(payload) = &packet.body
            && let Some(spoilt) = line.spoil(from, payload, environment)
        {
            packet.body = Body::Datagram(spoilt);
        }
        let mut arrives = line.arrival(from, packet.body.payload().len(), environment);
        let lateness = line.lateness();
        let late = draw(Label::Reorder, from, 8, line.link.reorder, environment);
        arrives += lateness.saturating_mul(u64::from(late));
        let doubles = draw(Label::Duplicate, from, 2, line.link.duplicate, environment);
        let lost = line.loses(from, environment);
        // A copy is made behind the place where packets are lost.
        for _ in 0..doubles + u32::from(Mutant::DatagramsDoubled.is_on()) {
            self.launch_datagram((from, to), packet.clone(), arrives, lost, environment);
            arrives += lateness;
        }
        self.launch_datagram((from, to), packet, arrives, lost, environment);
    }

    #[inline]
    fn launch_datagram(
        &mut self,
        (from, to): (NodeId, NodeId),
        packet: Packet,
        arrives: Instant,
        lost: Option<Loss>,
        environment: &mut Environment,
    ) {
        let (now, id) = (environment.now(), self.number());
        environment.trace.sent(now, id, (from, to), &packet, arrives);
        match lost {
            Some(why) => environment.trace.lost(now, id, why),
            None => self.launch(from, to, packet, arrives, id, Instant::MAX, false),
        }
    }

    fn send_segment(&mut self, from: NodeId, to: NodeId, mut packet: Packet, environment: &mut Environment) {
        if let Body::Data(data) = &packet.body {
            let place =
                environment.choose(Label::Segment, from, u32::try_from(data.len()).unwrap_or(u32::MAX)) as usize;
            if place > 0 {
                let (front, back) = data.split_at(place);
                let front = Packet { body: Body::Data(Payload::new(front)), ..packet.clone() };
                let back = Body::Data(Payload::new(back));
                self.send_in_order(from, to, front, environment);
                (packet.body, packet.acknowledges) = (back, 0);
            }
        }
        self.send_in_order(from, to, packet, environment);
    }

    fn send_in_order(&mut self, from: NodeId, to: NodeId, packet: Packet, environment: &mut Environment) {
        let now = environment.now();
        let attempts = environment.choose(Label::Retransmit, from, 4);
        let again = RETRANSMIT.saturating_mul((1 << attempts) - 1);
        let deadline = now + packet.patience;
        let Some(line) = self.line_mut(from, to) else { return };
        let mut arrives = line.arrival(from, packet.body.payload().len(), environment) + again;
        let is_stalled = line.cut_until > now;
        if is_stalled {
            arrives = arrives.max(line.cut_until.saturating_add(RETRANSMIT)).min(deadline);
        }
        let lane = self.lanes.entry(lane((from, to), &packet)).or_insert(now);
        if !Mutant::SegmentsOvertake.is_on() {
            arrives = arrives.max(*lane);
        }
        *lane = arrives;
        if self.lanes.len() > 1_024 {
            self.lanes.retain(|_, last| *last > now);
        }
        let id = self.number();
        environment.trace.sent(now, id, (from, to), &packet, arrives);
        if is_stalled && Mutant::PartitionDropsSegments.is_on() {
            return;
        }
        if attempts > 0 && Mutant::SegmentsDoubled.is_on() {
            self.launch(from, to, packet.clone(), arrives, id, deadline, is_stalled);
        }
        self.launch(from, to, packet, arrives, id, deadline, is_stalled);
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of a flight")]
    fn launch(
        &mut self,
        from: NodeId,
        to: NodeId,
        packet: Packet,
        arrives: Instant,
        id: u64,
        deadline: Instant,
        is_stalled: bool,
    ) {
        let is_early = Mutant::ClockGoesBack.is_on();
        let arrives = if is_early { Instant::from_nanos(arrives.as_nanos() / 2) } else { arrives };
        self.flights.launch(arrives, Flight { id, from, to, packet, deadline, attempts: 0, is_stalled });
    }

    /// The packet that arrives next. `None` if it does not after all: it waits on, or who waits for it is going to be
    /// told that this is in vain.
    pub(crate) fn land(&mut self, now: Instant) -> Option<Flight> {
        let mut flight = self.flights.land()?;
        if !flight.is_stalled || !self.is_cut(flight.from, flight.to, now) {
            flight.is_stalled = false;
            return Some(flight);
        }
        if now >= flight.deadline {
            give_up(flight).for_each(|told| self.flights.launch(now, told));
            return None;
        }
        let heals = self.line(flight.from, flight.to).map_or(now, |line| line.cut_until);
        let lane = lane((flight.from, flight.to), &flight.packet);
        self.flights.launch(heals.saturating_add(RETRANSMIT).min(flight.deadline), flight);
        self.keep_order(lane);
        None
    }

    /// A segment arrives later than it was going to, or earlier: those behind it do not overtake it, nor it those before.
    fn keep_order(&mut self, lane: Lane) {
        let is_in_lane = |flight: &Flight| {
            flight.packet.body.is_segment() && self::lane((flight.from, flight.to), &flight.packet) == lane
        };
        if let Some(last) = self.flights.put_in_order(is_in_lane) {
            self.lanes.insert(lane, last);
        }
    }

    /// Nobody took a segment: it comes again later, or its sender is told that nobody answers.
    pub(crate) fn try_again(&mut self, mut flight: Flight, now: Instant) {
        let first = if matches!(flight.packet.body, Body::Syn { .. }) { ASK_AGAIN } else { RETRANSMIT };
        let pause = first.saturating_mul(1 << flight.attempts.min(16));
        flight.attempts = flight.attempts.saturating_add(1);
        if now >= flight.deadline {
            give_up(flight).for_each(|told| self.flights.launch(now, told));
        } else {
            self.flights.launch((now + pause).min(flight.deadline), flight);
        }
    }

    /// From now on the way from one node to another carries nothing, until then.
    pub(crate) fn cut(&mut self, from: NodeId, to: NodeId, until: Instant, environment: &mut Environment) {
        let now = environment.now();
        if let Some(line) = self.line_mut(from, to) {
            line.cut_until = line.cut_until.max(until);
            environment.trace.changed(now, TraceEvent::LinkCut { from, to });
        }
    }

    /// The way from one node to another carries packets again.
    pub(crate) fn heal(&mut self, from: NodeId, to: NodeId, environment: &mut Environment) {
        let now = environment.now();
        let Some(line) = self.line_mut(from, to) else { return };
        line.clogged_until = line.clogged_until.min(now);
        line.burst = 0;
        if line.cut_until <= now {
            return;
        }
        line.cut_until = now;
        environment.trace.changed(now, TraceEvent::LinkHealed { from, to });
        let mut lanes = BTreeSet::new();
        for flight in self.flights.take_all(|flight| flight.is_stalled && flight.from == from && flight.to == to) {
            lanes.insert(lane((from, to), &flight.packet));
            self.flights.launch(now + RETRANSMIT, Flight { is_stalled: false, ..flight });
        }
        lanes.into_iter().for_each(|lane| self.keep_order(lane));
    }

    /// No link loses, doubles, delays or spoils anything any more.
    pub(crate) fn heal_all(&mut self, environment: &mut Environment) {
        let hosts = self.hosts;
        for (from, to) in (0..hosts).flat_map(|from| (0..hosts).map(move |to| (NodeId(from), NodeId(to)))) {
            if !Mutant::HealLeavesPartitions.is_on() {
                self.heal(from, to, environment);
            }
            if let Some(line) = self.line_mut(from, to) {
                line.link = line.link.healed();
            }
        }
    }

    /// Whether the way carries nothing.
    pub(crate) fn is_cut(&self, from: NodeId, to: NodeId, now: Instant) -> bool {
        self.line(from, to).is_some_and(|line| line.cut_until > now)
    }

    /// The number of the next packet.
    pub(crate) fn number(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    fn line(&self, from: NodeId, to: NodeId) -> Option<&Line> {
        self.lines.get(from.index() * usize::from(self.hosts) + to.index())
    }

    fn line_mut(&mut self, from: NodeId, to: NodeId) -> Option<&mut Line> {
        self.lines.get_mut(from.index() * usize::from(self.hosts) + to.index())
    }
}

impl Line {
    /// When a packet that leaves now arrives.
    #[inline]
    fn arrival(&mut self, from: NodeId, len: usize, environment: &mut Environment) -> Instant {
        let now = environment.now();
        let latency = if self.link.latency.varies() {
            self.link.latency.at(environment.choose_at(Label::Latency, from, LATENCY_STEPS + 1, 1_000_000))
        } else {
            self.link.latency.least()
        };
        let clog = if self.clogged_until > now { CLOGGED } else { Duration::ZERO };
        let leaves = self.free_at.max(now) + self.link.occupied(len + HEADERS);
        self.free_at = leaves;
        leaves + latency + self.permanent + clog
    }

    /// By how much a packet has to be late for others to overtake it.
    fn lateness(&self) -> Duration {
        self.link.latency.least() + self.permanent + Duration::from_micros(100)
    }

    /// Why a datagram that leaves now is lost, if it is.
    fn loses(&mut self, from: NodeId, environment: &mut Environment) -> Option<Loss> {
        if self.cut_until > environment.now() {
            return Some(Loss::Partition);
        }
        if self.burst > 0 {
            self.burst -= 1;
            return Some(Loss::Loss);
        }
        if draw(Label::Loss, from, 2, self.link.loss, environment) == 0 {
            return None;
        }
        self.burst = environment.choose(Label::Burst, from, 8);
        Some(Loss::Loss)
    }

    /// The datagram with a bit turned over, or its end cut off, if that happens to it.
    fn spoil(&self, from: NodeId, data: &Payload, environment: &mut Environment) -> Option<Payload> {
        let len = u32::try_from(data.len()).unwrap_or(u32::MAX);
        let bits = len.saturating_mul(8);
        let bit = draw(Label::Corrupt, from, bits.saturating_add(1), self.link.corrupt, environment);
        let cut = draw(Label::Truncate, from, len.saturating_add(1), self.link.truncate, environment);
        if bit == 0 && cut == 0 {
            return None;
        }
        let mut bytes = data.to_vec();
        if let Some(bit) = bit.checked_sub(1)
            && let Some(byte) = bytes.get_mut(bit as usize / 8)
        {
            *byte ^= 1 << (bit % 8);
        }
        bytes.truncate(data.len() - cut as usize);
        Some(bytes.into())
    }
}

/// Asks with the rate of a link and that of the faults together.
#[inline]
fn draw(label: Label, from: NodeId, n: u32, own: u32, environment: &mut Environment) -> u32 {
    let rate = own.saturating_add(environment.chooser.rate_of(label));
    if rate == 0 { 0 } else { environment.choose_at(label, from, n, rate) }
}

/// The network's word to who waits in vain: for an answer to what it sent, or for the answer that this is.
pub(crate) fn give_up(flight: Flight) -> impl Iterator<Item = Flight> {
    let (tells_sender, tells_receiver) = match flight.packet.body {
        Body::Ack { taken, .. } => (false, taken > 0),
        Body::SynAck { .. } => (true, true),
        _ => (true, flight.packet.acknowledges > 0),
    };
    let to_sender = Flight {
        from: flight.to,
        to: flight.from,
        packet: Packet { body: Body::GaveUp, ..Packet::reset(&flight.packet) },
        is_stalled: false,
        ..flight
    };
    let to_receiver =
        Flight { packet: Packet { body: Body::GaveUp, acknowledges: 0, ..flight.packet }, is_stalled: false, ..flight };
    [tells_sender.then_some(to_sender), tells_receiver.then_some(to_receiver)].into_iter().flatten()
}
