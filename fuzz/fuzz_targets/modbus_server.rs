//! A Modbus server on the simulator, fed with any bytes cut anywhere: it never panics, never spins, and when its peers
//! are gone it has one socket, its listener.
//!
//! The input is a list of pieces: a byte for the length, and what to do after sending so many of the bytes behind it.
#![no_main]

use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use libfuzzer_sys::fuzz_target;
use ptk_core::prelude::*;
use ptk_examples::modbus::TANK;
use ptk_examples::modbus::server::{Connection, Station};
use ptk_mock::Mock;

const ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 502);

/// Connections that one input may make.
const CONNECTIONS: u32 = 8;

/// A loop that takes more turns than this for one input spins: each piece takes some ten.
const MOST_TURNS: u64 = 50_000;

/// The longest input that is looked at, so that the limit above holds for all.
const MOST_BYTES: usize = 2048;

type Loop = EventLoop<Mock, 2, 8, 2>;

#[derive(TaskSet)]
struct Server {
    connections: [Connection; 2],
    #[task(shared)]
    station: Station,
}

/// What the peer does next.
enum Step<'a> {
    Send(&'a [u8]),
    Pause(Duration),
    Shutdown,
    Close,
    Abort,
}

/// Takes one step off the front of the input.
fn next_step<'a>(input: &mut &'a [u8]) -> Option<Step<'a>> {
    let (&kind, rest) = input.split_first()?;
    *input = rest;
    Some(match kind {
        250 => Step::Pause(Duration::from_millis(1)),
        251 => Step::Pause(Duration::from_secs(61)),
        252 => Step::Shutdown,
        253 => Step::Close,
        254 => Step::Abort,
        _ => {
            let (piece, rest) = input.split_at(usize::from(kind).min(input.len()));
            *input = rest;
            Step::Send(piece)
        }
    })
}

struct Stage {
    event_loop: Loop,
    server: Server,
    peer: TcpSocket,
    connections: u32,
}

impl Stage {
    fn new() -> Self {
        let mut event_loop = Loop::new(0, Mock::new());
        event_loop.open().expect("the mock opens");
        let mut station = Station::new(TANK);
        station.listener = event_loop.cx().listen(ADDRESS).expect("the address is free");
        let server = Server { connections: [const { Connection::new() }; 2], station };
        Stage { event_loop, server, peer: TcpSocket::NONE, connections: 0 }
    }

    /// Turns until nothing more happens before `time` is over.
    fn pass(&mut self, time: Duration) {
        let until = self.event_loop.cx().now() + time;
        loop {
            match self.event_loop.next_deadline() {
                Some(deadline) if deadline <= until => {}
                _ => break,
            }
            self.event_loop.turn(&mut self.server).expect("something is due");
            assert!(self.event_loop.counters().turns < MOST_TURNS, "the loop spins");
        }
        let now = self.event_loop.cx().now();
        if now < until {
            self.event_loop.platform_mut().advance(until - now);
        }
    }

    /// Lets the loop take in what has happened, and what follows from that.
    fn settle(&mut self) {
        loop {
            let before = self.event_loop.counters().polls;
            self.event_loop.turn_now(&mut self.server).expect("a turn that does not wait");
            assert!(self.event_loop.counters().turns < MOST_TURNS, "the loop spins");
            self.read_answers();
            if self.event_loop.counters().polls == before && self.event_loop.next_deadline() != Some(Instant::ORIGIN) {
                return;
            }
        }
    }

    /// Reads what the server has answered, so that it can go on.
    fn read_answers(&mut self) {
        let mut answers = [0; 512];
        while matches!(self.event_loop.cx().try_recv(self.peer, &mut answers), Ok(1..)) {}
    }

    /// A connection to the server; `false` if there have been enough.
    fn connect(&mut self) -> bool {
        if !self.peer.is_none() {
            return true;
        }
        if self.connections == CONNECTIONS {
            return false;
        }
        self.connections += 1;
        let Ok(peer) = self.event_loop.cx().tcp_socket(&Options::DEFAULT) else { return false };
        self.peer = peer;
        for _ in 0..16 {
            if self.event_loop.cx().connect_on(peer, ADDRESS).is_ready() {
                return true;
            }
            self.settle();
            self.pass(Duration::from_millis(1));
        }
        panic!("the server's listener does not answer any more");
    }

    /// Sends a piece; what the connection does not take is lost, as with a peer that gives up.
    fn send(&mut self, mut piece: &[u8]) {
        while !piece.is_empty() {
            let Ok(count) = self.event_loop.cx().try_send(self.peer, piece) else { return };
            piece = &piece[count..];
            self.settle();
        }
    }

    fn take(&mut self, step: Step<'_>) {
        let mut cx = self.event_loop.cx();
        // A peer whose connection has failed can still do all this: it is refused.
        match step {
            Step::Send(piece) => self.send(piece),
            Step::Pause(time) => self.pass(time),
            Step::Shutdown => drop(cx.shutdown(self.peer, Half::Write)),
            Step::Close => drop(cx.close(core::mem::replace(&mut self.peer, TcpSocket::NONE))),
            Step::Abort => drop(cx.abort(core::mem::replace(&mut self.peer, TcpSocket::NONE))),
        }
        self.settle();
    }

    /// Ends the peer; the server's places must become free, and nothing but the listener stay open.
    fn end(mut self) {
        let peer = core::mem::replace(&mut self.peer, TcpSocket::NONE);
        let _ = self.event_loop.cx().close(peer);
        self.pass(Duration::from_secs(300));
        self.settle();
        assert_eq!(self.event_loop.tables().sockets.used, 1, "a socket leaks in the loop");
        assert_eq!(self.event_loop.platform().open_sockets(), 1, "a socket leaks in the platform");
        assert_eq!(self.event_loop.tables().tasks.used, 2, "a place of the server has ended");
        assert_eq!(self.event_loop.counters().failed_tasks, 0);
    }
}

fuzz_target!(|input: &[u8]| {
    let mut rest = &input[..input.len().min(MOST_BYTES)];
    let mut stage = Stage::new();
    stage.settle();
    while stage.connect()
        && let Some(step) = next_step(&mut rest)
    {
        stage.take(step);
    }
    stage.end();
});
