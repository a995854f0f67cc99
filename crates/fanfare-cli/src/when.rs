//! Points in time: as operators type them, as they are shown.

use std::time::Duration;

use fanfare_process::settings::Setting;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Reads RFC 3339, or how long before `now`: `45s`, `30m`, `2h`, `1d`.
pub(crate) fn parse(text: &str, now: OffsetDateTime) -> Result<OffsetDateTime, String> {
    if let Ok(at) = OffsetDateTime::parse(text, &Rfc3339) {
        return Ok(at);
    }
    let ago = <Duration as Setting>::parse(text).ok();
    let ago = ago.and_then(|ago| time::Duration::try_from(ago).ok());
    ago.and_then(|ago| now.checked_sub(ago)).ok_or_else(|| {
        format!("`{text}` is no time: expected one such as 2026-03-01T08:00:00Z, or 30m, 2h, 1d for how long ago")
    })
}

/// RFC 3339 in UTC, to the millisecond.
pub(crate) fn rfc3339(at: OffsetDateTime) -> String {
    let at = at.to_offset(time::UtcOffset::UTC).truncate_to_millisecond();
    // Years beyond 9999 cannot be written; they only come out of forged headers.
    at.format(&Rfc3339).unwrap_or_else(|_| at.unix_timestamp().to_string())
}

/// A header's milliseconds since the epoch; `None` when no calendar reaches that far.
pub(crate) fn from_epoch_ms(ms: u64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000).ok()
}

/// Milliseconds since the epoch; 0 before it.
pub(crate) fn epoch_ms(at: OffsetDateTime) -> u64 {
    u64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or(0)
}

/// `3 s`, `12 min`, `5 h`, `2 d`: one unit, whole, rounded down.
pub(crate) fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// How long ago `at` was; nothing when it lies ahead, as clocks differ.
pub(crate) fn age(at: OffsetDateTime, now: OffsetDateTime) -> Duration {
    (now - at).try_into().unwrap_or(Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_date_or_how_long_ago() {
        let now = OffsetDateTime::parse("2026-03-01T12:00:00Z", &Rfc3339).unwrap();
        let table = [
            ("2026-02-28T10:00:00+02:00", "2026-02-28T08:00:00Z"),
            ("45s", "2026-03-01T11:59:15Z"),
            ("30m", "2026-03-01T11:30:00Z"),
            ("2h", "2026-03-01T10:00:00Z"),
            ("1d", "2026-02-28T12:00:00Z"),
        ];
        for (text, expected) in table {
            assert_eq!(rfc3339(parse(text, now).unwrap()), expected, "{text}");
        }
        for text in ["", "yesterday", "2026-02-28", "-1h", "2h ago", "99999999999999d"] {
            assert!(parse(text, now).is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn times_are_written_in_utc_to_the_millisecond() {
        assert_eq!(rfc3339(from_epoch_ms(1_500).unwrap()), "1970-01-01T00:00:01.5Z");
        assert_eq!(from_epoch_ms(u64::MAX), None);
    }

    #[test]
    fn a_span_is_said_in_one_unit() {
        let table = [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (200_000, "2 d")];
        for (seconds, expected) in table {
            assert_eq!(span(Duration::from_secs(seconds)), expected);
        }
    }

    #[test]
    fn a_clock_ahead_makes_no_negative_age() {
        let now = OffsetDateTime::UNIX_EPOCH;
        assert_eq!(age(now + Duration::from_secs(5), now), Duration::ZERO);
        assert_eq!(age(now, now + Duration::from_secs(5)), Duration::from_secs(5));
    }
}
