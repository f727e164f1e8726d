//! The way from one host to another: how long packets take, and what becomes of datagrams.

use ptk_core::Duration;

use crate::random::mix;

/// What a link does to packets, in both directions. Rates are in parts per million of the datagrams; those of
/// [`Faults`](crate::Faults) come on top.
///
/// Connections lose nothing: what their segments suffer shows as delay.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Link {
    pub(crate) latency: Latency,
    /// A part of the latency that is drawn for each pair of nodes and stays: up to this.
    pub(crate) permanent: Duration,
    /// Bits in a second; 0 is no limit.
    pub(crate) bandwidth: u64,
    pub(crate) loss: u32,
    pub(crate) duplicate: u32,
    pub(crate) reorder: u32,
    pub(crate) corrupt: u32,
    pub(crate) truncate: u32,
}

/// How long a packet takes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Latency {
    /// Always as long.
    Fixed(Duration),
    /// Anything between, equally likely.
    Uniform(Duration, Duration),
    /// At least this, and behind it an exponential tail with this mean, cut off at seven times the mean.
    Exponential(Duration, Duration),
    /// Mostly the first; in so many of a million the second.
    TwoPeaks(Duration, Duration, u32),
}

/// In how many steps a latency is drawn.
pub(crate) const LATENCY_STEPS: u32 = 1_000;

impl Latency {
    /// The shortest.
    pub(crate) const fn least(self) -> Duration {
        match self {
            Latency::Fixed(least)
            | Latency::Uniform(least, _)
            | Latency::Exponential(least, _)
            | Latency::TwoPeaks(least, ..) => least,
        }
    }

    /// The latency at step `k` of [`LATENCY_STEPS`]; 0 is the shortest.
    pub(crate) fn at(self, k: u32) -> Duration {
        let share = u64::from(k.min(LATENCY_STEPS));
        match self {
            Latency::Fixed(latency) => latency,
            Latency::Uniform(least, most) => least + scaled(most - least, share),
            Latency::Exponential(least, mean) => least + scaled(mean, exponential(share)),
            Latency::TwoPeaks(fast, slow, ppm) => {
                let is_slow = share * 1_000 > 1_000_000_u64.saturating_sub(u64::from(ppm));
                if is_slow { slow } else { fast }
            }
        }
    }

    /// Whether there is anything to draw.
    pub(crate) const fn varies(self) -> bool {
        !matches!(self, Latency::Fixed(_))
    }
}

/// `duration` times `share` thousandths.
fn scaled(duration: Duration, share: u64) -> Duration {
    Duration::from_nanos((u128::from(duration.as_nanos()) * u128::from(share) / u128::from(LATENCY_STEPS)) as u64)
}

/// -ln(1 - share / 1000), in thousandths. In whole numbers, so that all machines agree: halvings, and between them lines.
fn exponential(share: u64) -> u64 {
    const LN_2: u64 = 693;
    let mut rest = u64::from(LATENCY_STEPS) - share.min(u64::from(LATENCY_STEPS) - 1);
    let mut halvings = 0;
    while rest * 2 <= u64::from(LATENCY_STEPS) {
        rest *= 2;
        halvings += 1;
    }
    let between = u64::from(LATENCY_STEPS) - rest;
    (halvings * LN_2 + between * LN_2 * 2 / u64::from(LATENCY_STEPS)).min(7_000)
}

impl Link {
    /// A link on which packets take this long, always, and that does nothing else to them.
    #[must_use]
    pub const fn fixed(latency: Duration) -> Link {
        Link::of(Latency::Fixed(latency))
    }

    /// A link on which packets take as long as `latency` says, and that does nothing else to them.
    #[must_use]
    pub const fn of(latency: Latency) -> Link {
        Link {
            latency,
            permanent: Duration::ZERO,
            bandwidth: 0,
            loss: 0,
            duplicate: 0,
            reorder: 0,
            corrupt: 0,
            truncate: 0,
        }
    }

    /// A local network: 100 to 300 microseconds.
    #[must_use]
    pub const fn lan() -> Link {
        Link::of(Latency::Uniform(Duration::from_micros(100), Duration::from_micros(300)))
    }

