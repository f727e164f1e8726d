//! A device that can be discovered: answers ListIdentity over UDP and TCP, and nothing else.

use core::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};

use ptk_core::Never;
use ptk_core::prelude::*;

use super::encapsulation::{self, HEADER, Header, UNSUPPORTED};
use super::identity::{Identity, MAX_ANSWER};

/// The most data that a request may have; what is asked for here has none.
const MAX_DATA: usize = 512;

/// How long a connection may be silent.
const IDLE: Duration = Duration::from_secs(30);

/// A command without an answer.
const NOP: u16 = 0;

/// What all tasks of a device share.
#[derive(Clone, Hash, Debug)]
pub struct Station {
    /// Where datagrams come from. The application opens it before the tasks run.
    pub socket: UdpSocket,
    /// Where connections come from. The application opens it, too.
    pub listener: TcpListener,
    /// What it says of itself. An unspecified address in it is replaced by the one that the asker reaches.
    pub identity: Identity,
    /// Requests that were answered with it.
    pub answered: u64,
    /// Whatever else came.
    pub ignored: u64,
}

impl Station {
    /// A station that nothing reaches yet.
    pub const fn new(identity: Identity) -> Self {
        Station { socket: UdpSocket::NONE, listener: TcpListener::NONE, identity, answered: 0, ignored: 0 }
    }

    /// The identity as `asker` is to see it. Which of this machine's addresses reaches it is for the routes to say: a
    /// socket that is connected to it, over which nothing is sent, has that address.
    fn identity_for<P: Platform>(&self, cx: &mut Cx<'_, P>, asker: SocketAddr) -> Result<Identity, Error> {
        let mut identity = self.identity;
        if identity.address.ip().is_unspecified() {
            let probe = cx.udp_socket(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)))?;
            let address = cx.connect_udp(probe, asker).and_then(|()| cx.local_address(probe));
            cx.close(probe)?;
            if let IpAddr::V4(address) = address?.ip() {
                identity.address = SocketAddrV4::new(address, identity.address.port());
            }
        }
        Ok(identity)
    }
}

/// Answers datagrams.
#[derive(Clone, Hash, Debug)]
pub struct Datagrams {
    pt: Pt,
    asker: SocketAddr,
    input: Buffer<{ HEADER + MAX_DATA }>,
    output: Buffer<MAX_ANSWER>,
}

impl Datagrams {
    /// Has answered nothing.
    pub const fn new() -> Self {
        let asker = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0));
        Datagrams { pt: Pt::new(), asker, input: Buffer::new(), output: Buffer::new() }
    }

    /// Writes the answer to what came, if it has one.
    fn answer<P: Platform>(&mut self, cx: &mut Cx<'_, P>, station: &mut Station) -> Result<(), Error> {
        self.output.clear();
        match encapsulation::decode(self.input.readable()) {
            Ok((header, _)) if header.asks_for_identity() => {
                station.identity_for(cx, self.asker)?.put_answer(header.context, &mut self.output)
            }
            _ => Err(Error::Protocol),
        }
    }
}

impl Default for Datagrams {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: Platform> Protothread<P, Station> for Datagrams {
    type Output = Result<Never, Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, station: &mut Station) -> Result<Never, Error> {
        loop {
            self.input.clear();
            self.asker = wait!(cx.recv_from(station.socket, &mut self.input))?.from;
            if self.answer(cx, station).is_err() {
                station.ignored += 1;
                continue;
            }
            // Whom the answer does not reach asks again, or does not care.
            match wait!(cx.send_to(station.socket, self.output.readable(), self.asker)) {
                Ok(()) => station.answered += 1,
                Err(_) => station.ignored += 1,
            }
        }
    }
}

/// A place for one connection: answers one peer after the other.
#[derive(Clone, Hash, Debug)]
pub struct Connection {
    pt: Pt,
    serving: PtTimed,
    socket: TcpSocket,
    request_size: usize,
    input: Buffer<{ HEADER + MAX_DATA }>,
    output: Buffer<MAX_ANSWER>,
}

impl Connection {
    /// A place that nobody has taken.
    pub const fn new() -> Self {
        Connection {
            pt: Pt::new(),
            serving: PtTimed::new(),
            socket: TcpSocket::NONE,
            request_size: 0,
            input: Buffer::new(),
            output: Buffer::new(),
        }
    }

    /// Answers until the peer has had enough, is silent for too long, or sends more than a request may have.
    #[protothread(self.serving)]
    fn serve<P: Platform>(&mut self, cx: &mut Cx<'_, P>, station: &mut Station) -> Result<(), Error> {
        self.input.clear();
        loop {
            wait!(cx.recv_exact(self.socket, &mut self.input, HEADER), timeout = IDLE)??;
            self.request_size = self.request_size();
            wait!(cx.recv_exact(self.socket, &mut self.input, self.request_size), timeout = IDLE)??;
            self.answer(cx, station)?;
            wait!(cx.send_all(self.socket, &mut self.output), timeout = IDLE)??;
        }
    }

    /// How long the request is whose header has come.
    fn request_size(&self) -> usize {
        Header::decode(self.input.readable()).map_or(HEADER, |header| HEADER + usize::from(header.length))
    }

    /// Takes the request, and writes its answer.
    fn answer<P: Platform>(&mut self, cx: &mut Cx<'_, P>, station: &mut Station) -> Result<(), Error> {
        let header = Header::decode(self.input.readable()).map_err(|_| Error::Protocol)?;
        self.input.consume(self.request_size);
        self.output.clear();
        if header.asks_for_identity() {
            let asker = cx.peer_address(self.socket)?;
            station.identity_for(cx, asker)?.put_answer(header.context, &mut self.output)?;
            station.answered += 1;
            return Ok(());
        }
        station.ignored += 1;
        if header.command == NOP {
            return Ok(());
        }
        Header { length: 0, status: UNSUPPORTED, ..header }.put(&mut self.output)
    }
}

impl Default for Connection {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: Platform> Protothread<P, Station> for Connection {
    type Output = Result<Never, Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, station: &mut Station) -> Result<Never, Error> {
        loop {
            self.socket = wait!(cx.accept(station.listener))?;
            // A connection that breaks ends like one that is closed.
            let _ = wait!(self.serve(cx, station));
            cx.close(self.socket)?;
        }
    }
}
