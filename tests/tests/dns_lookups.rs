//! Looking up names, in virtual time: the servers are tasks of the same loop, and say whatever a test wants.

mod dns_messages;

use std::net::{IpAddr, SocketAddr};

use dns_messages::{A, AAAA, NAME_ERROR, Query, REFUSED, Reply, SERVER_FAILURE, TRUNCATED, wire};
use ptk_core::dns::Addresses;
use ptk_core::prelude::*;
use ptk_core::{Kind, NameService, WaitingFor};
use ptk_mock::Mock;

const CLIENTS: usize = 3;

type Loop<const LOOKUPS: usize> = EventLoop<Mock, 9, 20, 1, 0, LOOKUPS>;

/// What a server does about a query.
enum Act {
    Say(Vec<u8>),
    /// After so many milliseconds.
    Late(u64, Vec<u8>),
    /// From another socket of the same host.
    Forge(Vec<u8>),
}

/// What server `0` or `1` does about a query that is the `n`th it got.
type Script = fn(server: usize, n: usize, query: &Query) -> Vec<Act>;

/// A name server over UDP.
struct Server {
    pt: PtTimed,
    number: usize,
    script: Script,
    socket: UdpSocket,
    stranger: UdpSocket,
    buffer: Buffer<512>,
    asked: Vec<(String, u16)>,
    ids: Vec<u16>,
    ports: Vec<u16>,
    late: Vec<(Instant, Vec<u8>, SocketAddr)>,
}

impl Server {
    fn due(&self) -> Instant {
        self.late.iter().map(|(at, ..)| *at).min().unwrap_or(Instant::MAX)
    }

    fn act(&mut self, cx: &mut Cx<'_, Mock>, from: SocketAddr) -> Result<(), Error> {
        let query = Query::parse(self.buffer.readable());
        self.buffer.clear();
        self.asked.push((query.name.clone(), query.kind));
        self.ids.push(query.id);
        self.ports.push(from.port());
        for act in (self.script)(self.number, self.asked.len(), &query) {
            match act {
                Act::Say(bytes) => cx.try_send_to(self.socket, &bytes, from)?,
                Act::Forge(bytes) => cx.try_send_to(self.stranger, &bytes, from)?,
                Act::Late(millis, bytes) => {
                    let at = cx.now() + Duration::from_millis(millis);
                    self.late.push((at, bytes, from));
                }
            }
        }
        Ok(())
    }

    fn send_late(&mut self, cx: &mut Cx<'_, Mock>) -> Result<(), Error> {
        let now = cx.now();
        while let Some(place) = self.late.iter().position(|(at, ..)| *at <= now) {
            let (_, bytes, to) = self.late.remove(place);
            cx.try_send_to(self.socket, &bytes, to)?;
        }
        Ok(())
    }
}

impl Protothread<Mock> for Server {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, Mock>, _: &mut ()) -> Result<(), Error> {
        loop {
            match wait!(first!(cx.recv_from(self.socket, &mut self.buffer), cx.sleep_until(self.due()))) {
                First::A(Ok(datagram)) => self.act(cx, datagram.from)?,
                // Somebody did not wait for the answer.
                First::A(Err(Error::ConnectionRefused)) => {}
                First::A(Err(error)) => return Err(error),
                First::B(()) => self.send_late(cx)?,
            }
        }
    }
}

/// What the TCP side does about a query: the pieces of its message, or nothing and hangs on.
type TcpScript = fn(&Query) -> Option<Vec<Vec<u8>>>;

struct TcpServer {
    pt: PtTimed,
    listener: TcpListener,
    script: TcpScript,
    /// How long an answer takes.
    delay: Duration,
    socket: TcpSocket,
    buffer: Buffer<512>,
    pieces: Vec<Vec<u8>>,
    asked: Vec<(String, u16)>,
}

impl TcpServer {
    fn length(&self) -> usize {
        let [high, low] = self.buffer.readable()[..2] else { panic!("the length is there") };
        2 + usize::from(u16::from_be_bytes([high, low]))
    }

    fn receive_query(&mut self, cx: &mut Cx<'_, Mock>) -> Poll<Result<(), Error>> {
        let length = self.length();
        cx.recv_exact(self.socket, &mut self.buffer, length)
    }

    /// Whether there is an answer.
    fn answer(&mut self) -> bool {
        let query = Query::parse(&self.buffer.readable()[2..]);
        self.asked.push((query.name.clone(), query.kind));
        self.buffer.clear();
        match (self.script)(&query) {
            Some(pieces) => self.pieces = pieces,
            None => return false,
        }
        true
    }

    fn send_piece(&mut self, cx: &mut Cx<'_, Mock>) -> Result<usize, Error> {
        cx.try_send(self.socket, &self.pieces.remove(0))
    }
}

impl Protothread<Mock> for TcpServer {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, Mock>, _: &mut ()) -> Result<(), Error> {
        loop {
            self.socket = wait!(cx.accept(self.listener))?;
            wait!(cx.recv_exact(self.socket, &mut self.buffer, 2))?;
            wait!(self.receive_query(cx))?;
            if self.answer() {
                wait!(sleep!(self.delay));
                while !self.pieces.is_empty() {
                    // A turn for each, so that the other side sees it alone.
                    wait!(cx.writable(self.socket))?;
                    self.send_piece(cx)?;
                    yield_now!();
                    yield_now!();
                }
            } else {
                // Says nothing until the other side has had enough.
                let _ = wait!(cx.recv(self.socket, &mut self.buffer));
            }
            cx.close(self.socket)?;
        }
    }
}

