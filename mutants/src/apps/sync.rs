//! A permit for three tasks in turn, a change for all of them, and a lock that each keeps to its end.

use ptk_core::prelude::*;
use ptk_core::sync::{Mutex, Seen, Semaphore, Signal};
use ptk_mock::{Boot, Family, Faults, Scenario};

const WORKERS: usize = 3;
const ROUNDS: u32 = 3;

#[derive(Clone, Hash, Debug)]
struct Shared {
    permit: Semaphore,
    holders: u32,
    rounds: u32,
    change: Signal<u32>,
    lock: Mutex<u32>,
}

#[derive(Clone, Hash, Debug)]
struct Worker {
    pt: PtTimed,
    round: u32,
    seen: Seen,
}

impl<P: Platform> Protothread<P, Shared> for Worker {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, shared: &mut Shared) -> Result<(), Error> {
        self.seen = shared.change.seen();
        while self.round < ROUNDS {
            wait!(shared.permit.acquire(cx))?;
            shared.holders += 1;
            assert_eq!(shared.holders, 1, "there is one permit");
            wait!(sleep!(Duration::from_millis(1)));
            shared.holders -= 1;
            shared.permit.release(cx);
            self.round += 1;
            shared.rounds += 1;
        }
        wait!(shared.change.changed(cx, &mut self.seen))?;
        wait!(shared.lock.lock(cx))?;
        *shared.lock.get_mut(cx)? += 1;
        wait!(sleep!(Duration::from_millis(1)));
        Ok(())
    }
}

#[derive(Clone, Hash, Debug)]
struct Changer {
    pt: PtTimed,
}

impl<P: Platform> Protothread<P, Shared> for Changer {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, shared: &mut Shared) -> Result<(), Error> {
        while shared.rounds < WORKERS as u32 * ROUNDS {
            wait!(sleep!(Duration::from_millis(1)));
        }
        wait!(sleep!(Duration::from_millis(1)));
        shared.change.set(cx, 1);
        Ok(())
    }
}

#[derive(Clone, Hash, Debug, TaskSet)]
struct App {
    workers: [Worker; WORKERS],
    changer: Changer,
    #[task(shared)]
    shared: Shared,
}

pub fn scenario() -> Scenario {
    let app = |_: &Boot| App {
        workers: core::array::from_fn(|_| Worker { pt: PtTimed::new(), round: 0, seen: Seen::NOTHING }),
        changer: Changer { pt: PtTimed::new() },
        shared: Shared {
            permit: Semaphore::new(1),
            holders: 0,
            rounds: 0,
            change: Signal::new(0),
            lock: Mutex::new(0),
        },
    };
    Scenario::new("sync").node("app", app).faults(Faults::of(&[Family::Readiness, Family::Time])).eventually(
        "all get what they wait for",
        Duration::from_secs(5),
        |world| world.has_ended("app"),
    )
}
