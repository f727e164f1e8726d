//! What a backend must provide: non-blocking operations, readiness, a clock, one alarm and a port for raised events.
//!
//! The contract is written so that epoll, a completion queue (io_uring) and a polled stack (smoltcp) can each keep it
//! with at most one copy of the data. The conformance suite in `tests/` holds every backend against it.

use core::net::{IpAddr, SocketAddr};

use crate::error::Error;
use crate::handle::{EventSource, Handle, Kind};
use crate::options::{Options, SocketOption};
use crate::port::{EventPortView, Raised};
use crate::time::Instant;

/// What a socket can do now, as far as its platform knows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Readiness(u8);

impl Readiness {
    /// Nothing.
    pub const NONE: Readiness = Readiness(0);
    /// A receive or an accept may get something: data, a connection, the end of the stream, or an error.
    pub const READ: Readiness = Readiness(1);
    /// A send may take something, or a connect has ended one way or the other.
    pub const WRITE: Readiness = Readiness(2);
    /// The peer has ended its side, or the connection has failed: behind the data that remain comes an end or an error,
    /// and no further event announces it.
    pub const HANGUP: Readiness = Readiness(4);
    /// READ, WRITE and HANGUP.
    pub const ALL: Readiness = Readiness(7);

    /// As a number, for records.
    pub(crate) const fn bits(self) -> u8 {
        self.0
    }

    /// The readiness of a record.
    pub(crate) const fn from_bits(bits: u8) -> Option<Readiness> {
        if bits <= Readiness::ALL.0 { Some(Readiness(bits)) } else { None }
    }

    /// The bits of both.
    #[inline]
    #[must_use]
    pub const fn with(self, other: Readiness) -> Readiness {
        Readiness(self.0 | other.0)
    }

    /// The bits of `self` that are not in `other`.
    #[inline]
    #[must_use]
    pub const fn without(self, other: Readiness) -> Readiness {
        Readiness(self.0 & !other.0)
    }

    /// Whether all bits of `other` are in `self`.
    #[inline]
    pub const fn has(self, other: Readiness) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether there is no bit.
    #[inline]
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }
}

impl core::fmt::Debug for Readiness {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let bit = |bit, letter| if self.has(bit) { letter } else { '-' };
        write!(f, "{}{}{}", bit(Self::READ, 'r'), bit(Self::WRITE, 'w'), bit(Self::HANGUP, 'h'))
    }
}

/// How long [`Platform::wait`] may sleep.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Until {
    /// Not at all: report what is there.
    Now,
    /// To this instant at most.
    Deadline(Instant),
    /// Until something happens.
    Event,
}

/// Where [`Platform::wait`] reports what happened. Calls may come in any order and any number.
pub trait Sink {
    /// The socket that was opened with this token has become ready. Tokens of sockets closed since are ignored.
    fn socket(&mut self, token: Handle, readiness: Readiness);
    /// The deadline given to `wait` may have passed. May come early, and with any [`Until`].
    fn alarm(&mut self);
    /// A source of the platform's port was raised.
    fn raised(&mut self);
}

/// What a receive got.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Received {
    /// Bytes written to the front of the buffer; 0 is the end of the stream.
    pub count: usize,
    /// Whether more may be there.
    pub rest: Rest,
}

/// One datagram that was received.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Datagram {
    /// Bytes written to the buffer. 0 is an empty datagram, and no end of anything.
    pub count: usize,
    /// Who sent it.
    pub from: SocketAddr,
    /// Whether it was longer than the buffer: the rest of it is lost.
    pub truncated: bool,
}

/// What the system knows about names: see [`Platform::name_service`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum NameService<'a> {
    /// A server to ask, in the order in which they are to be asked.
    Server(SocketAddr),
    /// A domain in which names are searched, in the order in which they are to be tried.
    Search(&'a str),
    /// A name with at least so many dots is tried as it is before the search domains.
    Ndots(u8),
    /// How long one server has to answer, in seconds.
    Timeout(u8),
    /// How often each server is asked.
    Attempts(u8),
}

