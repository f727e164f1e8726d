//! Who goes on first where tasks wait for each other: in the order in which they came, whatever becomes of those before.

mod scheduler_world;

use std::array;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::ready;

use ptk_core::prelude::*;
use ptk_core::sync::{Channel, Mutex, Seen, Semaphore, Signal};
use scheduler_world::{Loop, Step, Steps, hash, open_loop, settle, step, steps};

type Log = RefCell<Vec<usize>>;

/// A task that takes a permit, says so, and ends.
fn taker<'a>(permits: &'a RefCell<Semaphore>, log: &'a Log, number: usize) -> Step<'a> {
    step(move |cx| {
        ready!(permits.borrow_mut().acquire(cx))?;
        log.borrow_mut().push(number);
        Poll::Ready(Ok(()))
    })
}

/// No permits, and a log.
fn none() -> (RefCell<Semaphore>, Log) {
    (RefCell::new(Semaphore::new(0)), Log::default())
}

/// Takers with the numbers from 0 on.
fn takers<'a, const N: usize>(permits: &'a RefCell<Semaphore>, log: &'a Log) -> Steps<'a, N> {
    steps(array::from_fn(|number| taker(permits, log, number)))
}

/// What a receiver notes of a channel that has ended.
const END: usize = 99;

/// A task that receives one message, and notes it.
fn receiver<'a>(channel: &'a RefCell<Channel<usize, 2>>, log: &'a Log) -> Step<'a> {
    step(move |cx| {
        let message = ready!(channel.borrow_mut().recv(cx))?;
        log.borrow_mut().push(message.unwrap_or(END));
        Poll::Ready(Ok(()))
    })
}

/// A task that locks, says so, and waits with the lock until it is told to end. It never unlocks.
fn holder<'a>(lock: &'a RefCell<Mutex<u32>>, log: &'a Log, end: &'a Cell<usize>, number: usize) -> Step<'a> {
    step(move |cx| {
        if !lock.borrow().is_held(cx) {
            ready!(lock.borrow_mut().lock(cx))?;
            log.borrow_mut().push(number);
        }
        if end.get() == number { Poll::Ready(Ok(())) } else { Poll::Pending }
    })
}

fn turn<const N: usize>(event_loop: &mut Loop, set: &mut Steps<'_, N>) {
    event_loop.turn_now(set).unwrap();
}

fn release(event_loop: &mut Loop, permits: &RefCell<Semaphore>) {
    permits.borrow_mut().release(&mut event_loop.cx());
}

#[test]
fn who_came_first_goes_on_first() {
    let (permits, log) = none();
    let mut set = takers::<4>(&permits, &log);
    let mut event_loop = open_loop();
    turn(&mut event_loop, &mut set);
    assert_eq!(*log.borrow(), []);
    release(&mut event_loop, &permits);
    turn(&mut event_loop, &mut set);
    assert_eq!(*log.borrow(), [0]);
    release(&mut event_loop, &permits);
    release(&mut event_loop, &permits);
    turn(&mut event_loop, &mut set);
    assert_eq!(*log.borrow(), [0, 1, 2]);
    assert_eq!((permits.borrow().available(), event_loop.counters().spurious_wakes), (0, 0));
}

#[test]
fn one_who_comes_new_does_not_overtake_one_that_was_woken() {
    let (permits, log) = none();
    let mut set = takers::<2>(&permits, &log);
    let mut event_loop = open_loop();
    event_loop.cx().start(0).unwrap();
    turn(&mut event_loop, &mut set);
    // Behind this one in the ready queue, but before it in line.
    event_loop.cx().start(1).unwrap();
    release(&mut event_loop, &permits);
    assert_eq!(permits.borrow_mut().try_acquire(&mut event_loop.cx()), Err(Error::WouldBlock));
    turn(&mut event_loop, &mut set);
    assert_eq!(*log.borrow(), [0]);
    release(&mut event_loop, &permits);
    turn(&mut event_loop, &mut set);
    assert_eq!(*log.borrow(), [0, 1]);
}

