//! What a turn does and when it ends: starting, stopping, sleeping, and a loop inside a foreign one.

mod scheduler_world;

use std::cell::{Cell, RefCell};
use std::task::Poll;

use ptk_core::__rt::Context;
use ptk_core::{Error, Event, EventLoop, Instant, Kind, Task, Timer};
use scheduler_world::{World, hash, idle, ms, open_loop, settle, step, steps};

const DONE: Poll<Result<(), Error>> = Poll::Ready(Ok(()));

#[test]
fn nothing_runs_before_the_loop_is_open_and_it_opens_once() {
    let mut event_loop: EventLoop<World, 1> = EventLoop::new(1, World::default());
    let mut set = steps([idle()]);
    assert_eq!(event_loop.turn(&mut set), Err(Error::NotOpen));
    assert_eq!(event_loop.turn_now(&mut set), Err(Error::NotOpen));
    assert_eq!(event_loop.run(&mut set), Err(Error::NotOpen));
    event_loop.open().unwrap();
    assert_eq!(event_loop.open(), Err(Error::Busy));
    assert_eq!(event_loop.turn(&mut set), Ok(true), "the failed attempts left the first turn to come");
}

#[test]
fn the_first_turn_starts_all_tasks_in_order_and_run_ends_with_the_last() {
    let order = RefCell::new(Vec::new());
    let order = &order;
    let task = |name| {
        step(move |_| {
            order.borrow_mut().push(name);
            DONE
        })
    };
    let mut event_loop = open_loop();
    event_loop.run(&mut steps([task('a'), task('b'), task('c')])).unwrap();
    assert_eq!(*order.borrow(), ['a', 'b', 'c']);
    assert_eq!(event_loop.tables().tasks.used, 0);
    assert_eq!(event_loop.run(&mut steps([task('d')])), Ok(()), "a loop that is over stays over");
    assert_eq!(order.borrow().len(), 3);
}

#[test]
fn a_task_that_was_started_by_hand_is_alone() {
    let polls = Cell::new(0);
    let mut event_loop = open_loop();
    let mut set = steps([
        step(|_| panic!("nobody started this one")),
        step(|_| {
            polls.set(polls.get() + 1);
            DONE
        }),
    ]);
    event_loop.cx().start(1).unwrap();
    event_loop.run(&mut set).unwrap();
    assert_eq!(polls.get(), 1);
}

#[test]
fn ready_tasks_run_first_in_first_out_and_who_yields_goes_to_the_end() {
    let order = RefCell::new(Vec::new());
    let order = &order;
    let task = |name: char, mut rounds: u32| {
        step(move |cx| {
            order.borrow_mut().push(name);
            rounds -= 1;
            if rounds == 0 {
                return DONE;
            }
            cx.yield_now();
            Poll::Pending
        })
    };
    let mut event_loop = open_loop();
    event_loop.run(&mut steps([task('a', 3), task('b', 1), task('c', 2)])).unwrap();
    assert_eq!(order.borrow().iter().collect::<String>(), "abcaca");
    assert_eq!(event_loop.counters().turns, 3, "who yields is polled once a turn");
}

#[test]
fn a_task_that_is_started_by_another_runs_in_the_next_turn() {
    let turns = RefCell::new(Vec::new());
    let mut event_loop = open_loop();
    let mut set = steps([
        step(|cx| {
            assert_eq!(cx.start(0), Err(Error::Busy));
            assert_eq!(cx.start(2), Err(Error::InvalidArgument));
            assert_eq!(cx.start(usize::MAX), Err(Error::InvalidArgument));
            cx.start(1).unwrap();
            turns.borrow_mut().push(0);
            DONE
        }),
        step(|_| {
            turns.borrow_mut().push(1);
            DONE
        }),
    ]);
    event_loop.cx().start(0).unwrap();
    assert_eq!(event_loop.turn(&mut set), Ok(true));
    assert_eq!(*turns.borrow(), [0]);
    assert_eq!(event_loop.turn(&mut set), Ok(false));
    assert_eq!(*turns.borrow(), [0, 1]);
}

