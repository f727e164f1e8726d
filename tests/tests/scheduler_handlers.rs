//! Handlers: events that are told to the task set in place of a waiting task.

mod scheduler_world;

use std::cell::{Cell, RefCell};
use std::task::{Poll, ready};

use ptk_core::{Buffer, Error, Event, Half, Handle, Options, Readiness, TcpSocket, Timer, TypedHandle};
use scheduler_world::{Loop, connection, idle, ms, open_loop, port, settle, start_all, step, steps, takes_by_call};

const DONE: Poll<Result<(), Error>> = Poll::Ready(Ok(()));

/// What was told.
type Log = RefCell<Vec<Event>>;

/// A loop in which task 0 idles, so that it goes on for ever, and has been polled.
fn idling() -> Loop {
    let mut event_loop = open_loop();
    event_loop.turn_now(&mut steps([idle()])).unwrap();
    event_loop
}

fn handle(handle: impl TypedHandle) -> Handle {
    handle.handle().unwrap()
}

#[test]
fn a_handle_has_one_handler_and_no_waiters_beside_it() {
    let mut event_loop = open_loop();
    let (client, server) = connection(&mut event_loop);
    let listener = event_loop.cx().listen(port(1)).unwrap();
    let (timer, source) = (event_loop.cx().timer().unwrap(), event_loop.cx().event_source().unwrap());
    let mut set = steps([
        step(|cx| cx.recv(server, &mut Buffer::<4>::new()).map(|_| Ok(()))),
        step(|cx| cx.accept(listener).map(|_| Ok(()))),
        step(|cx| cx.expired(timer).map(|_| Ok(()))),
        step(|cx| cx.raised(source).map(|_| Ok(()))),
    ]);
    start_all(&mut event_loop, 4);
    settle(&mut event_loop, &mut set);
    let mut cx = event_loop.cx();
    for refused in [cx.set_handler(server), cx.set_handler(listener), cx.set_handler(timer), cx.set_handler(source)] {
        assert_eq!(refused, Err(Error::Busy), "a task waits for it");
    }
    assert_eq!(cx.remove_handler(server), Err(Error::InvalidArgument), "there is none");
    cx.set_handler(client).unwrap();
    assert_eq!(cx.set_handler(client), Err(Error::Busy), "there is one");
    cx.remove_handler(client).unwrap();
    assert_eq!(cx.remove_handler(client), Err(Error::InvalidArgument));
    assert_eq!(cx.remove_handler(Timer::NONE), Err(Error::InvalidHandle));
    assert_eq!(cx.set_handler(cx.current_task()), Err(Error::InvalidHandle));
    cx.set_handler(client).unwrap();
    cx.close(client).unwrap();
    assert_eq!(cx.set_handler(client), Err(Error::InvalidHandle));
    assert_eq!(cx.remove_handler(client), Err(Error::InvalidHandle));
}

#[test]
fn a_task_cannot_wait_for_what_has_a_handler_and_hears_so_at_once() {
    let mut event_loop = open_loop();
    let (_client, server) = connection(&mut event_loop);
    let listener = event_loop.cx().listen(port(1)).unwrap();
    let (timer, source) = (event_loop.cx().timer().unwrap(), event_loop.cx().event_source().unwrap());
    let mut cx = event_loop.cx();
    cx.set_handler(server).unwrap();
    cx.set_handler(listener).unwrap();
    cx.set_handler(timer).unwrap();
    cx.set_handler(source).unwrap();
    let refused = Cell::new(0);
    let mut set = steps([step(|cx| {
        let count = |told: bool| refused.set(refused.get() + u32::from(told));
        count(cx.recv(server, &mut Buffer::<4>::new()) == Poll::Ready(Err(Error::Busy)));
        count(cx.readable(server) == Poll::Ready(Err(Error::Busy)));
        count(cx.accept(listener) == Poll::Ready(Err(Error::Busy)));
        count(cx.expired(timer) == Poll::Ready(Err(Error::Busy)));
        count(cx.raised(source) == Poll::Ready(Err(Error::Busy)));
        // Fill the way, so that sending has to wait.
        while cx.try_send(server, &[0; 4096]).is_ok() {}
        cx.stop();
        Poll::Pending
    })])
    .on_event(|_, _, _| Ok(()));
    event_loop.cx().start(0).unwrap();
    event_loop.run(&mut set).unwrap();
    assert_eq!(refused.get(), 5);
}

