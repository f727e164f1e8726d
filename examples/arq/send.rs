//! The sender on Linux.

use std::io::Write;
use std::net::SocketAddr;

use ptk_core::prelude::*;
use ptk_examples::arq::numbered::Numbered;
use ptk_examples::arq::sender::{Sender, Totals};
use ptk_examples::arq::{Patience, Variant};
use ptk_examples::lossy::Lossy;
use ptk_linux::Linux;

use crate::arguments::give_up;
use crate::signals::{self, Signals};
use crate::{PROGRAM, Platform};

#[derive(TaskSet)]
#[task(platform = Platform)]
struct App {
    signals: Signals,
    #[task(done = Self::stop)]
    sender: Sender,
    #[task(shared)]
    numbered: Numbered,
    /// What came of it; `None` if a signal came first.
    #[task(skip)]
    totals: Option<Totals>,
}

impl App {
    fn stop(&mut self, _: usize, result: Result<Totals, Error>, cx: &mut Cx<'_, Platform>) -> Result<(), Error> {
        cx.stop();
        self.totals = Some(result?);
        Ok(())
    }
}

ptk_core::event_loop! {
    static LOOP: Platform = Lossy::new(Linux::new());
    id: 0, tasks: 2, sockets: 1, events: signals::SOURCES
}

/// Sends so many messages of `size` bytes, and ends the process if they did not arrive.
pub(crate) fn run(peer: SocketAddr, count: u32, size: usize, loss: u32) {
    let mut app = App {
        signals: Signals::new(),
        sender: Sender::new(peer, Patience::DEFAULT, Variant::Correct),
        numbered: Numbered::new(count, size),
        totals: None,
    };
    match run_loop(&mut app, loss) {
        Ok(time) => match app.totals {
            Some(totals) => print(totals, time),
            None => give_up(PROGRAM, format_args!("{peer}: interrupted")),
        },
        Err(error) => give_up(PROGRAM, format_args!("{peer}: {error}")),
    }
}

/// Gives how long it took.
fn run_loop(app: &mut App, loss: u32) -> Result<Duration, Error> {
    let event_loop = LOOP.take();
    crate::open(event_loop, loss)?;
    let mut cx = event_loop.cx();
    app.signals.install(&mut cx)?;
    let start = cx.now();
    signals::run(event_loop, app, |app| &mut app.signals)?;
    Ok(event_loop.cx().now().saturating_since(start))
}

fn print(totals: Totals, time: Duration) {
    let Totals { messages, repeated } = totals;
    let _ = writeln!(std::io::stdout(), "messages={messages} repeated={repeated} milliseconds={}", time.as_millis());
}
