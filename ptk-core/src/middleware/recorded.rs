//! [`Recorded`]: each call and its outcome, written down.

use core::fmt;
use core::hash::{Hash, Hasher};
use core::net::{IpAddr, SocketAddr};

use super::codec::Writer;
use super::recording::{HEADER, first_state, seal};
use super::{Argument, Call, NamedSocket, Operation, Outcome, RecordedCall};
use crate::error::Error;
use crate::handle::{EventSource, Handle};
use crate::options::{Options, SocketOption};
use crate::platform::{Close, Datagram, Half, NameService, Platform, Readiness, Received, Rest, Sink, Until};
use crate::port::{EventPortView, Raised};
use crate::time::Instant;

/// Who keeps a recording: [`RecordBuffer`] in memory, and whatever writes bytes elsewhere. Every
/// `FnMut(&[&[u8]]) -> Result<(), Error>` is one: see [`Recorded`] for one that writes a file.
pub trait Recorder {
    /// Keeps one record, whose pieces come one behind the other.
    ///
    /// Runs inside the loop's turn: what it takes, everybody waits for.
    ///
    /// # Errors
    ///
    /// It could not, and nothing of the record was kept. It is not called again.
    fn record(&mut self, pieces: &[&[u8]]) -> Result<(), Error>;
}

impl<F: FnMut(&[&[u8]]) -> Result<(), Error>> Recorder for F {
    fn record(&mut self, pieces: &[&[u8]]) -> Result<(), Error> {
        self(pieces)
    }
}

/// A recording in `N` bytes. It keeps the beginning: the first record that has no room ends it. All zero at first.
#[derive(Clone)]
pub struct RecordBuffer<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> RecordBuffer<N> {
    /// An empty one.
    pub const fn new() -> Self {
        RecordBuffer { bytes: [0; N], length: 0 }
    }

    /// The recording so far.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

impl<const N: usize> Default for RecordBuffer<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> fmt::Debug for RecordBuffer<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {N} bytes", self.length)
    }
}

impl<const N: usize> Recorder for RecordBuffer<N> {
    fn record(&mut self, pieces: &[&[u8]]) -> Result<(), Error> {
        let length = pieces.iter().map(|piece| piece.len()).sum::<usize>();
        let free = self.bytes.get_mut(self.length..).unwrap_or_default();
        let mut room = free.get_mut(..length).ok_or(Error::BufferFull)?;
        for piece in pieces {
            let (place, rest) = room.split_at_mut_checked(piece.len()).ok_or(Error::BufferFull)?;
            place.copy_from_slice(piece);
            room = rest;
        }
        self.length += length;
        Ok(())
    }
}

