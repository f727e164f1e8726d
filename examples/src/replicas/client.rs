//! The writer and the reader.

use ptk_core::prelude::*;

use super::history::History;
use super::message::{Kind, Message, Packet, Site};
use super::replica::Places;
use crate::address;
use crate::datagram::{Opening, unless_lost};

/// What a client may use up.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Limits {
    /// How many requests, the first of them being number 1.
    pub requests: u8,
    /// How long an answer may take, before the other machine is asked.
    pub patience: Duration,
    /// How often it asks in all; then it ends, whatever is not answered. 255 is no limit.
    pub attempts: u8,
}

impl Limits {
    /// No limit of attempts.
    pub const ENDLESS: u8 = u8::MAX;
}

/// Writes or reads, one request after the other, and keeps the history.
#[derive(Clone, Hash, Debug)]
pub struct Client {
    pt: PtTimed,
    open_socket: Opening,
    hearing: Pt,
    places: Places,
    limits: Limits,
    /// [`Kind::Write`] or [`Kind::Read`].
    kind: Kind,
    socket: UdpSocket,
    /// Whom it asks.
    site: Site,
    /// The number of the request under way, or of the last.
    number: u8,
    is_answered: bool,
    attempts: u8,
    packet: Packet,
}

impl Client {
    /// A client that writes 1, 2, 3 and so on.
    pub const fn writer(places: Places, limits: Limits) -> Self {
        Self::new(Kind::Write, places, limits)
    }

    /// A client that reads.
    pub const fn reader(places: Places, limits: Limits) -> Self {
        Self::new(Kind::Read, places, limits)
    }

    const fn new(kind: Kind, places: Places, limits: Limits) -> Self {
        Client {
            pt: PtTimed::new(),
            open_socket: Opening::new(),
            hearing: Pt::new(),
            places,
            limits,
            kind,
            socket: UdpSocket::NONE,
            site: Site::First,
            number: 0,
            is_answered: true,
            attempts: 0,
            packet: Packet::new(),
        }
    }

    /// Whether all its requests were answered.
    pub const fn is_done(&self) -> bool {
        self.is_answered && self.number == self.limits.requests
    }

    /// Whom it asks now. The other one than at first: somebody has not answered.
    pub const fn site(&self) -> Site {
        self.site
    }

    fn begin(&mut self, history: &mut History) {
        self.number += 1;
        self.is_answered = false;
        match self.kind {
            Kind::Write => history.write_begins(self.number),
            _ => history.read_begins(),
        }
    }

    fn end(&mut self, value: u8, history: &mut History) {
        self.is_answered = true;
        match self.kind {
            Kind::Write => history.write_ends(),
            _ => history.read_ends(value),
        }
    }

    /// Writes the request, unless it has asked often enough.
    fn write_request(&mut self) -> Result<bool, Error> {
        if self.limits.attempts != Limits::ENDLESS {
            if self.attempts == self.limits.attempts {
                return Ok(false);
            }
            self.attempts += 1;
        }
        let value = if self.kind == Kind::Write { self.number } else { 0 };
        let request = Message { kind: self.kind, number: self.number, value };
        self.packet.clear();
        self.packet.put_slice(&request.encode())?;
        Ok(true)
    }

    /// The value, if what has come is the answer.
    fn answer(&self) -> Option<u8> {
        let expected = if self.kind == Kind::Write { Kind::Written } else { Kind::Value };
        let message = Message::decode(self.packet.readable())?;
        (message.kind == expected && message.number == self.number).then_some(message.value)
    }

    fn turn_to_the_other(&mut self) {
        self.site = match self.site {
            Site::First => Site::Second,
            Site::Second => Site::First,
        };
    }

    /// Waits for the answer.
    #[protothread(self.hearing)]
    fn hear<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<u8, Error> {
        loop {
            self.packet.clear();
            let received = wait!(cx.recv_from(self.socket, &mut self.packet));
            if unless_lost(received)?.is_some()
                && let Some(value) = self.answer()
            {
                return Ok(value);
            }
        }
    }
}

impl<P: Platform> Protothread<P, History> for Client {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, history: &mut History) -> Result<(), Error> {
        self.socket = wait!(self.open_socket.udp_socket(cx, address::any_for(self.places.first)))?;
        while self.number < self.limits.requests {
            self.begin(history);
            while !self.is_answered {
                if !self.write_request()? {
                    return Ok(());
                }
                unless_lost(wait!(cx.send_to(self.socket, self.packet.readable(), self.places.of(self.site))))?;
                match wait!(self.hear(cx), timeout = self.limits.patience) {
                    Ok(value) => self.end(value?, history),
                    Err(TimedOut) => self.turn_to_the_other(),
                }
            }
        }
        Ok(())
    }
}
