//! The simulator as a backend: time is virtual, and nothing happens outside of the loop's thread.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use ptk_core::{Cx, Duration, Error, EventLoop, EventPortView, EventSource, Handle, Options, Platform};
use ptk_mock::{Faults, Label, Mock, Socket};

use crate::backend::{Backend, Exception, Network, Raise, UrgentPeer};
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

    const EXCEPTIONS: &'static [Exception] = &[];

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
        raise_first(stage.event_loop.platform(), elsewhere);
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

    fn urgent_peer(mock: &mut Mock, address: SocketAddr) -> Box<dyn UrgentPeer<Mock>> {
        Box::new(Outsider::connect(mock, address))
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

/// Runs what another thread would, which nothing here has to wait for.
pub fn raise_first(mock: &Mock, elsewhere: impl FnOnce(&dyn Raise)) {
    elsewhere(&mock.port().expect("the mock has a port"));
}

/// From now on every wait of the mock is interrupted, each after a small part of its time.
pub fn start_storm(mock: &mut Mock) {
    mock.set_faults(1, Faults::NONE.rate(Label::Interrupted, 1_000_000));
}

/// No wait is interrupted any more; how many were.
pub fn end_storm(mock: &mut Mock) -> usize {
    let interruptions = mock.tape().0.iter().filter(|choice| choice.label == Label::Interrupted).count();
    mock.set_faults(1, Faults::NONE);
    interruptions
}

/// A socket of the mock that no loop knows.
#[derive(Debug)]
pub struct Outsider(Socket);

impl Outsider {
    /// Connects to a listener that has room.
    pub fn connect(mock: &mut Mock, address: SocketAddr) -> Outsider {
        let token = Handle::from_raw(1 << 60 | 0xff << 52 | 1).expect("a kind of handle");
        Outsider(mock.open_stream(address, &Options::DEFAULT, token).expect("a descriptor is left"))
    }
}

impl UrgentPeer<Mock> for Outsider {
    fn send(&mut self, mock: &mut Mock, data: &[u8]) {
        let mut sent = 0;
        while sent < data.len() {
            sent += mock.send(&mut self.0, &data[sent..]).expect("there is room");
        }
    }

    fn send_urgent(&mut self, mock: &mut Mock, byte: u8) {
        assert_eq!(mock.send_urgent(&mut self.0, byte), Ok(()));
    }
}
