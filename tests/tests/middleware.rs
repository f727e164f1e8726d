//! Middleware: what it tells is what happened, it forwards every call, and it is no part of the state.

use std::cell::RefCell;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ptk_core::middleware::{Call, Count, Counted, Operation, RecordBuffer, Recorded, RecordedCalls, SHOWN, Traced};
use ptk_core::prelude::*;
use ptk_core::{
    Close, Datagram, EventPort, EventPortView, Handle, NameService, Raised, Readiness, Received, Rest, Sink,
    SocketOption, Until,
};
use ptk_mock::{Mock, Replayed};

const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7);
const NOBODY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9);

/// Greets whoever comes.
#[derive(Clone, Hash, Debug, Default)]
struct Greeter {
    pt: Pt,
    listener: TcpListener,
    socket: TcpSocket,
}

impl<P: Platform> Protothread<P> for Greeter {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        self.listener = cx.listen(SERVER)?;
        self.socket = wait!(cx.accept(self.listener))?;
        cx.try_send(self.socket, b"hello\n").map(|_| ())
    }
}

/// Is refused once, and greeted then.
#[derive(Clone, Hash, Debug, Default)]
struct Caller {
    pt: Pt,
    socket: TcpSocket,
    buffer: Buffer<64>,
}

impl<P: Platform> Protothread<P> for Caller {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        let refused = wait!(cx.connect(NOBODY));
        assert_eq!(refused, Err(Error::ConnectionRefused));
        self.socket = wait!(cx.connect(SERVER))?;
        while wait!(cx.recv(self.socket, &mut self.buffer))? > 0 {}
        assert_eq!(self.buffer.readable(), b"hello\n");
        Ok(())
    }
}

#[derive(Clone, Hash, Debug, Default, TaskSet)]
struct Scene {
    greeter: Greeter,
    caller: Caller,
}

/// A loop on `platform`, after the scene.
fn play<P: Platform>(platform: P) -> EventLoop<P, 2, 4> {
    let mut event_loop = EventLoop::new(0, platform);
    event_loop.open().unwrap();
    event_loop.run(&mut Scene::default()).unwrap();
    assert_eq!(event_loop.counters().failed_tasks, 0);
    event_loop
}

fn hash(state: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    state.hash(&mut hasher);
    hasher.finish()
}

#[test]
fn counts_are_those_of_what_happened() {
    let event_loop = play(Counted::new(Mock::new()));
    let counts = event_loop.platform().counts();
    let count = |calls, would_block, errors, bytes| Count { calls, would_block, errors, bytes };
    assert_eq!(counts.of(Operation::Open), count(1, 0, 0, 0));
    assert_eq!(counts.of(Operation::OpenListener), count(1, 0, 0, 0));
    assert_eq!(counts.of(Operation::OpenStream), count(2, 0, 0, 0));
    assert_eq!(counts.of(Operation::FinishConnect), count(2, 0, 1, 0));
    assert_eq!(counts.of(Operation::Accept).calls - counts.of(Operation::Accept).would_block, 1);
    assert_eq!(counts.of(Operation::Send), count(1, 0, 0, 6));
    assert_eq!((counts.of(Operation::Receive).bytes, counts.of(Operation::Receive).errors), (6, 0));
    // Both connections, the listener, and the one that was refused.
    assert_eq!(counts.of(Operation::Close), count(4, 0, 0, 0));
    assert!(counts.of(Operation::Ready).calls >= 4);
    assert_eq!(counts.of(Operation::SendTo), Count::default());
    assert_eq!(counts.iter().find(|(operation, _)| *operation == Operation::SendTo), None);
}

#[test]
fn calls_that_would_block_are_no_errors() {
    let mut platform = Counted::new(Mock::new());
    platform.open().unwrap();
    let token = Handle::from_raw(1 << 60).unwrap();
    let mut listener = platform.open_listener(SERVER, &Options::DEFAULT, token).unwrap();
    assert!(platform.accept(&mut listener, &Options::DEFAULT, token).is_err());
    let accepts = platform.counts().of(Operation::Accept);
    assert_eq!((accepts.calls, accepts.would_block, accepts.errors), (1, 1, 0));
    platform.reset();
    assert_eq!(platform.counts().iter().count(), 0);
}

#[test]
fn counts_are_printed_as_a_table_of_what_was_asked_for() {
    let mut platform = Counted::new(Mock::new());
    platform.open().unwrap();
    let _ = platform.now();
    assert_eq!(platform.open(), Err(Error::Busy));
    let table = platform.counts().to_string();
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(
        lines,
        [
            &["calls", "would", "block", "errors", "bytes"][..],
            &["open", "2", "0", "1", "0"],
            &["now", "1", "0", "0", "0"]
        ]
    );
}