/// One step of a client.
#[derive(Clone, Copy, Debug)]
enum Step {
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
enum Outcome {
    Found(Vec<String>),
    Connected(SocketAddr),
    Failed(Error),
    TimedOut,
    Slept,
}

#[derive(Default)]
struct Client {
    pt: PtTimed,
    steps: Vec<Step>,
    servers: Vec<SocketAddr>,
    log: Vec<(Outcome, u64)>,
    done: bool,
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
}

impl Client {
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

#[derive(TaskSet)]
#[task(platform = Mock)]
struct App {
    servers: [Server; 2],
    tcp: [TcpServer; 2],
    clients: [Client; CLIENTS],
}

/// A world with two servers, and clients that have not begun.
struct Stage<const LOOKUPS: usize = 2> {
    event_loop: Box<Loop<LOOKUPS>>,
    app: App,
    servers: [SocketAddr; 2],
    /// What is open before the clients begin.
    sockets: usize,
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

impl<const LOOKUPS: usize> Stage<LOOKUPS> {
    fn new(script: Script) -> Self {
        let mut event_loop = Box::new(Loop::new(1, Mock::with_seed(7)));
        event_loop.open().expect("it was not open");
        let mut cx = event_loop.cx();
        let servers = [local(53), local(5353)];
        let server = |cx: &mut Cx<'_, Mock>, number: usize| Server {
            pt: PtTimed::new(),
            number,
            script,
            socket: cx.udp_socket(servers[number]).expect("the port is free"),
            stranger: cx.udp_socket(local(0)).expect("a port is free"),
            buffer: Buffer::new(),
            asked: Vec::new(),
            ids: Vec::new(),
            ports: Vec::new(),
            late: Vec::new(),
        };
        let tcp = |cx: &mut Cx<'_, Mock>, number: usize| TcpServer {
            pt: PtTimed::new(),
            listener: cx.listen(servers[number]).expect("the port is free"),
            script: |_| None,
            delay: Duration::ZERO,
            socket: TcpSocket::NONE,
            buffer: Buffer::new(),
            pieces: Vec::new(),
            asked: Vec::new(),
        };
        let app = App {
            servers: [server(&mut cx, 0), server(&mut cx, 1)],
            tcp: [tcp(&mut cx, 0), tcp(&mut cx, 1)],
            clients: Default::default(),
        };
        cx.set_name_servers(&servers[..1]).expect("a server that can be asked");
        let sockets = event_loop.tables().sockets.used;
        Stage { event_loop, app, servers, sockets }
    }

    /// Runs the steps of each client to their end; what they found, and when.
    fn run(&mut self, steps: &[&[Step]]) -> Vec<Vec<(Outcome, u64)>> {
        for (client, steps) in self.app.clients.iter_mut().zip(steps) {
            client.steps = steps.to_vec();
            client.servers = self.servers.to_vec();
        }
        let mut turns = 0;
        let done = |_: &mut Loop<LOOKUPS>, app: &mut App| {
            turns += 1;
            assert!(turns < 100_000, "it spins");
            app.clients.iter().all(|client| client.done)
        };
        self.event_loop.run_until(&mut self.app, done).expect("the loop turns");
        for tcp in &self.app.tcp {
            // What a server hung on is closed, or was.
            let _ = self.event_loop.cx().close(tcp.socket);
        }
        let tables = self.event_loop.tables();
        assert_eq!((tables.lookups.used, tables.sockets.used), (0, self.sockets), "nothing is left behind");
        self.app.clients.iter().map(|client| client.log.clone()).collect()
    }

    /// As [`run`](Self::run) with one client that resolves one name.
    fn resolve(&mut self, host: &'static str) -> (Outcome, u64) {
        self.one(Step::Resolve(host))
    }

    fn one(&mut self, step: Step) -> (Outcome, u64) {
        self.run(&[&[step]])[0][0].clone()
    }

