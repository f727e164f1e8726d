//! Two hosts, each with a task that does one thing after the other and keeps what came of it.

use core::task::Poll;
use std::net::{IpAddr, SocketAddr};

use ptk_core::prelude::*;
use ptk_core::{Half, Interface, Keepalive};
use ptk_mock::{Boot, Link, Scenario, World};

/// Where everybody listens.
pub(crate) const PORT: u16 = 7;

/// What to do. Streams are numbered in the order in which they come up, from 0; most act on the first.
#[derive(Clone, Copy, PartialEq, Hash, Debug)]
pub(crate) enum Op {
    Sleep(Duration),
    /// With this backlog and this receive buffer.
    Listen(u16, u32),
    Accept,
    /// Connects to the other host, with this send buffer.
    Dial(u32),
    /// Sends so many bytes.
    Send(usize),
    /// Sends until nothing more is taken; how many bytes were.
    Fill,
    /// Receives once.
    Read,
    /// Receives until the end, or so many bytes.
    ReadUpTo(usize),
    Shutdown(Half),
    Close,
    Abort,
    UserTimeout(Duration),
    Keepalive(Keepalive),
    /// Opens a datagram socket at this port.
    Bind(u16),
    Join(IpAddr),
    Broadcast,
    ConnectUdp(u16),
    SendDatagram(usize),
    SendTo(SocketAddr, usize),
    /// Receives one datagram.
    Hear,
}

/// What came of one operation, and when.
#[derive(Clone, Copy, PartialEq, Hash, Debug)]
pub(crate) struct Done {
    pub(crate) at: Instant,
    pub(crate) result: Result<usize, Error>,
}

#[derive(Clone, Hash, Debug)]
pub(crate) struct Puppet {
    pt: Pt,
    script: Vec<Op>,
    peer: IpAddr,
    place: usize,
    outcome: Option<Result<usize, Error>>,
    log: Vec<Done>,
    listener: TcpListener,
    streams: Vec<TcpSocket>,
    udp: UdpSocket,
    buffer: Buffer<70_000>,
    /// What one operation has done so far.
    count: usize,
    until: Instant,
    is_denied: bool,
    /// Bytes sent and received on the first stream: each is like few others.
    sent: usize,
    received: usize,
}

fn byte(place: usize) -> u8 {
    (place % 251) as u8
}

impl Puppet {
    fn new(script: &[Op], peer: IpAddr) -> Puppet {
        Puppet {
            pt: Pt::new(),
            script: script.to_vec(),
            peer,
            place: 0,
            outcome: None,
            log: Vec::new(),
            listener: TcpListener::NONE,
            streams: Vec::new(),
            udp: UdpSocket::NONE,
            buffer: Buffer::new(),
            count: 0,
            until: Instant::ORIGIN,
            is_denied: false,
            sent: 0,
            received: 0,
        }
    }

    fn begin<P: Platform>(&mut self, cx: &mut Cx<'_, P>) {
        (self.outcome, self.count, self.until) = (None, 0, cx.now());
        self.buffer.clear();
        match self.script[self.place] {
            Op::Sleep(time) => self.until = cx.now() + time,
            Op::Send(len) => {
                let bytes: Vec<u8> = (self.sent..self.sent + len.min(70_000)).map(byte).collect();
                self.buffer.put_slice(&bytes).expect("it fits");
            }
            _ => {}
        }
    }

    fn stream(&self) -> TcpSocket {
        self.streams.first().copied().unwrap_or(TcpSocket::NONE)
    }

    /// Goes on with the operation; `outcome` tells that it is done.
    fn advance<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Poll<()> {
        let ended = match self.script[self.place] {
            Op::Sleep(_) => cx.sleep_until(self.until).map(|()| Some(Ok(0))),
            Op::Accept => cx.accept(self.listener).map(|socket| Some(self.keep(cx, socket))),
            Op::Dial(send_buffer) => {
                let options = Options { send_buffer, ..Options::DEFAULT };
                let to = SocketAddr::new(self.peer, PORT);
                cx.connect_with(to, &options).map(|socket| Some(self.keep(cx, socket)))
            }
            Op::Send(len) => self.send(cx, len),
            Op::Fill => self.fill(cx),
            Op::Read => self.read(cx, 0),
            Op::ReadUpTo(len) => self.read(cx, len),
            Op::SendDatagram(len) => cx.send_datagram(self.udp, &vec![1; len]).map(|sent| Some(sent.map(|()| len))),
            Op::SendTo(to, len) => cx.send_to(self.udp, &vec![1; len], to).map(|sent| Some(sent.map(|()| len))),
            Op::Hear => {
                cx.recv_from(self.udp, &mut self.buffer).map(|heard| Some(heard.map(|datagram| datagram.count)))
            }
            at_once => Poll::Ready(Some(self.act(cx, at_once).map(|()| 0))),
        };
        ended.map(|outcome| self.outcome = outcome)
    }

