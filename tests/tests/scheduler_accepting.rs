//! Many tasks that wait on one listener: woken one at a time, first come, first served, and nobody forgotten.

mod scheduler_world;

use std::cell::{Cell, RefCell};
use std::task::{Poll, ready};

use ptk_core::{Buffer, Error, EventLoop, Options, Readiness, TcpListener, TcpSocket, TypedHandle};
use scheduler_world::{
    Loop, Step, World, connection, hash, idle, ms, open_loop, open_loop_in, port, settle, start_all, step, steps,
};

const DONE: Poll<Result<(), Error>> = Poll::Ready(Ok(()));

/// Who accepted, in order.
type Log = RefCell<Vec<usize>>;

/// A task that accepts once, and says so.
fn acceptor(log: &Log, name: usize, listener: TcpListener) -> Step<'_> {
    step(move |cx| match cx.accept(listener) {
        Poll::Ready(socket) => {
            cx.detach(socket.unwrap()).unwrap();
            log.borrow_mut().push(name);
            DONE
        }
        Poll::Pending => Poll::Pending,
    })
}

/// Begins to connect to the listener, from nowhere.
fn connect(event_loop: &mut Loop, address: u16) -> TcpSocket {
    let socket = event_loop.cx().tcp_socket(&Options::DEFAULT).unwrap();
    assert!(event_loop.cx().connect_on(socket, port(address)).is_pending());
    socket
}

#[test]
fn each_connection_wakes_one_waiter_and_they_come_in_the_order_in_which_they_waited() {
    let (mut event_loop, log) = (open_loop(), Log::default());
    let listener = event_loop.cx().listen(port(1)).unwrap();
    let mut set = steps([0, 1, 2, 3].map(|name| acceptor(&log, name, listener)));
    settle(&mut event_loop, &mut set);
    let before = event_loop.counters().polls;
    for round in 1..=4 {
        connect(&mut event_loop, 1);
        settle(&mut event_loop, &mut set);
        // Who accepted cannot know that it was the last connection, so the next waiter has a look: two polls each.
        assert_eq!(event_loop.counters().polls, before + (2 * round).min(7));
    }
    assert_eq!(*log.borrow(), [0, 1, 2, 3]);
}

#[test]
fn connections_that_come_together_wake_as_many_in_order() {
    let (mut event_loop, log) = (open_loop(), Log::default());
    let listener = event_loop.cx().listen(port(1)).unwrap();
    let mut set = steps([0, 1, 2, 3].map(|name| acceptor(&log, name, listener)));
    settle(&mut event_loop, &mut set);
    for _ in 0..3 {
        connect(&mut event_loop, 1);
    }
    settle(&mut event_loop, &mut set);
    assert_eq!(*log.borrow(), [0, 1, 2]);
}

#[test]
fn a_spurious_wake_keeps_the_place_and_changes_nothing() {
    let (mut event_loop, log) = (open_loop(), Log::default());
    let listener = event_loop.cx().listen(port(1)).unwrap();
    let mut set = steps([0, 1, 2].map(|name| acceptor(&log, name, listener)));
    settle(&mut event_loop, &mut set);
    let before = hash(&event_loop);
    for _ in 0..2 {
        event_loop.platform_mut().noise.push((listener.handle().unwrap(), Readiness::READ));
        event_loop.turn(&mut set).unwrap();
        assert_eq!(hash(&event_loop), before);
    }
    assert_eq!(event_loop.counters().spurious_wakes, 2);
    for _ in 0..3 {
        connect(&mut event_loop, 1);
        settle(&mut event_loop, &mut set);
    }
    assert_eq!(*log.borrow(), [0, 1, 2]);
}

#[test]
fn two_that_are_woken_together_for_nothing_keep_their_order() {
    let (mut event_loop, log) = (open_loop(), Log::default());
    let listener = event_loop.cx().listen(port(1)).unwrap();
    let mut set = steps([0, 1, 2].map(|name| acceptor(&log, name, listener)));
    settle(&mut event_loop, &mut set);
    let before = hash(&event_loop);
    let noise = (listener.handle().unwrap(), Readiness::READ);
    event_loop.platform_mut().noise.extend([noise, noise]);
    event_loop.turn(&mut set).unwrap();
    assert_eq!(hash(&event_loop), before);
    for _ in 0..3 {
        connect(&mut event_loop, 1);
    }
    settle(&mut event_loop, &mut set);
    assert_eq!(*log.borrow(), [0, 1, 2]);
}

