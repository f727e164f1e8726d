//! No wakeup is lost, whatever is cancelled, closed, stolen or woken for nothing.
//!
//! Tasks wait at random for connections, raises, timers and data, one or two at a time, while the world around them is
//! changed at random. Whenever the loop has come to rest, each waiting task is polled once more in a copy of the world: if
//! it gets any further there, somebody should have woken it.

mod scheduler_world;

use std::cell::Cell;
use std::task::{Poll, ready};

use ptk_core::__rt::{begin, leave, suspend};
use ptk_core::{
    Buffer, Cx, Error, EventLoop, EventSource, Instant, Options, Pt, Readiness, Suspended, Task, TaskSet, TaskState,
    TcpListener, TcpSocket, Timer, TypedHandle,
};
use scheduler_world::{Random, Step, World, hash, ms, open_loop, port, settle, step, steps};

const TASKS: usize = 6;

/// Few sockets, so that the table is full now and then.
type Small = EventLoop<World, TASKS, 9, 4, 4>;

/// What a worker can wait for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum What {
    Accept(usize),
    Raised(usize),
    Expired(usize),
    Receive(usize),
    Sleep(Instant),
}

/// A task that waits for one or two things, and goes on when it has one of them.
#[derive(Clone, Hash, Debug)]
struct Worker {
    pt: Pt,
    random: Random,
    waits: Vec<What>,
    /// Accepted, and kept open.
    held: Vec<TcpSocket>,
    /// Waits that have ended.
    progress: u64,
    running: bool,
}

/// All workers, and what they wait for.
#[derive(Clone, Hash, Debug)]
struct Workers {
    workers: [Worker; TASKS],
    listeners: [TcpListener; 2],
    sources: [EventSource; 2],
    timers: [Timer; 2],
    streams: [TcpSocket; 2],
}

impl Worker {
    fn choose(&mut self, now: Instant) {
        for _ in 0..=self.random.below(2) {
            let nth = self.random.below(2);
            let what = match self.random.below(9) {
                0..4 => What::Accept(nth),
                4 => What::Raised(nth),
                5 => What::Expired(nth),
                6 => What::Receive(nth),
                _ => What::Sleep(now + ms(1 + self.random.below(20) as u64)),
            };
            if !self.waits.contains(&what) {
                self.waits.push(what);
            }
        }
    }

    fn keep(&mut self, cx: &mut Cx<'_, World>, socket: TcpSocket) {
        self.held.push(socket);
        if self.held.len() > 2 || self.random.once_in(3) {
            cx.close(self.held.remove(0)).unwrap();
        }
    }
}

impl Workers {
    fn attempt(&mut self, cx: &mut Cx<'_, World>, index: usize, what: What) -> Poll<()> {
        match what {
            What::Accept(nth) => cx.accept(self.listeners[nth]).map(|accepted| match accepted {
                Ok(socket) => self.workers[index].keep(cx, socket),
                Err(error) => assert_eq!(error, Error::InvalidHandle),
            }),
            What::Raised(nth) => cx.raised(self.sources[nth]).map(|raised| assert!(raised.unwrap().count > 0)),
            What::Expired(nth) => cx.expired(self.timers[nth]).map(|expired| assert_eq!(expired, Ok(1))),
            What::Receive(nth) => cx.recv(self.streams[nth], &mut Buffer::<2>::new()).map(|received| {
                assert!(received.unwrap() > 0);
            }),
            What::Sleep(until) => cx.sleep_until(until),
        }
    }
}

impl TaskSet<World> for Workers {
    const LEN: usize = TASKS;

    fn poll(&mut self, index: usize, cx: &mut Cx<'_, World>) -> Poll<Result<(), Error>> {
        if !std::mem::replace(&mut self.workers[index].running, true) {
            self.workers[index].waits.clear();
            self.workers[index].held.clear();
        }
        let mut first = false;
        loop {
            if self.workers[index].waits.is_empty() {
                first = true;
                let now = cx.now();
                self.workers[index].choose(now);
            }
            let waits = self.workers[index].waits.clone();
            let outer = begin(cx, std::mem::replace(&mut first, false));
            if !waits.into_iter().any(|what| self.attempt(cx, index, what).is_ready()) {
                suspend(cx, outer, &mut self.workers[index].pt, 1);
                return Poll::Pending;
            }
            leave(cx, outer, false);
            let worker = &mut self.workers[index];
            worker.progress += 1;
            worker.waits.clear();
            if worker.random.once_in(8) {
                worker.running = false;
                return Poll::Ready(if worker.random.once_in(2) { Ok(()) } else { Err(Error::Protocol) });
            }
        }
    }

    fn inspect(&self, index: usize) -> Suspended {
        Suspended { task: "worker", instance: index, method: "poll", pt: Pt::new(), file: "here", line: 1 }
    }
}

/// A world, the workers in it, and who connects from outside.
struct Stress {
    event_loop: Small,
    set: Workers,
    tasks: [Task; TASKS],
    clients: Vec<TcpSocket>,
    far_ends: [TcpSocket; 2],
    random: Random,
}

