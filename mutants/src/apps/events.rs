//! Two sources of events, raised together, one of them twice, and tasks that are not always there to hear it.

use ptk_core::prelude::*;
use ptk_mock::{Boot, Family, Faults, Scenario};

const ROUNDS: u32 = 10;

#[derive(Clone, Hash, Debug)]
struct Shared {
    sources: [EventSource; 2],
    raised: [u32; 2],
    heard: [u32; 2],
}

#[derive(Clone, Hash, Debug)]
struct Raiser {
    pt: PtTimed,
    round: u32,
}

impl<P: Platform> Protothread<P, Shared> for Raiser {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, shared: &mut Shared) -> Result<(), Error> {
        shared.sources = [cx.event_source()?, cx.event_source()?];
        while self.round < ROUNDS {
            wait!(sleep!(Duration::from_micros(1_100)));
            for which in [0, 0, 1] {
                cx.raise(shared.sources[which], self.round)?;
                shared.raised[which] += 1;
            }
            self.round += 1;
        }
        while shared.heard != shared.raised {
            wait!(sleep!(Duration::from_millis(1)));
        }
        Ok(())
    }
}

#[derive(Clone, Hash, Debug)]
struct Hearer {
    pt: PtTimed,
    which: usize,
    pause: Duration,
}

impl<P: Platform> Protothread<P, Shared> for Hearer {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, shared: &mut Shared) -> Result<(), Error> {
        loop {
            let raised = wait!(cx.raised(shared.sources[self.which]))?;
            shared.heard[self.which] += u32::from(raised.count);
            // The next may be raised while nobody waits for it.
            self.pause = Duration::from_millis(u64::from(1 - raised.value % 2) * 2);
            wait!(sleep!(self.pause));
        }
    }
}

#[derive(Clone, Hash, Debug, TaskSet)]
struct App {
    raiser: Raiser,
    hearers: [Hearer; 2],
    #[task(shared)]
    shared: Shared,
}

pub fn scenario() -> Scenario {
    let app = |_: &Boot| App {
        raiser: Raiser { pt: PtTimed::new(), round: 0 },
        hearers: core::array::from_fn(|which| Hearer { pt: PtTimed::new(), which, pause: Duration::ZERO }),
        shared: Shared { sources: [EventSource::NONE; 2], raised: [0; 2], heard: [0; 2] },
    };
    Scenario::new("events").node("app", app).faults(Faults::of(&[Family::Readiness])).eventually(
        "as much is heard as was raised",
        Duration::from_secs(5),
        |world| world.has_ended("app"),
    )
}
