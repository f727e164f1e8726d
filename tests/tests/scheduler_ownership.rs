//! No handle is leaked and none is closed that must live: bodies that open, fail, time out, lose, are cancelled, panic,
//! and pass handles up, enumerated and at random.
//!
//! Every body here is one method that follows a [`Plan`]: a tree of what it opens, awaits and how it ends. What is open
//! when a loop has come to rest is compared with what the plan says must live.

mod scheduler_world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use ptk_core::prelude::*;
use ptk_core::{First, Handle};
use scheduler_world::{Loop, Random, World, ms, open_loop, port};

/// How a body ends.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum End {
    /// Returns `Ok`, with what it opened.
    Returns,
    /// Returns `Err`.
    Fails,
    /// Never ends by itself.
    Hangs,
    /// Panics.
    Panics,
}

/// How a body awaits its child.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Await {
    /// And fails if the child does.
    Plainly,
    /// And goes on whether the child fails or not.
    Whatever,
    /// For ten milliseconds.
    Timed,
    /// Against a sleep of ten milliseconds.
    Racing,
    /// Against another child, which is the second.
    Against,
    /// Both operands open something, and the first is pending at first.
    Beside,
}

/// What a body opens.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Open {
    /// A timer.
    Timer,
    /// A socket that is not connected.
    Socket,
    /// A listener.
    Listener,
    /// An event source.
    Source,
    /// A UDP socket.
    Datagram,
}

/// What a body does: opens, sleeps a while, awaits its children, opens, sleeps, ends.
#[derive(Clone, Hash, Debug)]
struct Plan {
    before: Vec<Open>,
    /// Milliseconds that it sleeps before the child.
    first_sleep: u64,
    child: Option<(Await, Box<Plan>, Box<Plan>)>,
    after: Vec<Open>,
    /// Milliseconds that it sleeps after the child.
    last_sleep: u64,
    end: End,
    /// The first that it opens is nobody's.
    detaches: bool,
    /// Does all of it twice, and the second time from its beginning.
    rounds: u32,
}

/// A body, and its children.
#[derive(Clone, Hash, Debug)]
struct Body {
    pt: PtTimed,
    plan: Plan,
    round: u32,
    /// How often the body was entered at its beginning.
    entered: u32,
    opened: Vec<Handle>,
    children: Vec<Body>,
}

impl Body {
    fn new(plan: &Plan) -> Body {
        let children = plan.child.iter().flat_map(|(_, a, b)| [Body::new(a), Body::new(b)]).collect();
        Body { pt: PtTimed::new(), plan: plan.clone(), round: 0, entered: 0, opened: Vec::new(), children }
    }

    fn open(&mut self, cx: &mut Cx<'_, World>, after: bool) -> Result<(), Error> {
        let list = if after { self.plan.after.clone() } else { self.plan.before.clone() };
        for open in list {
            let handle = match open {
                Open::Timer => cx.timer()?.handle(),
                Open::Socket => cx.tcp_socket(&Options::DEFAULT)?.handle(),
                Open::Listener => cx.listen(port(0))?.handle(),
                Open::Source => cx.event_source()?.handle(),
                Open::Datagram => cx.udp_socket(port(0))?.handle(),
            };
            let handle = handle.ok_or(Error::InvalidHandle)?;
            if self.plan.detaches && self.opened.is_empty() {
                detach(cx, handle)?;
            }
            self.opened.push(handle);
        }
        Ok(())
    }

    fn begin(&mut self) {
        self.entered += 1;
        self.round = 0;
        self.opened.clear();
    }

    fn first_sleep(&self) -> Duration {
        ms(self.plan.first_sleep)
    }

    fn last_sleep(&self) -> Duration {
        ms(self.plan.last_sleep)
    }

    fn way(&self) -> Option<Await> {
        self.plan.child.as_ref().map(|(way, ..)| *way)
    }

