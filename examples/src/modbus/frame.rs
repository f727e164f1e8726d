//! Frames: the header of Modbus/TCP before each PDU, found in a stream that is cut anywhere.
//!
//! ```text
//! +-------------+----------+--------+------+-- .. --+
//! | transaction | protocol | length | unit |  PDU   |
//! |      2      |   2: 0   |   2    |   1  | 1..253 |
//! +-------------+----------+--------+------+-- .. --+
//!                                   '---- length ---'
//! ```

use ptk_core::{Buf, Error};

use super::pdu::MAX_PDU;
use crate::mutant::Mutant;

/// The bytes before a PDU.
pub const HEADER: usize = 7;

/// The most bytes that a frame can have.
pub const MAX_FRAME: usize = HEADER + MAX_PDU;

/// A whole frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame<'a> {
    /// The client's number for the request, repeated in the answer.
    pub transaction: u16,
    /// The unit that is meant, repeated in the answer.
    pub unit: u8,
    /// What it carries: 1 to 253 bytes.
    pub pdu: &'a [u8],
}

/// The stream does not carry Modbus, or has lost its place in it: there is no way to find the next frame.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Broken;

impl<'a> Frame<'a> {
    /// The frame at the front of `bytes`; `None` if it is not all there yet. A header is judged as soon as the bytes that
    /// condemn it are there.
    ///
    /// # Errors
    ///
    /// [`Broken`] if the protocol is not 0, or the length is not that of a unit and a PDU.
    pub fn first(bytes: &'a [u8]) -> Result<Option<Self>, Broken> {
        if Mutant::SplitHeaderBreaks.is_on() && (1..6).contains(&bytes.len()) {
            return Err(Broken);
        }
        if bytes.get(2).is_some_and(|&high| high != 0) || bytes.get(3).is_some_and(|&low| low != 0) {
            return Err(Broken);
        }
        let Some((&[t0, t1, _, _, l0, l1], rest)) = bytes.split_first_chunk() else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        if !(2..=1 + MAX_PDU).contains(&length) {
            return Err(Broken);
        }
        let length = if Mutant::ShortFrameIsWhole.is_on() { length.min(rest.len()) } else { length };
        let Some((&unit, pdu)) = rest.get(..length).and_then(<[u8]>::split_first) else { return Ok(None) };
        Ok(Some(Frame { transaction: u16::from_be_bytes([t0, t1]), unit, pdu }))
    }

    /// How many bytes the frame takes in the stream.
    pub fn size(&self) -> usize {
        HEADER + self.pdu.len()
    }

    /// Appends the frame to `buffer`.
    ///
    /// # Errors
    ///
    /// [`Error::BufferFull`] if it does not fit; nothing was appended.
    pub fn put(&self, buffer: &mut Buf) -> Result<(), Error> {
        let [t0, t1] = self.transaction.to_be_bytes();
        let [l0, l1] = (1 + self.pdu.len() as u16).to_be_bytes();
        let mut bytes = [0; MAX_FRAME];
        let frame = bytes.get_mut(..self.size()).ok_or(Error::BufferFull)?;
        frame[..HEADER].copy_from_slice(&[t0, t1, 0, 0, l0, l1, self.unit]);
        frame[HEADER..].copy_from_slice(self.pdu);
        buffer.put_slice(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ptk_core::Buffer;
    use std::vec;
    use std::vec::Vec;

    fn frame(transaction: u16, unit: u8, pdu: &[u8]) -> Vec<u8> {
        let mut buffer = Buffer::<MAX_FRAME>::new();
        Frame { transaction, unit, pdu }.put(&mut buffer).unwrap();
        buffer.readable().to_vec()
    }

    #[test]
    fn the_header_is_as_the_guide_says() {
        assert_eq!(frame(0x1501, 0xFF, &[3, 0, 4, 0, 1]), [0x15, 1, 0, 0, 0, 6, 0xFF, 3, 0, 4, 0, 1]);
    }

    #[test]
    fn a_frame_that_is_split_anywhere_is_found_when_it_is_whole() {
        let pdus: [&[u8]; 3] = [&[7], &[3, 0, 0, 0, 1], &[0x55; MAX_PDU]];
        for pdu in pdus {
            let bytes = frame(0xABCD, 9, pdu);
            for split in 0..bytes.len() {
                assert_eq!(Frame::first(&bytes[..split]), Ok(None), "split at {split}");
            }
            assert_eq!(Frame::first(&bytes), Ok(Some(Frame { transaction: 0xABCD, unit: 9, pdu })));
        }
    }

    #[test]
    fn frames_that_arrive_together_are_taken_one_by_one() {
        let mut bytes = frame(1, 1, &[1, 2]);
        bytes.extend(frame(2, 0, &[3]));
        bytes.extend(&frame(3, 255, &[4, 5, 6])[..8]);
        let first = Frame::first(&bytes).unwrap().unwrap();
        assert_eq!((first.transaction, first.unit, first.pdu), (1, 1, &[1, 2][..]));
        let second = Frame::first(&bytes[first.size()..]).unwrap().unwrap();
        assert_eq!((second.transaction, second.unit, second.pdu), (2, 0, &[3][..]));
        assert_eq!(Frame::first(&bytes[first.size() + second.size()..]), Ok(None));
    }

    #[test]
    fn lengths_out_of_range_break_the_stream() {
        for (length, broken) in [(0, true), (1, true), (2, false), (254, false), (255, true), (65_535, true)] {
            let [high, low] = u16::to_be_bytes(length);
            let header = [0, 1, 0, 0, high, low];
            assert_eq!(Frame::first(&header).is_err(), broken, "length {length}");
            assert_eq!(Frame::first(&header[..4]), Ok(None), "nothing is known before the length");
        }
        let mut whole = vec![0, 1, 0, 0, 0, 254, 1];
        whole.resize(MAX_FRAME, 3);
        assert_eq!(Frame::first(&whole).unwrap().unwrap().pdu.len(), MAX_PDU);
    }

    #[test]
    fn another_protocol_breaks_the_stream_at_once() {
        assert_eq!(Frame::first(&[0, 1, 1]), Err(Broken));
        assert_eq!(Frame::first(&[0, 1, 0, 1]), Err(Broken));
        assert_eq!(Frame::first(b"GET / HTTP/1.1\r\n"), Err(Broken));
        assert_eq!(Frame::first(&[0, 1, 0, 1, 0, 6, 1, 3, 0, 0, 0, 1]), Err(Broken));
    }

    #[test]
    fn a_full_buffer_takes_nothing() {
        let mut buffer = Buffer::<10>::new();
        let first = Frame { transaction: 1, unit: 1, pdu: &[1, 2, 3] };
        assert_eq!(first.put(&mut buffer), Ok(()));
        assert_eq!(first.put(&mut buffer), Err(Error::BufferFull));
        assert_eq!(buffer.readable().len(), 10);
    }
}