#[test]
fn a_woken_waiter_that_leaves_without_accepting_passes_the_connection_on() {
    let (mut event_loop, log) = (open_loop(), Log::default());
    let listener = event_loop.cx().listen(port(1)).unwrap();
    let mut polls = 0;
    let leaver = step(|cx| {
        polls += 1;
        if polls == 2 {
            return DONE;
        }
        assert!(cx.accept(listener).is_pending());
        Poll::Pending
    });
    let mut set = steps([leaver, acceptor(&log, 1, listener)]);
    settle(&mut event_loop, &mut set);
    connect(&mut event_loop, 1);
    settle(&mut event_loop, &mut set);
    assert_eq!(*log.borrow(), [1]);
}

#[test]
fn a_waiter_that_is_cancelled_by_a_handler_after_it_was_woken_passes_the_connection_on() {
    let (mut event_loop, log) = (open_loop(), Log::default());
    let listener = event_loop.cx().listen(port(1)).unwrap();
    let timer = event_loop.cx().timer().unwrap();
    event_loop.cx().set_handler(timer).unwrap();
    let tasks = [0, 1].map(|index| event_loop.cx().start(index).unwrap());
    let mut set = steps([0, 1].map(|name| acceptor(&log, name, listener)))
        // Handlers run after the wait has queued the first waiter, and before it is polled.
        .on_event(|cx, _, _| cx.cancel(tasks[0]));
    settle(&mut event_loop, &mut set);
    connect(&mut event_loop, 1);
    event_loop.cx().start_timer(timer, ms(0)).unwrap();
    settle(&mut event_loop, &mut set);
    assert_eq!(*log.borrow(), [1]);
}

#[test]
fn a_task_that_is_woken_by_two_sources_passes_both_on() {
    let (mut event_loop, log) = (open_loop(), Log::default());
    let listeners = [1, 2].map(|address| event_loop.cx().listen(port(address)).unwrap());
    let mut polls = 0;
    let both = step(|cx| {
        polls += 1;
        if polls == 2 {
            return DONE;
        }
        assert!(listeners.map(|listener| cx.accept(listener).is_pending()) == [true, true]);
        Poll::Pending
    });
    let mut set = steps([both, acceptor(&log, 1, listeners[0]), acceptor(&log, 2, listeners[1])]);
    settle(&mut event_loop, &mut set);
    connect(&mut event_loop, 1);
    connect(&mut event_loop, 2);
    settle(&mut event_loop, &mut set);
    log.borrow_mut().sort_unstable();
    assert_eq!(*log.borrow(), [1, 2]);
}

#[test]
fn all_waiters_of_a_listener_that_is_closed_hear_of_it() {
    let mut event_loop = open_loop();
    let listener = event_loop.cx().listen(port(1)).unwrap();
    let told = Cell::new(0);
    let waiter = || {
        step(|cx| match cx.accept(listener) {
            Poll::Ready(accepted) => {
                assert_eq!(accepted, Err(Error::InvalidHandle));
                told.set(told.get() + 1);
                DONE
            }
            Poll::Pending => Poll::Pending,
        })
    };
    let mut set = steps([waiter(), waiter(), waiter()]);
    settle(&mut event_loop, &mut set);
    event_loop.cx().close(listener).unwrap();
    settle(&mut event_loop, &mut set);
    assert_eq!(told.get(), 3);
}

/// A loop with few sockets.
type Small = EventLoop<World, 8, 4>;

fn run_small<const N: usize>(event_loop: &mut Small, set: &mut scheduler_world::Steps<'_, N>) {
    for _ in 0..10_000 {
        match event_loop.turn(set) {
            Ok(true) => {}
            Ok(false) | Err(Error::Deadlock) => return,
            Err(error) => panic!("{error}"),
        }
    }
    panic!("it never comes to rest");
}

/// A small loop with one listener and three sockets that connect to it: full.
fn full_house() -> (Small, TcpListener, [TcpSocket; 3]) {
    let mut event_loop = Small::new(1, World::default());
    event_loop.open().unwrap();
    let listener = event_loop.cx().listen(port(1)).unwrap();
    let clients = [(); 3].map(|()| event_loop.cx().tcp_socket(&Options::DEFAULT).unwrap());
    for client in clients {
        assert!(event_loop.cx().connect_on(client, port(1)).is_pending());
    }
    (event_loop, listener, clients)
}

