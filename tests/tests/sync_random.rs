//! Tasks that do at random what primitives offer, and are cancelled, given up and made to panic at random: nothing is
//! lost, nothing is there twice, nobody sleeps before something that he could have, and nobody overtakes.

mod scheduler_world;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use ptk_core::prelude::*;
use ptk_core::sync::{Channel, Mutex, Seen, Semaphore, Signal};
use ptk_core::{TaskState, WaitingFor};
use scheduler_world::{Loop, Random, hash, ms, open_loop};

const ACTORS: usize = 7;

/// What a task panics with that is meant to.
const ON_PURPOSE: &str = "on purpose";

/// What a task wants: the number says of which primitive.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Wish {
    Permit,
    Lock,
    Message,
    Space,
}

/// The primitives, and what must be true of them, told by the tasks as they go.
#[derive(Clone, Hash, Debug)]
struct Shared {
    permits: Semaphore,
    lock: Mutex<Option<usize>>,
    channel: Channel<u32, 2>,
    signal: Signal<u32>,
    /// Whoever waits now, in the order in which they came, if none waits for two things or with a deadline.
    line: Vec<(Wish, usize)>,
    keeps_line: bool,
    sent: u32,
    received: u32,
    log: Vec<(usize, u32)>,
}

impl Shared {
    fn comes(&mut self, wish: Wish, actor: usize) {
        self.line.push((wish, actor));
    }

    /// `actor` has got what it came for: nobody may have been before it.
    fn goes_on(&mut self, wish: Wish, actor: usize) {
        let first = self.line.iter().position(|(wanted, _)| *wanted == wish).unwrap();
        if self.keeps_line {
            assert_eq!(self.line[first], (wish, actor), "overtaken: {:?}", self.line);
        }
        self.leaves(actor);
    }

    fn leaves(&mut self, actor: usize) {
        self.line.retain(|(_, other)| *other != actor);
    }

    fn receive(&mut self, message: u32) {
        assert_eq!(message, self.received, "in order, and each once");
        self.received += 1;
    }
}

/// One task, with what it holds.
#[derive(Clone, Hash, Debug)]
struct Actor {
    pt: PtTimed,
    number: usize,
    random: Random,
    choice: usize,
    permits: u32,
    seen: Seen,
}

impl<P: Platform> Protothread<P, Shared> for Actor {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, shared: &mut Shared) -> Result<(), Error> {
        loop {
            self.choice = self.random.below(if shared.keeps_line { 7 } else { 12 });
            match self.choice {
                0 => {
                    shared.comes(Wish::Permit, self.number);
                    wait!(shared.permits.acquire(cx))?;
                    shared.goes_on(Wish::Permit, self.number);
                    self.permits += 1;
                }
                1 if self.permits > 0 => {
                    self.permits -= 1;
                    shared.permits.release(cx);
                }
                2 => {
                    if shared.lock.is_held(cx) {
                        assert_eq!(shared.lock.get_mut(cx)?.take(), Some(self.number));
                        shared.lock.unlock(cx)?;
                        continue;
                    }
                    shared.comes(Wish::Lock, self.number);
                    wait!(shared.lock.lock(cx))?;
                    shared.goes_on(Wish::Lock, self.number);
                    if !shared.lock.was_abandoned() {
                        assert_eq!(*shared.lock.peek(), None);
                    }
                    *shared.lock.get_mut(cx)? = Some(self.number);
                }
                3 => {
                    shared.comes(Wish::Space, self.number);
                    wait!(shared.channel.send(cx, &shared.sent))?;
                    shared.goes_on(Wish::Space, self.number);
                    shared.sent += 1;
                }
                4 => {
                    shared.comes(Wish::Message, self.number);
                    if let Some(message) = wait!(shared.channel.recv(cx))? {
                        shared.receive(message);
                    }
                    shared.goes_on(Wish::Message, self.number);
                }
                5 => wait!(sleep!(ms(self.random.below(3) as u64))),
                6 => yield_now!(),
                7 => {
                    // Given up or not, it is there or it is not.
                    if wait!(shared.permits.acquire(cx), timeout = ms(self.random.below(4) as u64)).is_ok() {
                        self.permits += 1;
                    }
                }
                8 => match wait!(first!(shared.permits.acquire(cx), shared.channel.recv(cx))) {
                    First::A(taken) => {
                        taken?;
                        self.permits += 1;
                    }
                    First::B(message) => shared.receive(message?.unwrap()),
                },
                9 => match wait!(first!(shared.channel.send(cx, &shared.sent), sleep!(ms(2)))) {
                    First::A(sent) => {
                        sent?;
                        shared.sent += 1;
                    }
                    First::B(()) => {}
                },
                10 => {
                    if let Ok(value) = wait!(shared.signal.changed(cx, &mut self.seen), timeout = ms(3)) {
                        assert_eq!(value?, *shared.signal.get());
                    }
                }
                11 => {
                    let value = shared.signal.get() + 1;
                    shared.signal.set(cx, value);
                    if self.random.once_in(4) {
                        std::panic::panic_any(ON_PURPOSE);
                    }
                }
                _ => {}
            }
            shared.log.push((self.number, self.choice as u32));
        }
    }
}

