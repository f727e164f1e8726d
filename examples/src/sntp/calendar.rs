//! Times as people write them.

use core::fmt;

use super::timestamp::UnixTime;

const SECONDS_A_DAY: i64 = 86_400;

/// Days from 1 March of the year 0 to 1 January 1970, in the Gregorian calendar.
const DAYS_TO_1970: i64 = 719_468;

/// Days in 400 years.
const DAYS_AN_ERA: i64 = 146_097;

/// Shown as `2026-11-22 20:27:46.123456 UTC`.
impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, nanos) = (self.as_nanos().div_euclid(1_000_000_000), self.as_nanos().rem_euclid(1_000_000_000));
        let (days, second) = (seconds.div_euclid(SECONDS_A_DAY), seconds.rem_euclid(SECONDS_A_DAY));
        let (year, month, day) = date(days);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{:06} UTC", nanos / 1000)
    }
}

/// The year, month and day, so many days after 1 January 1970. Years are taken to begin in March, so that a leap day is
/// their last.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + DAYS_TO_1970;
    let (era, day_of_era) = (days.div_euclid(DAYS_AN_ERA), days.rem_euclid(DAYS_AN_ERA));
    // Less the leap days up to then: every 4 years of 1461 days, but not every 100 years of 36524.
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / (DAYS_AN_ERA - 1)) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // March to January have 153 days in each five months.
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn times_are_shown_in_utc() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00"),
            (-1, "1969-12-31 23:59:59"),
            (951_782_400, "2000-02-29 00:00:00"),
            (1_709_251_199, "2024-02-29 23:59:59"),
            (1_767_225_599, "2025-12-31 23:59:59"),
            (2_085_978_496, "2036-02-07 06:28:16"),
            (4_107_542_400, "2100-03-01 00:00:00"),
        ] {
            let time = UnixTime::from_nanos(seconds * 1_000_000_000 + 123_456_789);
            assert_eq!(time.to_string(), std::format!("{text}.123456 UTC"));
        }
    }

    /// Day after day, in the plainest way.
    #[test]
    fn no_day_is_left_out() {
        let (mut year, mut month, mut day) = (1968, 1, 1);
        for days in -731..60_000 {
            assert_eq!(date(days), (year, month, day), "{days}");
            let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let last = [31, if is_leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month as usize - 1];
            (day, month) = if day < last { (day + 1, month) } else { (1, month + 1) };
            (month, year) = if month <= 12 { (month, year) } else { (1, year + 1) };
        }
    }
}