#[test]
fn readable_is_told_again_until_all_is_taken_and_writable_once() {
    let mut event_loop = open_loop();
    let (client, server) = connection(&mut event_loop);
    event_loop.cx().set_handler(server).unwrap();
    let log = Log::default();
    let mut set = steps([idle()]).on_event(|cx, told, event| {
        assert_eq!(told, handle(server));
        log.borrow_mut().push(event);
        if event == Event::Readable {
            cx.try_recv(server, &mut [0; 2])?;
        }
        Ok(())
    });
    event_loop.cx().start(0).unwrap();
    settle(&mut event_loop, &mut set);
    assert_eq!(log.take(), [Event::Writable]);
    event_loop.cx().try_send(client, &[1, 2, 3, 4, 5]).unwrap();
    settle(&mut event_loop, &mut set);
    assert_eq!(log.take(), [Event::Readable; 3]);
    event_loop.cx().shutdown(client, Half::Write).unwrap();
    settle(&mut event_loop, &mut set);
    assert_eq!(log.take(), [Event::Readable, Event::Disconnected]);
    settle(&mut event_loop, &mut set);
    assert_eq!(log.take(), []);
    assert_eq!(event_loop.counters().failed_handlers, 0);
}

#[test]
fn a_handler_whose_receiving_half_is_shut_down_is_not_told_for_ever_that_it_is_readable() {
    let mut event_loop = open_loop();
    let (client, server) = connection(&mut event_loop);
    event_loop.cx().set_handler(server).unwrap();
    let mut set = steps([idle()]).on_event(|cx, _, event| {
        if event == Event::Readable {
            let _ = cx.try_recv(server, &mut [0; 2]);
        }
        Ok(())
    });
    event_loop.cx().start(0).unwrap();
    settle(&mut event_loop, &mut set);
    event_loop.cx().shutdown(server, Half::Read).unwrap();
    settle(&mut event_loop, &mut set);
    event_loop.cx().try_send(client, &[1]).unwrap();
    settle(&mut event_loop, &mut set);
}

#[test]
fn a_handler_is_told_that_its_connect_ended_well_or_how_it_failed_and_may_try_again() {
    let mut event_loop = idling();
    let log = Log::default();
    let socket = event_loop.cx().tcp_socket(&Options::DEFAULT).unwrap();
    event_loop.cx().set_handler(socket).unwrap();
    assert!(event_loop.cx().connect_on(socket, port(1)).is_pending());
    let mut set = steps([idle()]).on_event(|cx, _, event| {
        log.borrow_mut().push(event);
        if event == Event::Error(Error::ConnectionRefused) && log.borrow().len() == 1 {
            let listener = cx.listen(port(1)).unwrap();
            assert!(cx.connect_on(socket, port(1)).is_pending());
            cx.set_user_data(listener, 1).unwrap();
        }
        Ok(())
    });
    settle(&mut event_loop, &mut set);
    assert_eq!(log.take(), [Event::Error(Error::ConnectionRefused), Event::Connected]);
    let peer = event_loop.cx().peer_address(socket);
    assert_eq!(peer, Ok(port(1)));
}

