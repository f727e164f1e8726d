//! The stage on which a behaviour is played: a loop with a watchdog, a cast of protothreads, and a handler.

use core::fmt::Write;
use core::task::Poll;
use std::net::SocketAddr;

use ptk_core::{
    Cx, Duration, DynTask, Error, Event, EventLoop, Handle, Instant, Options, Pt, Suspended, Task, TaskReport, TaskSet,
    TcpListener, TcpSocket, TypedHandle, UdpSocket,
};

use crate::actors::{Dial, Letter, Take};
use crate::backend::Backend;

/// Tasks of a stage's loop.
pub const TASKS: usize = 32;
/// Timers of a stage's loop; two are the stage's.
pub const TIMERS: usize = 24;
/// Event sources of a stage's loop.
pub const EVENTS: usize = 8;

/// Names that a stage's loop looks up at once.
pub const LOOKUPS: usize = 2;

/// How long a behaviour waits for what must come.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How long it waits for what must not come. On one machine everything happens at once, so this is plenty.
pub const SILENCE: Duration = Duration::from_millis(25);

/// A loop that takes more turns than this for one scene spins: the longest takes some ten thousand.
const MOST_TURNS: u64 = 2_000_000;

/// The loop of a stage.
pub type Loop<B, const SOCKETS: usize = 128> =
    EventLoop<<B as Backend>::Platform, TASKS, SOCKETS, TIMERS, EVENTS, LOOKUPS>;

/// A world with an open loop.
pub struct Stage<B: Backend, const SOCKETS: usize = 128> {
    /// The world.
    pub backend: B,
    /// Its loop.
    pub event_loop: Box<Loop<B, SOCKETS>>,
}

/// The protothreads of a stage, by reference, so that a test can look at them afterwards.
pub type Cast<'a, 'b, P> = &'a mut [&'b mut dyn DynTask<P>];

impl<B: Backend, const SOCKETS: usize> Stage<B, SOCKETS> {
    /// A new world with an open loop.
    pub fn new() -> Self {
        let mut backend = B::new();
        let mut event_loop = Box::new(EventLoop::new(1, backend.platform()));
        event_loop.open().expect("the platform opens");
        Stage::of(backend, event_loop)
    }

    /// A new world in which no more than `sockets` sockets can be open at once.
    pub fn scarce(sockets: usize) -> Self {
        let mut backend = B::new();
        let event_loop = backend.open_scarce(sockets);
        Stage::of(backend, event_loop)
    }

    fn of(backend: B, event_loop: Box<Loop<B, SOCKETS>>) -> Self {
        let mut stage = Stage { backend, event_loop };
        // A loop's first turn starts the tasks of its set, of which there are none yet.
        stage.event_loop.turn_now(&mut Troupe::empty()).expect("the loop turns");
        stage
    }

