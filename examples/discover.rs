//! Finds EtherNet/IP devices by broadcast, and can be one.
//!
//! `cargo run --release --example discover`
//!
//! What speaks EtherNet/IP is in the library [`ptk_examples::ethernet_ip`]; here are the loops, the command line and what
//! is printed.

#[path = "shared/arguments.rs"]
mod arguments;
#[path = "shared/signals.rs"]
mod signals;

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use arguments::{Arguments, give_up};
use ptk_core::prelude::*;
use ptk_examples::ethernet_ip::PORT;
use ptk_examples::ethernet_ip::discovery::{Device, Discovery, Findings};
use ptk_examples::ethernet_ip::identity::{Identity, Name, state_name};
use ptk_examples::ethernet_ip::responder::{Connection, Datagrams, Station};
use ptk_linux::Linux;
use signals::Signals;

const USAGE: &str = "\
Usage: discover [--to ADDRESS:PORT] [--time MILLISECONDS]
       discover respond [--listen ADDRESS:PORT] [--serial N] [--name TEXT]

Asks for EtherNet/IP devices (ListIdentity over UDP), three times, and shows what has answered when the time is over.
SIGUSR1 lists the tasks.
  --to ADDRESS:PORT    whom to ask (default 255.255.255.255:44818: the network of the default route; for another one name
                       its broadcast address)
  --time MILLISECONDS  how long, 100 to 60000 (default 3000)

respond: is a device that answers ListIdentity over UDP and TCP, to up to 8 connections, until SIGINT or SIGTERM.
  --listen ADDRESS:PORT  where; port 0 takes a free one (default 0.0.0.0:44818). Broadcasts reach 0.0.0.0 only
  --serial N             its serial number (default 1)
  --name TEXT            its product name, at most 32 characters of ASCII (default `PTK discover`)

Limits: IPv4; 256 devices. A device that answers several times counts once.
Exit status: 0 if anything has answered, 1 if nothing did or it could not be asked, 2 if the arguments are wrong.
";

/// The name before complaints.
const PROGRAM: &str = "discover";

/// How many devices there is memory for.
const DEVICES: usize = 256;

/// How many connections are answered at once.
const CONNECTIONS: usize = 8;

/// The state of a device that works.
const OPERATIONAL: u8 = 3;

fn main() {
    let mut arguments = Arguments::new(PROGRAM, USAGE);
    match arguments.next() {
        Some(command) if command == "respond" => respond_command(arguments),
        first => ask_command(first, arguments),
    }
}

fn ask_command(mut next: Option<String>, mut arguments: Arguments) {
    let mut to = SocketAddrV4::new(Ipv4Addr::BROADCAST, PORT);
    let mut time = 3000;
    while let Some(argument) = next {
        match argument.as_str() {
            "--to" => to = ipv4(&mut arguments, "--to"),
            "--time" => time = arguments.number("--time", 100..=60_000),
            other => arguments.unexpected(other),
        }
        next = arguments.next();
    }
    if to.port() == 0 || to.ip().is_unspecified() {
        arguments.fail("--to needs an address and a port other than 0");
    }
    ask(to, Duration::from_millis(time.into()));
}

fn respond_command(mut arguments: Arguments) {
    let mut listen = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, PORT);
    let (mut serial, mut name) = (1, "PTK discover".to_owned());
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--listen" => listen = ipv4(&mut arguments, "--listen"),
            "--serial" => serial = arguments.number("--serial", 0..=u32::MAX),
            "--name" => name = product_name(&mut arguments),
            other => arguments.unexpected(other),
        }
    }
    respond(listen, serial, Name::new(name.as_bytes()));
}

fn ipv4(arguments: &mut Arguments, flag: &str) -> SocketAddrV4 {
    match arguments.address(flag) {
        SocketAddr::V4(address) => address,
        SocketAddr::V6(address) => arguments.fail(format_args!("{flag} needs an IPv4 address, not {address}")),
    }
}

fn product_name(arguments: &mut Arguments) -> String {
    let name = arguments.value("--name");
    if name.len() > 32 || !name.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        arguments.fail(format_args!("--name needs at most 32 characters of ASCII, not `{name}`"));
    }
    name
}

#[derive(TaskSet)]
#[task(platform = Linux<'static>)]
struct Asking {
    signals: Signals,
    #[task(done = Self::stop)]
    discovery: Discovery,
    #[task(shared)]
    findings: Findings<DEVICES>,
}

