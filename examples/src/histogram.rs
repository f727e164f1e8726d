//! A histogram of latencies in fixed memory.

use ptk_core::Duration;

/// Buckets to each doubling: the error of a percentile is below one part in sixteen.
const STEPS: usize = 16;

/// Doublings above the first `STEPS` nanoseconds, which have a bucket each: up to 18 minutes.
const DOUBLINGS: usize = 36;

const BUCKETS: usize = STEPS * (1 + DOUBLINGS);

/// How often each latency occurred, with buckets that grow with the latency.
#[derive(Clone, Hash, Debug)]
pub struct Histogram {
    counts: [u32; BUCKETS],
    total: u64,
    max: Duration,
}

impl Histogram {
    /// An empty histogram.
    pub const fn new() -> Self {
        Histogram { counts: [0; BUCKETS], total: 0, max: Duration::ZERO }
    }

    /// Counts one latency. Those beyond the last bucket are counted in it.
    pub fn record(&mut self, latency: Duration) {
        let count = &mut self.counts[bucket(latency.as_nanos()).min(BUCKETS - 1)];
        *count = count.saturating_add(1);
        self.total += 1;
        self.max = self.max.max(latency);
    }

    /// How many were counted.
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// The largest one.
    pub const fn max(&self) -> Duration {
        self.max
    }

    /// The latency that `percent` of a hundred did not exceed, rounded up to the end of its bucket; zero if there is none.
    pub fn percentile(&self, percent: u8) -> Duration {
        let rank = (self.total * u64::from(percent)).div_ceil(100).max(1);
        let mut seen = 0;
        for (bucket, &count) in self.counts.iter().enumerate() {
            seen += u64::from(count);
            if seen >= rank {
                return Duration::from_nanos(upper(bucket)).min(self.max);
            }
        }
        self.max
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

/// The bucket of a latency: the number of its highest bit and the four bits below that.
const fn bucket(nanos: u64) -> usize {
    if nanos < STEPS as u64 {
        return nanos as usize;
    }
    let doubling = nanos.ilog2() - STEPS.ilog2();
    (nanos >> doubling) as usize + doubling as usize * STEPS
}

/// The largest latency of a bucket.
const fn upper(bucket: usize) -> u64 {
    if bucket < STEPS {
        return bucket as u64;
    }
    let doubling = bucket / STEPS - 1;
    let first = (STEPS + bucket % STEPS) as u64;
    ((first + 1) << doubling) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bucket_ends_where_the_next_begins() {
        for index in 0..BUCKETS - 1 {
            assert_eq!(bucket(upper(index)), index);
            assert_eq!(bucket(upper(index) + 1), index + 1);
        }
    }

    #[test]
    fn percentiles_are_close_above() {
        let mut histogram = Histogram::new();
        assert_eq!(histogram.percentile(50), Duration::ZERO);
        for micros in 1..=1000 {
            histogram.record(Duration::from_micros(micros));
        }
        for percent in [1, 50, 90, 99] {
            let exact = u64::from(percent) * 10;
            let found = histogram.percentile(percent).as_micros();
            assert!((exact..=exact + exact / 16).contains(&found), "p{percent}: {found}");
        }
        assert_eq!(histogram.percentile(100), Duration::from_micros(1000));
        assert_eq!((histogram.total(), histogram.max()), (1000, Duration::from_micros(1000)));
    }

    #[test]
    fn the_longest_latency_has_a_bucket() {
        let mut histogram = Histogram::new();
        histogram.record(Duration::MAX);
        assert_eq!(histogram.max(), Duration::MAX);
        assert!(histogram.percentile(50) > Duration::from_secs(1000));
    }
}
