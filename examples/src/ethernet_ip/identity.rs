//! What a device says of itself: the CIP Identity item (section 2-4.3).

use core::fmt::{self, Write};
use core::net::{Ipv4Addr, SocketAddrV4};

use ptk_core::prelude::*;

use super::encapsulation::{self, HEADER, Header, LIST_IDENTITY, Malformed, Reader, SUCCESS};

/// The type of the item.
const ITEM: u16 = 0x000C;

/// The version of the encapsulation.
const VERSION: u16 = 1;

/// The longest product name, in bytes (CIP Volume 1, Identity object, attribute 7).
pub const MAX_NAME: usize = 32;

/// The longest answer with one identity, in bytes.
pub const MAX_ANSWER: usize = HEADER + 2 + 4 + BEFORE_NAME + 1 + MAX_NAME + 1;

/// The bytes of an item in front of its name: version, socket address, and the numbers.
const BEFORE_NAME: usize = 2 + 16 + 14;

/// Who a device is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Identity {
    /// Where it takes messages, as it says.
    pub address: SocketAddrV4,
    /// The vendor's number.
    pub vendor: u16,
    /// The number of its device profile.
    pub device_type: u16,
    /// The vendor's number for the product.
    pub product_code: u16,
    /// Major and minor revision.
    pub revision: (u8, u8),
    /// The bits of its status.
    pub status: u16,
    /// Its serial number, unique together with the vendor.
    pub serial: u32,
    /// What the product is called.
    pub name: Name,
    /// What it does: 3 is operational, 255 is not told.
    pub state: u8,
}

/// A product name: at most [`MAX_NAME`] bytes, which should be ASCII. Shown with what is not escaped.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Name {
    bytes: [u8; MAX_NAME],
    length: u8,
}

impl Name {
    /// A name; of a longer one the front.
    pub const fn new(text: &[u8]) -> Self {
        let mut bytes = [0; MAX_NAME];
        let length = if text.len() < MAX_NAME { text.len() } else { MAX_NAME };
        let (front, _) = text.split_at(length);
        bytes.split_at_mut(length).0.copy_from_slice(front);
        Name { bytes, length: length as u8 }
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or(&[])
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.as_bytes() {
            match byte {
                b' '..=b'~' => f.write_char(char::from(*byte))?,
                _ => write!(f, "\\x{byte:02x}")?,
            }
        }
        Ok(())
    }
}

/// The name of a device's state (CIP Volume 1, Identity object, attribute 8).
pub const fn state_name(state: u8) -> &'static str {
    match state {
        0 => "nonexistent",
        1 => "self test",
        2 => "standby",
        3 => "operational",
        4 => "recoverable fault",
        5 => "unrecoverable fault",
        255 => "not told",
        _ => "reserved",
    }
}

/// Reads an answer to ListIdentity: the context that was sent, and the identity. Items of other types are skipped; of
/// several identities the first counts.
///
/// # Errors
///
/// [`Malformed`] if it is none: another command, an error, no identity, or lengths that contradict each other.
pub fn decode(datagram: &[u8]) -> Result<([u8; 8], Identity), Malformed> {
    let (header, data) = encapsulation::decode(datagram)?;
    if header.command != LIST_IDENTITY || header.status != SUCCESS {
        return Err(Malformed);
    }
    let mut items = Reader(data);
    let mut identity = None;
    for _ in 0..items.u16()? {
        let (kind, length) = (items.u16()?, items.u16()?);
        let item = items.slice(length.into())?;
        if kind == ITEM && identity.is_none() {
            identity = Some(decode_item(item)?);
        }
    }
    identity.map(|identity| (header.context, identity)).ok_or(Malformed)
}

/// Bytes behind the state are those of a later version. A name that is too long is cut.
fn decode_item(item: &[u8]) -> Result<Identity, Malformed> {
    let mut item = Reader(item);
    let _version = item.u16()?;
    let address = decode_address(&mut item)?;
    let (vendor, device_type, product_code) = (item.u16()?, item.u16()?, item.u16()?);
    let [major, minor] = item.array()?;
    let (status, serial) = (item.u16()?, item.u32()?);
    let length = item.u8()?;
    let name = Name::new(item.slice(length.into())?);
    let state = item.u8()?;
    Ok(Identity { address, vendor, device_type, product_code, revision: (major, minor), status, serial, name, state })
}

/// A `sockaddr_in`, most significant byte first.
fn decode_address(item: &mut Reader<'_>) -> Result<SocketAddrV4, Malformed> {
    let _family: [u8; 2] = item.array()?;
    let port = u16::from_be_bytes(item.array()?);
    let host = Ipv4Addr::from(item.array::<4>()?);
    let _zeros: [u8; 8] = item.array()?;
    Ok(SocketAddrV4::new(host, port))
}

