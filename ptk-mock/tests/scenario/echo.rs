//! A server that echoes, and a client that sends and checks, again and again if it has to.

use std::net::SocketAddr;

use ptk_core::prelude::*;
use ptk_mock::{Boot, Scenario, World};

const ROUNDS: u32 = 5;
const LENGTH: usize = 3_000;

#[derive(Clone, Hash, Debug)]
pub(crate) struct Client {
    pt: PtTimed,
    child: PtTimed,
    server: SocketAddr,
    socket: TcpSocket,
    buffer: Buffer<LENGTH>,
    pub(crate) done: u32,
    pub(crate) wrong: u32,
}

impl Client {
    fn byte(&self, place: usize) -> u8 {
        (self.done as usize * 31 + place) as u8
    }

    #[protothread(self.child)]
    fn exchange<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<(), Error> {
        self.socket = wait!(cx.connect(self.server), timeout = Duration::from_secs(3))??;
        while self.done < ROUNDS {
            self.buffer.clear();
            for place in 0..LENGTH {
                let byte = self.byte(place);
                self.buffer.put_slice(&[byte])?;
            }
            wait!(cx.send_all(self.socket, &mut self.buffer), timeout = Duration::from_secs(3))??;
            self.buffer.clear();
            wait!(cx.recv_exact(self.socket, &mut self.buffer, LENGTH), timeout = Duration::from_secs(3))??;
            let wrong = (0..LENGTH).filter(|place| self.buffer.readable()[*place] != self.byte(*place)).count();
            self.wrong += wrong as u32;
            self.done += 1;
        }
        cx.close(self.socket)
    }
}

impl<P: Platform> Protothread<P> for Client {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        while wait!(self.exchange(cx)).is_err() {
            wait!(sleep!(Duration::from_millis(100)));
        }
        Ok(())
    }
}

#[derive(Clone, Hash, Debug)]
pub(crate) struct Server {
    pt: PtTimed,
    child: PtTimed,
    listener: TcpListener,
    socket: TcpSocket,
    buffer: Buffer<1000>,
}

impl Server {
    #[protothread(self.child)]
    fn serve<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<(), Error> {
        self.socket = wait!(cx.accept(self.listener))?;
        self.buffer.clear();
        while wait!(cx.recv(self.socket, &mut self.buffer), timeout = Duration::from_secs(10))?? > 0 {
            wait!(cx.send_all(self.socket, &mut self.buffer), timeout = Duration::from_secs(10))??;
            self.buffer.clear();
        }
        cx.close(self.socket)
    }
}

impl<P: Platform> Protothread<P> for Server {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        loop {
            match cx.listen(([0, 0, 0, 0], 7).into()) {
                Ok(listener) => {
                    self.listener = listener;
                    break;
                }
                Err(_) => wait!(sleep!(Duration::from_millis(10))),
            }
        }
        loop {
            let _ = wait!(self.serve(cx));
        }
    }
}

fn server() -> [Server; 1] {
    [Server {
        pt: PtTimed::new(),
        child: PtTimed::new(),
        listener: TcpListener::NONE,
        socket: TcpSocket::NONE,
        buffer: Buffer::new(),
    }]
}

fn client(boot: &Boot) -> [Client; 1] {
    let (socket, buffer) = (TcpSocket::NONE, Buffer::new());
    [Client {
        pt: PtTimed::new(),
        child: PtTimed::new(),
        server: boot.address("server", 7),
        socket,
        buffer,
        done: 0,
        wrong: 0,
    }]
}

pub(crate) fn echo(name: &str) -> Scenario {
    let app = |world: &World| world.app::<[Client; 1]>("client").map(|app| (app[0].done, app[0].wrong));
    Scenario::new(name)
        .node("server", |_| server())
        .node("client", client)
        .always("what comes back is what was sent", move |world| app(world).is_none_or(|(_, wrong)| wrong == 0))
        .eventually("all rounds are done", Duration::from_secs(60), move |world| {
            app(world).is_some_and(|(done, _)| done == ROUNDS)
        })
}

pub(crate) fn client_state(world: &World) -> Option<(u32, u32)> {
    world.app::<[Client; 1]>("client").map(|app| (app[0].done, app[0].wrong))
}
