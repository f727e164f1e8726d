//! A world: nodes, the network between them, and one clock.
//!
//! ```text
//!                a packet arrives, a deadline comes
//!   at rest  -----------------------------------------> runnable
//!            <-----------------------------------------
//!                it ran once and has nothing more to do
//!      ^                                                   | crash, in the middle of a call or from outside
//!      |                  start                            v
//!      +------------------------------------------------ down
//! ```
//!
//! Time passes only while nobody is runnable, and then in one step to what comes next: a node at rest costs nothing.

mod explored;
mod slot;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use ptk_core::{Counters, Duration, Error, Instant, Tables, TaskReport};

pub(crate) use self::slot::Slot;
use crate::environment::Environment;
use crate::label::Label;
use crate::mock::Mock;
use crate::network::{Flight, Network};
use crate::node::{Boot, MakeNode, Ran};
use crate::node_id::NodeId;
use crate::packet::{Body, Packet};
use crate::tape::Tape;
use crate::trace::{Loss, Record, TraceEvent, TraceHash};

/// The unit in which alarms come late.
const LATENESS: Duration = Duration::from_micros(50);

/// The unit in which crashed nodes stay down.
const DOWNTIME: Duration = Duration::from_millis(10);

/// What a world is made of, and made again of when a node restarts.
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) names: Arc<[String]>,
    pub(crate) factories: Vec<MakeNode>,
    pub(crate) descriptor_limit: usize,
}

/// Nodes, the network between them, and one clock, as plain data: a copy goes its own way.
///
/// It comes from a [`Scenario`](crate::Scenario), and goes on by [`step`](Self::step).
#[derive(Clone)]
pub struct World {
    plan: Arc<Plan>,
    nodes: Vec<Arc<Slot>>,
    network: Network,
    /// Lent to the node that runs.
    environment: Option<Box<Environment>>,
    /// Who has something to do, in the order in which it came.
    runnable: Vec<NodeId>,
    /// When nodes have to be looked at; those that were moved are skipped.
    wakes: Wakes,
    steps: u64,
}

/// When nodes have to be looked at.
type Wakes = BinaryHeap<Reverse<(Instant, NodeId)>>;

/// What a [`World::step`] was.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Step {
    /// A node ran once.
    Ran(NodeId),
    /// A packet arrived, or what was on its way changed.
    Network,
    /// A deadline came.
    Woke(NodeId),
    /// Nothing: nothing more can ever happen by itself.
    Nothing,
}

impl World {
    /// All nodes start.
    pub(crate) fn new(plan: Plan, network: Network, environment: Environment) -> World {
        let mut world = World {
            nodes: (0..plan.names.len()).map(|_| Arc::new(Slot::down())).collect(),
            plan: Arc::new(plan),
            network,
            environment: Some(Box::new(environment)),
            runnable: Vec::new(),
            wakes: BinaryHeap::new(),
            steps: 0,
        };
        for node in world.node_ids() {
            world.start(node);
        }
        world
    }

    /// The time now.
    pub fn now(&self) -> Instant {
        self.environment.as_ref().map_or(Instant::ORIGIN, |environment| environment.now())
    }

    /// How many steps there were.
    pub const fn steps(&self) -> u64 {
        self.steps
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.plan.seed
    }

    /// The names of the nodes, by number.
    pub fn names(&self) -> &[String] {
        &self.plan.names
    }

