//! A TCP echo server: the shortest server of protothreads. Beside it the same over UDP, and clients for both.
//!
//! `cargo run --release --example echo -- --listen 127.0.0.1:7007 --connections 1100`

#[path = "shared/arguments.rs"]
mod arguments;
#[path = "echo/client.rs"]
mod client;
#[path = "shared/signals.rs"]
mod signals;
#[path = "echo/udp.rs"]
mod udp;

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};

use arguments::{Arguments, give_up};
use ptk_core::Never;
use ptk_core::prelude::*;
use ptk_examples::echo::client::Plan;
use ptk_examples::echo::message;
use ptk_linux::Linux;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use signals::Signals;
use static_cell::ConstStaticCell;

const USAGE: &str = "\
Usage: echo [--udp] [--listen ADDRESS:PORT] [--connections N]
       echo client [--udp] HOST:PORT [--count N] [--size BYTES] [--timeout MILLISECONDS]

Sends back what it receives, until SIGINT or SIGTERM. SIGUSR1 lists its tasks.

  --listen ADDRESS:PORT  where to listen; port 0 takes a free one (default 127.0.0.1:7007)
  --connections N        connections at once, 1 to 10000 (default 1100); more wait their turn. TCP only
  --udp                  datagrams in place of connections, of up to 2048 bytes; longer ones come back cut

client: sends messages one after the other and checks what comes back.
  --count N               how many, 1 to 1000000 (default 10)
  --size BYTES            how long each is, 4 to 4096 bytes (default 64)
  --timeout MILLISECONDS  for a connect and for each echo, 1 to 60000 (default 1000); what takes longer over UDP is lost

The client's exit status: 0 if something came back and all of that was right, 1 if not. Wrong arguments give 2.
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
    match arguments.next() {
        Some(command) if command == "client" => client_command(arguments),
        first => server_command(first, arguments),
    }
}

fn server_command(mut next: Option<String>, mut arguments: Arguments) {
    let mut address = SocketAddr::from((Ipv4Addr::LOCALHOST, 7007));
    let (mut connections, mut is_udp) = (None, false);
    while let Some(argument) = next {
        match argument.as_str() {
            "--listen" => address = arguments.address("--listen"),
            "--connections" => connections = Some(arguments.number("--connections", 1..=LIMIT as u32)),
            "--udp" => is_udp = true,
            other => arguments.unexpected(other),
        }
        next = arguments.next();
    }
    let served = match connections {
        Some(_) if is_udp => arguments.fail("--connections is for TCP, not for --udp"),
        _ if is_udp => udp::serve(address),
        connections => {
            let connections = connections.unwrap_or(1100);
            allow_descriptors(u64::from(connections) + RESERVE);
            serve(address, connections as usize)
        }
    };
    if let Err(error) = served {
        give_up("echo", format_args!("{address}: {error}"));
    }
}

fn client_command(mut arguments: Arguments) {
    let (mut count, mut size, mut timeout) = (10, 64, 1000);
    let (mut server, mut is_udp) = (None, false);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--udp" => is_udp = true,
            "--count" => count = arguments.number("--count", 1..=1_000_000),
            "--size" => size = arguments.number("--size", message::MIN as u32..=message::MAX as u32),
            "--timeout" => timeout = arguments.number("--timeout", 1..=60_000),
            text if server.is_none() && !text.starts_with('-') => server = Some(arguments.parse_address(text)),
            other => arguments.unexpected(other),
        }
    }
    let timeout = Duration::from_millis(timeout.into());
    match server {
        Some(server) if server.port() != 0 => client::run(Plan { server, count, size: size as usize, timeout }, is_udp),
        Some(_) => arguments.fail("the client needs a port other than 0"),
        None => arguments.fail("the client needs a server: HOST:PORT"),
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
