//! A platform that answers from a recording.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ptk_core::middleware::{
    Argument, Call, Operation, Outcome, RecordedCall, RecordedCalls, RecordingError, RecordingPosition,
};
use ptk_core::{
    Close, Datagram, Error, EventPortView, EventSource, Half, Handle, Instant, NameService, Options, Platform, Raised,
    Received, Rest, Sink, SocketOption, Until,
};

/// A platform that gives an application what [`Recorded`](ptk_core::middleware::Recorded) wrote down: without sockets, a
/// clock, threads or a wait.
///
/// Each call is compared with the next one of the recording: the operation, the socket, the arguments, the bytes to send,
/// and how much there is room to receive. While they are the same, the recording answers. At the first one that differs
/// the replay stops: that call and all behind it fail with [`Error::NotRecorded`] and do nothing, so the loop ends, and
/// [`difference`](Self::difference) tells what was recorded and what was called instead.
///
/// ```
/// use ptk_core::middleware::{RecordBuffer, Recorded};
/// use ptk_core::{Error, EventLoop, Platform};
/// use ptk_mock::{Mock, Replayed};
///
/// fn application<P: Platform>(event_loop: &mut EventLoop<P, 1, 2>, port: u16) -> Result<(), Error> {
///     event_loop.open()?;
///     event_loop.cx().listen(([127, 0, 0, 1], port).into())?;
///     Ok(())
/// }
///
/// // Where it happened: `Linux` in place of `Mock`, and often a file in place of the buffer.
/// let mut recorded = EventLoop::new(0, Recorded::new(Mock::new(), RecordBuffer::<256>::new()));
/// application(&mut recorded, 502)?;
/// let recording = recorded.platform().recorder().as_bytes();
///
/// // In a test.
/// let mut replayed = EventLoop::new(0, Replayed::new(recording)?);
/// application(&mut replayed, 502)?;
/// replayed.platform().finish()?;
///
/// let mut changed = EventLoop::new(0, Replayed::new(recording)?);
/// assert_eq!(application(&mut changed, 503), Err(Error::NotRecorded));
/// assert_eq!(
///     changed.platform().difference().unwrap().to_string(),
///     "call 2 is not the one that was recorded\n\
///      recorded: open_listener TcpListener 0.0#0 127.0.0.1:502\n\
///      called:   open_listener TcpListener 0.0#0 127.0.0.1:503"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The application must be the recorded one from the loop's construction on: same loop id, same capacities, same calls
/// before the first turn. What it knows from elsewhere (arguments of the program, the time of day, memory shared with
/// threads) the test must give it again.
///
/// There is no [`port`](Platform::port): raised events come from the recording, and a thread that raises one here is
/// refused by its own port.
#[derive(Clone, Hash)]
pub struct Replayed {
    recording: Recording,
    /// Behind the last call that was the same.
    position: RecordingPosition,
    /// How many calls were the same.
    calls: u64,
    /// The time that was last told.
    now: Instant,
    os_error: i32,
    difference: Option<Box<Difference>>,
}

/// A recording that was read once, and is sound.
#[derive(Clone)]
struct Recording {
    bytes: Arc<[u8]>,
    /// Where it ends, which holds a hash of all before.
    end: RecordingPosition,
    calls: u64,
}

impl Hash for Recording {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.end.hash(state);
    }
}

