//! Middleware around a backend against every behaviour: nothing changes.

use std::net::{SocketAddr, TcpStream};

use ptk_core::middleware::{Call, Counted, RecordBuffer, Recorded, Traced};
use ptk_core::{Cx, Duration, EventLoop, Platform};
use ptk_linux::Linux;
use ptk_tests::linux::{LinuxBackend, in_two_threads, signals_during};
use ptk_tests::stage::{Loop, Stage};
use ptk_tests::{Backend, Exception, Network, Raise, UrgentPeer};

/// All at once, with an observer that a `static` could have, and a recorder that is soon full.
type Around<P> = Traced<Counted<Recorded<P, RecordBuffer<4096>>>, fn(&Call<'_>)>;

fn around<P>(inner: P) -> Around<P> {
    let recorded = Recorded::new(inner, RecordBuffer::new());
    Traced::new(Counted::new(recorded), |call| assert!(!call.to_string().is_empty()))
}

/// Middleware around Linux.
#[derive(Debug)]
struct AroundLinux(LinuxBackend);

impl Backend for AroundLinux {
    type Platform = Around<Linux<'static>>;

    const NAME: &'static str = "middleware around linux";

    const EXCEPTIONS: &'static [Exception] = LinuxBackend::EXCEPTIONS;
    const SEPARATES_IPV6_NETWORKS: bool = LinuxBackend::SEPARATES_IPV6_NETWORKS;

    fn new() -> Self {
        AroundLinux(LinuxBackend::new())
    }

    fn platform(&mut self) -> Around<Linux<'static>> {
        around(self.0.platform())
    }

    fn open_scarce<const SOCKETS: usize>(&mut self, sockets: usize) -> Box<Loop<Self, SOCKETS>> {
        let mut event_loop = Box::new(EventLoop::new(1, self.platform()));
        event_loop.open().expect("the platform opens");
        self.0.leave_descriptors(sockets);
        event_loop
    }

    fn alongside<const SOCKETS: usize>(
        stage: &mut Stage<Self, SOCKETS>,
        elsewhere: impl FnOnce(&dyn Raise) + Send,
        here: impl FnOnce(&mut Stage<Self, SOCKETS>),
    ) {
        in_two_threads(stage.backend.0.port(), elsewhere, || here(stage));
    }

    fn stall(_: &mut Cx<'_, Self::Platform>, time: Duration) {
        std::thread::sleep(time.into());
    }

    fn isolated(test: &str, body: impl FnOnce()) {
        LinuxBackend::isolated(test, body);
    }

    fn networked(test: &str, body: impl FnOnce(&[Network])) {
        LinuxBackend::networked(test, body);
    }

    fn flood(address: SocketAddr) -> bool {
        LinuxBackend::flood(address)
    }

    fn urgent_peer(_: &mut Self::Platform, address: SocketAddr) -> Box<dyn UrgentPeer<Self::Platform>> {
        Box::new(TcpStream::connect(address).expect("somebody listens"))
    }

    fn storm<const SOCKETS: usize>(
        stage: &mut Stage<Self, SOCKETS>,
        body: impl FnOnce(&mut Stage<Self, SOCKETS>),
    ) -> usize {
        signals_during(|| body(stage))
    }

    fn broken_pipes() -> usize {
        LinuxBackend::broken_pipes()
    }
}

ptk_tests::conformance!(AroundLinux);

mod simulated {
    use ptk_mock::Mock;
    use ptk_tests::mock::{MockBackend, Outsider, end_storm, start_storm};

    use super::{
        Around, Backend, Cx, Duration, EventLoop, Exception, Loop, Network, Platform, Raise, SocketAddr, Stage,
        UrgentPeer, around,
    };

    /// The mock inside.
    fn inside(platform: &mut Around<Mock>) -> &mut Mock {
        platform.inner_mut().inner_mut().inner_mut()
    }

    /// A peer of the mock inside.
    struct PeerInside(Outsider);

    impl UrgentPeer<Around<Mock>> for PeerInside {
        fn send(&mut self, platform: &mut Around<Mock>, data: &[u8]) {
            self.0.send(inside(platform), data);
        }

        fn send_urgent(&mut self, platform: &mut Around<Mock>, byte: u8) {
            self.0.send_urgent(inside(platform), byte);
        }
    }

    /// Middleware around the simulator.
    #[derive(Debug)]
    struct AroundMock(MockBackend);

    impl Backend for AroundMock {
        type Platform = Around<Mock>;

        const NAME: &'static str = "middleware around the mock";

        const EXCEPTIONS: &'static [Exception] = MockBackend::EXCEPTIONS;

        fn new() -> Self {
            AroundMock(MockBackend::new())
        }

        fn platform(&mut self) -> Around<Mock> {
            around(self.0.platform())
        }

        fn open_scarce<const SOCKETS: usize>(&mut self, sockets: usize) -> Box<Loop<Self, SOCKETS>> {
            let mut event_loop = Box::new(EventLoop::new(1, around(Mock::with_descriptor_limit(sockets))));
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

        fn networked(test: &str, body: impl FnOnce(&[Network])) {
            MockBackend::networked(test, body);
        }

        fn stall(cx: &mut Cx<'_, Self::Platform>, time: Duration) {
            inside(cx.platform()).advance(time);
        }

        fn urgent_peer(platform: &mut Self::Platform, address: SocketAddr) -> Box<dyn UrgentPeer<Self::Platform>> {
            Box::new(PeerInside(Outsider::connect(inside(platform), address)))
        }

        fn storm<const SOCKETS: usize>(
            stage: &mut Stage<Self, SOCKETS>,
            body: impl FnOnce(&mut Stage<Self, SOCKETS>),
        ) -> usize {
            start_storm(inside(stage.event_loop.platform_mut()));
            body(stage);
            end_storm(inside(stage.event_loop.platform_mut()))
        }
    }

    ptk_tests::conformance!(AroundMock);
}
