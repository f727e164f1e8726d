//! Behaviours 1 to 8: how connections begin, and how they fail to.

use core::task::Poll;
use std::net::SocketAddr;

use ptk_core::prelude::*;

use crate::actors::{Dial, Reader, Take};
use crate::backend::Backend;
use crate::stage::{SILENCE, Stage};

/// Connects on a socket that somebody else may close, and keeps each outcome.
struct DialOn {
    pt: PtTimed,
    socket: TcpSocket,
    peer: SocketAddr,
    outcomes: Vec<Result<(), Error>>,
}

impl DialOn {
    fn new(socket: TcpSocket, peer: SocketAddr) -> Self {
        DialOn { pt: PtTimed::new(), socket, peer, outcomes: Vec::new() }
    }
}

impl<P: Platform> Protothread<P> for DialOn {
    type Output = ();

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) {
        let outcome = wait!(cx.connect_on(self.socket, self.peer));
        self.outcomes.push(outcome);
        // Stays to see whether the wait that is over is heard of again.
        wait!(sleep!(SILENCE));
    }
}

/// Connects, with a limit to the time, and stays a while.
struct DialFor {
    pt: PtTimed,
    peer: SocketAddr,
    limit: Duration,
    stay: Duration,
    outcome: Option<Result<Result<TcpSocket, Error>, TimedOut>>,
}

impl DialFor {
    fn new(peer: SocketAddr, limit: Duration) -> Self {
        DialFor { pt: PtTimed::new(), peer, limit, stay: Duration::ZERO, outcome: None }
    }
}

impl<P: Platform> Protothread<P> for DialFor {
    type Output = ();

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) {
        let outcome = wait!(cx.connect(self.peer), timeout = self.limit);
        self.outcome = Some(outcome);
        wait!(sleep!(self.stay));
    }
}

/// Accepts after a while, and then until nobody comes for a second and a bit.
struct AcceptAfter {
    pt: PtTimed,
    listener: TcpListener,
    time: Duration,
    count: usize,
    last: Option<Result<TcpSocket, Error>>,
}

impl<P: Platform> Protothread<P> for AcceptAfter {
    type Output = ();

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) {
        wait!(sleep!(self.time));
        loop {
            match wait!(cx.accept(self.listener), timeout = Duration::from_millis(1300)) {
                Ok(Ok(_)) => self.count += 1,
                Ok(Err(error)) => {
                    self.last = Some(Err(error));
                    break;
                }
                Err(TimedOut) => break,
            }
        }
    }
}

/// Closes a socket after others had a turn.
struct CloseSoon {
    pt: Pt,
    socket: TcpSocket,
}

impl<P: Platform> Protothread<P> for CloseSoon {
    type Output = Result<(), Error>;

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) -> Result<(), Error> {
        yield_now!();
        cx.close(self.socket)
    }
}

/// A socket with a handler, with its connect to `peer` begun; what that said.
fn connect_with_handler<B: Backend>(stage: &mut Stage<B>, peer: SocketAddr) -> (TcpSocket, Poll<Result<(), Error>>) {
    let mut cx = stage.cx();
    let socket = cx.tcp_socket(&Options::DEFAULT).expect("a socket is left");
    cx.set_handler(socket).expect("it is new");
    let begun = cx.connect_on(socket, peer);
    (socket, begun)
}

