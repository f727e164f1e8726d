//! The server over UDP.

use std::io::Write;
use std::net::SocketAddr;

use ptk_core::prelude::*;
use ptk_examples::echo::udp_server::{Counts, UdpServer};
use ptk_linux::Linux;

use crate::signals::{self, Signals};

#[derive(TaskSet)]
struct App {
    signals: Signals,
    server: UdpServer,
    #[task(shared)]
    counts: Counts,
}

ptk_core::event_loop! {
    static LOOP: Linux<'static> = Linux::new();
    id: 0, tasks: 2, sockets: 1, events: signals::SOURCES
}

/// Serves until a signal comes, and says how much.
pub(crate) fn serve(address: SocketAddr) -> Result<(), Error> {
    let event_loop = LOOP.take();
    let mut app = App { signals: Signals::new(), server: UdpServer::new(), counts: Counts::default() };
    signals::open(event_loop)?;
    let mut cx = event_loop.cx();
    app.signals.install(&mut cx)?;
    let _ = writeln!(std::io::stdout(), "listening on {}", app.server.open(&mut cx, address)?);
    signals::run(event_loop, &mut app, |app| &mut app.signals)?;
    let Counts { echoed, cut, dropped } = app.counts;
    let _ = writeln!(std::io::stdout(), "echoed={echoed} cut={cut} dropped={dropped}");
    Ok(())
}