/// A platform that writes down what another one is asked to do and what it answers, so that `ptk_mock::Replayed` can run
/// the same application again without it.
///
/// A recording holds every call with its arguments, bytes and outcome: times, readiness, what came from peers and was
/// sent to them, raised events, random numbers, names. It is as secret as those. What tasks exchange with threads, or read
/// elsewhere, otherwise than through the platform is not in it. One recording holds one loop, from before it is opened.
///
/// Memory is the recorder's alone. When that can take no more, the recording ends there, a log says so at `warn`,
/// [`lost`](Self::lost) counts what came behind it, and the application goes on as before.
///
/// The recording stands outside of the state that a hash stands for, and is not printed. What it costs, beside what the
/// recorder takes: the token of each socket in the loop's table, 8 bytes and what that takes to align; 4 to 20 bytes for
/// most calls, and their data; a multiplication for each byte.
///
/// Into a buffer, to be looked at when something has gone wrong:
///
/// ```
/// use ptk_core::middleware::{RecordBuffer, Recorded};
/// use ptk_mock::Mock;
///
/// ptk_core::event_loop! {
///     static LOOP: Recorded<Mock, RecordBuffer<65536>> = Recorded::new(Mock::new(), RecordBuffer::new());
///     id: 0, tasks: 4, sockets: 8
/// }
///
/// let event_loop = LOOP.try_take().expect("taken once");
/// event_loop.open()?;
/// let recording = event_loop.platform().recorder().as_bytes();
/// # assert_eq!(recording.len(), 9);
/// # Ok::<(), ptk_core::Error>(())
/// ```
///
/// Into a file, or whatever else is `std::io::Write`:
///
/// ```
/// use std::io::Write;
///
/// use ptk_core::middleware::Recorded;
/// use ptk_core::{Error, EventLoop};
/// use ptk_mock::Mock;
///
/// # let path = std::env::temp_dir().join(format!("ptk-recording-{}", std::process::id()));
/// let mut file = std::io::BufWriter::new(std::fs::File::create(&path)?);
/// let recorder = |pieces: &[&[u8]]| {
///     pieces.iter().try_for_each(|piece| file.write_all(piece)).map_err(|_| Error::OutOfMemory)
/// };
/// let mut event_loop = EventLoop::<_, 4, 8>::new(0, Recorded::new(Mock::new(), recorder));
/// event_loop.open()?;
/// drop(event_loop);
/// file.flush()?;
/// # assert_eq!(std::fs::read(&path)?.len(), 9);
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A write that failed in the middle leaves a piece of a record behind, which a reader tells from a whole one.
#[derive(Clone)]
pub struct Recorded<P, R> {
    inner: P,
    pen: Pen<R>,
}

impl<P, R> Recorded<P, R> {
    /// Writes what `inner` is asked to do to `recorder`.
    pub const fn new(inner: P, recorder: R) -> Self {
        Recorded { inner, pen: Pen { recorder, started: false, state: 0, lost: 0, os_error: 0 } }
    }

    /// What is inside.
    pub const fn inner(&self) -> &P {
        &self.inner
    }

    /// What is inside, to be changed. Calls made through this are not recorded: a replay does without them.
    pub const fn inner_mut(&mut self) -> &mut P {
        &mut self.inner
    }

    /// The recorder.
    pub const fn recorder(&self) -> &R {
        &self.pen.recorder
    }

    /// The recorder, to be changed.
    pub const fn recorder_mut(&mut self) -> &mut R {
        &mut self.pen.recorder
    }

    /// How many records are missing at the end, because the recorder could take no more.
    pub const fn lost(&self) -> u64 {
        self.pen.lost
    }
}

impl<P: Hash, R> Hash for Recorded<P, R> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.hash(state);
    }
}

impl<P: fmt::Debug, R> fmt::Debug for Recorded<P, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorded").field("inner", &self.inner).field("lost", &self.pen.lost).finish_non_exhaustive()
    }
}

/// Writes records.
#[derive(Clone)]
struct Pen<R> {
    recorder: R,
    /// Whether there is a header.
    started: bool,
    /// The hash of what was written.
    state: u32,
    lost: u64,
    /// The system's number that was last written, or 0.
    os_error: i32,
}

impl<R: Recorder> Pen<R> {
    fn write(&mut self, call: &RecordedCall<'_>) {
        if self.lost == 0
            && let Err(error) = self.try_write(call)
        {
            note!(warn, "the recording ends: {}", error);
            self.lost = 1;
        } else if self.lost > 0 {
            self.lost += 1;
        }
    }

    fn try_write(&mut self, call: &RecordedCall<'_>) -> Result<(), Error> {
        let mut head = Writer::new();
        call.write_head(&mut head);
        let (head, payload) = (head.bytes().ok_or(Error::BufferFull)?, call.payload());
        let (header, before) = if self.started { (&[][..], self.state) } else { (&HEADER[..], first_state()) };
        let (state, check) = seal(before, head, payload);
        self.recorder.record(&[header, head, payload, &check])?;
        (self.started, self.state) = (true, state);
        Ok(())
    }

    /// Writes something that a call tells before it ends.
    fn report(&mut self, call: Call<'_>) {
        self.write(&RecordedCall::new(call));
    }
}

