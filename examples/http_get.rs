//! Gets one resource over HTTP: name, connect, send, receive.
//!
//! `cargo run --release --example http_get -- http://example.com/`
//!
//! What speaks HTTP is in the library [`ptk_examples::http`]; here are the loop, the command line and what is printed.

#[path = "shared/arguments.rs"]
mod arguments;
#[path = "shared/signals.rs"]
mod signals;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::ops::ControlFlow;

use arguments::{Arguments, give_up};
use ptk_core::prelude::*;
use ptk_examples::http::get::{Fault, Get, PATIENCE, Receiver};
use ptk_examples::http::url::Url;
use ptk_linux::Linux;
use signals::Signals;

const USAGE: &str = "\
Usage: http_get [--resolver ADDRESS:PORT] [--patience SECONDS] http://HOST[:PORT][/PATH]

Writes what is there to the standard output, whatever the server's status, and everything else to the standard error.
HOST is a name, an IPv4 address, or an IPv6 address in brackets. SIGUSR1 lists the tasks.

  --resolver ADDRESS:PORT  the name server to ask, in place of those of the system
  --patience SECONDS       for the connection, the request, the header, and each piece of the body, 1 to 3600
                           (default 10)

Limits: HTTP/1 without TLS; URLs of 1024 bytes, headers of 8192; redirects are not followed. Bodies may have any length.
A closed standard output is as good as /dev/null: that it was closed cannot be seen any more.
Exit status: 0 if all of it came with status 200, 1 if not, 2 if the arguments are wrong.
";

/// The name before complaints.
const PROGRAM: &str = "http_get";

/// The status of success (RFC 9110, 15.3.1).
const OK: u16 = 200;

/// The standard output.
struct Output {
    /// Why it took no more.
    failure: Option<io::Error>,
}

impl Receiver for Output {
    fn body(&mut self, piece: &[u8]) -> ControlFlow<()> {
        match io::stdout().write_all(piece) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.failure = Some(error);
                ControlFlow::Break(())
            }
        }
    }
}

#[derive(TaskSet)]
#[task(platform = Linux<'static>)]
struct App<'u> {
    signals: Signals,
    #[task(done = Self::stop)]
    get: Get<'u>,
    #[task(shared)]
    output: Output,
    /// What came of it; `None` if a signal came first.
    #[task(skip)]
    result: Option<Result<u16, Fault>>,
}

impl App<'_> {
    fn stop(&mut self, _: usize, result: Result<u16, Fault>, cx: &mut Cx<'_, Linux<'static>>) {
        self.result = Some(result);
        cx.stop();
    }
}

ptk_core::event_loop! {
    static LOOP: Linux<'static> = Linux::new();
    id: 0, tasks: 2, sockets: 4, events: signals::SOURCES, lookups: 1
}

fn main() {
    let mut arguments = Arguments::new(PROGRAM, USAGE);
    let (mut url, mut resolver, mut patience) = (None, None, PATIENCE);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--resolver" => resolver = Some(arguments.peer("--resolver")),
            "--patience" => patience = Duration::from_secs(arguments.number("--patience", 1..=3600).into()),
            text if url.is_none() && !text.starts_with('-') => url = Some(argument),
            other => arguments.unexpected(other),
        }
    }
    let Some(text) = url else { arguments.fail("a URL is needed: http://HOST[:PORT][/PATH]") };
    let url = Url::parse(&text).unwrap_or_else(|reason| arguments.fail(format_args!("`{text}`: {reason}")));
    run(&text, url, resolver, patience);
}

/// Gets `url`, and ends the process if there is less than all of it.
fn run(text: &str, url: Url<'_>, resolver: Option<SocketAddr>, patience: Duration) {
    let mut app =
        App { signals: Signals::new(), get: Get::new(url, patience), output: Output { failure: None }, result: None };
    if let Err(error) = run_loop(&mut app, resolver) {
        give_up(PROGRAM, error);
    }
    if let Some(error) = app.output.failure.or_else(|| io::stdout().flush().err()) {
        give_up(PROGRAM, format_args!("cannot write the body: {error}"));
    }
    match app.result {
        Some(Ok(OK)) => {}
        Some(Ok(status)) => give_up(PROGRAM, format_args!("{text}: the server's status is {status}")),
        Some(Err(Fault::Link(error))) => give_up(PROGRAM, format_args!("{text}: {}: {error}", app.get.stage())),
        Some(Err(fault)) => give_up(PROGRAM, format_args!("{text}: {fault}")),
        None => give_up(PROGRAM, format_args!("{text}: interrupted")),
    }
}

/// Runs the loop until the request has ended or a signal comes.
fn run_loop(app: &mut App<'_>, resolver: Option<SocketAddr>) -> Result<(), Error> {
    let event_loop = LOOP.take();
    signals::open(event_loop)?;
    let mut cx = event_loop.cx();
    if let Some(resolver) = resolver {
        cx.set_name_servers(&[resolver])?;
    }
    app.signals.install(&mut cx)?;
    signals::run(event_loop, app, |app| &mut app.signals)
}