#[test]
fn a_full_table_leaves_newcomers_in_the_backlog_and_goes_on_in_order_when_there_is_room() {
    let (mut event_loop, listener, clients) = full_house();
    let log = Log::default();
    let mut set = steps([0, 1, 2].map(|name| acceptor(&log, name, listener)));
    run_small(&mut event_loop, &mut set);
    assert_eq!(*log.borrow(), [0; 0]);
    let polls = event_loop.counters().polls;
    assert!(polls <= 6, "{polls}: nobody asks again and again");
    for (round, client) in clients.into_iter().enumerate() {
        assert!(!event_loop.counters().too_many_waits > 0);
        event_loop.cx().close(client).unwrap();
        run_small(&mut event_loop, &mut set);
        assert_eq!(*log.borrow(), (0..=round).collect::<Vec<_>>());
    }
}

#[test]
fn room_that_comes_twice_and_is_taken_by_others_leaves_the_waiters_in_order() {
    let (mut event_loop, listener, clients) = full_house();
    let log = Log::default();
    let mut set = steps([0, 1, 2].map(|name| acceptor(&log, name, listener)));
    run_small(&mut event_loop, &mut set);
    let mut taken = [TcpSocket::NONE; 2];
    // Two slots become free, so two waiters are woken; both slots are gone when they look.
    for (client, taken) in clients.into_iter().zip(&mut taken) {
        event_loop.cx().close(client).unwrap();
        *taken = event_loop.cx().tcp_socket(&Options::DEFAULT).unwrap();
    }
    run_small(&mut event_loop, &mut set);
    assert_eq!(*log.borrow(), [0; 0]);
    for taken in taken {
        event_loop.cx().close(taken).unwrap();
        run_small(&mut event_loop, &mut set);
    }
    assert_eq!(*log.borrow(), [0, 1]);
}

#[test]
fn a_listener_that_is_closed_while_its_waiters_wait_for_room_tells_them_all() {
    let (mut event_loop, listener, clients) = full_house();
    let other = {
        // Another listener, in place of a client: its waiters wait for room as well.
        event_loop.cx().close(clients[0]).unwrap();
        event_loop.cx().listen(port(2)).unwrap()
    };
    let told = Cell::new(0);
    let told = &told;
    let waiter = |listener: TcpListener| {
        step(move |cx| match cx.accept(listener) {
            Poll::Ready(Ok(socket)) => cx.detach(socket).map_or(Poll::Pending, |()| DONE),
            Poll::Ready(Err(error)) => {
                assert_eq!(error, Error::InvalidHandle);
                told.set(told.get() + 1);
                DONE
            }
            Poll::Pending => Poll::Pending,
        })
    };
    let mut set = steps([waiter(other), waiter(listener), waiter(listener), waiter(listener)]);
    run_small(&mut event_loop, &mut set);
    event_loop.cx().close(listener).unwrap();
    // The room is taken at once, so that nobody is woken by there being some.
    event_loop.cx().tcp_socket(&Options::DEFAULT).unwrap();
    run_small(&mut event_loop, &mut set);
    assert_eq!(told.get(), 3, "a waiter whose listener is gone waits for room for ever");
}

#[test]
fn without_descriptors_accepting_pauses_until_one_is_closed() {
    let mut event_loop = open_loop_in(World::with_descriptors(3));
    let listener = event_loop.cx().listen(port(1)).unwrap();
    let clients = [(); 2].map(|()| connect(&mut event_loop, 1));
    let log = Log::default();
    let mut set = steps([0, 1].map(|name| acceptor(&log, name, listener)));
    assert_eq!(event_loop.turn(&mut set), Ok(true));
    assert_eq!(event_loop.counters().accept_pauses, 1, "one pause for all");
    assert_eq!(event_loop.turn_now(&mut set), Ok(true));
    assert_eq!(event_loop.counters().accept_pauses, 1, "nobody asks the platform again meanwhile");
    event_loop.cx().close(clients[0]).unwrap();
    assert_eq!(event_loop.turn_now(&mut set), Ok(true));
    assert_eq!(*log.borrow(), [0]);
    assert_eq!(event_loop.platform().mock.open_sockets(), 3);
}

#[test]
fn without_descriptors_accepting_is_tried_again_after_a_while_and_the_loop_sleeps_meanwhile() {
    let mut event_loop = open_loop_in(World::with_descriptors(3));
    let listener = event_loop.cx().listen(port(1)).unwrap();
    let clients = [(); 2].map(|()| connect(&mut event_loop, 1));
    let log = Log::default();
    let mut set = steps([0, 1].map(|name| acceptor(&log, name, listener)));
    let start = event_loop.cx().now();
    while event_loop.cx().now() < start + ms(1_000) {
        assert_eq!(event_loop.turn(&mut set), Ok(true));
    }
    let counters = event_loop.counters();
    assert!((10..=11).contains(&counters.accept_pauses), "{counters:?}");
    assert!(counters.polls < 60, "{counters:?}");
    event_loop.cx().close(clients[0]).unwrap();
    event_loop.turn(&mut set).unwrap();
    event_loop.cx().close(clients[1]).unwrap();
    event_loop.turn(&mut set).unwrap();
    event_loop.turn(&mut set).unwrap();
    assert_eq!(*log.borrow(), [0, 1]);
}

