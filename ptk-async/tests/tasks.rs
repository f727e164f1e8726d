//! Futures as tasks, on the mock: starting, ending, panics, and who wakes them.

mod harness;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use embassy_futures::join::join;
use embassy_sync::blocking_mutex::raw::{CriticalSectionRawMutex, NoopRawMutex};
use embassy_sync::channel::Channel;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use harness::{LATER, Loop, is_refused, listen, new_loop, play, sockets};
use ptk_async::{AsyncTask, Bridge, TaskWaker, each_pin_mut};
use ptk_core::prelude::*;
use ptk_core::{DynTasks, WAIT_NODES};
use ptk_mock::Mock;

/// A port for the mock's loop, whose own is inside it: what is raised waits here until the test hands it on.
struct Outbox(Mutex<VecDeque<(EventSource, u32)>>);

impl Outbox {
    const fn new() -> Self {
        Outbox(Mutex::new(VecDeque::new()))
    }

    fn raise(&self, source: EventSource, value: u32) -> Result<(), Error> {
        self.0.lock().unwrap().push_back((source, value));
        Ok(())
    }

    /// Runs a loop, and hands on between its turns what was raised.
    fn run<S: TaskSet<Mock>>(&self, event_loop: &mut Loop, set: &mut S) {
        event_loop.turn_now(set).unwrap();
        loop {
            while let Some((source, value)) = self.0.lock().unwrap().pop_front() {
                let _ = event_loop.cx().raise(source, value);
            }
            if !event_loop.turn(set).unwrap() {
                return;
            }
        }
    }
}

fn failures(event_loop: &Loop) -> (u64, Option<Error>) {
    (event_loop.counters().failed_tasks, event_loop.last_error())
}

/// A protothread beside futures in a derived set.
struct Ticker {
    pt: PtTimed,
    ticks: u32,
}

impl<P: Platform> Protothread<P> for Ticker {
    type Output = ();

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) {
        while self.ticks < 3 {
            self.ticks += 1;
            wait!(sleep!(Duration::from_millis(1)));
        }
    }
}

type Sleepy<'f> = AsyncTask<'f, Mock, dyn Future<Output = Result<(), Error>> + 'f>;

#[derive(TaskSet)]
#[task(platform = Mock)]
struct App<'f, F: Future<Output = u32>> {
    ticker: Ticker,
    named: Sleepy<'f>,
    #[task(done = Self::done)]
    anonymous: [AsyncTask<'f, Mock, F>; 2],
    #[task(skip)]
    sum: u32,
}

impl<F: Future<Output = u32>> App<'_, F> {
    fn done(&mut self, _: usize, output: Result<u32, Error>, _: &mut Cx<'_, Mock>) -> Result<(), Error> {
        self.sum += output?;
        Ok(())
    }
}

#[test]
fn futures_and_protothreads_are_fields_of_one_set() {
    let (mut event_loop, bridge) = (new_loop(), Bridge::new());
    let number = async |number| {
        bridge.sleep(LATER).await.unwrap();
        number
    };
    let numbers = pin!([number(40), number(2)]);
    let named = pin!(async {
        bridge.sleep(LATER).await?;
        Err(Error::Protocol)
    });
    let mut app = App {
        ticker: Ticker { pt: PtTimed::new(), ticks: 0 },
        named: AsyncTask::new(&bridge, named),
        anonymous: each_pin_mut(numbers).map(|future| AsyncTask::new(&bridge, future)),
        sum: 0,
    };
    event_loop.run(&mut app).unwrap();
    assert_eq!((app.ticker.ticks, app.sum), (3, 42));
    assert_eq!(failures(&event_loop), (1, Some(Error::Protocol)), "what the future returned is the task's");
}

#[test]
fn a_future_is_a_task_behind_a_reference() {
    let (mut event_loop, bridge) = (new_loop(), Bridge::new());
    let slept = Cell::new(0);
    let sleep = async |millis| {
        bridge.sleep(Duration::from_millis(millis)).await.unwrap();
        slept.set(slept.get() + millis);
    };
    let (one, two) = (pin!(sleep(1)), pin!(sleep(2)));
    let (mut one, mut two) = (AsyncTask::new(&bridge, one), AsyncTask::new(&bridge, two));
    event_loop.run(&mut DynTasks([&mut one, &mut two])).unwrap();
    assert_eq!(slept.get(), 3);
}

