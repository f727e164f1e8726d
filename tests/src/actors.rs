//! Protothreads that many behaviours use. What they open is detached, so that it outlives them.

use ptk_core::prelude::*;
use std::net::SocketAddr;

/// The byte at `offset` of an endless stream: never the same for long, whatever the alignment.
pub fn pattern(seed: u8, offset: u64) -> u8 {
    let mixed = (offset ^ u64::from(seed) << 56).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 56) as u8
}

/// Connects to an address.
#[derive(Debug)]
pub struct Dial {
    pt: Pt,
    peer: SocketAddr,
    options: Options,
    /// The connection, once it is up.
    pub socket: TcpSocket,
}

impl Dial {
    /// A connect to `peer`.
    pub fn to(peer: SocketAddr) -> Self {
        Dial::with(peer, &Options::DEFAULT)
    }

    /// A connect to `peer` with options.
    pub fn with(peer: SocketAddr, options: &Options) -> Self {
        Dial { pt: Pt::new(), peer, options: *options, socket: TcpSocket::NONE }
    }
}

impl<P: Platform> Protothread<P> for Dial {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        self.socket = wait!(cx.connect_with(self.peer, &self.options))?;
        cx.detach(self.socket)
    }
}

/// Accepts one connection.
#[derive(Debug)]
pub struct Take {
    pt: Pt,
    listener: TcpListener,
    /// The connection, once it came.
    pub socket: TcpSocket,
}

impl Take {
    /// An accept on `listener`.
    pub fn from(listener: TcpListener) -> Self {
        Take { pt: Pt::new(), listener, socket: TcpSocket::NONE }
    }
}

impl<P: Platform> Protothread<P> for Take {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        self.socket = wait!(cx.accept(self.listener))?;
        cx.detach(self.socket)
    }
}

/// Sends so many bytes of a pattern, up to 64 KiB at a time.
#[derive(Debug)]
pub struct Sender {
    pt: Pt,
    socket: TcpSocket,
    seed: u8,
    total: u64,
    buffered: u64,
    buffer: Box<Buffer<65536>>,
    /// Sends that were accepted in part only.
    pub partial: u32,
}

impl Sender {
    /// Sends the first `total` bytes of the pattern of `seed`.
    pub fn new(socket: TcpSocket, seed: u8, total: u64) -> Self {
        Sender { pt: Pt::new(), socket, seed, total, buffered: 0, buffer: Box::default(), partial: 0 }
    }

    fn refill(&mut self) {
        let room = self.buffer.writable();
        let count = room.len().min((self.total - self.buffered) as usize);
        for (place, offset) in room.iter_mut().zip(self.buffered..self.total) {
            *place = pattern(self.seed, offset);
        }
        self.buffer.commit(count);
        self.buffered += count as u64;
    }
}

impl<P: Platform> Protothread<P> for Sender {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        while self.buffered < self.total {
            self.refill();
            while !self.buffer.is_empty() {
                wait!(cx.send(self.socket, &mut self.buffer))?;
                self.partial += u32::from(!self.buffer.is_empty());
            }
        }
        Ok(())
    }
}

/// Receives a pattern and checks each byte, up to so many bytes or to the end of the stream.
#[derive(Debug)]
pub struct Receiver {
    pt: PtTimed,
    socket: TcpSocket,
    seed: u8,
    limit: u64,
    delay: Duration,
    buffer: Box<Buffer<8192>>,
    /// Bytes received.
    pub received: u64,
    /// Whether the end of the stream came.
    pub ended: bool,
}

impl Receiver {
    /// Receives `count` bytes and not more; an end before that is an error.
    pub fn exactly(socket: TcpSocket, seed: u8, count: u64) -> Self {
        let (pt, buffer) = (PtTimed::new(), Box::default());
        Receiver { pt, socket, seed, limit: count, delay: Duration::ZERO, buffer, received: 0, ended: false }
    }

    /// Receives to the end of the stream.
    pub fn to_the_end(socket: TcpSocket, seed: u8) -> Self {
        Receiver::exactly(socket, seed, u64::MAX)
    }

    /// Begins later.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        Receiver { delay, ..self }
    }

    fn check(&mut self) {
        for &byte in self.buffer.readable() {
            assert_eq!(byte, pattern(self.seed, self.received), "byte {} is another", self.received);
            self.received += 1;
        }
        self.buffer.clear();
        assert!(self.received <= self.limit, "more came than was sent");
    }
}

impl<P: Platform> Protothread<P> for Receiver {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        wait!(sleep!(self.delay));
        while self.received < self.limit {
            if wait!(cx.recv(self.socket, &mut self.buffer))? == 0 {
                self.ended = true;
                break;
            }
            self.check();
        }
        if self.ended && self.limit != u64::MAX {
            return Err(Error::UnexpectedEnd);
        }
        Ok(())
    }
}

/// Sends back what comes, to the end of the stream.
#[derive(Debug)]
pub struct Echo {
    pt: Pt,
    socket: TcpSocket,
    buffer: Box<Buffer<4096>>,
}

