//! A server that says something and closes without having received all: a reset, behind what it said.

use std::net::SocketAddr;

use ptk_core::prelude::*;
use ptk_mock::{Boot, Family, Faults, Scenario};

#[derive(Clone, Hash, Debug)]
struct Client {
    pt: PtTimed,
    server: SocketAddr,
    socket: TcpSocket,
    buffer: Buffer<16>,
}

impl<P: Platform> Protothread<P> for Client {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        self.socket = wait!(cx.connect(self.server))?;
        self.buffer.put_slice(b"unread")?;
        wait!(cx.send_all(self.socket, &mut self.buffer))?;
        // Both are here when it looks.
        wait!(sleep!(Duration::from_secs(2)));
        let heard = wait!(cx.recv_exact(self.socket, &mut self.buffer, 3));
        assert_eq!((heard, self.buffer.readable()), (Ok(()), &b"bye"[..]), "what arrived before a reset is there");
        let end = wait!(cx.recv(self.socket, &mut self.buffer));
        assert_eq!(end, Err(Error::ConnectionReset), "closing with unread data resets the connection");
        cx.close(self.socket)
    }
}

#[derive(Clone, Hash, Debug)]
struct Server {
    pt: PtTimed,
    listener: TcpListener,
    socket: TcpSocket,
    buffer: Buffer<16>,
}

impl<P: Platform> Protothread<P> for Server {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        self.listener = cx.listen(([0, 0, 0, 0], 7).into())?;
        self.socket = wait!(cx.accept(self.listener))?;
        self.buffer.put_slice(b"bye")?;
        wait!(cx.send_all(self.socket, &mut self.buffer))?;
        // Until what is never received has come.
        wait!(sleep!(Duration::from_secs(1)));
        cx.close(self.socket)
    }
}

pub fn scenario() -> Scenario {
    let server = |_: &Boot| {
        let (listener, socket, buffer) = (TcpListener::NONE, TcpSocket::NONE, Buffer::new());
        [Server { pt: PtTimed::new(), listener, socket, buffer }]
    };
    let client = |boot: &Boot| {
        let (pt, socket, buffer) = (PtTimed::new(), TcpSocket::NONE, Buffer::new());
        [Client { pt, server: boot.address("server", 7), socket, buffer }]
    };
    Scenario::new("resets")
        .node("server", server)
        .node("client", client)
        .faults(Faults::of(&[Family::Readiness]))
        .eventually("both are done", Duration::from_secs(30), |world| {
            world.has_ended("client") && world.has_ended("server")
        })
}
