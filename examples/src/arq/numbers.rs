//! How the receiver tells numbers apart, which begin again after the largest.

/// So many numbers that have so many bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Numbers {
    mask: u32,
}

impl Numbers {
    /// Numbers of 1 to 32 bits.
    pub(super) const fn with_bits(bits: u32) -> Self {
        Numbers { mask: u32::MAX >> (32 - bits) }
    }

    /// How many numbers `to` lies behind `from`, at the least.
    pub(super) const fn distance(self, from: u32, to: u32) -> u32 {
        to.wrapping_sub(from) & self.mask
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_pass_over_the_largest_number() {
        let short = Numbers::with_bits(3);
        assert_eq!((short.distance(6, 1), short.distance(1, 6)), (3, 5));
        let long = Numbers::with_bits(32);
        assert_eq!((long.distance(u32::MAX, 1), long.distance(1, u32::MAX)), (2, u32::MAX - 1));
    }
}
