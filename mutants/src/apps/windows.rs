//! A server that does not receive for a while: its client is held up. Then a server that never receives all.

use std::net::SocketAddr;

use ptk_core::prelude::*;
use ptk_mock::{Boot, Family, Faults, Scenario};

const LENGTH: usize = 10_000;
const WINDOW: u32 = 1_000;

/// When the server begins to receive.
const WAKES: Duration = Duration::from_millis(50);

const OPTIONS: Options = Options { send_buffer: WINDOW, receive_buffer: WINDOW, ..Options::DEFAULT };

#[derive(Clone, Hash, Debug)]
struct Client {
    pt: Pt,
    server: SocketAddr,
    socket: TcpSocket,
    buffer: Buffer<LENGTH>,
}

impl<P: Platform> Protothread<P> for Client {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        self.socket = wait!(cx.connect_with(self.server, &OPTIONS))?;
        self.buffer.put_slice(&[7; LENGTH])?;
        wait!(cx.send_all(self.socket, &mut self.buffer))?;
        assert!(cx.now() > Instant::ORIGIN + WAKES, "who sends is held up by who does not receive");
        cx.close(self.socket)
    }
}

#[derive(Clone, Hash, Debug)]
struct Server {
    pt: PtTimed,
    listener: TcpListener,
    socket: TcpSocket,
    buffer: Buffer<300>,
    count: usize,
}

impl<P: Platform> Protothread<P> for Server {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        self.listener = cx.listen_with(([0, 0, 0, 0], 7).into(), &OPTIONS)?;
        self.socket = wait!(cx.accept(self.listener))?;
        wait!(cx.sleep_until(Instant::ORIGIN + WAKES));
        while wait!(cx.recv(self.socket, &mut self.buffer))? > 0 {
            self.count += self.buffer.len();
            self.buffer.clear();
        }
        assert_eq!(self.count, LENGTH, "all that was sent arrives");
        cx.close(self.socket)
    }
}

pub fn scenario() -> Scenario {
    let server = |_: &Boot| {
        let (listener, socket, buffer) = (TcpListener::NONE, TcpSocket::NONE, Buffer::new());
        [Server { pt: PtTimed::new(), listener, socket, buffer, count: 0 }]
    };
    let client = |boot: &Boot| {
        [Client { pt: Pt::new(), server: boot.address("server", 7), socket: TcpSocket::NONE, buffer: Buffer::new() }]
    };
    Scenario::new("windows")
        .node("server", server)
        .node("client", client)
        .faults(Faults::of(&[Family::Streams, Family::Readiness]))
        .eventually("all is received", Duration::from_secs(60), |world| {
            world.has_ended("client") && world.has_ended("server")
        })
}
