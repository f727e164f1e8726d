//! A task that could go on for ever, and another that counts how long it does.

use std::net::SocketAddr;

use ptk_core::prelude::*;
use ptk_mock::{Boot, Family, Faults, Scenario};

const COUNT: u32 = 300;

#[derive(Clone, Hash, Debug)]
struct Busy {
    pt: Pt,
    peer: SocketAddr,
    socket: UdpSocket,
}

/// How many datagrams were sent, in all and since the other task ran.
#[derive(Clone, Hash, Debug, Default)]
struct Sent {
    all: u32,
    at_once: u32,
}

impl<P: Platform> Protothread<P, Sent> for Busy {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, sent: &mut Sent) -> Result<(), Error> {
        self.socket = cx.udp_socket(([0, 0, 0, 0], 0).into())?;
        while sent.all < COUNT {
            wait!(cx.send_to(self.socket, b"on and on", self.peer))?;
            sent.all += 1;
            sent.at_once += 1;
            assert!(sent.at_once <= 64, "a busy task lets the others run");
        }
        Ok(())
    }
}

#[derive(Clone, Hash, Debug)]
struct Patient {
    pt: Pt,
    turns: u32,
}

impl<P: Platform> Protothread<P, Sent> for Patient {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, sent: &mut Sent) -> Result<(), Error> {
        while sent.all < COUNT && self.turns < COUNT {
            sent.at_once = 0;
            self.turns += 1;
            yield_now!();
        }
        Ok(())
    }
}

#[derive(Clone, Hash, Debug, TaskSet)]
struct App {
    busy: Busy,
    patient: Patient,
    #[task(shared)]
    sent: Sent,
}

#[derive(Clone, Hash, Debug)]
struct Sink {
    pt: Pt,
    socket: UdpSocket,
    buffer: Buffer<16>,
}

impl<P: Platform> Protothread<P> for Sink {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        self.socket = cx.udp_socket(([0, 0, 0, 0], 9).into())?;
        loop {
            wait!(cx.recv_from(self.socket, &mut self.buffer))?;
            self.buffer.clear();
        }
    }
}

pub fn scenario() -> Scenario {
    let app = |boot: &Boot| App {
        busy: Busy { pt: Pt::new(), peer: boot.address("sink", 9), socket: UdpSocket::NONE },
        patient: Patient { pt: Pt::new(), turns: 0 },
        sent: Sent::default(),
    };
    let sink = |_: &Boot| [Sink { pt: Pt::new(), socket: UdpSocket::NONE, buffer: Buffer::new() }];
    Scenario::new("budget").node("sink", sink).node("app", app).faults(Faults::of(&[Family::Readiness])).eventually(
        "all is sent",
        Duration::from_secs(5),
        |world| world.has_ended("app"),
    )
}
