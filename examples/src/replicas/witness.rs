//! The witness: decides once who of the two goes on alone.

use core::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use ptk_core::Never;
use ptk_core::prelude::*;

use super::Variant;
use super::message::{Kind, Message, Packet, Site};
use crate::datagram::{Opening, unless_lost};

/// Grants the first who claims, and tells all others who that was.
#[derive(Clone, Hash, Debug)]
pub struct Witness {
    pt: Pt,
    open_socket: Opening,
    address: SocketAddr,
    variant: Variant,
    socket: UdpSocket,
    granted: Option<Site>,
    /// It has crashed, and does not know whom it granted.
    is_retired: bool,
    from: SocketAddr,
    packet: Packet,
}

impl Witness {
    /// A witness at `address`. One that has crashed before `is_retired`.
    pub const fn new(address: SocketAddr, is_retired: bool, variant: Variant) -> Self {
        Witness {
            pt: Pt::new(),
            open_socket: Opening::new(),
            address,
            variant,
            socket: UdpSocket::NONE,
            granted: None,
            is_retired,
            from: SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0)),
            packet: Packet::new(),
        }
    }

    /// Who goes on alone.
    pub const fn granted(&self) -> Option<Site> {
        self.granted
    }

    fn answer(&mut self) -> Option<Message> {
        let message = Message::decode(self.packet.readable()).filter(|message| message.kind == Kind::Claim)?;
        let site = Site::numbered(message.number).filter(|_| !self.is_retired)?;
        let granted = *self.granted.get_or_insert(site);
        let told = if self.variant == Variant::TwoGrants { site } else { granted };
        Some(Message::new(Kind::Granted, told as u8))
    }

    fn write_answer(&mut self) -> bool {
        let answer = self.answer();
        self.packet.clear();
        answer.is_some_and(|answer| self.packet.put_slice(&answer.encode()).is_ok())
    }
}

impl<P: Platform, S: ?Sized> Protothread<P, S> for Witness {
    type Output = Result<Never, Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut S) -> Result<Never, Error> {
        self.socket = wait!(self.open_socket.udp_socket(cx, self.address))?;
        loop {
            self.packet.clear();
            let received = wait!(cx.recv_from(self.socket, &mut self.packet));
            let Some(datagram) = unless_lost(received)? else { continue };
            self.from = datagram.from;
            if self.write_answer() {
                unless_lost(wait!(cx.send_to(self.socket, self.packet.readable(), self.from)))?;
            }
        }
    }
}