#[derive(Clone, Hash, Debug, TaskSet)]
struct App {
    actors: [Actor; ACTORS],
    #[task(shared)]
    shared: Shared,
    #[task(skip)]
    permits_outside: u32,
}

const PERMITS: u32 = 2;

fn app(seed: u64, keeps_line: bool) -> App {
    let actor = |number| Actor {
        pt: PtTimed::new(),
        number,
        random: Random(seed << 8 | number as u64),
        choice: 0,
        permits: 0,
        seen: Seen::NOTHING,
    };
    App {
        actors: core::array::from_fn(actor),
        shared: Shared {
            permits: Semaphore::new(PERMITS),
            lock: Mutex::new(None),
            channel: Channel::new(),
            signal: Signal::new(0),
            line: Vec::new(),
            keeps_line,
            sent: 0,
            received: 0,
            log: Vec::new(),
        },
        permits_outside: 0,
    }
}

/// Ends what `actor` does, and starts it again.
fn restart(event_loop: &mut Loop, app: &mut App, actor: usize) {
    app.shared.leaves(actor);
    for _ in 0..std::mem::take(&mut app.actors[actor].permits) {
        app.shared.permits.release(&mut event_loop.cx());
    }
    event_loop.cx().start(actor).unwrap();
}

/// A task that panicked has ended: what it had is given back in its place.
fn turn(event_loop: &mut Loop, app: &mut App) {
    if !panics(event_loop, app) {
        return;
    }
    while panics(event_loop, app) {}
    restart_ended(event_loop, app);
}

fn panics(event_loop: &mut Loop, app: &mut App) -> bool {
    let turned = catch_unwind(AssertUnwindSafe(|| event_loop.turn_now(app)));
    match turned {
        Ok(turned) => assert!(turned.is_ok()),
        Err(panic) if panic.downcast_ref() != Some(&ON_PURPOSE) => resume_unwind(panic),
        Err(_) => return true,
    }
    false
}

fn restart_ended(event_loop: &mut Loop, app: &mut App) {
    let mut ended = Vec::new();
    event_loop.list_tasks(app, |report| {
        if report.state == TaskState::Idle {
            ended.push(report.index);
        }
    });
    for actor in ended {
        restart(event_loop, app, actor);
    }
}

/// From outside of all tasks: as a handler would, or set-up code.
fn meddle(event_loop: &mut Loop, app: &mut App, random: &mut Random) {
    let shared = &mut app.shared;
    match random.below(6) {
        0 => app.permits_outside += u32::from(shared.permits.try_acquire(&mut event_loop.cx()).is_ok()),
        1 if app.permits_outside > 0 => {
            app.permits_outside -= 1;
            shared.permits.release(&mut event_loop.cx());
        }
        2 => {
            if shared.channel.try_send(&mut event_loop.cx(), &shared.sent).is_ok() {
                shared.sent += 1;
            }
        }
        3 => {
            if let Ok(message) = shared.channel.try_recv(&mut event_loop.cx()) {
                shared.receive(message.unwrap());
            }
        }
        _ => event_loop.platform_mut().mock.advance(ms(1)),
    }
}

