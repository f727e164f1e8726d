//! A register over UDP: a writer sets it to 1, 2 and so on, and sends each again until it is told that it arrived.
//!
//! The careless server takes whatever comes last; the careful one only what is newer.

use std::net::SocketAddr;

use ptk_core::prelude::*;
use ptk_mock::{Boot, Scenario, World};

#[derive(Clone, Hash, Debug)]
pub(crate) struct Writer {
    pt: PtTimed,
    child: Pt,
    server: SocketAddr,
    socket: UdpSocket,
    buffer: Buffer<8>,
    last: u8,
    tries: u8,
    pub(crate) acked: u8,
}

impl Writer {
    #[protothread(self.child)]
    fn set<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<(), Error> {
        wait!(cx.send_to(self.socket, &[self.acked + 1], self.server))?;
        loop {
            self.buffer.clear();
            wait!(cx.recv_from(self.socket, &mut self.buffer))?;
            if self.buffer.readable() == [self.acked + 1] {
                return Ok(());
            }
        }
    }
}

impl<P: Platform> Protothread<P> for Writer {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        self.socket = cx.udp_socket(([0, 0, 0, 0], 0).into())?;
        while self.acked < self.last && self.tries > 0 {
            match wait!(self.set(cx), timeout = Duration::from_millis(50)) {
                Ok(Ok(())) => self.acked += 1,
                Ok(Err(error)) => return Err(error),
                Err(TimedOut) => self.tries -= 1,
            }
        }
        cx.close(self.socket)
    }
}

#[derive(Clone, Hash, Debug)]
pub(crate) struct Server {
    pt: Pt,
    socket: UdpSocket,
    from: SocketAddr,
    buffer: Buffer<8>,
    is_careful: bool,
    pub(crate) value: u8,
}

impl<P: Platform> Protothread<P> for Server {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        self.socket = cx.udp_socket(([0, 0, 0, 0], 9).into())?;
        loop {
            self.buffer.clear();
            self.from = wait!(cx.recv_from(self.socket, &mut self.buffer))?.from;
            let value = self.buffer.readable()[0];
            if !self.is_careful || value > self.value {
                self.value = value;
            }
            wait!(cx.send_to(self.socket, self.buffer.readable(), self.from))?;
        }
    }
}

pub(crate) fn writer(world: &World, name: &str) -> u8 {
    world.app::<[Writer; 1]>(name).map_or(0, |app| app[0].acked)
}

pub(crate) fn server(world: &World) -> u8 {
    world.app::<[Server; 1]>("server").map_or(u8::MAX, |app| app[0].value)
}

pub(crate) fn make_server(is_careful: bool) -> impl Fn(&Boot) -> [Server; 1] + Send + Sync + 'static {
    move |_| {
        let from = ([0, 0, 0, 0], 0).into();
        [Server { pt: Pt::new(), socket: UdpSocket::NONE, from, buffer: Buffer::new(), is_careful, value: 0 }]
    }
}

pub(crate) fn make_writer(last: u8, tries: u8) -> impl Fn(&Boot) -> [Writer; 1] + Send + Sync + 'static {
    move |boot| {
        let (socket, buffer, server) = (UdpSocket::NONE, Buffer::new(), boot.address("server", 9));
        [Writer { pt: PtTimed::new(), child: Pt::new(), server, socket, buffer, last, tries, acked: 0 }]
    }
}

/// A writer that sets `last` values and gives up after so many timeouts.
pub(crate) fn register(is_careful: bool, last: u8, tries: u8) -> Scenario {
    Scenario::new("register")
        .node_sized::<_, 1, 1, 0, 0, 0>("server", make_server(is_careful))
        .node_sized::<_, 1, 1, 0, 0, 0>("writer", make_writer(last, tries))
        .always("what was acknowledged stays", |world| server(world) >= writer(world, "writer"))
}