/// Awaits a future, in time.
struct Parent<'f, F> {
    pt: PtTimed,
    child: AsyncTask<'f, Mock, F>,
    results: Vec<Option<Error>>,
}

impl<F: Future<Output = ()>> Protothread<Mock> for Parent<'_, F> {
    type Output = ();

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, Mock>, _: &mut ()) {
        let result = wait!(self.child.run(cx, &mut ()), timeout = Duration::from_millis(5));
        self.results.push(result.err().map(Error::from));
        let result = wait!(self.child.run(cx, &mut ()));
        self.results.push(result.err());
    }
}

#[test]
fn a_protothread_gives_a_future_up_and_cannot_start_it_again() {
    let (mut event_loop, bridge) = (new_loop(), Bridge::<Mock>::new());
    let (_, server) = listen(&mut event_loop);
    let future = pin!(async {
        let _connection = bridge.connect(server).await.unwrap();
        bridge.sleep(LATER).await.unwrap();
    });
    let child = AsyncTask::new(&bridge, future);
    let mut parents = [Parent { pt: PtTimed::new(), child, results: Vec::new() }];
    event_loop.turn_now(&mut parents).unwrap();
    assert_eq!(sockets(&event_loop), 2);
    event_loop.run(&mut parents).unwrap();
    assert_eq!(parents[0].results, [Some(Error::TimedOut), Some(Error::NotSupported)]);
    assert_eq!(sockets(&event_loop), 1, "what it opened is closed");
}

#[test]
fn a_cancelled_task_closes_what_its_future_opened_and_cannot_start_again() {
    let (mut event_loop, bridge) = (new_loop(), Bridge::<Mock>::new());
    let (_, server) = listen(&mut event_loop);
    {
        let future = pin!(async {
            let _connection = bridge.connect(server).await.unwrap();
            core::future::pending::<()>().await;
        });
        let mut tasks = [AsyncTask::new(&bridge, future)];
        let task = event_loop.cx().start(0).unwrap();
        for _ in 0..3 {
            event_loop.turn_now(&mut tasks).unwrap();
        }
        assert_eq!(sockets(&event_loop), 2);
        event_loop.cx().cancel(task).unwrap();
        assert_eq!(sockets(&event_loop), 1);
        event_loop.cx().start(0).unwrap();
        event_loop.run(&mut tasks).unwrap();
        assert_eq!(failures(&event_loop), (1, Some(Error::NotSupported)));
    }
    // The future was dropped just now, with a connection that is closed already.
    assert_eq!(sockets(&event_loop), 1);
}

fn sockets_of(bridge: &Bridge<Mock>) -> usize {
    bridge.with(|cx| cx.platform().open_sockets()).unwrap()
}

