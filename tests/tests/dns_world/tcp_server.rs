//! The name servers' side over TCP.

use std::net::SocketAddr;

use ptk_core::prelude::*;
use ptk_mock::Mock;

use crate::dns_messages::Query;

/// What the TCP side does about a query: the pieces of its message, or nothing and hangs on.
pub(crate) type TcpScript = fn(&Query) -> Option<Vec<Vec<u8>>>;

/// The side of a name server that hears what did not fit over UDP.
pub(crate) struct TcpServer {
    pt: PtTimed,
    listener: TcpListener,
    pub(crate) script: TcpScript,
    /// How long an answer takes.
    pub(crate) delay: Duration,
    pub(crate) socket: TcpSocket,
    buffer: Buffer<512>,
    pieces: Vec<Vec<u8>>,
    pub(crate) asked: Vec<(String, u16)>,
}

impl TcpServer {
    /// One that takes connections and says nothing.
    pub(crate) fn new(cx: &mut Cx<'_, Mock>, address: SocketAddr) -> TcpServer {
        TcpServer {
            pt: PtTimed::new(),
            listener: cx.listen(address).expect("the port is free"),
            script: |_| None,
            delay: Duration::ZERO,
            socket: TcpSocket::NONE,
            buffer: Buffer::new(),
            pieces: Vec::new(),
            asked: Vec::new(),
        }
    }

    fn length(&self) -> usize {
        let [high, low] = self.buffer.readable()[..2] else { panic!("the length is there") };
        2 + usize::from(u16::from_be_bytes([high, low]))
    }

    fn receive_query(&mut self, cx: &mut Cx<'_, Mock>) -> Poll<Result<(), Error>> {
        let length = self.length();
        cx.recv_exact(self.socket, &mut self.buffer, length)
    }

    /// Whether there is an answer.
    fn answer(&mut self) -> bool {
        let query = Query::parse(&self.buffer.readable()[2..]);
        self.asked.push((query.name.clone(), query.kind));
        self.buffer.clear();
        match (self.script)(&query) {
            Some(pieces) => self.pieces = pieces,
            None => return false,
        }
        true
    }

    fn send_piece(&mut self, cx: &mut Cx<'_, Mock>) -> Result<usize, Error> {
        cx.try_send(self.socket, &self.pieces.remove(0))
    }
}

impl Protothread<Mock> for TcpServer {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, Mock>, _: &mut ()) -> Result<(), Error> {
        loop {
            self.socket = wait!(cx.accept(self.listener))?;
            wait!(cx.recv_exact(self.socket, &mut self.buffer, 2))?;
            wait!(self.receive_query(cx))?;
            if self.answer() {
                wait!(sleep!(self.delay));
                while !self.pieces.is_empty() {
                    // A turn for each, so that the other side sees it alone.
                    wait!(cx.writable(self.socket))?;
                    self.send_piece(cx)?;
                    yield_now!();
                    yield_now!();
                }
            } else {
                // Says nothing until the other side has had enough.
                let _ = wait!(cx.recv(self.socket, &mut self.buffer));
            }
            cx.close(self.socket)?;
        }
    }
}
