//! Modbus/TCP: a demonstration, a server, a client.
//!
//! `cargo run --release --example modbus` runs a server and clients in one process over real loopback connections; see
//! `--help` for the rest. What speaks Modbus is in the library [`ptk_examples::modbus`]; here are the loops, the command
//! line and what is printed.

#[path = "../shared/allocations.rs"]
mod allocations;
#[path = "../shared/arguments.rs"]
mod arguments;
mod client;
mod demo;
mod memory;
#[path = "../shared/modbus_world.rs"]
mod modbus_world;
mod server;
#[path = "../shared/signals.rs"]
mod signals;
mod simulated;
mod tank;
mod traffic;

use std::net::{Ipv4Addr, SocketAddr};

use arguments::Arguments;
use ptk_core::Duration;

const USAGE: &str = "\
Usage: modbus [demo] [--seconds N] [--backend linux | --backend mock [--seed N]]
       modbus server [--listen ADDRESS:PORT] [--idle SECONDS]
       modbus client HOST:PORT [--unit N] [--timeout MILLISECONDS] [--polls N | --once] [--patience SECONDS]

demo, or no command: a demonstration. A server and its clients exercise each other in one process over loopback
connections while a simulated tank is shown, then come the totals.
  --seconds N             how long, 1 to 3600 (default 5)
  --backend mock          the same server and clients in a simulated world: on hosts of their own, in virtual time, and
                          whatever goes wrong follows from the seed. The last line is `trace HASH`, always the same for
                          a seed.
  --seed N                the seed, 0 to 4294967295 (default 1)

server: serves up to 64 connections until SIGINT or SIGTERM. SIGUSR1 lists its tasks.
  --listen ADDRESS:PORT   where to listen; port 0 takes a free one (default 127.0.0.1:1502)
  --idle SECONDS          closes connections whose next request takes longer, 1 to 86400 (default 60)

client: reads the tank once a second until SIGINT or SIGTERM. When the connection breaks, it connects again, at least
every two seconds. HOST is an IPv4 address, an IPv6 address in brackets, or `localhost`.
  --unit N                the unit that is asked, 0 to 255 (default 1)
  --timeout MILLISECONDS  for a connect and for each of two attempts at a request, 10 to 60000 (default 1000)
  --polls N               ends after N polls, failed ones included; fails if one of them has failed
  --once                  as --polls 1
  --patience SECONDS      gives up if no server has answered so long after the start, 0 to 86400 (default 5)

Otherwise the last line of output is `requests=N errors=N allocations=N`; allocations are those since the loop began.
Exit status: 0 if all went well, 1 if not, 2 if the arguments are wrong.
";

/// The name before complaints.
const PROGRAM: &str = "modbus";

fn main() {
    let mut arguments = Arguments::new(PROGRAM, USAGE);
    match arguments.next().as_deref() {
        Some("server") => server_command(arguments),
        Some("client") => client_command(arguments),
        Some("demo") => {
            let first = arguments.next();
            demo_command(first.as_deref(), arguments);
        }
        first => demo_command(first, arguments),
    }
}

fn demo_command(first: Option<&str>, mut arguments: Arguments) {
    let mut seconds = 5;
    let (mut is_simulated, mut seed) = (false, None);
    let mut next = first.map(str::to_owned);
    while let Some(argument) = next {
        match argument.as_str() {
            "--seconds" => seconds = arguments.number("--seconds", 1..=3600),
            "--backend" => is_simulated = is_mock(&mut arguments),
            "--seed" => seed = Some(arguments.number("--seed", 0..=u32::MAX)),
            other => arguments.unexpected(other),
        }
        next = arguments.next();
    }
    let duration = Duration::from_secs(u64::from(seconds));
    match (is_simulated, seed) {
        (true, seed) => simulated::run(duration, u64::from(seed.unwrap_or(1))),
        (false, None) => demo::run(duration),
        (false, Some(_)) => arguments.fail("--seed goes with --backend mock"),
    }
}

fn is_mock(arguments: &mut Arguments) -> bool {
    match arguments.value("--backend").as_str() {
        "mock" => true,
        "linux" => false,
        other => arguments.fail(format_args!("--backend `{other}`: there are linux and mock")),
    }
}

fn server_command(mut arguments: Arguments) {
    let mut address = SocketAddr::from((Ipv4Addr::LOCALHOST, 1502));
    let mut idle = 60;
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--listen" => address = arguments.address("--listen"),
            "--idle" => idle = arguments.number("--idle", 1..=86_400),
            other => arguments.unexpected(other),
        }
    }
    server::run(address, Duration::from_secs(u64::from(idle)));
}

fn client_command(mut arguments: Arguments) {
    let mut plan = client::Plan::default();
    let mut peer = None;
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--unit" => plan.unit = arguments.number("--unit", 0..=255) as u8,
            "--timeout" => {
                plan.timeout = Duration::from_millis(u64::from(arguments.number("--timeout", 10..=60_000)));
            }
            "--polls" => plan.polls = Some(arguments.number("--polls", 1..=u32::MAX)),
            "--once" => plan.polls = Some(1),
            "--patience" => {
                plan.patience = Duration::from_secs(u64::from(arguments.number("--patience", 0..=86_400)));
            }
            text if peer.is_none() && !text.starts_with('-') => peer = Some(arguments.parse_peer(text)),
            other => arguments.unexpected(other),
        }
    }
    match peer {
        Some(peer) => client::run(peer, &plan),
        None => arguments.fail("the client needs a server: HOST:PORT"),
    }
}