#[test]
fn a_panic_ends_its_task_alone() {
    let (mut event_loop, bridge) = (new_loop(), Bridge::<Mock>::new());
    let (_, server) = listen(&mut event_loop);
    let bad = pin!(async {
        let _kept = std::mem::ManuallyDrop::new(bridge.connect(server).await.unwrap());
        assert!(sockets_of(&bridge) == 0, "on purpose");
    });
    let ended = Cell::new(false);
    let good = pin!(async {
        bridge.sleep(LATER).await.unwrap();
        ended.set(true);
    });
    let mut tasks = [bad as harness::Act<'_>, good].map(|future| AsyncTask::new(&bridge, future));
    let panicked = catch_unwind(AssertUnwindSafe(|| event_loop.run(&mut tasks)));
    assert!(panicked.is_err());
    assert!(is_refused(bridge.with(|_| ())), "nothing is lent any more");
    event_loop.run(&mut tasks).unwrap();
    assert!(ended.get());
    assert_eq!((event_loop.counters().failed_tasks, sockets(&event_loop)), (1, 1));
}

#[test]
fn a_panic_inside_an_operation_gives_the_context_back() {
    let (mut event_loop, bridge) = (new_loop(), Bridge::<Mock>::new());
    let future = pin!(async {
        let panicked = catch_unwind(AssertUnwindSafe(|| bridge.with(|_| panic!("on purpose"))));
        assert!(panicked.is_err());
        assert_eq!(bridge.with(|_| ()), Ok(()));
    });
    play(&mut event_loop, &bridge, [future]);
}

#[test]
fn a_connection_outlives_the_task_that_passed_it_on() {
    let (mut event_loop, bridge) = (new_loop(), Bridge::<Mock>::new());
    let (_, server) = listen(&mut event_loop);
    let (kept, lost) = (RefCell::new(None), RefCell::new(None));
    let giver = pin!(async {
        let (one, two) = (bridge.connect(server).await.unwrap(), bridge.connect(server).await.unwrap());
        kept.replace(Some(one));
        lost.replace(Some(two));
        bridge.sleep(LATER).await.unwrap();
    });
    let taker = pin!(async {
        bridge.sleep(Duration::from_millis(1)).await.unwrap();
        let (kept, lost) = (kept.take().unwrap(), lost.take().unwrap());
        kept.adopt().unwrap();
        bridge.sleep(LATER + LATER).await.unwrap();
        assert_eq!(kept.peer_address(), Ok(server));
        assert_eq!(lost.peer_address(), Err(Error::InvalidHandle), "it went with its task");
    });
    play(&mut event_loop, &bridge, [giver, taker]);
}

#[test]
fn a_future_that_wakes_itself_goes_on_in_the_next_turn() {
    let (mut event_loop, bridge) = (new_loop(), Bridge::new());
    let order = RefCell::new(Vec::new());
    let act = async |name| {
        for _ in 0..2 {
            order.borrow_mut().push(name);
            embassy_futures::yield_now().await;
        }
    };
    let (one, two) = (pin!(act(1)), pin!(act(2)));
    let mut tasks = [one as harness::Act<'_>, two].map(|future| AsyncTask::new(&bridge, future));
    event_loop.run(&mut tasks).unwrap();
    assert_eq!(*order.borrow(), [1, 2, 1, 2]);
    assert_eq!(event_loop.counters().failed_tasks, 0);
}

#[test]
fn a_task_that_nobody_can_wake_fails_if_somebody_would_have_to() {
    let (mut event_loop, bridge) = (new_loop(), Bridge::<Mock>::new());
    let channel = Channel::<NoopRawMutex, u32, 1>::new();
    let receiver = pin!(async {
        channel.receive().await;
    });
    let mut tasks = [AsyncTask::new(&bridge, receiver)];
    event_loop.run(&mut tasks).unwrap();
    assert_eq!(failures(&event_loop), (1, Some(Error::NotSupported)));
    channel.try_send(1).unwrap();
}

#[test]
fn a_waker_that_outlives_its_poll_does_nothing() {
    let (mut event_loop, bridge) = (new_loop(), Bridge::<Mock>::new());
    let kept = Cell::new(None);
    let future = pin!(core::future::poll_fn(|context: &mut Context<'_>| {
        let waker = context.waker().clone();
        waker.wake_by_ref();
        kept.set(Some(waker.clone()));
        Poll::Ready(())
    }));
    let mut tasks = [AsyncTask::new(&bridge, future)];
    event_loop.run(&mut tasks).unwrap();
    assert_eq!(failures(&event_loop), (0, None));
    kept.take().unwrap().wake();
}

#[test]
fn another_task_of_the_loop_wakes_a_future() {
    static OUTBOX: Outbox = Outbox::new();
    static WAKER: TaskWaker = TaskWaker::new(|source, value| OUTBOX.raise(source, value));
    let (mut event_loop, bridge) = (new_loop(), Bridge::<Mock>::new());
    let channel = Channel::<NoopRawMutex, u32, 1>::new();
    let sum = Cell::new(0);
    let receiver = pin!(async {
        for _ in 0..3 {
            sum.set(sum.get() + channel.receive().await);
        }
    });
    let sender = pin!(async {
        for number in 1..=3 {
            bridge.sleep(LATER).await.unwrap();
            channel.try_send(number).unwrap();
        }
    });
    let mut receiver = AsyncTask::with_waker(&bridge, &WAKER, receiver);
    let mut sender = AsyncTask::new(&bridge, sender);
    OUTBOX.run(&mut event_loop, &mut DynTasks([&mut receiver, &mut sender]));
    assert_eq!((sum.get(), failures(&event_loop)), (6, (0, None)));
    assert_eq!(event_loop.tables().events.used, 0, "the source went with the task");
    assert!(event_loop.counters().polls < 20, "{:?}", event_loop.counters());
}

#[test]
fn a_waker_takes_a_wait_node_once_somebody_keeps_it() {
    static OUTBOX: Outbox = Outbox::new();
    static WAKER: TaskWaker = TaskWaker::new(|source, value| OUTBOX.raise(source, value));
    let (mut event_loop, bridge) = (new_loop(), Bridge::<Mock>::new());
    let channel = Channel::<NoopRawMutex, u32, 1>::new();
    let results = RefCell::new(Vec::new());
    let waiter = pin!(async {
        let mut timers = Vec::new();
        for _ in 0..WAIT_NODES {
            timers.push(bridge.with(|cx| cx.timer()).unwrap().unwrap());
        }
        let expired = |timer: Timer| {
            let (bridge, results) = (&bridge, &results);
            async move {
                let expired = bridge.wait(|cx| cx.expired(timer)).await;
                results.borrow_mut().push(expired);
            }
        };
        for &timer in &timers {
            bridge.with(|cx| cx.start_timer(timer, LATER)).unwrap().unwrap();
        }
        let all = embassy_futures::join::join_array::<_, WAIT_NODES>(core::array::from_fn(|i| expired(timers[i])));
        assert_eq!(join(channel.receive(), all).await.0, 1);
    });
    let sender = pin!(async {
        bridge.sleep(LATER + LATER).await.unwrap();
        channel.try_send(1).unwrap();
    });
    let mut waiter = AsyncTask::with_waker(&bridge, &WAKER, waiter);
    let mut sender = AsyncTask::new(&bridge, sender);
    OUTBOX.run(&mut event_loop, &mut DynTasks([&mut waiter, &mut sender]));
    results.borrow_mut().sort_by_key(|result| result.is_ok());
    assert_eq!(results.borrow()[0], Err(Error::TooManyWaits));
    assert_eq!(results.borrow()[1..], [Ok(1); WAIT_NODES - 1]);
    assert_eq!(event_loop.counters().failed_tasks, 0);
}

#[test]
fn one_waker_serves_one_task() {
    static OUTBOX: Outbox = Outbox::new();
    static WAKER: TaskWaker = TaskWaker::new(|source, value| OUTBOX.raise(source, value));
    let (mut event_loop, bridge) = (new_loop(), Bridge::<Mock>::new());
    let sleep = || bridge.sleep(LATER);
    let (one, two) = (pin!(sleep()), pin!(sleep()));
    let mut tasks = [one, two].map(|future| AsyncTask::with_waker(&bridge, &WAKER, future));
    OUTBOX.run(&mut event_loop, &mut tasks);
    assert_eq!(failures(&event_loop), (1, Some(Error::Busy)));
    // The first has ended, so a third can have it.
    let three = pin!(sleep());
    let mut tasks = [AsyncTask::with_waker(&bridge, &WAKER, three)];
    event_loop.cx().start(0).unwrap();
    OUTBOX.run(&mut event_loop, &mut tasks);
    assert_eq!(event_loop.counters().failed_tasks, 1);
}

#[test]
fn wakes_of_a_task_that_has_ended_do_nothing() {
    static OUTBOX: Outbox = Outbox::new();
    static WAKER: TaskWaker = TaskWaker::new(|source, value| OUTBOX.raise(source, value));
    let (mut event_loop, bridge) = (new_loop(), Bridge::<Mock>::new());
    let kept = Cell::new(None::<Waker>);
    let future = pin!(core::future::poll_fn(|context: &mut Context<'_>| {
        kept.set(Some(context.waker().clone()));
        Poll::Ready(())
    }));
    let mut tasks = [AsyncTask::with_waker(&bridge, &WAKER, future)];
    OUTBOX.run(&mut event_loop, &mut tasks);
    let waker = kept.take().unwrap();
    waker.wake_by_ref();
    waker.wake();
    assert!(OUTBOX.0.lock().unwrap().is_empty());
}

