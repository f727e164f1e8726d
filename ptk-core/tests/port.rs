//! The port of raised events, without a loop.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use ptk_core::table::{HandleTable, HandleTableView, Vacant};
use ptk_core::{Error, EventPort, EventPortView, EventSource, Kind, Raised, TypedHandle, Wake};

struct Nothing;

impl Vacant for Nothing {
    const VACANT: Self = Nothing;
}

/// The handle of source `index` in `generation`, of loop 2.
fn source(index: usize, generation: u16) -> EventSource {
    let mut table = HandleTable::<Nothing, 8>::new();
    let table: &mut HandleTableView<Nothing> = &mut table;
    let mut handle = None;
    for i in 0..=index {
        table.advance_generation(i, u32::from(generation));
        handle = table.insert(Kind::EventSource, 2, Nothing).ok();
    }
    handle.and_then(EventSource::from_handle).unwrap()
}

fn open(port: &EventPortView, index: usize) -> EventSource {
    source(index, port.open(index).unwrap())
}

fn attached<const N: usize>() -> EventPort<N> {
    let port = EventPort::new();
    let view: &EventPortView = &port;
    view.attach(2).unwrap();
    port
}

#[test]
fn raises_are_counted_and_the_last_value_wins() {
    let port = attached::<2>();
    let port: &EventPortView = &port;
    let source = open(port, 1);
    assert_eq!(port.take(1), None);
    for value in 1..=3 {
        assert!(port.raise(source, value).is_ok());
    }
    assert_eq!(port.take(1), Some(Raised { count: 3, value: 3 }));
    assert_eq!(port.take(1), None);
    assert_eq!(port.take(0), None);
}

#[test]
fn the_count_saturates() {
    let port = attached::<1>();
    let port: &EventPortView = &port;
    let source = open(port, 0);
    for value in 0..70_000 {
        assert!(port.raise(source, value).is_ok());
    }
    assert_eq!(port.take(0), Some(Raised { count: u16::MAX, value: 69_999 }));
}

#[test]
fn a_closed_stale_forged_or_foreign_source_is_refused_and_nothing_is_touched() {
    let port = attached::<2>();
    let port: &EventPortView = &port;
    let old = open(port, 0);
    port.close(0);
    assert_eq!(port.raise(old, 1), Err(Error::InvalidHandle));
    let new = open(port, 0);
    for bad in [old, EventSource::NONE, source(1, 1), source(0, 3 + 2), source(5, 1)] {
        assert_eq!(port.raise(bad, 9), Err(Error::InvalidHandle), "{bad:?}");
    }
    assert_eq!(port.take(0), None);
    assert!(port.raise(new, 4).is_ok());
    assert_eq!(port.take(0), Some(Raised { count: 1, value: 4 }));
    port.detach();
    assert_eq!(port.raise(new, 5), Err(Error::InvalidHandle));
}

#[test]
fn what_was_pending_at_the_close_is_not_delivered_to_the_next_source() {
    let port = attached::<1>();
    let port: &EventPortView = &port;
    let old = open(port, 0);
    assert!(port.raise(old, 1).is_ok());
    port.close(0);
    let _new = open(port, 0);
    assert_eq!(port.take(0), None);
}

#[test]
fn a_source_retires_at_the_end_of_its_generations() {
    let port = attached::<1>();
    let port: &EventPortView = &port;
    let mut lives = 0;
    let mut last = EventSource::NONE;
    while let Ok(generation) = port.open(0) {
        last = source(0, generation);
        port.close(0);
        lives += 1;
    }
    assert_eq!(lives, 32_767);
    assert_eq!(port.open(0), Err(Error::Busy));
    assert_eq!(port.raise(last, 1), Err(Error::InvalidHandle));
}

#[test]
fn one_port_serves_one_loop_at_a_time() {
    let port = attached::<1>();
    let port: &EventPortView = &port;
    assert_eq!(port.attach(3), Err(Error::Busy));
    port.detach();
    assert_eq!(port.attach(3), Ok(()));
}

#[test]
fn only_the_first_raise_of_a_sleeping_loop_has_to_wake_it() {
    let port = attached::<1>();
    let port: &EventPortView = &port;
    let source = open(port, 0);
    assert_eq!(port.raise(source, 1), Ok(Wake::NotNeeded), "the loop runs");
    assert!(!port.may_sleep(), "something was raised");
    assert!(port.wake_up());
    assert!(port.may_sleep());
    assert_eq!(port.raise(source, 2), Ok(Wake::Needed));
    assert_eq!(port.raise(source, 3), Ok(Wake::NotNeeded));
    assert!(port.wake_up() && !port.wake_up());
}

#[test]
fn a_copy_of_a_port_has_its_pending_events() {
    let port = attached::<1>();
    let view: &EventPortView = &port;
    let source = open(view, 0);
    assert!(view.raise(source, 8).is_ok());
    let copy = port.clone();
    let copy: &EventPortView = &copy;
    assert_eq!(view.take(0), Some(Raised { count: 1, value: 8 }));
    assert_eq!(copy.take(0), Some(Raised { count: 1, value: 8 }));
}

/// How far a raiser may be ahead of the loop: a count saturates at 65,535.
const LEAD: u32 = 30_000;

#[test]
fn no_raise_is_lost_between_threads_that_raise_and_a_loop_that_sleeps() {
    const RAISES: u32 = 200_000;
    let port = attached::<2>();
    let port: &EventPortView = &port;
    let sources = [open(port, 0), open(port, 1)];
    let bell = AtomicBool::new(false);
    let seen = [AtomicU32::new(0), AtomicU32::new(0)];
    std::thread::scope(|scope| {
        for (source, seen) in sources.into_iter().zip(&seen) {
            let bell = &bell;
            scope.spawn(move || {
                for value in 0..RAISES {
                    if port.raise(source, value) == Ok(Wake::Needed) {
                        bell.store(true, Ordering::SeqCst);
                    }
                    while value.saturating_sub(seen.load(Ordering::Relaxed)) > LEAD {
                        std::thread::yield_now();
                    }
                }
            });
        }
        while seen.iter().any(|seen| seen.load(Ordering::Relaxed) != RAISES) {
            if port.may_sleep() {
                while !bell.swap(false, Ordering::SeqCst) {
                    std::thread::yield_now();
                }
            }
            port.wake_up();
            for (index, seen) in seen.iter().enumerate() {
                while let Some(raised) = port.take(index) {
                    seen.fetch_add(u32::from(raised.count), Ordering::Relaxed);
                }
            }
        }
    });
}
