//! The packet: 48 bytes, the same for requests and answers (section 4).

use core::fmt;

use ptk_core::prelude::*;

use super::timestamp::Timestamp;

/// The size of a packet without extensions, in bytes.
pub const SIZE: usize = 48;

/// Where the fields of a packet begin that are read.
const REFERENCE: usize = 12;
const ORIGINATE: usize = 24;
const RECEIVE: usize = 32;
const TRANSMIT: usize = 40;

/// The version that requests carry.
const VERSION: u8 = 4;

/// Modes of packets.
const CLIENT: u8 = 3;
const SERVER: u8 = 4;

/// The leap indicator of a server whose clock is not set.
const ALARM: u8 = 3;

/// The highest stratum of a server whose clock is set.
const MAX_STRATUM: u8 = 15;

/// An answer that can be used.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Answer {
    /// What the last minute of the day will be.
    pub leap: Leap,
    /// How many servers stand between this one and a clock, plus one: 1 to 15.
    pub stratum: u8,
    /// What the server has its time from.
    pub reference: Reference,
    /// When the request came in.
    pub received: Timestamp,
    /// When the answer went out.
    pub sent: Timestamp,
}

/// What the last minute of the day will be.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Leap {
    /// As every other.
    None,
    /// One second longer.
    Insert,
    /// One second shorter.
    Delete,
}

/// What a server has its time from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Reference {
    /// A clock of this name: stratum 1.
    Clock([u8; 4]),
    /// Another server: its IPv4 address, or a digest of its IPv6 address.
    Server([u8; 4]),
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reference::Clock(name) => Code(*name).fmt(f),
            Reference::Server([a, b, c, d]) => write!(f, "{a}.{b}.{c}.{d}"),
        }
    }
}

/// Four characters, filled up with zeros. Others than ASCII are escaped.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Code(pub [u8; 4]);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.split(|byte| *byte == 0).next().unwrap_or(&[]).escape_ascii().fmt(f)
    }
}

/// Why a packet is not taken for an answer: the real one may still come.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Stray {
    /// It is shorter than a packet.
    Short,
    /// It is a request, or of another mode, or of a version that does not exist.
    Mode,
    /// It answers something else.
    Origin,
    /// It does not say when the request came in.
    Received,
}

/// Why a server has no time to give.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Refusal {
    /// It does not want to be asked, and says why: `DENY`, `RSTR`, `RATE` and others (section 8).
    Kiss(Code),
    /// Its clock is not set.
    NotSynchronised,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Kiss(code) => write!(f, "the server refuses: {code}"),
            Refusal::NotSynchronised => f.write_str("the server's own clock is not set"),
        }
    }
}

/// Appends a request. `cookie` comes back in its answer: it stands where a time could, and is none.
///
/// # Errors
///
/// [`Error::BufferFull`] if `out` has less room than [`SIZE`].
pub fn put_request(cookie: u64, out: &mut Buf) -> Result<(), Error> {
    out.put_u8(VERSION << 3 | CLIENT)?;
    out.put_slice(&[0; SIZE - 1 - 8])?;
    out.put_u64_be(cookie)
}

/// Reads the answer to the request with this `cookie`. What follows the first [`SIZE`] bytes is not looked at.
///
/// # Errors
///
/// [`Stray`] for a packet to be ignored. An answer that holds no time is `Ok(Err(..))`.
pub fn decode(packet: &[u8], cookie: u64) -> Result<Result<Answer, Refusal>, Stray> {
    let (packet, _) = packet.split_first_chunk::<SIZE>().ok_or(Stray::Short)?;
    let [flags, stratum, ..] = *packet;
    let (leap, version, mode) = (flags >> 6, flags >> 3 & 7, flags & 7);
    if mode != SERVER || !(1..=VERSION).contains(&version) {
        return Err(Stray::Mode);
    }
    if field(packet, ORIGINATE) != cookie {
        return Err(Stray::Origin);
    }
    let reference = ((field(packet, REFERENCE) >> 32) as u32).to_be_bytes();
    let (received, sent) = (Timestamp(field(packet, RECEIVE)), Timestamp(field(packet, TRANSMIT)));
    if stratum == 0 && reference != [0; 4] {
        return Ok(Err(Refusal::Kiss(Code(reference))));
    }
    if leap == ALARM || !(1..=MAX_STRATUM).contains(&stratum) || sent == Timestamp::UNKNOWN {
        return Ok(Err(Refusal::NotSynchronised));
    }
    if received == Timestamp::UNKNOWN {
        return Err(Stray::Received);
    }
    let leap = match leap {
        1 => Leap::Insert,
        2 => Leap::Delete,
        _ => Leap::None,
    };
    let reference = if stratum == 1 { Reference::Clock(reference) } else { Reference::Server(reference) };
    Ok(Ok(Answer { leap, stratum, reference, received, sent }))
}