#[test]
fn one_who_comes_new_has_its_turn_behind_those_that_were_woken() {
    let (permits, log) = none();
    let mut set = takers::<2>(&permits, &log);
    let mut event_loop = open_loop();
    event_loop.cx().start(0).unwrap();
    turn(&mut event_loop, &mut set);
    event_loop.cx().start(1).unwrap();
    release(&mut event_loop, &permits);
    release(&mut event_loop, &permits);
    turn(&mut event_loop, &mut set);
    assert_eq!(*log.borrow(), [0]);
    turn(&mut event_loop, &mut set);
    assert_eq!((&*log.borrow(), event_loop.counters().spurious_wakes), (&vec![0, 1], 0));
}

#[test]
fn a_cancel_of_one_that_was_woken_wakes_the_next() {
    let (permits, log) = none();
    let mut set = takers::<2>(&permits, &log);
    let mut event_loop = open_loop();
    let first = event_loop.cx().start(0).unwrap();
    event_loop.cx().start(1).unwrap();
    turn(&mut event_loop, &mut set);
    release(&mut event_loop, &permits);
    event_loop.cx().cancel(first).unwrap();
    turn(&mut event_loop, &mut set);
    assert_eq!(*log.borrow(), [1]);
}

#[test]
fn a_cancel_of_one_that_waits_leaves_the_others_in_order() {
    for cancelled in 0..3 {
        let (permits, log) = none();
        let mut set = takers::<3>(&permits, &log);
        let mut event_loop = open_loop();
        let tasks = [0, 1, 2].map(|index| event_loop.cx().start(index).unwrap());
        turn(&mut event_loop, &mut set);
        event_loop.cx().cancel(tasks[cancelled]).unwrap();
        release(&mut event_loop, &permits);
        release(&mut event_loop, &permits);
        turn(&mut event_loop, &mut set);
        let left: Vec<usize> = (0..3).filter(|number| *number != cancelled).collect();
        assert_eq!(*log.borrow(), left);
    }
}

#[test]
fn one_that_was_woken_and_does_not_look_wakes_the_next() {
    let (permits, log, bored) = (RefCell::new(Semaphore::new(0)), Log::default(), Cell::new(false));
    let first = step(|cx| {
        if bored.get() {
            return Poll::Ready(Ok(()));
        }
        permits.borrow_mut().acquire(cx)
    });
    let mut set = steps([first, taker(&permits, &log, 1)]);
    let mut event_loop = open_loop();
    turn(&mut event_loop, &mut set);
    release(&mut event_loop, &permits);
    bored.set(true);
    settle(&mut event_loop, &mut set);
    assert_eq!((&*log.borrow(), permits.borrow().available()), (&vec![1], 0));
}

#[test]
fn a_panic_of_one_that_was_woken_wakes_the_next() {
    let (permits, log, awake) = (RefCell::new(Semaphore::new(0)), Log::default(), Cell::new(false));
    let first = step(|cx| {
        assert!(!awake.get(), "on purpose");
        permits.borrow_mut().acquire(cx)
    });
    let mut set = steps([first, taker(&permits, &log, 1)]);
    let mut event_loop = open_loop();
    turn(&mut event_loop, &mut set);
    release(&mut event_loop, &permits);
    awake.set(true);
    assert!(catch_unwind(AssertUnwindSafe(|| event_loop.turn_now(&mut set))).is_err());
    settle(&mut event_loop, &mut set);
    assert_eq!((&*log.borrow(), permits.borrow().available()), (&vec![1], 0));
}

#[test]
fn one_that_was_woken_for_something_else_keeps_its_place() {
    let (permits, others, log) = (RefCell::new(Semaphore::new(0)), RefCell::new(Semaphore::new(0)), Log::default());
    let patient = step(|cx| {
        while others.borrow_mut().acquire(cx).is_ready() {
            log.borrow_mut().push(9);
        }
        ready!(permits.borrow_mut().acquire(cx))?;
        log.borrow_mut().push(0);
        Poll::Ready(Ok(()))
    });
    let mut set = steps([patient, taker(&permits, &log, 1)]);
    let mut event_loop = open_loop();
    turn(&mut event_loop, &mut set);
    for semaphore in [&others, &permits, &permits] {
        release(&mut event_loop, semaphore);
        turn(&mut event_loop, &mut set);
    }
    assert_eq!(*log.borrow(), [9, 0, 1]);
}

