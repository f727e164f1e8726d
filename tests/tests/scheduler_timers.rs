//! Timers and deadlines: their order, their phase, and that what was stopped is never heard of again.

mod scheduler_world;

use std::cell::{Cell, RefCell};
use std::task::Poll;

use ptk_core::__rt::Context;
use ptk_core::deadlines::{DeadlineQueue, DeadlineQueueView, Positions, is_before};
use ptk_core::{Duration, Error, Event, Instant, PtTimed, Timer, TypedHandle};
use scheduler_world::{Random, Step, hash, idle, ms, open_loop, settle, step, steps};

const DONE: Poll<Result<(), Error>> = Poll::Ready(Ok(()));

fn at(millis: u64) -> Instant {
    Instant::ORIGIN + ms(millis)
}

#[test]
fn equal_deadlines_of_timers_and_of_timed_waits_come_in_the_order_in_which_they_were_started() {
    let order = RefCell::new(Vec::new());
    let order = &order;
    let mut event_loop = open_loop();
    let timers: Vec<Timer> = (0..3).map(|_| event_loop.cx().timer().unwrap()).collect();
    let timers = &timers;
    let timer = |name: usize| -> Step<'_> {
        step(move |cx| {
            let timer = timers[name / 2];
            if !cx.timer_is_running(timer).unwrap() {
                cx.start_timer(timer, ms(10)).unwrap();
            }
            cx.expired(timer).map(|expired| {
                order.borrow_mut().push(name);
                expired.map(drop)
            })
        })
    };
    let timed = |name: usize| -> Step<'_> {
        let mut deadline = None;
        step(move |cx| {
            let deadline = *deadline.get_or_insert_with(|| cx.arm(ms(10)));
            if !Context::expired(cx, deadline) {
                return Poll::Pending;
            }
            order.borrow_mut().push(name);
            DONE
        })
    };
    event_loop.run(&mut steps([timer(0), timed(1), timer(2), timed(3), timer(4), timed(5)])).unwrap();
    assert_eq!(*order.borrow(), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn a_timed_wait_that_is_resumed_for_nothing_keeps_its_place_among_equal_deadlines() {
    let order = RefCell::new(Vec::new());
    let mut event_loop = open_loop();
    let source = event_loop.cx().event_source().unwrap();
    let mut set = steps([
        step(|cx| {
            let raised = cx.raised(source).is_ready();
            if cx.sleep_until(at(10)).is_pending() {
                if raised {
                    assert!(cx.raised(source).is_pending());
                }
                return Poll::Pending;
            }
            order.borrow_mut().push(0);
            DONE
        }),
        step(|cx| {
            cx.sleep_until(at(10)).map(|()| {
                order.borrow_mut().push(1);
                Ok(())
            })
        }),
    ]);
    event_loop.turn_now(&mut set).unwrap();
    let before = hash(&event_loop);
    for _ in 0..3 {
        event_loop.cx().raise(source, 1).unwrap();
        event_loop.turn_now(&mut set).unwrap();
    }
    assert_eq!(hash(&event_loop), before);
    event_loop.run(&mut set).unwrap();
    assert_eq!(*order.borrow(), [0, 1]);
}

#[test]
fn zero_is_the_next_turn_for_timers_and_for_timed_waits() {
    let turns = RefCell::new(Vec::new());
    let mut event_loop = open_loop();
    let timer = event_loop.cx().timer().unwrap();
    let turn = Cell::new(0);
    let (mut deadline, mut started) = (None, false);
    let mut set = steps([
        step(|cx| {
            turn.set(turn.get() + 1);
            cx.yield_now();
            Poll::Pending
        }),
        step(|cx| {
            if !std::mem::replace(&mut started, true) {
                cx.start_timer(timer, Duration::ZERO).unwrap();
            }
            cx.expired(timer).map(|_| {
                turns.borrow_mut().push(turn.get());
                Ok(())
            })
        }),
        step(|cx| {
            let deadline = *deadline.get_or_insert_with(|| cx.arm(Duration::ZERO));
            if !Context::expired(cx, deadline) {
                return Poll::Pending;
            }
            turns.borrow_mut().push(turn.get());
            DONE
        }),
    ]);
    for _ in 0..3 {
        event_loop.turn(&mut set).unwrap();
    }
    assert_eq!(*turns.borrow(), [2, 2]);
    assert_eq!(event_loop.cx().now(), Instant::ORIGIN);
}

#[test]
fn forty_six_timers_of_zero_that_start_themselves_again_do_not_starve_anything() {
    let mut event_loop = open_loop();
    let (client, server) = scheduler_world::connection(&mut event_loop);
    let timers: Vec<Timer> = (0..46).map(|_| event_loop.cx().timer().unwrap()).collect();
    for &timer in &timers {
        event_loop.cx().set_handler(timer).unwrap();
        event_loop.cx().start_timer(timer, Duration::ZERO).unwrap();
    }
    let fired = Cell::new(0);
    let mut set = steps([
        step(|cx| cx.recv(server, &mut ptk_core::Buffer::<4>::new()).map(|got| got.map(drop))),
        step(|cx| {
            if event_loop_turn(&fired) == 3 {
                assert_eq!(cx.try_send(client, &[1]), Ok(1));
                return DONE;
            }
            cx.yield_now();
            Poll::Pending
        }),
    ])
    .on_event(|cx, handle, event| {
        assert_eq!(event, Event::TimerExpired(1));
        fired.set(fired.get() + 1);
        cx.start_timer(Timer::from_handle(handle).unwrap(), Duration::ZERO)
    });
    scheduler_world::start_all(&mut event_loop, 2);
    event_loop.run_until(&mut set, |event_loop, _| event_loop.tables().tasks.used == 0).unwrap();
    assert!(fired.get() <= 46 * 6, "{}", fired.get());
    assert_eq!(event_loop.cx().now(), Instant::ORIGIN, "all of it took no time");
}

/// In which turn 46 timers, each firing once a turn, are.
fn event_loop_turn(fired: &Cell<u32>) -> u32 {
    fired.get() / 46
}

#[test]
fn a_timer_that_is_started_again_has_only_its_new_deadline_and_drops_the_old_expiry() {
    let mut event_loop = open_loop();
    let mut set = steps([idle()]);
    event_loop.turn_now(&mut set).unwrap();
    let timer = event_loop.cx().timer().unwrap();
    event_loop.cx().start_timer(timer, ms(5)).unwrap();
    event_loop.cx().start_timer(timer, ms(9)).unwrap();
    assert_eq!(event_loop.next_deadline(), Some(at(9)));
    event_loop.cx().start_timer(timer, ms(3)).unwrap();
    assert_eq!(event_loop.next_deadline(), Some(at(3)));
    event_loop.turn(&mut set).unwrap();
    assert!(event_loop.cx().timer_is_running(timer).unwrap(), "expired, and nobody took it");
    event_loop.cx().start_timer(timer, ms(2)).unwrap();
    assert!(event_loop.cx().expired(timer).is_pending(), "the expiry is dropped");
    event_loop.turn(&mut set).unwrap();
    assert_eq!(event_loop.cx().now(), at(5));
    assert_eq!(event_loop.cx().expired(timer), Poll::Ready(Ok(1)));
    assert_eq!(event_loop.cx().timer_is_running(timer), Ok(false));
}

#[test]
fn nothing_is_heard_of_a_timer_that_was_stopped_even_after_it_expired() {
    for handler in [false, true] {
        let mut event_loop = open_loop();
        let timers = [(); 2].map(|()| event_loop.cx().timer().unwrap());
        let told = RefCell::new(Vec::new());
        for timer in timers {
            event_loop.cx().start_timer(timer, ms(1)).unwrap();
        }
        let wait = |timer: Timer, other: Timer| -> Step<'_> {
            let told = &told;
            step(move |cx| {
                if handler {
                    return Poll::Pending;
                }
                let Poll::Ready(_) = cx.expired(timer) else { return Poll::Pending };
                told.borrow_mut().push(timer);
                Poll::Ready(cx.stop_timer(other))
            })
        };
        if handler {
            for timer in timers {
                event_loop.cx().set_handler(timer).unwrap();
            }
        }
        // Both expire in one batch, and whoever is first stops the other.
        let mut set = steps([wait(timers[0], timers[1]), wait(timers[1], timers[0])]).on_event(|cx, handle, _| {
            told.borrow_mut().push(Timer::from_handle(handle).unwrap());
            cx.stop_timer(timers[1])
        });
        settle(&mut event_loop, &mut set);
        assert_eq!(*told.borrow(), [timers[0]]);
        assert_eq!(event_loop.cx().timer_is_running(timers[1]), Ok(false));
    }
}

