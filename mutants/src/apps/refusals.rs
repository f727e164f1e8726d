//! A datagram that is refused, and behind the refusal one that arrives.

use std::net::SocketAddr;

use ptk_core::prelude::*;
use ptk_mock::{Boot, Family, Faults, Scenario};

#[derive(Clone, Hash, Debug)]
struct Early {
    pt: PtTimed,
    peer: SocketAddr,
    socket: UdpSocket,
    buffer: Buffer<8>,
}

impl<P: Platform> Protothread<P> for Early {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        self.socket = cx.udp_socket(([0, 0, 0, 0], 5000).into())?;
        cx.connect_udp(self.socket, self.peer)?;
        wait!(cx.send_datagram(self.socket, b"early"))?;
        wait!(sleep!(Duration::from_millis(20)));
        let refused = wait!(cx.recv_from(self.socket, &mut self.buffer)).err();
        assert_eq!(refused, Some(Error::ConnectionRefused), "nobody was there yet");
        wait!(cx.recv_from(self.socket, &mut self.buffer))?;
        assert_eq!(self.buffer.readable(), b"late", "a datagram is as it was sent");
        Ok(())
    }
}

#[derive(Clone, Hash, Debug)]
struct Late {
    pt: PtTimed,
    peer: SocketAddr,
    socket: UdpSocket,
}

impl<P: Platform> Protothread<P> for Late {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        wait!(sleep!(Duration::from_millis(10)));
        self.socket = cx.udp_socket(([0, 0, 0, 0], 9).into())?;
        wait!(cx.send_to(self.socket, b"late", self.peer))?;
        // Its socket closes with its end, and it must not refuse anything.
        wait!(sleep!(Duration::from_millis(50)));
        Ok(())
    }
}

pub fn scenario() -> Scenario {
    let early = |boot: &Boot| {
        [Early { pt: PtTimed::new(), peer: boot.address("late", 9), socket: UdpSocket::NONE, buffer: Buffer::new() }]
    };
    let late = |boot: &Boot| [Late { pt: PtTimed::new(), peer: boot.address("early", 5000), socket: UdpSocket::NONE }];
    Scenario::new("refusals")
        .node("early", early)
        .node("late", late)
        .faults(Faults::of(&[Family::Readiness]))
        .eventually("both are heard", Duration::from_secs(5), |world| {
            world.has_ended("early") && world.has_ended("late")
        })
}
