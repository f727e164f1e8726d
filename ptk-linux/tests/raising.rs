//! Raising: from other threads, from signal handlers, and how much of it reaches the kernel.

mod harness;

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use harness::*;
use ptk_core::{Duration, Error, EventSource, Handle, Kind, Platform, TypedHandle, Until};
use ptk_linux::{Linux, Port};

/// The id of the loop that the ports here serve.
const LOOP: u8 = 3;

/// Opens source `index` as the core does.
fn open_source(linux: &Linux<'_>, index: usize) -> EventSource {
    let port = linux.port().unwrap();
    let generation = port.open(index).unwrap();
    source(index, generation)
}

fn source(index: usize, generation: u16) -> EventSource {
    let bits = (Kind::EventSource as u64) << 60 | u64::from(LOOP) << 52 | (index as u64) << 32 | u64::from(generation);
    EventSource::from_handle(Handle::from_raw(bits).unwrap()).unwrap()
}

/// An open platform on `port`, attached as the core does.
fn attach<const N: usize>(port: &Port<N>) -> Linux<'_> {
    let linux = open(Linux::with_port(port));
    linux.port().unwrap().attach(LOOP).unwrap();
    linux
}

fn take(linux: &Linux<'_>, index: usize) -> Option<(u16, u32)> {
    linux.port().unwrap().take(index).map(|raised| (raised.count, raised.value))
}

/// Waits without end until something was raised.
fn wait_for_raise(linux: &mut Linux<'_>) {
    let mut recorder = Recorder::default();
    while recorder.raises == 0 {
        linux.wait(Until::Event, &mut recorder).unwrap();
    }
}

#[test]
fn raise_before_sleep_is_not_lost() {
    let port = Port::<2>::new();
    let mut linux = attach(&port);
    let source = open_source(&linux, 1);
    for value in 0..1000 {
        port.raise(source, value).unwrap();
        wait_for_raise(&mut linux);
        assert_eq!(take(&linux, 1), Some((1, value)));
    }
}

#[test]
fn raise_from_a_thread_ends_the_sleep() {
    let port = Port::<1>::new();
    let mut linux = attach(&port);
    let source = open_source(&linux, 0);
    let taken = AtomicU64::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 1..=2000 {
                port.raise(source, 0).unwrap();
                // The next only when the loop has taken this one: each must end a sleep, early or late in it.
                while taken.load(Ordering::Acquire) < round {
                    std::hint::spin_loop();
                }
                for _ in 0..round % 300 {
                    std::hint::spin_loop();
                }
            }
        });
        for round in 1..=2000 {
            wait_for_raise(&mut linux);
            assert_eq!(take(&linux, 0), Some((1, 0)));
            taken.store(round, Ordering::Release);
        }
    });
}

#[test]
fn a_million_raises_cost_few_writes_and_none_is_lost() {
    in_process_of_its_own("a_million_raises_cost_few_writes_and_none_is_lost", || {
        const RAISES: u64 = 1_000_000;
        let port = Port::<1>::new();
        let mut linux = attach(&port);
        let source = open_source(&linux, 0);
        let (mut taken, mut wakes) = (0, 0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for value in 1..=RAISES {
                    port.raise(source, value as u32).unwrap();
                }
            });
            let mut last = 0;
            while last != RAISES as u32 {
                wait_for_raise(&mut linux);
                wakes += 1;
                if let Some((count, value)) = take(&linux, 0) {
                    taken += u64::from(count);
                    last = value;
                }
            }
        });
        let writes = eventfd_count(eventfd());
        println!("{RAISES} raises, {wakes} wakes, {writes} writes");
        // A loop that sleeps between two raises needs a write each time, so the bound is not of one burst.
        assert!(writes <= wakes, "at most one write for each time that the loop slept");
        assert!(writes < RAISES / 4, "{writes} writes");
        assert!(taken <= RAISES && taken >= wakes, "each wake has something");
    });
}