#[test]
fn a_repeating_timer_keeps_its_phase_and_tells_what_it_missed() {
    let mut event_loop = open_loop();
    let timer = event_loop.cx().timer().unwrap();
    assert_eq!(event_loop.cx().start_repeating(timer, Duration::ZERO), Err(Error::InvalidArgument));
    event_loop.cx().start_repeating(timer, ms(10)).unwrap();
    let taken = RefCell::new(Vec::new());
    let mut set = steps([step(|cx| {
        while let Poll::Ready(count) = cx.expired(timer) {
            taken.borrow_mut().push((cx.now(), count.unwrap()));
            if taken.borrow().len() == 2 {
                // A stall of three and a half periods.
                cx.platform().mock.advance(ms(35));
            }
            if taken.borrow().len() == 5 {
                return DONE;
            }
        }
        Poll::Pending
    })]);
    event_loop.run(&mut set).unwrap();
    assert_eq!(*taken.borrow(), [(at(10), 1), (at(20), 1), (at(55), 3), (at(60), 1), (at(70), 1)]);
}

#[test]
fn a_repeating_timer_with_a_handler_keeps_its_phase_and_tells_what_it_missed() {
    let mut event_loop = open_loop();
    let timer = event_loop.cx().timer().unwrap();
    event_loop.cx().start_repeating(timer, ms(10)).unwrap();
    event_loop.cx().set_handler(timer).unwrap();
    let told = RefCell::new(Vec::new());
    let mut set = steps([]).on_event(|cx, _, event| {
        told.borrow_mut().push((cx.now(), event));
        match told.borrow().len() {
            1 => {
                cx.platform().mock.advance(ms(25));
            }
            3 => cx.remove_handler(timer)?,
            _ => {}
        }
        Ok(())
    });
    event_loop.run(&mut set).unwrap();
    drop(set);
    let told = told.into_inner();
    let expired = Event::TimerExpired;
    assert_eq!(told, [(at(10), expired(1)), (at(35), expired(2)), (at(40), expired(1))]);
}