#[test]
fn a_pause_that_nobody_waits_for_any_more_ends_without_harm() {
    let mut event_loop = open_loop_in(World::with_descriptors(2));
    let listener = event_loop.cx().listen(port(1)).unwrap();
    connect(&mut event_loop, 1);
    let log = Log::default();
    let mut set = steps([acceptor(&log, 0, listener)]);
    let task = event_loop.cx().start(0).unwrap();
    event_loop.turn(&mut set).unwrap();
    assert!(event_loop.next_deadline().is_some());
    event_loop.cx().cancel(task).unwrap();
    event_loop.cx().start(0).unwrap();
    event_loop.turn(&mut set).unwrap();
    let task = event_loop.cx().current_task();
    assert!(task.is_none());
    assert_eq!(event_loop.turn(&mut set), Ok(true), "the next try");
}

#[test]
fn accepting_without_waiting_says_why_not() {
    let (mut event_loop, listener, clients) = full_house();
    assert_eq!(event_loop.cx().try_accept(listener), Err(Error::WouldBlock), "no event has come yet");
    let mut set = steps([idle()]);
    run_small(&mut event_loop, &mut set);
    let full = Error::TableFull { kind: ptk_core::Kind::TcpSocket, capacity: 4 };
    assert_eq!(event_loop.cx().try_accept(listener), Err(full));
    event_loop.cx().close(clients[0]).unwrap();
    let accepted = event_loop.cx().try_accept(listener).unwrap();
    event_loop.cx().close(accepted).unwrap();
    assert_eq!(event_loop.cx().try_accept(TcpListener::NONE), Err(Error::InvalidHandle));
}

#[test]
fn a_listener_whose_handler_does_not_take_all_is_told_again_and_waits_for_room() {
    let (mut event_loop, listener, clients) = full_house();
    event_loop.cx().set_handler(listener).unwrap();
    let (told, accepted) = (Cell::new(0), Cell::new(0));
    let mut set = steps([idle()]).on_event(|cx, _, event| {
        assert_eq!(event, ptk_core::Event::Readable);
        told.set(told.get() + 1);
        match cx.try_accept(listener) {
            Ok(_) => accepted.set(accepted.get() + 1),
            Err(Error::TableFull { .. } | Error::WouldBlock) => {}
            Err(error) => panic!("{error}"),
        }
        Ok(())
    });
    run_small(&mut event_loop, &mut set);
    assert_eq!(accepted.get(), 0);
    assert!(told.get() <= 2, "{}: a full table is no reason to spin", told.get());
    for client in clients {
        event_loop.cx().close(client).unwrap();
        run_small(&mut event_loop, &mut set);
    }
    assert_eq!(accepted.get(), 3);
}

#[test]
fn room_for_two_wakes_two_at_once() {
    let (mut event_loop, listener, clients) = full_house();
    let log = Log::default();
    let mut set = steps([0, 1, 2].map(|name| acceptor(&log, name, listener)));
    run_small(&mut event_loop, &mut set);
    event_loop.cx().close(clients[0]).unwrap();
    event_loop.cx().close(clients[1]).unwrap();
    event_loop.turn_now(&mut set).unwrap();
    assert_eq!(*log.borrow(), [0, 1], "in one turn");
}

#[test]
fn who_has_accepted_one_leaves_the_others_to_those_that_wait_at_any_listener() {
    let (mut event_loop, log) = (open_loop(), Log::default());
    let listeners = [1, 2].map(|address| event_loop.cx().listen(port(address)).unwrap());
    let busy = step(|cx| {
        for (name, listener) in listeners.into_iter().enumerate() {
            if let Poll::Ready(socket) = cx.accept(listener) {
                cx.detach(socket.unwrap()).unwrap();
                log.borrow_mut().push(name);
            }
        }
        Poll::Pending
    });
    let mut set = steps([busy, acceptor(&log, 9, listeners[1])]);
    settle(&mut event_loop, &mut set);
    connect(&mut event_loop, 1);
    connect(&mut event_loop, 2);
    settle(&mut event_loop, &mut set);
    assert_eq!(*log.borrow(), [0, 9], "it was the first at both");
}