    /// Everything that was opened in what succeeded passes to whoever awaited: its list of what is open.
    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, World>) -> Result<Vec<Handle>, Error> {
        self.begin();
        while self.round < self.plan.rounds {
            self.round += 1;
            self.open(cx, false)?;
            if self.plan.first_sleep > 0 {
                wait!(sleep!(self.first_sleep()));
            }
            match self.way() {
                None => {}
                Some(Await::Plainly) => {
                    let opened = wait!(self.children[0].run(cx))?;
                    self.opened.extend(opened);
                }
                Some(Await::Whatever) => {
                    if let Ok(opened) = wait!(self.children[0].run(cx)) {
                        self.opened.extend(opened);
                    }
                }
                Some(Await::Timed) => {
                    if let Ok(Ok(opened)) = wait!(self.children[0].run(cx), timeout = ms(10)) {
                        self.opened.extend(opened);
                    }
                }
                Some(Await::Racing) => match wait!(first!(self.children[0].run(cx), sleep!(ms(10)))) {
                    First::A(Ok(opened)) => self.opened.extend(opened),
                    First::A(Err(_)) | First::B(()) => {}
                },
                Some(Await::Against) => match wait!(first!(self.children[0].run(cx), self.children[1].run(cx))) {
                    First::A(Ok(opened)) | First::B(Ok(opened)) => self.opened.extend(opened),
                    First::A(Err(_)) | First::B(Err(_)) => {}
                },
                Some(Await::Beside) => {
                    match wait!(first!(self.children[0].run(cx), self.children[1].run(cx), sleep!(ms(7)))) {
                        First::A(Ok(opened)) | First::B(Ok(opened)) => self.opened.extend(opened),
                        First::A(Err(_)) | First::B(Err(_)) | First::C(()) => {}
                    }
                }
            }
            self.check(cx);
            self.open(cx, true)?;
            if self.plan.last_sleep > 0 {
                wait!(sleep!(self.last_sleep()));
            }
            self.check(cx);
        }
        match self.plan.end {
            End::Returns => Ok(std::mem::take(&mut self.opened)),
            End::Fails => Err(Error::Protocol),
            End::Panics => panic!("as planned"),
            End::Hangs => loop {
                wait!(cx.sleep_until(Instant::MAX));
            },
        }
    }

    /// What this body opened, and what its children passed up, is open.
    fn check(&self, cx: &Cx<'_, World>) {
        for &handle in &self.opened {
            assert!(cx.is_valid(handle), "{handle} was closed and must live");
        }
    }

    /// Everything that was detached, in this body and its children, whatever became of them since.
    fn detached(&self, all: &mut u32) {
        if self.plan.detaches {
            *all += 1;
        }
        for child in &self.children {
            child.detached(all);
        }
    }
}

fn detach(cx: &mut Cx<'_, World>, handle: Handle) -> Result<(), Error> {
    if let Some(timer) = Timer::from_handle(handle) {
        cx.detach(timer)
    } else if let Some(socket) = TcpSocket::from_handle(handle) {
        cx.detach(socket)
    } else if let Some(listener) = TcpListener::from_handle(handle) {
        cx.detach(listener)
    } else if let Some(socket) = UdpSocket::from_handle(handle) {
        cx.detach(socket)
    } else {
        cx.detach(EventSource::from_handle(handle).ok_or(Error::InvalidHandle)?)
    }
}

/// The task: a body at its top, whose handles it holds until it is told to end.
#[derive(Clone, Hash, Debug)]
struct Top {
    pt: Pt,
    body: Body,
    failed: bool,
    held: Vec<Handle>,
    detached: Vec<Handle>,
}

impl Top {
    fn new(plan: &Plan) -> Top {
        Top { pt: Pt::new(), body: Body::new(plan), failed: false, held: Vec::new(), detached: Vec::new() }
    }
}

impl Protothread<World> for Top {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, World>, _: &mut ()) -> Result<(), Error> {
        match wait!(self.body.run(cx)) {
            Ok(held) => self.held = held,
            Err(_) => self.failed = true,
        }
        wait!(cx.sleep_until(Instant::MAX));
        Ok(())
    }
}

/// All handles of the loop.
fn open_handles(event_loop: &Loop) -> usize {
    let tables = event_loop.tables();
    tables.sockets.used + tables.timers.used + tables.events.used
}

/// Turns until the world ends, at most `polls` polls; whether a body panicked.
fn run(event_loop: &mut Loop, set: &mut [Top; 1], polls: u64) -> bool {
    for _ in 0..10_000 {
        if event_loop.counters().polls >= polls {
            return false;
        }
        match catch_unwind(AssertUnwindSafe(|| event_loop.turn(set))) {
            Ok(Ok(true)) => {}
            Ok(Ok(false) | Err(Error::Deadlock)) => return false,
            Ok(Err(error)) => panic!("{error}"),
            Err(panic) => {
                let text = panic.downcast_ref::<&str>().copied().unwrap_or_default();
                if text != "as planned" {
                    std::panic::resume_unwind(panic);
                }
                return true;
            }
        }
    }
    panic!("it never comes to rest");
}

/// Runs `plan` to its end, and then with the task cancelled after each of its polls.
fn examine(plan: &Plan) {
    let mut polls = 0;
    examine_until(plan, u64::MAX, &mut polls);
    for k in 0..=polls {
        examine_until(plan, k, &mut 0);
    }
}

