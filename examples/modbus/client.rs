//! `modbus client`.

use std::io::Write;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::process::exit;

use ptk_core::prelude::*;
use ptk_examples::modbus::client::{Fault, Observer, TIMEOUT};
use ptk_examples::modbus::poller::{PollObserver, Poller, Readings};
use ptk_linux::Linux;

use crate::arguments::{complain, give_up};
use crate::signals::{self, Signals};
use crate::tank::Line;
use crate::traffic::{self, Traffic};
use crate::{PROGRAM, allocations};

/// How often the tank is read.
const INTERVAL: Duration = Duration::from_secs(1);

/// What the command line asks for.
pub(crate) struct Plan {
    /// The unit that is asked.
    pub(crate) unit: u8,
    /// For a connect, and for an attempt at a request.
    pub(crate) timeout: Duration,
    /// After how many polls to end.
    pub(crate) polls: Option<u32>,
    /// How long to look for a server that was never there.
    pub(crate) patience: Duration,
}

impl Default for Plan {
    fn default() -> Self {
        Plan { unit: 1, timeout: TIMEOUT, polls: None, patience: Duration::from_secs(5) }
    }
}

/// Prints what the poller hears, and decides when it has heard enough.
struct Console {
    peer: SocketAddr,
    traffic: Traffic,
    polls_left: Option<u32>,
    /// When to give up; `None` once a server has answered.
    patience_ends: Option<Instant>,
    gave_up: bool,
}

impl Console {
    fn count_poll(&mut self) -> ControlFlow<()> {
        match &mut self.polls_left {
            None => ControlFlow::Continue(()),
            Some(left) => {
                *left -= 1;
                if *left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            }
        }
    }
}

impl Observer for Console {
    fn answered(&mut self, latency: Duration) {
        self.traffic.answered(latency);
    }

    fn failed(&mut self, now: Instant, fault: Fault) -> ControlFlow<()> {
        self.traffic.errors += 1;
        let peer = self.peer;
        match self.patience_ends {
            // Its one complaint is the last.
            Some(end) if self.polls_left.is_none() && now < end => return ControlFlow::Continue(()),
            Some(_) if self.polls_left.is_none() => {
                self.gave_up = true;
                complain(PROGRAM, format_args!("{peer}: {fault}; no server has answered"));
                return ControlFlow::Break(());
            }
            _ => complain(PROGRAM, format_args!("{peer}: {fault}")),
        }
        self.count_poll()
    }
}

impl PollObserver for Console {
    fn polled(&mut self, _: Instant, readings: &Readings) -> ControlFlow<()> {
        self.patience_ends = None;
        // If nobody reads what is printed, nothing is left to do.
        if writeln!(std::io::stdout(), "{}", Line(readings)).is_err() {
            return ControlFlow::Break(());
        }
        self.count_poll()
    }
}

#[derive(TaskSet)]
#[task(platform = Linux<'static>)]
struct App {
    signals: Signals,
    #[task(done = Self::stop)]
    poller: Poller,
    #[task(shared)]
    console: Console,
}

impl App {
    fn stop(&mut self, _: usize, (): (), cx: &mut Cx<'_, Linux<'static>>) {
        cx.stop();
    }
}

ptk_core::event_loop! {
    static LOOP: Linux<'static> = Linux::new();
    id: 0, tasks: 2, sockets: 1, events: signals::SOURCES
}

/// Polls until a signal comes or the plan is fulfilled; ends the process if polls have failed that should not.
pub(crate) fn run(peer: SocketAddr, plan: &Plan) {
    let event_loop = LOOP.take();
    let mut app = App {
        signals: Signals::new(),
        poller: Poller::new(peer, plan.unit, INTERVAL, plan.timeout),
        console: Console { peer, traffic: Traffic::new(), polls_left: plan.polls, patience_ends: None, gave_up: false },
    };
    let prepared = signals::open(event_loop).and_then(|()| app.signals.install(&mut event_loop.cx()));
    if let Err(error) = prepared {
        give_up(PROGRAM, error);
    }
    app.console.patience_ends = Some(event_loop.cx().now() + plan.patience);
    let _ = writeln!(std::io::stdout(), "polling {peer}");
    let allocations_before = allocations::count();
    if let Err(error) = signals::run(event_loop, &mut app, |app| &mut app.signals) {
        give_up(PROGRAM, error);
    }
    let Console { traffic, gave_up, .. } = &app.console;
    if traffic.requests > 0 {
        let _ = writeln!(std::io::stdout(), "{traffic}");
    }
    traffic::print_last_line(traffic.requests, traffic.errors, allocations_before);
    if *gave_up || (plan.polls.is_some() && traffic.errors > 0) {
        exit(1);
    }
}
