//! The receiver.

use core::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use ptk_core::Never;
use ptk_core::prelude::*;

use super::Variant;
use super::frame::{self, Connection, Frame, Kind, MAX_FRAME};
use super::receiving::{Piece, Place, Receiving};
use crate::datagram::{Opening, unless_lost};

/// Who takes the messages.
pub trait Delivery {
    /// A connection begins: what follows are the messages of another sender, from its first.
    fn opened(&mut self);
    /// The next message.
    fn message(&mut self, message: &[u8]);
    /// The sender had no more.
    fn ended(&mut self);
}

/// Receives the messages of one sender after the other, and hands them to its [`Delivery`]. Ends only when the system
/// fails.
#[derive(Clone, Hash, Debug)]
pub struct Receiver {
    pt: Pt,
    open_socket: Opening,
    address: SocketAddr,
    variant: Variant,
    socket: UdpSocket,
    peer: SocketAddr,
    /// Who asked last, and has not shown that it heard the answer.
    candidate: Option<Connection>,
    connection: Option<Connection>,
    receiving: Receiving,
    packet: Buffer<MAX_FRAME>,
}

impl Receiver {
    /// A receiver that is to listen at `address`.
    pub const fn new(address: SocketAddr, variant: Variant) -> Self {
        Receiver {
            pt: Pt::new(),
            open_socket: Opening::new(),
            address,
            variant,
            socket: UdpSocket::NONE,
            peer: SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0)),
            candidate: None,
            connection: None,
            receiving: Receiving::new(),
            packet: Buffer::new(),
        }
    }

    /// Opens its socket before it runs, and gives the address.
    ///
    /// # Errors
    ///
    /// As [`Cx::udp_socket`].
    pub fn open<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<SocketAddr, Error> {
        self.socket = cx.udp_socket(self.address)?;
        cx.local_address(self.socket)
    }

    /// Replaces what has come by the answer to it; `false` if it needs none.
    fn answer<P: Platform, S: Delivery + ?Sized>(
        &mut self,
        cx: &mut Cx<'_, P>,
        delivery: &mut S,
    ) -> Result<bool, Error> {
        let packet = self.packet;
        let decode = if self.variant == Variant::Unchecked { frame::decode_unchecked } else { frame::decode };
        let Ok(frame) = decode(packet.readable()) else { return Ok(false) };
        match frame.kind {
            Kind::Open => self.offer(cx, frame.connection.sender),
            Kind::Data | Kind::End if self.is_connected(frame.connection, delivery) => self.receive(&frame, delivery),
            Kind::Data | Kind::End => self.write(Kind::Gone, frame.connection, 0, &[]),
            Kind::Opened | Kind::Ack | Kind::Gone => Ok(false),
        }
    }

    /// Answers one who asks for a connection, and goes on with the one that there is.
    fn offer<P: Platform>(&mut self, cx: &mut Cx<'_, P>, sender: u32) -> Result<bool, Error> {
        let known = [self.connection, self.candidate].into_iter().flatten().find(|known| known.sender == sender);
        let connection = match known {
            Some(connection) => connection,
            None => Connection { sender, receiver: id(cx)? },
        };
        if self.connection != Some(connection) {
            self.candidate = Some(connection);
        }
        self.write(Kind::Opened, connection, 0, &[])
    }

    /// Whether a message is one of the connection. The first message of a candidate makes it the connection: only one who
    /// has heard the answer knows both ids.
    fn is_connected<S: Delivery + ?Sized>(&mut self, connection: Connection, delivery: &mut S) -> bool {
        if self.candidate == Some(connection) {
            self.connection = self.candidate.take();
            self.receiving = Receiving::new();
            delivery.opened();
        }
        self.connection == Some(connection)
    }

    /// Takes a message, hands up what is in order now, and acknowledges.
    fn receive<S: Delivery + ?Sized>(&mut self, frame: &Frame<'_>, delivery: &mut S) -> Result<bool, Error> {
        let mut piece = Piece { is_end: frame.kind == Kind::End, message: Buffer::new() };
        piece.message.put_slice(frame.body)?;
        match self.receiving.place(frame.number, self.variant.numbers()) {
            Place::Ahead(ahead) => self.receiving.keep(ahead, piece),
            Place::Old if self.variant == Variant::Duplicates => hand_up(&piece, delivery),
            Place::Old => {}
            Place::Stray => return Ok(false),
        }
        while let Some(piece) = self.receiving.take() {
            hand_up(&piece, delivery);
        }
        let (next, behind) = self.receiving.acknowledgement();
        self.write(Kind::Ack, frame.connection, next, &[behind])
    }

    fn write(&mut self, kind: Kind, connection: Connection, number: u32, body: &[u8]) -> Result<bool, Error> {
        Frame { kind, connection, number, body }.write(&mut self.packet)?;
        Ok(true)
    }
}

fn hand_up<S: Delivery + ?Sized>(piece: &Piece, delivery: &mut S) {
    if piece.is_end { delivery.ended() } else { delivery.message(piece.message.readable()) }
}

/// An id that nobody has had; 0 stands for none.
fn id<P: Platform>(cx: &mut Cx<'_, P>) -> Result<u32, Error> {
    let mut bytes = [0; 4];
    cx.entropy(&mut bytes)?;
    Ok(u32::from_be_bytes(bytes).max(1))
}

impl<P: Platform, S: Delivery + ?Sized> Protothread<P, S> for Receiver {
    type Output = Result<Never, Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, delivery: &mut S) -> Result<Never, Error> {
        if self.socket == UdpSocket::NONE {
            self.socket = wait!(self.open_socket.udp_socket(cx, self.address))?;
        }
        loop {
            self.packet.clear();
            let received = wait!(cx.recv_from(self.socket, &mut self.packet));
            let Some(datagram) = unless_lost(received)? else { continue };
            self.peer = datagram.from;
            if self.answer(cx, delivery)? {
                unless_lost(wait!(cx.send_to(self.socket, self.packet.readable(), self.peer)))?;
            }
        }
    }
}