#[test]
fn nothing_is_told_after_the_handler_was_removed_not_even_what_is_in_the_batch() {
    let mut event_loop = open_loop();
    let pairs = [(); 2].map(|()| connection(&mut event_loop));
    let log = RefCell::new(Vec::new());
    let mut set = steps([idle()]).on_event(|cx, told, event| {
        log.borrow_mut().push((told, event));
        // The first to hear removes both.
        cx.remove_handler(pairs[0].1).unwrap();
        cx.remove_handler(pairs[1].1)
    });
    event_loop.cx().start(0).unwrap();
    for (client, server) in pairs {
        event_loop.cx().set_handler(server).unwrap();
        event_loop.cx().try_send(client, &[1]).unwrap();
    }
    settle(&mut event_loop, &mut set);
    assert_eq!(log.take().len(), 1, "the first was told one thing and has removed itself, the second nothing");
    // No byte is lost meanwhile.
    for (_, server) in pairs {
        assert_eq!(event_loop.cx().try_recv(server, &mut [0; 4]), Ok(1));
    }
}

#[test]
fn what_came_while_there_was_no_handler_is_told_to_the_next() {
    let mut event_loop = open_loop();
    let (client, server) = connection(&mut event_loop);
    let source = event_loop.cx().event_source().unwrap();
    let log = Log::default();
    let mut set = steps([idle()]).on_event(|_, _, event| {
        log.borrow_mut().push(event);
        match event {
            Event::Readable => Err(Error::Protocol),
            _ => Ok(()),
        }
    });
    event_loop.cx().start(0).unwrap();
    event_loop.cx().set_handler(server).unwrap();
    settle(&mut event_loop, &mut set);
    event_loop.cx().remove_handler(server).unwrap();
    event_loop.cx().try_send(client, &[1]).unwrap();
    event_loop.cx().raise(source, 3).unwrap();
    settle(&mut event_loop, &mut set);
    assert_eq!(log.take(), [Event::Writable]);
    event_loop.cx().set_handler(server).unwrap();
    event_loop.cx().set_handler(source).unwrap();
    event_loop.turn(&mut set).unwrap();
    let told = log.take();
    assert!(told.contains(&Event::Readable) && told.contains(&Event::Writable), "{told:?}");
    assert!(matches!(told[0], Event::Raised(raised) if (raised.count, raised.value) == (1, 3)), "{told:?}");
    event_loop.cx().remove_handler(server).unwrap();
}

#[test]
fn an_error_of_one_handler_is_counted_and_the_others_are_told_all_the_same() {
    let mut event_loop = idling();
    let timers = [(); 3].map(|()| event_loop.cx().timer().unwrap());
    let sources = [(); 3].map(|()| event_loop.cx().event_source().unwrap());
    let told = Cell::new(0);
    let mut set = steps([idle()]).on_event(|_, _, _| {
        told.set(told.get() + 1);
        Err(Error::MessageTooLarge)
    });
    for (timer, source) in timers.into_iter().zip(sources) {
        event_loop.cx().set_handler(timer).unwrap();
        event_loop.cx().start_timer(timer, ms(0)).unwrap();
        event_loop.cx().set_handler(source).unwrap();
        event_loop.cx().raise(source, 1).unwrap();
    }
    event_loop.turn(&mut set).unwrap();
    assert_eq!(told.get(), 6);
    assert_eq!((event_loop.counters().failed_handlers, event_loop.counters().events), (6, 6));
    assert_eq!(event_loop.last_error(), Some(Error::MessageTooLarge));
}