/// Where a replay differs from its recording.
///
/// Its text has a line for each.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct Difference {
    /// Which call, counted from 1; what a wait reports is no call.
    pub call: u64,
    /// What was recorded, with its outcome; `None` if the recording has ended.
    pub recorded: Option<String>,
    /// What was called; `None` if the application has ended.
    pub called: Option<String>,
    /// The first byte to send that differs, counted from 0, if those differ.
    pub byte: Option<usize>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let recorded = self.recorded.as_deref().unwrap_or("nothing: the recording ends here");
        let called = self.called.as_deref().unwrap_or("nothing: the application has ended");
        write!(f, "call {} is not the one that was recorded\nrecorded: {recorded}\ncalled:   {called}", self.call)?;
        match self.byte {
            Some(byte) => write!(f, "\nthe data differ from byte {byte} on"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Difference {}

/// A socket of a replay: its name.
#[derive(Clone, Hash, Debug)]
pub struct ReplayedSocket(Option<Handle>);

impl ReplayedSocket {
    /// The socket that was opened with `token`, by a call that only the recorded platform has.
    #[must_use]
    pub const fn new(token: Handle) -> ReplayedSocket {
        ReplayedSocket(Some(token))
    }
}

impl Replayed {
    /// Plays `recording`, which is read once to see that it is sound.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and how many bytes before that are sound: those can be replayed by themselves.
    pub fn new(recording: impl Into<Arc<[u8]>>) -> Result<Replayed, RecordingError> {
        let bytes = recording.into();
        let mut reader = RecordedCalls::new(&bytes)?;
        let position = reader.position();
        let mut calls = 0;
        for call in reader.by_ref() {
            calls += u64::from(!call?.is_report());
        }
        let end = reader.position();
        let recording = Recording { bytes, end, calls };
        Ok(Replayed { recording, position, calls: 0, now: Instant::ORIGIN, os_error: 0, difference: None })
    }

    /// The first call that was not the recorded one; `None` if there was none yet.
    #[must_use]
    pub fn difference(&self) -> Option<&Difference> {
        self.difference.as_deref()
    }

    /// How many calls were made that were the recorded ones.
    #[must_use]
    pub const fn calls(&self) -> u64 {
        self.calls
    }

    /// How many calls of the recording were not made yet.
    #[must_use]
    pub const fn left(&self) -> u64 {
        self.recording.calls.saturating_sub(self.calls)
    }

    /// Whether all of the recording was played, and nothing else: what a test asks for at its end.
    ///
    /// # Errors
    ///
    /// The first difference; that the application has ended before the recording is one, too.
    pub fn finish(&self) -> Result<(), Difference> {
        if let Some(difference) = self.difference() {
            return Err(difference.clone());
        }
        match self.next() {
            None => Ok(()),
            Some((next, _)) => {
                let (call, recorded) = (self.calls + 1, Some(next.to_string()));
                Err(Difference { call, recorded, called: None, byte: None })
            }
        }
    }

    /// What was recorded next, reports left out, and where the record ends.
    fn next(&self) -> Option<(RecordedCall<'_>, RecordingPosition)> {
        let mut reader = RecordedCalls::resume(&self.recording.bytes, self.position);
        // It is sound, so all are whole.
        let call = reader.by_ref().map_while(Result::ok).find(|call| !call.is_report())?;
        Some((call, reader.position()))
    }

    /// Compares a call with the recorded one, which `answer` then takes its answer from. An answer that is none to such a
    /// call is a difference, too.
    fn play<T>(
        &mut self,
        called: &RecordedCall<'_>,
        answer: impl FnOnce(&RecordedCall<'_>) -> Option<T>,
    ) -> Result<T, Error> {
        if self.difference.is_some() {
            return Err(Error::NotRecorded);
        }
        let next = self.next();
        let same = next.filter(|(recorded, _)| is_same(recorded, called));
        let Some((answer, position, os_error)) =
            same.and_then(|(recorded, position)| Some((answer(&recorded)?, position, recorded.os_error)))
        else {
            let recorded = next.map(|(recorded, _)| recorded);
            self.difference = Some(Box::new(differ(self.calls + 1, recorded.as_ref(), called)));
            return Err(Error::NotRecorded);
        };
        self.position = position;
        self.calls += 1;
        self.os_error = os_error.unwrap_or(self.os_error);
        Ok(answer)
    }

    /// Plays a call that fails or has an outcome, of which `read` makes the answer.
    fn outcome<T>(&mut self, called: &RecordedCall<'_>, read: impl FnOnce(Outcome) -> Option<T>) -> Result<T, Error> {
        self.play(called, |recorded| match recorded.call.result {
            Ok(outcome) => read(outcome).map(Ok),
            Err(error) => Some(Err(error)),
        })?
    }

    /// Plays a call that gives nothing but its success.
    fn done(&mut self, called: &RecordedCall<'_>) -> Result<(), Error> {
        self.outcome(called, |outcome| (outcome == Outcome::Done).then_some(()))
    }

    /// Plays a call that opens a socket.
    fn opened(
        &mut self,
        operation: Operation,
        argument: Argument<'_>,
        options: &Options,
        token: Handle,
    ) -> Result<ReplayedSocket, Error> {
        let socket = ReplayedSocket(Some(token));
        let mut called = on(operation, &socket, argument);
        called.options = Some(*options);
        self.done(&called).map(|()| socket)
    }

    /// Plays a call that receives into `buffer`; `read` makes the answer, and tells how many bytes there were.
    fn received<T>(
        &mut self,
        operation: Operation,
        socket: &ReplayedSocket,
        buffer: &mut [u8],
        read: impl FnOnce(Outcome) -> Option<(T, usize)>,
    ) -> Result<T, Error> {
        let mut called = on(operation, socket, Argument::None);
        called.room = Some(buffer.len());
        self.play(&called, |recorded| match recorded.call.result {
            Err(error) => Some(Err(error)),
            Ok(outcome) => {
                let (answer, count) = read(outcome)?;
                let data = recorded.call.data;
                buffer.get_mut(..count).filter(|_| count == data.len())?.copy_from_slice(data);
                Some(Ok(answer))
            }
        })?
    }

    /// Plays a call that tells something before it ends: calls `tell` with each of its reports.
    fn told(&mut self, called: &RecordedCall<'_>, mut tell: impl FnMut(&RecordedCall<'_>)) -> Result<(), Error> {
        let start = self.position;
        // A wait that differs reports nothing, so the call at the end of the reports comes first.
        let ended = self.play(called, |recorded| match recorded.call.result {
            Ok(Outcome::Done) => Some(Ok(())),
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        })?;
        let reports = RecordedCalls::resume(&self.recording.bytes, start).map_while(Result::ok);
        reports.take_while(RecordedCall::is_report).for_each(|report| tell(&report));
        ended
    }
}

impl fmt::Debug for Replayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("Replayed");
        text.field("calls", &self.calls).field("left", &self.left()).field("now", &self.now);
        text.field("difference", &self.difference).finish_non_exhaustive()
    }
}

