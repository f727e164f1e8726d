//! Waiting: deadlines, signals, and loops inside of other loops.

mod harness;

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use harness::*;
use ptk_core::{Duration, Error, Instant, Platform, Readiness, Until};
use ptk_linux::{AsRawFd as _, Linux, Port};

const MILLISECOND: Duration = Duration::from_millis(1);

/// Waits until the alarm came, and says how many waits it took.
fn wait_for_alarm(linux: &mut Linux<'_>, deadline: Instant) -> usize {
    let mut recorder = Recorder::default();
    let mut waits = 0;
    while recorder.alarms == 0 {
        linux.wait(Until::Deadline(deadline), &mut recorder).unwrap();
        waits += 1;
    }
    waits
}

#[test]
fn a_platform_is_opened_once_and_before_all_else() {
    let mut linux = Linux::new();
    assert_eq!(linux.wait(Until::Now, &mut Recorder::default()), Err(Error::NotOpen));
    let deadline = linux.now() + MILLISECOND;
    assert_eq!(linux.wait(Until::Deadline(deadline), &mut Recorder::default()), Err(Error::NotOpen));
    assert_eq!(linux.prepare_to_sleep(None), Err(Error::NotOpen));
    assert_eq!(linux.as_fd().err(), Some(Error::NotOpen));
    assert_eq!(linux.open_stream(V4, &Default::default(), token(1)).err(), Some(Error::NotOpen));
    assert_eq!(linux.open(), Ok(()));
    assert_eq!(linux.open(), Err(Error::Busy));
}

#[test]
fn the_clock_never_goes_back() {
    let mut linux = Linux::new();
    let mut last = linux.now();
    for _ in 0..100_000 {
        let now = linux.now();
        assert!(now >= last);
        last = now;
    }
}

#[test]
fn deadline_in_the_past_fires_at_once() {
    let mut linux = open(Linux::new());
    let now = linux.now();
    let past = [Instant::ORIGIN, Instant::from_nanos(1), Instant::from_nanos(now.as_nanos() - 1), now];
    for deadline in past.into_iter().cycle().take(1000) {
        assert_eq!(wait_for_alarm(&mut linux, deadline), 1);
    }
    assert!(linux.now() - now < MILLISECOND.saturating_mul(500), "a thousand of them take no time");
}

#[test]
fn a_passed_deadline_does_not_hide_sockets() {
    let mut linux = open(Linux::new());
    let (_socket, mut peer) = connection(&mut linux, token(1));
    take_events(&mut linux);
    peer.write_all(b"x").unwrap();
    let mut recorder = Recorder::default();
    linux.wait(Until::Deadline(Instant::ORIGIN), &mut recorder).unwrap();
    assert_eq!(recorder.alarms, 1);
    assert!(recorder.readiness(token(1)).has(Readiness::READ));
}

#[test]
fn sub_millisecond_deadline_is_not_early_and_does_not_spin() {
    let mut linux = open(Linux::new());
    let mut late: Vec<_> = (0..200)
        .map(|_| {
            let deadline = linux.now() + Duration::from_micros(250);
            let waits = wait_for_alarm(&mut linux, deadline);
            let now = linux.now();
            assert!(now >= deadline, "early by {}", deadline - now);
            assert!(waits <= 2, "{waits} waits for one deadline");
            now - deadline
        })
        .collect();
    late.sort();
    // A timeout in milliseconds is 0.75 ms late here; this leaves room for a busy machine.
    assert!(late[100] < Duration::from_micros(600), "late by {} (median)", late[100]);
}

#[test]
fn an_earlier_deadline_replaces_a_later_one() {
    let mut linux = open(Linux::new());
    let start = linux.now();
    assert_eq!(linux.prepare_to_sleep(Some(start + Duration::from_secs(3600))), Ok(true));
    wait_for_alarm(&mut linux, start + MILLISECOND);
    assert!(linux.now() - start < Duration::from_secs(5));
}

#[test]
fn a_later_deadline_comes_after_one_early_wake() {
    let mut linux = open(Linux::new());
    let start = linux.now();
    assert_eq!(linux.prepare_to_sleep(Some(start + MILLISECOND)), Ok(true));
    let deadline = start + Duration::from_millis(20);
    let mut recorder = Recorder::default();
    let mut waits = 0;
    while linux.now() < deadline {
        linux.wait(Until::Deadline(deadline), &mut recorder).unwrap();
        waits += 1;
    }
    assert_eq!((waits, recorder.alarms), (2, 2));
}

#[test]
fn an_alarm_that_went_off_unseen_can_be_set_again() {
    let mut linux = open(Linux::new());
    for _ in 0..20 {
        let early = linux.now() + Duration::from_micros(100);
        assert_eq!(linux.prepare_to_sleep(Some(early)), Ok(true));
        while linux.now() < early + MILLISECOND {}
        // It has gone off, and nobody was told. An earlier deadline has passed; a later one must not be lost.
        let deadline = linux.now() + MILLISECOND;
        while linux.now() < deadline {
            wait_for_alarm(&mut linux, deadline);
        }
        assert!(linux.now() - deadline < Duration::from_secs(1));
    }
}

