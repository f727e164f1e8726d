//! UDP sockets as the scheduler sees them: who is woken, what handlers are told, who owns what.

mod scheduler_world;

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;

use ptk_core::prelude::*;
use ptk_core::{Handle, Readiness, TypedHandle};
use scheduler_world::{
    Loop, Step, World, datagram_sockets, idle, ms, open_loop, port, settle, start_all, step, steps, takes_by_call,
};

const DONE: Poll<Result<(), Error>> = Poll::Ready(Ok(()));

/// What was told.
type Log = RefCell<Vec<Event>>;

fn handle(handle: impl TypedHandle) -> Handle {
    handle.handle().unwrap()
}

/// A UDP socket that is connected to a port at which there is nobody.
fn lonely(event_loop: &mut Loop) -> UdpSocket {
    let (socket, gone) = datagram_sockets(event_loop);
    event_loop.cx().close(gone).unwrap();
    event_loop.cx().connect_udp(socket, port(2)).unwrap();
    socket
}

#[test]
fn each_of_several_waiters_gets_one_datagram_first_come_first_served() {
    let mut event_loop = open_loop();
    let (sender, receiver) = datagram_sockets(&mut event_loop);
    let log = RefCell::new(Vec::new());
    let waiter = |number: usize| {
        let (log, mut buffer) = (&log, Buffer::<4>::new());
        step(move |cx| {
            cx.recv_from(receiver, &mut buffer).map(|datagram| {
                log.borrow_mut().push((number, buffer.readable()[..datagram?.count].to_vec()));
                Ok(())
            })
        })
    };
    // More datagrams in one batch than there are waiters, and then waiters for the rest.
    let mut set = steps([waiter(0), waiter(1), waiter(2), waiter(3), idle()]);
    for task in [0, 1, 2, 4] {
        event_loop.cx().start(task).unwrap();
    }
    settle(&mut event_loop, &mut set);
    for number in 0..4 {
        event_loop.cx().try_send_to(sender, &[number], port(2)).unwrap();
    }
    settle(&mut event_loop, &mut set);
    assert_eq!(log.take(), [(0, vec![0]), (1, vec![1]), (2, vec![2])]);
    event_loop.cx().start(3).unwrap();
    settle(&mut event_loop, &mut set);
    assert_eq!(log.take(), [(3, vec![3])]);
}

#[test]
fn a_waiter_that_gives_up_takes_no_datagram_along() {
    let mut event_loop = open_loop();
    let (sender, receiver) = datagram_sockets(&mut event_loop);
    let mut set = [Losing { pt: PtTimed::new(), receiver, buffer: Buffer::new(), outcome: None }];
    // Both come in one turn: the end of its patience, and the datagram.
    event_loop.cx().start(0).unwrap();
    event_loop.turn_now(&mut set).unwrap();
    event_loop.cx().try_send_to(sender, b"kept", port(2)).unwrap();
    event_loop.platform_mut().mock.advance(ms(20));
    for _ in 0..3 {
        event_loop.turn_now(&mut set).unwrap();
    }
    let outcome = set[0].outcome.unwrap();
    let mut buffer = [0; 8];
    let rest = event_loop.cx().try_recv_from(receiver, &mut buffer).map(|datagram| datagram.count);
    assert_ne!(outcome.is_ok(), rest.is_ok(), "taken or kept, and not both: {outcome:?}, {rest:?}");
}

/// Waits for a datagram for a while.
struct Losing {
    pt: PtTimed,
    receiver: UdpSocket,
    buffer: Buffer<8>,
    outcome: Option<Result<Result<(), Error>, TimedOut>>,
}

impl Protothread<World> for Losing {
    type Output = ();

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, World>, _: &mut ()) {
        let received = wait!(cx.recv_from(self.receiver, &mut self.buffer), timeout = ms(10));
        self.outcome = Some(received.map(|received| received.map(|_| ())));
    }
}

#[test]
fn a_report_for_nothing_wakes_a_waiter_that_goes_on_waiting() {
    let mut event_loop = open_loop();
    let (sender, receiver) = datagram_sockets(&mut event_loop);
    let received = Cell::new(0);
    let mut set = steps([step(|cx| {
        cx.recv_from(receiver, &mut Buffer::<4>::new()).map(|datagram| {
            received.set(datagram?.count);
            Ok(())
        })
    })]);
    event_loop.cx().start(0).unwrap();
    settle(&mut event_loop, &mut set);
    event_loop.platform_mut().noise.push((handle(receiver), Readiness::ALL));
    let spurious = event_loop.counters().spurious_wakes;
    settle(&mut event_loop, &mut set);
    assert_eq!((received.get(), event_loop.counters().spurious_wakes), (0, spurious + 1));
    event_loop.cx().try_send_to(sender, b"now", port(2)).unwrap();
    settle(&mut event_loop, &mut set);
    assert_eq!(received.get(), 3);
}

