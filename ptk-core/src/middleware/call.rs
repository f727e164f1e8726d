//! Calls of a platform as values: which, with what, and how it ended.

use core::fmt;
use core::net::{IpAddr, SocketAddr};

use crate::error::Error;
use crate::handle::{EventSource, Handle};
use crate::options::SocketOption;
use crate::platform::{Close, Datagram, Half, NameService, Readiness, Received, Rest, Until};
use crate::port::Raised;
use crate::time::Instant;

/// How many bytes of a payload the text of a [`Call`] shows.
pub const SHOWN: usize = 32;

macro_rules! operations {
    ($($(#[$doc:meta])* $name:ident = $text:literal)*) => {
        /// What a platform is asked to do, and what a wait of it reports.
        ///
        /// [`Platform::port`](crate::Platform::port) and [`last_os_error`](crate::Platform::last_os_error), which only
        /// look, are not among them.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[non_exhaustive]
        pub enum Operation {
            $($(#[$doc])* $name),*
        }

        impl Operation {
            /// All, in the order of the contract.
            pub const ALL: &'static [Operation] = &[$(Operation::$name),*];

            /// The name of the method.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Operation::$name => $text),*
                }
            }
        }
    };
}

operations! {
    /// [`Platform::open`](crate::Platform::open).
    Open = "open"
    /// [`Platform::now`](crate::Platform::now).
    Now = "now"
    /// [`Platform::next_deadline`](crate::Platform::next_deadline).
    NextDeadline = "next_deadline"
    /// [`Platform::wait`](crate::Platform::wait).
    Wait = "wait"
    /// A wait reports [`Sink::socket`](crate::Sink::socket).
    Ready = "ready"
    /// A wait reports [`Sink::alarm`](crate::Sink::alarm).
    Alarm = "alarm"
    /// A wait reports [`Sink::raised`](crate::Sink::raised).
    Raised = "raised"
    /// [`Platform::raise`](crate::Platform::raise), which is not how threads and interrupts do it.
    Raise = "raise"
    /// [`Platform::open_source`](crate::Platform::open_source).
    OpenSource = "open_source"
    /// [`Platform::is_raised`](crate::Platform::is_raised).
    IsRaised = "is_raised"
    /// [`Platform::take_raised`](crate::Platform::take_raised).
    TakeRaised = "take_raised"
    /// [`Platform::open_stream`](crate::Platform::open_stream).
    OpenStream = "open_stream"
    /// [`Platform::finish_connect`](crate::Platform::finish_connect).
    FinishConnect = "finish_connect"
    /// [`Platform::open_listener`](crate::Platform::open_listener).
    OpenListener = "open_listener"
    /// [`Platform::accept`](crate::Platform::accept).
    Accept = "accept"
    /// [`Platform::receive`](crate::Platform::receive).
    Receive = "receive"
    /// [`Platform::send`](crate::Platform::send).
    Send = "send"
    /// [`Platform::peek`](crate::Platform::peek).
    Peek = "peek"
    /// [`Platform::open_datagram`](crate::Platform::open_datagram).
    OpenDatagram = "open_datagram"
    /// [`Platform::connect_datagram`](crate::Platform::connect_datagram).
    ConnectDatagram = "connect_datagram"
    /// [`Platform::receive_from`](crate::Platform::receive_from).
    ReceiveFrom = "receive_from"
    /// [`Platform::send_to`](crate::Platform::send_to).
    SendTo = "send_to"
    /// [`Platform::shutdown`](crate::Platform::shutdown).
    Shutdown = "shutdown"
    /// [`Platform::close`](crate::Platform::close).
    Close = "close"
    /// [`Platform::set_option`](crate::Platform::set_option).
    SetOption = "set_option"
    /// [`Platform::local_address`](crate::Platform::local_address).
    LocalAddress = "local_address"
    /// [`Platform::peer_address`](crate::Platform::peer_address).
    PeerAddress = "peer_address"
    /// [`Platform::entropy`](crate::Platform::entropy).
    Entropy = "entropy"
    /// [`Platform::name_service`](crate::Platform::name_service).
    NameService = "name_service"
    /// [`Platform::host_addresses`](crate::Platform::host_addresses).
    HostAddresses = "host_addresses"
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One call, when it has ended; or one report of a wait, which is told before the wait ends.
///
/// Its text names the operation, the socket, the argument, the first [`SHOWN`] bytes of the payload, and the outcome:
/// `send TcpSocket 0.3#1 5 "hello" -> 5`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Call<'a> {
    /// Which call.
    pub operation: Operation,
    /// The socket that it is about, by its token; for an accept the new one.
    pub socket: Option<Handle>,
    /// With what.
    pub argument: Argument<'a>,
    /// The bytes that were offered, or that came. Those of [`Operation::Entropy`] are never shown.
    pub data: &'a [u8],
    /// How it ended.
    pub result: Result<Outcome, Error>,
}

/// The argument of a call that says most about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Argument<'a> {
    /// It has none.
    None,
    /// The address to open at, or the peer to connect or send to.
    Address(SocketAddr),
    /// The listener to accept from.
    Listener(Handle),
    /// How long to wait.
    Until(Until),
    /// What became ready.
    Readiness(Readiness),
    /// The source to raise, and the value.
    Source(EventSource, u32),
    /// Which half to shut down.
    Half(Half),
    /// How to close.
    Close(Close),
    /// The setting.
    Option(SocketOption),
    /// How many bytes are asked for.
    Count(usize),
    /// The number of a source in the port.
    Index(usize),
    /// One thing that was told about names.
    NameService(NameService<'a>),
    /// A name, and one address that was told for it.
    Host(&'a str, IpAddr),
    /// A name.
    Name(&'a str),
}

/// What a call that succeeded gave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// Nothing but its success.
    Done,
    /// A number of bytes.
    Count(usize),
    /// What a receive got.
    Received(Received),
    /// A datagram.
    Datagram(Datagram, Rest),
    /// An address.
    Address(SocketAddr),
    /// A time.
    Time(Instant),
    /// No deadline.
    NoDeadline,
    /// The generation of a source.
    Generation(u16),
    /// Whether it is so.
    Is(bool),
    /// What a source was raised with.
    Raised(Raised),
    /// The source was not raised.
    NotRaised,
}

impl Call<'_> {
    /// A call of `operation` without anything, to be filled in.
    pub const fn of(operation: Operation) -> Self {
        Call { operation, socket: None, argument: Argument::None, data: &[], result: Ok(Outcome::Done) }
    }
}

impl fmt::Display for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.operation.name())?;
        if let Some(socket) = self.socket {
            write!(f, " {socket}")?;
        }
        write!(f, "{}", self.argument)?;
        if self.operation != Operation::Entropy {
            show_payload(f, self.data)?;
        }
        match self.result {
            Ok(outcome) => write!(f, "{outcome}"),
            Err(error) => write!(f, " -> {error}"),
        }
    }
}

