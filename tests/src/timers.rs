//! Behaviours 43 to 50, and 59: time.

use core::cell::{Cell, RefCell};
use core::task::Poll;

use ptk_core::Handle;
use ptk_core::prelude::*;

use crate::actors::{Echo, Pause, Receiver, Sender};
use crate::backend::Backend;
use crate::stage::{SILENCE, Stage};

/// A small generator of numbers that look random and are the same each time.
#[derive(Clone, Copy)]
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        // Marsaglia, "Xorshift RNGs", 2003.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A duration below `limit`, in nanoseconds; every fourth is shorter than a microsecond.
    fn duration(&mut self, limit: Duration) -> Duration {
        let limit = if self.roll().is_multiple_of(4) { 1000 } else { limit.as_nanos() };
        Duration::from_nanos(self.roll() % limit)
    }
}

/// Waits in all ways there are, for random times, and sees that none is too short.
struct Clockwatcher {
    pt: PtTimed,
    inner: Pt,
    source: EventSource,
    dice: Dice,
    rounds: u32,
    timer: Timer,
    never: Timer,
    start: Instant,
    time: Duration,
}

impl Clockwatcher {
    /// Never ends, however often it is resumed.
    #[protothread(self.inner)]
    fn restless<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<(), Error> {
        loop {
            wait!(cx.raised(self.source))?;
        }
    }

    fn begin<P: Platform>(&mut self, cx: &mut Cx<'_, P>) {
        self.time = self.dice.duration(Duration::from_micros(1500));
        self.start = cx.now();
    }

    fn end<P: Platform>(&mut self, cx: &mut Cx<'_, P>, what: &str) {
        let now = cx.now();
        assert!(now >= self.start + self.time, "{what} of {:?} lasted {:?}", self.time, now - self.start);
    }
}

impl<P: Platform> Protothread<P> for Clockwatcher {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        self.timer = cx.timer()?;
        self.never = cx.timer()?;
        while self.rounds > 0 {
            self.rounds -= 1;
            self.begin(cx);
            wait!(sleep!(self.time));
            self.end(cx, "a sleep");
            self.begin(cx);
            wait!(cx.sleep_until(self.start + self.time));
            self.end(cx, "a sleep until");
            self.begin(cx);
            let outcome = wait!(cx.expired(self.never), timeout = self.time);
            assert_eq!(outcome, Err(TimedOut));
            self.end(cx, "a timeout");
            self.begin(cx);
            let outcome = wait!(self.restless(cx), timeout = self.time);
            assert_eq!(outcome, Err(TimedOut));
            self.end(cx, "a disturbed timeout");
            self.begin(cx);
            let outcome = wait!(first!(sleep!(self.time), self.restless(cx)));
            assert_eq!(outcome, First::A(()));
            self.end(cx, "a disturbed sleep");
            self.begin(cx);
            cx.start_timer(self.timer, self.time)?;
            wait!(cx.expired(self.timer))?;
            self.end(cx, "a timer");
        }
        Ok(())
    }
}

/// 43. Never early.
pub(crate) fn a_timer_is_never_early<B: Backend>() {
    let mut stage = Stage::<B>::new();
    // They are resumed again and again, also right before their time is up.
    let sources = [(); 4].map(|()| stage.cx().event_source().expect("a source is left"));
    let watcher = |index: usize, seed| Clockwatcher {
        pt: PtTimed::new(),
        inner: Pt::new(),
        source: sources[index],
        dice: Dice(seed),
        rounds: 60,
        timer: Timer::NONE,
        never: Timer::NONE,
        start: Instant::ORIGIN,
        time: Duration::ZERO,
    };
    let mut watchers = [watcher(0, 0x9e37_79b9), watcher(1, 12_345), watcher(2, 0xdead_beef), watcher(3, 42)];
    let [a, b, c, d] = &mut watchers;
    let disturbance = stage.cx().timer().expect("a timer is left");
    stage.cx().set_handler(disturbance).expect("nobody waits");
    stage.cx().start_repeating(disturbance, Duration::from_micros(100)).expect("it is open");
    stage.play_with(&mut [a, b, c, d], |cx, _, _| sources.iter().try_for_each(|source| cx.raise(*source, 0)));
    stage.cx().close(disturbance).expect("it is open");
    // Handlers, each with its own timer, started again at once.
    let mut timers = Vec::new();
    for _ in 0..6 {
        let mut cx = stage.cx();
        let timer = cx.timer().expect("a timer is left");
        cx.set_handler(timer).expect("nobody waits");
        let due = cx.now();
        cx.start_timer(timer, Duration::ZERO).expect("it is open");
        timers.push((timer, due));
    }
    let (mut dice, mut left) = (Dice(77), 1500);
    stage.handle(|cx, handle, event| {
        let now = cx.now();
        let expired = timers.iter_mut().find(|(timer, _)| timer.handle() == Some(handle)).expect("it is one of ours");
        assert_eq!(event, Event::TimerExpired(1));
        assert!(now >= expired.1, "{:?} early", expired.1 - now);
        let time = dice.duration(Duration::from_millis(2));
        expired.1 = cx.now() + time;
        left -= 1;
        if left == 0 {
            cx.stop();
        }
        cx.start_timer(expired.0, time)
    });
}