/// What is left after a receive.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Rest {
    /// Nothing was left at the time of the call: a [`Readiness::READ`] event announces what comes later.
    Drained,
    /// There may be more, and no event will say so. Always a correct answer.
    MaybeMore,
}

/// Which half of a connection to shut down.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Half {
    /// No more receives here. What still arrives is the platform's to keep or to drop.
    Read,
    /// No more sends; the peer sees the end of the stream behind what was sent.
    Write,
    /// Both.
    Both,
}

/// How to close a socket.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Close {
    /// What was accepted for sending is still sent, in the background, then the stream ends. If received data were never
    /// read, the peer gets a reset instead (RFC 1122, 4.2.2.13).
    Graceful,
    /// The connection is reset at once.
    Abort,
}

/// A backend.
///
/// # Events
///
/// Readiness is edge-triggered: an event is due when a socket *becomes* ready after the core was told that it is not,
/// that is after a call said [`WouldBlock`](Error::WouldBlock), a receive said [`Rest::Drained`], or a send took less
/// than offered. Every bit stands for itself: [`Readiness::HANGUP`] may come alone. A shutdown or a failure of one's own
/// is an event like one of the peer's. Spurious events are allowed at any time for sockets that are open; lost ones are
/// not. No other call may report events: they come out of [`wait`](Self::wait) alone.
///
/// # Order of calls
///
/// [`open`](Self::open) comes before all that opens sockets or waits; before it those fail with [`Error::NotOpen`]. The
/// core ends every socket with [`close`](Self::close); a backend whose sockets own descriptors also releases them when
/// they are dropped. Calls on [`CLOSED`](Self::CLOSED) fail with [`Error::InvalidHandle`].
///
/// # Errors
///
/// No call panics because of arguments, peers or the system. A call that fails has done nothing that needs to be undone,
/// unless its text says otherwise.
pub trait Platform {
    /// A connection, a listener or a datagram socket.
    type Socket;

    /// The socket of a handle that has not been opened. Its bits should be zero, so that a static table is `.bss`.
    const CLOSED: Self::Socket;

    /// Acquires what a `const fn` cannot. Called once, before all else.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] if it is open already; what the system says otherwise.
    fn open(&mut self) -> Result<(), Error>;

    /// The time now. Never goes back.
    fn now(&mut self) -> Instant;

    /// When the platform itself has something to do, a retransmission for instance; `None` if it needs no time of its
    /// own. [`wait`](Self::wait) minds it without being told: this is for loops inside a foreign one.
    fn next_deadline(&mut self) -> Option<Instant> {
        None
    }

    /// Waits until something happened or the time is over, and reports what happened since the last call.
    ///
    /// Reports at most a bounded number of events; what remains is reported by the next call. With
    /// [`Until::Deadline`], when the clock has reached the deadline, it calls [`Sink::alarm`]; [`Instant::MAX`] is never
    /// reached. It never returns later than the clock's resolution demands, may return earlier without any event, and
    /// must not return early again and again (no spin). A signal that interrupts it is such an early return.
    ///
    /// # Errors
    ///
    /// [`Error::NotOpen`] before `open`; [`Error::Deadlock`] from simulators; what the system says otherwise.
    fn wait<S: Sink>(&mut self, until: Until, sink: &mut S) -> Result<(), Error>;

    /// The port through which threads and interrupts raise events into this loop; `None` if there is none.
    fn port(&self) -> Option<&EventPortView>;

    /// Raises `source` from the loop's own thread. Never needs to wake the loop's sleep.
    ///
    /// # Errors
    ///
    /// As [`EventPortView::raise`]; [`Error::NotSupported`] without a port.
    fn raise(&mut self, source: EventSource, value: u32) -> Result<(), Error> {
        match self.port() {
            Some(port) => port.raise(source, value).map(|_wake| ()),
            None => Err(Error::NotSupported),
        }
    }

