//! Rate headers: how many calls an API still takes, as its answers say.

use std::time::{Duration, UNIX_EPOCH};

use reqwest::header::{DATE, HeaderMap};

use super::retry_after::seconds;
use crate::policy::RateHint;

/// Which headers of an API tell how many calls are left, for a destination to name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateHeaders {
    /// One header for each number.
    Each {
        /// Calls in a whole window, where it is told.
        limit: Option<&'static str>,
        /// Calls left in this window.
        remaining: &'static str,
        /// When the window ends.
        reset: &'static str,
        /// What kind of number that is.
        form: ResetForm,
    },
    /// `RateLimit: "default";r=50;t=30`, of the IETF draft since its eighth version
    /// (draft-ietf-httpapi-ratelimit-headers). Of several policies the one with the fewest
    /// calls left counts.
    Policies,
}

/// How an API says when its window ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetForm {
    /// Seconds from now.
    Seconds,
    /// A moment in seconds since 1970, measured against the answer's own `Date`.
    EpochSeconds,
    /// The length of a rolling window in milliseconds: by then every call has left it.
    RollingMilliseconds,
}

impl RateHeaders {
    /// `RateLimit-Limit`, `-Remaining`, `-Reset` in seconds: the draft before that.
    pub const SEPARATE: Self = Self::Each {
        limit: Some("ratelimit-limit"),
        remaining: "ratelimit-remaining",
        reset: "ratelimit-reset",
        form: ResetForm::Seconds,
    };

    /// `X-RateLimit-Limit`, `-Remaining`, `-Reset` as a moment: what most APIs send.
    pub const X_WITH_EPOCH: Self = Self::Each {
        limit: Some("x-ratelimit-limit"),
        remaining: "x-ratelimit-remaining",
        reset: "x-ratelimit-reset",
        form: ResetForm::EpochSeconds,
    };

    /// What an answer says. `None` where it says nothing, or nothing that can be understood.
    pub fn read(&self, headers: &HeaderMap) -> Option<RateHint> {
        match *self {
            Self::Each { limit, remaining, reset, form } => {
                let limit = limit.and_then(|name| count(text(headers, name)?));
                let remaining = count(text(headers, remaining)?)?;
                let resets_in = form.read(text(headers, reset)?, headers)?;
                Some(RateHint { limit, remaining, resets_in })
            }
            Self::Policies => headers
                .get_all("ratelimit")
                .iter()
                .filter_map(|value| value.to_str().ok())
                .flat_map(|value| unquoted_split(value, ','))
                .filter_map(policy)
                .min_by_key(|hint| (hint.remaining, std::cmp::Reverse(hint.resets_in))),
        }
    }
}

