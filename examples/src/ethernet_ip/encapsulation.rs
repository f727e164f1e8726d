//! The encapsulation of messages: a header of 24 bytes, and data behind it (section 2-3).

use ptk_core::prelude::*;

/// The size of the header, in bytes.
pub const HEADER: usize = 24;

/// The command ListIdentity: a device says what it is. Its request has no data.
pub const LIST_IDENTITY: u16 = 0x0063;

/// The status of success.
pub const SUCCESS: u32 = 0;

/// The status of a command that is not supported.
pub const UNSUPPORTED: u32 = 1;

/// What stands in front of the data.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Header {
    /// What is asked for, or answered.
    pub command: u16,
    /// How many bytes of data follow.
    pub length: u16,
    /// The session; 0 where none is needed.
    pub session: u32,
    /// [`SUCCESS`] in requests.
    pub status: u32,
    /// The asker's own, which comes back in the answer.
    pub context: [u8; 8],
    /// 0.
    pub options: u32,
}

/// What came is no message of this encapsulation, or only the beginning of one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Malformed;

impl Header {
    /// A ListIdentity request.
    pub const fn list_identity(context: [u8; 8]) -> Self {
        Header { command: LIST_IDENTITY, length: 0, session: 0, status: SUCCESS, context, options: 0 }
    }

    /// Whether this asks for ListIdentity. An answer is no request, so that devices do not answer each other.
    pub const fn asks_for_identity(&self) -> bool {
        self.command == LIST_IDENTITY && self.length == 0 && self.status == SUCCESS && self.options == 0
    }

    /// Reads the header at the front of `bytes`.
    ///
    /// # Errors
    ///
    /// [`Malformed`] if there are fewer than [`HEADER`] bytes.
    pub fn decode(bytes: &[u8]) -> Result<Header, Malformed> {
        let mut bytes = Reader(bytes);
        Ok(Header {
            command: bytes.u16()?,
            length: bytes.u16()?,
            session: bytes.u32()?,
            status: bytes.u32()?,
            context: bytes.array()?,
            options: bytes.u32()?,
        })
    }

    /// Appends the header.
    ///
    /// # Errors
    ///
    /// [`Error::BufferFull`].
    pub fn put(&self, out: &mut Buf) -> Result<(), Error> {
        out.put_u16_le(self.command)?;
        out.put_u16_le(self.length)?;
        out.put_u32_le(self.session)?;
        out.put_u32_le(self.status)?;
        out.put_slice(&self.context)?;
        out.put_u32_le(self.options)
    }
}

/// Splits a datagram into its header and its data.
///
/// # Errors
///
/// [`Malformed`] if the data are not exactly as long as the header says.
pub fn decode(datagram: &[u8]) -> Result<(Header, &[u8]), Malformed> {
    let header = Header::decode(datagram)?;
    match datagram.get(HEADER..) {
        Some(data) if data.len() == usize::from(header.length) => Ok((header, data)),
        _ => Err(Malformed),
    }
}

/// Takes numbers from the front of bytes.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (array, rest) = self.0.split_first_chunk::<N>().ok_or(Malformed)?;
        self.0 = rest;
        Ok(*array)
    }

    pub(super) fn slice(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (slice, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(slice)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Malformed> {
        self.array().map(u8::from_le_bytes)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_le_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_the_bytes_of_the_specification() {
        let mut out = Buffer::<HEADER>::new();
        Header::list_identity(*b"abcdefgh").put(&mut out).unwrap();
        assert_eq!(out.readable(), b"\x63\0\0\0\0\0\0\0\0\0\0\0abcdefgh\0\0\0\0");
        let (header, data) = decode(out.readable()).unwrap();
        assert!(header.asks_for_identity() && data.is_empty());
    }

    #[test]
    fn numbers_are_written_least_significant_byte_first_and_read_as_they_were_written() {
        let header = Header {
            command: 0x0102,
            length: 0,
            session: 0x0304_0506,
            status: 0x0708_090a,
            context: *b"abcdefgh",
            options: 0x0b0c_0d0e,
        };
        let mut out = Buffer::<HEADER>::new();
        header.put(&mut out).unwrap();
        assert_eq!(out.readable(), b"\x02\x01\0\0\x06\x05\x04\x03\x0a\x09\x08\x07abcdefgh\x0e\x0d\x0c\x0b");
        assert_eq!(Header::decode(out.readable()), Ok(header));
    }

    #[test]
    fn data_are_as_long_as_the_header_says() {
        let mut out = Buffer::<64>::new();
        Header { length: 3, ..Header::list_identity([0; 8]) }.put(&mut out).unwrap();
        out.put_slice(b"abcd").unwrap();
        let bytes = out.readable();
        assert_eq!(decode(bytes), Err(Malformed));
        assert_eq!(decode(&bytes[..HEADER + 3]).map(|(_, data)| data), Ok(&b"abc"[..]));
        for length in 0..HEADER + 3 {
            assert_eq!(decode(&bytes[..length]), Err(Malformed), "{length}");
        }
    }

    #[test]
    fn an_answer_is_no_request() {
        let request = Header::list_identity([0; 8]);
        for other in [
            Header { length: 1, ..request },
            Header { command: 4, ..request },
            Header { status: UNSUPPORTED, ..request },
            Header { options: 1, ..request },
        ] {
            assert!(!other.asks_for_identity(), "{other:?}");
        }
    }
}
