//! [`Traced`]: each call told to an observer.

use core::fmt;
use core::hash::{Hash, Hasher};
use core::net::{IpAddr, SocketAddr};

use super::{Argument, Call, NamedSocket, Operation, Outcome};
use crate::error::Error;
use crate::handle::{EventSource, Handle};
use crate::options::{Options, SocketOption};
use crate::platform::{Close, Datagram, Half, NameService, Platform, Readiness, Received, Rest, Sink, Until};
use crate::port::{EventPortView, Raised};
use crate::time::Instant;

/// Who is told of calls. Every `FnMut(&Call<'_>)` is one. For a loop in a `static` take a `fn(&Call<'_>)`, or a type of
/// one's own such as [`Log`]: a pointer is not all zero bits, so the whole loop takes room in the program's file with it,
/// and none with a unit struct.
pub trait Observer {
    /// A call has ended, or a wait reports something.
    ///
    /// Runs inside the loop's turn: what it takes, everybody waits for.
    fn call(&mut self, call: &Call<'_>);
}

impl<F: FnMut(&Call<'_>)> Observer for F {
    #[inline]
    fn call(&mut self, call: &Call<'_>) {
        self(call);
    }
}

/// Writes calls to the log: those that failed at level `debug`, all others at `trace`. Does nothing without the features
/// `log` and `defmt-log`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Log;

impl Observer for Log {
    fn call(&mut self, call: &Call<'_>) {
        match call.result {
            Ok(_) | Err(Error::WouldBlock) => note!(trace, "{}", call),
            Err(_) => note!(debug, "{}", call),
        }
    }
}

/// A platform that tells an [`Observer`] what another one is asked to do, and how that ended.
///
/// The observer stands outside of the state that a hash stands for, and is not printed. What it costs, beside what it
/// does itself: the token of each socket in the loop's table, 8 bytes and what that takes to align.
///
/// ```
/// use ptk_core::EventLoop;
/// use ptk_core::middleware::{Call, Traced};
/// use ptk_mock::Mock;
///
/// let mut lines = Vec::new();
/// let platform = Traced::new(Mock::new(), |call: &Call<'_>| lines.push(call.to_string()));
/// let mut event_loop = EventLoop::<_, 1, 2>::new(0, platform);
/// event_loop.open()?;
/// event_loop.cx().listen(([127, 0, 0, 1], 502).into())?;
/// drop(event_loop);
/// assert_eq!(lines, ["open", "open_listener TcpListener 0.0#0 127.0.0.1:502"]);
/// # Ok::<(), ptk_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Traced<P, O> {
    inner: P,
    observer: O,
}

impl<P, O> Traced<P, O> {
    /// Tells `observer` what `inner` is asked to do.
    pub const fn new(inner: P, observer: O) -> Self {
        Traced { inner, observer }
    }

    /// What is inside.
    pub const fn inner(&self) -> &P {
        &self.inner
    }

    /// What is inside, to be changed. Calls made through this are not told.
    pub const fn inner_mut(&mut self) -> &mut P {
        &mut self.inner
    }

    /// The observer.
    pub const fn observer(&self) -> &O {
        &self.observer
    }

    /// The observer, to be changed.
    pub const fn observer_mut(&mut self) -> &mut O {
        &mut self.observer
    }
}

impl<P: Hash, O> Hash for Traced<P, O> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.hash(state);
    }
}

impl<P: fmt::Debug, O> fmt::Debug for Traced<P, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Traced").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl<P: Platform, O: Observer> Traced<P, O> {
    /// Tells of a call that has opened a socket, and gives that its token.
    fn opened(
        &mut self,
        call: Call<'_>,
        token: Handle,
        opened: Result<P::Socket, Error>,
    ) -> Result<NamedSocket<P::Socket>, Error> {
        let result = opened.as_ref().map(|_| Outcome::Done).map_err(|error| *error);
        self.observer.call(&Call { socket: Some(token), result, ..call });
        opened.map(|inner| NamedSocket::new(inner, token))
    }

    /// Tells of a call that gives nothing but its success.
    fn done(&mut self, call: Call<'_>, result: Result<(), Error>) -> Result<(), Error> {
        self.observer.call(&Call { result: result.map(|()| Outcome::Done), ..call });
        result
    }

    /// Tells of a call that gives a number of bytes.
    fn count(&mut self, call: Call<'_>, result: Result<usize, Error>) -> Result<usize, Error> {
        self.observer.call(&Call { result: result.map(Outcome::Count), ..call });
        result
    }

    /// Tells of a call that gives an address.
    fn address(&mut self, call: Call<'_>, result: Result<SocketAddr, Error>) -> Result<SocketAddr, Error> {
        self.observer.call(&Call { result: result.map(Outcome::Address), ..call });
        result
    }
}

/// A call of `operation` on `socket`.
const fn on<S>(operation: Operation, socket: &NamedSocket<S>) -> Call<'static> {
    Call { socket: socket.token, ..Call::of(operation) }
}

