//! A client's connection: one request at a time, with a timeout and a second try.

use core::fmt;
use core::net::SocketAddr;
use core::ops::ControlFlow;

use ptk_core::prelude::*;

use super::answer::{self, Answer};
use super::frame::{Frame, MAX_FRAME};
use super::pdu::Pdu;
use super::request::Request;
use super::server::OPTIONS;
use crate::mutant::Mutant;

/// How long a request or a connect may take by default.
pub const TIMEOUT: Duration = Duration::from_secs(1);

/// How often a request is sent on one connection before the client gives it up.
const ATTEMPTS: u8 = 2;

/// A connection to one server: a child for protothreads that have something to ask.
///
/// [`connect`](Self::connect), then for each request [`prepare`](Self::prepare), [`call`](Self::call) and
/// [`answer`](Self::answer). After an error, connect again.
#[derive(Clone, Hash, Debug)]
pub struct Client {
    connecting: PtTimed,
    calling: PtTimed,
    exchanging: Pt,
    peer: SocketAddr,
    unit: u8,
    timeout: Duration,
    socket: TcpSocket,
    transaction: u16,
    attempts: u8,
    sent: Instant,
    latency: Duration,
    request: Pdu,
    output: Buffer<MAX_FRAME>,
    input: Buffer<MAX_FRAME>,
}

impl Client {
    /// A client of the server at `peer`, which is not connected.
    pub const fn new(peer: SocketAddr, unit: u8, timeout: Duration) -> Self {
        Client {
            connecting: PtTimed::new(),
            calling: PtTimed::new(),
            exchanging: Pt::new(),
            peer,
            unit,
            timeout,
            socket: TcpSocket::NONE,
            transaction: 0,
            attempts: 0,
            sent: Instant::ORIGIN,
            latency: Duration::ZERO,
            request: Pdu::new(),
            output: Buffer::new(),
            input: Buffer::new(),
        }
    }

    /// The server's address.
    pub const fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Sets the server's address, for the next connect.
    pub const fn set_peer(&mut self, peer: SocketAddr) {
        self.peer = peer;
    }

    /// How long the last call took.
    pub const fn latency(&self) -> Duration {
        self.latency
    }

    /// Connects, after closing what was connected before.
    #[protothread(self.connecting)]
    pub fn connect<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<(), Error> {
        // Refused if there is none, or if its scope has closed it already.
        let _ = cx.close(self.socket);
        self.input.clear();
        self.socket = wait!(cx.connect_with(self.peer, &OPTIONS), timeout = self.timeout)??;
        Ok(())
    }

    /// Sets the request that [`call`](Self::call) sends.
    pub fn prepare(&mut self, request: &Request<'_>) {
        request.encode(&mut self.request);
    }

    /// Sends the request and waits for its answer. If none comes in time, the request is sent once more.
    #[protothread(self.calling)]
    pub fn call<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<(), Error> {
        self.attempts = 0;
        self.sent = cx.now();
        self.forget_answer();
        loop {
            match wait!(self.exchange(cx), timeout = self.timeout) {
                Ok(result) => {
                    self.latency = cx.now() - self.sent;
                    return result;
                }
                Err(TimedOut) => self.try_again()?,
            }
        }
    }