#[test]
fn a_run_has_its_own_handle_and_the_one_of_an_earlier_run_is_stale() {
    let seen = RefCell::new(Vec::new());
    let mut event_loop = open_loop();
    let mut set = steps([step(|cx| {
        seen.borrow_mut().push(cx.current_task());
        DONE
    })]);
    let first = event_loop.cx().start(0).unwrap();
    event_loop.run(&mut set).unwrap();
    let second = event_loop.cx().start(0).unwrap();
    assert_ne!(first, second);
    assert_eq!(event_loop.cx().cancel(first), Err(Error::InvalidHandle));
    event_loop.run(&mut set).unwrap();
    assert_eq!(event_loop.cx().cancel(second), Err(Error::InvalidHandle));
    assert_eq!(event_loop.cx().cancel(Task::NONE), Err(Error::InvalidHandle));
    assert_eq!(event_loop.cx().current_task(), Task::NONE);
    drop(set);
    assert_eq!(seen.into_inner(), [first, second]);
}

#[test]
fn a_cancelled_task_is_not_polled_again_and_can_be_started_anew() {
    let (polls, victim) = (Cell::new(0), Cell::new(Task::NONE));
    let mut event_loop = open_loop();
    let mut set = steps([
        step(|cx| {
            cx.cancel(victim.get()).unwrap();
            assert_eq!(cx.cancel(victim.get()), Err(Error::InvalidHandle));
            victim.set(cx.start(1).unwrap());
            cx.cancel(victim.get()).unwrap();
            assert_eq!(polls.get(), 0);
            victim.set(cx.start(1).unwrap());
            DONE
        }),
        step(|cx| {
            polls.set(polls.get() + 1);
            assert_eq!(cx.current_task(), victim.get());
            DONE
        }),
    ]);
    event_loop.cx().start(0).unwrap();
    victim.set(event_loop.cx().start(1).unwrap());
    event_loop.run(&mut set).unwrap();
    assert_eq!(polls.get(), 1, "started twice more, polled once");
}

#[test]
fn a_task_that_cancels_itself_ends_with_its_resume_whatever_it_returns() {
    let polls = Cell::new(0);
    let mut event_loop = open_loop();
    let mut set = steps([step(|cx| {
        polls.set(polls.get() + 1);
        let timer = cx.timer().unwrap();
        cx.start_timer(timer, ms(1)).unwrap();
        assert!(cx.expired(timer).is_pending());
        cx.cancel(cx.current_task()).unwrap();
        assert!(cx.timer_is_running(timer).unwrap(), "it lives until its resume ends");
        cx.yield_now();
        Poll::Pending
    })]);
    event_loop.run(&mut set).unwrap();
    assert_eq!((polls.get(), event_loop.tables().timers.used), (1, 0));
    event_loop.cx().start(0).unwrap();
    event_loop.run(&mut set).unwrap();
    drop(set);
    assert_eq!(polls.get(), 2, "a run started while the last one's place in the queue was still taken");
}

#[test]
fn an_error_of_a_task_is_counted_and_kept_and_the_others_go_on() {
    let mut event_loop = open_loop();
    let mut set = steps([
        step(|_| Poll::Ready(Err(Error::Protocol))),
        step(|cx| {
            assert_eq!(cx.last_error(), Some(Error::Protocol));
            cx.set_last_error(None);
            DONE
        }),
    ]);
    event_loop.run(&mut set).unwrap();
    assert_eq!((event_loop.counters().failed_tasks, event_loop.last_error()), (1, None));
}

#[test]
fn stop_ends_run_after_the_turn_and_the_next_run_goes_on() {
    let rounds = Cell::new(0);
    let mut event_loop = open_loop();
    let mut set = steps([
        step(|cx| {
            rounds.set(rounds.get() + 1);
            if rounds.get() == 2 {
                cx.stop();
            }
            if rounds.get() == 4 {
                return DONE;
            }
            cx.yield_now();
            Poll::Pending
        }),
        step(|_| if rounds.get() == 4 { DONE } else { Poll::Pending }),
    ]);
    event_loop.run(&mut set).unwrap();
    assert_eq!(rounds.get(), 2);
    let ended = event_loop.run_until(&mut set, |_, _| rounds.get() == 3);
    assert_eq!((ended, rounds.get()), (Ok(()), 3));
    assert_eq!(event_loop.run(&mut set), Err(Error::Deadlock), "the second task is never woken");
    assert_eq!(rounds.get(), 4);
}

