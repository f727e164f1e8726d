//! Bytes through an echo with a buffer that is much too small, until one side and then the other ends the stream.

use std::net::SocketAddr;

use ptk_core::prelude::*;
use ptk_mock::{Boot, Family, Faults, Scenario};

const ROUNDS: u8 = 4;
const LENGTH: usize = 40;

fn message(round: u8) -> [u8; LENGTH] {
    core::array::from_fn(|place| round * LENGTH as u8 + place as u8)
}

#[derive(Clone, Hash, Debug)]
struct Client {
    pt: PtTimed,
    server: SocketAddr,
    socket: TcpSocket,
    buffer: Buffer<LENGTH>,
    round: u8,
    is_done: bool,
}

impl<P: Platform> Protothread<P> for Client {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        // The server may not be there yet.
        while self.socket.is_none() {
            match wait!(cx.connect(self.server)) {
                Err(Error::ConnectionRefused) => wait!(sleep!(Duration::from_millis(1))),
                connected => self.socket = connected?,
            }
        }
        while self.round < ROUNDS {
            self.buffer.put_slice(&message(self.round))?;
            wait!(cx.send_all(self.socket, &mut self.buffer))?;
            if self.round + 1 == ROUNDS {
                cx.shutdown(self.socket, Half::Write)?;
            }
            // The answer comes while nobody waits for it.
            wait!(sleep!(Duration::from_millis(u64::from(self.round % 2) * 2)));
            wait!(cx.recv_exact(self.socket, &mut self.buffer, LENGTH))?;
            assert_eq!(self.buffer.readable(), message(self.round), "what comes back is what was sent");
            self.buffer.clear();
            self.round += 1;
        }
        let count = wait!(cx.recv(self.socket, &mut self.buffer))?;
        assert_eq!(count, 0, "nothing comes behind the end");
        self.is_done = true;
        cx.close(self.socket)
    }
}

#[derive(Clone, Hash, Debug)]
struct Server {
    pt: Pt,
    listener: TcpListener,
    socket: TcpSocket,
    buffer: Buffer<16>,
}

impl<P: Platform> Protothread<P> for Server {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        self.listener = cx.listen(([0, 0, 0, 0], 7).into())?;
        self.socket = wait!(cx.accept(self.listener))?;
        while wait!(cx.recv(self.socket, &mut self.buffer))? > 0 {
            while !self.buffer.is_empty() {
                wait!(cx.send(self.socket, &mut self.buffer))?;
                // What has come meanwhile is put behind what was not accepted.
                if let Ok(count) = cx.try_recv(self.socket, self.buffer.writable()) {
                    self.buffer.commit(count);
                }
            }
        }
        cx.close(self.socket)
    }
}

fn named(name: &str) -> Scenario {
    let server = |_: &Boot| {
        [Server { pt: Pt::new(), listener: TcpListener::NONE, socket: TcpSocket::NONE, buffer: Buffer::new() }]
    };
    let client = |boot: &Boot| {
        let (pt, socket, buffer) = (PtTimed::new(), TcpSocket::NONE, Buffer::new());
        [Client { pt, server: boot.address("server", 7), socket, buffer, round: 0, is_done: false }]
    };
    Scenario::new(name).node("server", server).node("client", client).eventually(
        "all comes back, and both streams end",
        Duration::from_secs(30),
        |world| world.app::<[Client; 1]>("client").is_some_and(|app| app[0].is_done) && world.has_ended("server"),
    )
}

pub fn scenario() -> Scenario {
    named("streams").faults(Faults::of(&[Family::Streams, Family::Readiness, Family::Time, Family::Links]))
}

/// The two are parted in the middle of it, until all is healed.
pub fn parted() -> Scenario {
    named("parted")
        .faults(Faults::of(&[Family::Streams]))
        .at(Duration::from_micros(700), |world| world.part("client", "server"))
        .lasting(Duration::from_secs(1))
}
