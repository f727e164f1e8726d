//! A body that panics, in a program that catches it around the turn, takes nothing down but itself.

mod scheduler_world;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;

use ptk_core::{Error, Event, EventSource, Options, TcpListener, TypedHandle};
use scheduler_world::{Loop, Step, World, connection, idle, ms, open_loop, port, settle, start_all, step, steps};

const DONE: Poll<Result<(), Error>> = Poll::Ready(Ok(()));

/// A turn that must panic.
fn panicking_turn<S: ptk_core::TaskSet<World>>(event_loop: &mut Loop, set: &mut S) {
    let turned = catch_unwind(AssertUnwindSafe(|| event_loop.turn(set)));
    assert!(turned.is_err(), "nobody panicked: {turned:?}");
}

/// A task that accepts a connection, and counts it.
fn accepts(listener: TcpListener, accepted: &Cell<u32>) -> Step<'_> {
    step(move |cx| {
        cx.accept(listener).map(|socket| {
            accepted.set(accepted.get() + 1);
            socket.map(drop)
        })
    })
}

#[test]
fn a_task_that_panics_ends_and_what_it_owns_is_closed() {
    let mut event_loop = open_loop();
    let mut set = steps([
        step(|cx| {
            cx.timer().unwrap();
            cx.tcp_socket(&Options::DEFAULT).unwrap();
            cx.event_source().unwrap();
            panic!("as planned")
        }),
        step(|_| DONE),
    ]);
    panicking_turn(&mut event_loop, &mut set);
    assert_eq!(event_loop.run(&mut set), Ok(()));
    let tables = event_loop.tables();
    assert_eq!((tables.sockets.used, tables.timers.used, tables.events.used, tables.tasks.used), (0, 0, 0, 0));
    assert_eq!(event_loop.counters().failed_tasks, 1);
}

#[test]
fn a_task_that_panicked_can_be_cancelled_before_the_next_turn() {
    let mut event_loop = open_loop();
    let mut set = steps([step(|_| panic!("as planned")), idle()]);
    let task = event_loop.cx().start(0).unwrap();
    event_loop.cx().start(1).unwrap();
    panicking_turn(&mut event_loop, &mut set);
    event_loop.cx().cancel(task).unwrap();
    assert_eq!(event_loop.tables().tasks.used, 1);
    settle(&mut event_loop, &mut set);
    assert_eq!(event_loop.tables().tasks.used, 1);
}

#[test]
fn a_task_that_panicked_can_be_cancelled_and_started_again_before_the_next_turn() {
    let mut event_loop = open_loop();
    let panics = Cell::new(true);
    let mut set = steps([step(|_| {
        assert!(!panics.replace(false), "as planned");
        DONE
    })]);
    let task = event_loop.cx().start(0).unwrap();
    panicking_turn(&mut event_loop, &mut set);
    event_loop.cx().cancel(task).unwrap();
    let again = event_loop.cx().start(0).unwrap();
    assert!(event_loop.is_valid(again.handle().unwrap()));
    assert_eq!(event_loop.run(&mut set), Ok(()));
    assert_eq!(event_loop.counters().polls, 2, "the second run was polled");
}

#[test]
fn a_task_that_panics_before_it_accepts_passes_the_connection_on() {
    let mut event_loop = open_loop();
    let listener = event_loop.cx().listen(port(1)).unwrap();
    let accepted = Cell::new(0);
    let mut set = steps([
        step({
            let mut polls = 0;
            move |cx| {
                polls += 1;
                assert!(polls == 1, "as planned");
                cx.accept(listener).map(|_| Ok(()))
            }
        }),
        accepts(listener, &accepted),
    ]);
    settle(&mut event_loop, &mut set);
    let client = event_loop.cx().tcp_socket(&Options::DEFAULT).unwrap();
    assert!(event_loop.cx().connect_on(client, port(1)).is_pending());
    panicking_turn(&mut event_loop, &mut set);
    settle(&mut event_loop, &mut set);
    assert_eq!(accepted.get(), 1, "the connection lies in the backlog, and its waiter sleeps for ever");
}

