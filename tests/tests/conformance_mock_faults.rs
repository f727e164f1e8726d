//! The simulator against every behaviour while it does what kernels do now and then and what changes nothing: calls that
//! take or give less than they could, events in another order or for what was closed, waits that end early.
//!
//! Events for nothing, and receives that do not know that they took all, are not among it: a handler that is told that
//! there is something, and does not look, is told again in each turn, and many handlers here look once. Scenarios have both.

use std::cell::Cell;
use std::net::SocketAddr;
use std::panic::catch_unwind;

use ptk_core::{Cx, Duration, EventLoop};
use ptk_mock::{Faults, Label, Mock};
use ptk_tests::mock::{MockBackend, end_storm, raise_first, start_storm};
use ptk_tests::stage::{Loop, Stage};
use ptk_tests::{Backend, Exception, Network, Raise, UrgentPeer, all, run};

thread_local! {
    /// The seed and the faults of the worlds that this thread makes.
    static COURSE: Cell<(u64, Faults)> = const { Cell::new((0, Faults::NONE)) };
}

/// A world of the simulator in which such things happen.
#[derive(Debug)]
struct Faulty(MockBackend);

fn disturbed(mut mock: Mock) -> Mock {
    let (seed, faults) = COURSE.get();
    mock.set_faults(seed, faults);
    mock
}

impl Backend for Faulty {
    type Platform = Mock;

    const NAME: &'static str = "mock with faults";

    // They differ from fault to fault: see the tests.
    const EXCEPTIONS: &'static [Exception] = &[];

    fn new() -> Self {
        Faulty(MockBackend)
    }

    fn platform(&mut self) -> Mock {
        disturbed(self.0.platform())
    }

    fn open_scarce<const SOCKETS: usize>(&mut self, sockets: usize) -> Box<Loop<Self, SOCKETS>> {
        let mut event_loop = Box::new(EventLoop::new(1, disturbed(Mock::with_descriptor_limit(sockets))));
        event_loop.open().expect("the mock opens");
        event_loop
    }

    fn alongside<const SOCKETS: usize>(
        stage: &mut Stage<Self, SOCKETS>,
        elsewhere: impl FnOnce(&dyn Raise) + Send,
        here: impl FnOnce(&mut Stage<Self, SOCKETS>),
    ) {
        raise_first(stage.event_loop.platform(), elsewhere);
        here(stage);
    }

    fn networked(test: &str, body: impl FnOnce(&[Network])) {
        MockBackend::networked(test, body);
    }

    fn stall(cx: &mut Cx<'_, Mock>, time: Duration) {
        MockBackend::stall(cx, time);
    }

    fn urgent_peer(mock: &mut Mock, address: SocketAddr) -> Box<dyn UrgentPeer<Mock>> {
        MockBackend::urgent_peer(mock, address)
    }

    fn storm<const SOCKETS: usize>(
        stage: &mut Stage<Self, SOCKETS>,
        body: impl FnOnce(&mut Stage<Self, SOCKETS>),
    ) -> usize {
        start_storm(stage.event_loop.platform_mut());
        body(stage);
        end_storm(stage.event_loop.platform_mut())
    }
}

/// Every behaviour holds with this fault, but for the exceptions, of which each must be needed with some seed.
#[track_caller]
fn hold(label: Label, ppm: u32, exceptions: &[(u32, &str)]) {
    let mut unneeded = exceptions.to_vec();
    let mut broken = Vec::new();
    for seed in 1..=3 {
        COURSE.set((seed, Faults::NONE.rate(label, ppm)));
        for behaviour in all::<Faulty>() {
            let (number, name) = (behaviour.number, behaviour.name);
            let is_excepted = exceptions.iter().any(|(exception, _)| *exception == number);
            // What breaks an exception may take long: once is enough.
            if is_excepted && unneeded.iter().all(|(exception, _)| *exception != number) {
                continue;
            }
            if catch_unwind(|| run::<Faulty>(number, name)).is_ok() {
                continue;
            }
            unneeded.retain(|(exception, _)| *exception != number);
            if !is_excepted {
                broken.push((seed, number, name));
            }
        }
    }
    assert_eq!(broken, [], "{label:?}");
    assert_eq!(unneeded, [], "{label:?}: exceptions that are not needed");
}

#[test]
fn when_receives_give_less_than_there_is() {
    hold(Label::ShortReceive, 200_000, &[(1, "it receives once, and expects all")]);
}

#[test]
fn when_sends_take_less_than_there_is_room_for() {
    hold(Label::ShortSend, 300_000, &[(57, "it sends in a handler, without looking how much was taken")]);
}

#[test]
fn when_waits_end_early() {
    hold(Label::Interrupted, 300_000, &[(53, "it counts turns, and one whose wait was interrupted tells nothing")]);
}

#[test]
fn when_what_was_closed_is_reported_once_more() {
    hold(Label::StaleEvent, 500_000, &[(2, "the handle of a refused connect stays, and hears of its system's socket")]);
}

#[test]
fn when_any_socket_that_is_ready_is_reported_next() {
    hold(Label::EventOrder, 1_000_000, &[]);
}