#[test]
fn run_until_asks_after_each_turn_and_may_look_at_loop_and_set() {
    let mut event_loop = open_loop();
    let mut set = steps([step(|cx| {
        cx.yield_now();
        Poll::Pending
    })]);
    event_loop.run_until(&mut set, |event_loop, _set| event_loop.counters().turns == 7).unwrap();
    assert_eq!(event_loop.counters().polls, 7);
}

#[test]
fn a_deadlock_is_told_and_the_loop_can_go_on_after_it() {
    let mut event_loop = open_loop();
    let source = event_loop.cx().event_source().unwrap();
    let mut set = steps([step(|cx| cx.raised(source).map(|raised| raised.map(drop)))]);
    assert_eq!(event_loop.run(&mut set), Err(Error::Deadlock));
    event_loop.cx().raise(source, 1).unwrap();
    assert_eq!(event_loop.run(&mut set), Ok(()));
}

#[test]
fn a_zero_timer_that_is_stopped_leaves_the_loop_nothing_to_do() {
    let mut event_loop = open_loop();
    let timer = event_loop.cx().timer().unwrap();
    event_loop.cx().start_timer(timer, ms(0)).unwrap();
    assert_eq!(event_loop.next_deadline(), Some(Instant::ORIGIN));
    event_loop.cx().stop_timer(timer).unwrap();
    let mut set = steps([idle()]);
    settle(&mut event_loop, &mut set);
    assert_eq!(event_loop.next_deadline(), None);
}

#[test]
fn a_zero_timeout_that_was_not_needed_leaves_the_loop_nothing_to_do() {
    let mut event_loop = open_loop();
    let mut set = steps([step(|cx| {
        cx.arm(ms(0));
        Poll::Pending
    })]);
    settle(&mut event_loop, &mut set);
    assert_eq!(event_loop.next_deadline(), None);
}

#[test]
fn a_foreign_loop_learns_when_to_turn_and_turns_without_waiting() {
    let mut event_loop = open_loop();
    let timer = event_loop.cx().timer().unwrap();
    let mut set = steps([
        step(|cx| {
            if !cx.timer_is_running(timer).unwrap() {
                cx.start_timer(timer, ms(10)).unwrap();
            }
            cx.expired(timer).map(|expired| expired.map(drop))
        }),
        step(|cx| cx.sleep_until(Instant::ORIGIN + ms(25)).map(Ok)),
    ]);
    assert_eq!(event_loop.next_deadline(), Some(Instant::ORIGIN), "the first turn starts the tasks");
    assert_eq!(event_loop.turn_now(&mut set), Ok(true));
    assert_eq!(event_loop.next_deadline(), Some(Instant::ORIGIN + ms(10)));
    assert_eq!(event_loop.turn_now(&mut set), Ok(true), "too early: nothing happens");
    assert_eq!(event_loop.counters().polls, 2);
    event_loop.platform_mut().mock.advance(ms(10));
    assert_eq!(event_loop.turn_now(&mut set), Ok(true));
    assert_eq!(event_loop.next_deadline(), Some(Instant::ORIGIN + ms(25)));
    event_loop.platform_mut().mock.advance(ms(20));
    assert_eq!(event_loop.turn_now(&mut set), Ok(false));
    assert_eq!(event_loop.next_deadline(), None);
    assert_eq!(event_loop.counters().spurious_wakes, 0);
}

#[test]
fn a_foreign_loop_is_told_to_turn_at_once_for_what_was_raised_by_the_loop_itself() {
    let mut event_loop = open_loop();
    let source = event_loop.cx().event_source().unwrap();
    let mut set = steps([
        step(|cx| cx.raised(source).map(|raised| raised.map(drop))),
        step(move |cx| Poll::Ready(cx.raise(source, 1))),
    ]);
    assert_eq!(event_loop.turn_now(&mut set), Ok(true));
    assert_eq!(event_loop.next_deadline(), Some(Instant::ORIGIN));
    assert_eq!(event_loop.turn_now(&mut set), Ok(false));
    assert_eq!(event_loop.next_deadline(), None);
}

#[test]
fn the_highest_number_of_tasks_is_remembered() {
    let mut event_loop = open_loop();
    event_loop.run(&mut steps([step(|_| DONE), step(|_| DONE), step(|_| DONE)])).unwrap();
    let tasks = event_loop.tables().tasks;
    assert_eq!((tasks.used, tasks.high_water, tasks.capacity), (0, 3, 16));
}

