//! A TCP echo server: the shortest server of protothreads.
//!
//! `cargo run --release --example echo -- --listen 127.0.0.1:7007 --connections 1100`

#[path = "shared/arguments.rs"]
mod arguments;
#[path = "shared/signals.rs"]
mod signals;

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};

use arguments::{Arguments, give_up};
use ptk_core::Never;
use ptk_core::prelude::*;
use ptk_linux::Linux;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use signals::Signals;
use static_cell::ConstStaticCell;

const USAGE: &str = "\
Usage: echo [--listen ADDRESS:PORT] [--connections N]

Sends back what it receives, until SIGINT or SIGTERM. SIGUSR1 lists its tasks.

  --listen ADDRESS:PORT  where to listen; port 0 takes a free one (default 127.0.0.1:7007)
  --connections N        connections at once, 1 to 10000 (default 1100); more wait their turn
";

/// The most connections that there is memory for.
const LIMIT: usize = 10_000;

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

fn main() {
    let mut arguments = Arguments::new("echo", USAGE);
    let mut address = SocketAddr::from((Ipv4Addr::LOCALHOST, 7007));
    let mut connections = 1100;
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--listen" => address = arguments.address("--listen"),
            "--connections" => connections = arguments.number("--connections", 1..=LIMIT as u32),
            other => arguments.unexpected(other),
        }
    }
    allow_descriptors(u64::from(connections) + RESERVE);
    if let Err(error) = serve(address, connections as usize) {
        give_up("echo", format_args!("{address}: {error}"));
    }
}

fn serve(address: SocketAddr, connections: usize) -> Result<(), Error> {
    let (event_loop, app) = (LOOP.take(), APP.take());
    signals::open(event_loop)?;
    let mut cx = event_loop.cx();
    app.signals.install(&mut cx)?;
    app.listener = cx.listen_with(address, &Options { nodelay: true, ..Options::DEFAULT })?;
    let _ = writeln!(std::io::stdout(), "listening on {}", cx.local_address(app.listener)?);
    for task in 0..=connections {
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
        give_up("echo", format_args!("{needed} open files are needed, and the system allows fewer (ulimit -Hn)"));
    }
}