/// A call, before it was made.
const fn made(operation: Operation, argument: Argument<'_>) -> RecordedCall<'_> {
    RecordedCall::new(Call { argument, ..Call::of(operation) })
}

/// A call on `socket`, before it was made.
const fn on<'a, S>(operation: Operation, socket: &NamedSocket<S>, argument: Argument<'a>) -> RecordedCall<'a> {
    RecordedCall::new(Call { argument, socket: socket.token, ..Call::of(operation) })
}

/// The argument of a call that names a peer, or none.
fn peer_or_none(peer: Option<SocketAddr>) -> Argument<'static> {
    peer.map_or(Argument::None, Argument::Address)
}

/// What a call to receive has filled.
fn filled(buffer: &[u8], count: Option<usize>) -> &[u8] {
    count.and_then(|count| buffer.get(..count)).unwrap_or_default()
}

impl<P: Platform, R: Recorder> Recorded<P, R> {
    /// Writes a call that has ended.
    fn ended(&mut self, mut call: RecordedCall<'_>, result: Result<Outcome, Error>) {
        call.call.result = result;
        let os_error = self.inner.last_os_error().unwrap_or_default();
        if os_error != self.pen.os_error {
            self.pen.os_error = os_error;
            call.os_error = Some(os_error);
        }
        self.pen.write(&call);
    }

    /// Writes a call that gives nothing but its success.
    fn done(&mut self, call: RecordedCall<'_>, result: Result<(), Error>) -> Result<(), Error> {
        self.ended(call, result.map(|()| Outcome::Done));
        result
    }

    /// Writes a call that gives an address.
    fn address(&mut self, call: RecordedCall<'_>, result: Result<SocketAddr, Error>) -> Result<SocketAddr, Error> {
        self.ended(call, result.map(Outcome::Address));
        result
    }

    /// Writes a call that has opened a socket, and gives that its token.
    fn opened(
        &mut self,
        mut call: RecordedCall<'_>,
        options: &Options,
        token: Handle,
        opened: Result<P::Socket, Error>,
    ) -> Result<NamedSocket<P::Socket>, Error> {
        (call.call.socket, call.options) = (Some(token), Some(*options));
        self.ended(call, opened.as_ref().map(|_| Outcome::Done).map_err(|error| *error));
        opened.map(|inner| NamedSocket::new(inner, token))
    }
}

/// Writes what a wait reports on its way to the loop.
struct RecordedSink<'a, S, R> {
    sink: &'a mut S,
    pen: &'a mut Pen<R>,
}

impl<S: Sink, R: Recorder> Sink for RecordedSink<'_, S, R> {
    fn socket(&mut self, token: Handle, readiness: Readiness) {
        let argument = Argument::Readiness(readiness);
        self.pen.report(Call { socket: Some(token), argument, ..Call::of(Operation::Ready) });
        self.sink.socket(token, readiness);
    }

    fn alarm(&mut self) {
        self.pen.report(Call::of(Operation::Alarm));
        self.sink.alarm();
    }

    fn raised(&mut self) {
        self.pen.report(Call::of(Operation::Raised));
        self.sink.raised();
    }
}

// Its sockets are its own, so it cannot be a `Middleware`; the lint sees that no call with a default is forgotten.
#[deny(clippy::missing_trait_methods)]
impl<P: Platform, R: Recorder> Platform for Recorded<P, R> {
    type Socket = NamedSocket<P::Socket>;

    const CLOSED: Self::Socket = NamedSocket::closed(P::CLOSED);

    fn open(&mut self) -> Result<(), Error> {
        let result = self.inner.open();
        self.done(made(Operation::Open, Argument::None), result)
    }

    fn now(&mut self) -> Instant {
        let now = self.inner.now();
        self.ended(made(Operation::Now, Argument::None), Ok(Outcome::Time(now)));
        now
    }

