//! Twelve timers, started, stopped and started again at random, beside a model of when each is due.

use ptk_core::prelude::*;
use ptk_mock::{Boot, Family, Faults, Scenario};

const TIMERS: usize = 12;
const STEPS: u32 = 150;

/// What is known of a timer.
#[derive(Clone, Copy, Hash, Debug, Default)]
struct Model {
    timer: Timer,
    due: Option<Instant>,
    period: Duration,
}

#[derive(Clone, Hash, Debug, Default)]
struct Shared {
    models: [Model; TIMERS],
    steps: u32,
    last: Instant,
}

/// Starts and stops.
#[derive(Clone, Hash, Debug)]
struct Juggler {
    pt: PtTimed,
    random: u64,
}

impl Juggler {
    fn draw(&mut self, below: u64) -> u64 {
        // A step of PCG-XSH-RR's generator is random enough here.
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % below
    }

    fn juggle<P: Platform>(&mut self, cx: &mut Cx<'_, P>, shared: &mut Shared) -> Result<(), Error> {
        let model = &mut shared.models[self.draw(TIMERS as u64) as usize];
        let time = Duration::from_micros(100 + self.draw(100) * 100);
        let at = cx.now() + time;
        (model.due, model.period) = match self.draw(4) {
            0 => {
                cx.stop_timer(model.timer)?;
                assert_eq!(cx.timer_is_running(model.timer), Ok(false), "a timer that was stopped does not run");
                (None, Duration::ZERO)
            }
            1 => {
                cx.start_repeating(model.timer, time)?;
                (Some(at), time)
            }
            _ => {
                cx.start_timer(model.timer, time)?;
                (Some(at), Duration::ZERO)
            }
        };
        Ok(())
    }
}

impl<P: Platform> Protothread<P, Shared> for Juggler {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, shared: &mut Shared) -> Result<(), Error> {
        let mut seed = [0; 8];
        cx.entropy(&mut seed)?;
        self.random = u64::from_le_bytes(seed);
        for model in &mut shared.models {
            model.timer = cx.timer()?;
        }
        while shared.steps < STEPS {
            self.juggle(cx, shared)?;
            shared.steps += 1;
            wait!(sleep!(Duration::from_micros(self.draw(20) * 50)));
            assert!(cx.now() >= shared.last, "time never goes back");
            shared.last = cx.now();
        }
        Ok(())
    }
}

#[derive(Clone, Hash, Debug)]
struct Waiter {
    pt: Pt,
    number: usize,
}

impl Waiter {
    fn check(&self, now: Instant, count: u64, shared: &mut Shared) {
        let model = &mut shared.models[self.number];
        let Some(due) = model.due.filter(|due| *due <= now) else {
            panic!("a timer expires when it is due, and not before");
        };
        assert!(now >= shared.last, "time never goes back");
        shared.last = now;
        let missed = if model.period.is_zero() { 0 } else { (now - due).as_nanos() / model.period.as_nanos() };
        assert_eq!(count, missed + 1, "each period counts");
        model.due = (!model.period.is_zero()).then(|| due + model.period.saturating_mul(count));
    }
}

impl<P: Platform> Protothread<P, Shared> for Waiter {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, shared: &mut Shared) -> Result<(), Error> {
        loop {
            let count = wait!(cx.expired(shared.models[self.number].timer))?;
            self.check(cx.now(), count, shared);
        }
    }
}

#[derive(Clone, Hash, Debug, TaskSet)]
struct App {
    juggler: Juggler,
    waiters: [Waiter; TIMERS],
    #[task(shared)]
    shared: Shared,
}

fn scenario(name: &str) -> Scenario {
    let app = |_: &Boot| App {
        juggler: Juggler { pt: PtTimed::new(), random: 0 },
        waiters: core::array::from_fn(|number| Waiter { pt: Pt::new(), number }),
        shared: Shared::default(),
    };
    Scenario::new(name).node("app", app).eventually("all steps are made", Duration::from_secs(5), |world| {
        world.app::<App>("app").is_some_and(|app| app.shared.steps == STEPS)
    })
}

/// Nothing comes late.
pub fn punctual() -> Scenario {
    scenario("timers").always("no expiry comes late", |world| {
        let is_late = |model: &Model| model.due.is_some_and(|due| due < world.now());
        world.app::<App>("app").is_none_or(|app| !app.shared.models.iter().any(is_late))
    })
}

/// Alarms come late, and the node stands still now and then.
pub fn late() -> Scenario {
    scenario("late-timers").faults(Faults::of(&[Family::Time]).rate(ptk_mock::Label::Pause, 20_000))
}
