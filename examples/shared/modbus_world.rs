//! The Modbus server and clients that exercise it as nodes of a simulated world: the same source as on Linux.

use std::ops::ControlFlow;

use ptk_core::prelude::*;
use ptk_examples::modbus::TANK;
use ptk_examples::modbus::client::{Fault, Observer, TIMEOUT};
use ptk_examples::modbus::exercise::Exerciser;
use ptk_examples::modbus::server::{Connection, OPTIONS, Simulation, Station};
use ptk_mock::{Boot, Mock, Scenario, World};

/// The port of Modbus/TCP.
const PORT: u16 = 502;

/// How many connections the server has places for, and how many clients each of the two client nodes has.
const CONNECTIONS: usize = 6;
const CLIENTS: usize = 2;

/// How long a connection may be silent: short, so that those whose client went away free their places in time.
const IDLE: Duration = Duration::from_secs(2);

/// A node that serves.
#[derive(Clone, Hash, Debug, TaskSet)]
struct Server {
    simulation: Simulation,
    connections: [Connection; CONNECTIONS],
    #[task(shared)]
    station: Station,
}

impl Server {
    fn new() -> Server {
        let mut station = Station::new(TANK);
        station.idle = IDLE;
        Server { simulation: Simulation::new(), connections: [const { Connection::new() }; CONNECTIONS], station }
    }

    fn listen(cx: &mut Cx<'_, Mock>, server: &mut Server) -> Result<(), Error> {
        server.station.listener = cx.listen_with(([0, 0, 0, 0], PORT).into(), &OPTIONS)?;
        Ok(())
    }
}

/// A node with clients.
#[derive(Clone, Hash, Debug, TaskSet)]
struct Clients {
    exercisers: [Exerciser; CLIENTS],
    #[task(shared)]
    seen: Seen,
}

/// What the clients of a node have seen.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Seen {
    /// Requests that were answered, and rightly.
    pub(crate) answered: u64,
    /// Requests that were answered since the last one that failed.
    pub(crate) in_a_row: u64,
    /// Connects and requests that failed.
    pub(crate) failed: u64,
    /// Answers that were not those of the model, though no connection had been lost before. After that they can be: what a
    /// lost connection had still sent may reach the server behind what the next one wrote, and no protocol over TCP can
    /// tell.
    pub(crate) wrong: u64,
    /// Whether a connection has been lost, or an earlier life of this node may have left one.
    has_lost: bool,
}

impl Observer for Seen {
    fn answered(&mut self, _: Duration) {
        self.answered += 1;
        self.in_a_row += 1;
    }

    fn failed(&mut self, _: Instant, fault: Fault) -> ControlFlow<()> {
        self.failed += 1;
        self.in_a_row = 0;
        self.wrong += u64::from(matches!(fault, Fault::WrongAnswer) && !self.has_lost);
        self.has_lost = true;
        ControlFlow::Continue(())
    }
}

impl Clients {
    fn new(boot: &Boot, first_region: u16) -> Clients {
        let server = boot.address("server", PORT);
        let exerciser = |place: usize| Exerciser::new(server, first_region + place as u16, TIMEOUT);
        Clients {
            exercisers: std::array::from_fn(exerciser),
            seen: Seen { has_lost: boot.incarnation() > 0, ..Seen::default() },
        }
    }
}

/// What the clients of both nodes have seen since they were last started.
pub(crate) fn seen(world: &World) -> Seen {
    let seen = ["one", "other"].map(|name| world.app::<Clients>(name).map_or(Seen::default(), |clients| clients.seen));
    Seen {
        answered: seen.iter().map(|seen| seen.answered).sum(),
        failed: seen.iter().map(|seen| seen.failed).sum(),
        in_a_row: seen.iter().map(|seen| seen.in_a_row).sum(),
        wrong: seen.iter().map(|seen| seen.wrong).sum(),
        has_lost: seen.iter().any(|seen| seen.has_lost),
    }
}

/// A server and two nodes of clients on a local network; what must hold is that every answer is that of the model
/// while no connection is lost, and that in peace `wanted` requests in a row are answered rightly.
pub(crate) fn modbus(wanted: u64) -> Scenario {
    Scenario::new("modbus")
        .node_with::<Server, 7, 8, 1, 0, 0>("server", |_| Server::new(), Server::listen)
        .node_sized::<Clients, 2, 4, 0, 0, 0>("one", |boot| Clients::new(boot, 0))
        .node_sized::<Clients, 2, 4, 0, 0, 0>("other", |boot| Clients::new(boot, 2))
        .always("every answer is that of the model", |world| seen(world).wrong == 0)
        .eventually("requests are answered rightly", Duration::from_secs(60), move |world| {
            seen(world).in_a_row >= wanted
        })
        .lasting(Duration::from_secs(5))
}