    fn next_deadline(&mut self) -> Option<Instant> {
        let next = self.inner.next_deadline();
        let outcome = next.map_or(Outcome::NoDeadline, Outcome::Time);
        self.ended(made(Operation::NextDeadline, Argument::None), Ok(outcome));
        next
    }

    fn wait<S: Sink>(&mut self, until: Until, sink: &mut S) -> Result<(), Error> {
        let result = self.inner.wait(until, &mut RecordedSink { sink, pen: &mut self.pen });
        self.done(made(Operation::Wait, Argument::Until(until)), result)
    }

    fn port(&self) -> Option<&EventPortView> {
        self.inner.port()
    }

    fn raise(&mut self, source: EventSource, value: u32) -> Result<(), Error> {
        let result = self.inner.raise(source, value);
        self.done(made(Operation::Raise, Argument::Source(source, value)), result)
    }

    fn open_source(&mut self, index: usize) -> Result<u16, Error> {
        let result = self.inner.open_source(index);
        self.ended(made(Operation::OpenSource, Argument::Index(index)), result.map(Outcome::Generation));
        result
    }

    fn is_raised(&mut self, index: usize) -> bool {
        let is_raised = self.inner.is_raised(index);
        self.ended(made(Operation::IsRaised, Argument::Index(index)), Ok(Outcome::Is(is_raised)));
        is_raised
    }

    fn take_raised(&mut self, index: usize) -> Option<Raised> {
        let raised = self.inner.take_raised(index);
        let outcome = raised.map_or(Outcome::NotRaised, Outcome::Raised);
        self.ended(made(Operation::TakeRaised, Argument::Index(index)), Ok(outcome));
        raised
    }

    fn open_stream(&mut self, peer: SocketAddr, options: &Options, token: Handle) -> Result<Self::Socket, Error> {
        let opened = self.inner.open_stream(peer, options, token);
        self.opened(made(Operation::OpenStream, Argument::Address(peer)), options, token, opened)
    }

    fn finish_connect(&mut self, socket: &mut Self::Socket) -> Result<(), Error> {
        let result = self.inner.finish_connect(&mut socket.inner);
        self.done(on(Operation::FinishConnect, socket, Argument::None), result)
    }

    fn open_listener(&mut self, address: SocketAddr, options: &Options, token: Handle) -> Result<Self::Socket, Error> {
        let opened = self.inner.open_listener(address, options, token);
        self.opened(made(Operation::OpenListener, Argument::Address(address)), options, token, opened)
    }

    fn accept(&mut self, listener: &mut Self::Socket, options: &Options, token: Handle) -> Result<Self::Socket, Error> {
        let accepted = self.inner.accept(&mut listener.inner, options, token);
        let argument = listener.token.map_or(Argument::None, Argument::Listener);
        self.opened(made(Operation::Accept, argument), options, token, accepted)
    }

    fn receive(&mut self, socket: &mut Self::Socket, buffer: &mut [u8]) -> Result<Received, Error> {
        let result = self.inner.receive(&mut socket.inner, buffer);
        let mut call = on(Operation::Receive, socket, Argument::None);
        call.room = Some(buffer.len());
        call.call.data = filled(buffer, result.ok().map(|received| received.count));
        self.ended(call, result.map(Outcome::Received));
        result
    }

    fn send(&mut self, socket: &mut Self::Socket, data: &[u8]) -> Result<usize, Error> {
        let result = self.inner.send(&mut socket.inner, data);
        let mut call = on(Operation::Send, socket, Argument::None);
        call.call.data = data;
        self.ended(call, result.map(Outcome::Count));
        result
    }

    fn peek(&mut self, socket: &mut Self::Socket, buffer: &mut [u8]) -> Result<usize, Error> {
        let result = self.inner.peek(&mut socket.inner, buffer);
        let mut call = on(Operation::Peek, socket, Argument::None);
        call.room = Some(buffer.len());
        call.call.data = filled(buffer, result.ok());
        self.ended(call, result.map(Outcome::Count));
        result
    }

