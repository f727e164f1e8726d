//! One resource, from its name to the end of its body.

use core::fmt;
use core::ops::ControlFlow;

use ptk_core::prelude::*;

use super::Malformed;
use super::body::{Body, Piece};
use super::head::{self, Framing};
use super::url::Url;

/// How long finding the server and connecting to it may take by default, and each thing that is waited for afterwards.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Who takes the body, in pieces of at most [`head::MAX`] bytes.
pub trait Receiver {
    /// The next piece of the body. To break is to give the rest up.
    fn body(&mut self, piece: &[u8]) -> ControlFlow<()>;
}

/// Gets a URL: connects, asks, and hands the body on as it comes. Ends with the status once all of the body has come.
#[derive(Clone, Hash, Debug)]
pub struct Get<'u> {
    pt: PtTimed,
    reading: Pt,
    url: Url<'u>,
    patience: Duration,
    stage: Stage,
    socket: TcpSocket,
    buffer: Buffer<{ head::MAX }>,
    status: u16,
    body: Body,
}

/// What a request is at.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Stage {
    /// The server is looked up, and the connection made.
    Connect,
    /// The request is sent.
    Ask,
    /// The header is received.
    Header,
    /// The body is received.
    Body,
}

/// Why there is no resource, or not all of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Fault {
    /// The server was not found, or the connection could not be made, or it broke or fell silent.
    Link(Error),
    /// What came is wrong.
    Malformed(Malformed),
    /// The receiver did not want more.
    Unwanted,
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Fault::Link(error)
    }
}

impl From<TimedOut> for Fault {
    fn from(_: TimedOut) -> Self {
        Fault::Link(Error::TimedOut)
    }
}

impl From<Malformed> for Fault {
    fn from(malformed: Malformed) -> Self {
        Fault::Malformed(malformed)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Link(error) => error.fmt(f),
            Fault::Malformed(malformed) => malformed.fmt(f),
            Fault::Unwanted => f.write_str("the body is not wanted"),
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::Connect => "cannot connect",
            Stage::Ask => "cannot send the request",
            Stage::Header => "no answer",
            Stage::Body => "the body broke off",
        })
    }
}

impl<P: Platform, S: Receiver> Protothread<P, S> for Get<'_> {
    type Output = Result<u16, Fault>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, receiver: &mut S) -> Result<u16, Fault> {
        self.socket = wait!(cx.connect_to(self.url.host, self.url.port), timeout = self.patience)??;
        self.stage = Stage::Ask;
        self.url.put_request(&mut self.buffer)?;
        wait!(cx.send_all(self.socket, &mut self.buffer), timeout = self.patience)??;
        self.stage = Stage::Header;
        wait!(self.read_head(cx), timeout = self.patience)??;
        self.stage = Stage::Body;
        self.deliver(receiver)?;
        while !self.body.is_complete() {
            if wait!(cx.recv(self.socket, &mut self.buffer), timeout = self.patience)?? == 0 {
                self.body.end()?;
            }
            self.deliver(receiver)?;
        }
        cx.close(self.socket)?;
        Ok(self.status)
    }
}

impl<'u> Get<'u> {
    /// A request for `url`. `patience` is for the connection, the request, the header, and for each piece of the body.
    pub const fn new(url: Url<'u>, patience: Duration) -> Self {
        Get {
            pt: PtTimed::new(),
            reading: Pt::new(),
            url,
            patience,
            stage: Stage::Connect,
            socket: TcpSocket::NONE,
            buffer: Buffer::new(),
            status: 0,
            body: Body::new(Framing::UntilClose),
        }
    }

    /// What it is at; of one that has failed, what it was at.
    pub const fn stage(&self) -> Stage {
        self.stage
    }

    /// Receives headers up to the one that is the answer's own.
    #[protothread(self.reading)]
    fn read_head<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<(), Fault> {
        while !self.has_head()? {
            if wait!(cx.recv(self.socket, &mut self.buffer))? == 0 {
                return Err(self.end_in_head().into());
            }
        }
        Ok(())
    }

    /// Whether the answer's own header has come; those in front of it are dropped.
    fn has_head(&mut self) -> Result<bool, Malformed> {
        while let Some(head) = head::decode(self.buffer.readable())? {
            self.buffer.consume(head.size);
            if !head.is_interim() {
                self.status = head.status;
                self.body = Body::new(head.framing);
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn end_in_head(&self) -> Malformed {
        if self.buffer.is_empty() { Malformed::Nothing } else { Malformed::EndInHeader }
    }

    /// Hands on what has come of the body.
    fn deliver<S: Receiver>(&mut self, receiver: &mut S) -> Result<(), Fault> {
        while !self.buffer.is_empty() {
            let Piece { data, used } = self.body.take(self.buffer.readable())?;
            if !data.is_empty() && receiver.body(data).is_break() {
                return Err(Fault::Unwanted);
            }
            self.buffer.consume(used);
        }
        Ok(())
    }
}
