//! Asks a time server what time it is, and how far this machine's clock is from it.
//!
//! `cargo run --release --example sntp -- 192.0.2.1`
//!
//! What speaks SNTP is in the library [`ptk_examples::sntp`], which reads no wall clock; here are the loop, the command
//! line, this machine's clock and what is printed.

#[path = "shared/arguments.rs"]
mod arguments;
#[path = "shared/signals.rs"]
mod signals;

use std::io::Write;
use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use arguments::{Arguments, give_up};
use ptk_core::prelude::*;
use ptk_examples::address;
use ptk_examples::sntp::PORT;
use ptk_examples::sntp::client::{Client, Fault, Sample};
use ptk_examples::sntp::packet::Leap;
use ptk_examples::sntp::timestamp::UnixTime;
use ptk_linux::Linux;
use signals::Signals;

const USAGE: &str = "\
Usage: sntp [--resolver ADDRESS:PORT] HOST[:PORT]

Asks a server for the time, three times at most: it has 1, 2 and 4 seconds to answer. A name's addresses are asked by
turns; one that refuses is passed over at once. Prints the time in UTC, how far this machine's clock is behind it
(negative: ahead), how long the packets were on their way, the server's stratum, and what it has its time from. Sets
nothing. HOST is a name, an IPv4 address, or an IPv6 address (in brackets if a port follows); the port is 123 unless
named. SIGUSR1 lists the tasks.

  --resolver ADDRESS:PORT  the name server to ask, in place of those of the system

Limits: one server; times from 1968 to 2104. What can be forged on the network can be forged here.
Exit status: 0 if the server has told the time, 1 if not, 2 if the arguments are wrong.
";

/// The name before complaints.
const PROGRAM: &str = "sntp";

#[derive(TaskSet)]
#[task(platform = Linux<'static>)]
struct App<'h> {
    signals: Signals,
    #[task(done = Self::stop)]
    client: Client<'h>,
    /// What came of it; `None` if a signal came first.
    #[task(skip)]
    result: Option<Result<Sample, Fault>>,
}

impl App<'_> {
    fn stop(&mut self, _: usize, result: Result<Sample, Fault>, cx: &mut Cx<'_, Linux<'static>>) {
        self.result = Some(result);
        cx.stop();
    }
}

ptk_core::event_loop! {
    static LOOP: Linux<'static> = Linux::new();
    id: 0, tasks: 2, sockets: 2, events: signals::SOURCES, lookups: 1
}

fn main() {
    let mut arguments = Arguments::new(PROGRAM, USAGE);
    let (mut server, mut resolver) = (None, None);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--resolver" => resolver = Some(arguments.peer("--resolver")),
            text if server.is_none() && !text.starts_with('-') => server = Some(argument),
            other => arguments.unexpected(other),
        }
    }
    let Some(server) = server else { arguments.fail("a server is needed: HOST[:PORT]") };
    let split = address::split(&server, PORT);
    let (host, port) = split.unwrap_or_else(|reason| arguments.fail(format_args!("`{server}`: {reason}")));
    run(&server, Client::new(host, port), resolver);
}

/// Asks, and ends the process if there is no answer that tells the time.
fn run(server: &str, client: Client<'_>, resolver: Option<SocketAddr>) {
    let mut app = App { signals: Signals::new(), client, result: None };
    let now = run_loop(&mut app, resolver).unwrap_or_else(|error| give_up(PROGRAM, error));
    match app.result {
        Some(Ok(sample)) => print(&sample, now, system_time()),
        Some(Err(fault)) => give_up(PROGRAM, format_args!("{server}: {fault}")),
        None => give_up(PROGRAM, format_args!("{server}: interrupted")),
    }
}

/// Runs the loop until the client has ended or a signal comes, and gives the time at its end.
fn run_loop(app: &mut App<'_>, resolver: Option<SocketAddr>) -> Result<Instant, Error> {
    let event_loop = LOOP.take();
    signals::open(event_loop)?;
    let mut cx = event_loop.cx();
    if let Some(resolver) = resolver {
        cx.set_name_servers(&[resolver])?;
    }
    app.signals.install(&mut cx)?;
    signals::run(event_loop, app, |app| &mut app.signals)?;
    Ok(event_loop.cx().now())
}

/// What this machine's clock shows.
fn system_time() -> UnixTime {
    let nanos = |duration: std::time::Duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
    UnixTime::from_nanos(match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => nanos(since),
        Err(before) => -nanos(before.duration()),
    })
}

/// `shown` is what this machine's clock shows at `now`.
fn print(sample: &Sample, now: Instant, shown: UnixTime) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "time        {}", sample.time_at(now));
    let _ = writeln!(out, "offset      {:+.6} s", sample.offset(shown, now) as f64 / 1e9);
    let _ = writeln!(out, "round trip  {:.6} s", sample.round_trip().as_nanos() as f64 / 1e9);
    let _ = writeln!(out, "stratum     {}", sample.answer.stratum);
    let _ = writeln!(out, "reference   {}", sample.answer.reference);
    let leap = match sample.answer.leap {
        Leap::None => return,
        Leap::Insert => "a second is inserted at the end of the month",
        Leap::Delete => "a second is left out at the end of the month",
    };
    let _ = writeln!(out, "leap        {leap}");
}
