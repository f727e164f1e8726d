//! A short backlog, of which nobody accepts for a while.

use std::net::SocketAddr;

use ptk_core::prelude::*;
use ptk_mock::{Boot, Family, Faults, Scenario, World};

const CALLERS: usize = 6;

/// When the server begins to accept.
const WAKES: Duration = Duration::from_millis(100);

#[derive(Clone, Hash, Debug)]
struct Caller {
    pt: Pt,
    server: SocketAddr,
    socket: TcpSocket,
    is_connected: bool,
}

impl<P: Platform> Protothread<P> for Caller {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        self.socket = wait!(cx.connect(self.server))?;
        self.is_connected = true;
        Ok(())
    }
}

#[derive(Clone, Hash, Debug)]
struct Server {
    pt: PtTimed,
    listener: TcpListener,
    accepted: usize,
}

impl<P: Platform> Protothread<P> for Server {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        let options = Options { backlog: 1, ..Options::DEFAULT };
        self.listener = cx.listen_with(([0, 0, 0, 0], 7).into(), &options)?;
        wait!(cx.sleep_until(Instant::ORIGIN + WAKES));
        while self.accepted < CALLERS {
            wait!(cx.accept(self.listener))?;
            self.accepted += 1;
        }
        Ok(())
    }
}

pub fn scenario() -> Scenario {
    let server = |_: &Boot| [Server { pt: PtTimed::new(), listener: TcpListener::NONE, accepted: 0 }];
    let callers = |boot: &Boot| -> [Caller; CALLERS] {
        let server = boot.address("server", 7);
        core::array::from_fn(|_| Caller { pt: Pt::new(), server, socket: TcpSocket::NONE, is_connected: false })
    };
    let connected = |world: &World| {
        let callers = world.app::<[Caller; CALLERS]>("callers");
        callers.map_or(0, |callers| callers.iter().filter(|caller| caller.is_connected).count())
    };
    Scenario::new("backlog")
        .node("server", server)
        .node("callers", callers)
        .faults(Faults::of(&[Family::Readiness]))
        // As on Linux, a backlog of one holds two.
        .always("no more connect than the backlog holds", move |world| {
            world.now() >= Instant::ORIGIN + WAKES || connected(world) <= 2
        })
        .eventually("all are accepted", Duration::from_secs(60), |world| world.has_ended("server"))
}
