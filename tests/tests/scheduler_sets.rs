//! Every way to put a set of tasks together: arrays, the derive, tables of references, and a loop in a `static`.

mod scheduler_world;

use ptk_core::prelude::*;
use ptk_core::{DynTask, DynTasks, Handle, Never, event_loop};
use ptk_mock::Mock;
use scheduler_world::ms;

/// Counts down, once a millisecond, and returns its name.
#[derive(Clone, Hash, Debug)]
struct Countdown {
    pt: PtTimed,
    name: char,
    left: u32,
}

impl Countdown {
    const fn new(name: char, left: u32) -> Countdown {
        Countdown { pt: PtTimed::new(), name, left }
    }
}

/// What the tasks of a set share.
#[derive(Clone, Hash, Debug, Default)]
struct Shared {
    steps: u32,
    told: Vec<Event>,
    timer: Timer,
}

impl<P: Platform> Protothread<P, Shared> for Countdown {
    type Output = Result<char, Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, shared: &mut Shared) -> Result<char, Error> {
        while self.left > 0 {
            self.left -= 1;
            shared.steps += 1;
            wait!(sleep!(ms(1)));
        }
        if self.name == 'x' { Err(Error::Protocol) } else { Ok(self.name) }
    }
}

impl<P: Platform> Protothread<P> for Countdown {
    type Output = ();

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) {
        while self.left > 0 {
            self.left -= 1;
            wait!(sleep!(ms(1)));
        }
    }
}

/// Sets a handler, and goes on for ever.
#[derive(Clone, Hash, Debug)]
struct Host {
    pt: Pt,
}

impl<P: Platform> Protothread<P, Shared> for Host {
    type Output = Result<Never, Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, shared: &mut Shared) -> Result<Never, Error> {
        shared.timer = cx.timer()?;
        cx.set_handler(shared.timer)?;
        cx.start_timer(shared.timer, ms(2))?;
        loop {
            wait!(cx.sleep_until(Instant::MAX));
        }
    }
}

#[derive(Clone, Hash, Debug, TaskSet)]
#[task(event = Self::tell)]
struct App {
    host: Host,
    #[task(done = Self::done)]
    counters: [Countdown; 3],
    #[task(shared)]
    shared: Shared,
    #[task(skip)]
    finished: Vec<(usize, Result<char, Error>)>,
    #[task(done = Self::done)]
    last: Countdown,
}

impl App {
    fn new() -> App {
        App {
            host: Host { pt: Pt::new() },
            counters: [Countdown::new('a', 3), Countdown::new('x', 1), Countdown::new('c', 2)],
            shared: Shared::default(),
            finished: Vec::new(),
            last: Countdown::new('z', 4),
        }
    }

    fn done<P: Platform>(
        &mut self,
        instance: usize,
        output: Result<char, Error>,
        cx: &mut Cx<'_, P>,
    ) -> Result<(), Error> {
        self.finished.push((instance, output));
        if self.finished.len() == 4 {
            cx.stop();
        }
        output.map(|_| ())
    }

    fn tell<P: Platform>(&mut self, _: &mut Cx<'_, P>, handle: Handle, event: Event) -> Result<(), Error> {
        assert_eq!(Some(handle), self.shared.timer.handle());
        self.shared.told.push(event);
        Ok(())
    }
}

fn open<const TASKS: usize>() -> EventLoop<Mock, TASKS, 0, 1, 0> {
    let mut event_loop = EventLoop::new(1, Mock::new());
    event_loop.open().unwrap();
    event_loop
}

#[test]
fn a_derived_set_shares_state_hands_outputs_to_their_receivers_and_tells_events() {
    let (mut event_loop, mut app) = (open::<5>(), App::new());
    event_loop.run(&mut app).unwrap();
    assert_eq!(app.finished, [(1, Err(Error::Protocol)), (2, Ok('c')), (0, Ok('a')), (0, Ok('z'))]);
    assert_eq!(app.shared.steps, 3 + 1 + 2 + 4);
    assert_eq!(app.shared.told, [Event::TimerExpired(1)]);
    assert_eq!((event_loop.counters().failed_tasks, event_loop.tables().tasks.used), (1, 1));
    assert_eq!((App::HOST, App::COUNTERS, App::LAST), (0, 1, 4));
    let mut names = Vec::new();
    event_loop.list_tasks(&app, |report| names.push((report.suspended.task, report.suspended.instance)));
    assert_eq!(names, [("host", 0), ("counters", 0), ("counters", 1), ("counters", 2), ("last", 0)]);
}

#[test]
fn a_task_is_started_again_by_the_number_of_its_field() {
    let (mut event_loop, mut app) = (open::<5>(), App::new());
    event_loop.run(&mut app).unwrap();
    app.counters[2].left = 2;
    event_loop.cx().start(App::COUNTERS + 2).unwrap();
    event_loop.run_until(&mut app, |_, app| app.finished.len() == 5).unwrap();
    assert_eq!(app.finished[4], (2, Ok('c')));
}

#[test]
fn an_array_and_a_table_of_references_run_as_the_same_tasks() {
    let mut array = [Countdown::new('a', 3), Countdown::new('b', 5)];
    let mut event_loop = open::<2>();
    event_loop.run(&mut array).unwrap();
    let (mut a, mut b) = (Countdown::new('a', 3), Countdown::new('b', 5));
    let mut other = open::<2>();
    let tasks: [&mut dyn DynTask<Mock>; 2] = [&mut a, &mut b];
    let mut table = DynTasks(tasks);
    other.run(&mut table).unwrap();
    let mut names = Vec::new();
    other.list_tasks(&table, |report| names.push((report.suspended.method, report.suspended.instance)));
    assert_eq!(names, [("run", 0), ("run", 1)]);
    assert_eq!((array[0].left, a.left, array[1].left, b.left), (0, 0, 0, 0));
    assert_eq!(event_loop.counters(), other.counters());
    assert_eq!(event_loop.cx().now(), other.cx().now());
}

event_loop! {
    /// A loop in a `static`.
    static LOOP: Mock = Mock::new();
    id: 7, tasks: 3, timers: 1
}

#[test]
fn a_loop_in_a_static_is_taken_once_and_runs() {
    let event_loop = LOOP.try_take().expect("nobody has taken it");
    assert!(LOOP.try_take().is_none());
    event_loop.open().unwrap();
    assert_eq!(event_loop.id(), 7);
    event_loop.run(&mut [Countdown::new('a', 3), Countdown::new('b', 1), Countdown::new('c', 0)]).unwrap();
    assert_eq!(event_loop.cx().now(), Instant::ORIGIN + ms(3));
    let tables = event_loop.tables();
    assert_eq!((tables.tasks.capacity, tables.sockets.capacity, tables.timers.capacity), (3, 0, 1));
}
