//! Datagrams that come faster than they are taken.

use std::net::SocketAddr;

use ptk_core::prelude::*;
use ptk_mock::{Boot, Family, Faults, Label, Scenario};

const COUNT: u8 = 12;

#[derive(Clone, Hash, Debug)]
struct Asker {
    pt: Pt,
    server: SocketAddr,
    socket: UdpSocket,
    buffer: Buffer<8>,
    asked: u8,
    answered: u16,
}

impl<P: Platform> Protothread<P> for Asker {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        self.socket = cx.udp_socket(([0, 0, 0, 0], 0).into())?;
        while self.asked < COUNT {
            wait!(cx.send_to(self.socket, &[self.asked], self.server))?;
            self.asked += 1;
        }
        while self.answered.count_ones() < u32::from(COUNT) {
            wait!(cx.recv_from(self.socket, &mut self.buffer))?;
            let number = self.buffer.get_u8()?;
            assert!(self.buffer.is_empty(), "a datagram is as it was sent");
            assert_eq!(self.answered & 1 << number, 0, "nothing arrives twice");
            self.answered |= 1 << number;
        }
        Ok(())
    }
}

#[derive(Clone, Hash, Debug)]
struct Answerer {
    pt: PtTimed,
    socket: UdpSocket,
    peer: SocketAddr,
    buffer: Buffer<8>,
}

impl<P: Platform> Protothread<P> for Answerer {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        self.socket = cx.udp_socket(([0, 0, 0, 0], 9).into())?;
        loop {
            self.peer = wait!(cx.recv_from(self.socket, &mut self.buffer))?.from;
            wait!(sleep!(Duration::from_millis(1)));
            wait!(cx.send_to(self.socket, self.buffer.readable(), self.peer))?;
            self.buffer.clear();
        }
    }
}

pub fn scenario() -> Scenario {
    let answerer = |_: &Boot| {
        [Answerer { pt: PtTimed::new(), socket: UdpSocket::NONE, peer: ([0; 4], 0).into(), buffer: Buffer::new() }]
    };
    let asker = |boot: &Boot| {
        let (pt, socket, buffer) = (Pt::new(), UdpSocket::NONE, Buffer::new());
        [Asker { pt, server: boot.address("answerer", 9), socket, buffer, asked: 0, answered: 0 }]
    };
    Scenario::new("datagrams")
        .node("answerer", answerer)
        .node("asker", asker)
        .faults(Faults::of(&[Family::Readiness]).rate(Label::LateAlarm, 100_000))
        .eventually("all are answered", Duration::from_secs(5), |world| world.has_ended("asker"))
}