#[test]
fn a_task_with_no_budget_left_keeps_its_turn() {
    let (permits, log, taken) = (RefCell::new(Semaphore::new(1)), Log::default(), Cell::new(0));
    // Takes and gives back for ever.
    let busy = step(|cx| {
        while taken.get() < 100 {
            ready!(permits.borrow_mut().acquire(cx))?;
            taken.set(taken.get() + 1);
            permits.borrow_mut().release(cx);
        }
        Poll::Ready(Ok(()))
    });
    let mut set = steps([busy, taker(&permits, &log, 1)]);
    let mut event_loop = open_loop();
    turn(&mut event_loop, &mut set);
    let count = taken.get();
    assert!((1..100).contains(&count), "it gave way after {count}");
    assert_eq!((&*log.borrow(), event_loop.counters().budget_stops), (&vec![], 1), "the permit is promised to it");
    settle(&mut event_loop, &mut set);
    assert_eq!((taken.get(), &*log.borrow()), (count + 1, &vec![1]), "and then it is the other's turn");
}

#[test]
fn the_end_of_a_task_unlocks_what_it_had_locked() {
    let (lock, log, end) = (RefCell::new(Mutex::new(7)), Log::default(), Cell::new(9));
    let mut set = steps([0, 1, 2].map(|number| holder(&lock, &log, &end, number)));
    let mut event_loop = open_loop();
    let tasks = [0, 1, 2].map(|index| event_loop.cx().start(index).unwrap());
    turn(&mut event_loop, &mut set);
    assert_eq!((&*log.borrow(), lock.borrow().was_abandoned()), (&vec![0], false));
    assert_eq!(lock.borrow_mut().get_mut(&mut event_loop.cx()), Err(Error::Busy));
    event_loop.cx().cancel(tasks[0]).unwrap();
    assert!(!lock.borrow().is_locked(&event_loop.cx()));
    turn(&mut event_loop, &mut set);
    assert_eq!((&*log.borrow(), lock.borrow().was_abandoned()), (&vec![0, 1], true));
    // Who is woken for nothing here is no other than the first.
    end.set(2);
    event_loop.cx().cancel(tasks[1]).unwrap();
    settle(&mut event_loop, &mut set);
    assert_eq!(*log.borrow(), [0, 1, 2]);
    assert_eq!(lock.borrow_mut().get_mut(&mut event_loop.cx()), Ok(&mut 7));
}

#[test]
fn a_panic_with_a_lock_unlocks_it() {
    let (lock, log, end) = (RefCell::new(Mutex::new(7)), Log::default(), Cell::new(1));
    let mut event_loop = open_loop();
    let timer = event_loop.cx().timer().unwrap();
    let panics = step(|cx| {
        if !lock.borrow().is_held(cx) {
            lock.borrow_mut().try_lock(cx)?;
        }
        assert!(cx.expired(timer).is_pending(), "on purpose");
        Poll::Pending
    });
    let mut set = steps([panics, holder(&lock, &log, &end, 1)]);
    turn(&mut event_loop, &mut set);
    assert_eq!(*log.borrow(), []);
    event_loop.cx().start_timer(timer, Duration::ZERO).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| event_loop.turn(&mut set))).is_err());
    settle(&mut event_loop, &mut set);
    assert_eq!((&*log.borrow(), lock.borrow().was_abandoned()), (&vec![1], true));
}

#[test]
fn a_lock_refuses_who_has_it_and_who_has_it_not() {
    let lock = RefCell::new(Mutex::new(1));
    let task = step(|cx| {
        let mut lock = lock.borrow_mut();
        assert_eq!(lock.unlock(cx), Err(Error::InvalidArgument));
        assert_eq!(lock.lock(cx), Poll::Ready(Ok(())));
        assert_eq!(lock.lock(cx), Poll::Ready(Err(Error::Busy)));
        assert_eq!(lock.try_lock(cx), Err(Error::Busy));
        *lock.get_mut(cx)? += 1;
        assert_eq!(lock.unlock(cx), Ok(()));
        assert_eq!(lock.try_lock(cx), Ok(()));
        Poll::Ready(lock.unlock(cx))
    });
    let mut event_loop = open_loop();
    event_loop.run(&mut steps([task])).unwrap();
    let mut lock = lock.borrow_mut();
    assert_eq!((lock.peek(), event_loop.counters().failed_tasks), (&2, 0));
    assert_eq!(lock.lock(&mut event_loop.cx()), Poll::Ready(Err(Error::InvalidArgument)), "outside a task");
    assert_eq!(lock.get_mut(&mut event_loop.cx()), Ok(&mut 2));
}

