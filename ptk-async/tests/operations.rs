//! What a future can do in a loop, on the mock: waiting, giving up, sleeping.

mod harness;

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::pin::pin;
use std::task::Poll;

use embassy_futures::block_on;
use embassy_futures::join::{join, join_array};
use embassy_futures::select::{Either, select};
use embedded_io_async::{Read as _, ReadReady as _, Write as _, WriteReady as _};
use harness::{FLOOD, LATER, is_refused, listen, new_loop, play, play_alone, sockets};
use ptk_async::{AsyncTask, Bridge, TcpConnection};
use ptk_core::prelude::*;
use ptk_core::{TaskReport, TaskState, WAIT_NODES};
use ptk_mock::Mock;

#[test]
fn two_futures_talk_over_a_connection() {
    let (mut event_loop, bridge) = (new_loop(), Bridge::<Mock>::new());
    let (listener, server) = listen(&mut event_loop);
    let heard = RefCell::new(Vec::new());
    let echo = pin!(async {
        let mut connection = bridge.accept(listener).await.unwrap();
        let mut buffer = [0; 7];
        loop {
            match connection.read(&mut buffer).await.unwrap() {
                0 => break,
                count => connection.write_all(&buffer[..count]).await.unwrap(),
            }
        }
    });
    let client = pin!(async {
        let mut connection = bridge.connect(server).await.unwrap();
        assert_eq!(connection.peer_address(), Ok(server));
        assert_eq!(connection.read(&mut []).await, Ok(0));
        assert_eq!(connection.write(&[]).await, Ok(0));
        connection.write_all(b"hello, echo").await.unwrap();
        connection.shutdown(Half::Write).unwrap();
        let mut buffer = [0; 64];
        loop {
            match connection.read(&mut buffer).await.unwrap() {
                0 => break,
                count => heard.borrow_mut().extend_from_slice(&buffer[..count]),
            }
        }
    });
    play(&mut event_loop, &bridge, [echo, client]);
    assert_eq!(*heard.borrow(), b"hello, echo");
    assert_eq!(sockets(&event_loop), 1, "the listener");
}

#[test]
fn one_future_reads_and_writes_at_once() {
    let (mut event_loop, bridge) = (new_loop(), Bridge::<Mock>::new());
    let (listener, server) = listen(&mut event_loop);
    let data = vec![7; FLOOD];
    let echo = pin!(async {
        let connection = bridge.accept(listener).await.unwrap();
        let mut buffer = [0; 4096];
        loop {
            match (&connection).read(&mut buffer).await.unwrap() {
                0 => break,
                count => (&connection).write_all(&buffer[..count]).await.unwrap(),
            }
        }
    });
    let client = pin!(async {
        let connection = bridge.connect(server).await.unwrap();
        let mut received = 0;
        let write = async {
            (&connection).write_all(&data).await.unwrap();
            connection.shutdown(Half::Write).unwrap();
        };
        let read = async {
            let mut buffer = [0; 4096];
            loop {
                match (&connection).read(&mut buffer).await.unwrap() {
                    0 => break,
                    count => received += count,
                }
            }
        };
        join(write, read).await;
        assert_eq!(received, FLOOD);
    });
    play(&mut event_loop, &bridge, [echo, client]);
}

