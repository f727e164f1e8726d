//! More clients than sockets, and more tasks that accept than either needs.

use std::net::SocketAddr;

use ptk_core::prelude::*;
use ptk_mock::{Boot, Family, Faults, Label, Link, Scenario};

const CALLERS: usize = 8;
const WORKERS: usize = 5;

#[derive(Clone, Hash, Debug)]
struct Caller {
    pt: PtTimed,
    child: Pt,
    server: SocketAddr,
    socket: TcpSocket,
    buffer: Buffer<4>,
    is_served: bool,
}

impl Caller {
    #[protothread(self.child)]
    fn call<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<(), Error> {
        self.socket = wait!(cx.connect(self.server))?;
        self.buffer.put_u8(7)?;
        wait!(cx.send_all(self.socket, &mut self.buffer))?;
        wait!(cx.recv_exact(self.socket, &mut self.buffer, 1))?;
        assert_eq!(self.buffer.get_u8(), Ok(7), "the answer is the question");
        self.is_served = true;
        cx.close(self.socket)
    }
}

impl<P: Platform> Protothread<P> for Caller {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        while wait!(self.call(cx)).is_err() {
            wait!(sleep!(Duration::from_millis(5)));
        }
        Ok(())
    }
}

/// What the workers share.
#[derive(Clone, Hash, Debug)]
struct Shared {
    listener: TcpListener,
    accepted: usize,
    /// Nobody is answered before so many were accepted.
    together: usize,
}

#[derive(Clone, Hash, Debug)]
struct Worker {
    pt: PtTimed,
    socket: TcpSocket,
    buffer: Buffer<4>,
}

impl<P: Platform> Protothread<P, Shared> for Worker {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, shared: &mut Shared) -> Result<(), Error> {
        if shared.listener.is_none() {
            shared.listener = cx.listen(([0, 0, 0, 0], 7).into())?;
        }
        loop {
            self.socket = wait!(cx.accept(shared.listener))?;
            shared.accepted += 1;
            while shared.accepted < shared.together {
                wait!(sleep!(Duration::from_millis(1)));
            }
            self.buffer.clear();
            wait!(cx.recv_exact(self.socket, &mut self.buffer, 1))?;
            wait!(cx.send_all(self.socket, &mut self.buffer))?;
            wait!(sleep!(Duration::from_millis(3)));
            cx.close(self.socket)?;
        }
    }
}

#[derive(Clone, Hash, Debug, TaskSet)]
struct Server {
    workers: [Worker; WORKERS],
    #[task(shared)]
    shared: Shared,
}

fn server(together: usize) -> impl Fn(&Boot) -> Server {
    move |_| Server {
        workers: core::array::from_fn(|_| Worker {
            pt: PtTimed::new(),
            socket: TcpSocket::NONE,
            buffer: Buffer::new(),
        }),
        shared: Shared { listener: TcpListener::NONE, accepted: 0, together },
    }
}

fn callers<const N: usize>(boot: &Boot) -> [Caller; N] {
    let server = boot.address("server", 7);
    core::array::from_fn(|_| Caller {
        pt: PtTimed::new(),
        child: Pt::new(),
        server,
        socket: TcpSocket::NONE,
        buffer: Buffer::new(),
        is_served: false,
    })
}

/// Three sockets at most, and now and then none.
pub fn crowded() -> Scenario {
    Scenario::new("crowded")
        .node_sized::<_, 8, 4, 1, 1, 1>("server", server(0))
        .node("callers", callers::<CALLERS>)
        .faults(Faults::of(&[Family::Streams, Family::Readiness]).rate(Label::NoDescriptors, 100_000))
        .eventually("all are served", Duration::from_secs(30), |world| {
            world.app::<[Caller; CALLERS]>("callers").is_some_and(|app| app.iter().all(|caller| caller.is_served))
        })
}

/// As many who accept as there are to be accepted, and all at once.
pub fn together() -> Scenario {
    Scenario::new("together")
        .node("server", server(WORKERS))
        .node("callers", callers::<WORKERS>)
        .links(Link::fixed(Duration::from_micros(200)))
        .faults(Faults::of(&[Family::Readiness]).rate(Label::Pause, 200_000))
        .eventually("all are served", Duration::from_secs(30), |world| {
            world.app::<[Caller; WORKERS]>("callers").is_some_and(|app| app.iter().all(|caller| caller.is_served))
        })
}
