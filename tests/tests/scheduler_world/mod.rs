//! What the tests of the scheduler share: a world that can report events for nothing, and tasks that are closures.

#![allow(dead_code, unreachable_pub)]

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::task::Poll;

use ptk_core::middleware::Middleware;
use ptk_core::{
    Cx, Duration, Error, Event, EventLoop, Handle, Options, Platform, Pt, Readiness, Sink, Suspended, TaskSet,
    TcpListener, TcpSocket, UdpSocket, Until,
};
use ptk_mock::Mock;

/// The mock, with events that mean nothing: what the contract allows at any time, and the mock never does by itself.
#[derive(Clone, Hash, Debug, Default)]
pub struct World {
    /// The mock.
    pub mock: Mock,
    /// What the next wait reports besides.
    pub noise: Vec<(Handle, Readiness)>,
    /// The next wait reports an alarm and a raise for nothing.
    pub ring: bool,
}

impl World {
    /// A world with at most `descriptors` sockets.
    pub fn with_descriptors(descriptors: usize) -> World {
        World { mock: Mock::with_descriptor_limit(descriptors), ..World::default() }
    }

    fn make_noise<S: Sink>(&mut self, sink: &mut S) -> bool {
        let loud = self.ring || !self.noise.is_empty();
        for (token, readiness) in self.noise.drain(..) {
            sink.socket(token, readiness);
        }
        if std::mem::take(&mut self.ring) {
            sink.alarm();
            sink.raised();
        }
        loud
    }
}

impl Middleware for World {
    type Inner = Mock;

    fn inner(&self) -> &Mock {
        &self.mock
    }

    fn inner_mut(&mut self) -> &mut Mock {
        &mut self.mock
    }

    fn wait<S: Sink>(&mut self, until: Until, sink: &mut S) -> Result<(), Error> {
        let until = if self.make_noise(sink) { Until::Now } else { until };
        self.mock.wait(until, sink)
    }
}

/// A loop with room for most tests.
pub type Loop = EventLoop<World, 16, 16, 128, 8>;

/// An open loop on a world of its own.
pub fn open_loop() -> Loop {
    open_loop_in(World::default())
}

/// An open loop in `world`.
pub fn open_loop_in(world: World) -> Loop {
    let mut event_loop = Loop::new(1, world);
    event_loop.open().unwrap();
    event_loop
}

/// A task that is a closure: called at each resume.
pub type Step<'a> = Box<dyn FnMut(&mut Cx<'_, World>) -> Poll<Result<(), Error>> + 'a>;

/// Makes a closure a task.
pub fn step<'a>(body: impl FnMut(&mut Cx<'_, World>) -> Poll<Result<(), Error>> + 'a) -> Step<'a> {
    Box::new(body)
}

/// A task that never gets anywhere, and is never woken.
pub fn idle<'a>() -> Step<'a> {
    step(|_| Poll::Pending)
}

type OnEvent<'a> = Box<dyn FnMut(&mut Cx<'_, World>, Handle, Event) -> Result<(), Error> + 'a>;

/// A set of closures.
pub struct Steps<'a, const N: usize> {
    tasks: [Step<'a>; N],
    on_event: OnEvent<'a>,
}

/// The set of `tasks`.
pub fn steps<'a, const N: usize>(tasks: [Step<'a>; N]) -> Steps<'a, N> {
    Steps { tasks, on_event: Box::new(|_, handle, event| panic!("{handle} has no handler here, but {event:?}")) }
}

impl<'a, const N: usize> Steps<'a, N> {
    /// The same set, with a handler of events.
    pub fn on_event(
        self,
        on_event: impl FnMut(&mut Cx<'_, World>, Handle, Event) -> Result<(), Error> + 'a,
    ) -> Steps<'a, N> {
        Steps { on_event: Box::new(on_event), ..self }
    }
}

impl<const N: usize> TaskSet<World> for Steps<'_, N> {
    const LEN: usize = N;

    fn poll(&mut self, index: usize, cx: &mut Cx<'_, World>) -> Poll<Result<(), Error>> {
        (self.tasks[index])(cx)
    }

    fn inspect(&self, index: usize) -> Suspended {
        Suspended { task: "step", instance: index, method: "call", pt: Pt::new(), file: "here", line: 1 }
    }

    fn event(&mut self, cx: &mut Cx<'_, World>, handle: Handle, event: Event) -> Result<(), Error> {
        (self.on_event)(cx, handle, event)
    }
}

