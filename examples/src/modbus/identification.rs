//! Who the device is: the objects of function 43, transport 14 (section 6.21).

use super::pdu::{Exception, Pdu, function};

/// Objects 0 to 2 are basic, and each device has them; 3 to 6 are regular.
const BASIC: usize = 3;
const REGULAR: usize = 7;

/// The regular objects can be read, as a stream and one by one.
const CONFORMITY_LEVEL: u8 = 0x82;

/// What stands before the first object: function, transport, code, conformity, more follows, next object, count.
const PREFIX: usize = 7;

/// How the objects are asked for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Access {
    /// The basic objects as a stream.
    Basic = 1,
    /// The basic and regular ones as a stream.
    Regular = 2,
    /// All as a stream. This device has no extended objects and answers as for `Regular`.
    Extended = 3,
    /// One object.
    Individual = 4,
}

impl Access {
    /// The access with this code.
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Access::Basic),
            2 => Some(Access::Regular),
            3 => Some(Access::Extended),
            4 => Some(Access::Individual),
            _ => None,
        }
    }

    /// The code in a PDU.
    pub const fn code(self) -> u8 {
        self as u8
    }
}

/// The objects, in the order of their numbers: vendor, product code, revision; address of the vendor's site, product
/// name, model name, application name.
#[derive(Clone, Hash, Debug)]
pub struct Identification([&'static str; REGULAR]);

impl Identification {
    /// The longest object that one answer holds.
    pub const MAX_OBJECT: usize = super::pdu::MAX_PDU - PREFIX - 2;

    /// An identification.
    ///
    /// # Panics
    ///
    /// If an object is longer than [`MAX_OBJECT`](Self::MAX_OBJECT); in a constant, when it is compiled.
    pub const fn new(objects: [&'static str; REGULAR]) -> Self {
        let mut i = 0;
        while i < REGULAR {
            assert!(objects[i].len() <= Self::MAX_OBJECT, "an identification object does not fit an answer");
            i += 1;
        }
        Identification(objects)
    }

    /// One object; empty if there is no such.
    pub fn object(&self, number: u8) -> &'static str {
        self.0.get(usize::from(number)).copied().unwrap_or("")
    }

    /// Writes the answer to a request for identification.
    ///
    /// # Errors
    ///
    /// [`Exception::IllegalDataAddress`] for a single object that does not exist. A stream that is asked to begin at such
    /// an object begins at the first.
    pub fn answer(&self, access: Access, object: u8, pdu: &mut Pdu) -> Result<(), Exception> {
        let end = match access {
            Access::Basic => BASIC,
            Access::Regular | Access::Extended => REGULAR,
            Access::Individual => return self.answer_one(object, pdu),
        };
        let first = if usize::from(object) < end { usize::from(object) } else { 0 };
        let count = fitting(&self.0[first..end]);
        let next = first + count;
        prefix(pdu, access, if next < end { next as u8 } else { 0 }, count as u8);
        for number in first..next {
            self.put(number, pdu);
        }
        Ok(())
    }

    fn answer_one(&self, object: u8, pdu: &mut Pdu) -> Result<(), Exception> {
        let number = usize::from(object);
        if number >= REGULAR {
            return Err(Exception::IllegalDataAddress);
        }
        prefix(pdu, Access::Individual, 0, 1);
        self.put(number, pdu);
        Ok(())
    }

    fn put(&self, number: usize, pdu: &mut Pdu) {
        let text = self.0[number].as_bytes();
        pdu.slice(&[number as u8, text.len() as u8]);
        pdu.slice(text);
    }
}

/// How many of `objects` fit one answer.
fn fitting(objects: &[&str]) -> usize {
    let mut room = super::pdu::MAX_PDU - PREFIX;
    let fits = |text: &&&str| {
        let size = text.len() + 2;
        let fits = size <= room;
        room = room.saturating_sub(size);
        fits
    };
    objects.iter().take_while(fits).count()
}

/// Everything before the objects. `next` is the object at which the client goes on, 0 if it has them all.
fn prefix(pdu: &mut Pdu, access: Access, next: u8, count: u8) {
    pdu.clear();
    let more_follows = if next == 0 { 0 } else { 0xFF };
    pdu.slice(&[function::ENCAPSULATED, function::MEI_DEVICE_IDENTIFICATION, access.code(), CONFORMITY_LEVEL]);
    pdu.slice(&[more_follows, next, count]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    const SHORT: Identification = Identification::new(["V", "PC", "R1", "url", "name", "model", "app"]);

    fn ask(identification: &Identification, access: Access, object: u8) -> Result<Vec<u8>, Exception> {
        let mut pdu = Pdu::new();
        identification.answer(access, object, &mut pdu).map(|()| pdu.as_slice().to_vec())
    }

    #[test]
    fn the_basic_stream_has_three_objects() {
        assert_eq!(
            ask(&SHORT, Access::Basic, 0).unwrap(),
            b"\x2b\x0e\x01\x82\x00\x00\x03\x00\x01V\x01\x02PC\x02\x02R1"
        );
    }

    #[test]
    fn a_stream_begins_where_it_is_asked_to_and_at_the_first_object_if_there_is_no_such() {
        let from_two = ask(&SHORT, Access::Basic, 2).unwrap();
        assert_eq!(from_two, b"\x2b\x0e\x01\x82\x00\x00\x01\x02\x02R1");
        assert_eq!(ask(&SHORT, Access::Basic, 3), ask(&SHORT, Access::Basic, 0));
        assert_eq!(ask(&SHORT, Access::Regular, 7), ask(&SHORT, Access::Regular, 0));
        assert_eq!(ask(&SHORT, Access::Regular, 0).unwrap()[6], 7);
    }

    #[test]
    fn what_is_above_the_conformity_level_is_answered_with_what_there_is() {
        let mut regular = ask(&SHORT, Access::Regular, 0).unwrap();
        regular[2] = 3;
        assert_eq!(ask(&SHORT, Access::Extended, 0).unwrap(), regular);
    }

    #[test]
    fn a_single_object_is_there_or_is_an_illegal_address() {
        assert_eq!(ask(&SHORT, Access::Individual, 6).unwrap(), b"\x2b\x0e\x04\x82\x00\x00\x01\x06\x03app");
        assert_eq!(ask(&SHORT, Access::Individual, 7), Err(Exception::IllegalDataAddress));
        assert_eq!(ask(&SHORT, Access::Individual, 255), Err(Exception::IllegalDataAddress));
    }

    #[test]
    fn what_does_not_fit_one_answer_follows_in_the_next() {
        const HUNDRED: &str = match core::str::from_utf8(&[b'x'; 100]) {
            Ok(text) => text,
            Err(_) => "",
        };
        let long = Identification::new([HUNDRED; 7]);
        for (first, more, next, count) in [(0, 0xFF, 2, 2), (2, 0xFF, 4, 2), (4, 0xFF, 6, 2), (6, 0, 0, 1)] {
            let answer = ask(&long, Access::Regular, first).unwrap();
            assert_eq!(answer[4..8], [more, next, count, first]);
            assert_eq!(answer.len(), PREFIX + usize::from(count) * 102);
        }
    }

    #[test]
    fn the_longest_object_fills_the_answer() {
        const LONGEST: &str = match core::str::from_utf8(&[b'x'; Identification::MAX_OBJECT]) {
            Ok(text) => text,
            Err(_) => "",
        };
        let long = Identification::new([LONGEST; 7]);
        for object in 0..7 {
            assert_eq!(ask(&long, Access::Individual, object).unwrap().len(), super::super::pdu::MAX_PDU);
            assert_eq!(ask(&long, Access::Regular, object).unwrap()[6], 1);
        }
    }
}