/// A call without a socket.
fn made(operation: Operation, argument: Argument<'_>) -> RecordedCall<'_> {
    on(operation, &Replayed::CLOSED, argument)
}

/// A call on `socket`.
fn on<'a>(operation: Operation, socket: &ReplayedSocket, argument: Argument<'a>) -> RecordedCall<'a> {
    let mut call = Call::of(operation);
    (call.socket, call.argument) = (socket.0, argument);
    RecordedCall::new(call)
}

/// The argument of a call that names a peer, or none.
fn peer_or_none(peer: Option<SocketAddr>) -> Argument<'static> {
    peer.map_or(Argument::None, Argument::Address)
}

/// Whether the application asks for the same; what comes out is the recording's.
fn is_same(recorded: &RecordedCall<'_>, called: &RecordedCall<'_>) -> bool {
    let asked = |call: &RecordedCall<'_>| (call.call.operation, call.call.socket, call.options, call.room);
    asked(recorded) == asked(called)
        && recorded.call.argument == called.call.argument
        && first_byte(recorded, called).is_none()
}

/// The first byte to send that differs.
fn first_byte(recorded: &RecordedCall<'_>, called: &RecordedCall<'_>) -> Option<usize> {
    let (recorded_data, data) = (recorded.call.data, called.call.data);
    if recorded.call.operation != called.call.operation || !gives_data(called) || recorded_data == data {
        return None;
    }
    let same = recorded_data.iter().zip(data).take_while(|(left, right)| left == right).count();
    Some(same)
}

fn gives_data(call: &RecordedCall<'_>) -> bool {
    matches!(call.call.operation, Operation::Send | Operation::SendTo)
}

fn differ(call: u64, recorded: Option<&RecordedCall<'_>>, called: &RecordedCall<'_>) -> Difference {
    let byte = recorded.and_then(|recorded| first_byte(recorded, called));
    Difference { call, recorded: recorded.map(ToString::to_string), called: Some(called.to_string()), byte }
}