#[test]
fn a_handler_is_told_readable_until_every_datagram_is_taken_and_of_no_end() {
    let mut event_loop = open_loop();
    let (sender, receiver) = datagram_sockets(&mut event_loop);
    event_loop.cx().set_handler(receiver).unwrap();
    let (log, taken) = (Log::default(), Cell::new(0));
    let mut set = steps([idle()]).on_event(|cx, told, event| {
        assert_eq!(told, handle(receiver));
        log.borrow_mut().push(event);
        if event == Event::Readable && cx.try_recv_from(receiver, &mut [0; 2]).is_ok() {
            taken.set(taken.get() + 1);
        }
        Ok(())
    });
    event_loop.cx().start(0).unwrap();
    settle(&mut event_loop, &mut set);
    assert_eq!(log.take(), [Event::Writable]);
    for _ in 0..3 {
        event_loop.cx().try_send_to(sender, b"", port(2)).unwrap();
    }
    settle(&mut event_loop, &mut set);
    let told = log.take();
    assert_eq!(taken.get(), 3);
    assert!(told.len() <= 4 && told.iter().all(|event| *event == Event::Readable), "{told:?}");
    // Whatever the platform reports, a UDP socket has no end.
    event_loop.platform_mut().noise.push((handle(receiver), Readiness::ALL));
    settle(&mut event_loop, &mut set);
    assert!(!log.borrow().contains(&Event::Disconnected), "{:?}", log.take());
}

#[test]
fn a_refusal_is_told_to_a_handler_as_readable_and_taken_by_a_receive() {
    let mut event_loop = open_loop();
    let socket = lonely(&mut event_loop);
    event_loop.cx().set_handler(socket).unwrap();
    let (log, refusals) = (Log::default(), Cell::new(0));
    let mut set = steps([idle()]).on_event(|cx, _, event| {
        log.borrow_mut().push(event);
        if event == Event::Readable && cx.try_recv_from(socket, &mut [0; 2]) == Err(Error::ConnectionRefused) {
            refusals.set(refusals.get() + 1);
        }
        Ok(())
    });
    event_loop.cx().start(0).unwrap();
    settle(&mut event_loop, &mut set);
    log.take();
    for count in 1..=3 {
        event_loop.cx().try_send_datagram(socket, b"anybody?").unwrap();
        settle(&mut event_loop, &mut set);
        let told = log.take();
        assert_eq!(refusals.get(), count, "{told:?}");
        assert!(told.len() <= 2 && told.iter().all(|event| *event == Event::Readable), "{told:?}");
    }
    assert_eq!(event_loop.counters().failed_handlers, 0);
}

#[test]
fn a_refusal_wakes_one_waiter_and_the_others_wait_on() {
    let mut event_loop = open_loop();
    let socket = lonely(&mut event_loop);
    let log = RefCell::new(Vec::new());
    let waiter = |number: usize| {
        let log = &log;
        step(move |cx| {
            cx.recv_from(socket, &mut Buffer::<4>::new()).map(|received| {
                log.borrow_mut().push((number, received.map(|_| ())));
                Ok(())
            })
        })
    };
    let mut set = steps([waiter(0), waiter(1), idle()]);
    start_all(&mut event_loop, 3);
    settle(&mut event_loop, &mut set);
    event_loop.cx().try_send_datagram(socket, b"anybody?").unwrap();
    settle(&mut event_loop, &mut set);
    assert_eq!(log.take(), [(0, Err(Error::ConnectionRefused))]);
    event_loop.cx().try_send_datagram(socket, b"anybody?").unwrap();
    settle(&mut event_loop, &mut set);
    assert_eq!(log.take(), [(1, Err(Error::ConnectionRefused))]);
}

#[test]
fn a_handler_has_a_budget_of_datagrams_and_is_told_the_rest_in_the_next_turn() {
    let mut event_loop = open_loop();
    let (sender, receiver) = datagram_sockets(&mut event_loop);
    for _ in 0..1000 {
        event_loop.cx().try_send_to(sender, &[7], port(2)).unwrap();
    }
    event_loop.cx().set_handler(receiver).unwrap();
    let calls = takes_by_call(&mut event_loop, |cx| cx.try_recv_from(receiver, &mut [0]).map(|_| 1));
    assert_eq!(calls.iter().sum::<usize>(), 1000);
    assert!(calls.iter().all(|count| *count <= 64), "{calls:?}");
}