impl Echo {
    /// An echo on `socket`.
    pub fn on(socket: TcpSocket) -> Self {
        Echo { pt: Pt::new(), socket, buffer: Box::default() }
    }
}

impl<P: Platform> Protothread<P> for Echo {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        while wait!(cx.recv(self.socket, &mut self.buffer))? != 0 {
            wait!(cx.send_all(self.socket, &mut self.buffer))?;
        }
        Ok(())
    }
}

/// Receives until the stream ends or fails, and once more.
#[derive(Debug)]
pub struct Reader {
    pt: Pt,
    socket: TcpSocket,
    buffer: Buffer<64>,
    /// All that came.
    pub heard: Vec<u8>,
    /// How it ended, and what a receive says then.
    pub end: [Option<Result<usize, Error>>; 2],
}

impl Reader {
    /// A reader of `socket`.
    pub fn of(socket: TcpSocket) -> Self {
        Reader { pt: Pt::new(), socket, buffer: Buffer::new(), heard: Vec::new(), end: [None; 2] }
    }
}

impl<P: Platform> Protothread<P> for Reader {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        while self.end[0].is_none() {
            match wait!(cx.recv(self.socket, &mut self.buffer)) {
                Ok(0) => self.end[0] = Some(Ok(0)),
                Ok(_) => self.heard.extend(self.buffer.readable()),
                Err(error) => self.end[0] = Some(Err(error)),
            }
            self.buffer.clear();
        }
        self.end[1] = Some(wait!(cx.recv(self.socket, &mut self.buffer)));
        Ok(())
    }
}

/// Waits a while.
#[derive(Debug)]
pub struct Pause {
    pt: PtTimed,
    time: Duration,
}

impl Pause {
    /// Waits `time`.
    pub fn of(time: Duration) -> Self {
        Pause { pt: PtTimed::new(), time }
    }
}

impl<P: Platform> Protothread<P> for Pause {
    type Output = ();

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) {
        wait!(sleep!(self.time));
    }
}

/// A datagram as it came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Letter {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Who sent it.
    pub from: SocketAddr,
    /// Whether it was longer.
    pub truncated: bool,
}

impl Letter {
    /// A whole one.
    pub fn new(bytes: &[u8], from: SocketAddr) -> Self {
        Letter { bytes: bytes.to_vec(), from, truncated: false }
    }

    /// What lies at the front of `buffer`.
    pub fn read(datagram: Datagram, buffer: &[u8]) -> Self {
        let Datagram { count, from, truncated } = datagram;
        Letter { bytes: buffer[..count].to_vec(), from, truncated }
    }
}

/// Receives so many datagrams and failures.
#[derive(Debug)]
pub struct Mailbox {
    pt: Pt,
    socket: UdpSocket,
    wanted: usize,
    buffer: Box<Buffer<65536>>,
    /// All that came.
    pub heard: Vec<Result<Letter, Error>>,
}

impl Mailbox {
    /// Receives `wanted` datagrams from `socket`.
    pub fn of(socket: UdpSocket, wanted: usize) -> Self {
        Mailbox { pt: Pt::new(), socket, wanted, buffer: Box::default(), heard: Vec::new() }
    }
}

impl<P: Platform> Protothread<P> for Mailbox {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        while self.heard.len() < self.wanted {
            let received = wait!(cx.recv_from(self.socket, &mut self.buffer));
            self.heard.push(received.map(|datagram| Letter::read(datagram, self.buffer.readable())));
            self.buffer.clear();
            // Nobody can wait for what cannot come.
            if received == Err(Error::InvalidHandle) {
                break;
            }
        }
        Ok(())
    }
}

/// Sends datagrams, one after the other.
#[derive(Debug)]
pub struct Post {
    pt: Pt,
    socket: UdpSocket,
    peer: SocketAddr,
    /// Whether the socket is connected, so that the peer need not be named.
    connected: bool,
    letters: Vec<Vec<u8>>,
    next: usize,
    /// What the sends said.
    pub results: Vec<Result<(), Error>>,
}

impl Post {
    /// Sends `letters` to `peer`.
    pub fn to<T: AsRef<[u8]>>(socket: UdpSocket, peer: SocketAddr, letters: &[T]) -> Self {
        Post { peer, connected: false, ..Post::to_the_peer(socket, letters) }
    }

    /// Sends `letters` to whom the socket is connected.
    pub fn to_the_peer<T: AsRef<[u8]>>(socket: UdpSocket, letters: &[T]) -> Self {
        let letters = letters.iter().map(|letter| letter.as_ref().to_vec()).collect();
        let peer = SocketAddr::from(([0; 4], 0));
        Post { pt: Pt::new(), socket, peer, connected: true, letters, next: 0, results: Vec::new() }
    }
}

impl<P: Platform> Protothread<P> for Post {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        while self.next < self.letters.len() {
            let sent = if self.connected {
                wait!(cx.send_datagram(self.socket, &self.letters[self.next]))
            } else {
                wait!(cx.send_to(self.socket, &self.letters[self.next], self.peer))
            };
            self.results.push(sent);
            self.next += 1;
        }
        Ok(())
    }
}