/// A connection and its other end, both owned by the task that asks.
async fn pair<'b>(bridge: &'b Bridge<Mock>) -> (TcpConnection<'b, Mock>, TcpConnection<'b, Mock>) {
    let listener = bridge.listen(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let near = bridge.connect(listener.local_address().unwrap()).await.unwrap();
    (near, listener.accept().await.unwrap())
}

#[test]
fn outside_of_a_poll_every_operation_is_refused() {
    let bridge = Bridge::<Mock>::new();
    assert!(is_refused(block_on(async { bridge.sleep(Duration::ZERO).await })));
    assert!(is_refused(block_on(async { bridge.connect(([127, 0, 0, 1], 1).into()).await.map(drop) })));
    assert!(is_refused(block_on(async { bridge.run(|_| Poll::Ready(Ok(()))).await })));
    assert!(is_refused(block_on(async { bridge.timeout(LATER, core::future::pending::<()>()).await })));
    assert!(is_refused(bridge.with(|_| ())));
    assert!(is_refused(bridge.listen(([127, 0, 0, 1], 0).into())));
}

#[test]
fn a_context_that_is_in_use_is_not_lent_again() {
    play_alone(async |bridge| {
        let inner = bridge.with(|_| bridge.with(|_| ())).unwrap();
        assert!(is_refused(inner));
        assert_eq!(bridge.with(|_| ()), Ok(()), "and comes back");
    });
}

#[test]
fn a_loop_inside_a_poll_has_the_bridge_for_itself_and_gives_it_back() {
    play_alone(async |bridge| {
        let outer = bridge.with(|cx| cx.current_task()).unwrap();
        let mut inner_loop = Box::new(harness::Loop::new(2, Mock::new()));
        inner_loop.open().unwrap();
        let inner = pin!(async {
            bridge.sleep(LATER).await.unwrap();
            assert_ne!(bridge.with(|cx| cx.current_task()), Ok(outer));
        });
        play(&mut inner_loop, bridge, [inner]);
        assert_eq!(bridge.with(|cx| cx.current_task()), Ok(outer));
    });
}

#[test]
fn a_connect_that_is_given_up_is_closed() {
    let (mut event_loop, bridge) = (new_loop(), Bridge::<Mock>::new());
    let mut cx = event_loop.cx();
    let listener = cx.listen_with(([127, 0, 0, 1], 0).into(), &Options { backlog: 1, ..Options::DEFAULT }).unwrap();
    let server = cx.local_address(listener).unwrap();
    let future = pin!(async {
        let full = [bridge.connect(server).await.unwrap(), bridge.connect(server).await.unwrap()];
        let before = bridge.with(|cx| cx.platform().open_sockets()).unwrap();
        let during = Cell::new(0);
        let look = async {
            bridge.sleep(Duration::from_millis(10)).await.unwrap();
            during.set(bridge.with(|cx| cx.platform().open_sockets()).unwrap());
            core::future::pending::<()>().await;
        };
        let both = select(bridge.connect(server), look);
        let result = bridge.timeout(Duration::from_millis(100), both).await;
        assert!(matches!(result, Err(Error::TimedOut)));
        assert_eq!((during.get(), bridge.with(|cx| cx.platform().open_sockets())), (before + 1, Ok(before)));
        drop(full);
    });
    play(&mut event_loop, &bridge, [future]);
}

#[test]
fn two_connects_to_one_peer_are_two() {
    let (mut event_loop, bridge) = (new_loop(), Bridge::<Mock>::new());
    let (_, server) = listen(&mut event_loop);
    let future = pin!(async {
        let (one, two) = join(bridge.connect(server), bridge.connect(server)).await;
        assert_ne!(one.unwrap().handle(), two.unwrap().handle());
    });
    play(&mut event_loop, &bridge, [future]);
}

#[test]
fn a_refused_connect_says_so_and_leaves_nothing() {
    let (mut event_loop, bridge) = (new_loop(), Bridge::<Mock>::new());
    let (listener, server) = listen(&mut event_loop);
    event_loop.cx().close(listener).unwrap();
    let future = pin!(async {
        assert!(matches!(bridge.connect(server).await, Err(Error::ConnectionRefused)));
    });
    play(&mut event_loop, &bridge, [future]);
    assert_eq!(sockets(&event_loop), 0);
}

#[test]
fn a_read_that_is_given_up_takes_nothing() {
    play_alone(async |bridge| {
        let (mut near, mut far) = pair(bridge).await;
        let mut buffer = [0; 8];
        assert!(bridge.timeout(Duration::from_millis(1), near.read(&mut buffer)).await.is_err());
        far.write_all(b"all").await.unwrap();
        near.read_exact(&mut buffer[..3]).await.unwrap();
        assert_eq!(&buffer[..3], b"all");
    });
}

#[test]
fn a_task_waits_for_as_much_as_it_has_nodes_and_no_more() {
    let event_loop = play_alone(async |bridge| {
        let mut pairs = Vec::new();
        for _ in 0..harness::ONE_TOO_MANY {
            pairs.push(pair(bridge).await);
        }
        let (near, mut far): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        let read = |index: usize| {
            let near: &TcpConnection<'_, Mock> = &near[index];
            async move { { near }.read(&mut [0; 8]).await }
        };
        let write = async {
            // After the others have registered.
            bridge.sleep(LATER).await.unwrap();
            for far in &mut far {
                far.write_all(b"x").await.unwrap();
            }
        };
        let (mut results, ()) =
            join(join_array::<_, { harness::ONE_TOO_MANY }>(core::array::from_fn(read)), write).await;
        results.sort_by_key(|result| result.is_ok());
        assert_eq!(results[0], Err(Error::TooManyWaits));
        assert!(results[1..].iter().all(|result| *result == Ok(1)), "{results:?}");
    });
    assert_eq!(event_loop.counters().too_many_waits, 1);
}

#[test]
fn what_was_given_up_in_the_same_resume_takes_no_nodes() {
    let event_loop = play_alone(async |bridge| {
        let mut pairs = Vec::new();
        for _ in 0..WAIT_NODES {
            pairs.push(pair(bridge).await);
        }
        let (near, mut far): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        let mut others = Vec::new();
        for _ in 0..WAIT_NODES {
            others.push(pair(bridge).await);
        }
        let (other_near, _other_far): (Vec<_>, Vec<_>) = others.into_iter().unzip();
        let all = join_array::<_, WAIT_NODES>(core::array::from_fn(|index| {
            let near = &other_near[index];
            async move { { near }.read(&mut [0; 8]).await }
        }));
        // All nodes are taken, and at once nobody waits any more.
        assert!(matches!(select(all, async {}).await, Either::Second(())));
        let write = async {
            bridge.sleep(LATER).await.unwrap();
            for far in &mut far {
                far.write_all(b"x").await.unwrap();
            }
        };
        let reads = join_array::<_, WAIT_NODES>(core::array::from_fn(|index| {
            let near = &near[index];
            async move { { near }.read(&mut [0; 8]).await }
        }));
        let (results, ()) = join(reads, write).await;
        assert_eq!(results, [Ok(1); WAIT_NODES]);
    });
    let counters = event_loop.counters();
    assert_eq!(counters.too_many_waits, 0);
    assert!(counters.polls < 40, "it does not spin: {counters:?}");
}

#[test]
fn who_waits_beside_what_was_given_up_is_still_woken() {
    let (mut event_loop, bridge) = (new_loop(), Bridge::<Mock>::new());
    let passed_on = RefCell::new(None);
    let future = pin!(async {
        let (mut near, far) = pair(&bridge).await;
        passed_on.replace(Some(far));
        let mut others = Vec::new();
        for _ in 0..WAIT_NODES {
            others.push(pair(&bridge).await);
        }
        let given_up = join_array::<_, { WAIT_NODES - 1 }>(core::array::from_fn(|index| {
            let near = &others[index].0;
            async move { { near }.read(&mut [0; 8]).await }
        }));
        let mut buffer = [0; 8];
        let waits = near.read(&mut buffer);
        let beside = async {
            assert!(matches!(select(given_up, async {}).await, Either::Second(())));
            let last = (&others[WAIT_NODES - 1].0).read(&mut [0; 8]).await;
            panic!("nobody writes there: {last:?}");
        };
        assert!(matches!(select(waits, beside).await, Either::First(Ok(1))));
    });
    // From another task: nothing else resumes the first one.
    let writer = pin!(async {
        bridge.sleep(LATER).await.unwrap();
        let far = passed_on.take().unwrap();
        (&far).write_all(b"x").await.unwrap();
    });
    play(&mut event_loop, &bridge, [future, writer]);
    assert_eq!(event_loop.counters().too_many_waits, 0);
}

#[test]
fn a_sleep_is_exact_and_zero_gives_way() {
    let (mut event_loop, bridge) = (new_loop(), Bridge::<Mock>::new());
    let order = RefCell::new(Vec::new());
    let first = pin!(async {
        let start = bridge.now().unwrap();
        order.borrow_mut().push(1);
        bridge.sleep(Duration::ZERO).await.unwrap();
        order.borrow_mut().push(3);
        assert_eq!(bridge.now(), Ok(start));
        // Longest first: the earliest of a task's deadlines counts.
        join(bridge.sleep(LATER), bridge.sleep(Duration::from_millis(3))).await.0.unwrap();
        assert_eq!(bridge.now(), Ok(start + LATER));
        bridge.sleep_until(start + LATER + LATER).await.unwrap();
        assert_eq!(bridge.now(), Ok(start + LATER + LATER));
    });
    let second = pin!(async { order.borrow_mut().push(2) });
    play(&mut event_loop, &bridge, [first, second]);
    assert_eq!(*order.borrow(), [1, 2, 3]);
}

#[test]
fn a_timeout_gives_what_was_ready_in_time() {
    play_alone(async |bridge| {
        let soon = bridge.sleep(Duration::from_millis(1));
        assert_eq!(bridge.timeout(LATER, soon).await, Ok(Ok(())));
        assert_eq!(bridge.timeout(LATER, core::future::pending::<()>()).await, Err(Error::TimedOut));
        assert_eq!(bridge.timeout(Duration::ZERO, async { 1 }).await, Ok(1));
    });
}

#[test]
fn asking_for_readiness_waits_for_nothing() {
    play_alone(async |bridge| {
        let (mut near, mut far) = pair(bridge).await;
        assert_eq!((near.read_ready(), near.write_ready()), (Ok(false), Ok(true)));
        let mut more = Vec::new();
        for _ in 0..harness::ONE_TOO_MANY {
            let mut pair = pair(bridge).await;
            assert_eq!(pair.0.read_ready(), Ok(false));
            more.push(pair);
        }
        // All in one resume: what was only asked for is waited for no more.
        for pair in &mut more {
            assert_eq!(pair.0.read_ready(), Ok(false));
        }
        let read = bridge.timeout(Duration::from_millis(1), near.read(&mut [0])).await;
        assert_eq!(read, Err(Error::TimedOut));
        far.write_all(b"x").await.unwrap();
        bridge.sleep(LATER).await.unwrap();
        assert_eq!(near.read_ready(), Ok(true));
        near.read_exact(&mut [0]).await.unwrap();
        drop(far);
        bridge.sleep(LATER).await.unwrap();
        assert_eq!(near.read_ready(), Ok(true), "the end is there");
        assert_eq!(near.read(&mut [0]).await, Ok(0));
        let full = async {
            let (near, _far) = more.pop().unwrap();
            (&near).write(&vec![0; FLOOD]).await.unwrap();
            assert_eq!((&near).write_ready(), Ok(false));
        };
        full.await;
    });
}

/// Connects and waits for ever, or fails.
#[derive(Default)]
struct Holder {
    pt: Pt,
    server: Option<SocketAddr>,
    fails: bool,
    runs: u32,
}

impl<P: Platform> Protothread<P> for Holder {
    type Output = Result<u32, Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<u32, Error> {
        self.runs += 1;
        wait!(cx.connect(self.server.ok_or(Error::InvalidArgument)?))?;
        yield_now!();
        if self.fails {
            return Err(Error::Protocol);
        }
        Ok(self.runs)
    }
}

#[test]
fn a_protothread_that_is_awaited_starts_at_its_beginning_and_keeps_what_it_opened() {
    let (mut event_loop, bridge) = (new_loop(), Bridge::<Mock>::new());
    let (_, server) = listen(&mut event_loop);
    let future = pin!(async {
        let used = || bridge.with(|cx| cx.platform().open_sockets()).unwrap();
        let mut holder = Holder { server: Some(server), ..Holder::default() };
        assert_eq!(bridge.run(|cx| holder.run(cx, &mut ())).await, Ok(1));
        assert_eq!(used(), 2, "what it opened is the task's");
        assert_eq!(bridge.run(|cx| holder.run(cx, &mut ())).await, Ok(2));
        assert_eq!(used(), 3);
        holder.fails = true;
        assert_eq!(bridge.run(|cx| holder.run(cx, &mut ())).await, Err(Error::Protocol));
        assert_eq!(used(), 3, "it failed: closed");
    });
    play(&mut event_loop, &bridge, [future]);
    assert_eq!(sockets(&event_loop), 1);
}

/// Opens a socket, and waits for ever.
#[derive(Default)]
struct Stuck {
    pt: Pt,
    server: Option<SocketAddr>,
    socket: TcpSocket,
    buffer: Buffer<8>,
}

impl<P: Platform> Protothread<P> for Stuck {
    type Output = Result<usize, Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<usize, Error> {
        self.socket = wait!(cx.connect(self.server.ok_or(Error::InvalidArgument)?))?;
        wait!(cx.recv(self.socket, &mut self.buffer))
    }
}

#[test]
fn giving_up_one_protothread_closes_nothing_of_another() {
    let (mut event_loop, bridge) = (new_loop(), Bridge::<Mock>::new());
    let (listener, server) = listen(&mut event_loop);
    let future = pin!(async {
        let mut one = Stuck { server: Some(server), ..Stuck::default() };
        let mut two = Stuck { server: Some(server), ..Stuck::default() };
        let short = bridge.timeout(Duration::from_millis(5), bridge.run(|cx| one.run(cx, &mut ())));
        let long = bridge.run(|cx| two.run(cx, &mut ()));
        let (short, long) = join(short, long).await;
        assert_eq!((short.err(), long), (Some(Error::TimedOut), Ok(1)));
    });
    let peer = pin!(async {
        let first = bridge.accept(listener).await.unwrap();
        let second = bridge.accept(listener).await.unwrap();
        bridge.sleep(LATER).await.unwrap();
        let used = bridge.with(|cx| cx.platform().open_sockets()).unwrap();
        assert_eq!(used, 4, "the listener, both here, and one of the two there");
        let _ = (&first).write(b"x").await;
        let _ = (&second).write(b"x").await;
    });
    play(&mut event_loop, &bridge, [future, peer]);
    assert_eq!(event_loop.counters().too_many_waits, 0);
}

#[test]
fn eight_protothreads_are_awaited_at_once() {
    let (mut event_loop, bridge) = (new_loop(), Bridge::<Mock>::new());
    let future = pin!(async {
        let never = || bridge.run(|_| Poll::<Result<(), Error>>::Pending);
        {
            let mut eight: [_; 8] = core::array::from_fn(|_| Box::pin(never()));
            let poll_all = core::future::poll_fn(|context| {
                let pending = eight.iter_mut().map(|future| future.as_mut().poll(context)).filter(Poll::is_pending);
                Poll::Ready(pending.count())
            });
            assert_eq!(poll_all.await, 8);
            assert_eq!(never().await, Err(Error::Busy));
        }
        assert_eq!(bridge.run(|_| Poll::Ready(Ok(()))).await, Ok(()), "their places are free");
    });
    let mut tasks = [AsyncTask::new(&bridge, future as harness::Act<'_>)];
    event_loop.run(&mut tasks).unwrap();
}

#[test]
fn a_listing_shows_what_a_future_waits_for() {
    let (mut event_loop, bridge) = (new_loop(), Bridge::<Mock>::new());
    let (listener, _) = listen(&mut event_loop);
    let future = pin!(async { bridge.accept(listener).await.map(drop) });
    let tasks = [AsyncTask::new(&bridge, future)];
    let mut tasks = tasks;
    event_loop.turn_now(&mut tasks).unwrap();
    let mut seen = Vec::new();
    event_loop.list_tasks(&tasks, |report: &TaskReport| seen.push((report.state, report.waits[0].is_some())));
    assert_eq!(seen, [(TaskState::Waiting, true)]);
}