/// Turns until nothing can happen any more by itself.
pub fn settle<S: TaskSet<World>>(event_loop: &mut Loop, set: &mut S) {
    for _ in 0..100_000 {
        match event_loop.turn(set) {
            Ok(true) => {}
            Ok(false) | Err(Error::Deadlock) => return,
            Err(error) => panic!("a turn failed: {error}"),
        }
    }
    panic!("the loop never comes to rest");
}

/// Starts all tasks of a set of `count`, on a loop that has run another set before.
pub fn start_all(event_loop: &mut Loop, count: usize) {
    for index in 0..count {
        event_loop.cx().start(index).unwrap();
    }
}

/// Milliseconds.
pub fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// A port on this host.
pub fn port(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// Two ends of a connection that belongs to no task: the end that connected, and the one that was accepted.
pub fn connection(event_loop: &mut Loop) -> (TcpSocket, TcpSocket) {
    let listener = event_loop.cx().listen(port(9)).unwrap();
    let client = event_loop.cx().tcp_socket(&Options::DEFAULT).unwrap();
    let server = connect_to(event_loop, listener, client, port(9));
    event_loop.cx().close(listener).unwrap();
    (client, server)
}

/// Connects `client` to `listener`, and accepts the connection.
pub fn connect_to(event_loop: &mut Loop, listener: TcpListener, client: TcpSocket, address: SocketAddr) -> TcpSocket {
    let mut server = TcpSocket::NONE;
    let connect = step(|cx| cx.connect_on(client, address));
    let accept = step(|cx| {
        let Poll::Ready(accepted) = cx.accept(listener) else { return Poll::Pending };
        server = accepted.unwrap();
        cx.detach(server).unwrap();
        Poll::Ready(Ok(()))
    });
    let mut tasks: [Step<'_>; 16] = std::array::from_fn(|_| idle());
    tasks[0] = connect;
    tasks[1] = accept;
    // A set as large as the loop: the tasks that a test starts afterwards are among its numbers.
    let mut set = steps(tasks);
    start_all(event_loop, 2);
    event_loop.run(&mut set).unwrap();
    drop(set);
    server
}

/// Two UDP sockets that belong to no task, at ports 1 and 2. The second has room for thousands of datagrams.
pub fn datagram_sockets(event_loop: &mut Loop) -> (UdpSocket, UdpSocket) {
    let options = Options { receive_buffer: 4 << 20, ..Options::DEFAULT };
    let one = event_loop.cx().udp_socket(port(1)).unwrap();
    let other = event_loop.cx().udp_socket_with(port(2), &options).unwrap();
    // The loop has to hear that there is room to send.
    let mut tasks: [Step<'_>; 16] = std::array::from_fn(|_| idle());
    tasks[0] = step(|cx| cx.writable(one));
    tasks[1] = step(|cx| cx.writable(other));
    let mut set = steps(tasks);
    start_all(event_loop, 2);
    event_loop.run(&mut set).unwrap();
    (one, other)
}

/// Takes all that `take` gives whenever a handler is told of data, until the loop comes to rest: how much each call of the
/// handler took.
pub fn takes_by_call(event_loop: &mut Loop, take: impl Fn(&mut Cx<'_, World>) -> Result<usize, Error>) -> Vec<usize> {
    let mut calls = Vec::new();
    let mut set = steps([idle()]).on_event(|cx, _, event| {
        if event == Event::Readable {
            calls.push(std::iter::from_fn(|| take(cx).ok()).sum());
        }
        Ok(())
    });
    event_loop.cx().start(0).unwrap();
    settle(event_loop, &mut set);
    drop(set);
    calls
}

/// The hash of the loop's state.
pub fn hash(state: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    state.hash(&mut hasher);
    hasher.finish()
}

/// A small generator of numbers, the same for each seed (Steele, Lea and Flood, "Fast splittable pseudorandom number
/// generators", 2014).
#[derive(Clone, Hash, Debug)]
pub struct Random(pub u64);

impl Random {
    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.bits() % limit as u64) as usize
    }

    /// True once in `times`.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }
}
