//! The demonstration: a server, its clients and a view of the tank in one loop, over real loopback connections.

mod operator;
mod view;

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::ops::ControlFlow;

use ptk_core::prelude::*;
use ptk_examples::modbus::TANK;
use ptk_examples::modbus::client::{Fault, Observer, TIMEOUT};
use ptk_examples::modbus::exercise::{Exerciser, REGIONS};
use ptk_examples::modbus::poller::{PollObserver, Poller, Readings};
use ptk_examples::modbus::server::{Connection, OPTIONS, Simulation, Station};
use ptk_linux::Linux;
use static_cell::ConstStaticCell;

use self::operator::Operator;
use self::view::View;
use crate::arguments::{complain, give_up};
use crate::memory::{self, Part};
use crate::server::CONNECTIONS;
use crate::signals::{self, Signals};
use crate::traffic::{self, Traffic};
use crate::{PROGRAM, allocations};

const EXERCISERS: usize = REGIONS as usize;

/// The exercisers, the operator, and the poller whose readings the view shows.
const CLIENTS: usize = EXERCISERS + 2;

/// How often the readings are taken.
const POLL: Duration = Duration::from_millis(250);

/// Where a client connects to before the server's address is known.
const NOWHERE: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0));

/// What all tasks share.
struct World {
    station: Station,
    traffic: Traffic,
    readings: Readings,
}

impl AsMut<Station> for World {
    fn as_mut(&mut self) -> &mut Station {
        &mut self.station
    }
}

impl Observer for World {
    fn answered(&mut self, latency: Duration) {
        self.traffic.answered(latency);
    }

    fn failed(&mut self, _: Instant, fault: Fault) -> ControlFlow<()> {
        self.traffic.errors += 1;
        complain(PROGRAM, fault);
        ControlFlow::Continue(())
    }
}

impl PollObserver for World {
    fn polled(&mut self, _: Instant, readings: &Readings) -> ControlFlow<()> {
        self.readings = *readings;
        ControlFlow::Continue(())
    }
}

#[derive(TaskSet)]
struct App {
    signals: Signals,
    simulation: Simulation,
    connections: [Connection; CONNECTIONS],
    exercisers: [Exerciser; EXERCISERS],
    operator: Operator,
    poller: Poller,
    view: View,
    #[task(shared)]
    world: World,
}

static APP: ConstStaticCell<App> = ConstStaticCell::new(App {
    signals: Signals::new(),
    simulation: Simulation::new(),
    connections: [const { Connection::new() }; CONNECTIONS],
    exercisers: [
        Exerciser::new(NOWHERE, 0, TIMEOUT),
        Exerciser::new(NOWHERE, 1, TIMEOUT),
        Exerciser::new(NOWHERE, 2, TIMEOUT),
        Exerciser::new(NOWHERE, 3, TIMEOUT),
    ],
    operator: Operator::new(NOWHERE),
    poller: Poller::new(NOWHERE, 1, POLL, TIMEOUT),
    view: View::new(),
    world: World { station: Station::new(TANK), traffic: Traffic::new(), readings: Readings::NONE },
});

ptk_core::event_loop! {
    static LOOP: Linux<'static> = Linux::new();
    id: 0, tasks: CONNECTIONS + CLIENTS + 3, sockets: 1 + CONNECTIONS + CLIENTS, timers: 2, events: signals::SOURCES
}

/// Runs for so long, or until a signal comes, and prints the totals.
pub(crate) fn run(duration: Duration) {
    let (event_loop, app) = (LOOP.take(), APP.take());
    let prepared = signals::open(event_loop).and_then(|()| prepare(app, &mut event_loop.cx(), duration));
    if let Err(error) = prepared {
        give_up(PROGRAM, error);
    }
    let allocations_before = allocations::count();
    if let Err(error) = signals::run(event_loop, app, |app| &mut app.signals) {
        give_up(PROGRAM, error);
    }
    let Traffic { requests, errors, .. } = app.world.traffic;
    let mut out = std::io::stdout();
    let _ = writeln!(out, "{requests} requests of every function, each answer checked; {errors} errors");
    let _ = writeln!(out, "{}", app.world.traffic);
    let _ = writeln!(out, "memory, all of it static:");
    memory::print(
        &event_loop.tables(),
        &[
            Part("connections", CONNECTIONS, size_of::<Connection>()),
            Part("plant", 1, size_of::<Simulation>()),
            Part("device and counts", 1, size_of::<Station>()),
            Part("exercising clients", EXERCISERS, size_of::<Exerciser>()),
            Part("operator", 1, size_of::<Operator>()),
            Part("poller", 1, size_of::<Poller>()),
            Part("latencies and view", 1, size_of::<Traffic>() + size_of::<Readings>() + size_of::<View>()),
        ],
    );
    traffic::print_last_line(requests, errors, allocations_before);
    if errors > 0 {
        std::process::exit(1);
    }
}

/// Opens the server's listener, and tells the clients where it is.
fn prepare(app: &mut App, cx: &mut Cx<'_, Linux<'static>>, duration: Duration) -> Result<(), Error> {
    app.signals.install(cx)?;
    let listener = cx.listen_with(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), &OPTIONS)?;
    let address = cx.local_address(listener)?;
    app.world.station.listener = listener;
    app.exercisers.iter_mut().for_each(|client| client.set_peer(address));
    app.operator.set_peer(address);
    app.poller.set_peer(address);
    app.view.set_duration(duration);
    let _ = writeln!(std::io::stdout(), "a Modbus server on {address} and {CLIENTS} clients, for {duration}");
    Ok(())
}
