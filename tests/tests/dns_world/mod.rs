//! What the tests of looking up names share: in virtual time, servers that are tasks of the same loop and say whatever a
//! test wants, and clients that take steps.
#![allow(dead_code, unused_imports, reason = "each test uses a part")]

mod client;
mod tcp_server;
mod udp_server;

use std::net::SocketAddr;

pub(crate) use client::{Client, Outcome, Step};
use ptk_core::prelude::*;
use ptk_mock::Mock;
pub(crate) use tcp_server::{TcpScript, TcpServer};
pub(crate) use udp_server::{Act, BOTH, Script, Server, V4, both, say, silent};

pub(crate) const CLIENTS: usize = 3;

pub(crate) type Loop<const LOOKUPS: usize> = EventLoop<Mock, 9, 20, 1, 0, LOOKUPS>;

#[derive(TaskSet)]
#[task(platform = Mock)]
pub(crate) struct App {
    pub(crate) servers: [Server; 2],
    pub(crate) tcp: [TcpServer; 2],
    pub(crate) clients: [Client; CLIENTS],
}

/// A world with two servers, and clients that have not begun.
pub(crate) struct Stage<const LOOKUPS: usize = 2> {
    pub(crate) event_loop: Box<Loop<LOOKUPS>>,
    pub(crate) app: App,
    pub(crate) servers: [SocketAddr; 2],
    /// What is open before the clients begin.
    pub(crate) sockets: usize,
}

pub(crate) fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

impl<const LOOKUPS: usize> Stage<LOOKUPS> {
    pub(crate) fn new(script: Script) -> Self {
        let mut event_loop = Box::new(Loop::new(1, Mock::with_seed(7)));
        event_loop.open().expect("it was not open");
        let mut cx = event_loop.cx();
        let servers = [local(53), local(5353)];
        let app = App {
            servers: [0, 1].map(|number| Server::new(&mut cx, number, servers[number], script)),
            tcp: servers.map(|address| TcpServer::new(&mut cx, address)),
            clients: Default::default(),
        };
        cx.set_name_servers(&servers[..1]).expect("a server that can be asked");
        let sockets = event_loop.tables().sockets.used;
        Stage { event_loop, app, servers, sockets }
    }

    /// Both servers are asked, and not only the first.
    pub(crate) fn ask_both_servers(&mut self) {
        self.event_loop.cx().set_name_servers(&self.servers).expect("servers that can be asked");
    }

    /// Runs the steps of each client to their end; what they found, and when.
    pub(crate) fn run(&mut self, steps: &[&[Step]]) -> Vec<Vec<(Outcome, u64)>> {
        for (client, steps) in self.app.clients.iter_mut().zip(steps) {
            client.steps = steps.to_vec();
            client.servers = self.servers.to_vec();
        }
        let mut turns = 0;
        let done = |_: &mut Loop<LOOKUPS>, app: &mut App| {
            turns += 1;
            assert!(turns < 100_000, "it spins");
            app.clients.iter().all(|client| client.done)
        };
        self.event_loop.run_until(&mut self.app, done).expect("the loop turns");
        for tcp in &self.app.tcp {
            // What a server hung on is closed, or was.
            let _ = self.event_loop.cx().close(tcp.socket);
        }
        let tables = self.event_loop.tables();
        assert_eq!((tables.lookups.used, tables.sockets.used), (0, self.sockets), "nothing is left behind");
        self.app.clients.iter().map(|client| client.log.clone()).collect()
    }

    /// As [`run`](Self::run) with one client that resolves one name.
    pub(crate) fn resolve(&mut self, host: &'static str) -> (Outcome, u64) {
        self.one(Step::Resolve(host))
    }

    pub(crate) fn one(&mut self, step: Step) -> (Outcome, u64) {
        self.run(&[&[step]])[0][0].clone()
    }

    /// The names that a server was asked for, each once.
    pub(crate) fn names(&self, server: usize) -> Vec<String> {
        let mut names: Vec<String> = self.app.servers[server].asked.iter().map(|(name, _)| name.clone()).collect();
        names.dedup();
        names
    }
}

pub(crate) fn stage(script: Script) -> Stage {
    Stage::new(script)
}

pub(crate) fn found(addresses: &[&str]) -> Outcome {
    Outcome::Found(addresses.iter().map(|address| (*address).to_string()).collect())
}