    /// The numbers of all nodes.
    pub fn node_ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.nodes.len() as u16).map(NodeId)
    }

    /// The node called `name`.
    ///
    /// # Panics
    ///
    /// If there is none: the test is wrong.
    pub fn node(&self, name: &str) -> NodeId {
        match self.plan.names.iter().position(|other| other == name) {
            Some(index) => NodeId(index as u16),
            None => panic!("no node is called {name}: there are {:?}", self.plan.names),
        }
    }

    /// The task set of the node called `name`; `None` while it is down.
    ///
    /// # Panics
    ///
    /// If there is no such node, or its task set is no `S`: the test is wrong.
    pub fn app<S: 'static>(&self, name: &str) -> Option<&S> {
        let app = self.slot(self.node(name))?.body()?.app();
        match app.downcast_ref() {
            Some(app) => Some(app),
            None => panic!("{name} is no {}", std::any::type_name::<S>()),
        }
    }

    /// Whether the node called `name` is up.
    pub fn is_up(&self, name: &str) -> bool {
        self.slot(self.node(name)).is_some_and(|slot| slot.body().is_some())
    }

    /// Whether all tasks of a node have ended.
    pub fn has_ended(&self, name: &str) -> bool {
        self.slot(self.node(name)).is_some_and(|slot| slot.has_ended)
    }

    /// How often a node was started.
    pub fn starts(&self, name: &str) -> u32 {
        self.slot(self.node(name)).map_or(0, |slot| slot.starts)
    }

    /// The tables of a node's loop; `None` while it is down.
    pub fn tables(&self, name: &str) -> Option<Tables> {
        Some(self.slot(self.node(name))?.body()?.tables())
    }

    /// What a node's loop has counted; `None` while it is down.
    pub fn counters(&self, name: &str) -> Option<Counters> {
        Some(self.slot(self.node(name))?.body()?.counters())
    }

    /// Why a call of a node last failed.
    pub fn last_error(&self, name: &str) -> Option<Error> {
        self.slot(self.node(name))?.body()?.last_error()
    }

    /// Tells of each task of a node where it waits.
    pub fn list_tasks(&self, name: &str, mut tell: impl FnMut(&TaskReport)) {
        if let Some(body) = self.slot(self.node(name)).and_then(Slot::body) {
            body.list_tasks(&mut tell);
        }
    }

    /// How many packets are on their way.
    pub fn in_flight(&self) -> usize {
        self.network.in_flight()
    }

    /// The answers so far that were not benign.
    pub fn tape(&self) -> Tape {
        self.environment.as_ref().map(|environment| environment.chooser.tape()).unwrap_or_default()
    }

    /// The hash of all that happened so far.
    pub fn trace_hash(&self) -> TraceHash {
        self.environment.as_ref().map_or(TraceHash(0), |environment| environment.trace.hash())
    }

    /// What happened so far, if it is kept.
    pub fn records(&self) -> &[Record] {
        self.environment.as_ref().map_or(&[], |environment| environment.trace.records())
    }

    /// One step: a node runs once, a packet arrives, or time passes to the next deadline.
    pub fn step(&mut self) -> Step {
        self.steps += 1;
        if !self.runnable.is_empty() {
            let place = match self.environment.as_deref_mut() {
                Some(environment) => environment.choose_node(&self.runnable),
                None => 0,
            };
            let node = self.runnable.remove(place);
            self.run(node);
            return Step::Ran(node);
        }
        let wake = self.next_wake();
        match (self.network.next_arrival(), wake) {
            (None, None) => Step::Nothing,
            (Some(arrival), wake) if wake.is_none_or(|(at, _)| arrival <= at) => {
                self.pass_to(arrival);
                self.land();
                Step::Network
            }
            (_, Some((at, node))) => {
                self.pass_to(at);
                self.wakes.pop();
                self.wake(node);
                Step::Woke(node)
            }
            (Some(_), None) => Step::Nothing,
        }
    }

    /// Goes on until `done`, or until the clock has reached `limit`, or until nothing more can happen. Whether it was
    /// `done`.
    pub fn run_until(&mut self, limit: Instant, mut done: impl FnMut(&World) -> bool) -> bool {
        loop {
            if done(self) {
                return true;
            }
            if self.next_event().is_none_or(|at| at > limit) {
                return false;
            }
            self.step();
        }
    }

    /// Goes on for so long.
    pub fn run_for(&mut self, time: Duration) {
        let limit = self.now() + time;
        self.run_until(limit, |_| false);
        self.pass_to(limit);
    }

    /// When the next step happens; `None` if never.
    pub fn next_event(&mut self) -> Option<Instant> {
        if !self.runnable.is_empty() {
            return Some(self.now());
        }
        let wake = self.next_wake().map(|(at, _)| at);
        self.network.next_arrival().into_iter().chain(wake).min()
    }

    /// The host of a node loses its power: its peers hear nothing. It stays down until [`restart`](Self::restart).
    pub fn crash(&mut self, name: &str) {
        let node = self.node(name);
        self.stop(node, true);
    }

    /// The process of a node is killed: its system closes its sockets. It stays down until [`restart`](Self::restart).
    pub fn kill(&mut self, name: &str) {
        let node = self.node(name);
        self.stop(node, false);
    }

    /// Starts a node that is down.
    pub fn restart(&mut self, name: &str) {
        let node = self.node(name);
        if !self.is_up(name) {
            self.start(node);
        }
    }

    /// From now on nothing gets through between two nodes, in both directions, until they are
    /// [joined](Self::join) again.
    pub fn part(&mut self, one: &str, other: &str) {
        let (one, other) = (self.node(one), self.node(other));
        self.cut(one, other);
        self.cut(other, one);
    }

    /// From now on nothing gets through from one node to another; the other direction is as it was.
    pub fn part_one_way(&mut self, from: &str, to: &str) {
        let (from, to) = (self.node(from), self.node(to));
        self.cut(from, to);
    }

    /// Two nodes hear each other again.
    pub fn join(&mut self, one: &str, other: &str) {
        let (one, other) = (self.node(one), self.node(other));
        if let Some(environment) = self.environment.as_deref_mut() {
            self.network.heal(one, other, environment);
            self.network.heal(other, one, environment);
        }
    }

    /// From now on nothing goes wrong any more: links carry, lose and delay nothing, all nodes are up.
    pub fn heal(&mut self) {
        if let Some(environment) = self.environment.as_deref_mut() {
            environment.chooser.heal();
            self.network.heal_all(environment);
        }
        for node in self.node_ids() {
            match self.slot_mut(node) {
                Some(slot) if slot.body().is_none() => self.start(node),
                Some(slot) => {
                    slot.paused_until = Instant::ORIGIN;
                    self.wake(node);
                }
                None => {}
            }
        }
    }

    fn cut(&mut self, from: NodeId, to: NodeId) {
        if let Some(environment) = self.environment.as_deref_mut() {
            self.network.cut(from, to, Instant::MAX, environment);
        }
    }

    pub(crate) fn environment(&mut self) -> &mut Environment {
        self.environment.get_or_insert_with(|| Box::new(Environment::benign()))
    }

    pub(crate) fn slot(&self, node: NodeId) -> Option<&Slot> {
        self.nodes.get(node.index()).map(|slot| &**slot)
    }

    pub(crate) fn slot_mut(&mut self, node: NodeId) -> Option<&mut Slot> {
        self.nodes.get_mut(node.index()).map(Arc::make_mut)
    }

    /// Whether somebody has something to do without time passing.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.runnable.is_empty()
    }

    pub(crate) fn pass_to(&mut self, instant: Instant) {
        self.environment().clock.pass_to(instant);
    }

    fn start(&mut self, node: NodeId) {
        let Some(make) = self.plan.factories.get(node.index()).cloned() else { return };
        let Some(incarnation) = self.slot(node).map(|slot| slot.starts) else { return };
        let boot = Boot { names: self.plan.names.clone(), node, incarnation };
        let seed =
            crate::random::mix(self.plan.seed ^ crate::random::mix(u64::from(node.0) << 32 | u64::from(incarnation)));
        let mut mock = Mock::node(node, seed, self.plan.descriptor_limit);
        for (number, name) in self.plan.names.iter().enumerate() {
            mock.join_hosts(name, NodeId(number as u16));
        }
        // Nothing goes wrong while a node is set up.
        let mut environment = Environment::benign();
        environment.clock.pass_to(self.now());
        mock.lend(Box::new(environment));
        let mut body = match make(&boot, mock) {
            Ok(body) => body,
            Err(error) => panic!("{} cannot be set up: {error}", self.plan.names[node.index()]),
        };
        body.mock().take_back();
        if let Some(slot) = self.slot_mut(node) {
            slot.start(body);
        }
        let now = self.now();
        self.environment().trace.changed(now, TraceEvent::Started { node });
        self.enqueue(node);
    }

    fn stop(&mut self, node: NodeId, lost_power: bool) {
        let now = self.now();
        let Some(slot) = self.slot_mut(node) else { return };
        let Some(mut body) = slot.stop() else { return };
        slot.has_power = !lost_power;
        if !lost_power {
            body.mock().kernel().close_all(now);
            body.mock().kernel().acknowledge();
            let mut outbox = std::mem::take(body.mock().kernel().outbox());
            self.send_all(node, &mut outbox);
        }
        self.runnable.retain(|other| *other != node);
        self.environment().trace.changed(now, TraceEvent::Crashed { node, lost_power });
    }

    fn enqueue(&mut self, node: NodeId) {
        if let Some(slot) = self.slot_mut(node)
            && slot.enqueue()
        {
            self.runnable.push(node);
        }
    }

    fn wake_at(&mut self, node: NodeId, at: Instant) {
        let World { nodes, wakes, .. } = self;
        if let Some(slot) = nodes.get_mut(node.index()).map(Arc::make_mut) {
            plan(node, slot, at, wakes);
        }
    }

    fn next_wake(&mut self) -> Option<(Instant, NodeId)> {
        while let Some(Reverse((at, node))) = self.wakes.peek().copied() {
            if self.slot(node).is_some_and(|slot| slot.wake_at == Some(at)) {
                return Some((at, node));
            }
            self.wakes.pop();
        }
        None
    }

    /// A node's time has come: it starts again, goes on, or has a deadline.
    fn wake(&mut self, node: NodeId) {
        let now = self.now();
        let Some(slot) = self.slot_mut(node) else { return };
        slot.wake_at = None;
        if slot.paused_until > now {
            let until = slot.paused_until;
            return self.wake_at(node, until);
        }
        let Some(body) = slot.body_mut() else { return self.start(node) };
        body.mock().kernel().act(now);
        self.drain(node);
        self.enqueue(node);
    }

    fn land(&mut self) {
        let now = self.now();
        if let Some(flight) = self.network.land(now) {
            self.receive(flight);
        }
    }

    /// A packet has come to its receiver.
    fn receive(&mut self, flight: Flight) {
        let now = self.now();
        let (to, id) = (flight.to, flight.id);
        let World { nodes, network, environment, runnable, wakes, .. } = self;
        let Some(environment) = environment.as_deref_mut() else { return };
        let Some(slot) = nodes.get_mut(to.index()).map(Arc::make_mut) else { return };
        let Some(body) = slot.body_mut() else { return self.land_nowhere(flight) };
        let kernel = body.mock().kernel();
        let arrived = match strike(&flight, environment) {
            Strike::Nothing => kernel.arrive(&flight.packet, now),
            Strike::Full => false,
            Strike::Refused => {
                kernel.outbox().push(Packet::reset(&flight.packet));
                true
            }
            Strike::Cut => {
                kernel.arrive(&Packet { body: Body::Reset, ..flight.packet.clone() }, now);
                kernel.outbox().push(Packet::reset(&flight.packet));
                true
            }
            Strike::Denied => {
                let (from, to) = (flight.packet.to, flight.packet.from);
                kernel.outbox().push(Packet::datagram(from, to, Body::Unreachable));
                kernel.arrive(&flight.packet, now)
            }
        };
        if arrived {
            environment.trace.arrived(now, id);
        } else {
            environment.trace.lost(now, id, Loss::NoRoom);
            network.try_again(flight, now);
        }
        drain(to, slot, network, environment, runnable);
        plan_due(to, slot, wakes);
    }

    /// The receiver is down, with its host or without.
    fn land_nowhere(&mut self, flight: Flight) {
        let now = self.now();
        if self.slot(flight.to).is_some_and(|slot| slot.has_power) {
            self.environment().trace.arrived(now, flight.id);
            let mut denial = flight.packet.denial().into_iter().collect();
            return self.send_all(flight.to, &mut denial);
        }
        let needs_no_answer = matches!(flight.packet.body, Body::GaveUp | Body::Reset | Body::Ack { .. });
        let is_repeated = flight.packet.body.is_segment() && !needs_no_answer;
        self.environment().trace.lost(now, flight.id, Loss::HostDown);
        if is_repeated {
            self.network.try_again(flight, now);
        }
    }

    fn drain(&mut self, node: NodeId) {
        let World { nodes, network, environment, runnable, wakes, .. } = self;
        if let Some(slot) = nodes.get_mut(node.index()).map(Arc::make_mut)
            && let Some(environment) = environment.as_deref_mut()
        {
            drain(node, slot, network, environment, runnable);
            plan_due(node, slot, wakes);
        }
    }

    fn send_all(&mut self, node: NodeId, outbox: &mut Vec<Packet>) {
        let Some(environment) = self.environment.as_deref_mut() else { return };
        for packet in outbox.drain(..) {
            self.network.send(node, packet, environment);
        }
    }

    /// The node runs once.
    fn run(&mut self, node: NodeId) {
        let World { nodes, network, environment, runnable, wakes, .. } = self;
        let Some(slot) = nodes.get_mut(node.index()).map(Arc::make_mut) else { return };
        let Some(mut lent) = environment.take() else { return };
        slot.is_queued = false;
        let now = lent.now();
        if slot.stands_still(node, &mut lent) {
            let environment = environment.insert(lent);
            send(node, slot, network, environment);
            return plan(node, slot, slot.paused_until, wakes);
        }
        let Some(body) = slot.body_mut() else {
            *environment = Some(lent);
            return;
        };
        let ran = catch_unwind(AssertUnwindSafe(|| body.run(lent)));
        let polls = ran.as_ref().map_or_else(|_| body.counters().polls, |ran| ran.polls);
        let mock = body.mock();
        let crash = mock.crash();
        let Some(returned) = mock.take_back() else { return };
        let returned = environment.insert(returned);
        returned.trace.ran(now, node, polls);
        drain(node, slot, network, returned, runnable);
        if crash != 0 {
            return self.crashed(node, crash);
        }
        match ran {
            Ok(ran) => rest(node, slot, &ran, returned, runnable, wakes),
            Err(panic) => resume_unwind(panic),
        }
        if returned.trace.keeps() {
            self.show_tasks(node);
        }
    }

    /// It crashed in the middle of a call, and comes back after a while.
    fn crashed(&mut self, node: NodeId, crash: u32) {
        self.stop(node, crash == 2);
        let pause = self.environment().choose(Label::Downtime, node, 200);
        let at = self.now() + DOWNTIME.saturating_mul(u64::from(1 + pause));
        self.wake_at(node, at);
    }

    /// Notes for the trace where each task waits, where that is another place than before.
    fn show_tasks(&mut self, node: NodeId) {
        let now = self.now();
        let Some(slot) = self.nodes.get_mut(node.index()).map(Arc::make_mut) else { return };
        let news = slot.new_places(node);
        for event in news {
            self.environment().trace.keep(now, || event);
        }
    }
}