/// Sleeps until an instant and writes its number down.
struct Until<'a> {
    pt: Pt,
    at: Instant,
    number: usize,
    order: &'a RefCell<Vec<usize>>,
}

impl<P: Platform> Protothread<P> for Until<'_> {
    type Output = ();

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) {
        wait!(cx.sleep_until(self.at));
        self.order.borrow_mut().push(self.number);
    }
}

/// Waits for something that never comes with a timeout, is disturbed meanwhile, and writes its number down.
struct Disturbed<'a> {
    pt: PtTimed,
    inner: Pt,
    number: usize,
    source: EventSource,
    time: Duration,
    order: &'a RefCell<Vec<usize>>,
}

impl Disturbed<'_> {
    #[protothread(self.inner)]
    fn restless<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<(), Error> {
        loop {
            wait!(cx.raised(self.source))?;
        }
    }
}

impl<P: Platform> Protothread<P> for Disturbed<'_> {
    type Output = ();

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) {
        let outcome = wait!(self.restless(cx), timeout = self.time);
        assert_eq!(outcome, Err(TimedOut));
        self.order.borrow_mut().push(self.number);
    }
}

/// Raises a source a few times.
struct Disturber {
    pt: Pt,
    source: EventSource,
    times: u32,
}

impl<P: Platform> Protothread<P> for Disturber {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        while self.times > 0 {
            self.times -= 1;
            cx.raise(self.source, 0)?;
            yield_now!();
        }
        Ok(())
    }
}

/// 44. Equal deadlines fire in the order started.
pub(crate) fn equal_deadlines_fire_in_the_order_started<B: Backend>() {
    const SHUFFLED: [usize; 12] = [5, 2, 9, 0, 11, 7, 1, 10, 3, 8, 6, 4];
    let mut stage = Stage::<B>::new();
    // Timers with handlers: started within an instant on a virtual clock, in this order on every clock.
    let timers: Vec<Timer> = SHUFFLED.iter().map(|_| stage.cx().timer().expect("a timer is left")).collect();
    for timer in &timers {
        stage.cx().set_handler(*timer).expect("nobody waits");
    }
    for time in [Duration::from_millis(3), Duration::ZERO, Duration::from_nanos(1)] {
        for index in SHUFFLED {
            stage.cx().start_timer(timers[index], time).expect("it is open");
        }
        // One that is started again goes to the end.
        stage.cx().start_timer(timers[SHUFFLED[0]], time).expect("it is open");
        let mut expected: Vec<usize> = SHUFFLED[1..].to_vec();
        expected.push(SHUFFLED[0]);
        let heard = stage.hear_until(|heard| heard.len() == SHUFFLED.len());
        let index = |told: &(Handle, Event)| timers.iter().position(|timer| timer.handle() == Some(told.0));
        let order: Vec<usize> = heard.iter().filter_map(index).collect();
        assert_eq!(order, expected, "after {time:?}");
    }
    // Protothreads that wait for the very same instant.
    let order = RefCell::new(Vec::new());
    let at = stage.now() + Duration::from_millis(3);
    let mut sleepers: Vec<Until<'_>> =
        SHUFFLED.iter().map(|number| Until { pt: Pt::new(), at, number: *number, order: &order }).collect();
    let mut cast: Vec<&mut dyn ptk_core::DynTask<B::Platform>> = Vec::new();
    for sleeper in &mut sleepers {
        cast.push(sleeper);
    }
    stage.play(&mut cast);
    assert_eq!(*order.borrow(), SHUFFLED);
    // A timed wait keeps its place, however often it is disturbed.
    order.borrow_mut().clear();
    let source = stage.cx().event_source().expect("a source is left");
    let quiet = stage.cx().event_source().expect("a source is left");
    let time = Duration::from_millis(4);
    let waiter =
        |number, source| Disturbed { pt: PtTimed::new(), inner: Pt::new(), number, source, time, order: &order };
    let (mut first, mut second, mut third) = (waiter(0, source), waiter(1, quiet), waiter(2, quiet));
    let mut disturber = Disturber { pt: Pt::new(), source, times: 10 };
    stage.play(&mut [&mut first, &mut second, &mut third, &mut disturber]);
    assert_eq!(*order.borrow(), [0, 1, 2]);
}

