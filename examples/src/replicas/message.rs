//! What the machines tell each other: a kind, a number, a value, and a checksum of four bytes.

use ptk_core::prelude::*;

use crate::checksum::crc32;

/// The bytes of a message.
pub const SIZE: usize = 7;

/// What a message says.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Kind {
    /// Writer: the register is to have this value, which is the number too.
    Write = 1,
    /// Reader: what is the value? The number is the reader's.
    Read = 2,
    /// Primary to backup: the writer's value.
    Copy = 3,
    /// Primary to backup: a reader asks, and this is the value; are you still the backup?
    Check = 4,
    /// Backup: I have that.
    Copied = 5,
    /// Backup: I have that, and was the backup when you asked.
    Checked = 6,
    /// Backup: no longer; I go on alone.
    Deposed = 7,
    /// To the witness: may I go on alone? The number is the [`Site`].
    Claim = 8,
    /// Witness: this [`Site`] goes on alone.
    Granted = 9,
    /// The register has the writer's value.
    Written = 10,
    /// The reader's answer.
    Value = 11,
}

impl Kind {
    const ALL: [Kind; 11] = [
        Kind::Write,
        Kind::Read,
        Kind::Copy,
        Kind::Check,
        Kind::Copied,
        Kind::Checked,
        Kind::Deposed,
        Kind::Claim,
        Kind::Granted,
        Kind::Written,
        Kind::Value,
    ];
}

/// One of the two machines.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Site {
    /// The primary at the beginning.
    First = 1,
    /// The backup at the beginning.
    Second = 2,
}

impl Site {
    /// The site of that number.
    pub const fn numbered(number: u8) -> Option<Site> {
        match number {
            1 => Some(Site::First),
            2 => Some(Site::Second),
            _ => None,
        }
    }
}

/// A message.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Message {
    /// What it says.
    pub kind: Kind,
    /// Of which request.
    pub number: u8,
    /// The register's value.
    pub value: u8,
}

impl Message {
    /// A message without a value.
    pub const fn new(kind: Kind, number: u8) -> Self {
        Message { kind, number, value: 0 }
    }

    /// Its bytes.
    pub fn encode(self) -> [u8; SIZE] {
        let [kind, number, value] = [self.kind as u8, self.number, self.value];
        let [a, b, c, d] = crc32(&[kind, number, value]).to_be_bytes();
        [kind, number, value, a, b, c, d]
    }

    /// Reads a message; `None` if it is none.
    pub fn decode(bytes: &[u8]) -> Option<Message> {
        let (fields, checksum) = bytes.split_first_chunk::<3>()?;
        if checksum != crc32(fields).to_be_bytes() {
            return None;
        }
        let [kind, number, value] = *fields;
        let kind = Kind::ALL.into_iter().find(|known| *known as u8 == kind)?;
        Some(Message { kind, number, value })
    }
}

/// Room for one message: what comes and is longer is none.
pub type Packet = Buffer<{ SIZE + 1 }>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_comes_out_as_it_went_in() {
        for kind in Kind::ALL {
            let message = Message { kind, number: 200, value: 7 };
            assert_eq!(Message::decode(&message.encode()), Some(message));
        }
    }

    #[test]
    fn what_is_damaged_is_no_message() {
        let good = Message { kind: Kind::Copy, number: 3, value: 3 }.encode();
        for bit in 0..SIZE * 8 {
            let mut bytes = good;
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Message::decode(&bytes), None, "{bit}");
        }
        for length in 0..SIZE {
            assert_eq!(Message::decode(&good[..length]), None);
        }
        assert_eq!(Message::decode(&[good.as_slice(), &[0]].concat()), None);
    }
}