/// Nobody sleeps before something that is there, unless somebody is on his way to it.
fn check(event_loop: &Loop, app: &App, step: usize) {
    let held: u32 = app.actors.iter().map(|actor| actor.permits).sum();
    let shared = &app.shared;
    assert_eq!(held + app.permits_outside + shared.permits.available(), PERMITS);
    assert_eq!(shared.sent - shared.received, shared.channel.len() as u32);
    let (mut is_quiet, mut waiting) = (true, Vec::new());
    event_loop.list_tasks(app, |report| {
        is_quiet &= report.state != TaskState::Ready;
        waiting.extend(report.waits.iter().flatten().copied());
    });
    if !is_quiet {
        return;
    }
    for wait in waiting {
        let WaitingFor::Shared(wanted, _) = wait else { continue };
        let asleep = match wanted {
            ptk_core::Shared::Permit => shared.permits.available() > 0,
            ptk_core::Shared::Message => !shared.channel.is_empty(),
            ptk_core::Shared::Space => !shared.channel.is_full(),
            ptk_core::Shared::Lock | ptk_core::Shared::Change => false,
        };
        assert!(!asleep, "step {step}: {wait} is there");
    }
}

/// Whether the lock is free while tasks wait for it and none is on its way.
fn check_lock(event_loop: &mut Loop, app: &App) {
    let (mut is_quiet, mut is_wanted) = (true, false);
    event_loop.list_tasks(app, |report| {
        is_quiet &= report.state != TaskState::Ready;
        is_wanted |=
            report.waits.iter().flatten().any(|wait| matches!(wait, WaitingFor::Shared(ptk_core::Shared::Lock, _)));
    });
    assert!(!(is_quiet && is_wanted) || app.shared.lock.is_locked(&event_loop.cx()));
}

/// A run of `steps` steps; how often the tasks got something done.
fn run(event_loop: &mut Loop, app: &mut App, random: &mut Random, steps: usize) -> usize {
    for step in 0..steps {
        match random.below(12) {
            0 => {
                let actor = random.below(ACTORS);
                let task = task(event_loop, app, actor);
                event_loop.cx().cancel(task).unwrap();
                restart(event_loop, app, actor);
            }
            1..=3 => meddle(event_loop, app, random),
            _ => turn(event_loop, app),
        }
        check(event_loop, app, step);
        check_lock(event_loop, app);
    }
    app.shared.log.len()
}

fn task(event_loop: &Loop, app: &App, actor: usize) -> Task {
    let mut task = Task::NONE;
    event_loop.list_tasks(app, |report| {
        if report.index == actor {
            task = report.task;
        }
    });
    task
}

fn worlds(keeps_line: bool) {
    std::panic::set_hook(Box::new(|info| {
        if info.payload().downcast_ref() != Some(&ON_PURPOSE) {
            eprintln!("{info}");
        }
    }));
    let mut done = 0;
    for seed in 0..150 {
        let (mut event_loop, mut app) = (open_loop(), app(seed, keeps_line));
        let mut random = Random(seed);
        turn(&mut event_loop, &mut app);
        run(&mut event_loop, &mut app, &mut random, 150);
        // A copy of the world goes on as the world does.
        let (mut other_loop, mut other_app, mut other_random) = (event_loop.clone(), app.clone(), random.clone());
        done += run(&mut event_loop, &mut app, &mut random, 150);
        run(&mut other_loop, &mut other_app, &mut other_random, 150);
        assert_eq!((hash(&event_loop), hash(&app)), (hash(&other_loop), hash(&other_app)), "seed {seed}");
    }
    assert!(done > 10_000, "they did something: {done}");
}

#[test]
fn whatever_tasks_do_nothing_is_lost_and_nobody_overtakes() {
    worlds(true);
}

#[test]
fn waits_that_are_given_up_lose_nothing() {
    worlds(false);
}
