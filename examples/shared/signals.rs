//! Signals as events: the handlers raise event sources, and a protothread waits for them.
//!
//! SIGINT and SIGTERM stop the loop. SIGUSR1 asks for a listing of the tasks.
#![allow(dead_code, reason = "no program needs all of it")]

use std::io::Write;
use std::mem;

use ptk_core::TaskState;
use ptk_core::prelude::*;
use ptk_linux::{Linux, Port};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};

/// How many event sources the protothread needs.
pub(crate) const SOURCES: usize = 2;

/// Through which the handlers reach the loop. A signal handler can name nothing but a `static`.
pub(crate) static PORT: Port<SOURCES> = Port::new();

/// Waits for signals.
#[derive(Debug)]
pub(crate) struct Signals {
    pt: Pt,
    stop: EventSource,
    list: EventSource,
    listing_is_due: bool,
}

impl Signals {
    /// A protothread without handlers.
    pub(crate) const fn new() -> Self {
        Signals { pt: Pt::new(), stop: EventSource::NONE, list: EventSource::NONE, listing_is_due: false }
    }

    /// Installs the handlers.
    pub(crate) fn install<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<(), Error> {
        self.stop = cx.event_source()?;
        self.list = cx.event_source()?;
        for (signal, source) in [(SIGINT, self.stop), (SIGTERM, self.stop), (SIGUSR1, self.list)] {
            // SAFETY: the handler calls nothing but `Port::raise`, which is legal in a signal handler.
            let installed = unsafe { signal_hook::low_level::register(signal, move || raise(source)) };
            installed.map_err(|_| Error::NotSupported)?;
        }
        Ok(())
    }
}

/// Opens a loop with the port of the signals. It gets the port here, not where it is made, so that a `static` loop is all
/// zero bits and takes no room in the program's file.
pub(crate) fn open<const T: usize, const N: usize, const M: usize, const E: usize, const L: usize>(
    event_loop: &mut EventLoop<Linux<'static>, T, N, M, E, L>,
) -> Result<(), Error> {
    event_loop.platform_mut().set_port(&PORT)?;
    event_loop.open()
}

/// Runs `set` until a signal or a task stops the loop. `signals` finds the [`Signals`] in the set.
///
/// # Errors
///
/// As [`EventLoop::run`], and why a task has failed: the programs' tasks handle what peers do, so what is left is that
/// the system does not let them work.
pub(crate) fn run<P, S, const T: usize, const N: usize, const M: usize, const E: usize, const L: usize>(
    event_loop: &mut EventLoop<P, T, N, M, E, L>,
    set: &mut S,
    signals: fn(&mut S) -> &mut Signals,
) -> Result<(), Error>
where
    P: Platform,
    S: TaskSet<P>,
{
    let mut has_paused = false;
    event_loop.run_until(set, |event_loop, set| {
        if mem::take(&mut signals(set).listing_is_due) {
            event_loop.list_tasks(set, |task| {
                if task.state != TaskState::Idle {
                    complain(format_args!("{task}"));
                }
            });
        }
        if !mem::replace(&mut has_paused, event_loop.counters().accept_pauses > 0) && has_paused {
            complain(format_args!("no descriptors or memory left: newcomers wait"));
        }
        event_loop.counters().failed_tasks > 0
    })?;
    match event_loop.last_error() {
        Some(error) if event_loop.counters().failed_tasks > 0 => Err(error),
        _ => Ok(()),
    }
}

/// Writes a line to standard error, unless nobody reads it: a full pipe must not stop the loop.
fn complain(line: std::fmt::Arguments<'_>) {
    let stderr = std::io::stderr();
    let mut ready = [PollFd::new(&stderr, PollFlags::OUT)];
    if poll(&mut ready, Some(&Timespec::default())) == Ok(1) {
        let _ = writeln!(stderr.lock(), "{line}");
    }
}

/// Runs in the signal handler. A source that is gone means that the loop has ended: nobody is left to be told.
fn raise(source: EventSource) {
    let _ = PORT.raise(source, 0);
}

impl<P: Platform, S: ?Sized> Protothread<P, S> for Signals {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut S) -> Result<(), Error> {
        loop {
            match wait!(first!(cx.raised(self.stop), cx.raised(self.list))) {
                First::A(raised) => {
                    raised?;
                    cx.stop();
                    return Ok(());
                }
                First::B(raised) => {
                    raised?;
                    self.listing_is_due = true;
                }
            }
        }
    }
}
