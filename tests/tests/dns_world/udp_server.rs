//! The name servers' side over UDP: each does what a script says.

use std::net::SocketAddr;

use ptk_core::prelude::*;
use ptk_mock::Mock;

use super::local;
use crate::dns_messages::{Query, Reply};

/// What a server does about a query.
pub(crate) enum Act {
    Say(Vec<u8>),
    /// After so many milliseconds.
    Late(u64, Vec<u8>),
    /// From another socket of the same host.
    Forge(Vec<u8>),
}

/// What server `0` or `1` does about a query that is the `n`th it got.
pub(crate) type Script = fn(server: usize, n: usize, query: &Query) -> Vec<Act>;

/// A name server over UDP.
pub(crate) struct Server {
    pt: PtTimed,
    number: usize,
    script: Script,
    socket: UdpSocket,
    stranger: UdpSocket,
    buffer: Buffer<512>,
    pub(crate) asked: Vec<(String, u16)>,
    pub(crate) ids: Vec<u16>,
    pub(crate) ports: Vec<u16>,
    late: Vec<(Instant, Vec<u8>, SocketAddr)>,
}

impl Server {
    pub(crate) fn new(cx: &mut Cx<'_, Mock>, number: usize, address: SocketAddr, script: Script) -> Server {
        Server {
            pt: PtTimed::new(),
            number,
            script,
            socket: cx.udp_socket(address).expect("the port is free"),
            stranger: cx.udp_socket(local(0)).expect("a port is free"),
            buffer: Buffer::new(),
            asked: Vec::new(),
            ids: Vec::new(),
            ports: Vec::new(),
            late: Vec::new(),
        }
    }

    fn due(&self) -> Instant {
        self.late.iter().map(|(at, ..)| *at).min().unwrap_or(Instant::MAX)
    }

    fn act(&mut self, cx: &mut Cx<'_, Mock>, from: SocketAddr) -> Result<(), Error> {
        let query = Query::parse(self.buffer.readable());
        self.buffer.clear();
        self.asked.push((query.name.clone(), query.kind));
        self.ids.push(query.id);
        self.ports.push(from.port());
        for act in (self.script)(self.number, self.asked.len(), &query) {
            match act {
                Act::Say(bytes) => cx.try_send_to(self.socket, &bytes, from)?,
                Act::Forge(bytes) => cx.try_send_to(self.stranger, &bytes, from)?,
                Act::Late(millis, bytes) => {
                    let at = cx.now() + Duration::from_millis(millis);
                    self.late.push((at, bytes, from));
                }
            }
        }
        Ok(())
    }

    fn send_late(&mut self, cx: &mut Cx<'_, Mock>) -> Result<(), Error> {
        let now = cx.now();
        while let Some(place) = self.late.iter().position(|(at, ..)| *at <= now) {
            let (_, bytes, to) = self.late.remove(place);
            cx.try_send_to(self.socket, &bytes, to)?;
        }
        Ok(())
    }
}

impl Protothread<Mock> for Server {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, Mock>, _: &mut ()) -> Result<(), Error> {
        loop {
            match wait!(first!(cx.recv_from(self.socket, &mut self.buffer), cx.sleep_until(self.due()))) {
                First::A(Ok(datagram)) => self.act(cx, datagram.from)?,
                // Somebody did not wait for the answer.
                First::A(Err(Error::ConnectionRefused)) => {}
                First::A(Err(error)) => return Err(error),
                First::B(()) => self.send_late(cx)?,
            }
        }
    }
}

pub(crate) fn say(reply: &Reply) -> Vec<Act> {
    vec![Act::Say(reply.bytes())]
}

/// Answers A with 192.0.2.1 and AAAA with 2001:db8::1.
pub(crate) fn both(_: usize, _: usize, query: &Query) -> Vec<Act> {
    say(&query.reply().addresses(60, &BOTH))
}

pub(crate) fn silent(_: usize, _: usize, _: &Query) -> Vec<Act> {
    Vec::new()
}

pub(crate) const BOTH: [&str; 2] = ["2001:db8::1", "192.0.2.1"];
pub(crate) const V4: [&str; 1] = ["192.0.2.1"];
