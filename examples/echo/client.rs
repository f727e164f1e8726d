//! The clients, over TCP and over UDP.

use std::io::Write;
use std::process::exit;

use ptk_core::prelude::*;
use ptk_examples::echo::client::{Plan, TcpClient, Totals, UdpClient};
use ptk_linux::Linux;

use crate::PROGRAM;
use crate::arguments::give_up;
use crate::signals::{self, Signals};

/// One of the two clients.
#[derive(TaskSet)]
#[task(platform = Linux<'static>)]
struct App<C: Protothread<Linux<'static>, Output = Result<Totals, Error>>> {
    signals: Signals,
    #[task(done = Self::stop)]
    client: C,
    #[task(skip)]
    totals: Option<Totals>,
}

impl<C: Protothread<Linux<'static>, Output = Result<Totals, Error>>> App<C> {
    fn stop(&mut self, _: usize, result: Result<Totals, Error>, cx: &mut Cx<'_, Linux<'static>>) -> Result<(), Error> {
        cx.stop();
        self.totals = Some(result?);
        Ok(())
    }
}

ptk_core::event_loop! {
    static LOOP: Linux<'static> = Linux::new();
    id: 0, tasks: 2, sockets: 1, events: signals::SOURCES
}

/// Sends what the plan says, and ends the process if nothing came back, or something wrong.
pub(crate) fn run(plan: Plan, is_udp: bool) {
    let ran = if is_udp { run_client(UdpClient::new(plan)) } else { run_client(TcpClient::new(plan)) };
    let server = plan.server;
    match ran {
        Ok(Some(totals)) => {
            print(&totals);
            if totals.received == 0 && totals.wrong == 0 {
                give_up(PROGRAM, format_args!("{server}: nothing has come back"));
            }
            if !totals.is_good() {
                exit(1);
            }
        }
        Ok(None) => give_up(PROGRAM, format_args!("{server}: interrupted")),
        Err(error) => give_up(PROGRAM, format_args!("{server}: {error}")),
    }
}

/// Runs a client to its end; `None` if a signal came first.
fn run_client(
    client: impl Protothread<Linux<'static>, Output = Result<Totals, Error>>,
) -> Result<Option<Totals>, Error> {
    let event_loop = LOOP.take();
    let mut app = App { signals: Signals::new(), client, totals: None };
    signals::open(event_loop)?;
    app.signals.install(&mut event_loop.cx())?;
    signals::run(event_loop, &mut app, |app| &mut app.signals)?;
    Ok(app.totals)
}

fn print(totals: &Totals) {
    let Totals { sent, received, lost, cut, late, wrong } = totals;
    let _ =
        writeln!(std::io::stdout(), "sent={sent} received={received} lost={lost} cut={cut} late={late} wrong={wrong}");
}
