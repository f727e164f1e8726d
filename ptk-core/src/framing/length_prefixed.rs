//! Frames that carry their length.

use super::{Framing, put_whole};
use crate::buffer::Buf;
use crate::error::Error;

/// Frames with their length in a header, in one, two or four bytes. Const-constructible; describes a protocol, and
/// changes never.
///
/// At first the field is at the frame's beginning and counts what is behind it, and there is no limit but what the field
/// can say. A receiver has a buffer of some size, so a protocol should have a limit: see [`max`](Self::max).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct LengthPrefixed {
    offset: usize,
    /// Bytes of the field: 1, 2 or 4.
    width: usize,
    little_endian: bool,
    counted_from: usize,
    max: usize,
}

impl LengthPrefixed {
    /// A length of one byte.
    pub const fn u8() -> Self {
        LengthPrefixed::new(1, false)
    }

    /// A length of two bytes, most significant first.
    pub const fn u16_be() -> Self {
        LengthPrefixed::new(2, false)
    }

    /// A length of two bytes, least significant first.
    pub const fn u16_le() -> Self {
        LengthPrefixed::new(2, true)
    }

    /// A length of four bytes, most significant first.
    pub const fn u32_be() -> Self {
        LengthPrefixed::new(4, false)
    }

    /// A length of four bytes, least significant first.
    pub const fn u32_le() -> Self {
        LengthPrefixed::new(4, true)
    }

    const fn new(width: usize, little_endian: bool) -> Self {
        LengthPrefixed { offset: 0, width, little_endian, counted_from: width, max: usize::MAX }
    }

    /// The field is `offset` bytes behind the frame's beginning, and counts what is behind it. For a field that counts
    /// from elsewhere, [`counted_from`](Self::counted_from) comes after this.
    pub const fn at(self, offset: usize) -> Self {
        LengthPrefixed { offset, counted_from: offset.saturating_add(self.width), ..self }
    }

    /// The length counts what is behind the first `start` bytes of the frame: 0 for one that counts the whole frame, the
    /// header's length for one that counts what follows the header.
    pub const fn counted_from(self, start: usize) -> Self {
        LengthPrefixed { counted_from: start, ..self }
    }

    /// No frame has more than `max` bytes, header included.
    pub const fn max(self, max: usize) -> Self {
        LengthPrefixed { max, ..self }
    }

    /// Where the field ends.
    const fn field_end(&self) -> usize {
        self.offset.saturating_add(self.width)
    }

    /// Appends a frame: the length, then `payload`. For headers with more than the length there is [`seal`](Self::seal).
    ///
    /// # Errors
    ///
    /// [`Error::MessageTooLarge`] if the frame is larger than the framing allows, or its length than the field;
    /// [`Error::BufferFull`] if the frame does not fit; [`Error::InvalidArgument`] if the length is not at the frame's
    /// beginning, or the frame ends before the place from which its length counts. Then nothing is appended.
    pub fn put(&self, out: &mut Buf, payload: &[u8]) -> Result<(), Error> {
        if self.offset != 0 {
            return Err(Error::InvalidArgument);
        }
        put_whole(out, |out, start| {
            for _ in 0..self.width {
                out.put_u8(0)?;
            }
            out.put_slice(payload)?;
            self.seal(out, start)
        })
    }

    /// Writes the length of a frame into its header: the frame is what is readable in `out` behind the first `start`
    /// bytes.
    ///
    /// ```
    /// use ptk_core::framing::LengthPrefixed;
    /// use ptk_core::{Buffer, Error};
    ///
    /// const MODBUS: LengthPrefixed = LengthPrefixed::u16_be().at(4).max(260);
    ///
    /// let mut out = Buffer::<260>::new();
    /// let start = out.len();
    /// out.put_slice(&[0, 7, 0, 0, /* the length */ 0, 0, /* the unit */ 1])?;
    /// out.put_slice(&[3, 0, 0, 0, 10])?;
    /// MODBUS.seal(&mut out, start)?;
    /// assert_eq!(out.readable(), [0, 7, 0, 0, 0, 6, 1, 3, 0, 0, 0, 10]);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::MessageTooLarge`] if the frame is larger than the framing allows, or its length than the field;
    /// [`Error::InvalidArgument`] if it is too short for its header, or ends before the place from which its length counts.
    /// Then nothing is written.
    pub fn seal(&self, out: &mut Buf, start: usize) -> Result<(), Error> {
        let frame = out.len().checked_sub(start).ok_or(Error::InvalidArgument)?;
        if frame < self.field_end() {
            return Err(Error::InvalidArgument);
        }
        if frame > self.max {
            return Err(Error::MessageTooLarge);
        }
        let length = frame.checked_sub(self.counted_from).ok_or(Error::InvalidArgument)?;
        let length = u32::try_from(length).map_err(|_| Error::MessageTooLarge)?;
        let place = start + self.offset;
        match (self.width, self.little_endian) {
            (1, _) => out.patch_u8(place, u8::try_from(length).map_err(|_| Error::MessageTooLarge)?),
            (2, false) => out.patch_u16_be(place, u16::try_from(length).map_err(|_| Error::MessageTooLarge)?),
            (2, true) => out.patch_u16_le(place, u16::try_from(length).map_err(|_| Error::MessageTooLarge)?),
            (_, false) => out.patch_u32_be(place, length),
            (_, true) => out.patch_u32_le(place, length),
        }
    }

    /// What the field says, if it is all there.
    fn field(&self, bytes: &[u8]) -> Option<usize> {
        let field = bytes.get(self.offset..self.field_end())?;
        let add = |value: u32, byte: &u8| value << 8 | u32::from(*byte);
        let value = if self.little_endian { field.iter().rev().fold(0, add) } else { field.iter().fold(0, add) };
        // Where a length has more bits than an address, no buffer holds such a frame.
        Some(usize::try_from(value).unwrap_or(usize::MAX))
    }
}

impl Framing for LengthPrefixed {
    /// [`Error::Protocol`] is for a frame that would end before its length field does.
    fn length(&self, bytes: &[u8]) -> Result<Option<usize>, Error> {
        let Some(value) = self.field(bytes) else { return Ok(None) };
        let length = value.saturating_add(self.counted_from);
        if length > self.max {
            return Err(Error::MessageTooLarge);
        }
        if length < self.field_end() {
            return Err(Error::Protocol);
        }
        Ok(Some(length))
    }
}