    /// Opens source `index` of the port, and gives the generation that its handle carries.
    ///
    /// What the loop learns from its port comes through this and the next two, so that middleware can see it.
    ///
    /// # Errors
    ///
    /// [`Error::NotSupported`] without a port; [`Error::TableFull`] if the port has no such source; [`Error::Busy`] if it
    /// is open or has used up its generations.
    fn open_source(&mut self, index: usize) -> Result<u16, Error> {
        let port = self.port().ok_or(Error::NotSupported)?;
        if index >= port.capacity() {
            return Err(Error::TableFull { kind: Kind::EventSource, capacity: port.capacity() as u32 });
        }
        port.open(index)
    }

    /// Whether source `index` of the port was raised since its event was last taken.
    fn is_raised(&mut self, index: usize) -> bool {
        self.port().is_some_and(|port| port.is_raised(index))
    }

    /// Takes what source `index` of the port was raised with.
    fn take_raised(&mut self, index: usize) -> Option<Raised> {
        self.port()?.take(index)
    }

    /// Starts to connect to `peer`. [`Readiness::WRITE`] for `token` announces that it ended;
    /// [`finish_connect`](Self::finish_connect) then says how. The core has refused unspecified addresses and port 0.
    ///
    /// # Errors
    ///
    /// Whatever is known at once: refused, no route, address not available, out of descriptors.
    fn open_stream(&mut self, peer: SocketAddr, options: &Options, token: Handle) -> Result<Self::Socket, Error>;

    /// Whether the connection started by `open_stream` is up.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`] while it is still being made; otherwise the reason of its failure, once, and the socket may
    /// be [`CLOSED`](Self::CLOSED) from then on; the core closes it all the same. A connection that came up and was reset
    /// before this call is a failure: [`Error::ConnectionReset`]. So is one of a socket to itself:
    /// [`Error::ConnectionRefused`], because nobody listened.
    fn finish_connect(&mut self, socket: &mut Self::Socket) -> Result<(), Error>;

    /// Opens a listener at `address`; port 0 lets the platform choose. An IPv6 listener takes IPv6 connections only. The
    /// backlog is a measure, not an exact number: platforms may hold one more.
    ///
    /// # Errors
    ///
    /// Address in use, not available, no permission, out of descriptors.
    fn open_listener(&mut self, address: SocketAddr, options: &Options, token: Handle) -> Result<Self::Socket, Error>;

    /// Takes a connection from the listener's backlog. The new socket reports under `token` from now on; the core takes
    /// it for writable, and not readable until an event says so. May replace what is inside `listener`.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`] if there is none. [`Error::TooManyDescriptors`] and [`Error::OutOfMemory`], whether there is
    /// one or not, are passing: the core backs off and tries again. Connections that the platform gave up before they
    /// were accepted are skipped; one that its peer reset is accepted, and then reads the reset. Anything else means that
    /// the listener is broken.
    fn accept(&mut self, listener: &mut Self::Socket, options: &Options, token: Handle) -> Result<Self::Socket, Error>;

    /// Receives into `buffer`, which is not empty.
    ///
    /// [`Rest::Drained`] may be said in front of an end or a failure that [`Readiness::HANGUP`] has announced: the core
    /// reads on to it.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`] if nothing is there; a reset only after all data that arrived before it. A reset that a send
    /// has reported may be the end of the stream here: the core makes it a reset again.
    fn receive(&mut self, socket: &mut Self::Socket, buffer: &mut [u8]) -> Result<Received, Error>;

    /// Offers `data`, which is not empty, and returns how much was accepted, at least 1. Accepted is not delivered.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`] if nothing could be accepted; [`Error::ConnectionReset`] if the peer is gone. Never a
    /// signal.
    fn send(&mut self, socket: &mut Self::Socket, data: &[u8]) -> Result<usize, Error>;

