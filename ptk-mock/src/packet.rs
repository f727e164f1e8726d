//! What travels between hosts.

use std::fmt;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;

use ptk_core::Duration;

use crate::kernel::is_broadcast;

/// One packet: a datagram, or a segment of a connection.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Packet {
    /// Who sends it.
    pub from: SocketAddr,
    /// To whom.
    pub to: SocketAddr,
    /// What it carries.
    pub body: Body,
    /// For segments: the place of the connection's end at the receiver, as far as the sender knows it.
    pub(crate) target: Option<u32>,
    /// For segments: the place of the connection's end at the sender.
    pub(crate) reply: u32,
    /// For segments: how many bytes the sender says besides that it has received.
    pub(crate) acknowledges: u32,
    /// For segments: how long the network tries to deliver it.
    pub(crate) patience: Duration,
}

impl Packet {
    /// A packet that belongs to no connection.
    pub(crate) const fn datagram(from: SocketAddr, to: SocketAddr, body: Body) -> Packet {
        Packet { from, to, body, target: None, reply: 0, acknowledges: 0, patience: Duration::ZERO }
    }

    /// The answer to a segment for a connection that is no more.
    pub(crate) fn reset(segment: &Packet) -> Packet {
        let target = Some(segment.reply);
        Packet { target, ..Packet::datagram(segment.to, segment.from, Body::Reset) }
    }

    /// What a host says to a packet that is for nobody there, if it says anything.
    pub(crate) fn denial(&self) -> Option<Packet> {
        match self.body {
            Body::Syn { .. } | Body::SynAck { .. } | Body::Data(_) | Body::Fin | Body::Probe => {
                Some(Packet::reset(self))
            }
            Body::Datagram(_) if !self.to.ip().is_multicast() && !is_broadcast(self.to.ip()) => {
                Some(Packet::datagram(self.to, self.from, Body::Unreachable))
            }
            _ => None,
        }
    }
}

/// What a packet carries.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Body {
    /// A datagram.
    Datagram(Payload),
    /// What the network says of a datagram that nobody took (ICMP: port unreachable).
    Unreachable,
    /// Asks for a connection.
    Syn {
        /// How many bytes the sender has room for.
        window: u32,
    },
    /// Grants a connection.
    SynAck {
        /// How many bytes the sender has room for.
        window: u32,
    },
    /// Bytes of a connection.
    Data(Payload),
    /// The end of one side's bytes.
    Fin,
    /// The connection is no more.
    Reset,
    /// Tells the sender what has arrived and what it may send.
    Ack {
        /// How many bytes more have arrived, an end among them.
        taken: u32,
        /// How many bytes more there is room for.
        room: u32,
    },
    /// Asks whether the other end is still there (keepalive).
    Probe,
    /// No packet, but the network's word to the sender that it has given up: nothing came through for too long.
    GaveUp,
}

impl Body {
    /// Its name, as traces show it.
    pub const fn name(&self) -> &'static str {
        match self {
            Body::Datagram(_) => "datagram",
            Body::Unreachable => "unreachable",
            Body::Syn { .. } => "SYN",
            Body::SynAck { .. } => "SYN-ACK",
            Body::Data(_) => "data",
            Body::Fin => "FIN",
            Body::Reset => "RST",
            Body::Ack { .. } => "ACK",
            Body::Probe => "probe",
            Body::GaveUp => "gave up",
        }
    }

    /// The bytes that it carries for an application.
    pub fn payload(&self) -> &[u8] {
        match self {
            Body::Datagram(payload) | Body::Data(payload) => payload,
            _ => &[],
        }
    }

    /// Whether it belongs to a connection, which neither loses nor reorders anything.
    pub(crate) const fn is_segment(&self) -> bool {
        !matches!(self, Body::Datagram(_) | Body::Unreachable)
    }
}

/// Bytes that are shared and never change.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Payload(Arc<[u8]>);

impl Payload {
    /// A copy of `bytes`.
    pub fn new(bytes: &[u8]) -> Payload {
        Payload(bytes.into())
    }
}

impl Deref for Payload {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Payload {
        Payload(bytes.into())
    }
}

impl fmt::Debug for Payload {
    /// The bytes, escaped as in a literal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.escape_ascii())
    }
}