#[test]
fn who_slept_or_yielded_was_not_woken_for_nothing() {
    let mut event_loop = open_loop();
    let round = Cell::new(0);
    let mut set = steps([
        step(|cx| {
            // Sleeps five times, each time from where it is.
            while round.get() < 5 {
                if cx.sleep_until(Instant::ORIGIN + ms(round.get() + 1)).is_pending() {
                    return Poll::Pending;
                }
                round.set(round.get() + 1);
            }
            DONE
        }),
        step({
            let mut left = 4;
            move |cx| {
                left -= 1;
                if left == 0 {
                    return DONE;
                }
                cx.yield_now();
                Poll::Pending
            }
        }),
    ]);
    event_loop.run(&mut set).unwrap();
    assert_eq!(round.get(), 5);
    assert_eq!(event_loop.counters().spurious_wakes, 0);
}

#[test]
fn who_is_woken_for_something_that_another_took_is_counted() {
    let mut event_loop = open_loop();
    let source = event_loop.cx().event_source().unwrap();
    let mut turn = 0;
    let mut set = steps([
        // The thief is polled each turn, before the waiter that was woken.
        step(|cx| {
            turn += 1;
            match turn {
                1 => {}
                2 => cx.raise(source, 1).unwrap(),
                3 => assert!(cx.raised(source).is_ready()),
                _ => return DONE,
            }
            cx.yield_now();
            Poll::Pending
        }),
        step(|cx| cx.raised(source).map(|raised| raised.map(drop))),
    ]);
    assert_eq!(event_loop.run(&mut set), Err(Error::Deadlock));
    let counters = event_loop.counters();
    assert_eq!((counters.wakes, counters.spurious_wakes), (1, 1));
}

#[test]
fn a_spurious_alarm_and_a_spurious_raise_change_nothing() {
    let mut event_loop = open_loop();
    let source = event_loop.cx().event_source().unwrap();
    let timer = event_loop.cx().timer().unwrap();
    event_loop.cx().start_timer(timer, ms(100)).unwrap();
    let mut set = steps([
        step(|cx| cx.raised(source).map(|raised| raised.map(drop))),
        step(|cx| cx.expired(timer).map(|expired| expired.map(drop))),
        step(|cx| cx.sleep_until(Instant::ORIGIN + ms(50)).map(Ok)),
    ]);
    event_loop.turn(&mut set).unwrap();
    let before = hash(&event_loop);
    let polls = event_loop.counters().polls;
    for _ in 0..3 {
        event_loop.platform_mut().ring = true;
        event_loop.turn(&mut set).unwrap();
        assert_eq!(hash(&event_loop), before);
    }
    assert_eq!(event_loop.counters().polls, polls);
}

#[test]
fn a_handle_of_each_kind_prints_what_it_is() {
    let mut event_loop = open_loop();
    let timer = event_loop.cx().timer().unwrap();
    assert_eq!(format!("{timer:?} {:?}", Timer::NONE), "Timer 1.0#0 Timer none");
    assert_eq!(ptk_core::TypedHandle::handle(timer).map(ptk_core::Handle::kind), Some(Kind::Timer));
}

#[test]
fn an_event_without_a_receiver_in_the_set_is_no_error() {
    struct Bare;
    impl ptk_core::TaskSet<World> for Bare {
        const LEN: usize = 0;
        fn poll(&mut self, _: usize, _: &mut ptk_core::Cx<'_, World>) -> Poll<Result<(), Error>> {
            DONE
        }
        fn inspect(&self, _: usize) -> ptk_core::Suspended {
            unreachable!("there is no task")
        }
    }
    let mut event_loop = open_loop();
    let timer = event_loop.cx().timer().unwrap();
    event_loop.cx().set_handler(timer).unwrap();
    event_loop.cx().start_timer(timer, ms(1)).unwrap();
    assert_eq!(event_loop.turn(&mut Bare), Ok(true));
    assert_eq!(event_loop.counters().events, 1);
    let mut told = Vec::new();
    event_loop.cx().start_timer(timer, ms(1)).unwrap();
    let mut set = steps([]).on_event(|cx, handle, event| {
        told.push((handle, event));
        cx.remove_handler(timer)
    });
    assert_eq!(event_loop.turn(&mut set), Ok(false), "no task and no handler is left");
    drop(set);
    assert_eq!(told, [(ptk_core::TypedHandle::handle(timer).unwrap(), Event::TimerExpired(1))]);
}
