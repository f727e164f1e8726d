//! A client that exercises every function of the server, and knows what each answer must be.

mod plan;

use core::net::SocketAddr;

use ptk_core::Never;
use ptk_core::prelude::*;

use self::plan::{Model, Plan};
use super::client::{BackOff, Client, Fault, Observer};

pub use self::plan::{REGION, REGIONS};

/// Asks one thing after the other, as fast as the server answers, and compares each answer with a model of its region of
/// the server's free memory.
#[derive(Clone, Hash, Debug)]
pub struct Exerciser {
    pt: PtTimed,
    session: Pt,
    client: Client,
    back_off: BackOff,
    plan: Plan,
    model: Model,
}

impl Exerciser {
    /// An exerciser of the server at `peer`. Each has a region for itself, from 0 to [`REGIONS`].
    pub const fn new(peer: SocketAddr, region: u16, timeout: Duration) -> Self {
        Exerciser {
            pt: PtTimed::new(),
            session: Pt::new(),
            client: Client::new(peer, region as u8, timeout),
            back_off: BackOff::new(),
            plan: Plan::new(region),
            model: Model::new(region),
        }
    }

    /// Sets the server's address, before the start.
    pub const fn set_peer(&mut self, peer: SocketAddr) {
        self.client.set_peer(peer);
    }

    /// Asks over one connection, until it fails or an answer is wrong.
    #[protothread(self.session)]
    fn ask<P: Platform, S: Observer>(&mut self, cx: &mut Cx<'_, P>, shared: &mut S) -> Result<Never, Fault> {
        wait!(self.client.connect(cx))?;
        // What a lost connection had still written is unknown: the region is written anew.
        self.plan.restart();
        loop {
            self.plan.draw();
            self.client.prepare(&self.plan.request());
            wait!(self.client.call(cx))?;
            if !self.model.accepts(&self.plan, self.client.answer(&self.plan.request())?) {
                return Err(Fault::WrongAnswer);
            }
            self.back_off = BackOff::new();
            shared.answered(self.client.latency());
        }
    }
}

impl<P: Platform, S: Observer> Protothread<P, S> for Exerciser {
    type Output = ();

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, shared: &mut S) {
        while let Err(fault) = wait!(self.ask(cx, shared)) {
            if shared.failed(cx.now(), fault).is_break() {
                return;
            }
            wait!(sleep!(self.back_off.take()));
        }
    }
}