/// Sleeps for no time, again and again.
struct Restless {
    pt: PtTimed,
    times: u32,
}

impl<P: Platform> Protothread<P> for Restless {
    type Output = ();

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) {
        while self.times > 0 {
            wait!(sleep!(Duration::ZERO));
            self.times -= 1;
        }
    }
}

/// Starts a timer at zero and looks at once.
struct Looker {
    pt: Pt,
    timer: Timer,
    at_once: Option<bool>,
}

impl<P: Platform> Protothread<P> for Looker {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        self.timer = cx.timer()?;
        cx.start_timer(self.timer, Duration::ZERO)?;
        self.at_once = Some(cx.expired(self.timer).is_ready());
        let count = wait!(cx.expired(self.timer))?;
        assert_eq!(count, 1);
        Ok(())
    }
}

/// 45. A zero timeout fires in the next turn, not recursively.
pub(crate) fn a_zero_timeout_fires_in_the_next_turn<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let timer = stage.cx().timer().expect("a timer is left");
    stage.cx().set_handler(timer).expect("nobody waits");
    stage.cx().start_timer(timer, Duration::ZERO).expect("it is open");
    // It starts itself again, so each turn that does not wait has one expiry.
    for turn in 0..50 {
        let mut heard = 0;
        let mut inside = false;
        stage.turn_now(|cx, _, event| {
            assert!(!core::mem::replace(&mut inside, true), "a handler was called inside itself");
            assert_eq!(event, Event::TimerExpired(1));
            heard += 1;
            cx.start_timer(timer, Duration::ZERO)?;
            inside = false;
            Ok(())
        });
        assert_eq!(heard, 1, "in turn {turn}");
    }
    stage.cx().stop_timer(timer).expect("it is open");
    // So does each sleep of a protothread.
    let mut restless = Restless { pt: PtTimed::new(), times: 50 };
    let before = stage.turns();
    stage.play(&mut [&mut restless]);
    let turns = stage.turns() - before;
    assert!((50..55).contains(&turns), "{turns} turns for 50 sleeps");
    let mut looker = Looker { pt: Pt::new(), timer: Timer::NONE, at_once: None };
    stage.play(&mut [&mut looker]);
    assert_eq!(looker.at_once, Some(false));
}

/// 46. A timer that restarts itself at zero does not starve I/O.
pub(crate) fn a_timer_restarted_at_zero_does_not_starve_sockets<B: Backend>() {
    const TOTAL: u64 = 500_000;
    let mut stage = Stage::<B>::new();
    for by_handler in [false, true] {
        let (near, far) = stage.pair();
        let (mut sender, mut receiver) = (Sender::new(near, 9, TOTAL), Receiver::to_the_end(near, 9));
        let mut echo = EchoToEnd { pt: Pt::new(), echo: Echo::on(far), socket: far };
        let mut restless = Restless { pt: PtTimed::new(), times: u32::MAX };
        let mut ender = Ender { pt: PtTimed::new(), sender: &mut sender, receiver: &mut receiver, socket: near };
        let timer = stage.cx().timer().expect("a timer is left");
        stage.cx().set_handler(timer).expect("nobody waits");
        if by_handler {
            stage.cx().start_timer(timer, Duration::ZERO).expect("it is open");
        }
        let (before, mut fired) = (stage.turns(), 0);
        let mut pause = Pause::of(Duration::ZERO);
        let mut cast: [&mut dyn ptk_core::DynTask<B::Platform>; 3] = [&mut pause, &mut echo, &mut ender];
        if !by_handler {
            cast[0] = &mut restless;
        }
        stage.play_with(&mut cast, |cx, _, _| {
            fired += 1;
            cx.start_timer(timer, Duration::ZERO)
        });
        assert_eq!((receiver.received, receiver.ended), (TOTAL, true));
        let turns = stage.turns() - before;
        assert!(turns < 50_000, "{turns} turns for {TOTAL} bytes");
        assert_eq!(fired > 2, by_handler, "the timer fired {fired} times");
        stage.cx().close(timer).expect("it is open");
    }
}

