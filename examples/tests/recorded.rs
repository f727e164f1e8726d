//! The Modbus server and its clients, recorded on Linux and played back without it.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::ControlFlow;

use ptk_core::middleware::{Recorded, Recorder};
use ptk_core::prelude::*;
use ptk_examples::modbus::TANK;
use ptk_examples::modbus::client::{Fault, Observer, TIMEOUT};
use ptk_examples::modbus::exercise::Exerciser;
use ptk_examples::modbus::server::{Connection, OPTIONS, Simulation, Station};
use ptk_linux::Linux;
use ptk_mock::Replayed;

#[derive(Clone, Hash, Debug)]
struct World {
    station: Station,
    answered: u32,
    latencies: Duration,
}

impl AsMut<Station> for World {
    fn as_mut(&mut self) -> &mut Station {
        &mut self.station
    }
}

impl Observer for World {
    fn answered(&mut self, latency: Duration) {
        self.answered += 1;
        self.latencies = self.latencies + latency;
    }

    fn failed(&mut self, _: Instant, _: Fault) -> ControlFlow<()> {
        ControlFlow::Break(())
    }
}

#[derive(Clone, Hash, Debug, TaskSet)]
struct Demonstration {
    simulation: Simulation,
    connections: [Connection; 3],
    exercisers: [Exerciser; 2],
    #[task(shared)]
    world: World,
}

type Loop<P> = EventLoop<P, 6, 8, 1>;

/// Runs until `answers` requests were answered.
fn run<P: Platform>(platform: P, answers: u32) -> (Loop<P>, Demonstration, Result<(), Error>) {
    let mut event_loop = Loop::new(0, platform);
    event_loop.open().unwrap();
    let mut cx = event_loop.cx();
    let mut station = Station::new(TANK);
    station.listener = cx.listen_with(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), &OPTIONS).unwrap();
    let address = cx.local_address(station.listener).unwrap();
    let mut set = Demonstration {
        simulation: Simulation::new(),
        connections: [const { Connection::new() }; 3],
        exercisers: [Exerciser::new(address, 0, TIMEOUT), Exerciser::new(address, 1, TIMEOUT)],
        world: World { station, answered: 0, latencies: Duration::ZERO },
    };
    let ran = event_loop.run_until(&mut set, |_, set| set.world.answered >= answers);
    (event_loop, set, ran)
}

#[derive(Default)]
struct Growing(Vec<u8>);

impl Recorder for Growing {
    fn record(&mut self, pieces: &[&[u8]]) -> Result<(), Error> {
        self.0.extend(pieces.iter().copied().flatten());
        Ok(())
    }
}

#[test]
fn a_recorded_run_of_the_modbus_server_plays_back_to_the_same_state() {
    let (recorded, state, ran) = run(Recorded::new(Linux::new(), Growing::default()), 3000);
    assert_eq!(ran, Ok(()));
    assert!(state.world.latencies > Duration::ZERO);
    let recording = &recorded.platform().recorder().0[..];

    let (replayed, again, ran) = run(Replayed::new(recording).unwrap(), 3000);
    assert_eq!((ran, replayed.platform().finish()), (Ok(()), Ok(())));
    assert_eq!(format!("{again:?}"), format!("{state:?}"));
    assert_eq!(replayed.counters(), recorded.counters());

    // Whoever goes on is told where the recording ends.
    let (longer, _, ran) = run(Replayed::new(recording).unwrap(), 3001);
    assert_eq!(ran, Err(Error::NotRecorded));
    let difference = longer.platform().difference().unwrap();
    assert_eq!((difference.call, &difference.recorded), (replayed.platform().calls() + 1, &None), "{difference}");
}
