//! What a datagram holds.
//!
//! | bytes | |
//! |---|---|
//! | 1 | [`Kind`] |
//! | 4 | the sender's id |
//! | 4 | the receiver's id, 0 in [`Kind::Open`] |
//! | 4 | the number of the message; in [`Kind::Ack`] of the first that has not come |
//! | the rest | the message; in [`Kind::Ack`] one byte: bit `n` for the message `n + 1` behind that number |
//! | 4 | CRC-32 of all that |
//!
//! Numbers stand with their most significant byte first.

use ptk_core::prelude::*;

use super::MAX_MESSAGE;
use crate::checksum::crc32;

const HEADER: usize = 13;
const CHECKSUM: usize = 4;

/// The longest frame.
pub const MAX_FRAME: usize = HEADER + MAX_MESSAGE + CHECKSUM;

/// What a frame is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Kind {
    /// The sender asks for a connection.
    Open = 1,
    /// The receiver gives one.
    Opened = 2,
    /// A message.
    Data = 3,
    /// There are no more messages.
    End = 4,
    /// What has come.
    Ack = 5,
    /// The receiver knows nothing of this connection.
    Gone = 6,
}

impl Kind {
    const ALL: [Kind; 6] = [Kind::Open, Kind::Opened, Kind::Data, Kind::End, Kind::Ack, Kind::Gone];
}

/// What both sides call a connection: random, so that no two are called the same.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct Connection {
    /// The sender's id.
    pub sender: u32,
    /// The receiver's.
    pub receiver: u32,
}

/// A frame.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Frame<'a> {
    /// What it is for.
    pub kind: Kind,
    /// What it belongs to.
    pub connection: Connection,
    /// Which message.
    pub number: u32,
    /// The message, if it has one.
    pub body: &'a [u8],
}

/// Why bytes are no frame.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Stray {
    /// Too few or too many.
    Length,
    /// The checksum is that of other bytes.
    Checksum,
    /// No such kind.
    Kind,
}

impl Frame<'_> {
    /// Replaces what is in `out` by the frame.
    ///
    /// # Errors
    ///
    /// [`Error::BufferFull`] if it does not fit.
    pub fn write(&self, out: &mut Buf) -> Result<(), Error> {
        out.clear();
        out.put_u8(self.kind as u8)?;
        out.put_u32_be(self.connection.sender)?;
        out.put_u32_be(self.connection.receiver)?;
        out.put_u32_be(self.number)?;
        out.put_slice(self.body)?;
        out.put_u32_be(crc32(out.readable()))
    }
}

/// Takes a datagram apart.
///
/// # Errors
///
/// [`Stray`] if it is no frame.
pub fn decode(datagram: &[u8]) -> Result<Frame<'_>, Stray> {
    let (bytes, checksum) = split(datagram)?;
    if crc32(bytes) == checksum { take_apart(bytes) } else { Err(Stray::Checksum) }
}

/// As [`decode`], but the checksum is not looked at.
pub(super) fn decode_unchecked(datagram: &[u8]) -> Result<Frame<'_>, Stray> {
    split(datagram).and_then(|(bytes, _)| take_apart(bytes))
}

fn split(datagram: &[u8]) -> Result<(&[u8], u32), Stray> {
    let (bytes, checksum) = datagram.split_last_chunk::<CHECKSUM>().ok_or(Stray::Length)?;
    Ok((bytes, u32::from_be_bytes(*checksum)))
}

fn take_apart(bytes: &[u8]) -> Result<Frame<'_>, Stray> {
    let ([kind, fields @ ..], body) = bytes.split_first_chunk::<HEADER>().ok_or(Stray::Length)?;
    if body.len() > MAX_MESSAGE {
        return Err(Stray::Length);
    }
    let kind = Kind::ALL.into_iter().find(|known| *known as u8 == *kind).ok_or(Stray::Kind)?;
    let [sender, receiver, number] = words(fields);
    Ok(Frame { kind, connection: Connection { sender, receiver }, number, body })
}

fn words(fields: &[u8; HEADER - 1]) -> [u32; 3] {
    let [a, b, c, d, e, f, g, h, i, j, k, l] = *fields;
    [[a, b, c, d], [e, f, g, h], [i, j, k, l]].map(u32::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(body: &[u8]) -> Frame<'_> {
        Frame {
            kind: Kind::Data,
            connection: Connection { sender: 0x0102_0304, receiver: 7 },
            number: 0xFFFF_0001,
            body,
        }
    }

    fn bytes(frame: &Frame<'_>) -> Buffer<MAX_FRAME> {
        let mut out = Buffer::new();
        frame.write(&mut out).unwrap();
        out
    }

    #[test]
    fn a_frame_comes_out_as_it_went_in() {
        for kind in Kind::ALL {
            for body in [&b""[..], b"x", &[7; MAX_MESSAGE]] {
                let frame = Frame { kind, ..frame(body) };
                assert_eq!(decode(bytes(&frame).readable()), Ok(frame));
            }
        }
    }

    #[test]
    fn a_message_that_is_too_long_fits_nowhere() {
        let mut out = Buffer::<MAX_FRAME>::new();
        assert_eq!(frame(&[0; MAX_MESSAGE + 1]).write(&mut out), Err(Error::BufferFull));
        let mut long = Buffer::<{ MAX_FRAME + 1 }>::new();
        frame(&[0; MAX_MESSAGE + 1]).write(&mut long).unwrap();
        assert_eq!(decode(long.readable()), Err(Stray::Length));
    }

    #[test]
    fn every_wrong_bit_is_found() {
        let good = bytes(&frame(b"message"));
        for bit in 0..good.len() * 8 {
            let mut bytes = good;
            bytes.readable_mut()[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode(bytes.readable()), Err(Stray::Checksum), "{bit}");
        }
    }

    #[test]
    fn what_is_cut_is_no_frame() {
        let good = bytes(&frame(b"message"));
        for length in 0..good.len() {
            assert!(decode(&good.readable()[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn a_kind_that_there_is_not_is_told() {
        let mut out = Buffer::<MAX_FRAME>::new();
        frame(b"").write(&mut out).unwrap();
        out.truncate(HEADER);
        out.patch_u8(0, 7).unwrap();
        let checksum = crc32(out.readable());
        out.put_u32_be(checksum).unwrap();
        assert_eq!(decode(out.readable()), Err(Stray::Kind));
    }
}