    fn open_datagram(&mut self, address: SocketAddr, options: &Options, token: Handle) -> Result<Self::Socket, Error> {
        let opened = self.inner.open_datagram(address, options, token);
        self.opened(made(Operation::OpenDatagram, Argument::Address(address)), options, token, opened)
    }

    fn connect_datagram(&mut self, socket: &mut Self::Socket, peer: Option<SocketAddr>) -> Result<(), Error> {
        let result = self.inner.connect_datagram(&mut socket.inner, peer);
        self.done(on(Operation::ConnectDatagram, socket, peer_or_none(peer)), result)
    }

    fn receive_from(&mut self, socket: &mut Self::Socket, buffer: &mut [u8]) -> Result<(Datagram, Rest), Error> {
        let result = self.inner.receive_from(&mut socket.inner, buffer);
        let mut call = on(Operation::ReceiveFrom, socket, Argument::None);
        call.room = Some(buffer.len());
        call.call.data = filled(buffer, result.ok().map(|(datagram, _)| datagram.count));
        self.ended(call, result.map(|(datagram, rest)| Outcome::Datagram(datagram, rest)));
        result
    }

    fn send_to(&mut self, socket: &mut Self::Socket, data: &[u8], peer: Option<SocketAddr>) -> Result<(), Error> {
        let result = self.inner.send_to(&mut socket.inner, data, peer);
        let mut call = on(Operation::SendTo, socket, peer_or_none(peer));
        call.call.data = data;
        self.done(call, result)
    }

    fn shutdown(&mut self, socket: &mut Self::Socket, half: Half) -> Result<(), Error> {
        let result = self.inner.shutdown(&mut socket.inner, half);
        self.done(on(Operation::Shutdown, socket, Argument::Half(half)), result)
    }

    fn close(&mut self, socket: Self::Socket, how: Close) {
        let call = on(Operation::Close, &socket, Argument::Close(how));
        self.inner.close(socket.inner, how);
        self.ended(call, Ok(Outcome::Done));
    }

    fn set_option(&mut self, socket: &mut Self::Socket, option: SocketOption) -> Result<(), Error> {
        let result = self.inner.set_option(&mut socket.inner, option);
        self.done(on(Operation::SetOption, socket, Argument::Option(option)), result)
    }

    fn local_address(&mut self, socket: &Self::Socket) -> Result<SocketAddr, Error> {
        let result = self.inner.local_address(&socket.inner);
        self.address(on(Operation::LocalAddress, socket, Argument::None), result)
    }

    fn peer_address(&mut self, socket: &Self::Socket) -> Result<SocketAddr, Error> {
        let result = self.inner.peer_address(&socket.inner);
        self.address(on(Operation::PeerAddress, socket, Argument::None), result)
    }

    fn entropy(&mut self, out: &mut [u8]) -> Result<(), Error> {
        let result = self.inner.entropy(out);
        let mut call = made(Operation::Entropy, Argument::Count(out.len()));
        call.call.data = filled(out, result.ok().map(|()| out.len()));
        self.done(call, result)
    }

    fn name_service(&mut self, tell: &mut dyn FnMut(NameService<'_>)) {
        let pen = &mut self.pen;
        self.inner.name_service(&mut |item| {
            pen.report(Call { argument: Argument::NameService(item), ..Call::of(Operation::NameService) });
            tell(item);
        });
        self.ended(made(Operation::NameService, Argument::None), Ok(Outcome::Done));
    }

    fn host_addresses(&mut self, name: &str, tell: &mut dyn FnMut(IpAddr)) {
        let pen = &mut self.pen;
        self.inner.host_addresses(name, &mut |address| {
            pen.report(Call { argument: Argument::Host(name, address), ..Call::of(Operation::HostAddresses) });
            tell(address);
        });
        self.ended(made(Operation::HostAddresses, Argument::Name(name)), Ok(Outcome::Done));
    }

    fn last_os_error(&self) -> Option<i32> {
        self.inner.last_os_error()
    }
}