#[deny(clippy::missing_trait_methods)]
impl Platform for Replayed {
    type Socket = ReplayedSocket;

    const CLOSED: ReplayedSocket = ReplayedSocket(None);

    fn open(&mut self) -> Result<(), Error> {
        self.done(&made(Operation::Open, Argument::None))
    }

    /// The time that was recorded; behind a difference the last one.
    fn now(&mut self) -> Instant {
        let time = |outcome| match outcome {
            Outcome::Time(time) => Some(time),
            _ => None,
        };
        if let Ok(now) = self.outcome(&made(Operation::Now, Argument::None), time) {
            self.now = now;
        }
        self.now
    }

    fn next_deadline(&mut self) -> Option<Instant> {
        let deadline = |outcome| match outcome {
            Outcome::Time(time) => Some(Some(time)),
            Outcome::NoDeadline => Some(None),
            _ => None,
        };
        self.outcome(&made(Operation::NextDeadline, Argument::None), deadline).ok().flatten()
    }

    fn wait<S: Sink>(&mut self, until: Until, sink: &mut S) -> Result<(), Error> {
        self.told(&made(Operation::Wait, Argument::Until(until)), |report| {
            match (report.call.operation, report.call.socket, report.call.argument) {
                (Operation::Ready, Some(token), Argument::Readiness(readiness)) => sink.socket(token, readiness),
                (Operation::Alarm, ..) => sink.alarm(),
                (Operation::Raised, ..) => sink.raised(),
                _ => {}
            }
        })
    }

    fn port(&self) -> Option<&EventPortView> {
        None
    }

    fn raise(&mut self, source: EventSource, value: u32) -> Result<(), Error> {
        self.done(&made(Operation::Raise, Argument::Source(source, value)))
    }

    fn open_source(&mut self, index: usize) -> Result<u16, Error> {
        self.outcome(&made(Operation::OpenSource, Argument::Index(index)), |outcome| match outcome {
            Outcome::Generation(generation) => Some(generation),
            _ => None,
        })
    }

    fn is_raised(&mut self, index: usize) -> bool {
        let is = |outcome| match outcome {
            Outcome::Is(yes) => Some(yes),
            _ => None,
        };
        self.outcome(&made(Operation::IsRaised, Argument::Index(index)), is).unwrap_or(false)
    }

    fn take_raised(&mut self, index: usize) -> Option<Raised> {
        let raised = |outcome| match outcome {
            Outcome::Raised(raised) => Some(Some(raised)),
            Outcome::NotRaised => Some(None),
            _ => None,
        };
        self.outcome(&made(Operation::TakeRaised, Argument::Index(index)), raised).ok().flatten()
    }

    fn open_stream(&mut self, peer: SocketAddr, options: &Options, token: Handle) -> Result<ReplayedSocket, Error> {
        self.opened(Operation::OpenStream, Argument::Address(peer), options, token)
    }

    fn finish_connect(&mut self, socket: &mut ReplayedSocket) -> Result<(), Error> {
        self.done(&on(Operation::FinishConnect, socket, Argument::None))
    }

    fn open_listener(
        &mut self,
        address: SocketAddr,
        options: &Options,
        token: Handle,
    ) -> Result<ReplayedSocket, Error> {
        self.opened(Operation::OpenListener, Argument::Address(address), options, token)
    }

    fn accept(
        &mut self,
        listener: &mut ReplayedSocket,
        options: &Options,
        token: Handle,
    ) -> Result<ReplayedSocket, Error> {
        let argument = listener.0.map_or(Argument::None, Argument::Listener);
        self.opened(Operation::Accept, argument, options, token)
    }

    fn receive(&mut self, socket: &mut ReplayedSocket, buffer: &mut [u8]) -> Result<Received, Error> {
        self.received(Operation::Receive, socket, buffer, |outcome| match outcome {
            Outcome::Received(received) => Some((received, received.count)),
            _ => None,
        })
    }

