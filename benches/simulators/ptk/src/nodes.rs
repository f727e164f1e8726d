//! The nodes, as protothreads that run on any platform.

use std::net::SocketAddr;

use bench_common::{DATAGRAM, SEGMENT, message};
use ptk_core::Never;
use ptk_core::prelude::*;

/// Sends datagrams to a server, one after the other, and takes what comes back.
#[derive(Clone, Hash, Debug)]
pub(crate) struct UdpClient {
    pt: Pt,
    address: SocketAddr,
    server: SocketAddr,
    rounds: u32,
    socket: UdpSocket,
    buffer: Buffer<DATAGRAM>,
    pub(crate) received: u32,
}

impl UdpClient {
    pub(crate) fn new(address: SocketAddr, server: SocketAddr, rounds: u32) -> UdpClient {
        UdpClient {
            pt: Pt::new(),
            address,
            server,
            rounds,
            socket: UdpSocket::NONE,
            buffer: Buffer::new(),
            received: 0,
        }
    }
}

impl<P: Platform> Protothread<P> for UdpClient {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        self.socket = cx.udp_socket(self.address)?;
        while self.received < self.rounds {
            wait!(cx.send_to(self.socket, &message::<DATAGRAM>(self.received), self.server))?;
            self.buffer.clear();
            wait!(cx.recv_from(self.socket, &mut self.buffer))?;
            assert_eq!(self.buffer.readable(), message::<DATAGRAM>(self.received));
            self.received += 1;
        }
        Ok(())
    }
}

/// Sends every datagram back to where it came from.
#[derive(Clone, Hash, Debug)]
pub(crate) struct UdpServer {
    pt: Pt,
    address: SocketAddr,
    socket: UdpSocket,
    peer: SocketAddr,
    buffer: Buffer<DATAGRAM>,
    pub(crate) received: u32,
}

impl UdpServer {
    pub(crate) fn new(address: SocketAddr) -> UdpServer {
        let (pt, socket) = (Pt::new(), UdpSocket::NONE);
        UdpServer { pt, address, socket, peer: address, buffer: Buffer::new(), received: 0 }
    }
}

impl<P: Platform> Protothread<P> for UdpServer {
    type Output = Result<Never, Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<Never, Error> {
        self.socket = cx.udp_socket(self.address)?;
        loop {
            self.buffer.clear();
            self.peer = wait!(cx.recv_from(self.socket, &mut self.buffer))?.from;
            self.received += 1;
            wait!(cx.send_to(self.socket, self.buffer.readable(), self.peer))?;
        }
    }
}

/// As [`UdpServer`], and forgets all about it.
#[derive(Clone, Hash, Debug)]
pub(crate) struct Relay {
    pt: Pt,
    address: SocketAddr,
    socket: UdpSocket,
    peer: SocketAddr,
    buffer: Buffer<DATAGRAM>,
}

impl Relay {
    pub(crate) fn new(address: SocketAddr) -> Relay {
        Relay { pt: Pt::new(), address, socket: UdpSocket::NONE, peer: address, buffer: Buffer::new() }
    }
}

impl<P: Platform> Protothread<P> for Relay {
    type Output = Result<Never, Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<Never, Error> {
        self.socket = cx.udp_socket(self.address)?;
        loop {
            self.peer = wait!(cx.recv_from(self.socket, &mut self.buffer))?.from;
            wait!(cx.send_to(self.socket, self.buffer.readable(), self.peer))?;
            self.buffer.clear();
            self.peer = self.address;
        }
    }
}

/// As [`UdpClient`], over one connection.
#[derive(Clone, Hash, Debug)]
pub(crate) struct TcpClient {
    pt: Pt,
    server: SocketAddr,
    rounds: u32,
    socket: TcpSocket,
    buffer: Buffer<SEGMENT>,
    pub(crate) received: u32,
}

impl TcpClient {
    pub(crate) fn new(server: SocketAddr, rounds: u32) -> TcpClient {
        let (pt, socket) = (Pt::new(), TcpSocket::NONE);
        TcpClient { pt, server, rounds, socket, buffer: Buffer::new(), received: 0 }
    }
}

impl<P: Platform> Protothread<P> for TcpClient {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        self.socket = wait!(cx.connect(self.server))?;
        while self.received < self.rounds {
            self.buffer.put_slice(&message::<SEGMENT>(self.received))?;
            wait!(cx.send_all(self.socket, &mut self.buffer))?;
            wait!(cx.recv_exact(self.socket, &mut self.buffer, SEGMENT))?;
            assert_eq!(self.buffer.readable(), message::<SEGMENT>(self.received));
            self.buffer.clear();
            self.received += 1;
        }
        cx.close(self.socket)
    }
}

/// Serves one connection: sends every message back.
#[derive(Clone, Hash, Debug)]
pub(crate) struct TcpServer {
    pt: Pt,
    address: SocketAddr,
    listener: TcpListener,
    socket: TcpSocket,
    buffer: Buffer<SEGMENT>,
    pub(crate) received: u32,
}

impl TcpServer {
    pub(crate) fn new(address: SocketAddr) -> TcpServer {
        let (pt, listener, socket) = (Pt::new(), TcpListener::NONE, TcpSocket::NONE);
        TcpServer { pt, address, listener, socket, buffer: Buffer::new(), received: 0 }
    }
}

impl<P: Platform> Protothread<P> for TcpServer {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        self.listener = cx.listen(self.address)?;
        self.socket = wait!(cx.accept(self.listener))?;
        loop {
            match wait!(cx.recv_exact(self.socket, &mut self.buffer, SEGMENT)) {
                Err(Error::UnexpectedEnd) if self.buffer.is_empty() => return cx.close(self.socket),
                received => received?,
            }
            self.received += 1;
            wait!(cx.send_all(self.socket, &mut self.buffer))?;
        }
    }
}