fn examine_until(plan: &Plan, cancel_after: u64, polls: &mut u64) {
    let mut event_loop = open_loop();
    let mut set = [Top::new(plan)];
    let task = event_loop.cx().start(0).unwrap();
    let panicked = run(&mut event_loop, &mut set, cancel_after);
    *polls = event_loop.counters().polls;
    let mut detached = 0;
    set[0].body.detached(&mut detached);
    if !panicked {
        let held = &set[0].held;
        for &handle in held {
            assert!(event_loop.is_valid(handle), "{handle} was passed up, and must live\n{plan:?}");
        }
        if detached == 0 && (set[0].failed || !held.is_empty()) {
            assert_eq!(open_handles(&event_loop), held.len(), "handles are left over\n{plan:?}");
        }
        event_loop.cx().cancel(task).unwrap();
    }
    let _ = run(&mut event_loop, &mut set, u64::MAX);
    assert_eq!(event_loop.tables().tasks.used, 0);
    if detached == 0 {
        assert_eq!(
            open_handles(&event_loop),
            0,
            "handles outlive their task, cancelled after {cancel_after}\n{plan:?}"
        );
    }
    assert_eq!(event_loop.platform().mock.open_sockets(), listeners(&event_loop, detached), "{plan:?}");
}

/// Sockets that the mock may still have open: none, unless some were detached.
fn listeners(event_loop: &Loop, detached: u32) -> usize {
    if detached == 0 { 0 } else { event_loop.platform().mock.open_sockets() }
}

const ENDS: [End; 4] = [End::Returns, End::Fails, End::Hangs, End::Panics];
const WAYS: [Await; 6] = [Await::Plainly, Await::Whatever, Await::Timed, Await::Racing, Await::Against, Await::Beside];

fn leaf(opens: &[Open], sleep: u64, end: End) -> Plan {
    Plan {
        before: opens.to_vec(),
        first_sleep: sleep,
        child: None,
        after: Vec::new(),
        last_sleep: 0,
        end,
        detaches: false,
        rounds: 1,
    }
}

/// Silences the panics that are planned.
fn quietly(test: impl FnOnce()) {
    static HOOK: std::sync::Once = std::sync::Once::new();
    HOOK.call_once(|| {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if info.payload().downcast_ref::<&str>() != Some(&"as planned") {
                hook(info);
            }
        }));
    });
    test();
}

#[test]
fn whatever_two_levels_do_nothing_is_left_and_nothing_is_missing() {
    quietly(|| {
        for way in WAYS {
            for (end, other) in ENDS.iter().flat_map(|&a| ENDS.iter().map(move |&b| (a, b))) {
                for (sleep, other_sleep) in [(0, 0), (3, 0), (0, 3), (3, 3), (10, 12), (12, 10)] {
                    let child = leaf(&[Open::Timer, Open::Listener], sleep, end);
                    let rival = leaf(&[Open::Source, Open::Socket], other_sleep, other);
                    let mut plan = leaf(&[Open::Socket], 0, End::Returns);
                    plan.child = Some((way, Box::new(child), Box::new(rival)));
                    plan.after = vec![Open::Timer];
                    plan.last_sleep = 2;
                    examine(&plan);
                }
            }
        }
    });
}

#[test]
fn whatever_three_levels_do_nothing_is_left_and_nothing_is_missing() {
    quietly(|| {
        for (outer, inner) in WAYS.iter().flat_map(|&a| WAYS.iter().map(move |&b| (a, b))) {
            for (end, middle_end) in ENDS.iter().flat_map(|&a| ENDS.iter().map(move |&b| (a, b))) {
                for sleep in [0, 3, 11] {
                    let mut middle = leaf(&[Open::Timer], 1, middle_end);
                    let inner_rival = leaf(&[Open::Datagram], 4, End::Returns);
                    middle.child = Some((inner, Box::new(leaf(&[Open::Source], sleep, end)), Box::new(inner_rival)));
                    middle.after = vec![Open::Socket];
                    middle.last_sleep = 1;
                    let mut plan = leaf(&[Open::Socket], 0, End::Returns);
                    plan.child = Some((outer, Box::new(middle), Box::new(leaf(&[Open::Timer], 6, End::Returns))));
                    plan.rounds = 2;
                    examine(&plan);
                }
            }
        }
    });
}