    fn keep<P: Platform>(&mut self, cx: &mut Cx<'_, P>, socket: Result<TcpSocket, Error>) -> Result<usize, Error> {
        let socket = socket?;
        cx.detach(socket)?;
        self.streams.push(socket);
        Ok(0)
    }

    fn act<P: Platform>(&mut self, cx: &mut Cx<'_, P>, op: Op) -> Result<(), Error> {
        match op {
            Op::Listen(backlog, receive_buffer) => {
                let options = Options { backlog, receive_buffer, ..Options::DEFAULT };
                self.listener = cx.listen_with(([0, 0, 0, 0], PORT).into(), &options)?;
                Ok(())
            }
            Op::Shutdown(half) => cx.shutdown(self.stream(), half),
            Op::Close => cx.close(self.streams.remove(0)),
            Op::Abort => cx.abort(self.streams.remove(0)),
            Op::UserTimeout(time) => cx.set_user_timeout(self.stream(), time),
            Op::Keepalive(keepalive) => cx.set_keepalive(self.stream(), Some(keepalive)),
            Op::Bind(port) => {
                self.udp = cx.udp_socket(([0, 0, 0, 0], port).into())?;
                Ok(())
            }
            Op::Join(group) => cx.join_multicast(self.udp, group, Interface::Any),
            Op::Broadcast => cx.set_broadcast(self.udp, true),
            Op::ConnectUdp(port) => cx.connect_udp(self.udp, SocketAddr::new(self.peer, port)),
            _ => Err(Error::InvalidArgument),
        }
    }

    fn send<P: Platform>(&mut self, cx: &mut Cx<'_, P>, len: usize) -> Poll<Option<Result<usize, Error>>> {
        let sent = core::task::ready!(cx.send(self.stream(), &mut self.buffer));
        Poll::Ready(match sent {
            Err(error) => Some(Err(error)),
            Ok(sent) => {
                self.sent += sent;
                self.count += sent;
                (self.count == len).then_some(Ok(len))
            }
        })
    }

    /// Whoever takes nothing for a second takes nothing any more.
    fn fill<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Poll<Option<Result<usize, Error>>> {
        core::task::ready!(cx.sleep_until(self.until));
        let bytes: Vec<u8> = (self.sent..self.sent + 1_000).map(byte).collect();
        Poll::Ready(match cx.try_send(self.stream(), &bytes) {
            Ok(sent) => {
                self.sent += sent;
                self.count += sent;
                self.is_denied = false;
                None
            }
            Err(Error::WouldBlock) if self.is_denied => Some(Ok(self.count)),
            Err(Error::WouldBlock) => {
                (self.is_denied, self.until) = (true, cx.now() + Duration::from_secs(1));
                None
            }
            Err(error) => Some(Err(error)),
        })
    }

    fn read<P: Platform>(&mut self, cx: &mut Cx<'_, P>, len: usize) -> Poll<Option<Result<usize, Error>>> {
        self.buffer.clear();
        let received = core::task::ready!(cx.recv(self.stream(), &mut self.buffer));
        Poll::Ready(match received {
            Err(error) => Some(Err(error)),
            Ok(received) => {
                for (place, got) in self.buffer.readable().iter().enumerate() {
                    assert_eq!(*got, byte(self.received + place), "byte {}", self.received + place);
                }
                self.received += received;
                self.count += received;
                (received == 0 || self.count >= len).then_some(Ok(self.count))
            }
        })
    }
}

impl<P: Platform> Protothread<P> for Puppet {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        while self.place < self.script.len() {
            self.begin(cx);
            while self.outcome.is_none() {
                wait!(self.advance(cx));
            }
            if let Some(result) = self.outcome {
                self.log.push(Done { at: cx.now(), result });
            }
            self.place += 1;
        }
        // What it has stays open.
        wait!(cx.sleep_until(Instant::MAX));
        Ok(())
    }
}

/// Two hosts, a millisecond from each other.
pub(crate) fn hosts(left: &[Op], right: &[Op]) -> World {
    linked(left, right, Link::fixed(Duration::from_millis(1)))
}

/// Two hosts at the ends of `link`.
pub(crate) fn linked(left: &[Op], right: &[Op], link: Link) -> World {
    let puppet = |script: &[Op], peer: &'static str| {
        let script = script.to_vec();
        move |boot: &Boot| [Puppet::new(&script, boot.address(peer, 0).ip())]
    };
    Scenario::new("hosts").node("left", puppet(left, "right")).node("right", puppet(right, "left")).links(link).world(1)
}

/// What a host's puppet has done so far.
pub(crate) fn log(world: &World, name: &str) -> Vec<Done> {
    world.app::<[Puppet; 1]>(name).map(|app| app[0].log.clone()).unwrap_or_default()
}

/// What came of a host's operations.
pub(crate) fn results(world: &World, name: &str) -> Vec<Result<usize, Error>> {
    log(world, name).iter().map(|done| done.result).collect()
}