/// The argument of a call that names a peer, or none.
fn peer_or_none(peer: Option<SocketAddr>) -> Argument<'static> {
    peer.map_or(Argument::None, Argument::Address)
}

/// Tells of what a wait reports on its way to the loop.
struct TracedSink<'a, S, O> {
    sink: &'a mut S,
    observer: &'a mut O,
}

impl<S: Sink, O: Observer> Sink for TracedSink<'_, S, O> {
    fn socket(&mut self, token: Handle, readiness: Readiness) {
        let argument = Argument::Readiness(readiness);
        self.observer.call(&Call { socket: Some(token), argument, ..Call::of(Operation::Ready) });
        self.sink.socket(token, readiness);
    }

    fn alarm(&mut self) {
        self.observer.call(&Call::of(Operation::Alarm));
        self.sink.alarm();
    }

    fn raised(&mut self) {
        self.observer.call(&Call::of(Operation::Raised));
        self.sink.raised();
    }
}

// Its sockets are its own, so it cannot be a `Middleware`; the lint sees that no call with a default is forgotten.
#[deny(clippy::missing_trait_methods)]
impl<P: Platform, O: Observer> Platform for Traced<P, O> {
    type Socket = NamedSocket<P::Socket>;

    const CLOSED: Self::Socket = NamedSocket::closed(P::CLOSED);

    fn open(&mut self) -> Result<(), Error> {
        let result = self.inner.open();
        self.done(Call::of(Operation::Open), result)
    }

    fn now(&mut self) -> Instant {
        let now = self.inner.now();
        self.observer.call(&Call { result: Ok(Outcome::Time(now)), ..Call::of(Operation::Now) });
        now
    }

    fn next_deadline(&mut self) -> Option<Instant> {
        let next = self.inner.next_deadline();
        let outcome = next.map_or(Outcome::NoDeadline, Outcome::Time);
        self.observer.call(&Call { result: Ok(outcome), ..Call::of(Operation::NextDeadline) });
        next
    }

    fn wait<S: Sink>(&mut self, until: Until, sink: &mut S) -> Result<(), Error> {
        let mut sink = TracedSink { sink, observer: &mut self.observer };
        let result = self.inner.wait(until, &mut sink);
        self.done(Call { argument: Argument::Until(until), ..Call::of(Operation::Wait) }, result)
    }

    fn port(&self) -> Option<&EventPortView> {
        self.inner.port()
    }

    fn raise(&mut self, source: EventSource, value: u32) -> Result<(), Error> {
        let result = self.inner.raise(source, value);
        self.done(Call { argument: Argument::Source(source, value), ..Call::of(Operation::Raise) }, result)
    }

    fn open_source(&mut self, index: usize) -> Result<u16, Error> {
        let result = self.inner.open_source(index);
        let outcome = result.map(Outcome::Generation);
        self.observer.call(&Call {
            argument: Argument::Index(index),
            result: outcome,
            ..Call::of(Operation::OpenSource)
        });
        result
    }

    fn is_raised(&mut self, index: usize) -> bool {
        let is_raised = self.inner.is_raised(index);
        let result = Ok(Outcome::Is(is_raised));
        self.observer.call(&Call { argument: Argument::Index(index), result, ..Call::of(Operation::IsRaised) });
        is_raised
    }

    fn take_raised(&mut self, index: usize) -> Option<Raised> {
        let raised = self.inner.take_raised(index);
        let result = Ok(raised.map_or(Outcome::NotRaised, Outcome::Raised));
        self.observer.call(&Call { argument: Argument::Index(index), result, ..Call::of(Operation::TakeRaised) });
        raised
    }

    fn open_stream(&mut self, peer: SocketAddr, options: &Options, token: Handle) -> Result<Self::Socket, Error> {
        let opened = self.inner.open_stream(peer, options, token);
        self.opened(Call { argument: Argument::Address(peer), ..Call::of(Operation::OpenStream) }, token, opened)
    }

    fn finish_connect(&mut self, socket: &mut Self::Socket) -> Result<(), Error> {
        let result = self.inner.finish_connect(&mut socket.inner);
        self.done(on(Operation::FinishConnect, socket), result)
    }

    fn open_listener(&mut self, address: SocketAddr, options: &Options, token: Handle) -> Result<Self::Socket, Error> {
        let opened = self.inner.open_listener(address, options, token);
        self.opened(Call { argument: Argument::Address(address), ..Call::of(Operation::OpenListener) }, token, opened)
    }

    fn accept(&mut self, listener: &mut Self::Socket, options: &Options, token: Handle) -> Result<Self::Socket, Error> {
        let accepted = self.inner.accept(&mut listener.inner, options, token);
        let argument = listener.token.map_or(Argument::None, Argument::Listener);
        self.opened(Call { argument, ..Call::of(Operation::Accept) }, token, accepted)
    }

