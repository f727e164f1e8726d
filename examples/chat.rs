//! Chat between processes over multicast.
//!
//! `cargo run --release --example chat -- 239.255.7.7:7007`
//!
//! What sends and receives is in the library [`ptk_examples::chat`]; here are the loop, the command line, the standard input
//! and what is printed.

#[path = "shared/arguments.rs"]
mod arguments;
#[path = "shared/signals.rs"]
mod signals;

use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::ops::ControlFlow;
use std::sync::OnceLock;
use std::thread;

use arguments::{Arguments, give_up};
use ptk_core::Interface;
use ptk_core::prelude::*;
use ptk_examples::chat::{Output, Receiver, Sender, Sockets, Text};
use ptk_linux::{Linux, OwnedFd, descriptor, interface_index};
use signals::Signals;

const USAGE: &str = "\
Usage: chat [--interface INTERFACE] [--linger MILLISECONDS] GROUP:PORT

Sends each line of the standard input to a multicast group, and prints what others send to it, with who they are. Ends a
while after the input has ended, or on SIGINT or SIGTERM. SIGUSR1 lists the tasks. GROUP is an IPv4 address from 224.0.0.0
to 239.255.255.255, or an IPv6 address that begins with ff, in brackets; those of the local link (ff02::) need an
interface. Several processes on one machine may share a group.

  --interface INTERFACE    where the group is: a name, a number, or for IPv4 groups an address (default: as routed)
  --linger MILLISECONDS    how long to listen after the end of the input, 0 to 3600000 (default 500)

Limits: lines of 1024 bytes, longer ones are sent in several; the local network. Lines can get lost, and anybody can send.
Exit status: 0 at the end, 1 if the group cannot be joined or reached or the input cannot be read, 2 if the arguments are
wrong.
";

/// The name before complaints.
const PROGRAM: &str = "chat";

/// Why the standard input could not be read to its end.
static INPUT_FAILURE: OnceLock<io::Error> = OnceLock::new();

/// The standard output.
struct Console;

impl Output for Console {
    fn line(&mut self, from: SocketAddr, line: &[u8], is_cut: bool) -> ControlFlow<()> {
        let rest = if is_cut { " [cut]" } else { "" };
        match writeln!(io::stdout(), "{from}: {}{rest}", Text(line)) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }
}

#[derive(TaskSet)]
#[task(platform = Linux<'static>)]
struct App {
    signals: Signals,
    #[task(done = Self::stop)]
    sender: Sender,
    #[task(done = Self::stop)]
    receiver: Receiver,
    #[task(shared)]
    console: Console,
}

impl App {
    fn stop(&mut self, _: usize, result: Result<(), Error>, cx: &mut Cx<'_, Linux<'static>>) -> Result<(), Error> {
        cx.stop();
        result
    }
}

ptk_core::event_loop! {
    static LOOP: Linux<'static> = Linux::new();
    id: 0, tasks: 3, sockets: 3, events: signals::SOURCES
}

fn main() {
    let mut arguments = Arguments::new(PROGRAM, USAGE);
    let (mut group, mut interface, mut linger) = (None, None, 500);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--interface" => interface = Some(arguments.value("--interface")),
            "--linger" => linger = arguments.number("--linger", 0..=3_600_000),
            text if group.is_none() && !text.starts_with('-') => group = Some(arguments.parse_address(text)),
            other => arguments.unexpected(other),
        }
    }
    let Some(group) = group else { arguments.fail("a group is needed: GROUP:PORT") };
    let on = interface.as_deref().map_or(Interface::Any, |text| parse_interface(&arguments, text));
    check(&arguments, group, on);
    let place = interface.map_or_else(|| group.to_string(), |text| format!("{group} on `{text}`"));
    run(&place, group, on, Duration::from_millis(linger.into()));
}

/// An address, a number, or the name of an interface.
fn parse_interface(arguments: &Arguments, text: &str) -> Interface {
    if let Ok(address) = text.parse() {
        return Interface::Address(address);
    }
    match text.parse().or_else(|_| interface_index(text)) {
        Ok(index) if index != 0 => Interface::Index(index),
        _ => arguments.fail(format_args!("there is no interface `{text}`")),
    }
}

/// What can be known to be wrong before the system is asked.
fn check(arguments: &Arguments, group: SocketAddr, interface: Interface) {
    if !group.ip().is_multicast() || group.port() == 0 {
        arguments.fail(format_args!("`{group}` is no multicast group with a port other than 0"));
    }
    let IpAddr::V6(address) = group.ip() else { return };
    if matches!(interface, Interface::Address(_)) {
        arguments.fail("an IPv6 group needs its interface's name or number");
    }
    // Scopes 1 and 2: this machine, this link (RFC 4291, 2.7).
    if address.octets()[1] & 0xF <= 2 && interface == Interface::Any {
        arguments.fail(format_args!("`{group}` needs an interface: --interface NAME"));
    }
}

/// Chats until the input ends or a signal comes. `place` is the group and its interface in words.
fn run(place: &str, group: SocketAddr, interface: Interface, linger: Duration) {
    let event_loop = LOOP.take();
    let mut app =
        App { signals: Signals::new(), sender: Sender::new(linger), receiver: Receiver::new(), console: Console };
    let prepared = signals::open(event_loop).and_then(|()| prepare(&mut app, &mut event_loop.cx(), group, interface));
    match prepared {
        Ok(()) => {}
        // The group has been looked at before, and the addresses and numbers of interfaces only the system knows.
        Err(Error::InvalidArgument) if interface != Interface::Any => {
            give_up(PROGRAM, format_args!("cannot join {place}: there is no such interface"))
        }
        Err(error) => give_up(PROGRAM, format_args!("cannot join {place}: {error}")),
    }
    if let Err(error) = signals::run(event_loop, &mut app, |app| &mut app.signals) {
        give_up(PROGRAM, format_args!("{place}: {error}"));
    }
    if let Some(error) = INPUT_FAILURE.get() {
        give_up(PROGRAM, format_args!("cannot read the standard input: {error}"));
    }
}

fn prepare(
    app: &mut App,
    cx: &mut Cx<'_, Linux<'static>>,
    group: SocketAddr,
    interface: Interface,
) -> Result<(), Error> {
    app.signals.install(cx)?;
    let sockets = Sockets::open(cx, group, interface)?;
    let own = cx.local_address(sockets.sending)?;
    let input = descriptor::watch(cx, input().map_err(|_| Error::NotSupported)?)?;
    app.receiver.open(sockets.receiving, own);
    app.sender.open(input, sockets.sending);
    let _ = writeln!(io::stdout(), "in {group} as {own}");
    Ok(())
}

/// The standard input through a pipe that a thread fills. The loop could watch a terminal or a pipe itself, but makes
/// what it watches non-blocking for all who share it, the shell and the standard output too; and files cannot be watched.
fn input() -> io::Result<OwnedFd> {
    let (reader, mut writer) = io::pipe()?;
    // It ends with the input, or with the process.
    thread::spawn(move || {
        // A broken pipe is the loop's end, and no fault of the input. The pipe is closed after this, so that whoever
        // sees its end sees the failure.
        if let Err(error) = io::copy(&mut io::stdin(), &mut writer)
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            let _ = INPUT_FAILURE.set(error);
        }
        drop(writer);
    });
    Ok(reader.into())
}