/// A plan at random, so deep at most.
fn plan(random: &mut Random, depth: usize) -> Plan {
    const OPENS: [Open; 5] = [Open::Timer, Open::Socket, Open::Listener, Open::Source, Open::Datagram];
    let opens = |random: &mut Random| (0..random.below(3)).map(|_| OPENS[random.below(4)]).collect::<Vec<_>>();
    let child = (depth > 0 && !random.once_in(5)).then(|| {
        (WAYS[random.below(WAYS.len())], Box::new(plan(random, depth - 1)), Box::new(plan(random, depth - 1)))
    });
    Plan {
        before: opens(random),
        first_sleep: random.below(6) as u64,
        child,
        after: opens(random),
        last_sleep: random.below(6) as u64,
        end: if random.once_in(3) { ENDS[random.below(4)] } else { End::Returns },
        detaches: false,
        rounds: 1 + random.below(2) as u32,
    }
}

#[test]
fn whatever_four_random_levels_do_nothing_is_left_and_nothing_is_missing() {
    quietly(|| {
        for seed in 0..600 {
            examine(&plan(&mut Random(seed), 4));
        }
    });
}

#[test]
fn what_was_detached_outlives_every_end_of_its_task() {
    quietly(|| {
        for end in ENDS {
            for way in WAYS {
                let mut child = leaf(&[Open::Timer, Open::Timer], 2, end);
                child.detaches = true;
                let mut plan = leaf(&[], 0, End::Returns);
                plan.child = Some((way, Box::new(child), Box::new(leaf(&[Open::Socket], 20, End::Returns))));
                let mut event_loop = open_loop();
                let mut set = [Top::new(&plan)];
                let task = event_loop.cx().start(0).unwrap();
                let panicked = run(&mut event_loop, &mut set, u64::MAX);
                if !panicked {
                    event_loop.cx().cancel(task).unwrap();
                }
                let _ = run(&mut event_loop, &mut set, u64::MAX);
                let tables = event_loop.tables();
                let detached = set[0].body.children[0].entered as usize;
                assert_eq!((tables.timers.used, tables.sockets.used), (detached, 0), "{plan:?}");
            }
        }
    });
}

#[test]
fn a_child_that_is_awaited_again_starts_at_its_beginning_whatever_became_of_it() {
    quietly(|| {
        for way in WAYS {
            for end in [End::Returns, End::Fails, End::Hangs] {
                for sleep in [0, 3, 30] {
                    let mut plan = leaf(&[], 0, End::Returns);
                    let rival = leaf(&[Open::Timer], 5, End::Returns);
                    plan.child = Some((way, Box::new(leaf(&[Open::Timer], sleep, end)), Box::new(rival)));
                    plan.rounds = 4;
                    let mut event_loop = open_loop();
                    let mut set = [Top::new(&plan)];
                    event_loop.cx().start(0).unwrap();
                    let _ = run(&mut event_loop, &mut set, u64::MAX);
                    let body = &set[0].body;
                    let fails_for_good = way == Await::Plainly && end == End::Fails;
                    let hangs = matches!(way, Await::Plainly | Await::Whatever) && end == End::Hangs;
                    let rounds = if fails_for_good || hangs { 1 } else { 4 };
                    assert_eq!((body.round, body.children[0].entered), (rounds, rounds), "{plan:?}");
                    // And once more, after the task was cancelled wherever it was.
                    let task = event_loop.cx().start(0);
                    assert_eq!(task, Err(Error::Busy));
                }
            }
        }
    });
}

#[test]
fn a_task_that_is_cancelled_anywhere_and_started_again_starts_at_its_beginning_with_all_its_children() {
    quietly(|| {
        for seed in 0..100 {
            let plan = plan(&mut Random(seed), 3);
            for k in 1..12 {
                let mut event_loop = open_loop();
                let mut set = [Top::new(&plan)];
                let task = event_loop.cx().start(0).unwrap();
                if run(&mut event_loop, &mut set, k) {
                    break;
                }
                event_loop.cx().cancel(task).unwrap();
                let entered = set[0].body.entered;
                event_loop.cx().start(0).unwrap();
                // One more poll: it stands where a new one stands after one poll.
                let polls = event_loop.counters().polls + 1;
                let again = run(&mut event_loop, &mut set, polls);
                assert_eq!(set[0].body.entered, entered + 1, "seed {seed}, cancelled after {k}");
                let mut other = open_loop();
                let mut fresh = [Top::new(&plan)];
                other.cx().start(0).unwrap();
                let new = run(&mut other, &mut fresh, 1);
                assert_eq!(again, new);
                assert_eq!(set[0].body.pt.pt(), fresh[0].body.pt.pt(), "seed {seed}, cancelled after {k}");
                assert_eq!(open_handles(&event_loop), open_handles(&other));
            }
        }
    });
}