/// 1. A connect that succeeds completes exactly once.
pub(crate) fn a_connect_that_succeeds_completes_exactly_once<B: Backend>() {
    let mut stage = Stage::<B>::new();
    for address in [stage.backend.v4(), stage.backend.v6()] {
        let (listener, address) = stage.listen_at(address, &Options::DEFAULT);
        // A protothread.
        let socket = stage.cx().tcp_socket(&Options::DEFAULT).expect("a socket is left");
        let mut dial = DialOn::new(socket, address);
        let polls = stage.event_loop.counters().polls;
        stage.play(&mut [&mut dial]);
        assert_eq!(dial.outcomes, [Ok(())]);
        let polls = stage.event_loop.counters().polls - polls;
        assert!(polls <= 3, "the start, the connection, the end of the pause: {polls} polls");
        assert_eq!(stage.cx().peer_address(socket), Ok(address));
        assert_eq!(stage.cx().connect_on(socket, address), Poll::Ready(Err(Error::AlreadyConnected)));
        // A handler.
        let (socket, begun) = connect_with_handler(&mut stage, address);
        assert_eq!(begun, Poll::Pending, "a handler is told, not answered");
        let mut heard = stage.hear_until(|heard| !heard.is_empty());
        let mut takes = [Take::from(listener), Take::from(listener)];
        let [first, second] = &mut takes;
        stage.play(&mut [first, second]);
        let peer = takes[1].socket;
        stage.send(peer, b"welcome");
        stage.send(socket, b"hello");
        heard.extend(stage.hear_until(|heard| heard.iter().any(|(_, event)| *event == Event::Readable)));
        stage.cx().try_recv(socket, &mut [0; 16]).expect("data came");
        heard.extend(stage.hear(SILENCE));
        let told = heard.iter().filter(|(_, event)| *event == Event::Connected).count();
        assert_eq!(told, 1, "{heard:?}");
        assert!(heard.iter().all(|(handle, _)| Some(*handle) == socket.handle()), "{heard:?}");
        assert!(!heard.iter().any(|(_, event)| matches!(event, Event::Error(_) | Event::Disconnected)), "{heard:?}");
        stage.cx().close(listener).expect("it is open");
    }
}

/// 2. A refused connect gives `ConnectionRefused` once, to the waiting protothread.
pub(crate) fn a_refused_connect_is_told_once_to_who_waits<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let refusing = stage.refusing_address();
    let (listener, address) = stage.listen();
    // A protothread, beside one that connects to somebody and one that waits for somebody.
    let socket = stage.cx().tcp_socket(&Options::DEFAULT).expect("a socket is left");
    let mut refused = DialOn::new(socket, refusing);
    let mut implicit = DialFor::new(refusing, Duration::from_secs(10));
    let (mut welcome, mut take) = (Dial::to(address), Take::from(listener));
    stage.play(&mut [&mut refused, &mut implicit, &mut welcome, &mut take]);
    assert_eq!(refused.outcomes, [Err(Error::ConnectionRefused)]);
    assert_eq!(implicit.outcome, Some(Ok(Err(Error::ConnectionRefused))));
    assert_eq!(stage.cx().peer_address(welcome.socket), Ok(address));
    // A handler: either the call itself says it, or an event does.
    let (refused, begun) = connect_with_handler(&mut stage, refusing);
    let mut told = Vec::new();
    if let Poll::Ready(result) = begun {
        told.push(result);
    }
    for (handle, event) in stage.hear(SILENCE) {
        assert_eq!(Some(handle), refused.handle());
        let Event::Error(error) = event else { panic!("{event:?} is no refusal") };
        told.push(Err(error));
    }
    assert_eq!(told, [Err(Error::ConnectionRefused)]);
}

/// 3. A retry after a refusal works.
pub(crate) fn a_retry_after_a_refusal_works<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let address = stage.refusing_address();
    let socket = stage.cx().tcp_socket(&Options::DEFAULT).expect("a socket is left");
    for _ in 0..3 {
        let mut refused = DialOn::new(socket, address);
        stage.play(&mut [&mut refused]);
        assert_eq!(refused.outcomes, [Err(Error::ConnectionRefused)]);
    }
    let (listener, address) = stage.listen_at(address, &Options::DEFAULT);
    let (mut again, mut take) = (DialOn::new(socket, address), Take::from(listener));
    stage.play(&mut [&mut again, &mut take]);
    assert_eq!(again.outcomes, [Ok(())]);
    stage.send(socket, b"here");
    stage.cx().close(socket).expect("it is open");
    let mut reader = Reader::of(take.socket);
    stage.play(&mut [&mut reader]);
    assert_eq!(reader.heard, b"here");
}

