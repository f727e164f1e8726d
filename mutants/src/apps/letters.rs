//! One datagram with a text that can be chosen.

use std::net::SocketAddr;

use ptk_core::prelude::*;
use ptk_mock::{Boot, Scenario};

#[derive(Clone, Hash, Debug)]
struct Writer {
    pt: Pt,
    text: [u8; 3],
    peer: SocketAddr,
    socket: UdpSocket,
}

impl<P: Platform> Protothread<P> for Writer {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        self.socket = cx.udp_socket(([0, 0, 0, 0], 0).into())?;
        wait!(cx.send_to(self.socket, &self.text, self.peer))
    }
}

pub fn scenario(text: &[u8; 3]) -> Scenario {
    let text = *text;
    let writer =
        move |boot: &Boot| [Writer { pt: Pt::new(), text, peer: boot.address("reader", 9), socket: UdpSocket::NONE }];
    Scenario::new("letters").node("writer", writer).node("reader", writer)
}