/// An echo that ends its side too.
struct EchoToEnd {
    pt: Pt,
    echo: Echo,
    socket: TcpSocket,
}

impl<P: Platform> Protothread<P> for EchoToEnd {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, shared: &mut ()) -> Result<(), Error> {
        wait!(self.echo.run(cx, shared))?;
        cx.shutdown(self.socket, Half::Write)
    }
}

/// Sends and receives until all is back, then stops the loop.
struct Ender<'a> {
    pt: PtTimed,
    sender: &'a mut Sender,
    receiver: &'a mut Receiver,
    socket: TcpSocket,
}

impl<P: Platform> Protothread<P> for Ender<'_> {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, shared: &mut ()) -> Result<(), Error> {
        match wait!(first!(self.sender.run(cx, shared), self.receiver.run(cx, shared))) {
            First::A(sent) => sent?,
            First::B(received) => panic!("all came back before it was sent: {received:?}"),
        }
        cx.shutdown(self.socket, Half::Write)?;
        // What came meanwhile was counted: it goes on behind it.
        wait!(self.receiver.run(cx, shared))?;
        cx.stop();
        Ok(())
    }
}

/// Waits for a timer, but not for long.
struct Expectant {
    pt: PtTimed,
    timer: Timer,
    limit: Duration,
    outcome: Option<Result<Result<u64, Error>, TimedOut>>,
}

impl Expectant {
    fn new(timer: Timer, limit: Duration) -> Self {
        Expectant { pt: PtTimed::new(), timer, limit, outcome: None }
    }
}

impl<P: Platform> Protothread<P> for Expectant {
    type Output = ();

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) {
        let outcome = wait!(cx.expired(self.timer), timeout = self.limit);
        self.outcome = Some(outcome);
    }
}

/// Stops a timer after a while.
struct StopAfter {
    pt: PtTimed,
    timer: Timer,
    time: Duration,
}

impl<P: Platform> Protothread<P> for StopAfter {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        wait!(sleep!(self.time));
        cx.stop_timer(self.timer)
    }
}

/// Computes for a while, once.
struct Stall<B> {
    pt: Pt,
    time: Duration,
    backend: core::marker::PhantomData<B>,
}

impl<B: Backend> Protothread<B::Platform> for Stall<B> {
    type Output = ();

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, B::Platform>, _: &mut ()) {
        B::stall(cx, self.time);
    }
}

