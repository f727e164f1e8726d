//! [`Counted`]: how often each call was made, how it ended, and how many bytes went through it.

use core::fmt;
use core::net::{IpAddr, SocketAddr};

use super::{Middleware, Operation};
use crate::error::Error;
use crate::handle::{EventSource, Handle};
use crate::inspect::Unhashed;
use crate::options::{Options, SocketOption};
use crate::platform::{Close, Datagram, Half, NameService, Platform, Readiness, Received, Rest, Sink, Until};
use crate::port::Raised;
use crate::time::Instant;

/// A platform that counts what another one is asked to do.
///
/// The counts stand outside of the state that a hash stands for. They cost [`Counts`] in the loop, nothing a socket, no
/// system call and no reading of the clock.
#[derive(Clone, Hash, Debug)]
pub struct Counted<P> {
    inner: P,
    counts: Unhashed<Counts>,
}

impl<P> Counted<P> {
    /// Counts what `inner` is asked to do.
    pub const fn new(inner: P) -> Self {
        Counted { inner, counts: Unhashed(Counts::NONE) }
    }

    /// What is inside.
    pub const fn inner(&self) -> &P {
        &self.inner
    }

    /// What is inside, to be changed. Calls made through this are not counted.
    pub const fn inner_mut(&mut self) -> &mut P {
        &mut self.inner
    }

    /// The counts so far.
    pub const fn counts(&self) -> &Counts {
        &self.counts.0
    }

    /// Counts from zero again.
    pub const fn reset(&mut self) {
        self.counts.0 = Counts::NONE;
    }
}

/// What was counted of one operation. Each wraps after 2^64.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Count {
    /// Calls, however they ended.
    pub calls: u64,
    /// Those that ended with [`Error::WouldBlock`].
    pub would_block: u64,
    /// Those that ended with another error.
    pub errors: u64,
    /// Bytes received, or accepted for sending, or given.
    pub bytes: u64,
}

/// What was counted of all operations. 960 bytes, at first all zero.
///
/// Its text is a table of the operations that were asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Counts([Count; Operation::ALL.len()]);

const _: () = assert!(size_of::<Counts>() == 960);

impl Counts {
    const NONE: Counts = Counts([Count { calls: 0, would_block: 0, errors: 0, bytes: 0 }; Operation::ALL.len()]);

    /// What was counted of `operation`.
    pub fn of(&self, operation: Operation) -> Count {
        self.0.get(operation as usize).copied().unwrap_or_default()
    }

    /// The operations that were asked for, with their counts.
    pub fn iter(&self) -> impl Iterator<Item = (Operation, Count)> {
        Operation::ALL.iter().map(|&operation| (operation, self.of(operation))).filter(|(_, count)| count.calls > 0)
    }

    #[inline]
    fn note(&mut self, operation: Operation, bytes: usize, error: Option<Error>) {
        let Some(count) = self.0.get_mut(operation as usize) else { return };
        count.calls = count.calls.wrapping_add(1);
        count.bytes = count.bytes.wrapping_add(bytes as u64);
        match error {
            None => {}
            Some(Error::WouldBlock) => count.would_block = count.would_block.wrapping_add(1),
            Some(_) => count.errors = count.errors.wrapping_add(1),
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<16} {:>12} {:>12} {:>8} {:>14}", "", "calls", "would block", "errors", "bytes")?;
        for (operation, Count { calls, would_block, errors, bytes }) in self.iter() {
            write!(f, "\n{operation:<16} {calls:>12} {would_block:>12} {errors:>8} {bytes:>14}")?;
        }
        Ok(())
    }
}

impl<P: Platform> Counted<P> {
    #[inline]
    fn note(&mut self, operation: Operation) {
        self.counts.0.note(operation, 0, None);
    }

    #[inline]
    fn counted<T>(&mut self, operation: Operation, result: Result<T, Error>) -> Result<T, Error> {
        self.counted_bytes(operation, result, |_| 0)
    }

    #[inline]
    fn counted_bytes<T>(
        &mut self,
        operation: Operation,
        result: Result<T, Error>,
        bytes: impl FnOnce(&T) -> usize,
    ) -> Result<T, Error> {
        self.counts.0.note(operation, result.as_ref().map_or(0, bytes), result.as_ref().err().copied());
        result
    }
}

/// Counts what a wait reports on its way to the loop.
struct CountedSink<'a, S> {
    sink: &'a mut S,
    counts: &'a mut Counts,
}

impl<S: Sink> Sink for CountedSink<'_, S> {
    #[inline]
    fn socket(&mut self, token: Handle, readiness: Readiness) {
        self.counts.note(Operation::Ready, 0, None);
        self.sink.socket(token, readiness);
    }

    fn alarm(&mut self) {
        self.counts.note(Operation::Alarm, 0, None);
        self.sink.alarm();
    }

    fn raised(&mut self) {
        self.counts.note(Operation::Raised, 0, None);
        self.sink.raised();
    }
}

impl<P: Platform> Middleware for Counted<P> {
    type Inner = P;

    fn inner(&self) -> &P {
        &self.inner
    }

    fn inner_mut(&mut self) -> &mut P {
        &mut self.inner
    }

    fn open(&mut self) -> Result<(), Error> {
        let result = self.inner.open();
        self.counted(Operation::Open, result)
    }

    fn now(&mut self) -> Instant {
        self.note(Operation::Now);
        self.inner.now()
    }