#[test]
fn every_reader_of_a_signal_sees_the_latest_value_once() {
    let (signal, log) = (RefCell::new(Signal::new(0)), Log::default());
    let reader = |seen: Seen| {
        let (signal, log, mut seen) = (&signal, &log, seen);
        step(move |cx| {
            loop {
                let value = ready!(signal.borrow_mut().changed(cx, &mut seen))?;
                log.borrow_mut().push(value);
            }
        })
    };
    let current = signal.borrow().seen();
    let mut set = steps([reader(Seen::NOTHING), reader(current), reader(current)]);
    let mut event_loop = open_loop();
    turn(&mut event_loop, &mut set);
    assert_eq!(*log.borrow(), [0], "who has seen nothing sees what is there");
    signal.borrow_mut().set(&mut event_loop.cx(), 1);
    signal.borrow_mut().set(&mut event_loop.cx(), 2);
    settle(&mut event_loop, &mut set);
    assert_eq!(*log.borrow(), [0, 2, 2, 2]);
    signal.borrow_mut().set(&mut event_loop.cx(), 2);
    settle(&mut event_loop, &mut set);
    assert_eq!(*log.borrow(), [0, 2, 2, 2, 2, 2, 2]);
    assert_eq!(event_loop.counters().spurious_wakes, 0);
}

#[test]
fn a_channel_that_is_full_refuses_and_one_that_is_closed_ends() {
    let mut channel = Channel::<u32, 2>::new();
    let mut event_loop = open_loop();
    let cx = &mut event_loop.cx();
    assert_eq!(channel.try_recv(cx), Err(Error::WouldBlock));
    assert_eq!((channel.try_send(cx, &1), channel.try_send(cx, &2)), (Ok(()), Ok(())));
    assert_eq!(channel.try_send(cx, &3), Err(Error::WouldBlock));
    assert_eq!(channel.try_recv(cx), Ok(Some(1)));
    channel.close(cx);
    assert_eq!(channel.try_send(cx, &3), Err(Error::NotConnected));
    assert_eq!(channel.send(cx, &3), Poll::Ready(Err(Error::NotConnected)));
    assert_eq!((channel.try_recv(cx), channel.try_recv(cx)), (Ok(Some(2)), Ok(None)));
    assert_eq!(channel.recv(cx), Poll::Ready(Ok(None)));
}

#[test]
fn closing_a_channel_ends_every_wait_for_it() {
    let (full, empty, log) =
        (RefCell::new(Channel::<u32, 1>::new()), RefCell::new(Channel::<u32, 1>::new()), Log::default());
    let sender = |number| {
        let (full, log) = (&full, &log);
        step(move |cx| {
            let sent = ready!(full.borrow_mut().send(cx, &9));
            assert_eq!(sent, Err(Error::NotConnected));
            log.borrow_mut().push(number);
            Poll::Ready(Ok(()))
        })
    };
    let receiver = |number| {
        let (empty, log) = (&empty, &log);
        step(move |cx| {
            assert_eq!(ready!(empty.borrow_mut().recv(cx)), Ok(None));
            log.borrow_mut().push(number);
            Poll::Ready(Ok(()))
        })
    };
    let mut event_loop = open_loop();
    full.borrow_mut().try_send(&mut event_loop.cx(), &1).unwrap();
    let mut set = steps([sender(0), receiver(1), sender(2), receiver(3)]);
    turn(&mut event_loop, &mut set);
    full.borrow_mut().close(&mut event_loop.cx());
    empty.borrow_mut().close(&mut event_loop.cx());
    assert_eq!(event_loop.run(&mut set), Ok(()));
    assert_eq!((&*log.borrow(), event_loop.counters().spurious_wakes), (&vec![0, 2, 1, 3], 0));
    assert_eq!(full.borrow().len(), 1);
}

#[test]
fn a_channel_closed_with_messages_in_it_gives_them_out_first() {
    let (channel, log) = (RefCell::new(Channel::<usize, 2>::new()), Log::default());
    let mut set = steps([(); 3].map(|()| receiver(&channel, &log)));
    let mut event_loop = open_loop();
    turn(&mut event_loop, &mut set);
    channel.borrow_mut().try_send(&mut event_loop.cx(), &1).unwrap();
    channel.borrow_mut().try_send(&mut event_loop.cx(), &2).unwrap();
    channel.borrow_mut().close(&mut event_loop.cx());
    assert_eq!(event_loop.run(&mut set), Ok(()));
    assert_eq!(*log.borrow(), [1, 2, END]);
}

