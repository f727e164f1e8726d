//! Pings over UDP, each sent again until it is answered.

use std::net::SocketAddr;

use ptk_core::prelude::*;
use ptk_mock::{Boot, Scenario, World};

#[derive(Clone, Hash, Debug)]
pub(crate) struct Pinger {
    pt: PtTimed,
    child: PtTimed,
    server: SocketAddr,
    socket: UdpSocket,
    buffer: Buffer<16>,
    wanted: u32,
    pub(crate) answered: u32,
    pub(crate) lost: u32,
    /// Answers to earlier pings.
    stale: u32,
}

impl Pinger {
    #[protothread(self.child)]
    fn ping<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<(), Error> {
        wait!(cx.send_to(self.socket, &self.answered.to_be_bytes(), self.server))?;
        loop {
            self.buffer.clear();
            wait!(cx.recv_from(self.socket, &mut self.buffer))?;
            if self.buffer.readable() == self.answered.to_be_bytes() {
                return Ok(());
            }
            self.stale += 1;
        }
    }
}

impl<P: Platform> Protothread<P> for Pinger {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        loop {
            match cx.udp_socket(([0, 0, 0, 0], 0).into()) {
                Ok(socket) => {
                    self.socket = socket;
                    break;
                }
                Err(_) => wait!(sleep!(Duration::from_millis(10))),
            }
        }
        while self.answered < self.wanted {
            match wait!(self.ping(cx), timeout = Duration::from_millis(50)) {
                Ok(Ok(())) => self.answered += 1,
                Ok(Err(_)) => wait!(sleep!(Duration::from_millis(1))),
                Err(TimedOut) => self.lost += 1,
            }
        }
        cx.close(self.socket)
    }
}

#[derive(Clone, Hash, Debug)]
pub(crate) struct Ponger {
    pt: PtTimed,
    child: PtTimed,
    socket: UdpSocket,
    peer: SocketAddr,
    buffer: Buffer<16>,
}

impl Ponger {
    #[protothread(self.child)]
    fn pong<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<(), Error> {
        self.buffer.clear();
        let datagram = wait!(cx.recv_from(self.socket, &mut self.buffer))?;
        self.peer = datagram.from;
        wait!(cx.send_to(self.socket, self.buffer.readable(), self.peer))?;
        Ok(())
    }
}

impl<P: Platform> Protothread<P> for Ponger {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        loop {
            match cx.udp_socket(([0, 0, 0, 0], 9).into()) {
                Ok(socket) => {
                    self.socket = socket;
                    break;
                }
                Err(_) => wait!(sleep!(Duration::from_millis(10))),
            }
        }
        loop {
            let _ = wait!(self.pong(cx));
        }
    }
}

pub(crate) fn pings_lost(world: &World) -> u32 {
    world.app::<[Pinger; 1]>("pinger").map_or(0, |app| app[0].lost)
}

pub(crate) fn stale(world: &World) -> u32 {
    world.app::<[Pinger; 1]>("pinger").map_or(0, |app| app[0].stale)
}

/// Pings until all are answered that are wanted.
pub(crate) fn ping(name: &str, wanted: u32) -> Scenario {
    pings(name, wanted)
        .eventually("all pings are answered", Duration::from_secs(10), move |world| answered(world) == wanted)
}

/// Pings without end, and without a goal.
pub(crate) fn endless(name: &str) -> Scenario {
    pings(name, u32::MAX)
}

fn pings(name: &str, wanted: u32) -> Scenario {
    let pinger = move |boot: &Boot| {
        let (pt, child, server, socket, buffer) =
            (PtTimed::new(), PtTimed::new(), boot.address("ponger", 9), UdpSocket::NONE, Buffer::new());
        [Pinger { pt, child, server, socket, buffer, wanted, answered: 0, lost: 0, stale: 0 }]
    };
    let ponger = |_: &Boot| {
        [Ponger {
            pt: PtTimed::new(),
            child: PtTimed::new(),
            socket: UdpSocket::NONE,
            peer: ([0, 0, 0, 0], 0).into(),
            buffer: Buffer::new(),
        }]
    };
    Scenario::new(name).node("ponger", ponger).node("pinger", pinger)
}

pub(crate) fn answered(world: &World) -> u32 {
    world.app::<[Pinger; 1]>("pinger").map_or(0, |app| app[0].answered)
}
