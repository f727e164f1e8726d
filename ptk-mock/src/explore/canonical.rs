//! Hashes of states that will do the same, though they came about in different ways.
//!
//! Three things tell such states apart, and are taken out: how late it is (instants count from the first one that the
//! node holds, and how far that is from now is told beside the hash); how often slots were given away (generations are
//! numbered in the order in which they appear); and how many deadlines were armed before (of equal deadlines only their
//! order among each other counts).

use std::hash::{Hash, Hasher};

use ptk_core::{Handle, Instant};
use xxhash_rust::xxh3::xxh3_128;

/// Bits of a handle that name its slot.
const SLOT: u64 = 0xf00f_ffff_0000_0000;

/// A hash, and the instant from which those inside count; `None` if there is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Print {
    pub(crate) hash: u128,
    pub(crate) base: Option<Instant>,
}

/// Gathers what is hashed, and hashes it at once: XXH3 is slow with short pieces.
#[derive(Default)]
pub(crate) struct Canonical {
    bytes: Vec<u8>,
    base: Option<u64>,
    /// The instant that came last.
    last: u64,
    /// Deadlines: when, the place in the order, and where that is written.
    orders: Vec<(u64, u32, usize)>,
    /// Slots and the generations under which they appeared.
    generations: Vec<(u64, u32)>,
}

impl Canonical {
    /// The hash of what `tell` tells.
    pub(crate) fn print(&mut self, tell: impl FnOnce(&mut Canonical)) -> Print {
        self.bytes.clear();
        self.orders.clear();
        self.generations.clear();
        self.base = None;
        tell(self);
        self.number_deadlines();
        Print { hash: xxh3_128(&self.bytes), base: self.base.map(Instant::from_nanos) }
    }

    /// The hash of a value in which there are no instants.
    pub(crate) fn hash_of(&mut self, value: &impl Hash) -> u128 {
        self.print(|hasher| value.hash(hasher)).hash
    }

    /// Writes for each deadline how many equal ones were armed before it.
    fn number_deadlines(&mut self) {
        for (place, &(at, order, written)) in self.orders.iter().enumerate() {
            let is_before = |&(index, other): &(usize, &(u64, u32, usize))| {
                let is_first = self.orders.iter().take(index).all(|seen| (seen.0, seen.1) != (other.0, other.1));
                index != place && other.0 == at && is_first && (other.1.wrapping_sub(order) as i32) < 0
            };
            let rank = self.orders.iter().enumerate().filter(is_before).count();
            if let Some(byte) = self.bytes.get_mut(written) {
                *byte = rank as u8;
            }
        }
    }

    fn handle(&mut self, raw: u64) {
        let (slot, generation) = (raw & SLOT, raw as u32);
        let earlier = self.generations.iter().filter(|(other, _)| *other == slot);
        let rank = match earlier.clone().position(|(_, other)| *other == generation) {
            Some(rank) => rank,
            None => {
                let rank = earlier.count();
                self.generations.push((slot, generation));
                rank
            }
        };
        self.write_u64(slot | rank as u64);
    }
}

impl Hasher for Canonical {
    fn finish(&self) -> u64 {
        xxh3_128(&self.bytes) as u64
    }

    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    #[inline]
    fn write_u8(&mut self, number: u8) {
        self.bytes.push(number);
    }

    #[inline]
    fn write_u16(&mut self, number: u16) {
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    #[inline]
    fn write_u32(&mut self, number: u32) {
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    #[inline]
    fn write_u64(&mut self, number: u64) {
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    #[inline]
    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    /// Handles, and the places of deadlines in their order: see [`ptk_core::Handle`]'s hash.
    fn write_u128(&mut self, number: u128) {
        match u64::try_from(number) {
            Ok(raw) if Handle::from_raw(raw).is_some() => self.handle(raw),
            _ => {
                if number >> 64 == 1 {
                    self.orders.push((self.last, number as u32, self.bytes.len()));
                    self.bytes.push(0);
                } else {
                    self.bytes.extend_from_slice(&number.to_le_bytes());
                }
            }
        }
    }

    /// Instants. The origin and the end of time are no points in it, but mean "not yet" and "never".
    fn write_i128(&mut self, number: i128) {
        self.last = number as u64;
        if self.last == 0 || self.last == u64::MAX {
            return self.write_u8(self.last as u8);
        }
        let base = *self.base.get_or_insert(self.last);
        self.write_u8(1);
        self.write_u64(self.last.wrapping_sub(base));
    }
}

#[cfg(test)]
mod tests {
    use ptk_core::Instant;

    use super::{Canonical, Hash, Hasher};

    fn at(nanos: u64) -> Instant {
        Instant::from_nanos(nanos)
    }

    fn order(hasher: &mut Canonical, at: u64, order: u32) {
        Instant::from_nanos(at).hash(hasher);
        hasher.write_u128(1 << 64 | u128::from(order));
    }

    #[test]
    fn instants_count_from_each_other_and_never_from_the_origin() {
        let print = |a: u64, b: u64| Canonical::default().print(|hasher| (at(a), at(b)).hash(hasher));
        assert_eq!((print(5, 9).hash, print(5, 9).base), (print(105, 109).hash, Some(at(5))));
        assert_ne!(print(5, 9).hash, print(5, 10).hash);
        assert_ne!(print(5, 0).hash, print(6, 1).hash);
        assert_ne!(print(5, u64::MAX).hash, print(5, 4).hash);
        assert_eq!(print(0, u64::MAX).base, None);
    }

    #[test]
    fn of_equal_deadlines_it_counts_which_was_first_and_of_others_nothing() {
        let print = |first: (u64, u32), second: (u64, u32)| {
            let tell = |hasher: &mut Canonical| {
                order(hasher, first.0, first.1);
                order(hasher, second.0, second.1);
            };
            Canonical::default().print(tell).hash
        };
        assert_eq!(print((5, 1), (5, 2)), print((5, 7), (5, 9)));
        assert_ne!(print((5, 1), (5, 2)), print((5, 2), (5, 1)));
        assert_eq!(print((5, 1), (6, 2)), print((5, 2), (6, 1)));
        assert_eq!(print((5, u32::MAX), (5, 0)), print((5, 1), (5, 2)), "places count modulo 2^32");
        assert_ne!(print((5, 1), (5, 1)), print((5, 1), (5, 2)));
    }

    #[test]
    fn generations_are_numbered_as_they_appear() {
        let handle = |index: u64, generation: u64| 1_u128 << 60 | u128::from(index << 32 | generation);
        let print = |handles: [u128; 3]| {
            Canonical::default().print(|hasher| handles.into_iter().for_each(|handle| hasher.write_u128(handle))).hash
        };
        let one = print([handle(3, 7), handle(3, 7), handle(3, 8)]);
        assert_eq!(one, print([handle(3, 1), handle(3, 1), handle(3, 0)]));
        assert_ne!(one, print([handle(3, 7), handle(3, 8), handle(3, 8)]));
        assert_ne!(one, print([handle(4, 7), handle(4, 7), handle(4, 8)]));
    }
}
