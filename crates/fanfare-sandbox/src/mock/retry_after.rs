//! `Retry-After` in every form a server may send, and in some that it may not.

use std::time::{Duration, SystemTime};

use super::http_date::DateForm;

/// A value for the header, still to be made from the answer's own time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum RetryAfter {
    /// Sent as it is: `3`, `1.5`, `-1`, or garbage.
    Verbatim(String),
    /// A date, this many seconds from now.
    Date { form: DateForm, seconds: i64 },
}

impl RetryAfter {
    /// Reads `imf:+3s`, `rfc850:+3s`, `asctime:-3s`; anything else stands for itself.
    ///
    /// `None` for a date form with an offset that cannot be read, and for what no header holds.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (form, offset) = match text.split_once(':') {
            Some(("imf", offset)) => (DateForm::Imf, offset),
            Some(("rfc850", offset)) => (DateForm::Rfc850, offset),
            Some(("asctime", offset)) => (DateForm::Asctime, offset),
            _ => {
                let fits = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
                return fits.then(|| Self::Verbatim(text.to_owned()));
            }
        };
        let seconds = offset.strip_suffix('s')?.parse().ok()?;
        Some(Self::Date { form, seconds })
    }

    /// How long it asks to wait, where it is valid; what has passed already asks for nothing.
    pub(crate) fn wait(&self) -> Option<Duration> {
        match self {
            Self::Verbatim(text) => Duration::try_from_secs_f64(text.trim().parse().ok()?).ok(),
            Self::Date { seconds, .. } => u64::try_from(*seconds).ok().map(Duration::from_secs),
        }
    }

    /// The header's value in an answer whose `Date` is `now`.
    pub(crate) fn write(&self, now: SystemTime) -> String {
        match self {
            Self::Verbatim(text) => text.clone(),
            Self::Date { form, seconds } => form.write(shifted(now, *seconds)),
        }
    }
}

/// `at`, moved by `seconds`; what no clock can show stays where it is.
pub(crate) fn shifted(at: SystemTime, seconds: i64) -> SystemTime {
    let by = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 { at.checked_sub(by) } else { at.checked_add(by) }.unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_form_is_relative_to_the_answers_own_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_774);
        let written = |text| RetryAfter::parse(text).unwrap().write(now);
        assert_eq!(written("imf:+3s"), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(written("rfc850:+3s"), "Sunday, 06-Nov-94 08:49:37 GMT");
        assert_eq!(written("asctime:-4s"), "Sun Nov  6 08:49:30 1994");
    }

    #[test]
    fn what_is_valid_and_not_over_asks_to_wait() {
        let wait = |text| RetryAfter::parse(text).unwrap().wait();
        assert_eq!(wait("3"), Some(Duration::from_secs(3)));
        assert_eq!(wait("1.5"), Some(Duration::from_millis(1500)));
        assert_eq!(wait("asctime:+4s"), Some(Duration::from_secs(4)));
        for nothing in ["-1", "soon", "imf:-4s", "inf"] {
            assert_eq!(wait(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn anything_else_stands_for_itself() {
        for text in ["3", "1.5", "-1", "soon"] {
            let now = SystemTime::UNIX_EPOCH;
            assert_eq!(RetryAfter::parse(text).unwrap().write(now), text);
        }
        assert_eq!(RetryAfter::parse("imf:soon"), None);
        assert_eq!(RetryAfter::parse("3\r\nX-Evil: 1"), None);
    }
}