    /// The way through the internet: 20 milliseconds and an exponential tail, 0.1 % of the datagrams lost.
    #[must_use]
    pub const fn wan() -> Link {
        Link::of(Latency::Exponential(Duration::from_millis(20), Duration::from_millis(5))).loss_ppm(1_000)
    }

    /// With a part of the latency that is drawn for each pair of nodes and stays: up to `most`.
    #[must_use]
    pub const fn permanent(self, most: Duration) -> Link {
        Link { permanent: most, ..self }
    }

    /// With a limit of so many bits in a second, in each direction; 0 is no limit.
    #[must_use]
    pub const fn bandwidth(self, bits_per_second: u64) -> Link {
        Link { bandwidth: bits_per_second, ..self }
    }

    /// With so many of a million datagrams lost.
    #[must_use]
    pub const fn loss_ppm(self, ppm: u32) -> Link {
        Link { loss: ppm, ..self }
    }

    /// With so many of a million datagrams doubled.
    #[must_use]
    pub const fn duplicate_ppm(self, ppm: u32) -> Link {
        Link { duplicate: ppm, ..self }
    }

    /// With so many of a million datagrams so late that others overtake them.
    #[must_use]
    pub const fn reorder_ppm(self, ppm: u32) -> Link {
        Link { reorder: ppm, ..self }
    }

    /// With one bit turned over in so many of a million datagrams.
    #[must_use]
    pub const fn corrupt_ppm(self, ppm: u32) -> Link {
        Link { corrupt: ppm, ..self }
    }

    /// With the end of so many of a million datagrams cut off.
    #[must_use]
    pub const fn truncate_ppm(self, ppm: u32) -> Link {
        Link { truncate: ppm, ..self }
    }

    /// The same link without anything that is lost, doubled, late or spoilt.
    pub(crate) const fn healed(self) -> Link {
        Link { loss: 0, duplicate: 0, reorder: 0, corrupt: 0, truncate: 0, ..self }
    }

    /// The permanent part of the latency between two nodes.
    pub(crate) fn permanent_part(&self, seed: u64, from: u16, to: u16) -> Duration {
        let pair = u64::from(from.min(to)) << 16 | u64::from(from.max(to));
        scaled(self.permanent, mix(seed ^ mix(pair ^ 0x11_4c)) % u64::from(LATENCY_STEPS + 1))
    }

    /// How long `bytes` occupy the link.
    pub(crate) fn occupied(&self, bytes: usize) -> Duration {
        match self.bandwidth {
            0 => Duration::ZERO,
            bandwidth => {
                let nanos = bytes as u128 * 8 * 1_000_000_000 / u128::from(bandwidth);
                Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
            }
        }
    }
}

impl Default for Link {
    /// [`Link::lan`].
    fn default() -> Link {
        Link::lan()
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, LATENCY_STEPS, Latency, Link, exponential};

    #[test]
    fn an_exponential_tail_has_its_mean_and_its_median() {
        let sum: u64 = (0..u64::from(LATENCY_STEPS)).map(exponential).sum();
        let mean = sum / u64::from(LATENCY_STEPS);
        assert!((950..1_060).contains(&mean), "{mean}");
        assert_eq!((exponential(0), exponential(500)), (0, 693));
        assert!((0..1_000).map(exponential).is_sorted());
    }

    #[test]
    fn the_first_step_is_the_shortest_and_the_last_the_longest() {
        let (short, long) = (Duration::from_millis(1), Duration::from_millis(9));
        for latency in [Latency::Uniform(short, long), Latency::TwoPeaks(short, long, 10_000)] {
            assert_eq!((latency.at(0), latency.at(LATENCY_STEPS)), (short, long));
            assert_eq!(latency.least(), short);
        }
        assert_eq!(Latency::Exponential(short, long).at(0), short);
    }

    #[test]
    fn a_narrow_link_is_occupied_as_long_as_its_bits_take() {
        assert_eq!(Link::lan().bandwidth(8_000).occupied(1_000), Duration::from_secs(1));
        assert_eq!(Link::lan().occupied(1_000), Duration::ZERO);
    }
}
