//! One error type with stable codes. The first fifteen are those of PTK's predecessor, a toolkit in C of the same name, so
//! that what records or compares them goes on working.

use core::fmt;

use crate::handle::Kind;

/// Why a call failed. Four to eight bytes, plain data; [`code`](Error::code) gives the stable number.
///
/// The end of a stream is not an error (a receive returns 0), and not a reset.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// The handle is `NONE`, stale, forged, or of another loop. Nothing was touched. Also what a waiter gets whose
    /// handle is closed while it waits.
    InvalidHandle,
    /// An argument has no meaning here; nothing was done.
    InvalidArgument,
    /// The kernel has no memory or no buffers left (`ENOMEM`, `ENOBUFS`).
    OutOfMemory,
    /// The platform cannot do this.
    NotSupported,
    /// The network failed in a way that has no code of its own; the raw number is the loop's `last_os_error`.
    Network,
    /// The time given was over, or the network gave up on the peer (`ETIMEDOUT`).
    TimedOut,
    /// The call cannot be done now without waiting. Only `try_` calls show it; a wait is `Pending` instead.
    WouldBlock,
    /// Nobody listens at the address.
    ConnectionRefused,
    /// The peer reset the connection, or it was written to after the peer had gone.
    ConnectionReset,
    /// The socket is not connected, or that half of it is shut down.
    NotConnected,
    /// The socket is already connected or connecting.
    AlreadyConnected,
    /// Another socket has the address.
    AddressInUse,
    /// There is no way to the address.
    NoRoute,
    /// The message is larger than the transport takes.
    MessageTooLarge,
    /// The peer does not follow the protocol.
    Protocol,
    /// A table of the loop is full.
    TableFull {
        /// What the table holds.
        kind: Kind,
        /// How many it holds.
        capacity: u32,
    },
    /// The address is not one of this machine.
    AddressNotAvailable,
    /// The operating system does not allow it.
    PermissionDenied,
    /// The process or the system has no descriptors left (`EMFILE`, `ENFILE`).
    TooManyDescriptors,
    /// The task waits for more than its wait nodes can hold ([`WAIT_NODES`](crate::WAIT_NODES)).
    TooManyWaits,
    /// It is already in use: a handle that has a handler, a task that runs, a loop that is open.
    Busy,
    /// A buffer has no room for that much.
    BufferFull,
    /// The data ended before that much was there.
    UnexpectedEnd,
    /// The loop was not opened.
    NotOpen,
    /// Nothing that could still happen would wake any task. Only a simulator can tell.
    Deadlock,
    /// There is no host of this name, or it has no address.
    NameNotFound,
    /// A name server refused to answer, failed, or does not listen.
    NameServerRefused,
    /// There is no name server to ask.
    NoNameServer,
    /// The recording that is replayed has another call here. Only a replay can tell.
    NotRecorded,
}