/// 4. A connect that times out is cancelled cleanly; nothing arrives later.
pub(crate) fn a_connect_that_times_out_is_cancelled_for_good<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let (listener, address, waiting) = stage.listen_with_full_backlog();
    let (open, start) = (stage.open_sockets(), stage.now());
    let limit = Duration::from_millis(40);
    let mut late = DialFor::new(address, limit);
    stage.play(&mut [&mut late]);
    assert_eq!(late.outcome, Some(Err(TimedOut)));
    assert!(stage.now() - start >= limit);
    assert_eq!(stage.open_sockets(), open, "what the wait had opened is closed");
    // Not by the end of its protothread, but by the end of the wait.
    let mut late = DialFor { stay: Duration::from_secs(2), ..DialFor::new(address, limit) };
    let (pt, time) = (PtTimed::new(), Duration::from_millis(80));
    let mut accept = AcceptAfter { pt, listener, time, count: 0, last: None };
    stage.play(&mut [&mut late, &mut accept]);
    assert_eq!((late.outcome, accept.last), (Some(Err(TimedOut)), None));
    // There was room then. A connect that was only forgotten would have been repeated within a second, and come up.
    assert_eq!(accept.count, waiting.len());
    let mut fresh = DialFor::new(address, Duration::from_secs(10));
    stage.play(&mut [&mut fresh]);
    assert!(matches!(fresh.outcome, Some(Ok(Ok(_)))), "the next connect is not disturbed: {:?}", fresh.outcome);
}

/// 5. Close while connecting: the waiter is told, no connect event follows.
pub(crate) fn a_close_while_connecting_is_told_and_ends_it<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let (_full, unanswered, _waiting) = stage.listen_with_full_backlog();
    let (_listener, answered) = stage.listen();
    for peer in [unanswered, answered] {
        let socket = stage.cx().tcp_socket(&Options::DEFAULT).expect("a socket is left");
        let mut closer = CloseSoon { pt: Pt::new(), socket };
        let mut dial = DialOn::new(socket, peer);
        // The closer runs first, so it closes before the connect's outcome can be told.
        stage.play(&mut [&mut closer, &mut dial]);
        assert_eq!(dial.outcomes, [Err(Error::InvalidHandle)], "connecting to {peer}");

        let (socket, begun) = connect_with_handler(&mut stage, peer);
        assert_eq!(begun, Poll::Pending);
        stage.cx().close(socket).expect("it is open");
        assert_eq!(stage.hear(SILENCE), []);
        assert_eq!(stage.cx().connect_on(socket, peer), Poll::Ready(Err(Error::InvalidHandle)));
    }
}

/// 6. A self-connect is rejected.
pub(crate) fn a_connection_to_itself_is_refused<B: Backend>() {
    let mut stage = Stage::<B>::new();
    // The system chooses the near address, which must be the far one: so not an address of this world alone.
    let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
    let (listener, free) = stage.listen_at(anywhere, &Options::DEFAULT);
    stage.cx().close(listener).expect("it is open");
    let socket = stage.cx().tcp_socket(&Options::DEFAULT).expect("a socket is left");
    // Nobody listens, so each attempt is refused; the ports that are chosen for the near end go through a range, perhaps
    // through half of it only, and at some time meet the far one, or its neighbour.
    for attempt in 0..160_000_u32 {
        let peer = SocketAddr::new(free.ip(), free.port() ^ (attempt / 40_000 % 2) as u16);
        let mut outcome = stage.cx().connect_on(socket, peer);
        let met = stage.cx().local_address(socket) == Ok(peer);
        while outcome == Poll::Pending {
            stage.turn_now(|_, _, _| Ok(()));
            outcome = stage.cx().connect_on(socket, peer);
        }
        assert_eq!(outcome, Poll::Ready(Err(Error::ConnectionRefused)), "{peer} from {attempt}");
        if met {
            return;
        }
    }
    panic!("the case did not come up");
}