    fn receive(&mut self, socket: &mut Self::Socket, buffer: &mut [u8]) -> Result<Received, Error> {
        let result = self.inner.receive(&mut socket.inner, buffer);
        let data = result.ok().and_then(|received| buffer.get(..received.count)).unwrap_or_default();
        let outcome = result.map(Outcome::Received);
        self.observer.call(&Call { data, result: outcome, ..on(Operation::Receive, socket) });
        result
    }

    fn send(&mut self, socket: &mut Self::Socket, data: &[u8]) -> Result<usize, Error> {
        let result = self.inner.send(&mut socket.inner, data);
        self.count(Call { data, ..on(Operation::Send, socket) }, result)
    }

    fn peek(&mut self, socket: &mut Self::Socket, buffer: &mut [u8]) -> Result<usize, Error> {
        let result = self.inner.peek(&mut socket.inner, buffer);
        let data = result.ok().and_then(|count| buffer.get(..count)).unwrap_or_default();
        self.count(Call { data, ..on(Operation::Peek, socket) }, result)
    }

    fn open_datagram(&mut self, address: SocketAddr, options: &Options, token: Handle) -> Result<Self::Socket, Error> {
        let opened = self.inner.open_datagram(address, options, token);
        self.opened(Call { argument: Argument::Address(address), ..Call::of(Operation::OpenDatagram) }, token, opened)
    }

    fn connect_datagram(&mut self, socket: &mut Self::Socket, peer: Option<SocketAddr>) -> Result<(), Error> {
        let result = self.inner.connect_datagram(&mut socket.inner, peer);
        self.done(Call { argument: peer_or_none(peer), ..on(Operation::ConnectDatagram, socket) }, result)
    }

    fn receive_from(&mut self, socket: &mut Self::Socket, buffer: &mut [u8]) -> Result<(Datagram, Rest), Error> {
        let result = self.inner.receive_from(&mut socket.inner, buffer);
        let data = result.ok().and_then(|(datagram, _)| buffer.get(..datagram.count)).unwrap_or_default();
        let outcome = result.map(|(datagram, rest)| Outcome::Datagram(datagram, rest));
        self.observer.call(&Call { data, result: outcome, ..on(Operation::ReceiveFrom, socket) });
        result
    }

    fn send_to(&mut self, socket: &mut Self::Socket, data: &[u8], peer: Option<SocketAddr>) -> Result<(), Error> {
        let result = self.inner.send_to(&mut socket.inner, data, peer);
        self.done(Call { data, argument: peer_or_none(peer), ..on(Operation::SendTo, socket) }, result)
    }

    fn shutdown(&mut self, socket: &mut Self::Socket, half: Half) -> Result<(), Error> {
        let result = self.inner.shutdown(&mut socket.inner, half);
        self.done(Call { argument: Argument::Half(half), ..on(Operation::Shutdown, socket) }, result)
    }

    fn close(&mut self, socket: Self::Socket, how: Close) {
        let call = Call { argument: Argument::Close(how), ..on(Operation::Close, &socket) };
        self.inner.close(socket.inner, how);
        self.observer.call(&call);
    }

    fn set_option(&mut self, socket: &mut Self::Socket, option: SocketOption) -> Result<(), Error> {
        let result = self.inner.set_option(&mut socket.inner, option);
        self.done(Call { argument: Argument::Option(option), ..on(Operation::SetOption, socket) }, result)
    }

    fn local_address(&mut self, socket: &Self::Socket) -> Result<SocketAddr, Error> {
        let result = self.inner.local_address(&socket.inner);
        self.address(on(Operation::LocalAddress, socket), result)
    }

    fn peer_address(&mut self, socket: &Self::Socket) -> Result<SocketAddr, Error> {
        let result = self.inner.peer_address(&socket.inner);
        self.address(on(Operation::PeerAddress, socket), result)
    }

    fn entropy(&mut self, out: &mut [u8]) -> Result<(), Error> {
        let result = self.inner.entropy(out);
        // The bytes themselves are a secret.
        self.done(Call { argument: Argument::Count(out.len()), ..Call::of(Operation::Entropy) }, result)
    }

    fn name_service(&mut self, tell: &mut dyn FnMut(NameService<'_>)) {
        let observer = &mut self.observer;
        self.inner.name_service(&mut |item| {
            observer.call(&Call { argument: Argument::NameService(item), ..Call::of(Operation::NameService) });
            tell(item);
        });
    }

    fn host_addresses(&mut self, name: &str, tell: &mut dyn FnMut(IpAddr)) {
        let observer = &mut self.observer;
        self.inner.host_addresses(name, &mut |address| {
            observer.call(&Call { argument: Argument::Host(name, address), ..Call::of(Operation::HostAddresses) });
            tell(address);
        });
    }

    fn last_os_error(&self) -> Option<i32> {
        self.inner.last_os_error()
    }
}
