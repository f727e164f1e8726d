//! Connects that are given up, lost to others or refused, and one that holds.

use std::net::SocketAddr;

use ptk_core::First;
use ptk_core::prelude::*;
use ptk_mock::{Boot, Family, Faults, Scenario, World};

#[derive(Clone, Hash, Debug)]
struct Caller {
    pt: PtTimed,
    nobody: SocketAddr,
    closed: SocketAddr,
    server: SocketAddr,
    socket: TcpSocket,
    buffer: Buffer<4>,
    round: u32,
    /// How many sockets it may have.
    sockets: usize,
}

impl<P: Platform> Protothread<P> for Caller {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        while self.round < 3 {
            let given_up = wait!(cx.connect(self.nobody), timeout = Duration::from_millis(20));
            assert_eq!(given_up, Err(TimedOut), "nobody answers");
            let refused = wait!(cx.connect(self.closed));
            assert_eq!(refused, Err(Error::ConnectionRefused), "nobody listens there");
            self.round += 1;
        }
        self.sockets = 2;
        match wait!(first!(cx.connect(self.nobody), cx.connect(self.server))) {
            First::A(_) => panic!("nobody answers"),
            First::B(connected) => self.socket = connected?,
        }
        self.sockets = 1;
        let silent = wait!(cx.recv(self.socket, &mut self.buffer), timeout = Duration::from_millis(10));
        assert_eq!(silent, Err(TimedOut), "the server says nothing unasked");
        self.buffer.put_u8(1)?;
        let sent = wait!(cx.send_all(self.socket, &mut self.buffer));
        assert_eq!(sent, Ok(()), "what a wait opened stays open when another is given up");
        wait!(cx.recv_exact(self.socket, &mut self.buffer, 1))
    }
}

#[derive(Clone, Hash, Debug)]
struct Server {
    pt: Pt,
    listener: TcpListener,
    socket: TcpSocket,
    buffer: Buffer<4>,
}

impl<P: Platform> Protothread<P> for Server {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        self.listener = cx.listen(([0, 0, 0, 0], 7).into())?;
        self.socket = wait!(cx.accept(self.listener))?;
        wait!(cx.recv_exact(self.socket, &mut self.buffer, 1))?;
        wait!(cx.send_all(self.socket, &mut self.buffer))
    }
}

pub fn scenario() -> Scenario {
    let server = |_: &Boot| {
        [Server { pt: Pt::new(), listener: TcpListener::NONE, socket: TcpSocket::NONE, buffer: Buffer::new() }]
    };
    let caller = |boot: &Boot| {
        [Caller {
            pt: PtTimed::new(),
            nobody: boot.address("nobody", 7),
            closed: boot.address("server", 8),
            server: boot.address("server", 7),
            socket: TcpSocket::NONE,
            buffer: Buffer::new(),
            round: 0,
            sockets: 1,
        }]
    };
    let has_few_sockets = |world: &World| {
        let used = world.tables("caller").map_or(0, |tables| tables.sockets.used);
        world.app::<[Caller; 1]>("caller").is_none_or(|app| used <= app[0].sockets)
    };
    Scenario::new("giving-up")
        .node("server", server)
        .node("nobody", server)
        .node("caller", caller)
        .at(Duration::ZERO, |world| world.part("nobody", "caller"))
        .faults(Faults::of(&[Family::Readiness, Family::Streams]))
        .always("what a wait opened is closed when it is given up", has_few_sockets)
        .eventually("one connect holds", Duration::from_secs(30), |world| {
            world.has_ended("caller") && world.has_ended("server")
        })
}