#[test]
fn a_burst_while_the_loop_runs_costs_no_write() {
    in_process_of_its_own("a_burst_while_the_loop_runs_costs_no_write", || {
        let port = Port::<1>::new();
        let mut linux = attach(&port);
        let source = open_source(&linux, 0);
        for value in 0..1_000_000 {
            port.raise(source, value).unwrap();
        }
        assert_eq!(take_events(&mut linux).raises, 1);
        assert_eq!(take(&linux, 0), Some((u16::MAX, 999_999)));
        assert_eq!(take_events(&mut linux).raises, 0);
        assert_eq!(eventfd_count(eventfd()), 0);
    });
}

#[test]
fn a_burst_while_the_loop_sleeps_costs_one_write() {
    in_process_of_its_own("a_burst_while_the_loop_sleeps_costs_one_write", || {
        let port = Port::<1>::new();
        let mut linux = attach(&port);
        let source = open_source(&linux, 0);
        assert_eq!(linux.prepare_to_sleep(None), Ok(true));
        for value in 0..1_000_000 {
            port.raise(source, value).unwrap();
        }
        assert_eq!(eventfd_count(eventfd()), 1);
        assert_eq!(take_events(&mut linux).raises, 1);
    });
}

static SIGNALLED: Port<1> = Port::new();
static SIGNAL_SOURCE: AtomicU64 = AtomicU64::new(0);
static ERRNO_KEPT: AtomicBool = AtomicBool::new(true);

extern "C" fn raise(_: libc::c_int) {
    // SAFETY: the thread's own errno.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    unsafe { *errno = 12345 };
    let handle = Handle::from_raw(SIGNAL_SOURCE.load(Ordering::Relaxed)).unwrap();
    SIGNALLED.raise(EventSource::from_handle(handle).unwrap(), 7).unwrap();
    // SAFETY: as above.
    if unsafe { *errno } != 12345 {
        ERRNO_KEPT.store(false, Ordering::Relaxed);
    }
}

#[test]
fn raise_from_a_signal_handler() {
    in_process_of_its_own("raise_from_a_signal_handler", || {
        let mut linux = attach(&SIGNALLED);
        let source = open_source(&linux, 0);
        SIGNAL_SOURCE.store(source.handle().unwrap().raw(), Ordering::Relaxed);
        // SAFETY: the handler is safe to run at any time.
        unsafe { libc::signal(libc::SIGUSR1, raise as *const () as libc::sighandler_t) };
        // On the loop's own thread, while it runs.
        for _ in 0..100 {
            // SAFETY: no precondition.
            unsafe { libc::raise(libc::SIGUSR1) };
            wait_for_raise(&mut linux);
            assert_eq!(take(&linux, 0), Some((1, 7)));
        }
        // On the loop's own thread, while it sleeps or is about to.
        // SAFETY: no precondition.
        let thread = unsafe { libc::pthread_self() } as usize;
        let taken = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for round in 1..=2000 {
                    // SAFETY: the thread lives as long as the scope.
                    unsafe { libc::pthread_kill(thread as _, libc::SIGUSR1) };
                    while taken.load(Ordering::Acquire) < round {
                        std::hint::spin_loop();
                    }
                }
            });
            for round in 1..=2000 {
                wait_for_raise(&mut linux);
                assert_eq!(take(&linux, 0), Some((1, 7)));
                taken.store(round, Ordering::Release);
            }
        });
        assert!(ERRNO_KEPT.load(Ordering::Relaxed), "errno belongs to what was interrupted");
    });
}

#[test]
fn eventfd_counter_at_maximum_still_wakes() {
    in_process_of_its_own("eventfd_counter_at_maximum_still_wakes", || {
        let port = Port::<1>::new();
        let mut linux = attach(&port);
        let source = open_source(&linux, 0);
        let fd = eventfd();
        let most = (u64::MAX - 1).to_ne_bytes();
        // SAFETY: eight bytes of a constant.
        assert_eq!(unsafe { libc::write(fd, most.as_ptr().cast(), 8) }, 8);
        // The edge of that write.
        assert_eq!(take_events(&mut linux).raises, 0);
        assert_eq!(linux.prepare_to_sleep(None), Ok(true));
        port.raise(source, 1).unwrap();
        assert_eq!(eventfd_count(fd), 1, "read once, then written");
        wait_for_raise(&mut linux);
        assert_eq!(take(&linux, 0), Some((1, 1)));
    });
}

