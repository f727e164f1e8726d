//! How the parts of a call are written into a recording: integers as LEB128, seven bits a byte, the lowest first; times
//! as eight bytes, little-endian; one of several as a byte that says which, then what it has.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use super::{Argument, Operation, Outcome};
use crate::error::Error;
use crate::handle::{EventSource, Handle, Kind, TypedHandle};
use crate::options::{Interface, Keepalive, Membership, Options, Reuse, SocketOption};
use crate::platform::{Close, Datagram, Half, NameService, Readiness, Received, Rest, Until};
use crate::port::Raised;
use crate::time::{Duration, Instant};

/// The longest record without its payload: one that joins a group of IPv6 takes 60.
const MOST: usize = 128;

/// What is wrong with a recording.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Flaw {
    /// It does not begin as a recording does.
    Foreign,
    /// It was written in another version of the format.
    Version(u8),
    /// It ends within a record: whoever wrote it was stopped, or what came behind was lost.
    Cut,
    /// A record is not as it was written.
    Corrupt,
}

/// A record as it is put together, its payload left out.
pub(super) struct Writer {
    bytes: [u8; MOST],
    length: usize,
}

impl Writer {
    pub(super) const fn new() -> Self {
        Writer { bytes: [0; MOST], length: 0 }
    }

    /// What was put; `None` if that was too much.
    pub(super) fn bytes(&self) -> Option<&[u8]> {
        self.bytes.get(..self.length)
    }

    pub(super) fn put(&mut self, part: impl Wire) {
        part.write(self);
    }

    fn extend(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        if let Some(room) = self.bytes.get_mut(self.length..end) {
            room.copy_from_slice(bytes);
        }
        self.length = end;
    }
}

/// What is left to read of a recording.
#[derive(Clone)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn get<T: Wire>(&mut self) -> Result<T, Flaw> {
        T::read(self)
    }

    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8], Flaw> {
        let (bytes, rest) = self.0.split_at_checked(count).ok_or(Flaw::Cut)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Flaw> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(Flaw::Cut)?;
        self.0 = rest;
        Ok(*bytes)
    }
}

/// What can stand in a record.
pub(super) trait Wire: Sized {
    fn write(self, to: &mut Writer);

    fn read(from: &mut Reader<'_>) -> Result<Self, Flaw>;
}

/// Integers of all widths.
macro_rules! integers {
    ($($type:ty),*) => { $(
        impl Wire for $type {
            fn write(self, to: &mut Writer) {
                write_integer(self as u64, to);
            }

            fn read(from: &mut Reader<'_>) -> Result<Self, Flaw> {
                read_integer(from)?.try_into().map_err(|_| Flaw::Corrupt)
            }
        }
    )* };
}

integers!(u16, u32, u64, usize);

fn write_integer(mut value: u64, to: &mut Writer) {
    while value > 0x7F {
        to.extend(&[value as u8 | 0x80]);
        value >>= 7;
    }
    to.extend(&[value as u8]);
}

fn read_integer(from: &mut Reader<'_>) -> Result<u64, Flaw> {
    let mut value = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let byte: u8 = from.get()?;
        let bits = u64::from(byte & 0x7F);
        if bits << shift >> shift != bits {
            return Err(Flaw::Corrupt);
        }
        value |= bits << shift;
        if byte <= 0x7F {
            return Ok(value);
        }
    }
    Err(Flaw::Corrupt)
}