impl Stress {
    fn new(seed: u64, descriptors: usize) -> Stress {
        let mut random = Random(seed);
        let mut event_loop = Small::new(3, World::with_descriptors(descriptors));
        event_loop.open().unwrap();
        let pairs = [(); 2].map(|()| pair(&mut event_loop));
        let workers = std::array::from_fn(|_| Worker {
            pt: Pt::new(),
            random: Random(random.bits()),
            waits: Vec::new(),
            held: Vec::new(),
            progress: 0,
            running: false,
        });
        let mut cx = event_loop.cx();
        let set = Workers {
            workers,
            listeners: [1, 2].map(|address| cx.listen(port(address)).unwrap()),
            sources: [(); 2].map(|()| cx.event_source().unwrap()),
            timers: [(); 2].map(|()| cx.timer().unwrap()),
            streams: pairs.map(|pair| pair.1),
        };
        let tasks = std::array::from_fn(|index| cx.start(index).unwrap());
        Stress { event_loop, set, tasks, clients: Vec::new(), far_ends: pairs.map(|pair| pair.0), random }
    }

    /// Something happens.
    fn disturb(&mut self) {
        let nth = self.random.below(2);
        let index = self.random.below(TASKS);
        let mut cx = self.event_loop.cx();
        match self.random.below(14) {
            0..4 => {
                if let Ok(client) = cx.tcp_socket(&Options::DEFAULT) {
                    if let Poll::Ready(done) = cx.connect_on(client, port(1 + nth as u16)) {
                        assert_eq!(done, Err(Error::TooManyDescriptors));
                        cx.close(client).unwrap();
                    } else {
                        self.clients.push(client);
                    }
                }
            }
            4..6 if !self.clients.is_empty() => {
                let client = self.clients.remove(self.random.below(self.clients.len()));
                cx.close(client).unwrap();
            }
            6 => cx.raise(self.set.sources[nth], 1).unwrap(),
            7 => cx.start_timer(self.set.timers[nth], ms(self.random.below(5) as u64)).unwrap(),
            8 => assert!(cx.try_send(self.far_ends[nth], &[1, 2, 3]).is_ok_and(|sent| sent > 0)),
            9 | 10 if cx.cancel(self.tasks[index]).is_ok() => self.set.workers[index].running = false,
            11 => {
                let token = [self.set.listeners[0].handle(), self.set.streams[1].handle()][nth].unwrap();
                self.event_loop.platform_mut().noise.push((token, Readiness::ALL));
            }
            12 if self.random.once_in(4) => {
                cx.close(self.set.listeners[nth]).unwrap();
                // Until it is there again, those that wait for it find that it is gone.
                if let Ok(listener) = cx.listen(port(1 + nth as u16)) {
                    self.set.listeners[nth] = listener;
                } else {
                    if let Some(client) = self.clients.pop() {
                        cx.close(client).unwrap();
                    }
                }
            }
            _ => {}
        }
        for index in 0..TASKS {
            if self.random.once_in(3)
                && let Ok(task) = self.event_loop.cx().start(index)
            {
                self.tasks[index] = task;
            }
        }
    }

    /// Turns without letting time pass until nothing more happens.
    fn come_to_rest(&mut self) {
        for _ in 0..1000 {
            let polls = self.event_loop.counters().polls;
            self.event_loop.turn_now(&mut self.set).unwrap();
            let rests = self.event_loop.counters().polls == polls;
            if rests && self.event_loop.next_deadline() != Some(Instant::ORIGIN) {
                return;
            }
        }
        panic!("it never comes to rest");
    }

    /// No task that waits would get any further if it were polled now.
    fn check(&mut self) {
        let mut waiting = Vec::new();
        self.event_loop.list_tasks(&self.set, |report| {
            assert_ne!(report.state, TaskState::Ready, "{report}");
            if report.state == TaskState::Waiting {
                waiting.push((report.index, report.to_string()));
            }
        });
        for (index, report) in waiting {
            let (mut event_loop, mut set) = (self.event_loop.clone(), self.set.clone());
            let before = set.workers[index].progress;
            let polled = set.poll(index, &mut event_loop.cx());
            assert!(
                polled.is_pending() && set.workers[index].progress == before,
                "nobody woke it: {report}; it waits for {:?}",
                self.set.workers[index].waits
            );
        }
    }

