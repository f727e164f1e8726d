//! Timestamps of NTP: seconds since 1900 in 32 bits and a fraction in 32 more.

use ptk_core::Duration;

/// From NTP's first second, in 1900, to Unix's, in 1970.
const UNIX_EPOCH: u64 = 2_208_988_800;

/// Nanoseconds in a second.
const SECOND: i64 = 1_000_000_000;

/// A timestamp as it is sent. The seconds begin anew on 7 February 2036.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// What stands for "not known".
    pub const UNKNOWN: Timestamp = Timestamp(0);

    /// The time. Seconds with the highest bit count from 1900, others from 2036 (section 3): so the times from
    /// 20 January 1968 to 26 February 2104 can be told, without a clock that is about right.
    pub const fn unix_time(self) -> UnixTime {
        let seconds = self.0 >> 32;
        let era = if seconds < 1 << 31 { 1 << 32 } else { 0 };
        let nanos = ((self.0 & 0xFFFF_FFFF) * SECOND as u64) >> 32;
        UnixTime((seconds + era).wrapping_sub(UNIX_EPOCH) as i64 * SECOND + nanos as i64)
    }
}

/// A time in UTC: nanoseconds since 1970 without leap seconds; negative before. Saturates in the years 1677 and 2262.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct UnixTime(i64);

impl UnixTime {
    /// So many nanoseconds after the beginning of 1970, or before it.
    pub const fn from_nanos(nanos: i64) -> Self {
        UnixTime(nanos)
    }

    /// Nanoseconds after the beginning of 1970.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// The time `duration` later.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        UnixTime(self.0.saturating_add_unsigned(duration.as_nanos()))
    }

    /// The time `duration` earlier.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        UnixTime(self.0.saturating_sub_unsigned(duration.as_nanos()))
    }

    /// How many nanoseconds this lies after `other`; negative if it lies before.
    pub const fn nanos_since(self, other: UnixTime) -> i64 {
        self.0.saturating_sub(other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(timestamp: u64) -> i64 {
        Timestamp(timestamp << 32).unix_time().as_nanos() / SECOND
    }

    #[test]
    fn the_epochs_are_where_they_belong() {
        assert_eq!(seconds(UNIX_EPOCH), 0);
        assert_eq!(seconds(3_913_056_000), 1_704_067_200, "1 January 2024");
        // RFC 5905, figure 4.
        assert_eq!(seconds(3_873_830_400), 1_664_841_600, "4 October 2022");
    }

    #[test]
    fn the_seconds_begin_anew_in_2036() {
        let last = 0xFFFF_FFFF;
        assert_eq!(seconds(last), 2_085_978_495, "7 February 2036, 06:28:15");
        assert_eq!(seconds(0), seconds(last) + 1);
        assert_eq!(seconds(0x7FFF_FFFF), seconds(last) + (1 << 31), "26 February 2104");
        assert!(seconds(0x8000_0000) < 0, "20 January 1968");
    }

    #[test]
    fn fractions_are_nanoseconds() {
        let half = Timestamp(UNIX_EPOCH << 32 | 0x8000_0000).unix_time();
        assert_eq!(half.as_nanos(), SECOND / 2);
        assert_eq!(Timestamp(UNIX_EPOCH << 32 | 0xFFFF_FFFF).unix_time().as_nanos(), SECOND - 1);
    }

    #[test]
    fn no_timestamp_overflows() {
        for timestamp in [0, 1, u64::MAX, 1 << 63, (1 << 63) - 1] {
            let time = Timestamp(timestamp).unix_time();
            let _ = time.after(Duration::from_nanos(u64::MAX)).before(Duration::from_nanos(u64::MAX));
            let _ = UnixTime(i64::MIN).nanos_since(time);
        }
    }
}