#[test]
fn an_expiry_that_nobody_took_is_told_to_a_handler_that_is_set_later() {
    let mut event_loop = open_loop();
    let timer = event_loop.cx().timer().unwrap();
    event_loop.cx().start_timer(timer, ms(1)).unwrap();
    event_loop.turn_now(&mut steps([idle()])).unwrap();
    event_loop.turn(&mut steps([idle()])).unwrap();
    assert_eq!(event_loop.cx().now(), at(1));
    event_loop.cx().set_handler(timer).unwrap();
    let told = Cell::new(0);
    let mut set = steps([idle()]).on_event(|_, _, event| {
        assert_eq!(event, Event::TimerExpired(1));
        told.set(told.get() + 1);
        Ok(())
    });
    event_loop.turn(&mut set).unwrap();
    assert_eq!(told.get(), 1);
}

#[test]
fn several_waiters_of_one_timer_take_one_expiry_and_a_closed_timer_tells_all() {
    let mut event_loop = open_loop();
    let timer = event_loop.cx().timer().unwrap();
    let (took, closed) = (Cell::new(0), Cell::new(0));
    let waiter = || {
        step(|cx| match cx.expired(timer) {
            Poll::Ready(Ok(_)) => {
                took.set(took.get() + 1);
                DONE
            }
            Poll::Ready(Err(error)) => {
                assert_eq!(error, Error::InvalidHandle);
                closed.set(closed.get() + 1);
                DONE
            }
            Poll::Pending => Poll::Pending,
        })
    };
    event_loop.cx().start_timer(timer, ms(1)).unwrap();
    let mut set = steps([waiter(), waiter(), waiter()]);
    settle(&mut event_loop, &mut set);
    assert_eq!((took.get(), closed.get()), (1, 0));
    event_loop.cx().close(timer).unwrap();
    settle(&mut event_loop, &mut set);
    assert_eq!((took.get(), closed.get()), (1, 2));
}

