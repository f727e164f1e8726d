//! Frames with something behind them that is not in them.

use super::{Framing, put_whole};
use crate::buffer::Buf;
use crate::error::Error;

/// Frames that end with a delimiter, which belongs to them: lines of text, for one. Const-constructible.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Delimited<'d> {
    delimiter: &'d [u8],
    max: usize,
}

impl<'d> Delimited<'d> {
    /// Frames of at most `max` bytes, delimiter included.
    ///
    /// # Panics
    ///
    /// If the delimiter is empty, or longer than `max`: in a constant, when it compiles.
    pub const fn new(delimiter: &'d [u8], max: usize) -> Self {
        assert!(!delimiter.is_empty() && delimiter.len() <= max, "no frame could ever end");
        Delimited { delimiter, max }
    }

    /// How many bytes of a frame are before its delimiter.
    pub const fn payload_len(&self, frame: usize) -> usize {
        frame.saturating_sub(self.delimiter.len())
    }

    /// Appends a frame: `payload`, then the delimiter.
    ///
    /// # Errors
    ///
    /// [`Error::MessageTooLarge`] if the frame is larger than the framing allows; [`Error::BufferFull`] if it does not
    /// fit; [`Error::InvalidArgument`] if it would end before its end, because of what is in it. Then nothing is appended.
    pub fn put(&self, out: &mut Buf, payload: &[u8]) -> Result<(), Error> {
        if payload.len() > self.max - self.delimiter.len() {
            return Err(Error::MessageTooLarge);
        }
        put_whole(out, |out, start| {
            out.put_slice(payload)?;
            out.put_slice(self.delimiter)?;
            let frame = out.readable().get(start..).unwrap_or(&[]);
            if self.length(frame)? == Some(frame.len()) { Ok(()) } else { Err(Error::InvalidArgument) }
        })
    }
}

impl Framing for Delimited<'_> {
    /// Costs a comparison of the delimiter with each place in `bytes`, up to the limit.
    fn length(&self, bytes: &[u8]) -> Result<Option<usize>, Error> {
        let bytes = bytes.get(..self.max).unwrap_or(bytes);
        if let Some(at) = bytes.windows(self.delimiter.len()).position(|window| window == self.delimiter) {
            return Ok(Some(at + self.delimiter.len()));
        }
        if bytes.len() < self.max { Ok(None) } else { Err(Error::MessageTooLarge) }
    }
}
