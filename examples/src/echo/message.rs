//! What clients send: a number, and bytes that follow from it.

use ptk_core::prelude::*;

/// The shortest message: its number, most significant byte first.
pub const MIN: usize = 4;

/// The longest message that clients send.
pub const MAX: usize = 4096;

/// What came back for a message.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Echo {
    /// The message.
    Right,
    /// The front of it.
    Cut,
    /// A message that was sent before.
    Late,
    /// Something else.
    Wrong,
}

/// Replaces what is in `out` by message `number`, of `size` bytes.
///
/// # Errors
///
/// [`Error::BufferFull`] if it does not fit, [`Error::InvalidArgument`] if `size` is less than [`MIN`].
pub fn write(number: u32, size: usize, out: &mut Buf) -> Result<(), Error> {
    let rest = size.checked_sub(MIN).ok_or(Error::InvalidArgument)?;
    out.clear();
    out.put_u32_be(number)?;
    for position in 0..rest {
        out.put_u8(byte(number, position))?;
    }
    Ok(())
}

/// What `bytes` are to somebody who has sent message `number`, of `size` bytes.
pub fn check(bytes: &[u8], number: u32, size: usize) -> Echo {
    let Some((found, rest)) = bytes.split_first_chunk().map(|(found, rest)| (u32::from_be_bytes(*found), rest)) else {
        return Echo::Wrong;
    };
    let is_message = rest.iter().enumerate().all(|(position, found_byte)| *found_byte == byte(found, position));
    match bytes.len() {
        _ if !is_message || found > number || bytes.len() > size => Echo::Wrong,
        _ if found < number => Echo::Late,
        length if length < size => Echo::Cut,
        _ => Echo::Right,
    }
}

/// A byte that no neighbour and no message nearby has in the same place.
const fn byte(number: u32, position: usize) -> u8 {
    (number.wrapping_mul(31) as u8).wrapping_add((position as u8).wrapping_mul(7)).wrapping_add((position >> 8) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_back_is_told_apart() {
        let mut message = Buffer::<MAX>::new();
        write(7, 100, &mut message).unwrap();
        let bytes = message.readable();
        assert_eq!(check(bytes, 7, 100), Echo::Right);
        assert_eq!(check(&bytes[..99], 7, 100), Echo::Cut);
        assert_eq!(check(bytes, 8, 100), Echo::Late);
        assert_eq!(check(bytes, 6, 100), Echo::Wrong, "nobody has sent it");
        assert_eq!(check(bytes, 7, 99), Echo::Wrong, "longer than what was sent");
        for length in 0..MIN {
            assert_eq!(check(&bytes[..length], 7, 100), Echo::Wrong, "{length}");
        }
    }

    #[test]
    fn a_single_wrong_byte_is_found() {
        let mut message = Buffer::<MAX>::new();
        write(7, MAX, &mut message).unwrap();
        for position in MIN..MAX {
            let mut bytes = message;
            bytes.readable_mut()[position] ^= 1;
            assert_eq!(check(bytes.readable(), 7, MAX), Echo::Wrong, "{position}");
        }
    }

    #[test]
    fn messages_have_room_for_their_number() {
        let mut message = Buffer::<MAX>::new();
        assert_eq!(write(1, MIN, &mut message), Ok(()));
        assert_eq!(write(1, MIN - 1, &mut message), Err(Error::InvalidArgument));
        assert_eq!(write(1, MAX + 1, &mut message), Err(Error::BufferFull));
    }
}
