//! A node: a loop and its task set, whatever they are.

use std::any::Any;
use std::fmt::Debug;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ptk_core::{Counters, Cx, Error, EventLoop, Instant, Tables, TaskReport, TaskSet};

use crate::environment::Environment;
use crate::explore::Canonical;
use crate::kernel::Home;
use crate::mock::Mock;
use crate::node_id::NodeId;

/// What a node is told when it starts: who it is, and where the others are.
#[derive(Clone, Debug)]
pub struct Boot {
    pub(crate) names: Arc<[String]>,
    pub(crate) node: NodeId,
    pub(crate) incarnation: u32,
}

impl Boot {
    /// The number of this node.
    pub const fn node(&self) -> NodeId {
        self.node
    }

    /// How often this node was started before.
    pub const fn incarnation(&self) -> u32 {
        self.incarnation
    }

    /// This node's own IPv4 address.
    pub fn own_ip(&self) -> IpAddr {
        ipv4(self.node)
    }

    /// Port `port` of the node called `name`, at its IPv4 address.
    ///
    /// # Panics
    ///
    /// If no node has that name: the test is wrong.
    pub fn address(&self, name: &str, port: u16) -> SocketAddr {
        SocketAddr::new(ipv4(self.find(name)), port)
    }

    /// As [`address`](Self::address), at the node's IPv6 address.
    ///
    /// # Panics
    ///
    /// If no node has that name: the test is wrong.
    pub fn address_v6(&self, name: &str, port: u16) -> SocketAddr {
        let ip = Home::of(self.find(name).0).v6().map_or(IpAddr::from([0; 16]), IpAddr::V6);
        SocketAddr::new(ip, port)
    }

    fn find(&self, name: &str) -> NodeId {
        match self.names.iter().position(|other| other == name) {
            Some(index) => NodeId(index as u16),
            None => panic!("no node is called {name}: there are {:?}", self.names),
        }
    }
}

pub(crate) fn ipv4(node: NodeId) -> IpAddr {
    Home::of(node.0).v4().map_or(IpAddr::from([0; 4]), IpAddr::V4)
}

/// What came of a turn.
#[derive(Debug)]
pub(crate) struct Ran {
    /// `false` if nothing ever will be ready.
    pub(crate) turned: Result<bool, Error>,
    /// The next deadline of all.
    pub(crate) next: Option<Instant>,
    /// The next one of the kernel.
    pub(crate) due: Option<Instant>,
    /// How often tasks were polled so far.
    pub(crate) polls: u64,
}

/// A loop with its task set, on a mock.
pub(crate) trait Inhabitant: Debug + Send + Sync {
    fn mock(&mut self) -> &mut Mock;
    fn mock_view(&self) -> &Mock;
    /// Lends the mock what the nodes share, and runs what is ready, once.
    fn run(&mut self, environment: Box<Environment>) -> Ran;
    /// Runs what is ready, once. `false` if nothing ever will be.
    fn turn(&mut self) -> Result<bool, Error>;
    fn next_deadline(&mut self) -> Option<Instant>;
    /// Makes all tasks ready that wait.
    fn wake_all(&mut self);
    fn boxed_clone(&self) -> Box<dyn Inhabitant>;
    /// The whole state, for exploration.
    fn hash_all(&self, hasher: &mut Canonical);
    /// The state of the application alone.
    fn hash_app(&self, hasher: &mut dyn Hasher);
    fn app(&self) -> &dyn Any;
    fn tables(&self) -> Tables;
    fn counters(&self) -> Counters;
    fn last_error(&self) -> Option<Error>;
    fn list_tasks(&self, tell: &mut dyn FnMut(&TaskReport));
}

/// See [`Inhabitant`].
#[derive(Clone, Debug)]
struct Host<S, const TASKS: usize, const SOCKETS: usize, const TIMERS: usize, const EVENTS: usize, const LOOKUPS: usize>
{
    event_loop: EventLoop<Mock, TASKS, SOCKETS, TIMERS, EVENTS, LOOKUPS>,
    set: S,
}

/// What a node does: any task set that is plain data.
pub trait Application: TaskSet<Mock> + Clone + Hash + Debug + Send + Sync + 'static {}

impl<S: TaskSet<Mock> + Clone + Hash + Debug + Send + Sync + 'static> Application for S {}

impl<
    S: Application,
    const TASKS: usize,
    const SOCKETS: usize,
    const TIMERS: usize,
    const EVENTS: usize,
    const LOOKUPS: usize,
> Inhabitant for Host<S, TASKS, SOCKETS, TIMERS, EVENTS, LOOKUPS>
{
    fn mock(&mut self) -> &mut Mock {
        self.event_loop.platform_mut()
    }

    fn mock_view(&self) -> &Mock {
        self.event_loop.platform()
    }

    fn turn(&mut self) -> Result<bool, Error> {
        self.event_loop.turn_now(&mut self.set)
    }

    fn next_deadline(&mut self) -> Option<Instant> {
        self.event_loop.next_deadline()
    }

    fn run(&mut self, environment: Box<Environment>) -> Ran {
        self.event_loop.platform_mut().lend(environment);
        let turned = self.event_loop.turn_now(&mut self.set);
        let next = self.event_loop.next_deadline();
        let polls = self.event_loop.counters().polls;
        Ran { turned, next, due: self.event_loop.platform_mut().kernel().next_due(), polls }
    }

    fn wake_all(&mut self) {
        self.event_loop.wake_all();
    }

    fn boxed_clone(&self) -> Box<dyn Inhabitant> {
        Box::new(self.clone())
    }

    fn hash_all(&self, hasher: &mut Canonical) {
        self.event_loop.hash(hasher);
        self.set.hash(hasher);
    }

    fn hash_app(&self, mut hasher: &mut dyn Hasher) {
        self.set.hash(&mut hasher);
    }

    fn app(&self) -> &dyn Any {
        &self.set
    }

    fn tables(&self) -> Tables {
        self.event_loop.tables()
    }

    fn counters(&self) -> Counters {
        self.event_loop.counters()
    }

    fn last_error(&self) -> Option<Error> {
        self.event_loop.last_error()
    }

    fn list_tasks(&self, tell: &mut dyn FnMut(&TaskReport)) {
        self.event_loop.list_tasks(&self.set, tell);
    }
}

/// Makes a node on its mock, opens it and sets it up.
pub(crate) type MakeNode = Arc<dyn Fn(&Boot, Mock) -> Result<Box<dyn Inhabitant>, Error> + Send + Sync>;

/// A factory of nodes with these capacities.
pub(crate) fn factory<
    S: Application,
    const TASKS: usize,
    const SOCKETS: usize,
    const TIMERS: usize,
    const EVENTS: usize,
    const LOOKUPS: usize,
>(
    make: impl Fn(&Boot) -> S + Send + Sync + 'static,
    set_up: impl Fn(&mut Cx<'_, Mock>, &mut S) -> Result<(), Error> + Send + Sync + 'static,
) -> MakeNode {
    Arc::new(move |boot, mock| {
        let id = (boot.node.0 % 255) as u8 + 1;
        let event_loop = EventLoop::<Mock, TASKS, SOCKETS, TIMERS, EVENTS, LOOKUPS>::new(id, mock);
        let mut host = Box::new(Host { event_loop, set: make(boot) });
        host.event_loop.open()?;
        set_up(&mut host.event_loop.cx(), &mut host.set)?;
        Ok(host)
    })
}
