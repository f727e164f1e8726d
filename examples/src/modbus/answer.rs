//! Answers, as the client takes them apart.

use super::pdu::{bytes_of_bits, function};
use super::request::{Request, Table};

/// A server's answer that suits its request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer<'a> {
    /// Bits, packed with the first in the lowest bit; as many bytes as the quantity needs.
    Bits(&'a [u8]),
    /// Registers, two bytes each, the high one first; as many as were asked for.
    Registers(&'a [u8]),
    /// The write was done.
    Written,
    /// Identification objects.
    Objects(Objects<'a>),
    /// The server refuses: the exception's code.
    Exception(u8),
}

/// Some of a device's identification objects.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Objects<'a> {
    /// What the device offers.
    pub conformity: u8,
    /// The object at which to ask on, if there are more.
    pub next: Option<u8>,
    count: u8,
    bytes: &'a [u8],
}

impl<'a> Objects<'a> {
    /// The objects: numbers and values. Ends early if the answer does.
    pub fn iter(&self) -> impl Iterator<Item = (u8, &'a [u8])> + use<'a> {
        let mut rest = self.bytes;
        (0..self.count).map_while(move |_| {
            let (&[number, len], tail) = rest.split_first_chunk()?;
            let (value, tail) = tail.split_at_checked(usize::from(len))?;
            rest = tail;
            Some((number, value))
        })
    }

    /// Whether exactly as many objects are there as announced.
    fn is_whole(&self) -> bool {
        let size: usize = self.iter().map(|(_, value)| value.len() + 2).sum();
        self.iter().count() == usize::from(self.count) && size == self.bytes.len()
    }
}

/// The answer is not one to the request, or is misshapen.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Malformed;

/// Takes apart the answer `pdu` to `request`, which was sent as `sent`.
///
/// # Errors
///
/// [`Malformed`] if the server answered something that was not asked.
pub fn decode<'a>(request: &Request<'_>, sent: &[u8], pdu: &'a [u8]) -> Result<Answer<'a>, Malformed> {
    let function = sent.first().copied().ok_or(Malformed)?;
    if let &[code, exception] = pdu
        && code == function | function::EXCEPTION
    {
        return Ok(Answer::Exception(exception));
    }
    match *request {
        Request::Read { table: Table::Coils | Table::DiscreteInputs, quantity, .. } => {
            counted(function, bytes_of_bits(quantity), pdu).map(Answer::Bits)
        }
        Request::Read { quantity, .. } | Request::Exchange { quantity, .. } => {
            counted(function, 2 * usize::from(quantity), pdu).map(Answer::Registers)
        }
        Request::WriteCoils { .. } | Request::WriteRegisters { .. } => echoed(&sent[..5], pdu),
        Request::WriteCoil { .. } | Request::WriteRegister { .. } | Request::MaskRegister { .. } => echoed(sent, pdu),
        Request::Identify { .. } => objects(&sent[..3], pdu).map(Answer::Objects),
    }
}

fn counted(function: u8, count: usize, pdu: &[u8]) -> Result<&[u8], Malformed> {
    match pdu {
        [code, bytes, data @ ..] if *code == function && usize::from(*bytes) == count && data.len() == count => {
            Ok(data)
        }
        _ => Err(Malformed),
    }
}

fn echoed(expected: &[u8], pdu: &[u8]) -> Result<Answer<'static>, Malformed> {
    if pdu == expected { Ok(Answer::Written) } else { Err(Malformed) }
}

fn objects<'a>(head: &[u8], pdu: &'a [u8]) -> Result<Objects<'a>, Malformed> {
    let (&[conformity, more, next, count], bytes) =
        pdu.strip_prefix(head).and_then(<[u8]>::split_first_chunk).ok_or(Malformed)?;
    let objects = Objects { conformity, next: (more != 0).then_some(next), count, bytes };
    if objects.is_whole() { Ok(objects) } else { Err(Malformed) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modbus::identification::Access;
    use crate::modbus::pdu::Pdu;

    const READ: Request<'_> = Request::Read { table: Table::Coils, address: 0, quantity: 9 };

    fn decode_answer<'a>(request: &Request<'_>, pdu: &'a [u8]) -> Result<Answer<'a>, Malformed> {
        let mut sent = Pdu::new();
        request.encode(&mut sent);
        decode(request, sent.as_slice(), pdu)
    }

    #[test]
    fn reads_have_exactly_the_bytes_that_were_asked_for() {
        assert_eq!(decode_answer(&READ, &[1, 2, 0xFF, 1]), Ok(Answer::Bits(&[0xFF, 1])));
        for wrong in [&[1, 2, 0xFF][..], &[1, 1, 0xFF], &[1, 2, 0xFF, 1, 0], &[2, 2, 0xFF, 1], &[1], &[]] {
            assert_eq!(decode_answer(&READ, wrong), Err(Malformed), "{wrong:?}");
        }
        let exchange = Request::Exchange { read: 0, quantity: 1, write: 0, values: &[0, 1] };
        assert_eq!(decode_answer(&exchange, &[23, 2, 0, 1]), Ok(Answer::Registers(&[0, 1])));
    }

    #[test]
    fn exceptions_belong_to_their_function() {
        assert_eq!(decode_answer(&READ, &[0x81, 2]), Ok(Answer::Exception(2)));
        assert_eq!(decode_answer(&READ, &[0x82, 2]), Err(Malformed));
        assert_eq!(decode_answer(&READ, &[0x81, 2, 0]), Err(Malformed));
    }

    #[test]
    fn writes_are_repeated() {
        let write = Request::WriteRegisters { address: 7, values: &[1, 2, 3, 4] };
        assert_eq!(decode_answer(&write, &[16, 0, 7, 0, 2]), Ok(Answer::Written));
        assert_eq!(decode_answer(&write, &[16, 0, 7, 0, 3]), Err(Malformed));
        let mask = Request::MaskRegister { address: 7, and: 0xF2, or: 0x25 };
        assert_eq!(decode_answer(&mask, &[22, 0, 7, 0, 0xF2, 0, 0x25]), Ok(Answer::Written));
    }

    #[test]
    fn objects_must_be_whole() {
        let identify = Request::Identify { access: Access::Basic, object: 0 };
        let pdu = b"\x2b\x0e\x01\x82\xff\x02\x02\x00\x01V\x01\x02PC";
        let Ok(Answer::Objects(objects)) = decode_answer(&identify, pdu) else { panic!("refused") };
        assert_eq!((objects.conformity, objects.next), (0x82, Some(2)));
        assert!(objects.iter().eq([(0, &b"V"[..]), (1, b"PC")]));
        assert_eq!(decode_answer(&identify, &pdu[..pdu.len() - 1]), Err(Malformed));
        assert_eq!(decode_answer(&identify, b"\x2b\x0e\x01\x82\x00\x00\x00\x00"), Err(Malformed));
    }
}