    /// The answer to the last [`call`](Self::call), which was for `request`.
    ///
    /// # Errors
    ///
    /// [`Error::Protocol`] if it does not suit the request.
    pub fn answer(&self, request: &Request<'_>) -> Result<Answer<'_>, Error> {
        match Frame::first(self.input.readable()) {
            Ok(Some(frame)) if frame.unit == self.unit => {
                answer::decode(request, self.request.as_slice(), frame.pdu).map_err(|_| Error::Protocol)
            }
            _ => Err(Error::Protocol),
        }
    }

    #[protothread(self.exchanging)]
    fn exchange<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<(), Error> {
        self.transaction = self.transaction.wrapping_add(1);
        let frame = Frame { transaction: self.transaction, unit: self.unit, pdu: self.request.as_slice() };
        self.output.clear();
        frame.put(&mut self.output)?;
        wait!(cx.send_all(self.socket, &mut self.output))?;
        while !self.has_answer()? {
            if wait!(cx.recv(self.socket, &mut self.input))? == 0 {
                return Err(Error::UnexpectedEnd);
            }
        }
        Ok(())
    }

    /// Whether one more attempt makes sense: not behind half a request, which would break the stream.
    fn try_again(&mut self) -> Result<(), Error> {
        self.attempts += 1;
        if self.attempts < ATTEMPTS && self.output.is_empty() { Ok(()) } else { Err(Error::TimedOut) }
    }

    /// Whether the answer is at the front of the input. Answers to earlier attempts, which came too late, are dropped.
    fn has_answer(&mut self) -> Result<bool, Error> {
        while let Some(frame) = Frame::first(self.input.readable()).map_err(|_| Error::Protocol)? {
            if frame.transaction == self.transaction || Mutant::LateAnswerTaken.is_on() {
                return Ok(true);
            }
            let size = frame.size();
            self.input.consume(size);
        }
        Ok(false)
    }

    /// Drops the answer to the last call; the front of one that came too late stays, so that the next is found behind it.
    fn forget_answer(&mut self) {
        if let Ok(Some(frame)) = Frame::first(self.input.readable()) {
            let size = frame.size();
            self.input.consume(size);
        }
    }
}

/// How long to wait before the next connect: longer after each failure, so that a server that is down is not hammered,
/// and short enough that one that is back is found within five seconds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct BackOff(Duration);

impl BackOff {
    const FIRST: Duration = Duration::from_millis(250);
    const LAST: Duration = Duration::from_secs(2);

    /// The shortest wait.
    pub const fn new() -> Self {
        BackOff(Self::FIRST)
    }

    /// How long to wait now; the next time it is twice as long.
    pub fn take(&mut self) -> Duration {
        let now = self.0;
        self.0 = now.saturating_mul(2).min(Self::LAST);
        now
    }
}

impl Default for BackOff {
    fn default() -> Self {
        Self::new()
    }
}

/// Why a client has no answer that it could use.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Fault {
    /// The connection could not be made, or broke.
    Link(Error),
    /// The server refused the request, with this exception code.
    Refused(u8),
    /// The answer was not one to the request, or not what it had to be.
    WrongAnswer,
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        if error == Error::Protocol { Fault::WrongAnswer } else { Fault::Link(error) }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Link(Error::UnexpectedEnd) => f.write_str("the server closed the connection"),
            Fault::Link(error) => error.fmt(f),
            Fault::Refused(code) => write!(f, "the server refused the request: exception {code}"),
            Fault::WrongAnswer => f.write_str("the server's answer is wrong"),
        }
    }
}

/// Who hears what clients experience.
pub trait Observer {
    /// A request was answered, and rightly.
    fn answered(&mut self, latency: Duration);

    /// A connect or a request failed; the client connects again unless it is told to break.
    fn failed(&mut self, now: Instant, fault: Fault) -> ControlFlow<()>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_back_is_found_within_five_seconds() {
        let mut back_off = BackOff::new();
        let waits: [u64; 6] = core::array::from_fn(|_| back_off.take().as_millis());
        assert_eq!(waits, [250, 500, 1000, 2000, 2000, 2000]);
        assert!(TIMEOUT + BackOff::LAST < Duration::from_secs(5));
    }

    #[test]
    fn answers_that_come_too_late_are_dropped() {
        let mut client = Client::new("127.0.0.1:502".parse().unwrap(), 1, TIMEOUT);
        let request = Request::Read { table: crate::modbus::request::Table::Coils, address: 0, quantity: 1 };
        client.prepare(&request);
        client.transaction = 9;
        for transaction in [7, 8, 9] {
            let pdu = [1, 1, transaction as u8 & 1];
            Frame { transaction, unit: 1, pdu: &pdu }.put(&mut client.input).unwrap();
        }
        assert_eq!(client.has_answer(), Ok(true));
        assert_eq!(client.answer(&request), Ok(Answer::Bits(&[1])));
        client.forget_answer();
        assert_eq!(client.has_answer(), Ok(false));
    }

    #[test]
    fn an_answer_of_another_unit_is_none() {
        let mut client = Client::new("127.0.0.1:502".parse().unwrap(), 1, TIMEOUT);
        let request = Request::WriteRegister { address: 0, value: 0 };
        client.prepare(&request);
        Frame { transaction: 0, unit: 2, pdu: &[6, 0, 0, 0, 0] }.put(&mut client.input).unwrap();
        assert_eq!(client.answer(&request), Err(Error::Protocol));
    }
}