#[test]
fn a_timer_that_never_comes_does_not_end_the_sleep() {
    let mut event_loop = open_loop();
    let timer = event_loop.cx().timer().unwrap();
    event_loop.cx().start_timer(timer, Duration::MAX).unwrap();
    assert_eq!(event_loop.cx().timer_is_running(timer), Ok(true));
    let mut set = steps([step(|cx| {
        assert!(cx.sleep_until(Instant::MAX).is_pending());
        let deadline = cx.arm(Duration::MAX);
        assert!(!Context::expired(cx, deadline));
        cx.expired(timer).map(|expired| expired.map(drop))
    })]);
    event_loop.turn_now(&mut set).unwrap();
    assert_eq!(event_loop.turn(&mut set), Err(Error::Deadlock));
}

/// Positions in an array.
struct Places([u32; 12]);

impl Positions for Places {
    fn position(&self, index: usize) -> u32 {
        self.0[index]
    }

    fn set_position(&mut self, index: usize, position: u32) {
        self.0[index] = position;
    }
}

#[test]
fn the_queue_of_deadlines_agrees_with_a_sorted_list() {
    for seed in 0..200 {
        let mut random = Random(seed);
        let mut queue = DeadlineQueue::<12>::new();
        let queue: &mut DeadlineQueueView = &mut queue;
        let mut places = Places([0; 12]);
        let mut model: Vec<(usize, u64, u32)> = Vec::new();
        // Orders that pass the end of their numbers.
        let mut order = u32::MAX - 100;
        for _ in 0..300 {
            let index = random.below(12);
            model.retain(|entry| entry.0 != index);
            if random.once_in(3) {
                queue.remove(index, &mut places);
            } else {
                let nanos = random.below(8) as u64;
                order = order.wrapping_add(1);
                let deadline = ptk_core::__rt::Deadline { at: Instant::from_nanos(nanos), order };
                queue.set(index, deadline, &mut places);
                model.push((index, nanos, order));
            }
            model.sort_by_key(|&(_, nanos, order)| (nanos, order.wrapping_add(200)));
            assert_eq!(queue.len(), model.len());
            assert_eq!(queue.first().map(|entry| entry.index()), model.first().map(|entry| entry.0));
            for &(index, nanos, order) in &model {
                let deadline = queue.get(index, &places).unwrap();
                assert_eq!((deadline.at.as_nanos(), deadline.order), (nanos, order));
                assert!(!is_before(deadline, queue.first().unwrap().deadline()));
            }
        }
        while let Some(first) = queue.first().map(|entry| entry.index()) {
            assert_eq!(first, model.remove(0).0);
            queue.remove(first, &mut places);
        }
        let empty = DeadlineQueue::<12>::new();
        assert_eq!(hash(&format!("{queue:?}")), hash(&format!("{:?}", &empty as &DeadlineQueueView)));
    }
}

#[test]
fn tasks_with_random_deadlines_wake_in_the_order_of_the_model() {
    for seed in 0..300 {
        let mut random = Random(seed);
        let mut event_loop = open_loop();
        let (log, model) = (RefCell::new(Vec::new()), RefCell::new(Vec::new()));
        let tasks: [Step<'_>; 12] = std::array::from_fn(|name| {
            let (log, model) = (&log, &model);
            let mut random = Random(random.bits());
            let mut timed: Option<(PtTimed, u32)> = None;
            step(move |cx| {
                use ptk_core::__rt::{arm, expired};
                let now = cx.now();
                if let Some((pt, round)) = &timed {
                    if !expired(pt, cx) {
                        return Poll::Pending;
                    }
                    log.borrow_mut().push((now, name, *round));
                }
                let round = timed.map_or(0, |(_, round)| round + 1);
                if round == 6 {
                    return DONE;
                }
                let after = ms(random.below(4) as u64);
                let mut pt = PtTimed::new();
                arm(after, &mut pt, cx);
                timed = Some((pt, round));
                let mut model = model.borrow_mut();
                let order = model.len();
                model.push((now + after, order, name, round));
                // Armed here and now: even a zero is due in the next turn only.
                Context::set_control(cx, ptk_core::__rt::Control::root(true));
                assert!(!expired(&pt, cx));
                Poll::Pending
            })
        });
        let mut set = steps(tasks);
        event_loop.run(&mut set).unwrap();
        let mut model = model.borrow().clone();
        // A zero that was armed at an instant is due after everything else of that instant that was armed before.
        model.sort_unstable();
        let model: Vec<_> = model.iter().map(|&(at, _, name, round)| (at, name, round)).collect();
        assert_eq!(*log.borrow(), model, "seed {seed}");
    }
}