    /// As [`receive`](Self::receive), and leaves what it gives to be received again. Gives the number of bytes; 0 is the
    /// end of the stream.
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive).
    fn peek(&mut self, socket: &mut Self::Socket, buffer: &mut [u8]) -> Result<usize, Error>;

    /// Opens a datagram socket at `address`; port 0 lets the platform choose, unpredictably. An IPv6 socket takes IPv6
    /// datagrams only. [`Readiness::READ`] announces datagrams and failures, [`Readiness::WRITE`] room to send.
    ///
    /// # Errors
    ///
    /// Address in use, not available, no permission, out of descriptors.
    fn open_datagram(&mut self, address: SocketAddr, options: &Options, token: Handle) -> Result<Self::Socket, Error>;

    /// Makes `peer` the only one that a datagram socket receives from and, where none is named, sends to; `None` undoes
    /// that. What was received from others before may still be delivered.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn connect_datagram(&mut self, socket: &mut Self::Socket, peer: Option<SocketAddr>) -> Result<(), Error>;

    /// Receives one datagram into `buffer`. With an empty `buffer` too it takes one.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`] if none is there. [`Error::ConnectionRefused`] and the like are what the network said of an
    /// earlier datagram to the connected peer, each once; the socket stays as it was, and more datagrams may be there.
    fn receive_from(&mut self, socket: &mut Self::Socket, buffer: &mut [u8]) -> Result<(Datagram, Rest), Error>;

    /// Offers one datagram, which may be empty, to `peer`, or to the connected one if that is `None`. Accepted is not
    /// delivered.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`] if there is no room; [`Error::MessageTooLarge`]; [`Error::NotConnected`] without any peer;
    /// [`Error::PermissionDenied`] for a broadcast that was not allowed; [`Error::NoRoute`]; [`Error::InvalidArgument`]
    /// for a peer of the other family; as [`receive_from`](Self::receive_from) what the network said of an earlier one.
    fn send_to(&mut self, socket: &mut Self::Socket, data: &[u8], peer: Option<SocketAddr>) -> Result<(), Error>;

    /// Shuts down half of a connection. What was accepted for sending goes out first.
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`] if the connection is gone.
    fn shutdown(&mut self, socket: &mut Self::Socket, half: Half) -> Result<(), Error>;

    /// Closes a socket without waiting. No event for it is reported afterwards, not even one that had happened before.
    fn close(&mut self, socket: Self::Socket, how: Close);

    /// Changes a setting of an open socket.
    ///
    /// # Errors
    ///
    /// [`Error::NotSupported`] for what this kind of socket, or the platform, does not have; [`Error::InvalidArgument`]
    /// for a group that is none, or an interface that there is not; [`Error::AddressInUse`] for a group that the socket
    /// has joined on that interface, [`Error::AddressNotAvailable`] to leave one that it has not;
    /// [`Error::OutOfMemory`] for more groups than the platform allows; what else the system says.
    fn set_option(&mut self, socket: &mut Self::Socket, option: SocketOption) -> Result<(), Error>;

    /// The address that the socket is bound to.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn local_address(&mut self, socket: &Self::Socket) -> Result<SocketAddr, Error>;

    /// The address of the peer.
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`] if there is none.
    fn peer_address(&mut self, socket: &Self::Socket) -> Result<SocketAddr, Error>;

    /// Fills `out` with bytes that nobody can guess; a simulator's are as random, and repeat with its seed.
    ///
    /// # Errors
    ///
    /// [`Error::NotSupported`] without a source of them; what the system says.
    fn entropy(&mut self, out: &mut [u8]) -> Result<(), Error>;

    /// Tells what the system knows about names: servers, domains, and how to ask. Asked once for each lookup that goes out
    /// to a server, so that changes are seen. Platforms that know nothing tell nothing.
    fn name_service(&mut self, tell: &mut dyn FnMut(NameService<'_>)) {
        let _ = tell;
    }

    /// Tells the addresses that the system itself has for `name` (a hosts file), which no server is asked for. The name
    /// has no final dot, and upper and lower case are the same. Platforms that know none tell none.
    fn host_addresses(&mut self, name: &str, tell: &mut dyn FnMut(IpAddr)) {
        let _ = (name, tell);
    }

    /// The system's own number for the last failure of a call of this platform, for diagnosis.
    fn last_os_error(&self) -> Option<i32>;
}