    fn send(&mut self, socket: &mut ReplayedSocket, data: &[u8]) -> Result<usize, Error> {
        let mut called = on(Operation::Send, socket, Argument::None);
        called.call.data = data;
        self.outcome(&called, |outcome| match outcome {
            Outcome::Count(count) => (1..=data.len()).contains(&count).then_some(count),
            _ => None,
        })
    }

    fn peek(&mut self, socket: &mut ReplayedSocket, buffer: &mut [u8]) -> Result<usize, Error> {
        self.received(Operation::Peek, socket, buffer, |outcome| match outcome {
            Outcome::Count(count) => Some((count, count)),
            _ => None,
        })
    }

    fn open_datagram(
        &mut self,
        address: SocketAddr,
        options: &Options,
        token: Handle,
    ) -> Result<ReplayedSocket, Error> {
        self.opened(Operation::OpenDatagram, Argument::Address(address), options, token)
    }

    fn connect_datagram(&mut self, socket: &mut ReplayedSocket, peer: Option<SocketAddr>) -> Result<(), Error> {
        self.done(&on(Operation::ConnectDatagram, socket, peer_or_none(peer)))
    }

    fn receive_from(&mut self, socket: &mut ReplayedSocket, buffer: &mut [u8]) -> Result<(Datagram, Rest), Error> {
        self.received(Operation::ReceiveFrom, socket, buffer, |outcome| match outcome {
            Outcome::Datagram(datagram, rest) => Some(((datagram, rest), datagram.count)),
            _ => None,
        })
    }

    fn send_to(&mut self, socket: &mut ReplayedSocket, data: &[u8], peer: Option<SocketAddr>) -> Result<(), Error> {
        let mut called = on(Operation::SendTo, socket, peer_or_none(peer));
        called.call.data = data;
        self.done(&called)
    }

    fn shutdown(&mut self, socket: &mut ReplayedSocket, half: Half) -> Result<(), Error> {
        self.done(&on(Operation::Shutdown, socket, Argument::Half(half)))
    }

    fn close(&mut self, socket: ReplayedSocket, how: Close) {
        // What differs is told by `difference`.
        let _ = self.done(&on(Operation::Close, &socket, Argument::Close(how)));
    }

    fn set_option(&mut self, socket: &mut ReplayedSocket, option: SocketOption) -> Result<(), Error> {
        self.done(&on(Operation::SetOption, socket, Argument::Option(option)))
    }

    fn local_address(&mut self, socket: &ReplayedSocket) -> Result<SocketAddr, Error> {
        self.outcome(&on(Operation::LocalAddress, socket, Argument::None), address)
    }

    fn peer_address(&mut self, socket: &ReplayedSocket) -> Result<SocketAddr, Error> {
        self.outcome(&on(Operation::PeerAddress, socket, Argument::None), address)
    }

    fn entropy(&mut self, out: &mut [u8]) -> Result<(), Error> {
        self.play(&made(Operation::Entropy, Argument::Count(out.len())), |recorded| match recorded.call.result {
            Err(error) => Some(Err(error)),
            Ok(_) if recorded.call.data.len() == out.len() => {
                out.copy_from_slice(recorded.call.data);
                Some(Ok(()))
            }
            Ok(_) => None,
        })?
    }

    fn name_service(&mut self, tell: &mut dyn FnMut(NameService<'_>)) {
        // Without an answer nothing is told.
        let _ = self.told(&made(Operation::NameService, Argument::None), |report| {
            if let Argument::NameService(item) = report.call.argument {
                tell(item);
            }
        });
    }

    fn host_addresses(&mut self, name: &str, tell: &mut dyn FnMut(IpAddr)) {
        let _ = self.told(&made(Operation::HostAddresses, Argument::Name(name)), |report| {
            if let Argument::Host(_, address) = report.call.argument {
                tell(address);
            }
        });
    }

    fn last_os_error(&self) -> Option<i32> {
        (self.os_error != 0).then_some(self.os_error)
    }
}

fn address(outcome: Outcome) -> Option<SocketAddr> {
    match outcome {
        Outcome::Address(address) => Some(address),
        _ => None,
    }
}