#[test]
fn a_socket_that_is_closed_in_its_own_callback_hears_nothing_more_and_its_slot_is_free() {
    let mut event_loop = open_loop();
    let (sender, receiver) = datagram_sockets(&mut event_loop);
    let fresh = Cell::new(UdpSocket::NONE);
    let log = RefCell::new(Vec::new());
    let mut set = steps([idle()]).on_event(|cx, told, event| {
        log.borrow_mut().push((told, event));
        if told == handle(receiver) {
            cx.try_recv_from(receiver, &mut [0; 4])?;
            cx.close(receiver)?;
            assert_eq!(cx.try_recv_from(receiver, &mut [0; 4]), Err(Error::InvalidHandle));
            fresh.set(cx.udp_socket(port(3))?);
            assert_eq!(handle(fresh.get()).index(), told.index());
            cx.set_handler(fresh.get())?;
        }
        Ok(())
    });
    event_loop.cx().start(0).unwrap();
    event_loop.cx().set_handler(receiver).unwrap();
    for _ in 0..3 {
        event_loop.cx().try_send_to(sender, b"data", port(2)).unwrap();
    }
    settle(&mut event_loop, &mut set);
    let told = log.take();
    let of = |socket| told.iter().filter(move |(told, _)| *told == handle(socket)).map(|(_, event)| *event);
    assert_eq!(of(receiver).collect::<Vec<_>>(), [Event::Readable]);
    assert_eq!(of(fresh.get()).collect::<Vec<_>>(), [Event::Writable]);
    // A report that is late does not reach the new owner either.
    event_loop.platform_mut().noise.push((handle(receiver), Readiness::ALL));
    settle(&mut event_loop, &mut set);
    assert_eq!((log.take(), event_loop.counters().failed_handlers), (vec![], 0));
}

#[test]
fn a_waiter_whose_socket_is_closed_is_told_so() {
    let mut event_loop = open_loop();
    let (_sender, receiver) = datagram_sockets(&mut event_loop);
    let told = Cell::new(None);
    let mut set = steps([step(|cx| {
        cx.recv_from(receiver, &mut Buffer::<4>::new()).map(|received| {
            told.set(Some(received.map(|_| ())));
            Ok(())
        })
    })]);
    event_loop.cx().start(0).unwrap();
    settle(&mut event_loop, &mut set);
    event_loop.cx().close(receiver).unwrap();
    settle(&mut event_loop, &mut set);
    assert_eq!(told.get(), Some(Err(Error::InvalidHandle)));
}

#[test]
fn a_handler_and_waiters_exclude_each_other() {
    let mut event_loop = open_loop();
    let (_sender, receiver) = datagram_sockets(&mut event_loop);
    let mut set = steps([step(|cx| cx.recv_from(receiver, &mut Buffer::<4>::new()).map(|_| Ok(())))]);
    event_loop.cx().start(0).unwrap();
    settle(&mut event_loop, &mut set);
    assert_eq!(event_loop.cx().set_handler(receiver), Err(Error::Busy));
    drop(set);
    let mut event_loop = open_loop();
    let (_sender, receiver) = datagram_sockets(&mut event_loop);
    event_loop.cx().set_handler(receiver).unwrap();
    let refused = Cell::new(None);
    let mut set = steps([step(|cx| {
        refused.set(Some(cx.recv_from(receiver, &mut Buffer::<4>::new())));
        cx.stop();
        DONE
    })])
    .on_event(|_, _, _| Ok(()));
    event_loop.cx().start(0).unwrap();
    event_loop.run(&mut set).unwrap();
    assert_eq!(refused.get(), Some(Poll::Ready(Err(Error::Busy))));
}

/// Opens sockets in scopes that end in each way.
#[derive(Default)]
struct Opener {
    pt: PtTimed,
    child: PtTimed,
    kept: UdpSocket,
    /// How many sockets were open at each step.
    open: Vec<usize>,
}

impl Protothread<World> for Opener {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, World>, _: &mut ()) -> Result<(), Error> {
        // A wait that is given up closes what was opened under it, and its port is free again.
        let given_up = wait!(self.open_and_hang(cx), timeout = ms(5));
        assert!(given_up.is_err());
        let again = cx.udp_socket(port(7))?;
        cx.close(again)?;
        // One that fails, likewise; one that succeeds passes it on.
        let failed = wait!(self.open_and_end(cx, Err(Error::Protocol)));
        assert_eq!(failed, Err(Error::Protocol));
        let again = cx.udp_socket(port(8))?;
        cx.close(again)?;
        wait!(self.open_and_end(cx, Ok(())))?;
        self.open.push(cx.udp_socket(port(8)).map_or(0, |_| 1));
        // What is detached outlives the task.
        self.kept = cx.udp_socket(port(9))?;
        cx.detach(self.kept)
    }
}

impl Opener {
    #[protothread(self.child)]
    fn open_and_hang(&mut self, cx: &mut Cx<'_, World>) -> Result<(), Error> {
        let _ = cx.udp_socket(port(7))?;
        wait!(sleep!(Duration::MAX));
        Ok(())
    }