impl ResetForm {
    fn read(self, value: &str, headers: &HeaderMap) -> Option<Duration> {
        match self {
            Self::Seconds => seconds(value),
            Self::RollingMilliseconds => value.parse().ok().map(Duration::from_millis),
            Self::EpochSeconds => {
                let reset = UNIX_EPOCH.checked_add(Duration::from_secs(value.parse().ok()?))?;
                // Whatever our own clock says. Without a `Date` there is no telling.
                let now = httpdate::parse_http_date(text(headers, DATE.as_str())?).ok()?;
                Some(reset.duration_since(now).unwrap_or_default())
            }
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// A number, maybe followed by the list of policies that early versions of the draft had:
/// `100, 100;w=60`.
fn count(value: &str) -> Option<u32> {
    value.split([',', ';']).next()?.trim().parse().ok()
}

/// One policy of the structured field: a name, then `r` calls left and `t` seconds to go. A
/// policy that does not say for how long tells nothing to wait for.
fn policy(item: &str) -> Option<RateHint> {
    let parameters = || unquoted_split(item, ';').skip(1);
    let parameter = |name: &str| {
        let mut pairs = parameters().filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim())
    };
    Some(RateHint {
        limit: None,
        remaining: parameter("r")?.parse().ok()?,
        resets_in: Duration::from_secs(parameter("t")?.parse().ok()?),
    })
}

/// Splits where `separator` stands outside of a quoted string.
fn unquoted_split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let mut escaped = false;
    text.split(move |character| {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        character == separator && !quoted
    })
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    /// As an API with a rolling window of ten seconds names them.
    const HUBSPOT: RateHeaders = RateHeaders::Each {
        limit: Some("x-hubspot-ratelimit-max"),
        remaining: "x-hubspot-ratelimit-remaining",
        reset: "x-hubspot-ratelimit-interval-milliseconds",
        form: ResetForm::RollingMilliseconds,
    };

    fn read(known: RateHeaders, lines: &[(&'static str, &str)]) -> Option<RateHint> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let value = HeaderValue::from_str(value).unwrap();
            headers.append(HeaderName::from_static(name), value);
        }
        known.read(&headers)
    }

    fn hint(limit: Option<u32>, remaining: u32, seconds: u64) -> Option<RateHint> {
        Some(RateHint { limit, remaining, resets_in: Duration::from_secs(seconds) })
    }

    #[test]
    fn a_rolling_window_is_over_after_its_length() {
        let whole = [
            ("x-hubspot-ratelimit-max", "100"),
            ("x-hubspot-ratelimit-remaining", "7"),
            ("x-hubspot-ratelimit-interval-milliseconds", "10000"),
        ];
        assert_eq!(read(HUBSPOT, &whole), hint(Some(100), 7, 10));
        assert_eq!(read(HUBSPOT, &whole[1..]), hint(None, 7, 10), "without the size");
        assert_eq!(read(HUBSPOT, &whole[..2]), None, "without the length");
        let daily = ("x-hubspot-ratelimit-daily-remaining", "0");
        assert_eq!(read(HUBSPOT, &[daily]), None, "the day is another matter");
    }

    #[test]
    fn a_moment_is_measured_by_the_answers_own_clock() {
        let read = |reset: &'static str, date: &[(&'static str, &str)]| {
            let numbers = [
                ("x-ratelimit-limit", "600"),
                ("x-ratelimit-remaining", "0"),
                ("x-ratelimit-reset", reset),
            ];
            read(RateHeaders::X_WITH_EPOCH, &[&numbers, date].concat())
        };
        // The example of RFC 9110 is 784111777.
        let date = [("date", "Sun, 06 Nov 1994 08:49:37 GMT")];
        assert_eq!(read("784111807", &date), hint(Some(600), 0, 30));
        assert_eq!(read("784111777", &date), hint(Some(600), 0, 0));
        assert_eq!(read("784111000", &date), hint(Some(600), 0, 0), "it has passed");
        assert_eq!(read("784111807", &[]), None, "no date");
        assert_eq!(read("784111807", &[("date", "today")]), None);
        assert_eq!(read("18446744073709551615", &date), None);
        assert_eq!(read("-1", &date), None);
    }

    #[test]
    fn the_drafts_are_read_in_both_forms() {
        let separate = |limit: &str, remaining: &str, reset: &str| {
            let lines = [
                ("ratelimit-limit", limit),
                ("ratelimit-remaining", remaining),
                ("ratelimit-reset", reset),
            ];
            read(RateHeaders::SEPARATE, &lines)
        };
        assert_eq!(separate("100", "50", "30"), hint(Some(100), 50, 30));
        assert_eq!(separate("100, 100;w=60;burst=5", "50", "30"), hint(Some(100), 50, 30));
        assert_eq!(separate("many", "50", " 30 "), hint(None, 50, 30));
        for (remaining, reset) in [("", "30"), ("-1", "30"), ("5e1", "30"), ("50", "soon")] {
            assert_eq!(separate("100", remaining, reset), None, "{remaining} {reset}");
        }

        for (value, expected) in [
            (r#""default";r=50;t=30"#, hint(None, 50, 30)),
            (r#"default;t=30;r=50"#, hint(None, 50, 30)),
            (r#""default"; r=50; t=30; pk=:c2VjcmV0:"#, hint(None, 50, 30)),
            (r#""hour";r=900;t=3000, "minute";r=5;t=20"#, hint(None, 5, 20)),
            (r#""hour";r=0;t=3000, "minute";r=0;t=20"#, hint(None, 0, 3000)),
            (r#""a,b;r=1;t=1";r=50;t=30"#, hint(None, 50, 30)),
            (r#""a\",\"b";r=50;t=30"#, hint(None, 50, 30)),
            (r#""default";r=50"#, None),
            (r#""default";t=30"#, None),
            (r#""default";r=-5;t=30"#, None),
            (r#""default";r=1.5;t=30"#, None),
            (r#""broken;r=50;t=30"#, None),
            ("", None),
        ] {
            assert_eq!(read(RateHeaders::Policies, &[("ratelimit", value)]), expected, "{value}");
        }
        let lines = [("ratelimit", r#""a";r=9;t=1"#), ("ratelimit", r#""b";r=3;t=2"#)];
        assert_eq!(read(RateHeaders::Policies, &lines), hint(None, 3, 2), "two lines are a list");
    }
}
