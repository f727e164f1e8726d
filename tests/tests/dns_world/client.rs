//! The side that looks up names.

use std::net::{IpAddr, SocketAddr};

use ptk_core::dns::Addresses;
use ptk_core::prelude::*;
use ptk_mock::Mock;

/// One step of a client.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Resolve(&'static str),
    /// With a timeout in milliseconds.
    Try(&'static str, u64),
    Connect(&'static str, u16),
    /// With a timeout in milliseconds.
    TryConnect(&'static str, u16, u64),
    /// Two lookups at once.
    Race(&'static str, &'static str),
    /// A lookup beside a sleep of so many milliseconds.
    Beside(&'static str, u64),
    Sleep(u64),
    SetServers,
}

/// How a step ended, and how many milliseconds after the loop's beginning.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    Found(Vec<String>),
    Connected(SocketAddr),
    Failed(Error),
    TimedOut,
    Slept,
}

/// A task that takes steps, and notes how each ended.
#[derive(Default)]
pub(crate) struct Client {
    pt: PtTimed,
    pub(crate) steps: Vec<Step>,
    pub(crate) servers: Vec<SocketAddr>,
    pub(crate) log: Vec<(Outcome, u64)>,
    pub(crate) done: bool,
}

impl Client {
    fn note(&mut self, cx: &mut Cx<'_, Mock>, outcome: Outcome) {
        let now = cx.now();
        self.log.push((outcome, (now - Instant::ORIGIN).as_micros() / 1000));
    }

    fn note_found(&mut self, cx: &mut Cx<'_, Mock>, found: Result<Addresses, Error>) {
        let outcome = match found {
            Ok(found) => Outcome::Found(found.iter().map(IpAddr::to_string).collect()),
            Err(error) => Outcome::Failed(error),
        };
        self.note(cx, outcome);
    }

    fn note_connected(&mut self, cx: &mut Cx<'_, Mock>, connected: Result<TcpSocket, Error>) {
        let outcome = match connected {
            Ok(socket) => {
                let peer = cx.peer_address(socket).expect("it is connected");
                cx.abort(socket).expect("it is open");
                Outcome::Connected(peer)
            }
            Err(error) => Outcome::Failed(error),
        };
        self.note(cx, outcome);
    }

    fn step(&self) -> Step {
        self.steps[0]
    }

    /// The name that this step is about.
    fn host(&self) -> &'static str {
        match self.step() {
            Step::Resolve(host) | Step::Try(host, _) | Step::Connect(host, _) | Step::TryConnect(host, ..) => host,
            Step::Race(host, _) | Step::Beside(host, _) => host,
            Step::Sleep(_) | Step::SetServers => "",
        }
    }

    fn other(&self) -> &'static str {
        if let Step::Race(_, other) = self.step() { other } else { "" }
    }

    fn time(&self) -> Duration {
        match self.step() {
            Step::Try(_, millis) | Step::Beside(_, millis) | Step::Sleep(millis) | Step::TryConnect(.., millis) => {
                Duration::from_millis(millis)
            }
            _ => Duration::ZERO,
        }
    }

    fn port(&self) -> u16 {
        if let Step::Connect(_, port) | Step::TryConnect(_, port, _) = self.step() { port } else { 0 }
    }
}

impl Protothread<Mock> for Client {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, Mock>, _: &mut ()) -> Result<(), Error> {
        while !self.steps.is_empty() {
            match self.step() {
                Step::Resolve(_) => {
                    let found = wait!(cx.resolve(self.host()));
                    self.note_found(cx, found);
                }
                Step::Try(..) => match wait!(cx.resolve(self.host()), timeout = self.time()) {
                    Ok(found) => self.note_found(cx, found),
                    Err(TimedOut) => self.note(cx, Outcome::TimedOut),
                },
                Step::Connect(..) => {
                    let connected = wait!(cx.connect_to(self.host(), self.port()));
                    self.note_connected(cx, connected);
                }
                Step::TryConnect(..) => match wait!(cx.connect_to(self.host(), self.port()), timeout = self.time()) {
                    Ok(connected) => self.note_connected(cx, connected),
                    Err(TimedOut) => self.note(cx, Outcome::TimedOut),
                },
                Step::Race(..) => match wait!(first!(cx.resolve(self.host()), cx.resolve(self.other()))) {
                    First::A(found) | First::B(found) => self.note_found(cx, found),
                },
                Step::Beside(..) => match wait!(first!(cx.resolve(self.host()), sleep!(self.time()))) {
                    First::A(found) => self.note_found(cx, found),
                    First::B(()) => self.note(cx, Outcome::Slept),
                },
                Step::Sleep(_) => wait!(sleep!(self.time())),
                Step::SetServers => cx.set_name_servers(&self.servers)?,
            }
            self.steps.remove(0);
        }
        self.done = true;
        Ok(())
    }
}