#[test]
fn one_that_was_woken_is_not_woken_again_by_the_closing() {
    let (mut event_loop, log) = (open_loop(), Log::default());
    let listener = event_loop.cx().listen(port(1)).unwrap();
    let waiter = step(|cx| {
        let accepted = ready!(cx.accept(listener));
        assert_eq!(accepted, Err(Error::InvalidHandle));
        log.borrow_mut().push(0);
        DONE
    });
    let mut set = steps([waiter]);
    settle(&mut event_loop, &mut set);
    connect(&mut event_loop, 1);
    // The platform's report reaches the waiter, and nobody is resumed meanwhile.
    let now = event_loop.cx().now();
    assert_eq!(event_loop.cx().block_on::<()>(Some(now + ms(10)), |_| Poll::Pending), Err(Error::TimedOut));
    assert_eq!(event_loop.counters().wakes, 1);
    event_loop.cx().close(listener).unwrap();
    assert_eq!(event_loop.counters().wakes, 1);
    settle(&mut event_loop, &mut set);
    assert_eq!(*log.borrow(), [0]);
}

#[test]
fn two_reports_of_a_listener_wake_one_waiter_and_those_of_a_socket_one_each() {
    let (mut event_loop, log) = (open_loop(), Log::default());
    let (client, _server) = connection(&mut event_loop);
    let listener = event_loop.cx().listen(port(1)).unwrap();
    while event_loop.cx().try_send(client, &[0; 4096]).is_ok() {}
    let readable = || step(|cx| cx.readable(client));
    let writable = || step(|cx| cx.writable(client));
    let mut set = steps([
        acceptor(&log, 0, listener),
        acceptor(&log, 1, listener),
        readable(),
        readable(),
        writable(),
        writable(),
    ]);
    start_all(&mut event_loop, 6);
    settle(&mut event_loop, &mut set);
    for (socket, readiness, expected) in [
        (listener.handle(), Readiness::READ, 1),
        (client.handle(), Readiness::READ, 2),
        (client.handle(), Readiness::WRITE, 2),
    ] {
        let noise = (socket.unwrap(), readiness);
        event_loop.platform_mut().noise.extend([noise, noise]);
        let before = event_loop.counters().polls;
        event_loop.turn_now(&mut set).unwrap();
        assert_eq!(event_loop.counters().polls - before, expected, "{noise:?}");
    }
    assert_eq!(log.take(), []);
}

#[test]
fn set_up_code_that_accepts_does_not_queue_behind_tasks() {
    let (mut event_loop, log) = (open_loop(), Log::default());
    let listener = event_loop.cx().listen(port(1)).unwrap();
    let mut set = steps([acceptor(&log, 0, listener)]);
    settle(&mut event_loop, &mut set);
    connect(&mut event_loop, 1);
    let mut cx = event_loop.cx();
    let deadline = Some(cx.now() + ms(1000));
    assert!(cx.block_on(deadline, |cx| cx.accept(listener)).is_ok(), "though the task was woken for it");
    settle(&mut event_loop, &mut set);
    assert_eq!(log.take(), []);
    connect(&mut event_loop, 1);
    settle(&mut event_loop, &mut set);
    assert_eq!(log.take(), [0]);
}

#[test]
fn who_makes_room_and_accepts_again_does_so_behind_those_who_wait_for_room() {
    let (mut event_loop, log) = (open_loop(), Log::default());
    let listener = event_loop.cx().listen(port(1)).unwrap();
    for _ in 0..12 {
        let client = connect(&mut event_loop, 1);
        while event_loop.cx().connect_on(client, port(1)).is_pending() {
            event_loop.turn_now(&mut steps([idle()])).unwrap();
        }
        event_loop.cx().close(client).unwrap();
    }
    // All slots but one are taken.
    while event_loop.tables().sockets.used < 15 {
        event_loop.cx().tcp_socket(&Options::DEFAULT).unwrap();
    }
    let server = |name: usize| -> Step<'_> {
        let (log, served) = (&log, Cell::new(TcpSocket::NONE));
        step(move |cx| {
            loop {
                if !served.get().is_none() {
                    ready!(cx.recv(served.get(), &mut Buffer::<8>::new()))?;
                    cx.close(served.take())?;
                }
                served.set(ready!(cx.accept(listener))?);
                log.borrow_mut().push(name);
            }
        })
    };
    let mut set = steps([idle(), server(1), server(2), server(3)]);
    event_loop.turn_now(&mut set).unwrap();
    for task in 1..4 {
        event_loop.cx().start(task).unwrap();
    }
    settle(&mut event_loop, &mut set);
    assert_eq!(*log.borrow(), [1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3]);
}
