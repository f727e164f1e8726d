//! `modbus server`.

use std::io::Write;
use std::net::SocketAddr;

use ptk_core::prelude::*;
use ptk_examples::modbus::TANK;
use ptk_examples::modbus::server::{Connection, OPTIONS, Simulation, Station};
use ptk_linux::Linux;
use static_cell::ConstStaticCell;

use crate::arguments::give_up;
use crate::memory::{self, Part};
use crate::signals::{self, Signals};
use crate::{PROGRAM, allocations, traffic};

/// How many clients are served at once.
pub(crate) const CONNECTIONS: usize = 64;

#[derive(TaskSet)]
struct App {
    signals: Signals,
    simulation: Simulation,
    connections: [Connection; CONNECTIONS],
    #[task(shared)]
    station: Station,
}

static APP: ConstStaticCell<App> = ConstStaticCell::new(App {
    signals: Signals::new(),
    simulation: Simulation::new(),
    connections: [const { Connection::new() }; CONNECTIONS],
    station: Station::new(TANK),
});

ptk_core::event_loop! {
    static LOOP: Linux<'static> = Linux::new();
    id: 0, tasks: CONNECTIONS + 2, sockets: CONNECTIONS + 1, timers: 1, events: signals::SOURCES
}

/// Serves until a signal comes, and ends the process if that is not possible.
pub(crate) fn run(address: SocketAddr, idle: Duration) {
    let (event_loop, app) = (LOOP.take(), APP.take());
    let prepared = signals::open(event_loop).and_then(|()| prepare(app, &mut event_loop.cx(), address, idle));
    if let Err(error) = prepared {
        give_up(PROGRAM, format_args!("cannot listen on {address}: {error}"));
    }
    let allocations_before = allocations::count();
    if let Err(error) = signals::run(event_loop, app, |app| &mut app.signals) {
        give_up(PROGRAM, error);
    }
    let counts = app.station.counts;
    let _ = writeln!(
        std::io::stdout(),
        "{} connections, {} requests, {} exceptions, {} connections closed for what they sent",
        counts.connections,
        counts.requests,
        counts.exceptions,
        counts.broken
    );
    memory::print(
        &event_loop.tables(),
        &[
            Part("connections", CONNECTIONS, size_of::<Connection>()),
            Part("plant", 1, size_of::<Simulation>()),
            Part("device and counts", 1, size_of::<Station>()),
        ],
    );
    traffic::print_last_line(counts.requests, counts.broken, allocations_before);
}

/// Opens what the tasks share, and says where.
fn prepare(app: &mut App, cx: &mut Cx<'_, Linux<'static>>, address: SocketAddr, idle: Duration) -> Result<(), Error> {
    app.station.idle = idle;
    app.station.listener = cx.listen_with(address, &OPTIONS)?;
    app.signals.install(cx)?;
    let _ = writeln!(std::io::stdout(), "listening on {}", cx.local_address(app.station.listener)?);
    Ok(())
}