#[test]
fn one_who_comes_to_a_closed_channel_behind_the_last_message_sees_the_end() {
    let (channel, log) = (RefCell::new(Channel::<usize, 2>::new()), Log::default());
    let mut set = steps([(); 2].map(|()| receiver(&channel, &log)));
    let mut event_loop = open_loop();
    event_loop.cx().start(0).unwrap();
    turn(&mut event_loop, &mut set);
    // Resumed before the one to which the message is promised.
    event_loop.cx().start(1).unwrap();
    channel.borrow_mut().try_send(&mut event_loop.cx(), &1).unwrap();
    channel.borrow_mut().close(&mut event_loop.cx());
    assert_eq!(event_loop.run(&mut set), Ok(()));
    assert_eq!(*log.borrow(), [1, END]);
}

#[test]
fn no_more_are_woken_than_there_is_something_for() {
    let (permits, log) = none();
    let mut set = takers::<3>(&permits, &log);
    let mut event_loop = open_loop();
    turn(&mut event_loop, &mut set);
    release(&mut event_loop, &permits);
    release(&mut event_loop, &permits);
    settle(&mut event_loop, &mut set);
    assert_eq!((&*log.borrow(), event_loop.counters().polls), (&vec![0, 1], 3 + 2));
}

#[test]
fn one_that_was_woken_takes_its_own_and_no_more_without_waiting() {
    let (permits, log, awake) = (RefCell::new(Semaphore::new(0)), Log::default(), Cell::new(false));
    let greedy = step(|cx| {
        let mut permits = permits.borrow_mut();
        if !awake.get() {
            return permits.acquire(cx);
        }
        assert_eq!((permits.try_acquire(cx), permits.try_acquire(cx)), (Ok(()), Err(Error::WouldBlock)));
        Poll::Ready(Ok(()))
    });
    let mut set = steps([greedy, taker(&permits, &log, 1), taker(&permits, &log, 2)]);
    let mut event_loop = open_loop();
    turn(&mut event_loop, &mut set);
    awake.set(true);
    release(&mut event_loop, &permits);
    release(&mut event_loop, &permits);
    settle(&mut event_loop, &mut set);
    assert_eq!((&*log.borrow(), event_loop.counters().polls), (&vec![1], 3 + 2));
}

#[test]
fn one_that_was_woken_for_something_else_overtakes_nobody() {
    let (permits, others, log) = (RefCell::new(Semaphore::new(0)), RefCell::new(Semaphore::new(0)), Log::default());
    let second = step(|cx| {
        while others.borrow_mut().acquire(cx).is_ready() {
            log.borrow_mut().push(9);
        }
        ready!(permits.borrow_mut().acquire(cx))?;
        log.borrow_mut().push(1);
        Poll::Ready(Ok(()))
    });
    let mut set = steps([taker(&permits, &log, 0), second]);
    let mut event_loop = open_loop();
    turn(&mut event_loop, &mut set);
    // Resumed before the one to which the permit is promised.
    release(&mut event_loop, &others);
    release(&mut event_loop, &permits);
    turn(&mut event_loop, &mut set);
    assert_eq!(*log.borrow(), [9, 0]);
}

