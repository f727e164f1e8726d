//! The sender.

use core::net::SocketAddr;

use ptk_core::prelude::*;

use super::frame::{self, Connection, Frame, Kind, MAX_FRAME};
use super::sending::Sending;
use super::{MAX_MESSAGE, Patience, Variant};
use crate::address;
use crate::datagram::{Opening, unless_lost};

/// Where messages come from.
pub trait Supply {
    /// Appends the next message to `message`, which is empty; `false` if there are no more.
    fn next(&mut self, message: &mut Buf) -> bool;
}

/// What a sender has done.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct Totals {
    /// Messages that it took. At its end all of them were handed up.
    pub messages: u32,
    /// Messages that were sent once more.
    pub repeated: u32,
}

/// Sends the messages that its [`Supply`] has. Ends when the receiver has acknowledged all of them.
///
/// It fails with [`Error::TimedOut`] when its patience is over, with [`Error::ConnectionReset`] when the receiver
/// has crashed or listens to somebody else, and as the system says.
#[derive(Clone, Hash, Debug)]
pub struct Sender {
    pt: PtTimed,
    open_socket: Opening,
    opening: PtTimed,
    hearing: Pt,
    peer: SocketAddr,
    patience: Patience,
    variant: Variant,
    socket: UdpSocket,
    connection: Connection,
    sending: Sending,
    /// The supply has no more.
    is_at_end: bool,
    /// How often in a row no answer came.
    failures: u32,
    totals: Totals,
    packet: Buffer<MAX_FRAME>,
}

impl Sender {
    /// A sender to the receiver at `peer`.
    pub const fn new(peer: SocketAddr, patience: Patience, variant: Variant) -> Self {
        Sender {
            pt: PtTimed::new(),
            open_socket: Opening::new(),
            opening: PtTimed::new(),
            hearing: Pt::new(),
            peer,
            patience,
            variant,
            socket: UdpSocket::NONE,
            connection: Connection { sender: 0, receiver: 0 },
            sending: Sending::new(),
            is_at_end: false,
            failures: 0,
            totals: Totals { messages: 0, repeated: 0 },
            packet: Buffer::new(),
        }
    }

    /// What it has done so far.
    pub const fn totals(&self) -> Totals {
        self.totals
    }

    /// Whether all messages were acknowledged.
    pub const fn is_done(&self) -> bool {
        self.is_at_end && self.sending.is_empty()
    }

    /// Chooses an id, and hears the receiver alone.
    fn start<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<(), Error> {
        let mut id = [0; 4];
        cx.entropy(&mut id)?;
        self.connection = Connection { sender: u32::from_be_bytes(id), receiver: 0 };
        cx.connect_udp(self.socket, self.peer)
    }

    /// Takes messages until the window is full. Whether any is on its way.
    fn fill<S: Supply + ?Sized>(&mut self, supply: &mut S) -> bool {
        while !self.is_at_end && !self.sending.is_full() {
            let mut message = Buffer::<MAX_MESSAGE>::new();
            if supply.next(&mut message) {
                self.totals.messages += 1;
                self.sending.push(Kind::Data, message);
            } else {
                self.is_at_end = true;
                self.sending.push(Kind::End, Buffer::new());
            }
        }
        !self.sending.is_empty()
    }

    /// Writes the frame that asks for a connection.
    fn write_open(&mut self) -> Result<(), Error> {
        Frame { kind: Kind::Open, connection: self.connection, number: 0, body: &[] }.write(&mut self.packet)
    }

    /// Writes the next frame that is due; `false` if none is.
    fn write_due(&mut self) -> Result<bool, Error> {
        let Some(number) = self.sending.next_due() else { return Ok(false) };
        let (kind, body) = self.sending.get(number);
        Frame { kind, connection: self.connection, number, body }.write(&mut self.packet)?;
        Ok(true)
    }

    /// No answer came in time.
    fn lose_patience(&mut self) -> Result<(), Error> {
        self.failures += 1;
        if self.failures >= self.patience.attempts {
            return Err(Error::TimedOut);
        }
        let skip = usize::from(self.variant == Variant::OffByOne);
        self.totals.repeated += self.sending.send_again(skip);
        Ok(())
    }

    fn timeout(&self) -> Duration {
        self.patience.after(self.failures)
    }

    /// Looks at what has come. Whether it is news.
    fn take(&mut self) -> Result<bool, Error> {
        let decode = if self.variant == Variant::Unchecked { frame::decode_unchecked } else { frame::decode };
        let Ok(frame) = decode(self.packet.readable()) else { return Ok(false) };
        let is_ours = frame.connection == self.connection;
        match frame.kind {
            Kind::Opened if self.connection.receiver == 0 && frame.connection.sender == self.connection.sender => {
                self.connection = frame.connection;
                Ok(true)
            }
            Kind::Ack if is_ours => {
                let behind = frame.body.first().copied().unwrap_or(0);
                Ok(self.sending.acknowledge(frame.number, behind))
            }
            Kind::Gone if is_ours => Err(Error::ConnectionReset),
            _ => Ok(false),
        }
    }
}

impl Sender {
    /// Asks for a connection until there is one.
    #[protothread(self.opening)]
    fn open<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<(), Error> {
        loop {
            self.write_open()?;
            unless_lost(wait!(cx.send_datagram(self.socket, self.packet.readable())))?;
            match wait!(self.hear(cx), timeout = self.timeout()) {
                Ok(heard) => return heard,
                Err(TimedOut) => self.lose_patience()?,
            }
        }
    }

    /// Waits for news of the receiver. What else comes is ignored.
    #[protothread(self.hearing)]
    fn hear<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<(), Error> {
        loop {
            self.packet.clear();
            let received = wait!(cx.recv_from(self.socket, &mut self.packet));
            if unless_lost(received)?.is_some() && self.take()? {
                self.failures = 0;
                return Ok(());
            }
        }
    }
}

impl<P: Platform, S: Supply + ?Sized> Protothread<P, S> for Sender {
    type Output = Result<Totals, Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, supply: &mut S) -> Result<Totals, Error> {
        self.socket = wait!(self.open_socket.udp_socket(cx, address::any_for(self.peer)))?;
        self.start(cx)?;
        wait!(self.open(cx))?;
        while self.fill(supply) {
            while self.write_due()? {
                unless_lost(wait!(cx.send_datagram(self.socket, self.packet.readable())))?;
            }
            match wait!(self.hear(cx), timeout = self.timeout()) {
                Ok(heard) => heard?,
                Err(TimedOut) => self.lose_patience()?,
            }
        }
        Ok(self.totals)
    }
}