/// 7. Connecting to the unspecified address behaves as documented: it is refused as an argument, and so is port 0.
pub(crate) fn an_unspecified_peer_is_an_invalid_argument<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let (_listener, address) = stage.listen();
    let peers = [
        SocketAddr::from(([0, 0, 0, 0], address.port())),
        SocketAddr::from(([0_u16; 8], address.port())),
        SocketAddr::from(([0, 0, 0, 0], 0)),
        SocketAddr::new(address.ip(), 0),
    ];
    let open = stage.open_sockets();
    for peer in peers {
        let mut dial = DialFor::new(peer, Duration::from_secs(10));
        stage.play(&mut [&mut dial]);
        assert_eq!(dial.outcome, Some(Ok(Err(Error::InvalidArgument))), "{peer}");
        assert_eq!(stage.open_sockets(), open);
        let (socket, begun) = connect_with_handler(&mut stage, peer);
        assert_eq!(begun, Poll::Ready(Err(Error::InvalidArgument)), "{peer}");
        assert_eq!(stage.hear(SILENCE), []);
        // The socket is as good as new.
        assert_eq!(stage.cx().connect_on(socket, address), Poll::Pending);
        assert_eq!(stage.hear_until(|heard| !heard.is_empty())[0].1, Event::Connected);
        stage.cx().close(socket).expect("it is open");
    }
}

/// Tries everything that needs a connection.
struct Impatient {
    pt: Pt,
    socket: TcpSocket,
    buffer: Buffer<8>,
    outcomes: Vec<Error>,
}

impl<P: Platform> Protothread<P> for Impatient {
    type Output = ();

    #[protothread]
    fn run(&mut self, cx: &mut Cx<'_, P>, _: &mut ()) {
        self.buffer.put_u32_be(7).expect("it has room");
        let sent = wait!(cx.send(self.socket, &mut self.buffer));
        self.outcomes.extend(sent.err());
        let sent = wait!(cx.send_all(self.socket, &mut self.buffer));
        self.outcomes.extend(sent.err());
        let received = wait!(cx.recv(self.socket, &mut self.buffer));
        self.outcomes.extend(received.err());
        let readable = wait!(cx.readable(self.socket));
        self.outcomes.extend(readable.err());
        let writable = wait!(cx.writable(self.socket));
        self.outcomes.extend(writable.err());
        self.outcomes.extend(cx.try_send(self.socket, b"x").err());
        self.outcomes.extend(cx.try_recv(self.socket, &mut [0]).err());
        self.outcomes.extend(cx.shutdown(self.socket, Half::Write).err());
        self.outcomes.extend(cx.peer_address(self.socket).err());
    }
}

/// 8. Send before the connection is up gives the documented code: `NotConnected`, as everything else that needs a peer.
pub(crate) fn a_send_before_the_connection_is_up_is_refused<B: Backend>() {
    let mut stage = Stage::<B>::new();
    let (_full, unanswered, _waiting) = stage.listen_with_full_backlog();
    let fresh = stage.cx().tcp_socket(&Options::DEFAULT).expect("a socket is left");
    let connecting = stage.cx().tcp_socket(&Options::DEFAULT).expect("a socket is left");
    assert_eq!(stage.cx().connect_on(connecting, unanswered), Poll::Pending);
    for socket in [fresh, connecting] {
        let mut impatient = Impatient { pt: Pt::new(), socket, buffer: Buffer::new(), outcomes: Vec::new() };
        stage.play(&mut [&mut impatient]);
        assert_eq!(impatient.outcomes, [Error::NotConnected; 9]);
        assert_eq!(impatient.buffer.readable(), [0, 0, 0, 7], "nothing was taken");
    }
    // And it comes up as if nothing had been tried.
    let (listener, address) = stage.listen();
    let (mut dial, mut take) = (DialOn::new(fresh, address), Take::from(listener));
    stage.play(&mut [&mut dial, &mut take]);
    assert_eq!(dial.outcomes, [Ok(())]);
    stage.send(fresh, b"now");
}