/// 47. Stopping a timer that expired but was not yet delivered suppresses it.
pub(crate) fn stopping_suppresses_an_expiry_that_nobody_took<B: Backend>() {
    let millis = Duration::from_millis;
    let mut stage = Stage::<B>::new();
    // Handlers: of many that are due in one turn, the first stops all others.
    let timers: Vec<Timer> = (0..8).map(|_| stage.cx().timer().expect("a timer is left")).collect();
    for repeating in [false, true] {
        for timer in &timers {
            let mut cx = stage.cx();
            if !repeating {
                cx.set_handler(*timer).expect("nobody waits");
                cx.start_timer(*timer, millis(1)).expect("it is open");
            } else {
                cx.start_repeating(*timer, millis(1)).expect("it is open");
            }
        }
        B::stall(&mut stage.cx(), millis(5));
        let mut heard = 0;
        let mut pause = Pause::of(SILENCE);
        stage.play_with(&mut [&mut pause], |cx, _, _| {
            heard += 1;
            timers.iter().try_for_each(|timer| cx.stop_timer(*timer))
        });
        assert_eq!(heard, 1);
        assert!(timers.iter().all(|timer| stage.cx().timer_is_running(*timer) == Ok(false)));
    }
    // Nobody took it.
    let timer = stage.cx().timer().expect("a timer is left");
    for restart in [false, true] {
        stage.cx().start_timer(timer, millis(1)).expect("it is open");
        stage.idle(SILENCE);
        assert_eq!(stage.cx().timer_is_running(timer), Ok(true), "it has expired, and nobody took it");
        let mut cx = stage.cx();
        let stopped = if restart { cx.start_timer(timer, Duration::from_secs(3600)) } else { cx.stop_timer(timer) };
        assert_eq!(stopped, Ok(()));
        assert_eq!(stage.cx().timer_is_running(timer), Ok(restart));
        let mut expectant = Expectant::new(timer, SILENCE);
        stage.play(&mut [&mut expectant]);
        assert_eq!(expectant.outcome, Some(Err(TimedOut)));
        stage.cx().stop_timer(timer).expect("it is open");
    }
    // Somebody was woken for it, and it is stopped before they run.
    stage.cx().start_timer(timer, millis(4)).expect("it is open");
    let mut expectant = Expectant::new(timer, millis(60));
    let mut stop = StopAfter { pt: PtTimed::new(), timer, time: millis(1) };
    let mut stall = Stall::<B> { pt: Pt::new(), time: millis(20), backend: core::marker::PhantomData };
    stage.play(&mut [&mut expectant, &mut stop, &mut stall]);
    assert_eq!(expectant.outcome, Some(Err(TimedOut)));
}

/// 48. A restart replaces the deadline.
pub(crate) fn a_restart_replaces_the_deadline<B: Backend>() {
    let millis = Duration::from_millis;
    let mut stage = Stage::<B>::new();
    let timer = stage.cx().timer().expect("a timer is left");
    // Later, sooner, and from repeating to once: the last start counts, for handlers and for protothreads.
    let starts: [&[(Duration, bool)]; 5] = [
        &[(Duration::from_secs(3600), false), (millis(5), false)],
        &[(millis(2), false), (millis(12), false)],
        &[(millis(2), true), (millis(12), false)],
        &[(Duration::ZERO, false), (millis(8), false)],
        &[(Duration::MAX, false), (millis(1), true), (millis(30), false), (millis(6), false)],
    ];
    for starts in starts {
        let start = |stage: &mut Stage<B>| {
            let mut begun = stage.now();
            for &(time, repeating) in starts {
                let mut cx = stage.cx();
                begun = cx.now();
                let started = if repeating { cx.start_repeating(timer, time) } else { cx.start_timer(timer, time) };
                started.expect("it is open");
            }
            begun
        };
        let time = starts.last().expect("there is one").0;
        let begun = start(&mut stage);
        let mut expectant = Expectant::new(timer, Duration::from_secs(10));
        stage.play(&mut [&mut expectant]);
        assert_eq!(expectant.outcome, Some(Ok(Ok(1))));
        assert!(stage.now() - begun >= time, "{starts:?}");
        let mut again = Expectant::new(timer, SILENCE);
        stage.play(&mut [&mut again]);
        assert_eq!(again.outcome, Some(Err(TimedOut)), "{starts:?}: once");

        stage.cx().set_handler(timer).expect("nobody waits");
        let begun = start(&mut stage);
        let heard = stage.hear_until(|heard| !heard.is_empty());
        assert_eq!(heard, [(timer.handle().expect("it is open"), Event::TimerExpired(1))]);
        assert!(stage.now() - begun >= time, "{starts:?}");
        stage.idle(SILENCE);
        stage.cx().remove_handler(timer).expect("it has one");
    }
    // While somebody waits: the deadline is that of the new start.
    let mut stage = Stage::<B>::new();
    let timer = stage.cx().timer().expect("a timer is left");
    stage.cx().start_timer(timer, millis(8)).expect("it is open");
    let begun = stage.now();
    let mut expectant = Expectant::new(timer, Duration::from_secs(10));
    let mut restart = RestartAfter { pt: PtTimed::new(), timer, time: millis(2), then: millis(20) };
    stage.play(&mut [&mut expectant, &mut restart]);
    assert_eq!(expectant.outcome, Some(Ok(Ok(1))));
    assert!(stage.now() - begun >= millis(22));
}

