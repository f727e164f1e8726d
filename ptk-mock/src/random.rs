//! Numbers that look random and repeat with their seed.

/// The generator SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014): a counter,
/// whose bits are mixed. Good enough for simulations, and no secret: never for keys.
#[derive(Clone, Copy, Hash, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// The numbers of `seed`.
    pub(crate) const fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// Other numbers of the same seed: what is drawn there does not change what is drawn here.
    pub(crate) const fn fork(self, label: u64) -> Random {
        Random(mix(self.0 ^ mix(label)))
    }

    /// The next number.
    pub(crate) fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// Fills `out` with the bytes of the next numbers, lowest first. What is left of the last number is thrown away.
    pub(crate) fn fill(&mut self, out: &mut [u8]) {
        for part in out.chunks_mut(8) {
            for (place, byte) in part.iter_mut().zip(self.draw().to_le_bytes()) {
                *place = byte;
            }
        }
    }
}

/// Spreads each bit of `bits` over all: SplitMix64's last step, which gives different numbers for different bits.
pub(crate) const fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn the_numbers_are_those_of_splitmix64() {
        let mut random = Random::new(0);
        let numbers = [random.draw(), random.draw(), random.draw()];
        assert_eq!(numbers, [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f]);
    }

    #[test]
    fn a_fork_goes_its_own_way_and_leaves_its_origin_alone() {
        let mut random = Random::new(7);
        let (mut fork, mut other) = (random.fork(1), random.fork(2));
        let mut untouched = Random::new(7);
        assert_ne!(fork.draw(), other.draw());
        assert_eq!(random.draw(), untouched.draw());
    }
}