/// Eight bytes of the packet, most significant first.
fn field(packet: &[u8; SIZE], at: usize) -> u64 {
    let bytes = packet.get(at..).and_then(|rest| rest.first_chunk());
    bytes.map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    const COOKIE: u64 = 0x0102_0304_0506_0708;

    fn packet(flags: u8, stratum: u8, reference: &[u8; 4]) -> [u8; SIZE] {
        let mut packet = [0; SIZE];
        packet[..4].copy_from_slice(&[flags, stratum, 6, 0xE9]);
        packet[12..16].copy_from_slice(reference);
        packet[24..32].copy_from_slice(&COOKIE.to_be_bytes());
        packet[32..40].copy_from_slice(&0xE000_0000_1000_0000u64.to_be_bytes());
        packet[40..].copy_from_slice(&0xE000_0000_2000_0000u64.to_be_bytes());
        packet
    }

    #[test]
    fn a_request_says_nothing_but_its_cookie() {
        let mut out = Buffer::<SIZE>::new();
        put_request(COOKIE, &mut out).unwrap();
        let mut expected = [0; SIZE];
        expected[0] = 0x23;
        expected[40..].copy_from_slice(&[1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(out.readable(), expected);
        assert_eq!(decode(out.readable(), COOKIE), Err(Stray::Mode), "one's own request is no answer");
    }

    #[test]
    fn an_answer_is_taken_apart() {
        let answer = decode(&packet(0x64, 2, &[10, 0, 0, 1]), COOKIE).unwrap().unwrap();
        assert_eq!((answer.leap, answer.stratum), (Leap::Insert, 2));
        assert_eq!(answer.reference.to_string(), "10.0.0.1");
        assert_eq!((answer.received.0, answer.sent.0), (0xE000_0000_1000_0000, 0xE000_0000_2000_0000));
        let answer = decode(&packet(0xA4, 2, &[10, 0, 0, 1]), COOKIE).unwrap().unwrap();
        assert_eq!(answer.leap, Leap::Delete);
        let answer = decode(&packet(0x24, 1, b"GPS\0"), COOKIE).unwrap().unwrap();
        assert_eq!((answer.leap, answer.reference.to_string()), (Leap::None, "GPS".to_string()));
    }

    #[test]
    fn strays_are_told_apart() {
        let good = packet(0x24, 2, b"abcd");
        for length in 0..SIZE {
            assert_eq!(decode(&good[..length], COOKIE), Err(Stray::Short), "{length}");
        }
        assert_eq!(decode(&good, COOKIE ^ 1), Err(Stray::Origin));
        for flags in [0x20, 0x21, 0x22, 0x23, 0x25, 0x26, 0x27, 0x04, 0x2C, 0x3C] {
            assert_eq!(decode(&packet(flags, 2, b"abcd"), COOKIE), Err(Stray::Mode), "{flags:#x}");
        }
    }

    #[test]
    fn an_answer_says_when_the_request_came_in() {
        let mut unset = packet(0x24, 3, b"abcd");
        unset[32..40].fill(0);
        assert_eq!(decode(&unset, COOKIE), Err(Stray::Received));
    }

    #[test]
    fn a_server_without_time_is_told() {
        let kiss = |code| Ok(Err(Refusal::Kiss(Code(code))));
        assert_eq!(decode(&packet(0xE4, 0, b"RATE"), COOKIE), kiss(*b"RATE"));
        assert_eq!(decode(&packet(0x24, 0, b"DENY"), COOKIE), kiss(*b"DENY"));
        assert_eq!(decode(&packet(0xE4, 3, b"abcd"), COOKIE), Ok(Err(Refusal::NotSynchronised)));
        assert_eq!(decode(&packet(0x24, 16, b"abcd"), COOKIE), Ok(Err(Refusal::NotSynchronised)));
        assert_eq!(
            decode(&packet(0xE4, 0, b"\0\0\0\0"), COOKIE),
            Ok(Err(Refusal::NotSynchronised)),
            "no reason is given"
        );
        let mut unset = packet(0x24, 3, b"abcd");
        unset[40..].fill(0);
        assert_eq!(decode(&unset, COOKIE), Ok(Err(Refusal::NotSynchronised)));
    }

    #[test]
    fn a_code_cannot_move_the_cursor() {
        assert_eq!(Refusal::Kiss(Code(*b"\x1b[2J")).to_string(), "the server refuses: \\x1b[2J");
        assert_eq!(Code(*b"AB\0C").to_string(), "AB");
    }

    #[test]
    fn no_bytes_make_it_panic() {
        for position in 0..SIZE {
            for byte in 0..=255 {
                let mut packet = packet(0x24, 2, b"abcd");
                packet[position] = byte;
                let _ = decode(&packet, COOKIE);
            }
        }
    }
}