    /// The names that a server was asked for, each once.
    fn names(&self, server: usize) -> Vec<String> {
        let mut names: Vec<String> = self.app.servers[server].asked.iter().map(|(name, _)| name.clone()).collect();
        names.dedup();
        names
    }
}

fn stage(script: Script) -> Stage {
    Stage::new(script)
}

fn found(addresses: &[&str]) -> Outcome {
    Outcome::Found(addresses.iter().map(|address| (*address).to_string()).collect())
}

fn say(reply: &Reply) -> Vec<Act> {
    vec![Act::Say(reply.bytes())]
}

/// Answers A with 192.0.2.1 and AAAA with 2001:db8::1.
fn both(_: usize, _: usize, query: &Query) -> Vec<Act> {
    say(&query.reply().addresses(60, &["192.0.2.1", "2001:db8::1"]))
}

fn silent(_: usize, _: usize, _: &Query) -> Vec<Act> {
    Vec::new()
}

const BOTH: [&str; 2] = ["2001:db8::1", "192.0.2.1"];
const V4: [&str; 1] = ["192.0.2.1"];

// --- What needs no server

#[test]
fn a_numeric_address_needs_no_slot_and_no_server() {
    for (host, address) in [("192.0.2.7", "192.0.2.7"), ("2001:db8::7", "2001:db8::7"), ("[::1]", "::1")] {
        let mut stage: Stage<0> = Stage::new(silent);
        assert_eq!(stage.resolve(host), (found(&[address]), 0));
        assert_eq!(stage.app.servers[0].asked, []);
    }
}

#[test]
fn the_hosts_of_the_platform_come_before_any_server() {
    let mut stage: Stage<0> = Stage::new(both);
    for address in ["10.0.0.1", "10.0.0.2", "fd00::1"] {
        stage.event_loop.platform_mut().add_host("printer.lan", address.parse().expect("an address"));
    }
    assert_eq!(stage.resolve("Printer.LAN.").0, found(&["fd00::1", "10.0.0.1", "10.0.0.2"]));
    assert_eq!(stage.app.servers[0].asked, []);
}

#[test]
fn localhost_is_the_loopback_whatever_a_server_says() {
    for host in ["localhost", "LocalHost.", "a.b.localhost"] {
        let mut stage: Stage<0> = Stage::new(both);
        assert_eq!(stage.resolve(host).0, found(&["::1", "127.0.0.1"]));
    }
}

#[test]
fn a_loop_without_slots_says_what_to_raise() {
    let mut stage: Stage<0> = Stage::new(both);
    let error = Error::TableFull { kind: Kind::Lookup, capacity: 0 };
    assert_eq!(stage.resolve("server.example").0, Outcome::Failed(error));
    assert_eq!(error.to_string(), "lookup table full (0 of 0): raise LOOKUPS");
}

#[test]
fn outside_a_task_only_what_is_known_is_found() {
    let mut stage = stage(both);
    let mut cx = stage.event_loop.cx();
    assert!(matches!(cx.resolve("127.0.0.1"), Poll::Ready(Ok(_))));
    assert_eq!(cx.resolve("server.example"), Poll::Ready(Err(Error::NotSupported)));
    assert_eq!(cx.connect_to("server.example", 80), Poll::Ready(Err(Error::NotSupported)));
}

#[test]
fn what_is_no_name_is_refused_and_nobody_is_asked() {
    for host in ["", ".", "a..b", "b\u{fc}cher.example", "a b", "1.2.3.256", "[192.0.2.1]", "fe80::1%eth0", "http://a"]
    {
        let mut stage = stage(both);
        assert_eq!(stage.resolve(host).0, Outcome::Failed(Error::InvalidArgument), "{host:?}");
        assert_eq!(stage.app.servers[0].asked, []);
    }
}

#[test]
fn without_any_server_there_is_nobody_to_ask() {
    let mut stage = stage(both);
    stage.event_loop.cx().set_name_servers(&[]).expect("no servers are fine");
    assert_eq!(stage.resolve("server.example").0, Outcome::Failed(Error::NoNameServer));
}

// --- Answers

#[test]
fn both_families_are_asked_together_and_come_by_turns() {
    let mut stage =
        stage(|_, _, query| say(&query.reply().addresses(60, &["192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1"])));
    let all = ["2001:db8::1", "192.0.2.1", "192.0.2.2", "192.0.2.3"];
    assert_eq!(stage.resolve("Server.Example"), (found(&all), 0));
    let asked = &stage.app.servers[0].asked;
    assert_eq!(*asked, [("Server.Example".to_string(), AAAA), ("Server.Example".to_string(), A)]);
}

#[test]
fn one_family_suffices_when_the_other_has_nothing_or_failed() {
    let others: [(Script, &str); 5] = [
        (|_, _, query| say(&query.reply()), "empty"),
        (|_, _, query| say(&query.reply().flags(REFUSED)), "refused"),
        (|_, _, query| say(&query.reply().flags(SERVER_FAILURE)), "failed"),
        (|_, _, query| say(&query.reply().record("", AAAA, 1, b"short")), "garbled"),
        (|_, _, query| say(&query.reply().flags(NAME_ERROR)), "not found"),
    ];
    for (other, what) in others {
        static OTHER: std::sync::Mutex<Option<Script>> = std::sync::Mutex::new(None);
        *OTHER.lock().expect("nobody panicked") = Some(other);
        let mut stage = stage(|server, n, query| {
            let other = OTHER.lock().expect("nobody panicked").expect("it was set");
            if query.kind == A { both(server, n, query) } else { other(server, n, query) }
        });
        assert_eq!(stage.resolve("server.example"), (found(&V4), 0), "{what}");
    }
}

#[test]
fn the_other_family_has_fifty_milliseconds_and_no_more() {
    fn late(millis: u64, query: &Query) -> Vec<Act> {
        let bytes = query.reply().addresses(60, &["192.0.2.1", "2001:db8::1"]).bytes();
        if query.kind == A { vec![Act::Say(bytes)] } else { vec![Act::Late(millis, bytes)] }
    }
    assert_eq!(stage(|_, _, query| late(49, query)).resolve("server.example"), (found(&BOTH), 49));
    assert_eq!(stage(|_, _, query| late(60, query)).resolve("server.example"), (found(&V4), 50));
    assert_eq!(stage(|_, _, query| if query.kind == A { both(0, 0, query) } else { vec![] }).resolve("a.b").1, 50);
}

#[test]
fn a_name_that_does_not_exist_or_has_no_address_is_not_found() {
    let mut nowhere = stage(|_, _, query| say(&query.reply().flags(NAME_ERROR)));
    assert_eq!(nowhere.resolve("nowhere.example."), (Outcome::Failed(Error::NameNotFound), 0));
    assert_eq!(nowhere.app.servers[0].asked.len(), 2, "it is believed at once");
    let mut empty = stage(|_, _, query| say(&query.reply()));
    assert_eq!(empty.resolve("empty.example."), (Outcome::Failed(Error::NameNotFound), 0));
}

#[test]
fn what_answers_another_question_is_passed_over() {
    let mut stage = stage(|_, _, query| {
        let evil = query.reply().address(&query.name, 60, if query.kind == A { "203.0.113.6" } else { "2001:db8::6" });
        let mut other_name = evil.clone();
        other_name.name = "evil.example".into();
        let mut other_kind = evil.clone();
        other_kind.kind = 16;
        let mut a_query = evil.clone();
        a_query.flags &= !0x8000;
        let other_id = Reply { id: query.id ^ 1, ..evil.clone() };
        let mut forged = vec![Act::Forge(evil.bytes())];
        forged.extend([other_id, other_name, other_kind, a_query].map(|reply| Act::Say(reply.bytes())));
        forged.push(Act::Say(evil.header(0)));
        forged.push(Act::Say(evil.bytes()[..11].to_vec()));
        forged.push(Act::Say(vec![]));
        let good = query.reply().addresses(60, &["192.0.2.1", "2001:db8::1"]);
        forged.push(Act::Late(100, good.bytes()));
        forged
    });
    assert_eq!(stage.resolve("server.example"), (found(&BOTH), 100));
}

#[test]
fn upper_and_lower_case_are_the_same_in_an_answer() {
    let mut stage = stage(|_, _, query| {
        let mut reply = query.reply().address("SERVER.example", 60, if query.kind == A { "192.0.2.1" } else { "::5" });
        reply.name = "sErVeR.eXaMpLe".into();
        say(&reply)
    });
    assert_eq!(stage.resolve("server.EXAMPLE").0, found(&["::5", "192.0.2.1"]));
}

#[test]
fn a_flood_of_forgeries_does_not_hold_a_lookup_beyond_its_time() {
    let mut stage = stage(|_, _, query| {
        let forged = Reply { id: query.id ^ 1, ..query.reply() };
        (0..300).map(|_| Act::Say(forged.bytes())).collect()
    });
    assert_eq!(stage.resolve("server.example."), (Outcome::Failed(Error::TimedOut), 10_000));
}

// --- Garbage

#[test]
fn answers_that_make_no_sense_are_a_protocol_error() {
    fn with_records(query: &Query, answers: u16, records: &[u8]) -> Vec<Act> {
        let mut reply = query.reply();
        reply.answers = answers;
        reply.records = records.to_vec();
        say(&reply)
    }
    let scripts: [(Script, &str); 10] = [
        (|_, _, query| with_records(query, 1, &[]), "fewer records than promised"),
        (|_, _, query| with_records(query, 1, &[0xc0]), "half a pointer"),
        (
            |_, _, query| with_records(query, 1, &[0xc0, 0xff, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 1, 2, 3, 4]),
            "a pointer ahead",
        ),
        (|_, _, query| with_records(query, 1, &[0x40, 0, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 1, 2, 3, 4]), "a bad label"),
        (|_, _, query| with_records(query, 1, &[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 9, 1, 2, 3, 4]), "too much data"),
        (|_, _, query| say(&query.reply().record(&query.name, A, 9, &[1, 2, 3])), "an address of three bytes"),
        (|_, _, query| say(&query.reply().record(&query.name, AAAA, 9, &[1; 17])), "an address of seventeen bytes"),
        (|_, _, query| say(&query.reply().record(&query.name, 5, 9, &[3, b'a', b'b', b'c'])), "an alias without end"),
        (|_, _, query| say(&query.reply().record(&query.name, 5, 9, &[0, 0])), "an alias that ends early"),
        (
            |_, _, query| {
                // An owner that points to itself, at the place where the records begin.
                let at = (12 + wire(&query.name).len() + 4) as u8;
                with_records(query, 1, &[0xc0, at, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 1, 2, 3, 4])
            },
            "a name that points to itself",
        ),
    ];
    for (script, what) in scripts {
        let mut stage = stage(script);
        assert_eq!(stage.resolve("server.example.").0, Outcome::Failed(Error::Protocol), "{what}");
    }
}

#[test]
fn aliases_that_go_round_end() {
    let mut inside = stage(|_, _, query| {
        say(&query.reply().alias(&query.name, 9, "b.example").alias("b.example", 9, &query.name.clone()))
    });
    assert_eq!(inside.resolve("a.example.").0, Outcome::Failed(Error::Protocol));
    let mut across = stage(|_, _, query| {
        let target = if query.name == "a.example" { "b.example" } else { "a.example" };
        say(&query.reply().alias(&query.name.clone(), 9, target))
    });
    assert_eq!(across.resolve("a.example.").0, Outcome::Failed(Error::Protocol));
    assert_eq!(across.app.servers[0].asked.len(), 2 * 9, "eight aliases are followed");
}

// --- Aliases

#[test]
fn a_chain_of_aliases_is_followed_in_any_order_of_records() {
    let mut stage = stage(|_, _, query| {
        let reply = query.reply().address("c.example", 60, if query.kind == A { "192.0.2.1" } else { "2001:db8::1" });
        let reply = reply.address("stranger.example", 60, "192.0.2.66");
        say(&reply.alias("b.example", 60, "C.example").alias("a.example", 60, "b.example"))
    });
    assert_eq!(stage.resolve("a.example.").0, found(&BOTH));
    assert_eq!(stage.app.servers[0].asked.len(), 2);
}

#[test]
fn where_an_answer_ends_at_an_alias_that_is_asked_for() {
    let mut stage = stage(|server, n, query| match query.name.as_str() {
        "a.example" => say(&query.reply().alias("a.example", 60, "b.example")),
        _ => both(server, n, query),
    });
    assert_eq!(stage.resolve("a.example.").0, found(&BOTH));
    assert_eq!(stage.names(0), ["a.example", "b.example"]);
}

// --- Servers

#[test]
fn a_silent_server_is_followed_by_the_next_after_its_time() {
    let mut stage = stage(|server, n, query| if server == 0 { vec![] } else { both(server, n, query) });
    let servers = stage.servers;
    stage.event_loop.cx().set_name_servers(&servers).expect("servers that can be asked");
    assert_eq!(stage.resolve("server.example."), (found(&BOTH), 5_000));
}

#[test]
fn each_server_is_asked_as_often_as_the_settings_say() {
    let mut stage = stage(silent);
    let servers = stage.servers;
    let mock = stage.event_loop.platform_mut();
    mock.set_name_service(&[
        NameService::Server(servers[0]),
        NameService::Server(servers[1]),
        NameService::Timeout(2),
        NameService::Attempts(3),
    ]);
    stage.event_loop.cx().set_name_servers(&[]).expect("no servers are fine");
    assert_eq!(stage.resolve("server.example."), (Outcome::Failed(Error::TimedOut), 12_000));
    for server in &stage.app.servers {
        assert_eq!(server.asked.len(), 6);
        let mut ports = server.ports.clone();
        ports.dedup();
        assert_eq!(ports.len(), 3, "each attempt has a port of its own: {ports:?}");
        let mut ids = server.ids.clone();
        ids.sort_unstable();
        ids.dedup();
        assert!(ids.len() > 4, "ids are random: {ids:?}");
    }
}

#[test]
fn a_server_that_refuses_or_fails_is_followed_by_the_next_at_once() {
    for flags in [REFUSED, SERVER_FAILURE] {
        static FLAGS: std::sync::atomic::AtomicU16 = std::sync::atomic::AtomicU16::new(0);
        FLAGS.store(flags, std::sync::atomic::Ordering::Relaxed);
        let script: Script = |server, n, query| {
            let flags = FLAGS.load(std::sync::atomic::Ordering::Relaxed);
            if server == 0 { say(&query.reply().flags(flags)) } else { both(server, n, query) }
        };
        let mut both_servers = stage(script);
        let servers = both_servers.servers;
        both_servers.event_loop.cx().set_name_servers(&servers).expect("servers that can be asked");
        assert_eq!(both_servers.resolve("server.example."), (found(&BOTH), 0));
        let alone = stage(script).resolve("server.example.");
        assert_eq!(alone, (Outcome::Failed(Error::NameServerRefused), 0));
    }
}

#[test]
fn a_refusal_without_the_question_counts_at_once() {
    const RCODES: [u16; 4] = [1, SERVER_FAILURE, 4, REFUSED];
    let mut stage = stage(|server, n, query| {
        let rcode = RCODES.iter().find(|rcode| query.name == format!("refused-{rcode}.example"));
        match rcode {
            Some(rcode) if server == 0 => vec![Act::Say(query.reply().flags(*rcode).header(0))],
            _ => both(server, n, query),
        }
    });
    let servers = stage.servers;
    stage.event_loop.cx().set_name_servers(&servers).expect("servers that can be asked");
    let steps = ["refused-1.example.", "refused-2.example.", "refused-4.example.", "refused-5.example."];
    let log = stage.run(&[&steps.map(Step::Resolve)]);
    assert_eq!(log[0], steps.map(|_| (found(&BOTH), 0)));
    assert_eq!(stage.names(0).len(), 4);
}

#[test]
fn only_a_refusal_with_the_right_id_counts_without_the_question() {
    let mut stage = stage(|_, _, query| {
        let stranger = Reply { id: query.id ^ 0x100, ..query.reply() }.flags(REFUSED);
        let mut a_query = query.reply().flags(REFUSED);
        a_query.flags &= !0x8000;
        let headers = [stranger, a_query, query.reply().flags(NAME_ERROR), query.reply()];
        let mut acts: Vec<Act> = headers.iter().map(|reply| Act::Say(reply.header(0))).collect();
        acts.push(Act::Late(100, query.reply().addresses(60, &["192.0.2.1", "2001:db8::1"]).bytes()));
        acts
    });
    assert_eq!(stage.resolve("server.example."), (found(&BOTH), 100));
}

#[test]
fn a_server_that_does_not_listen_has_refused() {
    let mut stage = stage(both);
    stage.event_loop.cx().set_name_servers(&[local(99)]).expect("a server that can be asked");
    assert_eq!(stage.resolve("server.example.").0, Outcome::Failed(Error::NameServerRefused));
}

#[test]
fn what_one_server_said_counts_more_than_the_silence_of_another() {
    let mut stage = stage(|server, _, query| if server == 0 { say(&query.reply().flags(REFUSED)) } else { vec![] });
    let servers = stage.servers;
    stage.event_loop.cx().set_name_servers(&servers).expect("servers that can be asked");
    assert_eq!(stage.resolve("server.example."), (Outcome::Failed(Error::NameServerRefused), 10_000));
}

// --- Search

fn search(host: &'static str, ndots: u8) -> (Outcome, Vec<String>) {
    let mut stage = stage(|server, n, query| match query.name.as_str() {
        "a.two.example" | "a.b.two.example" => both(server, n, query),
        _ => say(&query.reply().flags(NAME_ERROR)),
    });
    stage.event_loop.platform_mut().set_name_service(&[
        NameService::Server(local(99)),
        NameService::Search("one.example"),
        NameService::Search("two.example."),
        NameService::Search("three.example"),
        NameService::Ndots(ndots),
    ]);
    let outcome = stage.resolve(host).0;
    (outcome, stage.names(0))
}

#[test]
fn names_are_searched_in_the_order_that_their_dots_say() {
    assert_eq!(search("a", 1), (found(&BOTH), vec!["a.one.example".into(), "a.two.example".into()]));
    let dotted = ["a.b", "a.b.one.example", "a.b.two.example"].map(String::from).to_vec();
    assert_eq!(search("a.b", 1), (found(&BOTH), dotted.clone()));
    assert_eq!(search("a.b", 2), (found(&BOTH), dotted[1..].to_vec()));
    assert_eq!(search("a.b.", 1), (Outcome::Failed(Error::NameNotFound), vec!["a.b".into()]));
    let all = ["x.one.example", "x.two.example", "x.three.example", "x"].map(String::from).to_vec();
    assert_eq!(search("x", 1), (Outcome::Failed(Error::NameNotFound), all));
}

/// Searches `a` in these domains: their names say what their servers do.
fn search_among(domains: &[&'static str]) -> (Outcome, Vec<String>) {
    let mut stage = stage(|server, n, query| match query.name.split('.').nth(1) {
        Some("fails") => say(&query.reply().flags(SERVER_FAILURE)),
        Some("refuses") => say(&query.reply().flags(REFUSED)),
        Some("babbles") => say(&query.reply().record("", query.kind, 1, b"short")),
        Some("good") => both(server, n, query),
        Some("silent") => silent(server, n, query),
        _ => say(&query.reply().flags(NAME_ERROR)),
    });
    let settings: Vec<NameService> = domains.iter().map(|domain| NameService::Search(domain)).collect();
    stage.event_loop.platform_mut().set_name_service(&settings);
    let outcome = stage.resolve("a").0;
    (outcome, stage.names(0))
}

#[test]
fn a_domain_whose_server_fails_does_not_end_the_search() {
    for domain in ["fails", "refuses", "babbles"] {
        let names = vec![format!("a.{domain}"), "a.good".into()];
        assert_eq!(search_among(&[domain, "good"]), (found(&BOTH), names));
    }
    let refused = Outcome::Failed(Error::NameServerRefused);
    assert_eq!(search_among(&["fails"]), (refused.clone(), vec!["a.fails".into(), "a".into()]));
    let names = ["a.fails", "a.nowhere", "a"].map(String::from).to_vec();
    assert_eq!(search_among(&["fails", "nowhere"]), (refused, names));
}

#[test]
fn a_silent_server_ends_the_search() {
    let silence = (Outcome::Failed(Error::TimedOut), vec!["a.silent".into()]);
    assert_eq!(search_among(&["silent", "good"]), silence);
}

// --- TCP

/// Answers over UDP that TCP is to be used, but for AAAA.
fn too_long(_: usize, _: usize, query: &Query) -> Vec<Act> {
    let flags = if query.kind == A { TRUNCATED } else { 0 };
    say(&query.reply().flags(flags))
}

fn framed(reply: &Reply) -> Vec<u8> {
    let bytes = reply.bytes();
    [&(bytes.len() as u16).to_be_bytes()[..], &bytes].concat()
}

#[test]
fn a_truncated_answer_comes_over_tcp_however_it_is_split() {
    let mut stage = stage(too_long);
    stage.app.tcp[0].script =
        |query| Some(framed(&query.reply().addresses(60, &V4)).chunks(1).map(<[u8]>::to_vec).collect());
    assert_eq!(stage.resolve("server.example."), (found(&V4), 0));
    assert_eq!(stage.app.tcp[0].asked, [("server.example".to_string(), A)]);
}

#[test]
fn both_families_may_be_truncated() {
    let mut stage = stage(|_, _, query| say(&query.reply().flags(TRUNCATED)));
    stage.app.tcp[0].script = |query| Some(vec![framed(&query.reply().addresses(60, &["192.0.2.1", "2001:db8::1"]))]);
    assert_eq!(stage.resolve("server.example."), (found(&BOTH), 0));
}

#[test]
fn each_family_has_the_servers_time_over_tcp() {
    let answer: TcpScript = |query| Some(vec![framed(&query.reply().addresses(60, &["192.0.2.1", "2001:db8::1"]))]);
    let v4_is_long: Script = |server, n, query| match query.kind {
        A => say(&query.reply().flags(TRUNCATED)),
        _ => both(server, n, query),
    };
    let mut second = stage(v4_is_long);
    (second.app.tcp[0].script, second.app.tcp[0].delay) = (answer, Duration::from_millis(100));
    assert_eq!(second.resolve("server.example."), (found(&BOTH), 100));
    let mut each = stage(|_, _, query| say(&query.reply().flags(TRUNCATED)));
    (each.app.tcp[0].script, each.app.tcp[0].delay) = (answer, Duration::from_millis(100));
    assert_eq!(each.resolve("server.example."), (found(&BOTH), 200));
    let mut hangs = stage(v4_is_long);
    assert_eq!(hangs.resolve("server.example."), (found(&BOTH[..1]), 5_000));
}

#[test]
fn the_beginning_of_a_very_long_answer_counts() {
    let mut stage = stage(too_long);
    stage.app.tcp[0].script = |query| {
        let addresses: Vec<String> = (0..200).map(|n| format!("192.0.2.{n}")).collect();
        let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
        Some(vec![framed(&query.reply().addresses(60, &addresses))])
    };
    let first: Vec<String> = (0..8).map(|n| format!("192.0.2.{n}")).collect();
    assert_eq!(stage.resolve("server.example.").0, Outcome::Found(first));
}

#[test]
fn a_tcp_side_that_hangs_or_closes_or_lies_is_a_failure() {
    let mut hangs = stage(too_long);
    assert_eq!(hangs.resolve("server.example."), (Outcome::Failed(Error::TimedOut), 10_000));
    let mut closes = stage(too_long);
    closes.app.tcp[0].script = |query| Some(vec![framed(&query.reply().addresses(60, &V4))[..20].to_vec()]);
    assert_eq!(closes.resolve("server.example.").0, Outcome::Failed(Error::NameServerRefused));
    let mut lies = stage(too_long);
    lies.app.tcp[0].script = |query| Some(vec![framed(&Reply { id: query.id ^ 1, ..query.reply() })]);
    assert_eq!(lies.resolve("server.example.").0, Outcome::Failed(Error::Protocol));
    let mut again = stage(too_long);
    again.app.tcp[0].script = |query| Some(vec![framed(&query.reply().flags(TRUNCATED))]);
    assert_eq!(again.resolve("server.example.").0, Outcome::Failed(Error::Protocol));
    let mut nothing = stage(too_long);
    nothing.app.tcp[0].script = |_| Some(vec![vec![0, 0]]);
    assert_eq!(nothing.resolve("server.example.").0, Outcome::Failed(Error::Protocol));
}

// --- Cache

/// Answers with so many seconds to live, and with another address each time.
fn counted(ttl: u32, n: usize, query: &Query) -> Vec<Act> {
    let address = format!("192.0.2.{n}");
    say(&query.reply().addresses(ttl, &[&address]))
}

fn found_at_times(ttl: Script, sleep: u64) -> Vec<(Outcome, u64)> {
    let steps = [Step::Resolve("a.example"), Step::Sleep(sleep), Step::Resolve("A.example")];
    stage(ttl).run(&[&steps])[0].clone()
}

#[test]
fn what_was_found_holds_as_long_as_the_answer_says() {
    let fresh = found_at_times(|_, n, query| counted(60, n, query), 59_999);
    assert_eq!(fresh, [(found(&["192.0.2.2"]), 0), (found(&["192.0.2.2"]), 59_999)]);
    let stale = found_at_times(|_, n, query| counted(60, n, query), 60_000);
    assert_eq!(stale, [(found(&["192.0.2.2"]), 0), (found(&["192.0.2.4"]), 60_000)]);
    let never = found_at_times(|_, n, query| counted(0, n, query), 0);
    assert_eq!(never[1].0, found(&["192.0.2.4"]), "a time of zero is no time");
    let negative = found_at_times(|_, n, query| counted(1 << 31, n, query), 0);
    assert_eq!(negative[1].0, found(&["192.0.2.4"]), "nor is one with the highest bit");
}

#[test]
fn an_alias_ends_what_it_leads_to() {
    let log = found_at_times(
        |_, n, query| {
            let address = format!("192.0.2.{n}");
            say(&query.reply().alias(&query.name, 1, "b.example").address("b.example", 60, &address))
        },
        1_000,
    );
    assert_ne!(log[0].0, log[1].0);
}

#[test]
fn half_an_answer_is_not_kept() {
    let log = found_at_times(
        |_, n, query| if query.kind == A { counted(60, n, query) } else { say(&query.reply().flags(REFUSED)) },
        10,
    );
    assert_ne!(log[0].0, log[1].0);
}

#[test]
fn new_servers_begin_with_an_empty_cache() {
    let mut stage = stage(|_, n, query| counted(60, n, query));
    let log = stage.run(&[&[Step::Resolve("a.example"), Step::SetServers, Step::Resolve("a.example")]]);
    assert_eq!(log[0][1].0, found(&["192.0.2.4"]));
}

// --- Giving up, and sharing slots

#[test]
fn a_lookup_that_is_given_up_leaves_nothing_behind() {
    let mut stage: Stage<1> = Stage::new(silent);
    let steps = [Step::Try("a.example", 10), Step::Beside("a.example", 10), Step::Try("a.example", 10)];
    let log = stage.run(&[&steps]);
    assert_eq!(log[0], [(Outcome::TimedOut, 10), (Outcome::Slept, 20), (Outcome::TimedOut, 30)]);
}

#[test]
fn a_cancelled_task_frees_its_slot_for_the_next() {
    let mut stage: Stage<1> = Stage::new(|server, n, query| match query.name.as_str() {
        "silent.example" => vec![],
        _ => both(server, n, query),
    });
    stage.app.clients[0].steps = vec![Step::Resolve("silent.example.")];
    stage.app.clients[1].steps = vec![Step::Resolve("b.example.")];
    for _ in 0..10 {
        stage.event_loop.turn_now(&mut stage.app).expect("the loop turns");
    }
    assert_eq!(stage.event_loop.tables().lookups.used, 1);
    let mut waiting = Vec::new();
    stage.event_loop.list_tasks(&stage.app, |report| waiting.push((report.task, report.waits[0])));
    let (first, second) = (waiting[4].0, waiting[5].1);
    assert_eq!(second, Some(WaitingFor::LookupRoom));
    stage.event_loop.cx().cancel(first).expect("it runs");
    stage.app.clients[0].done = true;
    let log = stage.run(&[&[], &[Step::Resolve("b.example.")]]);
    assert_eq!(log[1], [(found(&BOTH), 0)]);
}

#[test]
fn two_lookups_race_and_the_loser_is_gone() {
    let mut stage = stage(|server, n, query| match query.name.as_str() {
        "slow.example" => vec![],
        _ => both(server, n, query),
    });
    let log = stage.run(&[&[Step::Race("slow.example.", "fast.example."), Step::Race("x.example.", "x.example.")]]);
    assert_eq!(log[0], [(found(&BOTH), 0), (found(&BOTH), 0)]);
}

#[test]
fn more_tasks_than_slots_are_served_first_come_first_served() {
    let mut stage: Stage<1> = Stage::new(|_, _, query| {
        let bytes = query.reply().addresses(0, &["192.0.2.1", "2001:db8::1"]).bytes();
        vec![Act::Late(10, bytes)]
    });
    let twice = [Step::Resolve("a.example."), Step::Resolve("b.example.")];
    let log = stage.run(&[&twice, &twice, &twice]);
    let times: Vec<Vec<u64>> = log.iter().map(|log| log.iter().map(|(_, at)| *at).collect()).collect();
    assert_eq!(times, [[10, 40], [20, 50], [30, 60]]);
}

#[test]
fn who_begins_again_does_not_overtake_who_was_woken() {
    let mut stage: Stage<1> = Stage::new(|_, _, query| {
        let bytes = query.reply().addresses(0, &["192.0.2.1", "2001:db8::1"]).bytes();
        vec![Act::Late(10, bytes)]
    });
    let twice = [Step::Resolve("a.example."), Step::Resolve("b.example.")];
    let log = stage.run(&[&twice, &twice]);
    let times: Vec<Vec<u64>> = log.iter().take(2).map(|log| log.iter().map(|(_, at)| *at).collect()).collect();
    assert_eq!(times, [[10, 30], [20, 40]]);
}

#[test]
fn a_task_that_waits_for_a_slot_can_give_up_and_the_next_gets_it() {
    let mut stage: Stage<1> = Stage::new(|_, _, query| {
        let bytes = query.reply().addresses(0, &["192.0.2.1", "2001:db8::1"]).bytes();
        vec![Act::Late(100, bytes)]
    });
    let log =
        stage.run(&[&[Step::Resolve("a.example.")], &[Step::Try("b.example.", 50)], &[Step::Resolve("c.example.")]]);
    assert_eq!(log[1], [(Outcome::TimedOut, 50)]);
    assert_eq!((log[0][0].1, log[2][0].1), (100, 200));
}

// --- Connecting

fn hosts(stage: &mut Stage<2>, host: &str, addresses: &[&str]) {
    for address in addresses {
        stage.event_loop.platform_mut().add_host(host, address.parse().expect("an address"));
    }
}

#[test]
fn addresses_are_tried_in_turn_until_one_answers() {
    let mut stage = stage(|_, _, query| say(&query.reply().addresses(60, &["::1", "127.0.0.9", "127.0.0.2"])));
    stage.event_loop.cx().listen("127.0.0.2:80".parse().expect("an address")).expect("the port is free");
    stage.sockets += 1;
    let connected = Outcome::Connected("127.0.0.2:80".parse().expect("an address"));
    assert_eq!(stage.one(Step::Connect("server.example.", 80)), (connected, 0));
}

#[test]
fn the_last_error_tells_why_nobody_could_be_reached() {
    let mut stage = stage(|_, _, query| say(&query.reply().addresses(60, &["::1", "127.0.0.1"])));
    assert_eq!(stage.one(Step::Connect("server.example.", 9)).0, Outcome::Failed(Error::ConnectionRefused));
    let mut nowhere = self::stage(|_, _, query| say(&query.reply().flags(NAME_ERROR)));
    assert_eq!(nowhere.one(Step::Connect("server.example.", 9)).0, Outcome::Failed(Error::NameNotFound));
    let mut zero = self::stage(both);
    assert_eq!(zero.one(Step::Connect("server.example.", 0)).0, Outcome::Failed(Error::InvalidArgument));
}

/// Listens at port 80 of `address`, for the rest of the test.
fn listen(stage: &mut Stage<2>, address: &str) -> Outcome {
    let address = SocketAddr::new(address.parse().expect("an address"), 80);
    stage.event_loop.cx().listen(address).expect("the port is free");
    stage.sockets += 1;
    Outcome::Connected(address)
}

/// Lets connects to port 80 of `address` hang.
fn hang(stage: &mut Stage<2>, address: &str) {
    let mut cx = stage.event_loop.cx();
    let options = Options { backlog: 1, ..Options::DEFAULT };
    let full = SocketAddr::new(address.parse().expect("an address"), 80);
    cx.listen_with(full, &options).expect("the port is free");
    for _ in 0..2 {
        let filler = cx.tcp_socket(&Options::DEFAULT).expect("there is room");
        assert_eq!(cx.connect_on(filler, full), Poll::Pending);
    }
    stage.sockets = stage.event_loop.tables().sockets.used;
}

#[test]
fn an_address_that_hangs_holds_the_others_for_two_seconds() {
    let mut stage = stage(silent);
    hosts(&mut stage, "server", &["127.0.0.3", "127.0.0.4", "127.0.0.2"]);
    hang(&mut stage, "127.0.0.3");
    hang(&mut stage, "127.0.0.4");
    let connected = listen(&mut stage, "127.0.0.2");
    assert_eq!(stage.one(Step::Connect("server", 80)), (connected, 4_000));
}

/// AAAA is `::1`, and A 127.0.0.2 after so many milliseconds.
fn late_v4(millis: u64, query: &Query) -> Vec<Act> {
    let bytes = query.reply().addresses(0, &["::1", "127.0.0.2"]).bytes();
    if query.kind == A { vec![Act::Late(millis, bytes)] } else { vec![Act::Say(bytes)] }
}

fn kinds(stage: &Stage<2>) -> Vec<u16> {
    stage.app.servers[0].asked.iter().map(|(_, kind)| *kind).collect()
}

#[test]
fn the_late_family_is_tried_when_the_other_cannot_be_reached() {
    let mut refused = stage(|_, _, query| late_v4(60, query));
    let connected = listen(&mut refused, "127.0.0.2");
    assert_eq!(refused.one(Step::Connect("server.example.", 80)), (connected, 50 + 60));
    assert_eq!(kinds(&refused), [AAAA, A, A], "what is known is not asked for again");
    let mut hangs = stage(|_, _, query| late_v4(3_000, query));
    hang(&mut hangs, "::1");
    let connected = listen(&mut hangs, "127.0.0.2");
    assert_eq!(hangs.one(Step::Connect("server.example.", 80)), (connected, 50 + 2_000 + 3_000));
}

#[test]
fn a_family_that_was_refused_or_lost_is_asked_for_again() {
    let scripts: [Script; 3] = [
        |_, n, query| if n == 2 { say(&query.reply().flags(SERVER_FAILURE)) } else { late_v4(0, query) },
        |_, n, query| if n == 2 { say(&query.reply().record("", A, 1, b"short")) } else { late_v4(0, query) },
        |_, n, query| if n == 2 { vec![] } else { late_v4(0, query) },
    ];
    for script in scripts {
        let mut stage = stage(script);
        let connected = listen(&mut stage, "127.0.0.2");
        assert_eq!(stage.one(Step::Connect("server.example.", 80)).0, connected);
        assert_eq!(kinds(&stage), [AAAA, A, A]);
    }
}

#[test]
fn an_alias_of_the_late_family_is_followed() {
    let mut stage = stage(|_, _, query| match (query.kind, query.name.as_str()) {
        (A, "server.example") => say(&query.reply().alias("server.example", 60, "other.example")),
        _ => late_v4(0, query),
    });
    let connected = listen(&mut stage, "127.0.0.2");
    assert_eq!(stage.one(Step::Connect("server.example.", 80)).0, connected);
}

#[test]
fn a_family_that_is_never_answered_is_waited_for_once() {
    let mut stage = stage(|_, _, query| if query.kind == A { vec![] } else { late_v4(0, query) });
    let refused = Outcome::Failed(Error::ConnectionRefused);
    assert_eq!(stage.one(Step::Connect("server.example.", 80)), (refused, 50 + 5_000));
    assert_eq!(kinds(&stage), [AAAA, A, A]);
}

#[test]
fn the_only_address_has_all_the_time_once_no_other_can_come() {
    let mut stage = stage(|_, _, query| if query.kind == A { vec![] } else { late_v4(0, query) });
    hang(&mut stage, "::1");
    let steps = [Step::TryConnect("server.example.", 80, 60_000)];
    assert_eq!(stage.run(&[&steps])[0], [(Outcome::TimedOut, 60_000)]);
}

#[test]
fn a_family_without_addresses_is_not_asked_for_again() {
    let mut stage = stage(|_, _, query| if query.kind == A { say(&query.reply()) } else { late_v4(0, query) });
    let refused = Outcome::Failed(Error::ConnectionRefused);
    assert_eq!(stage.one(Step::Connect("server.example.", 80)), (refused, 0));
    assert_eq!(kinds(&stage), [AAAA, A]);
}

#[test]
fn a_numeric_address_connects_without_a_slot() {
    let mut stage: Stage<0> = Stage::new(silent);
    stage.event_loop.cx().listen("[::1]:80".parse().expect("an address")).expect("the port is free");
    stage.sockets += 1;
    let connected = Outcome::Connected("[::1]:80".parse().expect("an address"));
    assert_eq!(stage.one(Step::Connect("[::1]", 80)), (connected, 0));
}

// --- What everything in a loop must keep

#[test]
fn a_loop_with_lookups_is_plain_data() {
    fn is_plain_data<T: Clone + std::hash::Hash + std::fmt::Debug + Send>() {}
    is_plain_data::<Loop<2>>();
}

#[test]
fn what_is_always_ready_gives_the_other_tasks_their_turn() {
    #[derive(Clone, Hash, Debug)]
    struct Greedy {
        pt: Pt,
        rounds: u32,
    }
    impl Protothread<Mock> for Greedy {
        type Output = Result<(), Error>;
        #[protothread]
        fn run(&mut self, cx: &mut Cx<'_, Mock>, _: &mut ()) -> Result<(), Error> {
            while self.rounds > 0 {
                self.rounds -= 1;
                wait!(cx.resolve("192.0.2.1"))?;
            }
            Ok(())
        }
    }
    #[derive(TaskSet)]
    #[task(platform = Mock)]
    struct Set {
        greedy: Greedy,
    }
    let mut event_loop: EventLoop<Mock, 1> = EventLoop::new(1, Mock::new());
    event_loop.open().expect("it was not open");
    let mut set = Set { greedy: Greedy { pt: Pt::new(), rounds: 640 } };
    event_loop.run(&mut set).expect("the loop turns");
    assert!(event_loop.counters().turns >= 10, "{:?}", event_loop.counters());
}