/// Starts a timer anew after a while.
struct RestartAfter {
    pt: PtTimed,
    timer: Timer,
    time: Duration,
    then: Duration,
}

impl<P: Platform> Protothread<P> for RestartAfter {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        wait!(sleep!(self.time));
        cx.start_timer(self.timer, self.then)
    }
}

/// Takes expiries, one at a time, and stalls before some.
struct Ticks<'a, B> {
    pt: Pt,
    timer: Timer,
    stalls: &'static [u64],
    next: usize,
    counts: &'a RefCell<Vec<(u64, Instant)>>,
    stopped: &'a Cell<bool>,
    backend: core::marker::PhantomData<B>,
}

impl<B: Backend> Protothread<B::Platform> for Ticks<'_, B> {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, B::Platform>, _: &mut ()) -> Result<(), Error> {
        while self.next < self.stalls.len() {
            B::stall(cx, tenths(self.stalls[self.next]));
            self.next += 1;
            let count = wait!(cx.expired(self.timer))?;
            let now = cx.now();
            self.counts.borrow_mut().push((count, now));
        }
        self.stopped.set(true);
        Ok(())
    }
}

/// The period of repeating timers.
const PERIOD: Duration = Duration::from_millis(4);

/// So many tenths of a period.
const fn tenths(count: u64) -> Duration {
    Duration::from_nanos(PERIOD.as_nanos() / 10 * count)
}

/// 49. A repeating timer keeps its phase (no drift); after a stall, one call with the count missed.
pub(crate) fn a_repeating_timer_keeps_its_phase_and_counts_what_it_missed<B: Backend>() {
    // Stalls in tenths of a period.
    const STALLS: &[u64] = &[0, 0, 3, 0, 35, 0, 0, 12, 0, 9, 101, 0, 0, 0, 5, 0, 20, 0, 0, 0];
    let period = PERIOD;
    let mut stage = Stage::<B>::new();
    let timer = stage.cx().timer().expect("a timer is left");
    // A handler. Between its calls the loop itself says when the next is due.
    stage.cx().set_handler(timer).expect("nobody waits");
    stage.cx().start_repeating(timer, period).expect("it is open");
    let first = stage.event_loop.next_deadline().expect("a timer runs");
    let mut total = 0;
    for stall in STALLS {
        let due = stage.event_loop.next_deadline().expect("a timer runs");
        B::stall(&mut stage.cx(), tenths(*stall));
        let late = stage.now() - due;
        let heard = stage.hear_until(|heard| !heard.is_empty());
        let now = stage.now();
        let [(_, Event::TimerExpired(count))] = heard[..] else { panic!("one call: {heard:?}") };
        total += count;
        let next = stage.event_loop.next_deadline().expect("a timer runs");
        assert_eq!((next - first).as_nanos(), total * period.as_nanos(), "the phase is kept, and no period is lost");
        assert!(now >= first + period.saturating_mul(total - 1), "early");
        assert!(count > late.as_nanos() / period.as_nanos(), "{count} expiries after {late:?}");
    }
    assert!(total >= STALLS.len() as u64 + 3 + 1 + 10 + 2 - 4, "{total} expiries");
    stage.cx().remove_handler(timer).expect("it has one");
    // A protothread.
    let (counts, stopped) = (RefCell::new(Vec::new()), Cell::new(false));
    stage.cx().start_repeating(timer, period).expect("it is open");
    let first = stage.event_loop.next_deadline().expect("a timer runs");
    let backend = core::marker::PhantomData;
    let mut ticks =
        Ticks::<B> { pt: Pt::new(), timer, stalls: STALLS, next: 0, counts: &counts, stopped: &stopped, backend };
    stage.play(&mut [&mut ticks]);
    assert!(stopped.get());
    let mut total = 0;
    for (count, at) in counts.into_inner() {
        total += count;
        assert!(at >= first + period.saturating_mul(total - 1), "expiry {total} was early");
    }
    let next = stage.event_loop.next_deadline().expect("a timer runs");
    assert_eq!((next - first).as_nanos(), total * period.as_nanos());
}

/// Waits with limits that never come, for what comes soon.
struct Patient {
    pt: PtTimed,
    timer: Timer,
    slept: Option<First<(), Result<u64, Error>>>,
    limited: Option<Result<Result<u64, Error>, TimedOut>>,
}