    /// Lets time pass to the next deadline.
    fn pass_time(&mut self) {
        match self.event_loop.turn(&mut self.set) {
            Ok(_) | Err(Error::Deadlock) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// A connection between two sockets of nobody's.
fn pair(event_loop: &mut Small) -> (TcpSocket, TcpSocket) {
    struct Pair {
        listener: TcpListener,
        client: TcpSocket,
        server: TcpSocket,
    }
    impl TaskSet<World> for Pair {
        const LEN: usize = TASKS;
        fn poll(&mut self, index: usize, cx: &mut Cx<'_, World>) -> Poll<Result<(), Error>> {
            if index == 0 {
                return cx.connect_on(self.client, port(9));
            }
            cx.accept(self.listener).map(|accepted| {
                self.server = accepted?;
                cx.detach(self.server)
            })
        }
        fn inspect(&self, index: usize) -> Suspended {
            Suspended { task: "pair", instance: index, method: "poll", pt: Pt::new(), file: "here", line: 1 }
        }
    }
    let mut cx = event_loop.cx();
    let (listener, client) = (cx.listen(port(9)).unwrap(), cx.tcp_socket(&Options::DEFAULT).unwrap());
    cx.start(0).unwrap();
    cx.start(1).unwrap();
    let mut set = Pair { listener, client, server: TcpSocket::NONE };
    event_loop.run(&mut set).unwrap();
    event_loop.cx().close(listener).unwrap();
    (client, set.server)
}

fn stress(seed: u64, descriptors: usize) -> Stress {
    let mut stress = Stress::new(seed, descriptors);
    for _ in 0..60 {
        for _ in 0..=stress.random.below(4) {
            stress.disturb();
        }
        if stress.random.once_in(3) {
            // Disturbed again before all has happened.
            stress.event_loop.turn_now(&mut stress.set).unwrap();
            continue;
        }
        stress.come_to_rest();
        stress.check();
        if stress.random.once_in(3) {
            stress.pass_time();
        }
    }
    stress
}

#[test]
fn whatever_happens_no_task_waits_for_what_is_there() {
    let (mut wakes, mut progress) = (0, 0);
    for seed in 0..200 {
        let stress = stress(seed, usize::MAX);
        wakes += stress.event_loop.counters().wakes;
        progress += stress.set.workers.iter().map(|worker| worker.progress).sum::<u64>();
    }
    assert!(wakes > 2_000 && progress > 2_000, "{wakes} wakes and {progress} waits are too few to tell");
}

#[test]
fn whatever_happens_no_task_waits_for_what_is_there_when_descriptors_run_out() {
    let mut pauses = 0;
    for seed in 0..200 {
        pauses += stress(seed, 8).event_loop.counters().accept_pauses;
    }
    assert!(pauses > 200, "{pauses} pauses are too few to tell");
}

#[test]
fn what_is_cancelled_and_closed_leaves_nothing_behind() {
    for seed in 0..60 {
        let mut stress = stress(seed, 8);
        for task in stress.tasks {
            let _ = stress.event_loop.cx().cancel(task);
        }
        let tables = stress.event_loop.tables();
        let expected = stress.clients.len()
            + 4
            + stress.set.listeners.map(|it| open(&mut stress.event_loop, it)).iter().sum::<usize>();
        assert_eq!((tables.tasks.used, tables.sockets.used), (0, expected), "seed {seed}");
    }
}

fn open(event_loop: &mut Small, listener: TcpListener) -> usize {
    listener.handle().map_or(0, |handle| usize::from(event_loop.is_valid(handle)))
}

#[test]
fn the_same_seed_gives_the_same_world_and_so_does_a_copy_of_it() {
    for seed in 0..15 {
        let (mut one, mut other) = (stress(seed, 9), stress(seed, 9));
        assert_eq!(hash(&one.event_loop), hash(&other.event_loop));
        assert_eq!(hash(&one.set), hash(&other.set));
        let mut copy = Stress {
            event_loop: one.event_loop.clone(),
            set: one.set.clone(),
            tasks: one.tasks,
            clients: one.clients.clone(),
            far_ends: one.far_ends,
            random: one.random.clone(),
        };
        // The copy and the original go the same way when the same is done to them, and do not notice each other.
        for world in [&mut one, &mut other, &mut copy] {
            for _ in 0..30 {
                world.disturb();
                world.come_to_rest();
            }
            world.pass_time();
        }
        let hashes = [&one, &other, &copy].map(|world| (hash(&world.event_loop), hash(&world.set)));
        assert!(hashes[0] == hashes[1] && hashes[0] == hashes[2], "seed {seed}");
        copy.event_loop.cx().raise(copy.set.sources[0], 77).unwrap();
        copy.pass_time();
        assert_eq!((hash(&one.event_loop), hash(&one.set)), hashes[0], "what happens to a copy reaches the original");
    }
}

#[test]
fn tasks_that_take_in_turn_from_one_source_all_get_their_share() {
    let mut event_loop = open_loop();
    let source = event_loop.cx().event_source().unwrap();
    let shares = [Cell::new(0), Cell::new(0), Cell::new(0)];
    let taker = |name: usize| -> Step<'_> {
        let share = &shares[name];
        step(move |cx| {
            loop {
                ready!(cx.raised(source))?;
                share.set(share.get() + 1);
            }
        })
    };
    let mut set = steps([taker(0), taker(1), taker(2)]);
    event_loop.turn_now(&mut set).unwrap();
    for _ in 0..30 {
        event_loop.cx().raise(source, 0).unwrap();
        settle(&mut event_loop, &mut set);
    }
    assert_eq!([0, 1, 2].map(|name: usize| shares[name].get()), [10, 10, 10]);
}
