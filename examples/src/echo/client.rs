//! Clients: send messages one after the other, and check what comes back.

use core::net::SocketAddr;

use ptk_core::prelude::*;

use super::message::{self, Echo, MAX};
use crate::address;

/// What a client is to do.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Plan {
    /// The server.
    pub server: SocketAddr,
    /// How many messages.
    pub count: u32,
    /// How long each is, [`message::MIN`] to [`MAX`] bytes.
    pub size: usize,
    /// How long a connect, and each echo, may take.
    pub timeout: Duration,
}

/// What has come of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct Totals {
    /// Messages sent.
    pub sent: u32,
    /// Those that came back in time, cut ones included.
    pub received: u32,
    /// Those that did not.
    pub lost: u32,
    /// Those of which only the front came back.
    pub cut: u32,
    /// Messages that came back after their time.
    pub late: u32,
    /// What came and was never sent.
    pub wrong: u32,
}

impl Totals {
    const NONE: Totals = Totals { sent: 0, received: 0, lost: 0, cut: 0, late: 0, wrong: 0 };

    /// Whether something came back, and all that did was right. What is lost is not held against a server: datagrams
    /// get lost.
    pub const fn is_good(&self) -> bool {
        self.received > 0 && self.cut == 0 && self.wrong == 0
    }
}

/// A client over UDP. A message whose echo does not come in time is lost, and the next is sent.
#[derive(Clone, Hash, Debug)]
pub struct UdpClient {
    pt: PtTimed,
    listening: Pt,
    plan: Plan,
    totals: Totals,
    socket: UdpSocket,
    buffer: Buffer<MAX>,
}

impl UdpClient {
    /// A client that has sent nothing.
    pub const fn new(plan: Plan) -> Self {
        UdpClient {
            pt: PtTimed::new(),
            listening: Pt::new(),
            plan,
            totals: Totals::NONE,
            socket: UdpSocket::NONE,
            buffer: Buffer::new(),
        }
    }

    fn open<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<(), Error> {
        self.socket = cx.udp_socket(address::any_for(self.plan.server))?;
        cx.connect_udp(self.socket, self.plan.server)
    }

    /// Waits for the echo of the last message; what else comes is counted.
    #[protothread(self.listening)]
    fn listen<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<(), Error> {
        loop {
            self.buffer.clear();
            let datagram = wait!(cx.recv_from(self.socket, &mut self.buffer))?;
            let echo = message::check(self.buffer.readable(), self.totals.sent, self.plan.size);
            match echo {
                // Longer than the longest message that there is.
                _ if datagram.truncated => self.totals.wrong += 1,
                Echo::Late => self.totals.late += 1,
                Echo::Wrong => self.totals.wrong += 1,
                Echo::Right | Echo::Cut => {
                    self.totals.received += 1;
                    self.totals.cut += u32::from(echo == Echo::Cut);
                    return Ok(());
                }
            }
        }
    }
}

impl<P: Platform, S: ?Sized> Protothread<P, S> for UdpClient {
    type Output = Result<Totals, Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut S) -> Result<Totals, Error> {
        self.open(cx)?;
        while self.totals.sent < self.plan.count {
            self.totals.sent += 1;
            message::write(self.totals.sent, self.plan.size, &mut self.buffer)?;
            wait!(cx.send_datagram(self.socket, self.buffer.readable()))?;
            match wait!(self.listen(cx), timeout = self.plan.timeout) {
                Ok(heard) => heard?,
                Err(TimedOut) => self.totals.lost += 1,
            }
        }
        Ok(self.totals)
    }
}

/// A client over TCP. Nothing gets lost there: an echo that does not come in time is the end.
#[derive(Clone, Hash, Debug)]
pub struct TcpClient {
    pt: PtTimed,
    plan: Plan,
    totals: Totals,
    socket: TcpSocket,
    buffer: Buffer<MAX>,
}

impl TcpClient {
    /// A client that is not connected.
    pub const fn new(plan: Plan) -> Self {
        TcpClient { pt: PtTimed::new(), plan, totals: Totals::NONE, socket: TcpSocket::NONE, buffer: Buffer::new() }
    }
}

impl<P: Platform, S: ?Sized> Protothread<P, S> for TcpClient {
    type Output = Result<Totals, Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut S) -> Result<Totals, Error> {
        self.socket = wait!(cx.connect(self.plan.server), timeout = self.plan.timeout)??;
        while self.totals.sent < self.plan.count {
            self.totals.sent += 1;
            message::write(self.totals.sent, self.plan.size, &mut self.buffer)?;
            wait!(cx.send_all(self.socket, &mut self.buffer), timeout = self.plan.timeout)??;
            wait!(cx.recv_exact(self.socket, &mut self.buffer, self.plan.size), timeout = self.plan.timeout)??;
            match message::check(self.buffer.readable(), self.totals.sent, self.plan.size) {
                Echo::Right => self.totals.received += 1,
                _ => self.totals.wrong += 1,
            }
        }
        cx.close(self.socket)?;
        Ok(self.totals)
    }
}