impl<P: Platform> Protothread<P> for Patient {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        cx.start_timer(self.timer, Duration::from_millis(2))?;
        let slept = wait!(first!(sleep!(Duration::MAX), cx.expired(self.timer)));
        self.slept = Some(slept);
        cx.start_timer(self.timer, Duration::from_millis(2))?;
        let limited = wait!(cx.expired(self.timer), timeout = Duration::MAX);
        self.limited = Some(limited);
        assert_eq!(cx.sleep_until(Instant::MAX), Poll::Pending);
        Ok(())
    }
}

/// 50. A huge timeout saturates. A deadline below a millisecond does not spin.
pub(crate) fn huge_and_tiny_timeouts_neither_overflow_nor_spin<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let nanos = Duration::from_nanos;
    // Huge.
    let timers: Vec<Timer> = (0..6).map(|_| stage.cx().timer().expect("a timer is left")).collect();
    for (timer, time) in timers.iter().zip([u64::MAX, u64::MAX - 1, u64::MAX / 2, i64::MAX as u64 + 1, 1 << 62]) {
        let mut cx = stage.cx();
        cx.set_handler(*timer).expect("nobody waits");
        cx.start_timer(*timer, nanos(time)).expect("it is open");
    }
    stage.cx().set_handler(timers[5]).expect("nobody waits");
    stage.cx().start_repeating(timers[5], Duration::MAX).expect("it is open");
    let turns = stage.idle(SILENCE);
    assert!(turns < 20, "{turns} turns in which nothing happened");
    let timer = stage.cx().timer().expect("a timer is left");
    let mut patient = Patient { pt: PtTimed::new(), timer, slept: None, limited: None };
    stage.play(&mut [&mut patient]);
    assert_eq!((patient.slept, patient.limited), (Some(First::B(Ok(1))), Some(Ok(Ok(1)))));
    for timer in &timers {
        assert_eq!(stage.cx().timer_is_running(*timer), Ok(true));
        stage.cx().close(*timer).expect("it is open");
    }
    // Tiny.
    stage.cx().set_handler(timer).expect("nobody waits");
    let (mut left, mut times) = (200, [1, 999, 1000, 50_000, 250_000, 999_999, 1_000_001].into_iter().cycle());
    stage.cx().start_timer(timer, nanos(1)).expect("it is open");
    let before = stage.turns();
    stage.handle(|cx, _, _| {
        left -= 1;
        if left == 0 {
            cx.stop();
        }
        cx.start_timer(timer, nanos(times.next().expect("it goes round")))
    });
    let turns = stage.turns() - before;
    assert!(turns <= 2 * 200 + 20, "{turns} turns for 200 timers");
}

/// Sleeps while signals hail down.
struct Sheltered {
    pt: PtTimed,
    rounds: u32,
    start: Instant,
    never: Timer,
    longest: Duration,
}

const NAP: Duration = Duration::from_millis(30);

impl<P: Platform> Protothread<P> for Sheltered {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        self.never = cx.timer()?;
        while self.rounds > 0 {
            self.rounds -= 1;
            self.start = cx.now();
            if self.rounds.is_multiple_of(2) {
                wait!(sleep!(NAP));
            } else {
                let outcome = wait!(cx.expired(self.never), timeout = NAP);
                assert_eq!(outcome, Err(TimedOut));
            }
            let slept = cx.now() - self.start;
            assert!(slept >= NAP, "a signal ended a sleep after {slept:?}");
            self.longest = self.longest.max(slept);
        }
        Ok(())
    }
}

/// 59. A storm of signals does not stretch timeouts.
pub(crate) fn a_storm_of_signals_does_not_stretch_timeouts<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let mut sheltered = Sheltered {
        pt: PtTimed::new(),
        rounds: 8,
        start: Instant::ORIGIN,
        never: Timer::NONE,
        longest: Duration::ZERO,
    };
    let signals = B::storm(&mut stage, |stage| stage.play(&mut [&mut sheltered]));
    assert!(signals > 100, "{signals} signals are no storm");
    assert_eq!(sheltered.rounds, 0);
    // Each signal would start the time anew, and while they come it would never be over.
    assert!(sheltered.longest < Duration::from_secs(2), "a nap of {NAP:?} took {:?}", sheltered.longest);
}