#[test]
fn many_wakes_between_two_resumes_raise_once() {
    static OUTBOX: Outbox = Outbox::new();
    static WAKER: TaskWaker = TaskWaker::new(|source, value| OUTBOX.raise(source, value));
    let (mut event_loop, bridge) = (new_loop(), Bridge::<Mock>::new());
    let (kept, polls) = (RefCell::new(None::<Waker>), Cell::new(0));
    let future = pin!(core::future::poll_fn(|context: &mut Context<'_>| {
        polls.set(polls.get() + 1);
        kept.replace(Some(context.waker().clone()));
        if polls.get() < 3 { Poll::Pending } else { Poll::Ready(()) }
    }));
    let mut tasks = [AsyncTask::with_waker(&bridge, &WAKER, future)];
    for poll in 1..=2 {
        event_loop.turn_now(&mut tasks).unwrap();
        event_loop.turn_now(&mut tasks).unwrap();
        assert_eq!(polls.get(), poll, "it waits");
        (0..1000).for_each(|_| kept.borrow().as_ref().unwrap().wake_by_ref());
        let raised: Vec<_> = OUTBOX.0.lock().unwrap().drain(..).collect();
        assert_eq!(raised.len(), 1);
        event_loop.cx().raise(raised[0].0, 0).unwrap();
    }
    event_loop.run(&mut tasks).unwrap();
    assert_eq!(polls.get(), 3);
}