#[test]
fn a_handle_that_its_own_handler_closes_is_gone_and_a_slot_used_again_in_the_same_batch_hears_nothing() {
    let mut event_loop = open_loop();
    let pairs = [(); 2].map(|()| connection(&mut event_loop));
    let fresh = Cell::new(TcpSocket::NONE);
    let log = RefCell::new(Vec::new());
    let mut set = steps([idle()]).on_event(|cx, told, event| {
        log.borrow_mut().push((told, event));
        if fresh.get().is_none() {
            // Both ends that are in the batch go, and the slot of the second gets a new socket with a handler.
            cx.close(pairs[0].1).unwrap();
            cx.close(pairs[1].1).unwrap();
            let socket = cx.tcp_socket(&Options::DEFAULT).unwrap();
            assert_eq!(handle(socket).index(), handle(pairs[1].1).index());
            cx.set_handler(socket).unwrap();
            fresh.set(socket);
        }
        Ok(())
    });
    event_loop.cx().start(0).unwrap();
    for (client, server) in pairs {
        event_loop.cx().set_handler(server).unwrap();
        event_loop.cx().try_send(client, &[1]).unwrap();
    }
    settle(&mut event_loop, &mut set);
    let told = log.take();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(!event_loop.is_valid(handle(pairs[0].1)));
    // Events for what is gone are dropped as well.
    event_loop.platform_mut().noise.extend(pairs.map(|pair| (handle(pair.1), Readiness::ALL)));
    event_loop.turn(&mut set).unwrap();
    assert_eq!(log.take(), []);
}

#[test]
fn a_source_whose_handler_raises_it_again_is_told_in_the_next_turn() {
    let mut event_loop = idling();
    let source = event_loop.cx().event_source().unwrap();
    event_loop.cx().set_handler(source).unwrap();
    let told = Cell::new(0);
    let mut set = steps([idle()]).on_event(|cx, _, event| {
        let Event::Raised(raised) = event else { panic!("{event:?}") };
        assert_eq!((raised.count, raised.value), (1, told.get()));
        told.set(told.get() + 1);
        if told.get() < 5 {
            cx.raise(source, told.get())?;
        }
        Ok(())
    });
    event_loop.cx().raise(source, 0).unwrap();
    let turns = event_loop.counters().turns;
    settle(&mut event_loop, &mut set);
    assert_eq!(told.get(), 5);
    assert!(event_loop.counters().turns - turns >= 5);
}

#[test]
fn raises_are_counted_together_until_they_are_told() {
    let mut event_loop = idling();
    let source = event_loop.cx().event_source().unwrap();
    event_loop.cx().set_handler(source).unwrap();
    let log = Log::default();
    let mut set = steps([idle()]).on_event(|_, _, event| {
        log.borrow_mut().push(event);
        Ok(())
    });
    for value in 0..70_000 {
        event_loop.cx().raise(source, value).unwrap();
    }
    settle(&mut event_loop, &mut set);
    let told = log.take();
    assert!(
        matches!(told[..], [Event::Raised(raised)] if (raised.count, raised.value) == (u16::MAX, 69_999)),
        "{told:?}"
    );
}

#[test]
fn a_loop_with_handlers_and_no_tasks_goes_on_until_the_last_handler_goes() {
    let mut event_loop = open_loop();
    let timer = event_loop.cx().timer().unwrap();
    event_loop.cx().set_handler(timer).unwrap();
    event_loop.cx().start_repeating(timer, ms(5)).unwrap();
    let mut left = 3;
    let mut set = steps([]).on_event(|cx, told, _| {
        left -= 1;
        if left == 0 {
            // Closing takes the handler along.
            cx.close(Timer::from_handle(told).unwrap())?;
        }
        Ok(())
    });
    event_loop.run(&mut set).unwrap();
    assert_eq!(event_loop.cx().now(), ptk_core::Instant::ORIGIN + ms(15));
}

#[test]
fn a_handler_has_a_budget_and_is_told_the_rest_in_the_next_turn() {
    let mut event_loop = open_loop();
    let (client, server) = connection(&mut event_loop);
    event_loop.cx().try_send(client, &[7; 1000]).unwrap();
    event_loop.cx().set_handler(server).unwrap();
    let calls = takes_by_call(&mut event_loop, |cx| cx.try_recv(server, &mut [0]));
    assert_eq!(calls.iter().sum::<usize>(), 1000);
    assert!(calls.iter().all(|count| *count <= 64), "{calls:?}");
}

