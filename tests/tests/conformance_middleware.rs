//! Middleware around a backend against every behaviour: nothing changes.

use std::fs::File;
use std::net::SocketAddr;

use ptk_core::middleware::{Call, Counted, Traced};
use ptk_core::{Cx, Duration, EventLoop, Platform};
use ptk_linux::{Linux, Port};
use ptk_tests::linux::LinuxBackend;
use ptk_tests::stage::{EVENTS, Loop, Stage};
use ptk_tests::{Backend, Exception, Network, Raise, UrgentPeer};

/// How many descriptors a process has that is about to run out of them.
const FEW: u64 = 256;

/// Both at once, with an observer that a `static` could have.
type Around<P> = Traced<Counted<P>, fn(&Call<'_>)>;

fn around<P>(inner: P) -> Around<P> {
    Traced::new(Counted::new(inner), |call| assert!(!call.to_string().is_empty()))
}

/// Middleware around Linux.
#[derive(Debug)]
struct AroundLinux {
    port: &'static Port<EVENTS>,
    /// Descriptors that nobody else shall have.
    hoard: Vec<File>,
}

impl Backend for AroundLinux {
    type Platform = Around<Linux<'static>>;

    const NAME: &'static str = "middleware around linux";

    const EXCEPTIONS: &'static [Exception] = LinuxBackend::EXCEPTIONS;
    const SEPARATES_IPV6_NETWORKS: bool = LinuxBackend::SEPARATES_IPV6_NETWORKS;

    fn new() -> Self {
        AroundLinux { port: Box::leak(Box::default()), hoard: Vec::new() }
    }

    fn platform(&mut self) -> Around<Linux<'static>> {
        around(Linux::with_port(self.port))
    }

    fn open_scarce<const SOCKETS: usize>(&mut self, sockets: usize) -> Box<Loop<Self, SOCKETS>> {
        let mut event_loop = Box::new(EventLoop::new(1, self.platform()));
        event_loop.open().expect("the platform opens");
        let limit = libc::rlimit { rlim_cur: FEW, rlim_max: FEW };
        // SAFETY: a valid structure.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }, 0);
        self.hoard.extend(std::iter::from_fn(|| File::open("/dev/null").ok()));
        self.hoard.truncate(self.hoard.len() - sockets);
        event_loop
    }

    fn alongside<const SOCKETS: usize>(
        stage: &mut Stage<Self, SOCKETS>,
        elsewhere: impl FnOnce(&dyn Raise) + Send,
        here: impl FnOnce(&mut Stage<Self, SOCKETS>),
    ) {
        let port = stage.backend.port;
        std::thread::scope(|scope| {
            scope.spawn(move || elsewhere(&port));
            here(stage);
        });
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

    fn urgent_peer(address: SocketAddr) -> Box<dyn UrgentPeer> {
        LinuxBackend::urgent_peer(address)
    }

    fn storm(body: impl FnOnce()) -> usize {
        LinuxBackend::storm(body)
    }

    fn broken_pipes() -> usize {
        LinuxBackend::broken_pipes()
    }
}

ptk_tests::conformance!(AroundLinux);

mod simulated {
    use ptk_mock::Mock;
    use ptk_tests::mock::MockBackend;

    use super::{Around, Backend, Cx, Duration, EventLoop, Exception, Loop, Network, Platform, Raise, Stage, around};

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
            cx.platform().inner_mut().inner_mut().advance(time);
        }
    }

    ptk_tests::conformance!(AroundMock);
}