impl Error {
    /// The stable number: 0 is success, which is not an error; -1 to -15 are those of PTK's
    /// predecessor in C.
    pub const fn code(self) -> i32 {
        match self {
            Error::InvalidHandle => -1,
            Error::InvalidArgument => -2,
            Error::OutOfMemory => -3,
            Error::NotSupported => -4,
            Error::Network => -5,
            Error::TimedOut => -6,
            Error::WouldBlock => -7,
            Error::ConnectionRefused => -8,
            Error::ConnectionReset => -9,
            Error::NotConnected => -10,
            Error::AlreadyConnected => -11,
            Error::AddressInUse => -12,
            Error::NoRoute => -13,
            Error::MessageTooLarge => -14,
            Error::Protocol => -15,
            Error::TableFull { .. } => -16,
            Error::AddressNotAvailable => -17,
            Error::PermissionDenied => -18,
            Error::TooManyDescriptors => -19,
            Error::TooManyWaits => -20,
            Error::Busy => -21,
            Error::BufferFull => -22,
            Error::UnexpectedEnd => -23,
            Error::NotOpen => -24,
            Error::Deadlock => -25,
            Error::NameNotFound => -26,
            Error::NameServerRefused => -27,
            Error::NoNameServer => -28,
            Error::NotRecorded => -29,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Error::InvalidHandle => "the handle is not valid (closed, or of another loop)",
            Error::InvalidArgument => "an argument is not valid",
            Error::OutOfMemory => "the system is out of memory or buffers",
            Error::NotSupported => "not supported on this platform",
            Error::Network => "network error",
            Error::TimedOut => "timed out",
            Error::WouldBlock => "would block",
            Error::ConnectionRefused => "connection refused",
            Error::ConnectionReset => "connection reset by the peer",
            Error::NotConnected => "not connected",
            Error::AlreadyConnected => "already connected",
            Error::AddressInUse => "address in use",
            Error::NoRoute => "no route to the address",
            Error::MessageTooLarge => "message too large",
            Error::Protocol => "the peer does not follow the protocol",
            Error::TableFull { kind, capacity } => return table_full(f, *kind, *capacity),
            Error::AddressNotAvailable => "address not available on this machine",
            Error::PermissionDenied => "permission denied",
            Error::TooManyDescriptors => "too many open descriptors",
            Error::TooManyWaits => "the task waits for more at once than it has wait nodes",
            Error::Busy => "already in use",
            Error::BufferFull => "the buffer is full",
            Error::UnexpectedEnd => "the data ended too early",
            Error::NotOpen => "the event loop is not open",
            Error::Deadlock => "every task waits for something that cannot happen",
            Error::NameNotFound => "no host of this name has an address",
            Error::NameServerRefused => "the name server refused or failed",
            Error::NoNameServer => "there is no name server to ask",
            Error::NotRecorded => "the call is not the one that was recorded",
        };
        f.write_str(text)
    }
}

fn table_full(f: &mut fmt::Formatter<'_>, kind: Kind, capacity: u32) -> fmt::Result {
    let (table, parameter) = match kind {
        Kind::TcpSocket | Kind::TcpListener | Kind::UdpSocket | Kind::Descriptor => ("socket", "SOCKETS"),
        Kind::Timer => ("timer", "TIMERS"),
        Kind::EventSource => ("event source", "EVENTS"),
        Kind::Task => ("task", "TASKS"),
        Kind::Lookup => ("lookup", "LOOKUPS"),
    };
    write!(f, "{table} table full ({capacity} of {capacity}): raise {parameter}")
}

impl core::error::Error for Error {}

impl embedded_io::Error for Error {
    fn kind(&self) -> embedded_io::ErrorKind {
        use embedded_io::ErrorKind;
        match self {
            Error::InvalidHandle | Error::InvalidArgument => ErrorKind::InvalidInput,
            Error::OutOfMemory | Error::TableFull { .. } | Error::TooManyDescriptors | Error::TooManyWaits => {
                ErrorKind::OutOfMemory
            }
            Error::NameNotFound => ErrorKind::NotFound,
            Error::NotSupported | Error::NoNameServer => ErrorKind::Unsupported,
            Error::TimedOut => ErrorKind::TimedOut,
            Error::ConnectionRefused => ErrorKind::ConnectionRefused,
            Error::ConnectionReset => ErrorKind::ConnectionReset,
            Error::NotConnected | Error::NotOpen => ErrorKind::NotConnected,
            Error::AddressInUse => ErrorKind::AddrInUse,
            Error::AddressNotAvailable | Error::NoRoute => ErrorKind::AddrNotAvailable,
            Error::MessageTooLarge | Error::Protocol => ErrorKind::InvalidData,
            Error::PermissionDenied => ErrorKind::PermissionDenied,
            Error::BufferFull => ErrorKind::WriteZero,
            Error::AlreadyConnected | Error::Busy => ErrorKind::AlreadyExists,
            Error::Network
            | Error::WouldBlock
            | Error::UnexpectedEnd
            | Error::Deadlock
            | Error::NameServerRefused
            | Error::NotRecorded => ErrorKind::Other,
        }
    }
}
