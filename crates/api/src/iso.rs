//! Times as clients read them: ISO-8601 in UTC with milliseconds, `2026-11-24T05:51:56.123Z`.
//!
//! Written here, because a calendar crate's formatting feature would be a dependency for one function.

use tidepool_protocol::TimeMs;

/// The last millisecond that four digits of a year can say.
const END_MS: u64 = 253_402_300_799_999;

const DAY_S: u64 = 24 * 60 * 60;

/// `time` as `YYYY-MM-DDThh:mm:ss.mmmZ`; times after the year 9999 are held there.
#[must_use]
pub fn iso(time: TimeMs) -> String {
    let ms = time.0.min(END_MS);
    let seconds = ms / 1000;
    let (year, month, day) = civil(seconds / DAY_S);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", ms % 1000)
}

/// Year, month and day of a number of days since 1970-01-01 (H. Hinnant, "chrono-compatible low-level date algorithms").
const fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

/// Days since 1970-01-01 of a date (Hinnant, as above).
const fn days(year: u64, month: u64, day: u64) -> u64 {
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let era = shifted_year / 400;
    let year_of_era = shifted_year % 400;
    let shifted_month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Reads `YYYY-MM-DDThh:mm:ssZ`, with or without a fraction of the second; `None` for anything else, and for dates that are
/// none or before 1970.
#[must_use]
pub(crate) fn parse(text: &str) -> Option<TimeMs> {
    let (date, clock) = text.strip_suffix(['Z', 'z'])?.split_once(['T', 't', ' '])?;
    let number = |text: &str, length: usize| {
        (text.len() == length && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse::<u64>().ok()).flatten()
    };
    let [year, month, day] = split(date, '-')?;
    let [hour, minute, second] = split(clock, ':')?;
    let (second, fraction) = second.split_once('.').unwrap_or((second, "0"));
    let digits: String = fraction.chars().chain("000".chars()).take(3).collect();
    let (year, month, day) = (number(year, 4)?, number(month, 2)?, number(day, 2)?);
    let (hour, minute, second) = (number(hour, 2)?, number(minute, 2)?, number(second, 2)?);
    if year < 1970 || !(1..=12).contains(&month) || day == 0 || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days = days(year, month, day);
    if civil(days) != (year, month, day) || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(TimeMs((days * DAY_S + hour * 3600 + minute * 60 + second) * 1000 + digits.parse::<u64>().ok()?))
}

/// Exactly three parts.
fn split(text: &str, at: char) -> Option<[&str; 3]> {
    let mut parts = text.split(at);
    let found = [parts.next()?, parts.next()?, parts.next()?];
    parts.next().is_none().then_some(found)
}

/// Now, by the system's clock.
pub(crate) fn now() -> TimeMs {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    TimeMs(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(ms: u64, expected: &str) {
        assert_eq!(iso(TimeMs(ms)), expected);
    }

    #[test]
    fn what_was_written_is_read_and_nothing_else() {
        for ms in [0, 951_782_399_999, 951_782_400_000, 1_709_251_200_001, 1_795_499_516_123, 4_107_542_400_000, END_MS]
        {
            assert_eq!(parse(&iso(TimeMs(ms))), Some(TimeMs(ms)));
        }
        for day in 0..40_000 {
            let ms = day * DAY_S * 1000 + 3_661_001;
            assert_eq!(parse(&iso(TimeMs(ms))), Some(TimeMs(ms)));
        }
        assert_eq!(parse("2026-11-24T05:51:56Z"), Some(TimeMs(1_795_499_516_000)));
        assert_eq!(parse("2026-11-24 05:51:56.5Z"), Some(TimeMs(1_795_499_516_500)));
        for wrong in [
            "",
            "Z",
            "2026-11-24",
            "2026-11-24T05:51:56",
            "2026-13-24T05:51:56Z",
            "2026-02-29T05:51:56Z",
            "1969-12-31T23:59:59Z",
            "2026-11-24T24:00:00Z",
            "2026-11-24T05:51:56.Zx",
            "26-11-24T05:51:56Z",
            "2026-11-24T05:51:56.1x2Z",
            "२०२६-11-24T05:51:56Z",
            "2026-11-24T05:51:56-1Z",
            "+026-11-24T05:51:56Z",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn times_are_written_as_clients_read_them() {
        check(0, "1970-01-01T00:00:00.000Z");
        check(951_782_399_999, "2000-02-28T23:59:59.999Z");
        check(951_782_400_000, "2000-02-29T00:00:00.000Z");
        check(1_709_251_200_001, "2024-03-01T00:00:00.001Z");
        check(1_795_499_516_123, "2026-11-24T05:51:56.123Z");
        check(4_107_542_400_000, "2100-03-01T00:00:00.000Z");
        check(u64::MAX, "9999-12-31T23:59:59.999Z");
    }
}
