//! An operation that is always ready cannot keep the others waiting: each resume has a budget.

mod scheduler_world;

use std::cell::Cell;
use std::task::Poll;

use ptk_core::{Buffer, Error, Options};
use scheduler_world::{connection, datagram_sockets, idle, ms, open_loop, port, start_all, step, steps};

/// More than any resume may do.
const MANY: usize = 1000;

/// Runs `greedy` beside a task that yields, until both are done; how often the other one had run by then.
fn beside_another(
    event_loop: &mut scheduler_world::Loop,
    mut greedy: impl FnMut(&mut ptk_core::Cx<'_, scheduler_world::World>) -> Poll<Result<(), Error>>,
) -> u32 {
    let (done, turns) = (Cell::new(false), Cell::new(0));
    let greedy = step(|cx| {
        let polled = greedy(cx);
        done.set(polled.is_ready());
        polled
    });
    let other = step(|cx| {
        if done.get() {
            return Poll::Ready(Ok(()));
        }
        turns.set(turns.get() + 1);
        ptk_core::__rt::Context::yield_now(cx);
        Poll::Pending
    });
    let mut set = steps([greedy, other]);
    start_all(event_loop, 2);
    event_loop.run(&mut set).unwrap();
    assert_eq!(event_loop.counters().failed_tasks, 0, "{:?}", event_loop.last_error());
    turns.get()
}

#[test]
fn receiving_for_ever_lets_other_tasks_run() {
    let mut event_loop = open_loop();
    let (client, server) = connection(&mut event_loop);
    assert_eq!(event_loop.cx().try_send(client, &[1; MANY]), Ok(MANY));
    let mut received = 0;
    let turns = beside_another(&mut event_loop, |cx| {
        while received < MANY {
            match cx.recv(server, &mut Buffer::<1>::new()) {
                Poll::Ready(count) => received += count.unwrap(),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(()))
    });
    assert!(turns >= 10, "{turns}");
    assert!(event_loop.counters().budget_stops >= 10);
}

#[test]
fn receiving_without_waiting_in_a_loop_around_readable_ends_when_the_budget_is_used_up() {
    let mut event_loop = open_loop();
    let (client, server) = connection(&mut event_loop);
    assert_eq!(event_loop.cx().try_send(client, &[1; MANY]), Ok(MANY));
    let (mut received, mut tries) = (0, 0);
    let turns = beside_another(&mut event_loop, |cx| {
        while received < MANY {
            tries += 1;
            assert!(tries < 10 * MANY, "it never yields");
            match cx.readable(server) {
                Poll::Ready(ready) => ready.unwrap(),
                Poll::Pending => return Poll::Pending,
            }
            match cx.try_recv(server, &mut [0]) {
                Ok(count) => received += count,
                Err(error) => assert_eq!(error, Error::WouldBlock),
            }
        }
        Poll::Ready(Ok(()))
    });
    assert!(turns >= 10, "{turns}");
}

#[test]
fn sending_without_waiting_in_a_loop_around_writable_ends_when_the_budget_is_used_up() {
    let mut event_loop = open_loop();
    let (client, _server) = connection(&mut event_loop);
    let (mut sent, mut tries) = (0, 0);
    let turns = beside_another(&mut event_loop, |cx| {
        while sent < MANY {
            tries += 1;
            assert!(tries < 10 * MANY, "it never yields");
            match cx.writable(client) {
                Poll::Ready(ready) => ready.unwrap(),
                Poll::Pending => return Poll::Pending,
            }
            match cx.try_send(client, &[1]) {
                Ok(count) => sent += count,
                Err(error) => assert_eq!(error, Error::WouldBlock),
            }
        }
        Poll::Ready(Ok(()))
    });
    assert!(turns >= 10, "{turns}");
}

#[test]
fn receiving_datagrams_for_ever_lets_other_tasks_run() {
    let mut event_loop = open_loop();
    let (sender, receiver) = datagram_sockets(&mut event_loop);
    for _ in 0..MANY {
        event_loop.cx().try_send_to(sender, &[1], port(2)).unwrap();
    }
    let mut received = 0;
    let turns = beside_another(&mut event_loop, |cx| {
        while received < MANY {
            match cx.recv_from(receiver, &mut Buffer::<1>::new()) {
                Poll::Ready(datagram) => received += datagram.unwrap().count,
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(()))
    });
    assert!(turns >= 10, "{turns}");
    assert!(event_loop.counters().budget_stops >= 10);
}

#[test]
fn receiving_datagrams_without_waiting_in_a_loop_around_readable_ends_when_the_budget_is_used_up() {
    let mut event_loop = open_loop();
    let (sender, receiver) = datagram_sockets(&mut event_loop);
    for _ in 0..MANY {
        event_loop.cx().try_send_to(sender, &[], port(2)).unwrap();
    }
    let (mut received, mut tries) = (0, 0);
    let turns = beside_another(&mut event_loop, |cx| {
        while received < MANY {
            tries += 1;
            assert!(tries < 10 * MANY, "it never yields");
            match cx.readable(receiver) {
                Poll::Ready(ready) => ready.unwrap(),
                Poll::Pending => return Poll::Pending,
            }
            match cx.try_recv_from(receiver, &mut [0]) {
                Ok(datagram) => received += usize::from(datagram.count == 0),
                Err(error) => assert_eq!(error, Error::WouldBlock),
            }
        }
        Poll::Ready(Ok(()))
    });
    assert!(turns >= 10, "{turns}");
}

#[test]
fn sending_datagrams_for_ever_lets_other_tasks_run() {
    let mut event_loop = open_loop();
    let (sender, _receiver) = datagram_sockets(&mut event_loop);
    let mut sent = 0;
    let turns = beside_another(&mut event_loop, |cx| {
        while sent < MANY {
            match cx.send_to(sender, &[1], port(2)) {
                Poll::Ready(result) => {
                    result.unwrap();
                    sent += 1;
                }
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(()))
    });
    assert!(turns >= 10, "{turns}");
}

#[test]
fn a_source_that_its_own_waiter_raises_again_and_again_lets_other_tasks_run() {
    let mut event_loop = open_loop();
    let source = event_loop.cx().event_source().unwrap();
    event_loop.cx().raise(source, 0).unwrap();
    let mut taken = 0;
    let turns = beside_another(&mut event_loop, |cx| {
        while taken < MANY {
            match cx.raised(source) {
                Poll::Ready(raised) => {
                    assert_eq!(raised.unwrap().count, 1);
                    taken += 1;
                    cx.raise(source, 0).unwrap();
                }
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(()))
    });
    assert!(turns >= 10, "{turns}");
}

#[test]
fn more_expired_timers_than_the_budget_allows_are_taken_in_two_resumes() {
    let mut event_loop = open_loop();
    let timers: Vec<_> = (0..100).map(|_| event_loop.cx().timer().unwrap()).collect();
    for &timer in &timers {
        event_loop.cx().start_timer(timer, ms(1)).unwrap();
    }
    event_loop.platform_mut().mock.advance(ms(2));
    let mut taken = 0;
    let turns = beside_another(&mut event_loop, |cx| {
        while taken < timers.len() {
            match cx.expired(timers[taken]) {
                Poll::Ready(expired) => taken += expired.unwrap() as usize,
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(()))
    });
    assert!(turns >= 1, "{turns}");
}

#[test]
fn a_connect_that_ends_after_the_budget_was_used_up_is_found_in_the_next_turn() {
    let mut event_loop = open_loop();
    let (client, server) = connection(&mut event_loop);
    let listener = event_loop.cx().listen(port(8)).unwrap();
    let other = event_loop.cx().tcp_socket(&Options::DEFAULT).unwrap();
    assert!(event_loop.cx().connect_on(other, port(8)).is_pending());
    // One turn, so that the loop knows that the connect has ended.
    let mut set = steps([idle(), idle()]);
    event_loop.cx().start(0).unwrap();
    event_loop.turn_now(&mut set).unwrap();
    let mut used = 0;
    let mut greedy = |cx: &mut ptk_core::Cx<'_, scheduler_world::World>| {
        while used < 64 {
            used += 1;
            assert_eq!(cx.try_send(client, &[1]), Ok(1));
        }
        cx.connect_on(other, port(8))
    };
    let mut set = steps([idle(), step(&mut greedy)]);
    event_loop.cx().start(1).unwrap();
    for _ in 0..3 {
        event_loop.turn_now(&mut set).unwrap();
    }
    assert_eq!(event_loop.counters().failed_tasks, 0);
    assert_eq!(event_loop.tables().tasks.used, 1, "the connect is done");
    let _ = (server, listener);
}

#[test]
fn accepting_for_ever_lets_other_tasks_run_and_keeps_the_rest_in_the_backlog() {
    let mut event_loop = open_loop();
    let listener = event_loop.cx().listen(port(7)).unwrap();
    let mut accepted = 0;
    let turns = beside_another(&mut event_loop, |cx| {
        while accepted < 200 {
            // A connection of the task with itself: connect, accept, close both.
            let client = cx.tcp_socket(&Options::DEFAULT).unwrap();
            assert!(cx.connect_on(client, port(7)).is_pending());
            match cx.accept(listener) {
                Poll::Ready(socket) => {
                    accepted += 1;
                    cx.close(socket.unwrap()).unwrap();
                    cx.close(client).unwrap();
                }
                Poll::Pending => {
                    cx.close(client).unwrap();
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(Ok(()))
    });
    assert!(turns >= 3, "{turns}");
}

#[test]
fn looking_at_the_same_bytes_for_ever_lets_other_tasks_run() {
    let mut event_loop = open_loop();
    let (client, server) = connection(&mut event_loop);
    assert_eq!(event_loop.cx().try_send(client, &[1; 4]), Ok(4));
    let mut looks = 0;
    let turns = beside_another(&mut event_loop, |cx| {
        while looks < MANY {
            match cx.peek(server, &mut [0; 4]) {
                Poll::Ready(count) => looks += usize::from(count == Ok(4)),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(()))
    });
    assert!(turns >= 10, "{turns}");
    assert!(event_loop.counters().budget_stops >= 10);
}
