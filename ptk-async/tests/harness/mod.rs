//! A loop on the mock, and futures that run on it.
#![allow(dead_code, reason = "each test program uses a part")]

use std::net::SocketAddr;
use std::pin::{Pin, pin};

use ptk_async::{AsyncTask, Bridge};
use ptk_core::{Duration, Error, EventLoop, TcpListener, WAIT_NODES};
use ptk_mock::Mock;

pub(crate) type Loop = EventLoop<Mock, 4, 32, 4, 4>;
pub(crate) type Act<'f> = Pin<&'f mut (dyn Future<Output = ()> + 'f)>;

/// More than a connection can hold, so that who sends it has to wait.
pub(crate) const FLOOD: usize = 1 << 20;

/// Long enough for everything else to happen.
pub(crate) const LATER: Duration = Duration::from_secs(1);

pub(crate) fn new_loop() -> Box<Loop> {
    let mut event_loop = Box::new(Loop::new(1, Mock::new()));
    event_loop.open().unwrap();
    event_loop
}

/// A listener that no task owns.
pub(crate) fn listen(event_loop: &mut Loop) -> (TcpListener, SocketAddr) {
    let mut cx = event_loop.cx();
    let listener = cx.listen(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    (listener, cx.local_address(listener).unwrap())
}

/// Runs the futures to their ends.
pub(crate) fn play<const N: usize>(event_loop: &mut Loop, bridge: &Bridge<Mock>, futures: [Act<'_>; N]) {
    let mut tasks = futures.map(|future| AsyncTask::new(bridge, future));
    event_loop.run(&mut tasks).unwrap();
    assert_eq!(event_loop.counters().failed_tasks, 0, "{:?}", event_loop.last_error());
}

/// Runs one future to its end, on a loop of its own.
pub(crate) fn play_alone(act: impl AsyncFnOnce(&Bridge<Mock>)) -> Box<Loop> {
    let (mut event_loop, bridge) = (new_loop(), Bridge::new());
    play(&mut event_loop, &bridge, [pin!(act(&bridge))]);
    event_loop
}

/// What a future that asks for one wait too many is told.
pub(crate) const ONE_TOO_MANY: usize = WAIT_NODES + 1;

/// How many sockets are open.
pub(crate) fn sockets(event_loop: &Loop) -> usize {
    assert!(event_loop.platform().open_sockets() <= event_loop.tables().sockets.used);
    event_loop.tables().sockets.used
}

pub(crate) fn is_refused<T>(result: Result<T, Error>) -> bool {
    matches!(result, Err(Error::NotSupported))
}
