//! Echo: a server over TCP, the same over UDP, and clients for both.
//!
//! `cargo run --release --example echo -- --listen 127.0.0.1:7007 --connections 1100`
//!
//! The server over TCP is the file `tcp.rs`, whole. What the others say and check is in the library
//! [`ptk_examples::echo`]; here is the command line.

#[path = "../shared/arguments.rs"]
mod arguments;
mod client;
#[path = "../shared/signals.rs"]
mod signals;
mod tcp;
mod udp;

use std::net::{Ipv4Addr, SocketAddr};

use arguments::{Arguments, give_up};
use ptk_core::Duration;
use ptk_examples::echo::client::Plan;
use ptk_examples::echo::message;

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

/// The name before complaints.
const PROGRAM: &str = "echo";

fn main() {
    let mut arguments = Arguments::new(PROGRAM, USAGE);
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
            "--connections" => connections = Some(arguments.number("--connections", 1..=tcp::LIMIT as u32)),
            "--udp" => is_udp = true,
            other => arguments.unexpected(other),
        }
        next = arguments.next();
    }
    let served = match connections {
        Some(_) if is_udp => arguments.fail("--connections is for TCP, not for --udp"),
        _ if is_udp => udp::serve(address),
        connections => tcp::serve(address, connections.unwrap_or(1100)),
    };
    if let Err(error) = served {
        give_up(PROGRAM, format_args!("{address}: {error}"));
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
            text if server.is_none() && !text.starts_with('-') => server = Some(arguments.parse_peer(text)),
            other => arguments.unexpected(other),
        }
    }
    let timeout = Duration::from_millis(timeout.into());
    match server {
        Some(server) => client::run(Plan { server, count, size: size as usize, timeout }, is_udp),
        None => arguments.fail("the client needs a server: HOST:PORT"),
    }
}