#[test]
fn what_a_handler_opens_is_nobodys_and_what_a_task_adopts_is_its_own() {
    let mut event_loop = idling();
    let source = event_loop.cx().event_source().unwrap();
    event_loop.cx().set_handler(source).unwrap();
    let opened = Cell::new(Timer::NONE);
    let mut set = steps([
        idle(),
        step(|cx| {
            if opened.get().is_none() {
                cx.yield_();
                return Poll::Pending;
            }
            cx.adopt(opened.get()).unwrap();
            DONE
        }),
    ])
    .on_event(|cx, _, _| {
        opened.set(cx.timer()?);
        assert!(cx.current_task().is_none());
        assert_eq!(cx.connect(port(1)), Poll::Ready(Err(Error::NotSupported)));
        Ok(())
    });
    event_loop.cx().raise(source, 1).unwrap();
    event_loop.turn(&mut set).unwrap();
    assert_eq!(event_loop.tables().timers.used, 1);
    event_loop.cx().start(1).unwrap();
    event_loop.turn(&mut set).unwrap();
    assert_eq!(event_loop.tables().timers.used, 0);
}

/// Yielding, by a name of its own.
trait Yield {
    fn yield_(&mut self);
}

impl Yield for ptk_core::Cx<'_, scheduler_world::World> {
    fn yield_(&mut self) {
        ptk_core::__rt::Context::yield_now(self);
    }
}

#[test]
fn a_task_cannot_wait_to_send_where_a_handler_is_told_of_room() {
    let mut event_loop = open_loop();
    let (_client, server) = connection(&mut event_loop);
    event_loop.cx().set_handler(server).unwrap();
    let told = Cell::new(None);
    let mut set = steps([step(|cx| {
        while cx.try_send(server, &[0; 4096]).is_ok() {}
        told.set(Some(cx.writable(server)));
        DONE
    })])
    .on_event(|cx, _, _| {
        cx.stop();
        Ok(())
    });
    event_loop.cx().start(0).unwrap();
    event_loop.run(&mut set).unwrap();
    assert_eq!(told.get(), Some(Poll::Ready(Err(Error::Busy))));
}

#[test]
fn a_task_that_waits_for_something_cannot_set_a_handler_for_it_in_the_same_resume() {
    let mut event_loop = open_loop();
    let (timer, resumes) = (event_loop.cx().timer().unwrap(), Cell::new(0));
    let mut set = steps([step(|cx| {
        resumes.set(resumes.get() + 1);
        let expired = cx.expired(timer);
        if expired.is_pending() {
            assert_eq!(cx.set_handler(timer), Err(Error::Busy));
        }
        expired.map(|count| count.map(|_| ()))
    })]);
    event_loop.turn_now(&mut set).unwrap();
    event_loop.cx().start_timer(timer, ms(1)).unwrap();
    event_loop.run(&mut set).unwrap();
    assert_eq!((resumes.get(), event_loop.counters().failed_tasks), (2, 0));
}

#[test]
fn a_task_that_is_refused_a_handler_passes_on_what_it_was_woken_for() {
    let mut event_loop = open_loop();
    let source = event_loop.cx().event_source().unwrap();
    let (resumes, refused, got) = (Cell::new(0), Cell::new(false), Cell::new(0));
    let first = step(|cx| {
        resumes.set(resumes.get() + 1);
        if resumes.get() == 1 {
            return cx.raised(source).map(|_| Ok(()));
        }
        refused.set(cx.set_handler(source) == Err(Error::Busy));
        Poll::Pending
    });
    let second = step(|cx| {
        got.set(ready!(cx.raised(source))?.value);
        DONE
    });
    let mut set = steps([first, second]);
    event_loop.turn_now(&mut set).unwrap();
    event_loop.cx().raise(source, 5).unwrap();
    settle(&mut event_loop, &mut set);
    assert!(refused.get());
    assert_eq!(got.get(), 5);
}
