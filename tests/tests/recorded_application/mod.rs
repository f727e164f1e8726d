//! An application that uses what a platform has: TCP and UDP, timers, raised events, random numbers and names.

use std::net::{Ipv4Addr, SocketAddr};

use ptk_core::Handle;
use ptk_core::dns::Addresses;
use ptk_core::prelude::*;

pub(crate) const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// The name of a host that the system knows.
pub(crate) const HERE: &str = "here";

pub(crate) type Loop<P> = EventLoop<P, 6, 12, 4, 4, 2>;

/// Sends back what one connection sends.
#[derive(Clone, Hash, Debug, Default)]
pub(crate) struct Server {
    pt: Pt,
    socket: TcpSocket,
    buffer: Buffer<64>,
    connections: u32,
}

impl<P: Platform> Protothread<P, Shared> for Server {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, shared: &mut Shared) -> Result<(), Error> {
        while self.connections < 1 {
            self.connections += 1;
            self.socket = wait!(cx.accept(shared.listener))?;
            while wait!(cx.recv(self.socket, &mut self.buffer))? > 0 {
                wait!(cx.send_all(self.socket, &mut self.buffer))?;
            }
            cx.close(self.socket)?;
        }
        Ok(())
    }
}

/// Sends random bytes and compares what comes back.
#[derive(Clone, Hash, Debug, Default)]
pub(crate) struct Client {
    pt: PtTimed,
    socket: TcpSocket,
    local: Option<SocketAddr>,
    sent: [u8; 32],
    buffer: Buffer<64>,
    pub(crate) rounds: u32,
    /// Where a bug is planted: the round in which the bytes are not the random ones.
    pub(crate) wrong_in_round: Option<u32>,
    refused: Option<(Error, Option<i32>)>,
}

impl<P: Platform> Protothread<P, Shared> for Client {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, shared: &mut Shared) -> Result<(), Error> {
        let refused = wait!(cx.connect(shared.nobody)).err();
        self.refused = refused.map(|error| (error, cx.last_os_error()));
        self.socket = wait!(cx.connect(shared.server), timeout = Duration::from_secs(10))??;
        cx.set_nodelay(self.socket, true)?;
        self.local = Some(cx.local_address(self.socket)?);
        while self.rounds < 20 {
            cx.entropy(&mut self.sent)?;
            if self.wrong_in_round == Some(self.rounds) {
                self.sent[5] ^= 1;
            }
            self.buffer.put_slice(&self.sent)?;
            wait!(cx.send_all(self.socket, &mut self.buffer))?;
            self.buffer.clear();
            wait!(cx.recv_exact(self.socket, &mut self.buffer, 32), timeout = Duration::from_secs(10))??;
            if self.buffer.readable() != self.sent {
                return Err(Error::Protocol);
            }
            self.buffer.clear();
            self.rounds += 1;
        }
        cx.close(self.socket)
    }
}

/// Asks and answers itself over UDP.
#[derive(Clone, Hash, Debug, Default)]
pub(crate) struct Datagrams {
    pt: Pt,
    asking: UdpSocket,
    answering: UdpSocket,
    peer: Option<SocketAddr>,
    buffer: Buffer<64>,
    answers: Vec<Datagram>,
}

impl<P: Platform> Protothread<P, Shared> for Datagrams {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut Shared) -> Result<(), Error> {
        self.asking = cx.udp_socket(ANY_PORT)?;
        self.answering = cx.udp_socket(ANY_PORT)?;
        while self.answers.len() < 5 {
            self.peer = Some(cx.local_address(self.answering)?);
            wait!(cx.send_to(self.asking, b"how much is it?", self.peer.unwrap_or(ANY_PORT)))?;
            self.buffer.clear();
            self.peer = Some(wait!(cx.recv_from(self.answering, &mut self.buffer))?.from);
            wait!(cx.send_to(self.answering, b"twelve", self.peer.unwrap_or(ANY_PORT)))?;
            self.buffer.clear();
            let answer = wait!(cx.recv_from(self.asking, &mut self.buffer))?;
            self.answers.push(answer);
        }
        Ok(())
    }
}