#[test]
fn who_does_not_wait_overtakes_nobody_that_was_woken() {
    let (lock, log) = (RefCell::new(Mutex::new(0)), Log::default());
    let (full, empty) = (RefCell::new(Channel::<u32, 1>::new()), RefCell::new(Channel::<u32, 1>::new()));
    let (wants, never) = (Cell::new(0), Cell::new(9));
    let first = step(|cx| {
        if lock.borrow().is_held(cx) {
            return Poll::Ready(lock.borrow_mut().unlock(cx));
        }
        assert_eq!(lock.borrow_mut().try_lock(cx), Ok(()));
        Poll::Pending
    });
    let hasty = step(|cx| {
        wants.set(wants.get() + 1);
        assert_eq!(lock.borrow_mut().try_lock(cx), Err(Error::WouldBlock));
        Poll::Ready(Ok(()))
    });
    let sender = step(|cx| full.borrow_mut().send(cx, &2));
    let receiver =
        step(|cx| empty.borrow_mut().recv(cx).map(|message| message.map(|message| assert_eq!(message, Some(3)))));
    let mut event_loop = open_loop();
    full.borrow_mut().try_send(&mut event_loop.cx(), &1).unwrap();
    let mut set = steps([first, holder(&lock, &log, &never, 1), sender, receiver, hasty]);
    let tasks = [0, 1, 2, 3].map(|index| event_loop.cx().start(index).unwrap());
    turn(&mut event_loop, &mut set);
    let cx = &mut event_loop.cx();
    assert_eq!(full.borrow_mut().try_recv(cx), Ok(Some(1)));
    assert_eq!(full.borrow_mut().try_send(cx, &9), Err(Error::WouldBlock), "the room is the sender's");
    empty.borrow_mut().try_send(cx, &3).unwrap();
    assert_eq!(empty.borrow_mut().try_recv(cx), Err(Error::WouldBlock), "the message is the receiver's");
    // Ends with the lock, and the next is woken; the hasty one is resumed before that.
    cx.start(4).unwrap();
    cx.cancel(tasks[0]).unwrap();
    turn(&mut event_loop, &mut set);
    assert_eq!((wants.get(), &*log.borrow(), full.borrow().len()), (1, &vec![1], 1));
}

#[test]
fn a_change_and_an_end_are_there_for_who_comes_new_before_those_that_were_woken() {
    let (signal, channel, log) =
        (RefCell::new(Signal::new(0)), RefCell::new(Channel::<usize, 1>::new()), Log::default());
    let current = signal.borrow().seen();
    let reader = |number| {
        let (signal, log, mut seen) = (&signal, &log, current);
        step(move |cx| {
            ready!(signal.borrow_mut().changed(cx, &mut seen))?;
            log.borrow_mut().push(number);
            Poll::Ready(Ok(()))
        })
    };
    let sender = |number| {
        let (channel, log) = (&channel, &log);
        step(move |cx| {
            assert_eq!(ready!(channel.borrow_mut().send(cx, &7)), Err(Error::NotConnected));
            log.borrow_mut().push(number);
            Poll::Ready(Ok(()))
        })
    };
    let mut event_loop = open_loop();
    channel.borrow_mut().try_send(&mut event_loop.cx(), &1).unwrap();
    let mut set = steps([reader(0), sender(1), reader(2), sender(3)]);
    for waits in [0, 1] {
        event_loop.cx().start(waits).unwrap();
    }
    turn(&mut event_loop, &mut set);
    for comes in [2, 3] {
        event_loop.cx().start(comes).unwrap();
    }
    signal.borrow_mut().set(&mut event_loop.cx(), 1);
    channel.borrow_mut().close(&mut event_loop.cx());
    assert_eq!(event_loop.run(&mut set), Ok(()));
    assert_eq!(*log.borrow(), [2, 3, 0, 1]);
}

#[test]
fn a_reader_that_does_not_look_at_a_change_wakes_nobody() {
    let (signal, bored) = (RefCell::new(Signal::new(0)), Cell::new(false));
    let current = signal.borrow().seen();
    let (mut seen, mut unseen) = (current, current);
    let reader = step(|cx| {
        while let Poll::Ready(changed) = signal.borrow_mut().changed(cx, &mut seen) {
            changed?;
        }
        Poll::Pending
    });
    let leaver = step(|cx| {
        if bored.get() {
            return Poll::Ready(Ok(()));
        }
        signal.borrow_mut().changed(cx, &mut unseen).map(|changed| changed.map(|_| ()))
    });
    let mut set = steps([reader, leaver]);
    let mut event_loop = open_loop();
    turn(&mut event_loop, &mut set);
    bored.set(true);
    signal.borrow_mut().set(&mut event_loop.cx(), 1);
    settle(&mut event_loop, &mut set);
    assert_eq!((event_loop.counters().polls, event_loop.counters().spurious_wakes), (2 + 2, 0));
}

