//! States that will do the same hash alike, however they came about.

use std::hash::{DefaultHasher, Hash, Hasher};

use ptk_core::prelude::*;
use ptk_core::{EventLoop, Timer};
use ptk_mock::Mock;

fn hash(state: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    state.hash(&mut hasher);
    hasher.finish()
}

type Loop = EventLoop<Mock, 2, 4, 4, 4>;

fn open() -> Loop {
    let mut event_loop = Loop::new(1, Mock::new());
    event_loop.open().unwrap();
    event_loop.platform_mut().now();
    event_loop
}

#[test]
fn what_was_opened_and_closed_leaves_nothing() {
    let (fresh, mut used) = (open(), open());
    let mut cx = used.cx();
    let timers: [Timer; 2] = [cx.timer().unwrap(), cx.timer().unwrap()];
    cx.start_timer(timers[0], Duration::from_secs(1)).unwrap();
    let source = cx.event_source().unwrap();
    let socket = cx.udp_socket(([127, 0, 0, 1], 7).into()).unwrap();
    assert_ne!(hash(&fresh), hash(&used));
    let mut cx = used.cx();
    cx.close(timers[1]).unwrap();
    cx.close(timers[0]).unwrap();
    cx.close(source).unwrap();
    cx.close(socket).unwrap();
    assert_eq!(hash(&fresh), hash(&used));
}

#[test]
fn it_counts_what_is_open_and_where() {
    let state = |keep: usize| {
        let mut event_loop = open();
        let mut cx = event_loop.cx();
        let timers: [Timer; 2] = [cx.timer().unwrap(), cx.timer().unwrap()];
        cx.close(timers[1 - keep]).unwrap();
        hash(&event_loop)
    };
    assert_ne!(state(0), state(1));
}

#[derive(Clone, Hash, Debug)]
struct Waiter {
    pt: PtTimed,
    source: EventSource,
    patience: Duration,
}

impl<P: Platform> Protothread<P> for Waiter {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        let _ = wait!(cx.raised(self.source), timeout = self.patience);
        self.patience = Duration::ZERO;
        wait!(cx.raised(self.source))?;
        Ok(())
    }
}

#[test]
fn the_deadline_of_a_wait_that_is_over_is_no_part_of_the_state() {
    let waits_on = |patience: u64| {
        let mut event_loop = open();
        let source = event_loop.cx().event_source().unwrap();
        let mut set = [Waiter { pt: PtTimed::new(), source, patience: Duration::from_secs(patience) }];
        event_loop.turn_now(&mut set).unwrap();
        let before = hash(&set);
        event_loop.cx().raise(source, 1).unwrap();
        event_loop.turn_now(&mut set).unwrap();
        (before, hash(&set), hash(&event_loop))
    };
    let (one, other) = (waits_on(1), waits_on(2));
    assert_ne!(one.0, other.0);
    assert_eq!((one.1, one.2), (other.1, other.2));
}