#[test]
fn who_polls_with_a_waker_of_its_own_is_refused() {
    let (mut event_loop, bridge) = (new_loop(), Bridge::<Mock>::new());
    let future = pin!(async {
        let mut all: FuturesUnordered<_> = (0..2).map(|_| bridge.sleep(LATER)).map(Box::pin).collect();
        let poll = core::future::poll_fn(|_| {
            let mut context = Context::from_waker(Waker::noop());
            all.poll_next_unpin(&mut context)
        });
        assert_eq!(poll.await, Some(Err(Error::NotSupported)));
        assert_eq!(embassy_futures::block_on(bridge.sleep(LATER)), Err(Error::NotSupported), "no deadlock");
    });
    play(&mut event_loop, &bridge, [future]);
}

#[test]
fn wakes_may_come_in_any_number_at_any_place() {
    static OUTBOX: Outbox = Outbox::new();
    static WAKER: TaskWaker = TaskWaker::new(|source, value| OUTBOX.raise(source, value));
    // Between a turn's steps a wake is the same as one before or after it: so all are tried by taking turns.
    let (mut event_loop, bridge) = (new_loop(), Bridge::<Mock>::new());
    let channel = Channel::<CriticalSectionRawMutex, u32, 4>::new();
    let sum = Cell::new(0);
    let receiver: Pin<&mut dyn Future<Output = ()>> = pin!(async {
        for _ in 0..100 {
            sum.set(sum.get() + channel.receive().await);
        }
    });
    let mut tasks = [AsyncTask::with_waker(&bridge, &WAKER, receiver)];
    let mut sent = 0;
    for step in 0.. {
        if sent < 100 && (step % 3 != 1) && channel.try_send(1).is_ok() {
            sent += 1;
        }
        if step % 5 != 2 {
            while let Some((source, value)) = OUTBOX.0.lock().unwrap().pop_front() {
                let _ = event_loop.cx().raise(source, value);
            }
        }
        if !event_loop.turn_now(&mut tasks).unwrap() {
            break;
        }
        assert!(step < 1000, "a wake was lost");
    }
    assert_eq!(sum.get(), 100);
}

#[test]
fn a_task_and_a_bridge_are_small() {
    assert!(size_of::<AsyncTask<'_, Mock, dyn Future<Output = ()>>>() <= 48);
    assert_eq!(size_of::<Bridge<Mock>>(), 16);
    assert!(size_of::<TaskWaker>() <= 16);
}