    /// The loop as code outside of tasks sees it.
    pub fn cx(&mut self) -> Cx<'_, B::Platform> {
        self.event_loop.cx()
    }

    /// The turns that the loop has taken.
    pub fn turns(&self) -> u64 {
        self.event_loop.counters().turns
    }

    /// The sockets and listeners that are open.
    pub fn open_sockets(&self) -> usize {
        self.event_loop.tables().sockets.used
    }

    /// Runs the cast until all have returned, which must be without an error.
    pub fn play(&mut self, cast: Cast<'_, '_, B::Platform>) {
        self.play_with(cast, |_, _, _| Ok(()));
    }

    /// As [`play`](Self::play), with a handler. Ends early if somebody stops the loop; the tasks that still run are
    /// cancelled then.
    pub fn play_with<H>(&mut self, cast: Cast<'_, '_, B::Platform>, handler: H)
    where
        H: FnMut(&mut Cx<'_, B::Platform>, Handle, Event) -> Result<(), Error>,
    {
        for (index, result) in self.try_play(cast, handler).into_iter().enumerate() {
            assert!(matches!(result, None | Some(Ok(()))), "task {index} ended with {result:?}");
        }
    }

    /// As [`play_with`](Self::play_with); gives each task's result, `None` for those that were cancelled.
    pub fn try_play<H>(&mut self, cast: Cast<'_, '_, B::Platform>, handler: H) -> Vec<Option<Result<(), Error>>>
    where
        H: FnMut(&mut Cx<'_, B::Platform>, Handle, Event) -> Result<(), Error>,
    {
        let watchdog = self.timer(PATIENCE);
        let tasks: Vec<Task> = (0..cast.len()).map(|index| self.cx().start(index).expect("it does not run")).collect();
        let last_turn = self.turns() + MOST_TURNS;
        let mut troupe = Troupe { results: vec![None; cast.len()], cast, handler, watchdog, barked: false };
        let ended = self.event_loop.run_until(&mut troupe, |event_loop, troupe| {
            if troupe.barked || event_loop.counters().turns > last_turn {
                let what = if troupe.barked { "nothing more happens" } else { "the loop spins" };
                panic!("{what}; the tasks:\n{}", listing(event_loop, troupe));
            }
            !tasks.is_empty() && event_loop.tables().tasks.used == 0
        });
        let results = troupe.results;
        ended.expect("the loop turns");
        for task in tasks {
            // Those that have ended have nothing to cancel.
            let _ = self.cx().cancel(task);
        }
        self.close(watchdog);
        results
    }

    /// Runs the loop with a handler until the handler stops it.
    pub fn handle<H>(&mut self, handler: H)
    where
        H: FnMut(&mut Cx<'_, B::Platform>, Handle, Event) -> Result<(), Error>,
    {
        self.play_with(&mut [], handler);
    }

    /// As [`handle`](Self::handle) without a watchdog, so that the loop sleeps with no deadline.
    pub fn handle_unwatched<H>(&mut self, handler: H)
    where
        H: FnMut(&mut Cx<'_, B::Platform>, Handle, Event) -> Result<(), Error>,
    {
        let mut troupe = Troupe { handler, cast: &mut [], results: Vec::new(), watchdog: None, barked: false };
        self.event_loop.run(&mut troupe).expect("the loop turns");
    }

    /// Runs the loop for a while; gives all that handlers were told.
    pub fn hear(&mut self, time: Duration) -> Vec<(Handle, Event)> {
        let end = self.timer(time);
        let mut heard = Vec::new();
        self.handle(|cx, handle, event| {
            if Some(handle) == end {
                cx.stop();
            } else {
                heard.push((handle, event));
            }
            Ok(())
        });
        self.close(end);
        heard
    }

    /// Runs the loop until the handlers were told what `enough` waits for; gives all that they were told.
    pub fn hear_until(&mut self, mut enough: impl FnMut(&[(Handle, Event)]) -> bool) -> Vec<(Handle, Event)> {
        let mut heard = Vec::new();
        self.handle(|cx, handle, event| {
            heard.push((handle, event));
            if enough(&heard) {
                cx.stop();
            }
            Ok(())
        });
        heard
    }

    /// Runs the loop for a while, in which nobody is told anything; gives the turns that it took.
    pub fn idle(&mut self, time: Duration) -> u64 {
        let before = self.turns();
        let heard = self.hear(time);
        assert_eq!(heard, [], "nothing happens");
        self.turns() - before
    }

    /// One turn that does not wait for long, with a handler.
    pub fn turn_now<H>(&mut self, handler: H)
    where
        H: FnMut(&mut Cx<'_, B::Platform>, Handle, Event) -> Result<(), Error>,
    {
        // A timer that is due: a loop without anything has nothing to turn for, and one that was stopped only goes on
        // when it is run.
        let watchdog = self.timer(Duration::ZERO);
        let mut troupe = Troupe { handler, cast: &mut [], results: Vec::new(), watchdog, barked: false };
        self.event_loop.run_until(&mut troupe, |_, _| true).expect("the loop turns");
        self.close(watchdog);
    }

    /// A running timer with a handler, for the stage's own purposes.
    fn timer(&mut self, after: Duration) -> Option<Handle> {
        let mut cx = self.event_loop.cx();
        let timer = cx.timer().expect("a timer is left");
        cx.set_handler(timer).expect("the timer is new");
        cx.start_timer(timer, after).expect("the timer is open");
        timer.handle()
    }

    fn close(&mut self, timer: Option<Handle>) {
        let timer = timer.and_then(ptk_core::Timer::from_handle).expect("it is a timer");
        self.cx().close(timer).expect("it is open");
    }

    /// A listener at an address of its own.
    pub fn listen(&mut self) -> (TcpListener, SocketAddr) {
        let address = self.backend.v4();
        self.listen_at(address, &Options::DEFAULT)
    }

    /// A listener at `address`, and which address that turned out to be.
    pub fn listen_at(&mut self, address: SocketAddr, options: &Options) -> (TcpListener, SocketAddr) {
        let mut cx = self.cx();
        let listener = cx.listen_with(address, options).expect("the address is free");
        let address = cx.local_address(listener).expect("the listener is open");
        (listener, address)
    }

    /// A UDP socket at an address of its own.
    pub fn udp(&mut self) -> (UdpSocket, SocketAddr) {
        let address = self.backend.v4();
        self.udp_at(address, &Options::DEFAULT)
    }

    /// A UDP socket at `address`, and which address that turned out to be. It can be sent from at once.
    pub fn udp_at(&mut self, address: SocketAddr, options: &Options) -> (UdpSocket, SocketAddr) {
        let mut cx = self.cx();
        let socket = cx.udp_socket_with(address, options).expect("the address is free");
        let address = cx.local_address(socket).expect("the socket is open");
        // The loop has to hear that there is room to send.
        self.idle(Duration::from_millis(1));
        (socket, address)
    }

    /// Sends one datagram, for which there is room.
    pub fn send_to(&mut self, socket: UdpSocket, data: &[u8], peer: SocketAddr) {
        assert_eq!(self.cx().try_send_to(socket, data, peer), Ok(()), "from {socket:?} to {peer}");
    }

    /// All that a UDP socket is told after a while: datagrams, and what the network said of earlier ones.
    pub fn receive_all(&mut self, socket: UdpSocket) -> Vec<Result<Letter, Error>> {
        self.idle(SILENCE);
        let mut buffer = vec![0; 65_536];
        let mut received = Vec::new();
        loop {
            let result = self.cx().try_recv_from(socket, &mut buffer);
            if result == Err(Error::WouldBlock) {
                return received;
            }
            received.push(result.map(|datagram| Letter::read(datagram, &buffer)));
            assert!(received.len() < 100_000, "it never says that nothing is left");
        }
    }

    /// A listener whose backlog is full, its address, and the connections in it: one more connect stays pending.
    pub fn listen_with_full_backlog(&mut self) -> (TcpListener, SocketAddr, Vec<TcpSocket>) {
        let address = self.backend.v4();
        let (listener, address) = self.listen_at(address, &Options { backlog: 1, ..Options::DEFAULT });
        let mut connections = Vec::new();
        loop {
            let socket = self.cx().tcp_socket(&Options::DEFAULT).expect("a socket is left");
            assert_eq!(self.cx().connect_on(socket, address), Poll::Pending);
            // Once it is full, nothing comes back; before, it comes back at once.
            for _ in 0..4 {
                self.idle(SILENCE);
                if self.cx().connect_on(socket, address).is_ready() {
                    break;
                }
            }
            if self.cx().peer_address(socket).is_err() {
                self.cx().close(socket).expect("it is open");
                return (listener, address, connections);
            }
            connections.push(socket);
            assert!(connections.len() < 16, "a backlog of 1 has an end");
        }
    }

    /// An address at which nobody listens.
    pub fn refusing_address(&mut self) -> SocketAddr {
        let (listener, address) = self.listen();
        self.cx().close(listener).expect("it is open");
        address
    }

    /// The two ends of a connection, owned by no task.
    pub fn pair(&mut self) -> (TcpSocket, TcpSocket) {
        self.pair_with(&Options::DEFAULT)
    }

    /// As [`pair`](Self::pair), with options for both ends.
    pub fn pair_with(&mut self, options: &Options) -> (TcpSocket, TcpSocket) {
        let address = self.backend.v4();
        self.pair_at(address, options)
    }

    /// As [`pair_with`](Self::pair_with), at an address.
    pub fn pair_at(&mut self, address: SocketAddr, options: &Options) -> (TcpSocket, TcpSocket) {
        let (listener, address) = self.listen_at(address, options);
        let mut dial = Dial::with(address, options);
        let mut take = Take::from(listener);
        self.play(&mut [&mut dial, &mut take]);
        self.cx().close(listener).expect("it is open");
        (dial.socket, take.socket)
    }

    /// A connection with handlers at both ends, to which nothing is left to tell.
    pub fn pair_with_handlers(&mut self) -> (TcpSocket, TcpSocket) {
        let (near, far) = self.pair();
        for socket in [near, far] {
            self.cx().set_handler(socket).expect("it is open");
        }
        self.hear(SILENCE);
        (near, far)
    }

    /// Sends all of `data`, which fits into the platform's buffers.
    pub fn send(&mut self, socket: TcpSocket, data: &[u8]) {
        let mut sent = 0;
        loop {
            match self.cx().try_send(socket, &data[sent..]) {
                Ok(count) => sent += count,
                // A platform may take less than there is room for. Then there is news of the room.
                Err(Error::WouldBlock) if sent > 0 => self.turn_now(|_, _, _| Ok(())),
                Err(error) => panic!("sending {} bytes failed: {error}", data.len()),
            }
            if sent == data.len() {
                return;
            }
        }
    }

    /// Sends until no more is accepted; how much that was. The bytes are those of [`pattern`](crate::actors::pattern).
    pub fn fill(&mut self, socket: TcpSocket, seed: u8) -> u64 {
        let mut sent = 0;
        let mut silent = false;
        loop {
            let chunk: Vec<u8> = (sent..sent + 4096).map(|at| crate::actors::pattern(seed, at)).collect();
            match self.cx().try_send(socket, &chunk) {
                Ok(count) => (sent, silent) = (sent + count as u64, false),
                Err(Error::WouldBlock) if silent => return sent,
                // What lies in the sender's buffer may still move on to the receiver's.
                Err(Error::WouldBlock) => {
                    self.hear(SILENCE);
                    silent = true;
                }
                Err(error) => panic!("sending to a buffer failed: {error}"),
            }
        }
    }

    /// The platform's time.
    pub fn now(&mut self) -> Instant {
        self.cx().now()
    }
}

impl<B: Backend, const SOCKETS: usize> Default for Stage<B, SOCKETS> {
    fn default() -> Self {
        Self::new()
    }
}

/// The cast, the handler and the watchdog as one task set.
struct Troupe<'a, 'b, P: ptk_core::Platform, H> {
    cast: Cast<'a, 'b, P>,
    handler: H,
    results: Vec<Option<Result<(), Error>>>,
    watchdog: Option<Handle>,
    barked: bool,
}

/// A handler that does not care.
type Deaf<P> = fn(&mut Cx<'_, P>, Handle, Event) -> Result<(), Error>;

impl<P: ptk_core::Platform> Troupe<'_, '_, P, Deaf<P>> {
    fn empty() -> Self {
        Troupe { cast: &mut [], handler: |_, _, _| Ok(()), results: Vec::new(), watchdog: None, barked: false }
    }
}

impl<P: ptk_core::Platform, H> TaskSet<P> for Troupe<'_, '_, P, H>
where
    H: FnMut(&mut Cx<'_, P>, Handle, Event) -> Result<(), Error>,
{
    const LEN: usize = TASKS;

    fn poll(&mut self, index: usize, cx: &mut Cx<'_, P>) -> Poll<Result<(), Error>> {
        let Some(task) = self.cast.get_mut(index) else { return Poll::Ready(Ok(())) };
        let result = task.poll(cx, &mut ());
        if let Poll::Ready(result) = result {
            self.results[index] = Some(result);
        }
        result
    }

    fn inspect(&self, index: usize) -> Suspended {
        let nobody = Suspended { task: "nobody", instance: 0, method: "", pt: Pt::new(), file: "", line: 0 };
        self.cast.get(index).map_or(nobody, |task| task.inspect(index))
    }

    fn event(&mut self, cx: &mut Cx<'_, P>, handle: Handle, event: Event) -> Result<(), Error> {
        if Some(handle) == self.watchdog {
            self.barked = true;
            return Ok(());
        }
        (self.handler)(cx, handle, event)
    }
}

/// Where each task waits, for the message of a watchdog.
fn listing<P, S, const T: usize, const N: usize, const I: usize, const E: usize, const L: usize>(
    event_loop: &EventLoop<P, T, N, I, E, L>,
    set: &S,
) -> String
where
    P: ptk_core::Platform,
    S: TaskSet<P>,
{
    let mut text = String::new();
    event_loop.list_tasks(set, |report: &TaskReport| {
        if report.task != Task::NONE {
            writeln!(text, "  {report}").expect("a string has room");
        }
    });
    writeln!(text, "{:?}", event_loop.counters()).expect("a string has room");
    text
}
