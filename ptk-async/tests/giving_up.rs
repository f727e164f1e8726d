//! What is dropped while the context is in use, and what is never dropped, on the mock.

mod harness;

use std::cell::RefCell;
use std::mem;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::Poll;

use embassy_futures::join::join_array;
use embedded_io_async::Read as _;
use harness::{Act, LATER, listen, new_loop, play, play_alone, sockets};
use ptk_async::{AsyncTask, Bridge, UdpIo};
use ptk_core::WAIT_NODES;
use ptk_core::prelude::*;
use ptk_mock::Mock;

/// How many protothreads a task awaits at once, and how many handles are closed when the context comes back.
const EIGHT: usize = 8;

type Cxm<'c> = Cx<'c, Mock>;
type Holder<'b> = Pin<Box<dyn Future<Output = Result<(), Error>> + 'b>>;

fn any() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn udp(bridge: &Bridge<Mock>) -> UdpIo<'_, Mock> {
    bridge.udp(any()).unwrap()
}

fn open(bridge: &Bridge<Mock>) -> usize {
    bridge.with(|cx| cx.platform().open_sockets()).unwrap()
}

/// The future of a protothread that opens a socket and never ends, not yet polled.
fn holder(bridge: &Bridge<Mock>) -> Holder<'_> {
    let mut opened = false;
    Box::pin(bridge.run(move |cx| {
        if !mem::replace(&mut opened, true) {
            cx.udp_socket(any())?;
        }
        Poll::Pending
    }))
}

/// Polls a future once, which does not end.
async fn start<F: Future + Unpin>(future: &mut F) {
    let pending = core::future::poll_fn(|context| Poll::Ready(Pin::new(&mut *future).poll(context).is_pending())).await;
    assert!(pending);
}

/// The same, polled once: its socket is open.
async fn held(bridge: &Bridge<Mock>) -> Holder<'_> {
    let mut holder = holder(bridge);
    start(&mut holder).await;
    holder
}

#[test]
fn what_is_dropped_in_a_call_with_the_context_is_closed_behind_it() {
    play_alone(async |bridge| {
        let socket = udp(bridge);
        bridge.with(|_| drop(socket)).unwrap();
        assert_eq!(open(bridge), 0, "a socket");

        let listener = bridge.listen(any()).unwrap();
        let connection = bridge.connect(listener.local_address().unwrap()).await.unwrap();
        bridge.with(|_| drop((listener, connection))).unwrap();
        assert_eq!(open(bridge), 0, "a listener and a connection");

        let socket = udp(bridge);
        bridge.with(|_| assert!(bridge.with(move |_| drop(socket)).is_err())).unwrap();
        assert_eq!(open(bridge), 0, "with a closure that was not called");
    });
}

#[test]
fn what_is_dropped_in_an_operation_is_closed_behind_it() {
    play_alone(async |bridge| {
        let mut socket = Some(udp(bridge));
        let wait = bridge.wait(|_| {
            socket.take();
            Poll::Ready(Ok(()))
        });
        wait.await.unwrap();
        assert_eq!(open(bridge), 0);

        let mut socket = Some(udp(bridge));
        let mut run = pin!(bridge.run(|_| {
            socket.take();
            Poll::<Result<(), Error>>::Pending
        }));
        start(&mut run).await;
        assert_eq!(open(bridge), 0, "one that is pending");
    });
}

#[test]
fn what_is_dropped_by_a_panic_in_an_operation_is_closed_behind_it() {
    play_alone(async |bridge| {
        let socket = udp(bridge);
        let panics = move |_: &mut Cxm<'_>| {
            let _dropped = socket;
            panic!("on purpose");
        };
        assert!(catch_unwind(AssertUnwindSafe(|| bridge.with(panics))).is_err());
        assert_eq!(open(bridge), 0);
    });
}

#[test]
fn a_handle_that_was_closed_and_dropped_in_one_call_closes_nothing_else() {
    let event_loop = play_alone(async |bridge| {
        let socket = udp(bridge);
        let closed = bridge.with(|cx| {
            let handle = socket.handle();
            drop(socket);
            cx.close(handle).unwrap();
            cx.udp_socket(any()).unwrap()
        });
        let next = UdpIo::new(bridge, closed.unwrap());
        assert!(next.local_address().is_ok());
    });
    assert_eq!(event_loop.last_error(), None, "nothing was closed twice");
}

