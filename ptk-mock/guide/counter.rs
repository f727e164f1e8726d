use core::net::SocketAddr;
use ptk_core::prelude::*;

/// Has the server add one, `wanted` times.
#[derive(Clone, Hash, Debug)]
pub struct Client {
    pt: PtTimed,
    asking: Pt,
    server: SocketAddr,
    socket: UdpSocket,
    answer: Buffer<4>,
    pub wanted: u32,
    pub done: u32,
}

impl Client {
    pub fn new(server: SocketAddr, wanted: u32) -> Client {
        let (pt, asking, socket, answer) = (PtTimed::new(), Pt::new(), UdpSocket::NONE, Buffer::new());
        Client { pt, asking, server, socket, answer, wanted, done: 0 }
    }

    /// Asks once, and waits for the answer.
    #[protothread(self.asking)]
    fn ask<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<(), Error> {
        wait!(cx.send_to(self.socket, b"add", self.server))?;
        self.answer.clear();
        wait!(cx.recv_from(self.socket, &mut self.answer))?;
        Ok(())
    }
}

impl<P: Platform> Protothread<P> for Client {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        self.socket = cx.udp_socket(([0, 0, 0, 0], 0).into())?;
        while self.done < self.wanted {
            // No answer in time: it is asked again.
            if let Ok(answered) = wait!(self.ask(cx), timeout = Duration::from_millis(20)) {
                answered?;
                self.done += 1;
            }
        }
        cx.close(self.socket)
    }
}

/// Adds one for each request.
#[derive(Clone, Hash, Debug)]
pub struct Server {
    pt: Pt,
    socket: UdpSocket,
    request: Buffer<4>,
    client: SocketAddr,
    pub count: u32,
}

impl Server {
    pub fn new() -> Server {
        let client = ([0, 0, 0, 0], 0).into();
        Server { pt: Pt::new(), socket: UdpSocket::NONE, request: Buffer::new(), client, count: 0 }
    }
}

impl<P: Platform> Protothread<P> for Server {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        self.socket = cx.udp_socket(([0, 0, 0, 0], 7).into())?;
        loop {
            self.request.clear();
            self.client = wait!(cx.recv_from(self.socket, &mut self.request))?.from;
            self.count += 1;
            wait!(cx.send_to(self.socket, b"done", self.client))?;
        }
    }
}
