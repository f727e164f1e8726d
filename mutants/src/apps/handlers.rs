//! A server of handlers, which takes three bytes at a time.

use std::net::SocketAddr;

use ptk_core::prelude::*;
use ptk_core::{Half, Handle};
use ptk_mock::{Boot, Family, Faults, Scenario};

const MESSAGE: &[u8] = b"taken in small bites until nothing is left";

#[derive(Clone, Hash, Debug)]
struct Opener {
    pt: Pt,
}

/// What the handlers have.
#[derive(Clone, Hash, Debug)]
struct Heard {
    listener: TcpListener,
    socket: TcpSocket,
    bytes: Buffer<64>,
}

impl<P: Platform> Protothread<P, Heard> for Opener {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, heard: &mut Heard) -> Result<(), Error> {
        heard.listener = cx.listen(([0, 0, 0, 0], 7).into())?;
        cx.detach(heard.listener)?;
        cx.set_handler(heard.listener)
    }
}

#[derive(Clone, Hash, Debug, TaskSet)]
#[task(event = Self::on_event)]
struct Server {
    opener: Opener,
    #[task(shared)]
    heard: Heard,
}

impl Server {
    fn on_event<P: Platform>(&mut self, cx: &mut Cx<'_, P>, handle: Handle, event: Event) -> Result<(), Error> {
        let heard = &mut self.heard;
        if TcpListener::from_handle(handle) == Some(heard.listener) {
            // An event may come for nothing.
            if let Ok(socket) = cx.try_accept(heard.listener) {
                heard.socket = socket;
                cx.set_handler(socket)?;
            }
            return Ok(());
        }
        let mut bite = [0; 3];
        match event {
            Event::Readable => match cx.try_recv(heard.socket, &mut bite) {
                Ok(0) => {
                    cx.close(heard.socket)?;
                    cx.close(heard.listener)
                }
                Ok(count) => heard.bytes.put_slice(&bite[..count]),
                Err(Error::WouldBlock) => Ok(()),
                Err(error) => Err(error),
            },
            _ => Ok(()),
        }
    }
}

#[derive(Clone, Hash, Debug)]
struct Client {
    pt: Pt,
    server: SocketAddr,
    socket: TcpSocket,
    buffer: Buffer<64>,
}

impl<P: Platform> Protothread<P> for Client {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        self.socket = wait!(cx.connect(self.server))?;
        self.buffer.put_slice(MESSAGE)?;
        wait!(cx.send_all(self.socket, &mut self.buffer))?;
        cx.shutdown(self.socket, Half::Write)?;
        wait!(cx.recv(self.socket, &mut self.buffer))?;
        Ok(())
    }
}

pub fn scenario() -> Scenario {
    let server = |_: &Boot| Server {
        opener: Opener { pt: Pt::new() },
        heard: Heard { listener: TcpListener::NONE, socket: TcpSocket::NONE, bytes: Buffer::new() },
    };
    let client = |boot: &Boot| {
        [Client { pt: Pt::new(), server: boot.address("server", 7), socket: TcpSocket::NONE, buffer: Buffer::new() }]
    };
    Scenario::new("handlers")
        .node("server", server)
        .node("client", client)
        .faults(Faults::of(&[Family::Streams, Family::Readiness]))
        .always("what is heard is what was said", |world| {
            world.app::<Server>("server").is_none_or(|server| MESSAGE.starts_with(server.heard.bytes.readable()))
        })
        .eventually("all is heard", Duration::from_secs(30), |world| {
            world.app::<Server>("server").is_some_and(|server| server.heard.bytes.readable() == MESSAGE)
                && world.has_ended("client")
        })
}