#[test]
fn eight_that_are_dropped_in_one_call_are_closed_and_the_others_with_their_task() {
    let event_loop = play_alone(async |bridge| {
        let ten: [_; EIGHT + 2] = core::array::from_fn(|_| udp(bridge));
        bridge.with(|_| drop(ten)).unwrap();
        assert_eq!(open(bridge), 2);
        let eight: [_; EIGHT] = core::array::from_fn(|_| udp(bridge));
        bridge.with(|_| drop(eight)).unwrap();
        assert_eq!(open(bridge), 2, "there is room again");
    });
    assert_eq!(sockets(&event_loop), 0);
}

#[test]
fn a_protothread_that_is_dropped_in_a_call_with_the_context_leaves_its_place() {
    play_alone(async |bridge| {
        for _ in 0..EIGHT + 1 {
            let child = held(bridge).await;
            assert_eq!(open(bridge), 1);
            bridge.with(|_| drop(child)).unwrap();
            assert_eq!(open(bridge), 0);
        }
    });
}

#[test]
fn a_protothread_that_is_dropped_in_an_operation_leaves_its_place() {
    play_alone(async |bridge| {
        let mut kept = held(bridge).await;
        for round in 0..EIGHT + 1 {
            let mut child = Some(held(bridge).await);
            assert_eq!(open(bridge), 2);
            let drops = |_: &mut Cxm<'_>| {
                child.take();
                Poll::Ready(Ok(()))
            };
            match round % 2 {
                0 => bridge.wait(drops).await.unwrap(),
                _ => bridge.run(drops).await.unwrap(),
            }
            assert_eq!(open(bridge), 1, "the other protothread's");
        }
        start(&mut kept).await;
    });
}

#[test]
fn all_protothreads_can_be_dropped_in_one_call() {
    play_alone(async |bridge| {
        for _ in 0..2 {
            let mut children: [_; EIGHT] = core::array::from_fn(|_| holder(bridge));
            for child in &mut children {
                start(child).await;
            }
            assert_eq!((open(bridge), holder(bridge).await), (EIGHT, Err(Error::Busy)));
            bridge.with(|_| drop(children)).unwrap();
            assert_eq!(open(bridge), 0);
        }
    });
}

#[test]
fn a_wait_that_is_dropped_in_a_call_with_the_context_takes_no_nodes() {
    let (mut event_loop, bridge) = (new_loop(), Bridge::<Mock>::new());
    let (listener, server) = listen(&mut event_loop);
    let future = pin!(async {
        let mut near = Vec::new();
        for _ in 0..2 * WAIT_NODES {
            near.push(bridge.connect(server).await.unwrap());
        }
        let read = |index: usize| {
            let near = &near[index];
            async move { { near }.read(&mut [0; 8]).await }
        };
        let mut given_up: [_; WAIT_NODES] = core::array::from_fn(|index| Box::pin(read(index)));
        for read in &mut given_up {
            start(read).await;
        }
        bridge.with(|_| drop(given_up)).unwrap();
        let results = join_array::<_, WAIT_NODES>(core::array::from_fn(|index| read(WAIT_NODES + index))).await;
        assert_eq!(results, [Ok(0); WAIT_NODES], "the peer ends");
    });
    let peer = pin!(async {
        let mut far = Vec::new();
        for _ in 0..2 * WAIT_NODES {
            far.push(bridge.accept(listener).await.unwrap());
        }
        bridge.sleep(LATER).await.unwrap();
    });
    play(&mut event_loop, &bridge, [future, peer]);
    assert_eq!(event_loop.counters().too_many_waits, 0);
}