/// Notes when a timer and a sleep were over.
#[derive(Clone, Hash, Debug, Default)]
pub(crate) struct Clock {
    pt: PtTimed,
    timer: Timer,
    times: Vec<(u64, Instant)>,
}

impl<P: Platform> Protothread<P, Shared> for Clock {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut Shared) -> Result<(), Error> {
        self.timer = cx.timer()?;
        cx.start_repeating(self.timer, Duration::from_millis(2))?;
        while self.times.len() < 10 {
            let expired = wait!(cx.expired(self.timer))?;
            self.times.push((expired, cx.now()));
            wait!(sleep!(Duration::from_millis(1)));
        }
        Ok(())
    }
}

/// Notes what a thread raised.
#[derive(Clone, Hash, Debug, Default)]
pub(crate) struct Counter {
    pt: Pt,
    raises: u32,
    pub(crate) raised: Vec<(u16, u32)>,
}

impl<P: Platform> Protothread<P, Shared> for Counter {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, shared: &mut Shared) -> Result<(), Error> {
        while self.raises < shared.raises {
            let raised = wait!(cx.raised(shared.source))?;
            self.raises += u32::from(raised.count);
            self.raised.push((raised.count, raised.value));
        }
        // From the loop itself, too.
        cx.raise(shared.source, 7)?;
        let raised = wait!(cx.raised(shared.source))?;
        self.raised.push((raised.count, raised.value));
        Ok(())
    }
}

/// Looks names up: one that the system knows, and one to ask a server for.
#[derive(Clone, Hash, Debug, Default)]
pub(crate) struct Names {
    pt: Pt,
    pub(crate) here: Option<Result<Addresses, Error>>,
    pub(crate) there: Option<Result<Addresses, Error>>,
}

impl<P: Platform> Protothread<P, Shared> for Names {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut Shared) -> Result<(), Error> {
        self.here = Some(wait!(cx.resolve(HERE)));
        self.there = Some(wait!(cx.resolve("there")));
        Ok(())
    }
}

/// What the tasks are given, and what handlers do.
#[derive(Clone, Hash, Debug)]
pub(crate) struct Shared {
    listener: TcpListener,
    server: SocketAddr,
    nobody: SocketAddr,
    pub(crate) source: EventSource,
    /// A source with a handler.
    pub(crate) handled: EventSource,
    pub(crate) told: Vec<(u16, u32)>,
    raises: u32,
}

#[derive(Clone, Hash, Debug, TaskSet)]
#[task(event = Self::on_event)]
pub(crate) struct Application {
    server: Server,
    pub(crate) client: Client,
    datagrams: Datagrams,
    clock: Clock,
    pub(crate) counter: Counter,
    pub(crate) names: Names,
    #[task(shared)]
    pub(crate) shared: Shared,
}

impl Application {
    /// The application in a loop that is open, which ends after so many raises.
    pub(crate) fn new<P: Platform>(event_loop: &mut Loop<P>, raises: u32) -> Self {
        let mut cx = event_loop.cx();
        let listener = cx.listen(ANY_PORT).unwrap();
        let server = cx.local_address(listener).unwrap();
        // A port that somebody had, and nobody has now.
        let other = cx.listen(ANY_PORT).unwrap();
        let nobody = cx.local_address(other).unwrap();
        cx.close(other).unwrap();
        let (source, handled) = (cx.event_source().unwrap(), cx.event_source().unwrap());
        cx.set_handler(handled).unwrap();
        let shared = Shared { listener, server, nobody, source, handled, told: Vec::new(), raises };
        Application {
            server: Server::default(),
            client: Client::default(),
            datagrams: Datagrams::default(),
            clock: Clock::default(),
            counter: Counter::default(),
            names: Names::default(),
            shared,
        }
    }

    fn on_event<P: Platform>(&mut self, cx: &mut Cx<'_, P>, _: Handle, event: Event) -> Result<(), Error> {
        let Event::Raised(raised) = event else { return Err(Error::Protocol) };
        self.shared.told.push((raised.count, raised.value));
        if raised.value == self.shared.raises {
            cx.remove_handler(self.shared.handled)?;
        }
        Ok(())
    }
}