impl Asking {
    fn stop(&mut self, _: usize, result: Result<(), Error>, cx: &mut Cx<'_, Linux<'static>>) -> Result<(), Error> {
        cx.stop();
        result
    }
}

ptk_core::event_loop! {
    static LOOP: Linux<'static> = Linux::new();
    id: 0, tasks: 2, sockets: 1, events: signals::SOURCES
}

/// Asks, and ends the process if nothing has answered.
fn ask(to: SocketAddrV4, time: Duration) {
    let event_loop = LOOP.take();
    let mut app = Asking { signals: Signals::new(), discovery: Discovery::new(to, time), findings: Findings::new() };
    let prepared = signals::open(event_loop).and_then(|()| app.signals.install(&mut event_loop.cx()));
    let ran = prepared.and_then(|()| signals::run(event_loop, &mut app, |app| &mut app.signals));
    if let Err(error) = ran {
        give_up(PROGRAM, format_args!("{to}: {error}"));
    }
    let Findings { repeated, garbage, dropped, .. } = app.findings;
    if app.findings.devices().next().is_none() {
        let time = time.as_millis();
        give_up(PROGRAM, format_args!("{to}: no device has answered in {time} ms, {garbage} datagrams were garbage"));
    }
    print(&app.findings);
    let devices = app.findings.devices().count();
    let _ = writeln!(std::io::stdout(), "devices={devices} repeated={repeated} garbage={garbage} dropped={dropped}");
}

fn print(findings: &Findings<DEVICES>) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(
        out,
        "{:<21} {:>6} {:>6} {:>7} {:>8} {:>8}   {:>6}   {:<19}  name",
        "address", "vendor", "type", "product", "revision", "serial", "status", "state"
    );
    for Device { from, identity } in findings.devices() {
        let Identity { vendor, device_type, product_code, revision: (major, minor), serial, .. } = *identity;
        let (status, state, name) = (identity.status, state_name(identity.state), identity.name);
        let _ = writeln!(
            out,
            "{from:<21} {vendor:>6} {device_type:>6} {product_code:>7} {major:>5}.{minor:<2} {serial:08x}   0x{status:04x}   {state:<19}  {name}",
        );
    }
}

#[derive(TaskSet)]
struct Responding {
    signals: Signals,
    datagrams: Datagrams,
    connections: [Connection; CONNECTIONS],
    #[task(shared)]
    station: Station,
}

ptk_core::event_loop! {
    static RESPONDER: Linux<'static> = Linux::new();
    // The listener, the datagrams, and a socket to find out one's own address.
    id: 0, tasks: CONNECTIONS + 2, sockets: CONNECTIONS + 3, events: signals::SOURCES
}

/// Answers until a signal comes.
fn respond(listen: SocketAddrV4, serial: u32, name: Name) {
    let event_loop = RESPONDER.take();
    let identity = Identity {
        address: listen,
        // Not a number that the ODVA has given away.
        vendor: 0xFFFF,
        // Communications adapter.
        device_type: 12,
        product_code: 1,
        revision: (1, 1),
        status: 0,
        serial,
        name,
        state: OPERATIONAL,
    };
    let mut app = Responding {
        signals: Signals::new(),
        datagrams: Datagrams::new(),
        connections: [const { Connection::new() }; CONNECTIONS],
        station: Station::new(identity),
    };
    let prepared = signals::open(event_loop).and_then(|()| prepare(&mut app, &mut event_loop.cx(), listen));
    if let Err(error) = prepared {
        give_up(PROGRAM, format_args!("cannot listen on {listen}: {error}"));
    }
    if let Err(error) = signals::run(event_loop, &mut app, |app| &mut app.signals) {
        give_up(PROGRAM, error);
    }
    let Station { answered, ignored, .. } = app.station;
    let _ = writeln!(std::io::stdout(), "answered={answered} ignored={ignored}");
}

/// Opens both sockets, on one port, and says where.
fn prepare(app: &mut Responding, cx: &mut Cx<'_, Linux<'static>>, listen: SocketAddrV4) -> Result<(), Error> {
    app.signals.install(cx)?;
    let station = &mut app.station;
    station.socket = cx.udp_socket(listen.into())?;
    let address = cx.local_address(station.socket)?;
    station.listener = cx.listen(address)?;
    station.identity.address.set_port(address.port());
    let _ = writeln!(std::io::stdout(), "listening on {address}");
    Ok(())
}
