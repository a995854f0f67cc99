//! `Retry-After`: seconds, or one of three forms of date (RFC 9110 §10.2.3).

use std::time::{Duration, SystemTime};

/// What a `Retry-After` header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAfter {
    /// Wait this long from now; zero when the moment has passed.
    In(Duration),
    /// Nothing that the standard knows; to be ignored.
    Malformed,
}

/// Reads a `Retry-After`, measuring a date against the answer's own `Date`.
///
/// The difference of two clocks does not matter then. Without a `Date`, or with
/// one that does not parse, our own clock is all there is.
pub fn parse_retry_after(value: &str, date: Option<&str>) -> RetryAfter {
    let now = date.and_then(|date| httpdate::parse_http_date(date.trim()).ok());
    parse_at(value.trim(), now.unwrap_or_else(SystemTime::now))
}

fn parse_at(value: &str, now: SystemTime) -> RetryAfter {
    if let Some(wait) = seconds(value) {
        return RetryAfter::In(wait);
    }
    match httpdate::parse_http_date(value) {
        Ok(moment) => RetryAfter::In(moment.duration_since(now).unwrap_or_default()),
        Err(_) => RetryAfter::Malformed,
    }
}

/// Whole seconds are the standard; fractions and negative numbers are seen in the wild.
pub(super) fn seconds(value: &str) -> Option<Duration> {
    let unsigned = value.strip_prefix('-').unwrap_or(value);
    let is_decimal = unsigned.starts_with(|c: char| c.is_ascii_digit())
        && unsigned.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if !is_decimal {
        return None;
    }
    let number: f64 = value.parse().ok()?;
    Some(Duration::try_from_secs_f64(number.max(0.0)).unwrap_or(Duration::MAX))
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    /// Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110.
    const RFC_EXAMPLE: Duration = Duration::from_secs(784_111_777);

    fn read(value: &str) -> RetryAfter {
        parse_at(value, UNIX_EPOCH + RFC_EXAMPLE - Duration::from_secs(30))
    }

    #[test]
    fn every_form_of_the_standard_and_of_the_wild_is_read() {
        let thirty = RetryAfter::In(Duration::from_secs(30));
        for value in [
            "30",
            "30.0",
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(read(value), thirty, "{value}");
        }
        assert_eq!(read("1.5"), RetryAfter::In(Duration::from_millis(1500)));
    }

    #[test]
    fn what_has_passed_means_now_and_garbage_means_nothing() {
        for now in ["0", "-5", "-0.5", "Sun, 06 Nov 1994 08:00:00 GMT"] {
            assert_eq!(read(now), RetryAfter::In(Duration::ZERO), "{now}");
        }
        for garbage in ["", "soon", "30s", "1e3", "inf", "NaN", "1.2.3", "+5", "06/11/1994"] {
            assert_eq!(read(garbage), RetryAfter::Malformed, "{garbage:?}");
        }
        assert_eq!(read(&"9".repeat(400)), RetryAfter::In(Duration::MAX));
    }

    #[test]
    fn a_date_is_measured_by_the_answers_own_clock() {
        let read = parse_retry_after(
            "Sun, 06 Nov 1994 08:49:37 GMT",
            Some("Sun, 06 Nov 1994 08:49:27 GMT"),
        );
        assert_eq!(read, RetryAfter::In(Duration::from_secs(10)));
        let without = parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", Some("nonsense"));
        assert_eq!(without, RetryAfter::In(Duration::ZERO));
    }
}