#[test]
fn a_future_inside_an_awaited_task_gives_up_what_is_its_own() {
    play_alone(async |bridge| {
        let mut outer = held(bridge).await;
        let inner = pin!(async {
            for _ in 0..EIGHT + 1 {
                let (mut child, socket) = (holder(bridge), udp(bridge));
                start(&mut child).await;
                assert_eq!(open(bridge), 3);
                bridge.with(|_| drop((child, socket))).unwrap();
                assert_eq!(open(bridge), 1, "what the outer one holds");
            }
        });
        let mut task = AsyncTask::new(bridge, inner);
        bridge.run(|cx| task.run(cx, &mut ())).await.unwrap();
        start(&mut outer).await;
        bridge.with(|_| drop(outer)).unwrap();
        assert_eq!(open(bridge), 0);
    });
}

#[test]
fn a_protothread_that_outlives_its_awaited_task_closes_nothing_of_the_next_one() {
    let event_loop = play_alone(async |bridge| {
        let passed_on = RefCell::new(None);
        let first = pin!(async {
            let child = held(bridge).await;
            passed_on.replace(Some(child));
        });
        let mut task = AsyncTask::new(bridge, first);
        bridge.run(|cx| task.run(cx, &mut ())).await.unwrap();
        assert_eq!(open(bridge), 1, "it passed to the task");
        let second = pin!(async {
            let mut child = held(bridge).await;
            drop(passed_on.take());
            assert_eq!(open(bridge), 2);
            start(&mut child).await;
        });
        let mut task = AsyncTask::new(bridge, second);
        bridge.run(|cx| task.run(cx, &mut ())).await.unwrap();
    });
    assert_eq!(sockets(&event_loop), 0);
}

#[test]
fn a_protothread_that_is_dropped_outside_of_its_task_ends_with_the_task() {
    let (mut event_loop, bridge) = (new_loop(), Bridge::<Mock>::new());
    let passed_on = RefCell::new(None);
    let future = pin!(async {
        let child = held(&bridge).await;
        passed_on.replace(Some(child));
        bridge.sleep(LATER).await.unwrap();
        assert_eq!(open(&bridge), 1);
        bridge.sleep(LATER).await.unwrap();
    });
    let other = pin!(async {
        bridge.sleep(Duration::from_millis(1)).await.unwrap();
        let child = passed_on.take();
        let own = held(&bridge).await;
        bridge.with(|_| drop(child)).unwrap();
        assert_eq!(open(&bridge), 2, "it closes nothing of the task in whose poll it is dropped");
        drop(own);
        bridge.sleep(LATER + LATER + LATER).await.unwrap();
        assert_eq!(open(&bridge), 0);
    });
    play(&mut event_loop, &bridge, [future as Act<'_>, other]);
}

#[test]
fn a_protothread_that_goes_on_in_another_task_is_refused_there_and_goes_on_in_its_own() {
    let (mut event_loop, bridge) = (new_loop(), Bridge::<Mock>::new());
    let passed_on = RefCell::new(None);
    let future = pin!(async {
        let child = held(&bridge).await;
        passed_on.replace(Some(child));
        bridge.sleep(LATER).await.unwrap();
        let mut child = passed_on.take().unwrap();
        start(&mut child).await;
        assert_eq!(open(&bridge), 1);
        drop(child);
        assert_eq!(open(&bridge), 0);
    });
    let other = pin!(async {
        bridge.sleep(Duration::from_millis(1)).await.unwrap();
        let mut child = passed_on.take().unwrap();
        assert_eq!(child.as_mut().await, Err(Error::NotSupported));
        passed_on.replace(Some(child));
    });
    play(&mut event_loop, &bridge, [future, other]);
}

#[test]
fn a_protothread_that_is_forgotten_keeps_its_place_until_its_task_ends() {
    let (mut event_loop, bridge) = (new_loop(), Bridge::<Mock>::new());
    let future = pin!(async {
        for _ in 0..EIGHT {
            mem::forget(held(&bridge).await);
        }
        assert_eq!((open(&bridge), holder(&bridge).await), (EIGHT, Err(Error::Busy)));
    });
    let other = pin!(async {
        bridge.sleep(LATER).await.unwrap();
        assert_eq!(open(&bridge), 0);
        drop(held(&bridge).await);
    });
    play(&mut event_loop, &bridge, [future, other]);
}