#[test]
fn the_last_instant_there_is_never_comes() {
    static PORT: Port<1> = Port::new();
    let mut linux = open(Linux::with_port(&PORT));
    let almost = Instant::from_nanos(u64::MAX - 1);
    for deadline in [Instant::MAX, almost] {
        let (_socket, mut peer) = connection(&mut linux, token(1));
        take_events(&mut linux);
        let writer = std::thread::spawn(move || peer.write_all(b"x").map(|()| peer));
        let mut recorder = Recorder::default();
        while recorder.sockets.is_empty() {
            linux.wait(Until::Deadline(deadline), &mut recorder).unwrap();
        }
        assert_eq!(recorder.alarms, 0);
        writer.join().unwrap().unwrap();
    }
}

#[test]
fn a_wait_for_now_does_not_sleep() {
    let mut linux = open(Linux::new());
    let start = linux.now();
    for _ in 0..1000 {
        let recorder = take_events(&mut linux);
        assert_eq!((recorder.sockets.len(), recorder.alarms, recorder.raises), (0, 0, 0));
    }
    assert!(linux.now() - start < Duration::from_millis(500));
}

extern "C" fn ignore(_: libc::c_int) {}

/// Sends a signal to this thread each 200 microseconds while `test` runs.
fn under_signals(flags: libc::c_int, test: impl FnOnce()) {
    // SAFETY: the structure is zeroed and then filled; the handler does nothing.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = ignore as *const () as usize;
        action.sa_flags = flags;
        assert_eq!(libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut()), 0);
    }
    // SAFETY: no precondition.
    let thread = unsafe { libc::pthread_self() } as usize;
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                // SAFETY: the thread lives as long as the scope.
                unsafe { libc::pthread_kill(thread as _, libc::SIGUSR1) };
                std::thread::sleep(std::time::Duration::from_micros(200));
            }
        });
        test();
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn signals_do_not_stretch_a_deadline() {
    in_process_of_its_own("signals_do_not_stretch_a_deadline", || {
        for flags in [0, libc::SA_RESTART] {
            let mut linux = open(Linux::new());
            under_signals(flags, || {
                let deadline = linux.now() + Duration::from_millis(50);
                let waits = wait_for_alarm(&mut linux, deadline);
                let now = linux.now();
                assert!(now >= deadline);
                assert!(now - deadline < Duration::from_millis(40), "late by {}", now - deadline);
                assert!(waits > 10, "{waits} waits: each signal ends one");
            });
        }
    });
}

#[test]
fn signals_lose_no_bytes() {
    in_process_of_its_own("signals_lose_no_bytes", || {
        let mut linux = open(Linux::new());
        let (mut socket, mut peer) = connection(&mut linux, token(1));
        under_signals(0, || {
            for index in 0..2000_u32 {
                peer.write_all(&index.to_ne_bytes()).unwrap();
                wait_for(&mut linux, token(1), Readiness::READ);
                assert_eq!(receive(&mut linux, &mut socket).unwrap().0, index.to_ne_bytes());
            }
        });
    });
}

/// Whether a foreign loop sees the platform's descriptor become readable within a time.
fn is_readable(linux: &Linux<'_>, milliseconds: i32) -> bool {
    let mut polled = libc::pollfd { fd: linux.as_fd().unwrap().as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one valid structure.
    let count = unsafe { libc::poll(&mut polled, 1, milliseconds) };
    count == 1 && polled.revents == libc::POLLIN
}

#[test]
fn a_foreign_loop_is_woken_by_the_deadline_and_by_sockets() {
    let mut linux = open(Linux::new());
    let (_socket, mut peer) = connection(&mut linux, token(1));
    take_events(&mut linux);
    assert!(!is_readable(&linux, 0));

    let deadline = linux.now() + MILLISECOND;
    assert_eq!(linux.prepare_to_sleep(Some(deadline)), Ok(true));
    assert!(is_readable(&linux, 10_000));
    assert!(linux.now() >= deadline);
    assert_eq!(take_events(&mut linux).alarms, 1);
    assert!(!is_readable(&linux, 0), "all was taken");
    assert_eq!(linux.prepare_to_sleep(Some(deadline)), Ok(false), "it has passed");

    peer.write_all(b"x").unwrap();
    assert_eq!(linux.prepare_to_sleep(None), Ok(true));
    assert!(is_readable(&linux, 10_000));
    assert!(take_events(&mut linux).readiness(token(1)).has(Readiness::READ));
    assert!(!is_readable(&linux, 0));
    drop(peer);
}

#[test]
fn several_platforms_in_threads() {
    let threads: Vec<_> = (0..4)
        .map(|index| {
            // Opened here, used there.
            let mut linux = open(Linux::new());
            std::thread::spawn(move || {
                let token = token(index);
                let (mut socket, mut peer) = connection(&mut linux, token);
                for round in 0..1000_u64 {
                    let word = (round << 8 | index).to_ne_bytes();
                    peer.write_all(&word).unwrap();
                    let heard = wait_for(&mut linux, token, Readiness::READ);
                    assert!(heard.sockets.iter().all(|(told, _)| *told == token), "events stay with their platform");
                    assert_eq!(receive(&mut linux, &mut socket).unwrap().0, word);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}
