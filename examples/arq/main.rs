//! Messages over UDP, each handed up once and in order; and how that is proved.
//!
//! `cargo run --release --example arq -- prove`
//!
//! The protocol is in the library [`ptk_examples::arq`]; here are the command line, the loops on Linux, and the simulated
//! machines.

#[path = "../shared/arguments.rs"]
mod arguments;
mod receive;
mod send;
#[path = "../shared/signals.rs"]
mod signals;
mod simulate;
mod worlds;

use std::net::{Ipv4Addr, SocketAddr};

use arguments::{Arguments, give_up};
use ptk_core::Error;
use ptk_core::prelude::EventLoop;
use ptk_examples::arq::numbered::MIN;
use ptk_examples::arq::{MAX_MESSAGE, Variant};
use ptk_examples::lossy::Lossy;
use ptk_linux::Linux;

const USAGE: &str = "\
Usage: arq receive [--listen ADDRESS:PORT] [--loss PERCENT]
       arq send HOST:PORT [--count N] [--size BYTES] [--loss PERCENT]
       arq prove [--seeds N]
       arq break [--variant NAME] [--seeds N] [--folder FOLDER]

Reliable messages over UDP: each is handed up once and in order.

receive: receives from one sender after the other, and says of each what came, until SIGINT or SIGTERM.
  --listen ADDRESS:PORT  where to listen; port 0 takes a free one (default 127.0.0.1:7007)
  --loss PERCENT         loses so much of what it sends, and doubles as much of the rest, 0 to 90 (default 0)

send: sends numbered messages, and ends when all of them were handed up. SIGUSR1 lists the tasks, also of the receiver.
  --count N              how many, 1 to 1000000 (default 1000)
  --size BYTES           how long each is, 4 to 128 bytes (default 64)
  --loss PERCENT         as above

prove: a sender and a receiver on simulated machines, whose network loses, doubles and delays, and all else goes wrong
that can. Says in how many seeds all messages came once and in order: in all of them.
  --seeds N              how many, 1 to 100000000 (default 10000)

break: the same with a mistake. Finds a seed that shows it, shrinks what went wrong to what it takes, draws it, and
says how to see it again.
  --variant NAME         short-numbers (default), duplicates, off-by-one, unchecked
  --seeds N              how many at most, 1 to 100000000 (default 100000)
  --folder FOLDER        where the page and the packets are written to (default .)

Exit status: 0 if all were sent, proved, or the mistake was found; 1 if not; 2 if the arguments are wrong.
";

/// The name before complaints.
const PROGRAM: &str = "arq";

/// Where datagrams get lost for this program to show what it does about it.
type Platform = Lossy<Linux<'static>>;

fn main() {
    let mut arguments = Arguments::new(PROGRAM, USAGE);
    match arguments.next().as_deref() {
        Some("receive") => receive_command(arguments),
        Some("send") => send_command(arguments),
        Some("prove") => prove_command(arguments),
        Some("break") => break_command(arguments),
        Some(other) => arguments.unexpected(other),
        None => arguments.fail("say what to do: receive, send, prove or break"),
    }
}

fn receive_command(mut arguments: Arguments) {
    let mut address = SocketAddr::from((Ipv4Addr::LOCALHOST, 7007));
    let mut loss = 0;
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--listen" => address = arguments.address("--listen"),
            "--loss" => loss = arguments.number("--loss", 0..=90),
            other => arguments.unexpected(other),
        }
    }
    if let Err(error) = receive::run(address, loss) {
        give_up(PROGRAM, format_args!("{address}: {error}"));
    }
}

fn send_command(mut arguments: Arguments) {
    let (mut peer, mut count, mut size, mut loss) = (None, 1000, 64, 0);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--count" => count = arguments.number("--count", 1..=1_000_000),
            "--size" => size = arguments.number("--size", MIN as u32..=MAX_MESSAGE as u32),
            "--loss" => loss = arguments.number("--loss", 0..=90),
            text if peer.is_none() && !text.starts_with('-') => peer = Some(arguments.parse_peer(text)),
            other => arguments.unexpected(other),
        }
    }
    let Some(peer) = peer else { arguments.fail("a receiver is needed: HOST:PORT") };
    send::run(peer, count, size as usize, loss);
}

fn prove_command(mut arguments: Arguments) {
    let mut seeds = 10_000;
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--seeds" => seeds = arguments.number("--seeds", 1..=100_000_000),
            other => arguments.unexpected(other),
        }
    }
    simulate::prove(seeds.into());
}

fn break_command(mut arguments: Arguments) {
    let (mut variant, mut seeds, mut folder) = (Variant::ShortNumbers, 100_000, ".".to_owned());
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--variant" => variant = named_variant(&mut arguments),
            "--seeds" => seeds = arguments.number("--seeds", 1..=100_000_000),
            "--folder" => folder = arguments.value("--folder"),
            other => arguments.unexpected(other),
        }
    }
    simulate::find(variant, seeds.into(), folder.as_ref());
}

fn named_variant(arguments: &mut Arguments) -> Variant {
    let name = arguments.value("--variant");
    let variant = Variant::named(&name).filter(|variant| *variant != Variant::Correct);
    variant.unwrap_or_else(|| arguments.fail(format_args!("there is no variant `{name}` with a mistake")))
}

/// Opens a loop on a platform that loses so many of a hundred datagrams, and sends as many of the others twice.
fn open<const T: usize, const N: usize, const M: usize, const E: usize, const L: usize>(
    event_loop: &mut EventLoop<Platform, T, N, M, E, L>,
    percent: u32,
) -> Result<(), Error> {
    event_loop.platform_mut().set(percent * 10_000, percent * 10_000, 0);
    event_loop.platform_mut().platform_mut().set_port(&signals::PORT)?;
    event_loop.open()
}
