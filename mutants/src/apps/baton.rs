//! A task that is cancelled after it was woken and before it runs: what it was woken for is for the next.

use ptk_core::prelude::*;
use ptk_mock::{Boot, Family, Faults, Scenario};

#[derive(Clone, Hash, Debug)]
struct Shared {
    source: EventSource,
    first: Task,
    heard: u32,
}

#[derive(Clone, Hash, Debug)]
struct Canceller {
    pt: PtTimed,
}

impl<P: Platform> Protothread<P, Shared> for Canceller {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, shared: &mut Shared) -> Result<(), Error> {
        shared.source = cx.event_source()?;
        wait!(sleep!(Duration::from_millis(1)));
        cx.raise(shared.source, 0)?;
        yield_now!();
        cx.cancel(shared.first)?;
        while shared.heard == 0 {
            wait!(sleep!(Duration::from_millis(1)));
        }
        Ok(())
    }
}

#[derive(Clone, Hash, Debug)]
struct Hearer {
    pt: PtTimed,
}

impl<P: Platform> Protothread<P, Shared> for Hearer {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, shared: &mut Shared) -> Result<(), Error> {
        if shared.first.is_none() {
            shared.first = cx.current_task();
        }
        wait!(cx.raised(shared.source), timeout = Duration::from_secs(100))??;
        shared.heard += 1;
        Ok(())
    }
}

#[derive(Clone, Hash, Debug, TaskSet)]
struct App {
    canceller: Canceller,
    hearers: [Hearer; 2],
    #[task(shared)]
    shared: Shared,
}

pub fn scenario() -> Scenario {
    let app = |_: &Boot| App {
        canceller: Canceller { pt: PtTimed::new() },
        hearers: [Hearer { pt: PtTimed::new() }, Hearer { pt: PtTimed::new() }],
        shared: Shared { source: EventSource::NONE, first: Task::NONE, heard: 0 },
    };
    Scenario::new("baton").node("app", app).faults(Faults::of(&[Family::Readiness])).eventually(
        "the next hears it",
        Duration::from_secs(5),
        |world| world.has_ended("app"),
    )
}