    fn next_deadline(&mut self) -> Option<Instant> {
        self.note(Operation::NextDeadline);
        self.inner.next_deadline()
    }

    fn wait<S: Sink>(&mut self, until: Until, sink: &mut S) -> Result<(), Error> {
        let mut sink = CountedSink { sink, counts: &mut self.counts.0 };
        let result = self.inner.wait(until, &mut sink);
        self.counted(Operation::Wait, result)
    }

    fn raise(&mut self, source: EventSource, value: u32) -> Result<(), Error> {
        let result = self.inner.raise(source, value);
        self.counted(Operation::Raise, result)
    }

    fn open_source(&mut self, index: usize) -> Result<u16, Error> {
        let result = self.inner.open_source(index);
        self.counted(Operation::OpenSource, result)
    }

    fn is_raised(&mut self, index: usize) -> bool {
        self.note(Operation::IsRaised);
        self.inner.is_raised(index)
    }

    fn take_raised(&mut self, index: usize) -> Option<Raised> {
        self.note(Operation::TakeRaised);
        self.inner.take_raised(index)
    }

    fn open_stream(&mut self, peer: SocketAddr, options: &Options, token: Handle) -> Result<P::Socket, Error> {
        let result = self.inner.open_stream(peer, options, token);
        self.counted(Operation::OpenStream, result)
    }

    fn finish_connect(&mut self, socket: &mut P::Socket) -> Result<(), Error> {
        let result = self.inner.finish_connect(socket);
        self.counted(Operation::FinishConnect, result)
    }

    fn open_listener(&mut self, address: SocketAddr, options: &Options, token: Handle) -> Result<P::Socket, Error> {
        let result = self.inner.open_listener(address, options, token);
        self.counted(Operation::OpenListener, result)
    }

    fn accept(&mut self, listener: &mut P::Socket, options: &Options, token: Handle) -> Result<P::Socket, Error> {
        let result = self.inner.accept(listener, options, token);
        self.counted(Operation::Accept, result)
    }

    fn receive(&mut self, socket: &mut P::Socket, buffer: &mut [u8]) -> Result<Received, Error> {
        let result = self.inner.receive(socket, buffer);
        self.counted_bytes(Operation::Receive, result, |received| received.count)
    }

    fn send(&mut self, socket: &mut P::Socket, data: &[u8]) -> Result<usize, Error> {
        let result = self.inner.send(socket, data);
        self.counted_bytes(Operation::Send, result, |count| *count)
    }

    fn peek(&mut self, socket: &mut P::Socket, buffer: &mut [u8]) -> Result<usize, Error> {
        let result = self.inner.peek(socket, buffer);
        self.counted_bytes(Operation::Peek, result, |count| *count)
    }

    fn open_datagram(&mut self, address: SocketAddr, options: &Options, token: Handle) -> Result<P::Socket, Error> {
        let result = self.inner.open_datagram(address, options, token);
        self.counted(Operation::OpenDatagram, result)
    }

    fn connect_datagram(&mut self, socket: &mut P::Socket, peer: Option<SocketAddr>) -> Result<(), Error> {
        let result = self.inner.connect_datagram(socket, peer);
        self.counted(Operation::ConnectDatagram, result)
    }

    fn receive_from(&mut self, socket: &mut P::Socket, buffer: &mut [u8]) -> Result<(Datagram, Rest), Error> {
        let result = self.inner.receive_from(socket, buffer);
        self.counted_bytes(Operation::ReceiveFrom, result, |(datagram, _)| datagram.count)
    }

    fn send_to(&mut self, socket: &mut P::Socket, data: &[u8], peer: Option<SocketAddr>) -> Result<(), Error> {
        let result = self.inner.send_to(socket, data, peer);
        self.counted_bytes(Operation::SendTo, result, |()| data.len())
    }

    fn shutdown(&mut self, socket: &mut P::Socket, half: Half) -> Result<(), Error> {
        let result = self.inner.shutdown(socket, half);
        self.counted(Operation::Shutdown, result)
    }

    fn close(&mut self, socket: P::Socket, how: Close) {
        self.note(Operation::Close);
        self.inner.close(socket, how);
    }

    fn set_option(&mut self, socket: &mut P::Socket, option: SocketOption) -> Result<(), Error> {
        let result = self.inner.set_option(socket, option);
        self.counted(Operation::SetOption, result)
    }

    fn local_address(&mut self, socket: &P::Socket) -> Result<SocketAddr, Error> {
        let result = self.inner.local_address(socket);
        self.counted(Operation::LocalAddress, result)
    }

    fn peer_address(&mut self, socket: &P::Socket) -> Result<SocketAddr, Error> {
        let result = self.inner.peer_address(socket);
        self.counted(Operation::PeerAddress, result)
    }

    fn entropy(&mut self, out: &mut [u8]) -> Result<(), Error> {
        let result = self.inner.entropy(out);
        self.counted_bytes(Operation::Entropy, result, |()| out.len())
    }

    fn name_service(&mut self, tell: &mut dyn FnMut(NameService<'_>)) {
        self.note(Operation::NameService);
        self.inner.name_service(tell);
    }

    fn host_addresses(&mut self, name: &str, tell: &mut dyn FnMut(IpAddr)) {
        self.note(Operation::HostAddresses);
        self.inner.host_addresses(name, tell);
    }
}