#[test]
fn the_end_of_a_task_unlocks_all_that_it_had_locked() {
    let (one, other, log, never) =
        (RefCell::new(Mutex::new(0)), RefCell::new(Mutex::new(0)), Log::default(), Cell::new(9));
    let both = step(|cx| {
        one.borrow_mut().try_lock(cx)?;
        other.borrow_mut().try_lock(cx)?;
        Poll::Pending
    });
    let mut set = steps([both, holder(&one, &log, &never, 1), holder(&other, &log, &never, 2)]);
    let mut event_loop = open_loop();
    let tasks = [0, 1, 2].map(|index| event_loop.cx().start(index).unwrap());
    turn(&mut event_loop, &mut set);
    event_loop.cx().cancel(tasks[0]).unwrap();
    settle(&mut event_loop, &mut set);
    assert_eq!(*log.borrow(), [1, 2]);
}

#[test]
fn a_lock_was_abandoned_until_somebody_unlocks_it() {
    let lock = RefCell::new(Mutex::new(0));
    let told = RefCell::new(Vec::new());
    let leaver = step(|cx| Poll::Ready(lock.borrow_mut().try_lock(cx)));
    let mender = || {
        step(|cx| {
            let mut lock = lock.borrow_mut();
            lock.try_lock(cx)?;
            told.borrow_mut().push(lock.was_abandoned());
            Poll::Ready(lock.unlock(cx))
        })
    };
    let mut event_loop = open_loop();
    event_loop.run(&mut steps([leaver, mender(), mender()])).unwrap();
    assert_eq!((&*told.borrow(), event_loop.counters().failed_tasks), (&vec![true, false], 0));
    let mut lock = lock.borrow_mut();
    let cx = &mut event_loop.cx();
    assert_eq!((lock.is_held(cx), lock.is_locked(cx)), (false, false), "no task is nobody's holder");
    assert_eq!(lock.unlock(cx), Err(Error::InvalidArgument));
}

#[test]
fn permits_have_an_upper_limit_that_adding_leaves_as_it_is() {
    let mut permits = Semaphore::new(u32::MAX);
    permits.release(&mut open_loop().cx());
    assert_eq!(permits.available(), u32::MAX);
}

#[test]
fn channels_are_equal_for_a_hash_by_their_messages_and_not_by_where_those_lie() {
    let mut event_loop = open_loop();
    let cx = &mut event_loop.cx();
    let [mut one, mut other] = [(); 2].map(|()| Channel::<u32, 2>::new());
    one.try_send(cx, &1).unwrap();
    one.try_recv(cx).unwrap();
    assert_eq!(hash(&one), hash(&other), "what has gone leaves nothing");
    for message in [2, 3] {
        one.try_send(cx, &message).unwrap();
        assert_ne!(hash(&one), hash(&other));
        other.try_send(cx, &message).unwrap();
        assert_eq!(hash(&one), hash(&other));
    }
    one.try_recv(cx).unwrap();
    other.try_recv(cx).unwrap();
    one.try_send(cx, &4).unwrap();
    other.try_send(cx, &5).unwrap();
    assert_ne!(hash(&one), hash(&other));
}

/// A message whose copy can panic.
struct Fragile<'a>(&'a Cell<bool>);

impl Clone for Fragile<'_> {
    fn clone(&self) -> Self {
        assert!(!self.0.get(), "on purpose");
        Fragile(self.0)
    }
}

#[test]
fn a_message_that_panics_when_it_is_copied_leaves_its_room_to_the_next() {
    let (breaks, log) = (Cell::new(false), Log::default());
    let channel = RefCell::new(Channel::<Fragile<'_>, 1>::new());
    let sender = |number: usize| -> Step<'_> {
        let (channel, breaks, log) = (&channel, &breaks, &log);
        step(move |cx| {
            ready!(channel.borrow_mut().send(cx, &Fragile(breaks)))?;
            log.borrow_mut().push(number);
            Poll::Ready(Ok(()))
        })
    };
    let mut set = steps([sender(0), sender(1), sender(2)]);
    let mut event_loop = open_loop();
    turn(&mut event_loop, &mut set);
    assert!(channel.borrow_mut().try_recv(&mut event_loop.cx()).unwrap().is_some());
    breaks.set(true);
    assert!(catch_unwind(AssertUnwindSafe(|| event_loop.turn_now(&mut set))).is_err());
    breaks.set(false);
    settle(&mut event_loop, &mut set);
    assert_eq!(*log.borrow(), [0, 2]);
}
