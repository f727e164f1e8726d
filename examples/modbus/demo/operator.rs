//! Somebody who turns the tank's valve now and then.

use std::net::SocketAddr;

use ptk_core::Never;
use ptk_core::prelude::*;
use ptk_examples::modbus::answer::Answer;
use ptk_examples::modbus::client::{Client, Fault, Observer, TIMEOUT};
use ptk_examples::modbus::plant::point;
use ptk_examples::modbus::request::Request;

/// Where the valve is sent, in tenths of a percent, one after the other.
const POSITIONS: [u16; 4] = [300, 900, 600, 0];

/// How long the valve stays.
const PAUSE: Duration = Duration::from_millis(1200);

/// Writes the valve's position, over and over.
pub(super) struct Operator {
    pt: PtTimed,
    session: PtTimed,
    client: Client,
    turn: usize,
}

impl Operator {
    /// An operator of the server at `peer`.
    pub(super) const fn new(peer: SocketAddr) -> Self {
        Operator { pt: PtTimed::new(), session: PtTimed::new(), client: Client::new(peer, 1, TIMEOUT), turn: 0 }
    }

    /// Sets the server's address, before the start.
    pub(super) const fn set_peer(&mut self, peer: SocketAddr) {
        self.client.set_peer(peer);
    }

    fn command(&self) -> Request<'static> {
        let value = POSITIONS[self.turn % POSITIONS.len()];
        Request::WriteRegister { address: point::VALVE_COMMAND, value }
    }

    #[protothread(self.session)]
    fn operate<P: Platform, S: Observer>(&mut self, cx: &mut Cx<'_, P>, shared: &mut S) -> Result<Never, Fault> {
        wait!(self.client.connect(cx))?;
        loop {
            wait!(sleep!(PAUSE));
            self.client.prepare(&self.command());
            wait!(self.client.call(cx))?;
            match self.client.answer(&self.command())? {
                Answer::Written => shared.answered(self.client.latency()),
                _ => return Err(Fault::WrongAnswer),
            }
            self.turn += 1;
        }
    }
}

impl<P: Platform, S: Observer> Protothread<P, S> for Operator {
    type Output = ();

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, shared: &mut S) {
        while let Err(fault) = wait!(self.operate(cx, shared)) {
            if shared.failed(cx.now(), fault).is_break() {
                return;
            }
            wait!(sleep!(PAUSE));
        }
    }
}