impl Identity {
    /// Appends the answer to a request with this `context`.
    ///
    /// # Errors
    ///
    /// [`Error::BufferFull`] if `out` has less room than [`MAX_ANSWER`].
    pub fn put_answer(&self, context: [u8; 8], out: &mut Buf) -> Result<(), Error> {
        let name = self.name.as_bytes();
        // At most MAX_NAME more than a constant.
        let item = (BEFORE_NAME + 1 + name.len() + 1) as u16;
        Header { length: 2 + 4 + item, ..Header::list_identity(context) }.put(out)?;
        out.put_u16_le(1)?;
        out.put_u16_le(ITEM)?;
        out.put_u16_le(item)?;
        out.put_u16_le(VERSION)?;
        self.put_address(out)?;
        for number in [self.vendor, self.device_type, self.product_code] {
            out.put_u16_le(number)?;
        }
        out.put_slice(&[self.revision.0, self.revision.1])?;
        out.put_u16_le(self.status)?;
        out.put_u32_le(self.serial)?;
        out.put_u8(name.len() as u8)?;
        out.put_slice(name)?;
        out.put_u8(self.state)
    }

    fn put_address(&self, out: &mut Buf) -> Result<(), Error> {
        const AF_INET: u16 = 2;
        out.put_u16_be(AF_INET)?;
        out.put_u16_be(self.address.port())?;
        out.put_slice(&self.address.ip().octets())?;
        out.put_slice(&[0; 8])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;
    use std::vec::Vec;

    const IDENTITY: Identity = Identity {
        address: SocketAddrV4::new(Ipv4Addr::new(10, 1, 2, 3), 44818),
        vendor: 0x0102,
        device_type: 0x000E,
        product_code: 0x0304,
        revision: (5, 6),
        status: 0x0708,
        serial: 0x090A_0B0C,
        name: Name::new(b"1756-L61/B"),
        state: 3,
    };

    /// Written out from the specification's table, byte for byte.
    const ANSWER: &[u8] = b"\x63\0\x32\0\0\0\0\0\0\0\0\0abcdefgh\0\0\0\0\
        \x01\0\x0C\0\x2C\0\x01\0\
        \0\x02\xAF\x12\x0A\x01\x02\x03\0\0\0\0\0\0\0\0\
        \x02\x01\x0E\0\x04\x03\x05\x06\x08\x07\x0C\x0B\x0A\x09\
        \x0A1756-L61/B\x03";

    #[test]
    fn an_answer_is_what_the_specification_says() {
        let mut out = Buffer::<MAX_ANSWER>::new();
        IDENTITY.put_answer(*b"abcdefgh", &mut out).unwrap();
        assert_eq!(out.readable().escape_ascii().to_string(), ANSWER.escape_ascii().to_string());
        assert_eq!(decode(ANSWER), Ok((*b"abcdefgh", IDENTITY)));
    }

    #[test]
    fn the_longest_name_fits() {
        let mut out = Buffer::<MAX_ANSWER>::new();
        let name = Name::new(&[b'x'; MAX_NAME + 1]);
        Identity { name, ..IDENTITY }.put_answer([0; 8], &mut out).unwrap();
        assert_eq!(out.room(), 0);
        assert_eq!(decode(out.readable()).unwrap().1.name.as_bytes(), [b'x'; MAX_NAME]);
    }

    #[test]
    fn names_cannot_move_the_cursor() {
        assert_eq!(Name::new(b"a\x1b[2Jb\xff").to_string(), "a\\x1b[2Jb\\xff");
    }

    #[test]
    fn items_of_other_types_are_skipped() {
        let mut other = ANSWER.to_vec();
        let item = other.split_off(HEADER + 2);
        other[HEADER] = 2;
        other.extend(b"\x86\0\x02\0xy");
        other.extend(&item);
        other[2] += 6;
        assert_eq!(decode(&other).unwrap().1, IDENTITY);
    }

    /// An answer with one byte changed.
    fn with(position: usize, byte: u8) -> Vec<u8> {
        let mut bytes = ANSWER.to_vec();
        bytes[position] = byte;
        bytes
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        for (what, bytes) in [
            ("another command", with(0, 0x04)),
            ("an error", with(8, 1)),
            ("a length beyond the end", with(2, 0x33)),
            ("no items", with(HEADER, 0)),
            ("two items of which one is there", with(HEADER, 2)),
            ("another item", with(HEADER + 2, 0x0D)),
            ("an item beyond the end", with(HEADER + 4, 0x2D)),
            ("an item that ends within", with(HEADER + 4, 0x2B)),
            ("a name beyond the end", with(ANSWER.len() - 12, 0x0C)),
            ("a request", ANSWER[..HEADER].to_vec()),
            ("nothing", Vec::new()),
        ] {
            assert_eq!(decode(&bytes), Err(Malformed), "{what}");
        }
        for length in 0..ANSWER.len() {
            assert_eq!(decode(&ANSWER[..length]), Err(Malformed), "{length}");
        }
    }

    #[test]
    fn no_bytes_make_it_panic() {
        for position in 0..ANSWER.len() {
            for byte in 0..=255 {
                let _ = decode(&with(position, byte));
            }
        }
    }
}