/// Negative numbers of the system are rare, and take five bytes.
impl Wire for i32 {
    fn write(self, to: &mut Writer) {
        to.put(self.cast_unsigned());
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Flaw> {
        from.get::<u32>().map(u32::cast_signed)
    }
}

impl Wire for u8 {
    fn write(self, to: &mut Writer) {
        to.extend(&[self]);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Flaw> {
        from.array().map(|[byte]| byte)
    }
}

/// Values that are nothing but one of several.
macro_rules! choices {
    ($($type:ident { $($number:literal $value:pat => $made:expr),* $(,)? })*) => { $(
        impl Wire for $type {
            fn write(self, to: &mut Writer) {
                to.put(match self {
                    $($value => $number as u8),*
                });
            }

            fn read(from: &mut Reader<'_>) -> Result<Self, Flaw> {
                match from.get::<u8>()? {
                    $($number => Ok($made),)*
                    _ => Err(Flaw::Corrupt),
                }
            }
        }
    )* };
}

choices! {
    bool { 0 false => false, 1 true => true }
    Half { 0 Half::Read => Half::Read, 1 Half::Write => Half::Write, 2 Half::Both => Half::Both }
    Close { 0 Close::Graceful => Close::Graceful, 1 Close::Abort => Close::Abort }
    Rest { 0 Rest::Drained => Rest::Drained, 1 Rest::MaybeMore => Rest::MaybeMore }
    Reuse { 0 Reuse::Never => Reuse::Never, 1 Reuse::Address => Reuse::Address, 2 Reuse::Port => Reuse::Port }
}

/// By its place in the list of all.
impl Wire for Operation {
    fn write(self, to: &mut Writer) {
        to.put(self as u8);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Flaw> {
        let place: u8 = from.get()?;
        Operation::ALL.get(usize::from(place)).copied().ok_or(Flaw::Corrupt)
    }
}

impl<T: Wire> Wire for Option<T> {
    fn write(self, to: &mut Writer) {
        to.put(self.is_some());
        if let Some(value) = self {
            to.put(value);
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Flaw> {
        from.get::<bool>()?.then(|| from.get()).transpose()
    }
}

/// The upper half turned so that the kind, which is never 0, comes last: small handles take three or four bytes.
impl Wire for Handle {
    fn write(self, to: &mut Writer) {
        let (upper, generation) = ((self.raw() >> 32) as u32, self.raw() as u32);
        to.put(upper.rotate_left(12));
        to.put(generation);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Flaw> {
        let upper = from.get::<u32>()?.rotate_right(12);
        let generation: u32 = from.get()?;
        Handle::from_raw(u64::from(upper) << 32 | u64::from(generation)).ok_or(Flaw::Corrupt)
    }
}

impl Wire for EventSource {
    fn write(self, to: &mut Writer) {
        to.put(self.handle());
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Flaw> {
        match from.get::<Option<Handle>>()? {
            None => Ok(EventSource::NONE),
            Some(handle) => EventSource::from_handle(handle).ok_or(Flaw::Corrupt),
        }
    }
}

impl Wire for Kind {
    fn write(self, to: &mut Writer) {
        to.put(self as u8);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Flaw> {
        Kind::from_bits(u64::from(from.get::<u8>()?)).ok_or(Flaw::Corrupt)
    }
}

impl Wire for Instant {
    fn write(self, to: &mut Writer) {
        to.extend(&self.as_nanos().to_le_bytes());
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Flaw> {
        from.array().map(u64::from_le_bytes).map(Instant::from_nanos)
    }
}

impl Wire for Duration {
    fn write(self, to: &mut Writer) {
        to.put(self.as_nanos());
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Flaw> {
        from.get().map(Duration::from_nanos)
    }
}

impl Wire for Readiness {
    fn write(self, to: &mut Writer) {
        to.put(self.bits());
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Flaw> {
        Readiness::from_bits(from.get()?).ok_or(Flaw::Corrupt)
    }
}

impl Wire for Until {
    fn write(self, to: &mut Writer) {
        match self {
            Until::Now => to.put(0_u8),
            Until::Event => to.put(1_u8),
            Until::Deadline(deadline) => {
                to.put(2_u8);
                to.put(deadline);
            }
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Flaw> {
        match from.get::<u8>()? {
            0 => Ok(Until::Now),
            1 => Ok(Until::Event),
            2 => from.get().map(Until::Deadline),
            _ => Err(Flaw::Corrupt),
        }
    }
}

impl Wire for Ipv4Addr {
    fn write(self, to: &mut Writer) {
        to.extend(&self.octets());
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Flaw> {
        from.array().map(Ipv4Addr::from_octets)
    }
}

impl Wire for Ipv6Addr {
    fn write(self, to: &mut Writer) {
        to.extend(&self.octets());
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Flaw> {
        from.array().map(Ipv6Addr::from_octets)
    }
}

impl Wire for IpAddr {
    fn write(self, to: &mut Writer) {
        match self {
            IpAddr::V4(address) => {
                to.put(4_u8);
                to.put(address);
            }
            IpAddr::V6(address) => {
                to.put(6_u8);
                to.put(address);
            }
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Flaw> {
        match from.get::<u8>()? {
            4 => from.get().map(IpAddr::V4),
            6 => from.get().map(IpAddr::V6),
            _ => Err(Flaw::Corrupt),
        }
    }
}

impl Wire for SocketAddr {
    fn write(self, to: &mut Writer) {
        to.put(self.ip());
        to.put(self.port());
        if let SocketAddr::V6(address) = self {
            to.put(address.flowinfo());
            to.put(address.scope_id());
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Flaw> {
        let (ip, port) = (from.get()?, from.get()?);
        Ok(match ip {
            IpAddr::V4(ip) => SocketAddr::V4(SocketAddrV4::new(ip, port)),
            IpAddr::V6(ip) => SocketAddr::V6(SocketAddrV6::new(ip, port, from.get()?, from.get()?)),
        })
    }
}

impl Wire for Options {
    fn write(self, to: &mut Writer) {
        to.put(self.nodelay);
        to.put(self.reuse);
        to.put(self.backlog);
        to.put(self.receive_buffer);
        to.put(self.send_buffer);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Flaw> {
        Ok(Options {
            nodelay: from.get()?,
            reuse: from.get()?,
            backlog: from.get()?,
            receive_buffer: from.get()?,
            send_buffer: from.get()?,
        })
    }
}

impl Wire for Keepalive {
    fn write(self, to: &mut Writer) {
        to.put(self.idle);
        to.put(self.interval);
        to.put(self.probes);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Flaw> {
        Ok(Keepalive { idle: from.get()?, interval: from.get()?, probes: from.get()? })
    }
}

impl Wire for Membership {
    fn write(self, to: &mut Writer) {
        to.put(self.group);
        to.put(self.interface);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Flaw> {
        Ok(Membership { group: from.get()?, interface: from.get()? })
    }
}

/// Values that are one of several and may have something.
macro_rules! variants {
    ($($type:ty { $($number:literal $variant:ident $(($($part:ident),+))? ,)* })*) => { $(
        impl Wire for $type {
            fn write(self, to: &mut Writer) {
                match self {
                    $(Self::$variant $(($($part),+))? => {
                        to.put($number as u8);
                        $($(to.put($part);)+)?
                    })*
                }
            }

            fn read(from: &mut Reader<'_>) -> Result<Self, Flaw> {
                match from.get::<u8>()? {
                    $($number => Ok(Self::$variant $(($({ let $part = from.get()?; $part }),+))?),)*
                    _ => Err(Flaw::Corrupt),
                }
            }
        }
    )* };
}

variants! {
    Interface {
        0 Any,
        1 Address(address),
        2 Index(index),
    }
    SocketOption {
        0 Nodelay(on),
        1 Keepalive(keepalive),
        2 UserTimeout(time),
        3 ReceiveBuffer(size),
        4 SendBuffer(size),
        5 HopLimit(hops),
        6 Broadcast(on),
        7 MulticastHops(hops),
        8 MulticastLoopback(on),
        9 MulticastInterface(interface),
        10 Join(membership),
        11 Leave(membership),
    }
    Outcome {
        0 Done,
        1 Count(count),
        2 Received(received),
        3 Datagram(datagram, rest),
        4 Address(address),
        5 Time(time),
        6 NoDeadline,
        7 Generation(generation),
        8 Is(yes),
        9 Raised(raised),
        10 NotRaised,
    }
    NameService<'_> {
        0 Server(server),
        1 Search(domain),
        2 Ndots(dots),
        3 Timeout(time),
        4 Attempts(attempts),
    }
    Argument<'_> {
        0 None,
        1 Address(address),
        2 Listener(listener),
        3 Until(until),
        4 Readiness(readiness),
        5 Source(source, value),
        6 Half(half),
        7 Close(how),
        8 Option(option),
        9 Count(count),
        10 Index(index),
        11 NameService(item),
        12 Host(name, address),
        13 Name(name),
    }
}

/// A text is the record's payload, which has a place of its own.
impl Wire for &str {
    fn write(self, _: &mut Writer) {}

    fn read(_: &mut Reader<'_>) -> Result<Self, Flaw> {
        Ok("")
    }
}

impl Wire for Received {
    fn write(self, to: &mut Writer) {
        to.put(self.count);
        to.put(self.rest);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Flaw> {
        Ok(Received { count: from.get()?, rest: from.get()? })
    }
}

impl Wire for Datagram {
    fn write(self, to: &mut Writer) {
        to.put(self.count);
        to.put(self.from);
        to.put(self.truncated);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Flaw> {
        Ok(Datagram { count: from.get()?, from: from.get()?, truncated: from.get()? })
    }
}

impl Wire for Raised {
    fn write(self, to: &mut Writer) {
        to.put(self.count);
        to.put(self.value);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Flaw> {
        Ok(Raised { count: from.get()?, value: from.get()? })
    }
}

/// Those without anything, by their codes.
const ERRORS: [Error; 28] = [
    Error::InvalidHandle,
    Error::InvalidArgument,
    Error::OutOfMemory,
    Error::NotSupported,
    Error::Network,
    Error::TimedOut,
    Error::WouldBlock,
    Error::ConnectionRefused,
    Error::ConnectionReset,
    Error::NotConnected,
    Error::AlreadyConnected,
    Error::AddressInUse,
    Error::NoRoute,
    Error::MessageTooLarge,
    Error::Protocol,
    Error::AddressNotAvailable,
    Error::PermissionDenied,
    Error::TooManyDescriptors,
    Error::TooManyWaits,
    Error::Busy,
    Error::BufferFull,
    Error::UnexpectedEnd,
    Error::NotOpen,
    Error::Deadlock,
    Error::NameNotFound,
    Error::NameServerRefused,
    Error::NoNameServer,
    Error::NotRecorded,
];

/// By its stable code.
impl Wire for Error {
    fn write(self, to: &mut Writer) {
        to.put(self.code().unsigned_abs() as u8);
        if let Error::TableFull { kind, capacity } = self {
            to.put(kind);
            to.put(capacity);
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Flaw> {
        let code = -i32::from(from.get::<u8>()?);
        if code == (Error::TableFull { kind: Kind::Task, capacity: 0 }).code() {
            return Ok(Error::TableFull { kind: from.get()?, capacity: from.get()? });
        }
        ERRORS.iter().find(|error| error.code() == code).copied().ok_or(Flaw::Corrupt)
    }
}