#[test]
fn the_trace_names_sockets_arguments_payload_and_outcome() {
    let lines = RefCell::new(Vec::new());
    let observer = |call: &Call<'_>| lines.borrow_mut().push(call.to_string());
    drop(play(Traced::new(Mock::new(), observer)));
    let lines = lines.into_inner();
    let position =
        |text: &str| lines.iter().position(|line| line == text).unwrap_or_else(|| panic!("{text}: {lines:#?}"));
    let order = [
        "open",
        "open_listener TcpListener 0.0#0 127.0.0.1:7",
        "open_stream TcpSocket 0.1#0 127.0.0.1:9",
        "finish_connect TcpSocket 0.1#0 -> connection refused",
        "close TcpSocket 0.1#0 Graceful",
        "open_stream TcpSocket 0.1#1 127.0.0.1:7",
        "accept TcpSocket 0.2#0 from TcpListener 0.0#0",
        "send TcpSocket 0.2#0 6 \"hello\\n\" -> 6",
        "close TcpSocket 0.2#0 Graceful",
        "close TcpSocket 0.1#1 Graceful",
    ]
    .map(position);
    assert!(order.is_sorted(), "{order:?}: {lines:#?}");
    assert!(lines.iter().any(|line| line.starts_with("receive TcpSocket 0.1#1 6 \"hello\\n\" -> 6, ")), "{lines:#?}");
    assert!(lines.iter().any(|line| line.starts_with("ready TcpListener 0.0#0 r")), "{lines:#?}");
    assert!(lines.iter().any(|line| line == "wait for an event"), "{lines:#?}");
}

