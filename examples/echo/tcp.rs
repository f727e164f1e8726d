//! The server over TCP: the shortest server of protothreads.

use std::io::Write;
use std::net::SocketAddr;

use ptk_core::Never;
use ptk_core::prelude::*;
use ptk_linux::Linux;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use static_cell::ConstStaticCell;

use crate::PROGRAM;
use crate::arguments::give_up;
use crate::signals::{self, Signals};

/// The most connections that there is memory for.
pub(crate) const LIMIT: usize = 10_000;

/// Descriptors beside the connections: the standard ones, the listener, the loop's own.
const RESERVE: u64 = 16;

/// Echoes one connection after the other.
struct Echo {
    pt: Pt,
    serving: Pt,
    socket: TcpSocket,
    buffer: Buffer<1024>,
}

impl<P: Platform> Protothread<P, TcpListener> for Echo {
    type Output = Result<Never, Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, listener: &mut TcpListener) -> Result<Never, Error> {
        loop {
            self.socket = wait!(cx.accept(*listener))?;
            // A connection that breaks ends like one that is closed.
            let _ = wait!(self.serve(cx));
            cx.close(self.socket)?;
        }
    }
}

impl Echo {
    const NEW: Echo = Echo { pt: Pt::new(), serving: Pt::new(), socket: TcpSocket::NONE, buffer: Buffer::new() };

    #[protothread(self.serving)]
    fn serve<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Result<(), Error> {
        self.buffer.clear();
        while wait!(cx.recv(self.socket, &mut self.buffer))? > 0 {
            wait!(cx.send_all(self.socket, &mut self.buffer))?;
        }
        Ok(())
    }
}

#[derive(TaskSet)]
struct App {
    signals: Signals,
    echoes: [Echo; LIMIT],
    #[task(shared)]
    listener: TcpListener,
}

static APP: ConstStaticCell<App> =
    ConstStaticCell::new(App { signals: Signals::new(), echoes: [Echo::NEW; LIMIT], listener: TcpListener::NONE });

ptk_core::event_loop! {
    static LOOP: Linux<'static> = Linux::new();
    id: 0, tasks: LIMIT + 1, sockets: LIMIT + 1, events: signals::SOURCES
}

/// Serves so many connections at once, until a signal comes.
pub(crate) fn serve(address: SocketAddr, connections: u32) -> Result<(), Error> {
    allow_descriptors(u64::from(connections) + RESERVE);
    let (event_loop, app) = (LOOP.take(), APP.take());
    signals::open(event_loop)?;
    let mut cx = event_loop.cx();
    app.signals.install(&mut cx)?;
    app.listener = cx.listen_with(address, &Options { nodelay: true, ..Options::DEFAULT })?;
    let _ = writeln!(std::io::stdout(), "listening on {}", cx.local_address(app.listener)?);
    // The signals are the first task, the connections follow.
    for task in 0..=connections as usize {
        cx.start(task)?;
    }
    signals::run(event_loop, app, |app| &mut app.signals)
}

/// Raises the limit of open files where it is too low.
fn allow_descriptors(needed: u64) {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < needed)
        && setrlimit(Resource::Nofile, Rlimit { current: Some(needed), ..limit }).is_err()
    {
        give_up(PROGRAM, format_args!("{needed} open files are needed, and the system allows fewer (ulimit -Hn)"));
    }
}