/// What the node has to send goes out.
fn send(node: NodeId, slot: &mut Slot, network: &mut Network, environment: &mut Environment) {
    let is_queued = slot.is_queued;
    let Some(body) = slot.body_mut() else { return };
    let kernel = body.mock().kernel();
    if !is_queued {
        kernel.acknowledge();
    }
    for packet in kernel.outbox().drain(..) {
        network.send(node, packet, environment);
    }
}

/// What the node has to send goes out, and if it has something to do, it is runnable. Then what it is going to send
/// acknowledges what has arrived.
fn drain(
    node: NodeId,
    slot: &mut Slot,
    network: &mut Network,
    environment: &mut Environment,
    runnable: &mut Vec<NodeId>,
) {
    let Some(body) = slot.body_mut() else { return };
    if body.mock().kernel().events() > 0 {
        enqueue(node, slot, runnable);
    }
    send(node, slot, network, environment);
}

/// The node has something to do.
fn enqueue(node: NodeId, slot: &mut Slot, runnable: &mut Vec<NodeId>) {
    if slot.enqueue() {
        runnable.push(node);
    }
}

/// Its kernel may have plans that it had not before.
fn plan_due(node: NodeId, slot: &mut Slot, wakes: &mut Wakes) {
    if let Some(due) = slot.body_mut().and_then(|body| body.mock().kernel().next_due()) {
        plan(node, slot, due, wakes);
    }
}