fn show_payload(f: &mut fmt::Formatter<'_>, data: &[u8]) -> fmt::Result {
    if data.is_empty() {
        return Ok(());
    }
    let (shown, more) = match data.split_at_checked(SHOWN) {
        Some((shown, [_, ..])) => (shown, ".."),
        _ => (data, ""),
    };
    write!(f, " {} \"{}\"{more}", data.len(), shown.escape_ascii())
}

impl fmt::Display for Argument<'_> {
    /// Begins with a space where there is something.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Argument::None => Ok(()),
            Argument::Address(address) => write!(f, " {address}"),
            Argument::Listener(listener) => write!(f, " from {listener}"),
            Argument::Until(Until::Now) => f.write_str(" not at all"),
            Argument::Until(Until::Deadline(deadline)) => write!(f, " until {deadline}"),
            Argument::Until(Until::Event) => f.write_str(" for an event"),
            Argument::Readiness(readiness) => write!(f, " {readiness:?}"),
            Argument::Source(source, value) => write!(f, " {source:?} with {value}"),
            Argument::Half(half) => write!(f, " {half:?}"),
            Argument::Close(how) => write!(f, " {how:?}"),
            Argument::Option(option) => write!(f, " {option:?}"),
            Argument::Count(count) => write!(f, " {count}"),
            Argument::Index(index) => write!(f, " {index}"),
            Argument::NameService(item) => write!(f, " {item:?}"),
            Argument::Host(name, address) => write!(f, " {name:?} {address}"),
            Argument::Name(name) => write!(f, " {name:?}"),
        }
    }
}

impl fmt::Display for Outcome {
    /// Begins with an arrow where there is something.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Done => Ok(()),
            Outcome::Count(count) => write!(f, " -> {count}"),
            Outcome::Received(Received { count, rest }) => write!(f, " -> {count}, {rest:?}"),
            Outcome::Datagram(datagram, rest) => {
                let cut = if datagram.truncated { ", truncated" } else { "" };
                write!(f, " -> {} from {}{cut}, {rest:?}", datagram.count, datagram.from)
            }
            Outcome::Address(address) => write!(f, " -> {address}"),
            Outcome::Time(time) => write!(f, " -> {time}"),
            Outcome::NoDeadline => f.write_str(" -> none"),
            Outcome::Generation(generation) => write!(f, " -> #{generation}"),
            Outcome::Is(true) => f.write_str(" -> yes"),
            Outcome::Is(false) => f.write_str(" -> no"),
            Outcome::Raised(Raised { count, value }) => write!(f, " -> {count} x {value}"),
            Outcome::NotRaised => f.write_str(" -> nothing"),
        }
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Call<'_> {
    /// The text is made on the device.
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{}", defmt::Display2Format(self));
    }
}
