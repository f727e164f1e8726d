//! Error codes, kinds and texts.

use std::collections::HashSet;

use embedded_io::{Error as _, ErrorKind};
use ptk_core::{Error, Kind, TimedOut};

const FULL: Error = Error::TableFull { kind: Kind::TcpSocket, capacity: 64 };

const ALL: [(Error, i32, ErrorKind); 29] = [
    (Error::InvalidHandle, -1, ErrorKind::InvalidInput),
    (Error::InvalidArgument, -2, ErrorKind::InvalidInput),
    (Error::OutOfMemory, -3, ErrorKind::OutOfMemory),
    (Error::NotSupported, -4, ErrorKind::Unsupported),
    (Error::Network, -5, ErrorKind::Other),
    (Error::TimedOut, -6, ErrorKind::TimedOut),
    (Error::WouldBlock, -7, ErrorKind::Other),
    (Error::ConnectionRefused, -8, ErrorKind::ConnectionRefused),
    (Error::ConnectionReset, -9, ErrorKind::ConnectionReset),
    (Error::NotConnected, -10, ErrorKind::NotConnected),
    (Error::AlreadyConnected, -11, ErrorKind::AlreadyExists),
    (Error::AddressInUse, -12, ErrorKind::AddrInUse),
    (Error::NoRoute, -13, ErrorKind::AddrNotAvailable),
    (Error::MessageTooLarge, -14, ErrorKind::InvalidData),
    (Error::Protocol, -15, ErrorKind::InvalidData),
    (FULL, -16, ErrorKind::OutOfMemory),
    (Error::AddressNotAvailable, -17, ErrorKind::AddrNotAvailable),
    (Error::PermissionDenied, -18, ErrorKind::PermissionDenied),
    (Error::TooManyDescriptors, -19, ErrorKind::OutOfMemory),
    (Error::TooManyWaits, -20, ErrorKind::OutOfMemory),
    (Error::Busy, -21, ErrorKind::AlreadyExists),
    (Error::BufferFull, -22, ErrorKind::WriteZero),
    (Error::UnexpectedEnd, -23, ErrorKind::Other),
    (Error::NotOpen, -24, ErrorKind::NotConnected),
    (Error::Deadlock, -25, ErrorKind::Other),
    (Error::NameNotFound, -26, ErrorKind::NotFound),
    (Error::NameServerRefused, -27, ErrorKind::Other),
    (Error::NoNameServer, -28, ErrorKind::Unsupported),
    (Error::NotRecorded, -29, ErrorKind::Other),
];

#[test]
fn every_error_has_its_stable_code_and_kind() {
    for (error, code, kind) in ALL {
        assert_eq!((error.code(), error.kind()), (code, kind), "{error:?}");
    }
}

#[test]
fn every_error_has_a_text_of_its_own() {
    let texts: HashSet<String> = ALL.iter().map(|(error, ..)| error.to_string()).collect();
    assert_eq!(texts.len(), ALL.len());
}

#[test]
fn a_full_table_says_which_one_and_how_large() {
    assert_eq!(FULL.to_string(), "socket table full (64 of 64): raise SOCKETS");
    let timers = Error::TableFull { kind: Kind::Timer, capacity: 8 };
    assert_eq!(timers.to_string(), "timer table full (8 of 8): raise TIMERS");
}

#[test]
fn an_error_is_small_plain_data_and_a_timeout_becomes_one() {
    assert!(size_of::<Error>() <= 8 && size_of::<Result<usize, Error>>() <= 16);
    assert_eq!(Error::from(TimedOut), Error::TimedOut);
}