    #[protothread(self.child)]
    fn open_and_end(&mut self, cx: &mut Cx<'_, World>, result: Result<(), Error>) -> Result<(), Error> {
        let _ = cx.udp_socket(port(8))?;
        wait!(sleep!(ms(1)));
        result
    }
}

#[test]
fn sockets_belong_to_the_scope_that_opened_them() {
    let mut event_loop = open_loop();
    let mut set = [Opener::default()];
    event_loop.run(&mut set).unwrap();
    assert_eq!((event_loop.counters().failed_tasks, event_loop.last_error()), (0, Some(Error::AddressInUse)));
    // Port 8 was passed on to the task, so that a second was refused, and closed at its end.
    assert_eq!((&set[0].open[..], event_loop.tables().sockets.used), (&[0][..], 1));
    assert!(event_loop.cx().udp_socket(port(8)).is_ok());
    assert_eq!(event_loop.cx().local_address(set[0].kept), Ok(port(9)));
}

#[test]
fn a_cancelled_task_closes_its_sockets() {
    let mut event_loop = open_loop();
    let opened = Cell::new(UdpSocket::NONE);
    let opening: Step<'_> = step(|cx| {
        if opened.get().is_none() {
            opened.set(cx.udp_socket(port(4))?);
        }
        cx.recv_from(opened.get(), &mut Buffer::<4>::new()).map(|_| Ok(()))
    });
    let mut set = steps([opening]);
    let task = event_loop.cx().start(0).unwrap();
    settle(&mut event_loop, &mut set);
    assert_eq!(event_loop.tables().sockets.used, 1);
    event_loop.cx().cancel(task).unwrap();
    assert_eq!(event_loop.tables().sockets.used, 0);
    assert!(event_loop.cx().udp_socket(port(4)).is_ok(), "the port is free again");
}

#[test]
fn a_task_has_a_budget_of_datagrams_that_it_sends() {
    let mut event_loop = open_loop();
    let (sender, _receiver) = datagram_sockets(&mut event_loop);
    let sent = RefCell::new(Vec::new());
    let mut set = steps([step(|cx| {
        let count = (0..1000).take_while(|_| cx.try_send_to(sender, &[7], port(2)).is_ok()).count();
        sent.borrow_mut().push(count);
        if sent.borrow().len() == 3 { Poll::Ready(Ok(())) } else { cx.send_to(sender, &[7], port(2)) }
    })]);
    event_loop.cx().start(0).unwrap();
    event_loop.run(&mut set).unwrap();
    assert_eq!((sent.take(), event_loop.counters().budget_stops), (vec![64; 3], 2));
}

#[test]
fn a_buffer_without_room_receives_nothing_and_a_closed_socket_is_told_first() {
    let mut event_loop = open_loop();
    let (sender, receiver) = datagram_sockets(&mut event_loop);
    let mut full = Buffer::<1>::new();
    full.put_u8(9).unwrap();
    let mut cx = event_loop.cx();
    cx.try_send_to(sender, b"x", port(2)).unwrap();
    assert_eq!(cx.recv_from(receiver, &mut full), Poll::Ready(Err(Error::BufferFull)));
    cx.close(receiver).unwrap();
    assert_eq!(cx.recv_from(receiver, &mut full), Poll::Ready(Err(Error::InvalidHandle)));
    assert_eq!(full.readable(), [9]);
}

/// Linux takes an unspecified address for this host.
#[test]
fn nobody_is_no_peer_whatever_the_system_takes_him_for() {
    let mut event_loop = EventLoop::<_, 0, 1>::new(0, ptk_linux::Linux::new());
    event_loop.open().unwrap();
    let mut cx = event_loop.cx();
    let socket = cx.udp_socket(port(0)).unwrap();
    for nobody in [SocketAddr::from(([0; 4], 9)), port(0)] {
        assert_eq!(cx.connect_udp(socket, nobody), Err(Error::InvalidArgument), "{nobody}");
        assert_eq!(cx.peer_address(socket), Err(Error::NotConnected));
        assert_eq!(cx.try_send_to(socket, b"x", nobody), Err(Error::InvalidArgument), "{nobody}");
    }
}

#[test]
fn a_socket_sends_before_the_platform_has_said_that_it_may() {
    let mut event_loop = open_loop();
    let mut cx = event_loop.cx();
    let (sender, receiver) = (cx.udp_socket(port(1)).unwrap(), cx.udp_socket(port(2)).unwrap());
    assert_eq!(cx.try_send_to(sender, b"at once", port(2)), Ok(()));
    event_loop.turn_now(&mut steps([idle()])).unwrap();
    assert_eq!(event_loop.cx().try_recv_from(receiver, &mut [0; 8]).map(|datagram| datagram.count), Ok(7));
}
