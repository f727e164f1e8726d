extern crate std;

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use std::vec::Vec;

use super::*;
use crate::handle::{EventSource, Handle, Kind, TypedHandle};
use crate::options::{Interface, Keepalive, Membership, Reuse, SocketOption};
use crate::platform::{Close, Datagram, Half, Readiness, Received, Rest, Until};
use crate::port::Raised;
use crate::time::{Duration, Instant};

const V4: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3)), 45);
const GROUP: IpAddr = IpAddr::V6(Ipv6Addr::new(0xFF02, 1, 2, 3, 4, 5, 6, u16::MAX));
const V6: SocketAddr = SocketAddr::V6(SocketAddrV6::new(Ipv6Addr::LOCALHOST, u16::MAX, u32::MAX, u32::MAX - 1));

/// The bytes of a record, without its check.
fn write(call: &RecordedCall<'_>) -> Vec<u8> {
    let mut head = Writer::new();
    call.write_head(&mut head);
    [head.bytes().expect("there is room"), call.payload()].concat()
}

/// `call` is read as it was written, and no shorter piece of it is anything.
fn assert_survives(call: RecordedCall<'_>) {
    let bytes = write(&call);
    let mut reader = Reader(&bytes);
    assert_eq!(RecordedCall::read(&mut reader), Ok(call));
    assert_eq!(reader.0, b"");
    for length in 0..bytes.len() {
        assert_eq!(RecordedCall::read(&mut Reader(&bytes[..length])), Err(Flaw::Cut), "{call}");
    }
}

fn survives(operation: Operation, argument: Argument<'_>, result: Result<Outcome, Error>) {
    assert_survives(RecordedCall::new(Call { argument, result, ..Call::of(operation) }));
}

#[test]
fn every_operation_survives() {
    Operation::ALL.iter().for_each(|operation| survives(*operation, Argument::None, Ok(Outcome::Done)));
}

#[test]
fn every_argument_survives() {
    let handle = Handle::new(Kind::TcpListener, 255, (1 << 20) - 1, u32::MAX);
    let source = EventSource::from_handle(Handle::new(Kind::EventSource, 0, 0, 1)).unwrap();
    let arguments = [
        Argument::Address(V4),
        Argument::Address(V6),
        Argument::Listener(handle),
        Argument::Until(Until::Now),
        Argument::Until(Until::Event),
        Argument::Until(Until::Deadline(Instant::MAX)),
        Argument::Readiness(Readiness::ALL),
        Argument::Readiness(Readiness::HANGUP),
        Argument::Source(source, u32::MAX),
        Argument::Source(EventSource::NONE, 0),
        Argument::Half(Half::Read),
        Argument::Half(Half::Write),
        Argument::Half(Half::Both),
        Argument::Close(Close::Graceful),
        Argument::Close(Close::Abort),
        Argument::Count(usize::MAX),
        Argument::Index(127),
        Argument::Index(128),
        Argument::NameService(NameService::Server(V6)),
        Argument::NameService(NameService::Search("example.com")),
        Argument::NameService(NameService::Search("")),
        Argument::NameService(NameService::Ndots(15)),
        Argument::NameService(NameService::Timeout(30)),
        Argument::NameService(NameService::Attempts(5)),
        Argument::Host("höst", GROUP),
        Argument::Name("höst"),
    ];
    arguments.into_iter().for_each(|argument| survives(Operation::Open, argument, Ok(Outcome::Done)));
}

#[test]
fn every_setting_survives() {
    let keepalive = Keepalive { idle: Duration::MAX, interval: Duration::ZERO, probes: 9 };
    let membership = Membership { group: GROUP, interface: Interface::Index(u32::MAX) };
    let settings = [
        SocketOption::Nodelay(true),
        SocketOption::Keepalive(None),
        SocketOption::Keepalive(Some(keepalive)),
        SocketOption::UserTimeout(Duration::from_secs(1)),
        SocketOption::ReceiveBuffer(u32::MAX),
        SocketOption::SendBuffer(0),
        SocketOption::HopLimit(255),
        SocketOption::Broadcast(false),
        SocketOption::MulticastHops(1),
        SocketOption::MulticastLoopback(true),
        SocketOption::MulticastInterface(Interface::Any),
        SocketOption::MulticastInterface(Interface::Address(Ipv4Addr::LOCALHOST)),
        SocketOption::Join(membership),
        SocketOption::Leave(membership),
    ];
    settings.into_iter().for_each(|option| survives(Operation::SetOption, Argument::Option(option), Ok(Outcome::Done)));
}