#[test]
fn a_task_that_panics_before_it_takes_the_room_passes_the_room_on() {
    let mut event_loop: ptk_core::EventLoop<World, 2, 3> = ptk_core::EventLoop::new(1, World::default());
    event_loop.open().unwrap();
    let listener = event_loop.cx().listen(port(1)).unwrap();
    let clients = [(); 2].map(|()| event_loop.cx().tcp_socket(&Options::DEFAULT).unwrap());
    for client in clients {
        assert!(event_loop.cx().connect_on(client, port(1)).is_pending());
    }
    let (mut polls, accepted) = (0, Cell::new(0));
    let mut set = steps([
        step(|cx| {
            polls += 1;
            assert!(polls == 1, "as planned");
            cx.accept(listener).map(|_| Ok(()))
        }),
        accepts(listener, &accepted),
    ]);
    while event_loop.turn(&mut set) == Ok(true) {}
    event_loop.cx().close(clients[0]).unwrap();
    let turned = catch_unwind(AssertUnwindSafe(|| event_loop.turn(&mut set)));
    assert!(turned.is_err());
    while event_loop.turn(&mut set) == Ok(true) {}
    assert_eq!(accepted.get(), 1, "there is room, and who waits for it sleeps for ever");
}

#[test]
fn a_task_that_panics_passes_every_kind_of_event_on() {
    let mut event_loop = open_loop();
    let (client, server) = connection(&mut event_loop);
    let source = event_loop.cx().event_source().unwrap();
    let timer = event_loop.cx().timer().unwrap();
    for kind in 0..3 {
        let wait = |cx: &mut ptk_core::Cx<'_, World>| match kind {
            0 => cx.recv(server, &mut ptk_core::Buffer::<8>::new()).map(|got| got.map(drop)),
            1 => cx.raised(source).map(|got| got.map(drop)),
            _ => cx.expired(timer).map(|got| got.map(drop)),
        };
        let mut polls = 0;
        let mut set = steps([
            step(|cx| {
                polls += 1;
                assert!(polls == 1, "as planned");
                wait(cx)
            }),
            step(wait),
        ]);
        start_all(&mut event_loop, 2);
        settle(&mut event_loop, &mut set);
        match kind {
            0 => drop(event_loop.cx().try_send(client, &[1]).unwrap()),
            1 => event_loop.cx().raise(source, 1).unwrap(),
            _ => event_loop.cx().start_timer(timer, ms(1)).unwrap(),
        }
        panicking_turn(&mut event_loop, &mut set);
        settle(&mut event_loop, &mut set);
        assert_eq!(event_loop.tables().tasks.used, 0, "kind {kind}: the second waiter sleeps for ever");
    }
}

#[test]
fn a_handler_that_panics_is_told_again_what_is_left() {
    let mut event_loop = open_loop();
    let (client, server) = connection(&mut event_loop);
    event_loop.cx().set_handler(server).unwrap();
    let panics = Cell::new(false);
    let told = Cell::new(0);
    let mut set = steps([idle()]).on_event(|cx, _, event| {
        if event != Event::Readable {
            return Ok(());
        }
        assert!(!panics.get(), "as planned");
        told.set(told.get() + 1);
        cx.try_recv(server, &mut [0; 8]).map(drop)
    });
    event_loop.cx().start(0).unwrap();
    settle(&mut event_loop, &mut set);
    event_loop.cx().try_send(client, &[1]).unwrap();
    panics.set(true);
    panicking_turn(&mut event_loop, &mut set);
    panics.set(false);
    settle(&mut event_loop, &mut set);
    assert_eq!(told.get(), 1);
    assert_eq!(event_loop.counters().failed_handlers, 1);
}

/// Two sources that are raised, and whose handlers have not been told.
fn raised_sources(event_loop: &mut Loop) -> [EventSource; 2] {
    [(); 2].map(|()| {
        let source = event_loop.cx().event_source().unwrap();
        event_loop.cx().set_handler(source).unwrap();
        event_loop.cx().raise(source, 5).unwrap();
        source
    })
}

#[test]
fn a_handler_that_panics_does_not_take_the_raises_of_others_with_it() {
    let mut event_loop = open_loop();
    let sources = raised_sources(&mut event_loop);
    let told = Cell::new(0);
    let mut set = steps([idle()]).on_event(|_, handle, _| {
        assert!(Some(handle) != sources[0].handle(), "as planned");
        told.set(told.get() + 1);
        Ok(())
    });
    panicking_turn(&mut event_loop, &mut set);
    settle(&mut event_loop, &mut set);
    assert_eq!(told.get(), 1);
}

#[test]
fn a_handler_that_removes_itself_and_panics_does_not_take_the_raises_of_others_with_it() {
    let mut event_loop = open_loop();
    let sources = raised_sources(&mut event_loop);
    let told = Cell::new(0);
    let mut set = steps([idle()]).on_event(|cx, handle, _| {
        if Some(handle) == sources[0].handle() {
            cx.remove_handler(sources[0])?;
            panic!("as planned");
        }
        told.set(told.get() + 1);
        Ok(())
    });
    panicking_turn(&mut event_loop, &mut set);
    settle(&mut event_loop, &mut set);
    assert_eq!(told.get(), 1);
}
