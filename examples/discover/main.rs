//! Finds EtherNet/IP devices by broadcast, and can be one.
//!
//! `cargo run --release --example discover`
//!
//! What speaks EtherNet/IP is in the library [`ptk_examples::ethernet_ip`]; here are the loops, the command line and what
//! is printed.

#[path = "../shared/arguments.rs"]
mod arguments;
mod ask;
mod respond;
#[path = "../shared/signals.rs"]
mod signals;

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use arguments::Arguments;
use ptk_core::Duration;
use ptk_examples::ethernet_ip::PORT;
use ptk_examples::ethernet_ip::identity::{MAX_NAME, Name};

const USAGE: &str = "\
Usage: discover [--to ADDRESS:PORT] [--time MILLISECONDS]
       discover respond [--listen ADDRESS:PORT] [--serial N] [--name TEXT]

Asks for EtherNet/IP devices (ListIdentity over UDP), three times, and shows what has answered when the time is over.
The last line counts the devices, and the answers that were repeated, no answers at all, or of devices for which there was
no room. SIGUSR1 lists the tasks.
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
    ask::run(to, Duration::from_millis(time.into()));
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
    respond::run(listen, serial, Name::new(name.as_bytes()));
}

fn ipv4(arguments: &mut Arguments, flag: &str) -> SocketAddrV4 {
    match arguments.address(flag) {
        SocketAddr::V4(address) => address,
        SocketAddr::V6(address) => arguments.fail(format_args!("{flag} needs an IPv4 address, not {address}")),
    }
}

fn product_name(arguments: &mut Arguments) -> String {
    let name = arguments.value("--name");
    if name.len() > MAX_NAME || !name.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        arguments.fail(format_args!("--name needs at most {MAX_NAME} characters of ASCII, not `{name}`"));
    }
    name
}
