//! The three date forms of HTTP (RFC 9110 §5.6.7), written.

use std::time::SystemTime;

use time::OffsetDateTime;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// How a date is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DateForm {
    /// `Sun, 06 Nov 1994 08:49:37 GMT`, the only form a server should send today.
    Imf,
    /// `Sunday, 06-Nov-94 08:49:37 GMT`
    Rfc850,
    /// `Sun Nov  6 08:49:37 1994`
    Asctime,
}

impl DateForm {
    /// Writes `at`, cut to whole seconds.
    pub(crate) fn write(self, at: SystemTime) -> String {
        let at = OffsetDateTime::from(at);
        let (hour, minute, second) = at.to_hms();
        let (day, year) = (at.day(), at.year());
        let month = MONTHS[usize::from(u8::from(at.month())) - 1];
        let weekday = at.weekday().to_string();
        let short = &weekday[..3];
        match self {
            Self::Imf => {
                format!("{short}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
            }
            Self::Rfc850 => {
                let year = year % 100;
                format!(
                    "{weekday}, {day:02}-{month}-{year:02} {hour:02}:{minute:02}:{second:02} GMT"
                )
            }
            Self::Asctime => {
                format!("{short} {month} {day:2} {hour:02}:{minute:02}:{second:02} {year:04}")
            }
        }
    }
}

/// RFC 3339 in UTC with milliseconds, as both vendors write times in bodies.
pub(crate) fn rfc3339_ms(at: SystemTime) -> String {
    let at = OffsetDateTime::from(at);
    let (hour, minute, second, ms) = at.to_hms_milli();
    let (year, month, day) = (at.year(), u8::from(at.month()), at.day());
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_rfcs_own_example_comes_out_in_all_three_forms() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert_eq!(DateForm::Imf.write(at), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(DateForm::Rfc850.write(at), "Sunday, 06-Nov-94 08:49:37 GMT");
        assert_eq!(DateForm::Asctime.write(at), "Sun Nov  6 08:49:37 1994");
        assert_eq!(rfc3339_ms(at), "1994-11-06T08:49:37.000Z");
    }
}