#[test]
fn a_long_payload_is_shown_to_its_limit() {
    let mut lines = Vec::new();
    let mut platform = Traced::new(Mock::new(), |call: &Call<'_>| lines.push(call.to_string()));
    let mut closed = Traced::<Mock, fn(&Call<'_>)>::CLOSED;
    for length in [SHOWN, SHOWN + 1] {
        assert_eq!(platform.send(&mut closed, &vec![b'x'; length]), Err(Error::InvalidHandle));
    }
    drop(platform);
    let shown = "x".repeat(SHOWN);
    let text = |length, end| format!("send {length} \"{shown}\"{end} -> {}", Error::InvalidHandle);
    assert_eq!(lines, [text(SHOWN, ""), text(SHOWN + 1, "..")]);
}

#[test]
fn what_middleware_notes_is_no_part_of_the_state() {
    let scene = || Traced::new(Counted::new(Mock::new()), (|_| {}) as fn(&Call<'_>));
    let (first, mut second) = (play(scene()), play(scene()));
    second.platform_mut().inner_mut().reset();
    assert_eq!(hash(&first), hash(&second));
    assert_ne!(first.platform().inner().counts(), second.platform().inner().counts());
    let _ = second.cx().listen(SERVER).unwrap();
    assert_ne!(hash(&first), hash(&second), "the world inside is part of it");

    let scene = || Recorded::new(Mock::new(), RecordBuffer::<64>::new());
    let (first, mut second) = (play(scene()), play(scene()));
    assert!(first.platform().lost() > 0);
    *second.platform_mut().recorder_mut() = RecordBuffer::new();
    assert_eq!(hash(&first), hash(&second));
    let _ = second.cx().listen(SERVER).unwrap();
    assert_ne!(hash(&first), hash(&second), "the world inside is part of it");
}

#[test]
fn a_clone_counts_by_itself() {
    let first = play(Counted::new(Mock::new()));
    let mut second = first.clone();
    let _ = second.cx().listen(SERVER).unwrap();
    assert_eq!(first.platform().counts().of(Operation::OpenListener).calls, 1);
    assert_eq!(second.platform().counts().of(Operation::OpenListener).calls, 2);
}

/// A platform that notes which of its calls were made, and gives answers that nobody makes up.
#[derive(Default)]
struct Probe {
    calls: Vec<&'static str>,
    looks: RefCell<Vec<&'static str>>,
    port: EventPort<1>,
}

const TOKEN: u64 = 1 << 60 | 42;
const ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3)), 45);

#[deny(clippy::missing_trait_methods)]
impl Platform for Probe {
    type Socket = u8;

    const CLOSED: u8 = 0;

    fn open(&mut self) -> Result<(), Error> {
        self.calls.push("open");
        Err(Error::Network)
    }

    fn now(&mut self) -> Instant {
        self.calls.push("now");
        Instant::from_nanos(1)
    }

    fn next_deadline(&mut self) -> Option<Instant> {
        self.calls.push("next_deadline");
        Some(Instant::from_nanos(2))
    }

    fn wait<S: Sink>(&mut self, until: Until, sink: &mut S) -> Result<(), Error> {
        self.calls.push("wait");
        assert_eq!(until, Until::Event);
        sink.socket(Handle::from_raw(TOKEN).unwrap(), Readiness::HANGUP);
        sink.alarm();
        sink.raised();
        Err(Error::Deadlock)
    }

    fn port(&self) -> Option<&EventPortView> {
        self.looks.borrow_mut().push("port");
        Some(&self.port)
    }

    fn raise(&mut self, _: EventSource, value: u32) -> Result<(), Error> {
        self.calls.push("raise");
        assert_eq!(value, 3);
        Err(Error::Protocol)
    }

    fn open_source(&mut self, index: usize) -> Result<u16, Error> {
        self.calls.push("open_source");
        Ok(index as u16 + 10)
    }

    fn is_raised(&mut self, index: usize) -> bool {
        self.calls.push("is_raised");
        index == 4
    }

    fn take_raised(&mut self, index: usize) -> Option<Raised> {
        self.calls.push("take_raised");
        (index == 5).then_some(Raised { count: 6, value: 7 })
    }

    fn open_stream(&mut self, _: SocketAddr, _: &Options, _: Handle) -> Result<u8, Error> {
        self.calls.push("open_stream");
        Ok(1)
    }

    fn finish_connect(&mut self, socket: &mut u8) -> Result<(), Error> {
        self.calls.push("finish_connect");
        assert_eq!(std::mem::replace(socket, 2), 1);
        Err(Error::NoRoute)
    }

    fn open_listener(&mut self, _: SocketAddr, _: &Options, _: Handle) -> Result<u8, Error> {
        self.calls.push("open_listener");
        Err(Error::AddressInUse)
    }

    fn accept(&mut self, listener: &mut u8, _: &Options, _: Handle) -> Result<u8, Error> {
        self.calls.push("accept");
        assert_eq!(*listener, 2);
        Ok(3)
    }

    fn receive(&mut self, socket: &mut u8, buffer: &mut [u8]) -> Result<Received, Error> {
        self.calls.push("receive");
        assert_eq!(*socket, 2);
        buffer[0] = 77;
        Ok(Received { count: 1, rest: Rest::Drained })
    }

    fn send(&mut self, _: &mut u8, data: &[u8]) -> Result<usize, Error> {
        self.calls.push("send");
        Ok(data.len() - 1)
    }

    fn peek(&mut self, _: &mut u8, buffer: &mut [u8]) -> Result<usize, Error> {
        self.calls.push("peek");
        Ok(buffer.len())
    }

    fn open_datagram(&mut self, _: SocketAddr, _: &Options, _: Handle) -> Result<u8, Error> {
        self.calls.push("open_datagram");
        Err(Error::PermissionDenied)
    }

    fn connect_datagram(&mut self, _: &mut u8, peer: Option<SocketAddr>) -> Result<(), Error> {
        self.calls.push("connect_datagram");
        assert_eq!(peer, None);
        Ok(())
    }

    fn receive_from(&mut self, _: &mut u8, _: &mut [u8]) -> Result<(Datagram, Rest), Error> {
        self.calls.push("receive_from");
        Ok((Datagram { count: 0, from: ADDRESS, truncated: true }, Rest::MaybeMore))
    }

    fn send_to(&mut self, _: &mut u8, _: &[u8], peer: Option<SocketAddr>) -> Result<(), Error> {
        self.calls.push("send_to");
        assert_eq!(peer, Some(ADDRESS));
        Err(Error::MessageTooLarge)
    }

    fn shutdown(&mut self, _: &mut u8, half: Half) -> Result<(), Error> {
        self.calls.push("shutdown");
        assert_eq!(half, Half::Read);
        Ok(())
    }

    fn close(&mut self, socket: u8, how: Close) {
        self.calls.push("close");
        assert_eq!((socket, how), (2, Close::Abort));
    }

    fn set_option(&mut self, _: &mut u8, option: SocketOption) -> Result<(), Error> {
        self.calls.push("set_option");
        assert_eq!(option, SocketOption::HopLimit(9));
        Ok(())
    }

    fn local_address(&mut self, _: &u8) -> Result<SocketAddr, Error> {
        self.calls.push("local_address");
        Ok(ADDRESS)
    }

    fn peer_address(&mut self, _: &u8) -> Result<SocketAddr, Error> {
        self.calls.push("peer_address");
        Err(Error::NotConnected)
    }

    fn entropy(&mut self, out: &mut [u8]) -> Result<(), Error> {
        self.calls.push("entropy");
        out.fill(0xA5);
        Ok(())
    }

    fn name_service(&mut self, tell: &mut dyn FnMut(NameService<'_>)) {
        self.calls.push("name_service");
        tell(NameService::Ndots(3));
    }

    fn host_addresses(&mut self, name: &str, tell: &mut dyn FnMut(IpAddr)) {
        self.calls.push("host_addresses");
        assert_eq!(name, "here");
        tell(ADDRESS.ip());
    }

    fn last_os_error(&self) -> Option<i32> {
        self.looks.borrow_mut().push("last_os_error");
        Some(99)
    }
}

/// What a wait reported.
#[derive(Default)]
struct Reports(Vec<String>);

impl Sink for Reports {
    fn socket(&mut self, token: Handle, readiness: Readiness) {
        self.0.push(format!("{} {readiness:?}", token.raw()));
    }

    fn alarm(&mut self) {
        self.0.push("alarm".into());
    }

    fn raised(&mut self) {
        self.0.push("raised".into());
    }
}

/// Makes every call that the contract has, and checks the answers.
fn call_everything<P: Platform>(platform: &mut P) {
    let (token, options) = (Handle::from_raw(TOKEN).unwrap(), Options::DEFAULT);
    assert_eq!(platform.open(), Err(Error::Network));
    assert_eq!(platform.now(), Instant::from_nanos(1));
    assert_eq!(platform.next_deadline(), Some(Instant::from_nanos(2)));
    let mut reports = Reports::default();
    assert_eq!(platform.wait(Until::Event, &mut reports), Err(Error::Deadlock));
    assert_eq!(reports.0, [&format!("{TOKEN} --h"), "alarm", "raised"]);
    assert_eq!(platform.raise(EventSource::NONE, 3), Err(Error::Protocol));
    assert_eq!((platform.open_source(3), platform.is_raised(4)), (Ok(13), true));
    assert_eq!(platform.take_raised(5), Some(Raised { count: 6, value: 7 }));
    let mut socket = platform.open_stream(ADDRESS, &options, token).ok().unwrap();
    assert_eq!(platform.finish_connect(&mut socket), Err(Error::NoRoute));
    assert_eq!(platform.open_listener(ADDRESS, &options, token).err(), Some(Error::AddressInUse));
    assert!(platform.accept(&mut socket, &options, token).is_ok());
    let mut buffer = [0; 4];
    assert_eq!(platform.receive(&mut socket, &mut buffer), Ok(Received { count: 1, rest: Rest::Drained }));
    assert_eq!(buffer[0], 77);
    assert_eq!(platform.send(&mut socket, b"four"), Ok(3));
    assert_eq!(platform.peek(&mut socket, &mut buffer), Ok(4));
    assert_eq!(platform.open_datagram(ADDRESS, &options, token).err(), Some(Error::PermissionDenied));
    assert_eq!(platform.connect_datagram(&mut socket, None), Ok(()));
    let datagram = Datagram { count: 0, from: ADDRESS, truncated: true };
    assert_eq!(platform.receive_from(&mut socket, &mut buffer), Ok((datagram, Rest::MaybeMore)));
    assert_eq!(platform.send_to(&mut socket, b"x", Some(ADDRESS)), Err(Error::MessageTooLarge));
    assert_eq!(platform.shutdown(&mut socket, Half::Read), Ok(()));
    assert_eq!(platform.set_option(&mut socket, SocketOption::HopLimit(9)), Ok(()));
    assert_eq!(platform.local_address(&socket), Ok(ADDRESS));
    assert_eq!(platform.peer_address(&socket), Err(Error::NotConnected));
    assert_eq!(platform.entropy(&mut buffer), Ok(()));
    assert_eq!(buffer, [0xA5; 4]);
    let (mut told, mut hosts) = (Vec::new(), Vec::new());
    platform.name_service(&mut |item| told.push(format!("{item:?}")));
    assert_eq!(told, ["Ndots(3)"]);
    platform.host_addresses("here", &mut |address| hosts.push(address));
    assert_eq!(hosts, [ADDRESS.ip()]);
    platform.close(socket, Close::Abort);
    assert_eq!(platform.last_os_error(), Some(99));
}

/// Every operation but the reports of a wait came through to the probe, once; and so did the looks.
fn check_probe(probe: &Probe) {
    let mut calls = probe.calls.clone();
    calls.sort_unstable();
    let reports = [Operation::Ready, Operation::Alarm, Operation::Raised];
    let calls_of_contract = Operation::ALL.iter().filter(|operation| !reports.contains(operation));
    let mut expected: Vec<&str> = calls_of_contract.map(|operation| operation.name()).collect();
    expected.sort_unstable();
    assert_eq!(calls, expected);
    assert_eq!(*probe.looks.borrow(), ["last_os_error"]);
}

/// The port is the probe's.
fn check_port(platform: &impl Platform) {
    assert_eq!(platform.port().map(EventPortView::capacity), Some(1));
}

/// Middleware that is different in nothing.
struct Plain<P>(P);

impl<P: Platform> ptk_core::middleware::Middleware for Plain<P> {
    type Inner = P;

    fn inner(&self) -> &P {
        &self.0
    }

    fn inner_mut(&mut self) -> &mut P {
        &mut self.0
    }
}

#[test]
fn middleware_forwards_every_call_that_it_does_not_define() {
    let mut platform = Plain(Probe::default());
    call_everything(&mut platform);
    check_probe(&platform.0);
    check_port(&platform);
}

#[test]
fn a_counter_forwards_and_counts_every_call() {
    let mut platform = Counted::new(Probe::default());
    call_everything(&mut platform);
    check_probe(platform.inner());
    check_port(&platform);
    for operation in Operation::ALL {
        assert_eq!(platform.counts().of(*operation).calls, 1, "{operation}");
    }
    let failed = |(operation, count): (Operation, Count)| (count.errors > 0).then_some(operation);
    let failed: Vec<Operation> = platform.counts().iter().filter_map(failed).collect();
    use Operation::{FinishConnect, Open, OpenDatagram, OpenListener, PeerAddress, Raise, SendTo, Wait};
    assert_eq!(failed, [Open, Wait, Raise, FinishConnect, OpenListener, OpenDatagram, SendTo, PeerAddress]);
    let bytes = [Operation::Receive, Operation::Send, Operation::Peek, Operation::Entropy];
    assert_eq!(bytes.map(|operation| platform.counts().of(operation).bytes), [1, 3, 4, 4]);
}

#[test]
fn a_tracer_forwards_and_tells_every_call() {
    let mut told = Vec::new();
    let mut platform = Traced::new(Probe::default(), |call: &Call<'_>| told.push(call.operation));
    call_everything(&mut platform);
    check_probe(platform.inner());
    check_port(&platform);
    drop(platform);
    for operation in Operation::ALL {
        assert_eq!(told.iter().filter(|other| *other == operation).count(), 1, "{operation}");
    }
}

#[test]
fn a_recording_holds_every_call_and_answers_each_as_the_platform_did() {
    let mut platform = Recorded::new(Probe::default(), RecordBuffer::<1024>::new());
    call_everything(&mut platform);
    let calls: Vec<&str> = platform.inner().calls.clone();
    assert_eq!(calls.len(), Operation::ALL.len() - 3);
    check_port(&platform);
    let recording = platform.recorder().as_bytes();
    let mut recorded = RecordedCalls::new(recording).unwrap().map(Result::unwrap);
    for operation in Operation::ALL {
        assert!(recorded.clone().any(|record| record.call.operation == *operation), "{operation}");
    }
    assert_eq!(recorded.find(|record| record.os_error.is_some()).unwrap().os_error, Some(99));
    let mut replayed = Replayed::new(recording).unwrap();
    call_everything(&mut replayed);
    assert_eq!((replayed.finish(), replayed.calls()), (Ok(()), calls.len() as u64));
}

#[test]
fn they_stack_in_any_order() {
    let mut platform = Counted::new(Traced::new(Plain(Counted::new(Probe::default())), |_: &Call<'_>| {}));
    call_everything(&mut platform);
    assert_eq!(platform.counts(), platform.inner().inner().0.counts());
    check_probe(platform.inner().inner().0.inner());
}

#[test]
fn what_is_random_is_never_told() {
    let mut lines = Vec::new();
    let mut platform = Traced::new(Probe::default(), |call: &Call<'_>| {
        assert_eq!(call.data, b"");
        lines.push(call.to_string());
    });
    platform.entropy(&mut [0; 4]).unwrap();
    drop(platform);
    assert_eq!(lines, ["entropy 4"]);
    let mut recorded = Recorded::new(Probe::default(), RecordBuffer::<64>::new());
    recorded.entropy(&mut [0; 4]).unwrap();
    let record = RecordedCalls::new(recorded.recorder().as_bytes()).unwrap().next().unwrap().unwrap();
    assert_eq!((record.call.data, record.to_string()), (&[0xA5; 4][..], "entropy 4 (os error 99)".into()));
}
