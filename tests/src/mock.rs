//! The simulator as a backend: time is virtual, and nothing happens outside of the loop's thread.

use std::net::{Ipv4Addr, Ipv6Addr};

use ptk_core::{Cx, Duration, Error, EventLoop, EventPortView, EventSource, Platform};
use ptk_mock::Mock;

use crate::backend::{Backend, Exception, Network, Raise};
use crate::stage::{Loop, Stage};

/// A world of the simulator.
#[derive(Debug)]
pub struct MockBackend;

impl Raise for &EventPortView {
    fn raise(&self, source: EventSource, value: u32) -> Result<(), Error> {
        EventPortView::raise(self, source, value).map(|_wake| ())
    }
}

impl Backend for MockBackend {
    type Platform = Mock;

    const NAME: &'static str = "mock";

    const EXCEPTIONS: &'static [Exception] = &[
        Exception { number: 23, reason: "the simulated network knows no urgent data" },
        Exception { number: 59, reason: "the simulated world has no signals: its wait is never interrupted" },
    ];

    fn new() -> Self {
        MockBackend
    }

    fn platform(&mut self) -> Mock {
        Mock::new()
    }

    fn open_scarce<const SOCKETS: usize>(&mut self, sockets: usize) -> Box<Loop<Self, SOCKETS>> {
        let mut event_loop = Box::new(EventLoop::new(1, Mock::with_descriptor_limit(sockets)));
        event_loop.open().expect("the mock opens");
        event_loop
    }

    fn alongside<const SOCKETS: usize>(
        stage: &mut Stage<Self, SOCKETS>,
        elsewhere: impl FnOnce(&dyn Raise) + Send,
        here: impl FnOnce(&mut Stage<Self, SOCKETS>),
    ) {
        elsewhere(&stage.event_loop.platform().port().expect("the mock has a port"));
        here(stage);
    }

    fn networked(_: &str, body: impl FnOnce(&[Network])) {
        let loopback = Network {
            v4: Ipv4Addr::LOCALHOST,
            v6: Ipv6Addr::LOCALHOST,
            broadcast: Ipv4Addr::new(127, 255, 255, 255),
            index: 1,
        };
        body(&[loopback]);
    }

    fn stall(cx: &mut Cx<'_, Mock>, time: Duration) {
        cx.platform().advance(time);
    }
}