#[test]
fn a_raise_ends_the_sleep_of_a_foreign_loop() {
    use ptk_linux::AsRawFd as _;
    let port = Port::<1>::new();
    let mut linux = attach(&port);
    let source = open_source(&linux, 0);
    for by_the_loop_itself in [false, true] {
        assert_eq!(linux.prepare_to_sleep(None), Ok(true));
        match by_the_loop_itself {
            true => linux.raise(source, 1).unwrap(),
            false => port.raise(source, 1).unwrap(),
        }
        let mut polled = libc::pollfd { fd: linux.as_fd().unwrap().as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one valid structure.
        assert_eq!(unsafe { libc::poll(&mut polled, 1, 10_000) }, 1);
        assert_eq!(take_events(&mut linux).raises, 1);
        port.raise(source, 1).unwrap();
        assert_eq!(linux.prepare_to_sleep(None), Ok(false), "there is something to do");
        assert_eq!(take_events(&mut linux).raises, 1);
    }
}

#[test]
fn a_closed_source_is_refused_and_wakes_nobody() {
    let port = Port::<1>::new();
    assert_eq!(port.raise(source(0, 1), 0), Err(Error::InvalidHandle), "no loop yet");
    let mut linux = attach(&port);
    let first = open_source(&linux, 0);
    linux.port().unwrap().close(0);
    assert_eq!(port.raise(first, 0), Err(Error::InvalidHandle));
    assert_eq!(port.raise(EventSource::NONE, 0), Err(Error::InvalidHandle));
    let second = open_source(&linux, 0);
    assert_eq!(port.raise(first, 0), Err(Error::InvalidHandle));
    assert_eq!(listen_for(&mut linux, SILENCE).0.raises, 0);
    assert_eq!(linux.raise(second, 5), Ok(()));
    assert_eq!(take(&linux, 0), Some((1, 5)));
    assert_eq!(open(Linux::new()).raise(second, 5), Err(Error::NotSupported), "a platform without a port");
}

#[test]
fn a_port_outlives_its_platforms() {
    in_process_of_its_own("a_port_outlives_its_platforms", || {
        let before = descriptors();
        {
            let port = Port::<1>::new();
            assert_eq!(descriptors(), before, "nothing is open before the first loop is");
            for _ in 0..3 {
                let mut linux = attach(&port);
                let source = open_source(&linux, 0);
                let fd = eventfd();
                port.raise(source, 1).unwrap();
                wait_for_raise(&mut linux);
                linux.port().unwrap().detach();
                drop(linux);
                assert_eq!(eventfd(), fd, "one descriptor for its whole life");
                assert_eq!(port.raise(source, 1), Err(Error::InvalidHandle));
            }
        }
        assert_eq!(descriptors(), before, "a port in a scope closes its descriptor");
    });
}

#[test]
fn two_threads_that_open_one_port_share_its_descriptor() {
    in_process_of_its_own("two_threads_that_open_one_port_share_its_descriptor", || {
        for _ in 0..200 {
            let port = Port::<1>::new();
            let start = std::sync::Barrier::new(4);
            let open_at_once = || {
                start.wait();
                open(Linux::with_port(&port))
            };
            std::thread::scope(|scope| {
                let threads: Vec<_> = (0..4).map(|_| scope.spawn(open_at_once)).collect();
                let _platforms: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
                eventfd();
            });
        }
    });
}

#[test]
fn raises_wake_within_the_deadline_of_a_wait() {
    let port = Port::<1>::new();
    let mut linux = attach(&port);
    let source = open_source(&linux, 0);
    let start = linux.now();
    std::thread::scope(|scope| {
        scope.spawn(|| port.raise(source, 1).unwrap());
        let mut recorder = Recorder::default();
        while recorder.raises == 0 {
            linux.wait(Until::Deadline(start + PATIENCE), &mut recorder).unwrap();
        }
        assert_eq!(recorder.alarms, 0);
    });
    assert!(linux.now() - start < Duration::from_secs(5));
}
