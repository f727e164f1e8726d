//! Threads raise events into a loop that has timers, too.
//!
//! `cargo run --release --example events`

use std::io::Write;
use std::process::ExitCode;
use std::thread;

use ptk_core::prelude::*;
use ptk_linux::{Linux, Port};

const USAGE: &str = "\
Usage: events

Four threads raise 250,000 events each into one loop, which counts them and prints twice a second. Ends by itself.
";

const THREADS: usize = 4;
const RAISES: u32 = 250_000;

/// How many events a thread raises before it sleeps for a moment.
const BURST: u32 = 25_000;

/// Through which the threads reach the loop.
static PORT: Port<THREADS> = Port::new();

ptk_core::event_loop! {
    static LOOP: Linux<'static> = Linux::new();
    id: 0, tasks: THREADS + 1, timers: 1, events: THREADS
}

/// What the threads have raised, as far as the loop has heard of it.
#[derive(Default)]
struct Totals {
    raised: u64,
    deliveries: u64,
    threads_done: usize,
}

/// Counts what one thread raises. The last event's value is the thread's number of raises.
struct Counter {
    pt: Pt,
    source: EventSource,
    raised: u32,
}

impl<P: Platform> Protothread<P, Totals> for Counter {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, totals: &mut Totals) -> Result<(), Error> {
        loop {
            let event = wait!(cx.raised(self.source))?;
            // Events that were not taken yet are counted, up to 65,535; the value is that of the last one, and here it
            // says how many there were.
            totals.deliveries += 1;
            totals.raised += u64::from(event.value - self.raised);
            self.raised = event.value;
            if self.raised == RAISES {
                totals.threads_done += 1;
                return Ok(());
            }
        }
    }
}

/// Prints how far the threads are, and stops the loop behind the last event.
struct Printer {
    pt: Pt,
    timer: Timer,
    ticks: u64,
}

impl<P: Platform> Protothread<P, Totals> for Printer {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, totals: &mut Totals) -> Result<(), Error> {
        self.timer = cx.timer()?;
        cx.start_repeating(self.timer, Duration::from_millis(500))?;
        while totals.threads_done < THREADS {
            self.ticks += wait!(cx.expired(self.timer))?;
            let _ = writeln!(
                std::io::stdout(),
                "{:3}.{} s: {} events in {} deliveries",
                self.ticks / 2,
                self.ticks % 2 * 5,
                totals.raised,
                totals.deliveries
            );
        }
        Ok(())
    }
}

#[derive(TaskSet)]
struct App {
    printer: Printer,
    counters: [Counter; THREADS],
    #[task(shared)]
    totals: Totals,
}

/// What each thread does. A raise costs a few instructions, and wakes the loop only if it sleeps.
fn raise_all(source: EventSource) {
    for number in 1..=RAISES {
        // Refused only if the loop has closed the source, which it does behind the last event.
        let _ = PORT.raise(source, number);
        if number % BURST == 0 {
            thread::sleep(std::time::Duration::from_millis(200));
        }
    }
}

fn run() -> Result<(), Error> {
    let event_loop = LOOP.take();
    event_loop.platform_mut().set_port(&PORT)?;
    event_loop.open()?;
    let mut app = App {
        printer: Printer { pt: Pt::new(), timer: Timer::NONE, ticks: 0 },
        counters: [const { Counter { pt: Pt::new(), source: EventSource::NONE, raised: 0 } }; THREADS],
        totals: Totals::default(),
    };
    for counter in &mut app.counters {
        counter.source = event_loop.cx().event_source()?;
        let source = counter.source;
        thread::spawn(move || raise_all(source));
    }
    event_loop.run(&mut app)?;
    let Totals { raised, deliveries, .. } = app.totals;
    let _ =
        writeln!(std::io::stdout(), "events={raised} deliveries={deliveries} turns={}", event_loop.counters().turns);
    if raised == u64::from(RAISES) * THREADS as u64 { Ok(()) } else { Err(Error::UnexpectedEnd) }
}

fn main() -> ExitCode {
    match std::env::args_os().nth(1) {
        None => {}
        Some(help) if help == "--help" || help == "-h" => {
            let _ = std::io::stdout().write_all(USAGE.as_bytes());
            return ExitCode::SUCCESS;
        }
        Some(other) => {
            let _ = writeln!(std::io::stderr(), "events: unknown argument `{}` (see --help)", other.display());
            return ExitCode::from(2);
        }
    }
    let Err(error) = run() else { return ExitCode::SUCCESS };
    let _ = writeln!(std::io::stderr(), "events: {error}");
    ExitCode::FAILURE
}
