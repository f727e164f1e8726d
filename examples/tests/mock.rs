//! The Modbus server and its clients on the simulator: the same source as on Linux, in virtual time.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::ControlFlow;

use ptk_core::prelude::*;
use ptk_examples::modbus::TANK;
use ptk_examples::modbus::client::{Fault, Observer, TIMEOUT};
use ptk_examples::modbus::exercise::Exerciser;
use ptk_examples::modbus::poller::{PollObserver, Poller, Readings};
use ptk_examples::modbus::server::{Connection, Simulation, Station};
use ptk_mock::Mock;

const ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 502);

#[derive(Clone, Hash, Debug)]
struct World {
    station: Station,
    answered: u32,
    faults: u32,
    polls: u32,
    last: Readings,
}

impl AsMut<Station> for World {
    fn as_mut(&mut self) -> &mut Station {
        &mut self.station
    }
}

impl Observer for World {
    fn answered(&mut self, _: Duration) {
        self.answered += 1;
    }

    fn failed(&mut self, _: Instant, _: Fault) -> ControlFlow<()> {
        self.faults += 1;
        ControlFlow::Continue(())
    }
}

impl PollObserver for World {
    fn polled(&mut self, _: Instant, readings: &Readings) -> ControlFlow<()> {
        self.polls += 1;
        self.last = *readings;
        ControlFlow::Continue(())
    }
}

fn world(cx: &mut Cx<'_, Mock>) -> World {
    let mut station = Station::new(TANK);
    station.listener = cx.listen(ADDRESS).unwrap();
    World { station, answered: 0, faults: 0, polls: 0, last: Readings::NONE }
}

#[derive(Clone, Hash, Debug, TaskSet)]
struct Exercise {
    connections: [Connection; 3],
    exercisers: [Exerciser; 2],
    #[task(shared)]
    world: World,
}

#[test]
fn every_function_is_answered_rightly() {
    let mut event_loop = EventLoop::<Mock, 5, 8>::new(0, Mock::new());
    event_loop.open().unwrap();
    let mut set = Exercise {
        connections: [const { Connection::new() }; 3],
        exercisers: [Exerciser::new(ADDRESS, 0, TIMEOUT), Exerciser::new(ADDRESS, 1, TIMEOUT)],
        world: world(&mut event_loop.cx()),
    };
    event_loop.run_until(&mut set, |_, set| set.world.answered >= 5000 || set.world.faults > 0).unwrap();
    assert_eq!(set.world.faults, 0);
    assert_eq!(set.world.station.counts.connections, 2);
}

#[derive(Clone, Hash, Debug, TaskSet)]
struct Watch {
    simulation: Simulation,
    connections: [Connection; 1],
    poller: Poller,
    #[task(shared)]
    world: World,
}

#[test]
fn an_hour_of_polling_takes_no_time() {
    let mut event_loop = EventLoop::<Mock, 3, 4, 1>::new(0, Mock::new());
    event_loop.open().unwrap();
    let mut set = Watch {
        simulation: Simulation::new(),
        connections: [Connection::new()],
        poller: Poller::new(ADDRESS, 1, Duration::from_secs(1), TIMEOUT),
        world: world(&mut event_loop.cx()),
    };
    let start = event_loop.cx().now();
    event_loop.run_until(&mut set, |_, set| set.world.polls > 3600).unwrap();
    assert_eq!(event_loop.cx().now() - start, Duration::from_secs(3600));
    assert_eq!(set.world.faults, 0);
    assert!((400..=600).contains(&set.world.last.level), "{:?}", set.world.last);
    // A step is due at the very instant of the last poll.
    assert!([35_999, 36_000].contains(&set.world.last.steps), "{:?}", set.world.last);
}