/// It ran: when does it go on?
fn rest(
    node: NodeId,
    slot: &mut Slot,
    ran: &Ran,
    environment: &mut Environment,
    runnable: &mut Vec<NodeId>,
    wakes: &mut Wakes,
) {
    slot.has_ended = ran.turned != Ok(true);
    let next = if slot.has_ended { ran.due } else { ran.next };
    match next {
        None => {}
        Some(at) if at <= environment.now() => {
            enqueue(node, slot, runnable);
        }
        Some(at) if ran.due == Some(at) => plan(node, slot, at, wakes),
        Some(at) => {
            let late = environment.choose(Label::LateAlarm, node, 40);
            plan(node, slot, at + LATENESS.saturating_mul(u64::from(late)), wakes);
        }
    }
}

/// Has the node looked at again at `at`, or before.
fn plan(node: NodeId, slot: &mut Slot, at: Instant, wakes: &mut Wakes) {
    if slot.wake_at.is_none_or(|earlier| at < earlier) {
        slot.wake_at = Some(at);
        wakes.push(Reverse((at, node)));
    }
}

/// What happens to a packet at its arrival.
enum Strike {
    Nothing,
    /// A listener has no room.
    Full,
    /// A connect is refused though somebody may listen.
    Refused,
    /// The connection is reset by what lies between.
    Cut,
    /// The network says for nothing that nobody took a datagram.
    Denied,
}

fn strike(flight: &Flight, environment: &mut Environment) -> Strike {
    let mut strikes = |label| environment.choose(label, flight.to, 2) != 0;
    match flight.packet.body {
        Body::Syn { .. } if strikes(Label::BacklogFull) => Strike::Full,
        Body::Syn { .. } if strikes(Label::Refuse) => Strike::Refused,
        Body::Data(_) if strikes(Label::Cut) => Strike::Cut,
        Body::Datagram(_) if strikes(Label::LateRefusal) => Strike::Denied,
        _ => Strike::Nothing,
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes = self.plan.names.iter().zip(&self.nodes);
        f.debug_struct("World")
            .field("now", &self.now())
            .field("nodes", &nodes.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
