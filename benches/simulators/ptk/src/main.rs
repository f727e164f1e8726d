//! PTK: a world of protothreads, its trace hashed.

mod nodes;

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use bench_common::{CLIENTS, Job, LATENCY, PORT, states};
use ptk_mock::{Boot, Link, Scenario, Step, World};

use crate::nodes::{Relay, TcpClient, TcpServer, UdpClient, UdpServer};

fn main() -> ExitCode {
    bench_common::main_counting(|job| match job {
        Job::Udp { rounds, idle } => Some(udp(rounds, idle)),
        Job::Tcp { rounds } => Some(tcp(rounds)),
        Job::Explore { size } => Some(explore(size)),
    })
}

fn any(_: &Boot) -> SocketAddr {
    (Ipv4Addr::UNSPECIFIED, PORT).into()
}

fn udp(rounds: u32, idle: u32) -> u64 {
    let server = |boot: &Boot| [UdpServer::new(any(boot))];
    let client = move |boot: &Boot| [UdpClient::new(any(boot), boot.address("server", PORT), rounds)];
    let mut scenario = scenario().node("server", server).node("client", client);
    for node in 0..idle {
        scenario = scenario.node(&format!("idle{node}"), server);
    }
    let world = run(&scenario);
    received(world.app("server"), |server: &UdpServer| server.received)
        + received(world.app("client"), |client: &UdpClient| client.received)
}

fn tcp(rounds: u32) -> u64 {
    let server = |boot: &Boot| [TcpServer::new(any(boot))];
    let client = move |boot: &Boot| [TcpClient::new(boot.address("server", PORT), rounds)];
    let world = run(&scenario().node("server", server).node("client", client));
    received(world.app("server"), |server: &TcpServer| server.received)
        + received(world.app("client"), |client: &TcpClient| client.received)
}

/// As the other contender's model: clients that send datagrams, and a server that keeps nothing.
fn explore(messages: u32) -> u64 {
    let server = |boot: &Boot| [Relay::new(any(boot))];
    let client = move |boot: &Boot| [UdpClient::new(any(boot), boot.address("server", PORT), messages)];
    let mut scenario = scenario().node_sized::<_, 1, 1, 1, 1, 1>("server", server);
    let names: Vec<String> = (0..CLIENTS).map(|number| format!("client{number}")).collect();
    for name in &names {
        scenario = scenario.node_sized::<_, 1, 1, 1, 1, 1>(name, client);
    }
    let scenario = scenario.always("no answer without a question", move |world| {
        names.iter().all(|name| received(world.app(name), |client: &UdpClient| client.received) <= messages.into())
    });
    let explored = scenario.explore().threads(1).run().expect("the property holds");
    assert_eq!(explored.unique, states(messages));
    explored.generated
}

fn scenario() -> Scenario {
    let latency = ptk_core::Duration::from_nanos(u64::try_from(LATENCY.as_nanos()).unwrap_or(u64::MAX));
    Scenario::new("benchmark").links(Link::fixed(latency))
}

/// Runs until nothing can happen any more.
fn run(scenario: &Scenario) -> World {
    let mut world = scenario.world(1);
    while world.step() != Step::Nothing {}
    world
}

fn received<T>(set: Option<&[T; 1]>, count: impl Fn(&T) -> u32) -> u64 {
    set.map_or(0, |[node]| count(node).into())
}