#[test]
fn every_outcome_survives() {
    let datagram = Datagram { count: 1, from: V6, truncated: true };
    let outcomes = [
        Outcome::Count(usize::MAX),
        Outcome::Received(Received { count: 300, rest: Rest::Drained }),
        Outcome::Received(Received { count: 0, rest: Rest::MaybeMore }),
        Outcome::Datagram(datagram, Rest::MaybeMore),
        Outcome::Address(V4),
        Outcome::Time(Instant::from_nanos(0x0102_0304_0506_0708)),
        Outcome::NoDeadline,
        Outcome::Generation(u16::MAX),
        Outcome::Is(true),
        Outcome::Is(false),
        Outcome::Raised(Raised { count: u16::MAX, value: u32::MAX }),
        Outcome::NotRaised,
    ];
    outcomes.into_iter().for_each(|outcome| survives(Operation::Open, Argument::None, Ok(outcome)));
}

#[test]
fn every_error_survives() {
    // The codes go on without a gap; what has none is unknown.
    let known = (1..=u8::MAX).filter(|code| Reader(&[*code, 2, 0]).get::<Error>().is_ok()).count();
    assert_eq!(known as i32, -Error::NotRecorded.code());
    for code in 1..=known as u8 {
        let error: Error = Reader(&[code, 2, 0]).get().unwrap();
        assert_eq!(error.code(), -i32::from(code));
        survives(Operation::Open, Argument::None, Err(error));
    }
    let full = Error::TableFull { kind: Kind::Lookup, capacity: u32::MAX };
    survives(Operation::Open, Argument::None, Err(full));
}

#[test]
fn all_parts_together_survive() {
    let options =
        Options { nodelay: true, reuse: Reuse::Port, backlog: u16::MAX, receive_buffer: u32::MAX, send_buffer: 1 };
    let datagram = Datagram { count: usize::MAX, from: V6, truncated: false };
    let membership = Membership { group: GROUP, interface: Interface::Index(u32::MAX) };
    assert_survives(RecordedCall {
        call: Call {
            socket: Some(Handle::new(Kind::Descriptor, 255, (1 << 20) - 1, u32::MAX)),
            argument: Argument::Option(SocketOption::Join(membership)),
            data: &[0xA5; 1000],
            result: Ok(Outcome::Datagram(datagram, Rest::Drained)),
            ..Call::of(Operation::Send)
        },
        options: Some(options),
        room: Some(usize::MAX),
        os_error: Some(i32::MIN),
    });
}

#[test]
fn the_format_is_the_one_of_version_1() {
    let call = RecordedCall {
        call: Call {
            socket: Some(Handle::new(Kind::TcpSocket, 0, 3, 200)),
            data: b"hello",
            result: Ok(Outcome::Received(Received { count: 5, rest: Rest::Drained })),
            ..Call::of(Operation::Receive)
        },
        options: None,
        room: Some(300),
        os_error: None,
    };
    // The operation; which parts; the socket's index, kind and loop, and its generation; the room; the outcome; the data.
    let head = [15, 1 | 8 | 64 | 128, 0x80, 0x62, 0xC8, 0x01, 0xAC, 0x02, 2, 5, 0, 5];
    assert_eq!(write(&call), [&head[..], b"hello"].concat());
    assert_eq!((HEADER, seal(first_state(), &head, b"hello").1), (*b"PTKR\x01", [0xBF, 0x01]));
}

#[test]
fn what_no_writer_writes_is_corrupt() {
    let corrupt = |bytes: &[u8]| assert_eq!(RecordedCall::read(&mut Reader(bytes)), Err(Flaw::Corrupt), "{bytes:?}");
    corrupt(&[Operation::ALL.len() as u8, 0]);
    // An error and an outcome; an argument, an outcome, an error, a kind, a readiness that there is not.
    corrupt(&[0, 32 | 64, 7]);
    corrupt(&[0, 2, 14]);
    corrupt(&[0, 64, 11]);
    corrupt(&[0, 32, 0]);
    corrupt(&[0, 1, 0x80, 0x12, 0]);
    corrupt(&[0, 2, 4, 8]);
    // Numbers that are too large: for 32 bits, for 64 bits, for any.
    corrupt(&[0, 16, 0xFF, 0xFF, 0xFF, 0xFF, 0x1F]);
    corrupt(&[0, 8, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x02]);
    corrupt(&[0, 8, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]);
    // A name that is no text.
    corrupt(&[0, 2 | 128, 13, 1, 0xFF]);
}
