//! From SendGrid's answer to the outcome of an attempt.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fanfare_delivery::http::{Answer, CallError, outcome_of_status};
use fanfare_delivery::{Outcome, Reason, Trouble};
use reqwest::header::{DATE, HeaderMap};
use serde::Deserialize;

/// When the window of the rate limit ends, in seconds since 1970.
const RESET_HEADER: &str = "x-ratelimit-reset";

/// SendGrid's windows are a minute or so; a moment farther away than this is a mistake.
const LONGEST_WINDOW: Duration = Duration::from_secs(60 * 60);

/// Credits come back with the next billing period or a purchase, which no answer announces.
const CREDITS_PROBE: Duration = Duration::from_secs(5 * 60);

/// SendGrid answers 401 for a bad key and for an empty account; only the message tells.
const NO_CREDITS: &str = "maximum credits exceeded";

/// SendGrid's error body, as far as it is understood.
#[derive(Debug, Default, Deserialize)]
struct ApiErrors {
    #[serde(default)]
    errors: Vec<ApiError>,
}

#[derive(Debug, Deserialize)]
struct ApiError {
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    field: Option<String>,
}

/// How long SendGrid asks to wait, if it does: by `Retry-After`, and until its window ends.
#[derive(Clone, Copy, Debug, Default)]
struct Waits {
    retry_after: Option<Duration>,
    window: Option<Duration>,
}

/// What became of a mail.
pub(crate) fn of_send(called: Result<Answer, CallError>) -> Outcome {
    let answer = match called {
        Ok(answer) if answer.status.is_success() => return Outcome::Delivered,
        Ok(answer) => answer,
        Err(error) => return error.outcome(),
    };
    let errors = ApiErrors::of(&answer.body);
    let reason = match errors.in_words() {
        Some(words) => answer.reason_saying(words),
        None => answer.reason(),
    };
    let waits = Waits {
        retry_after: answer.retry_after(),
        window: window_ends_in(&answer.headers, SystemTime::now()),
    };
    outcome_of_refusal(answer.status.as_u16(), &errors, waits, reason)
}

fn outcome_of_refusal(status: u16, errors: &ApiErrors, waits: Waits, reason: Reason) -> Outcome {
    match status {
        401 if errors.say(NO_CREDITS) => throttled(Some(CREDITS_PROBE), reason),
        429 => throttled(waits.retry_after.max(waits.window), reason),
        _ => outcome_of_status(status, waits.retry_after, reason),
    }
}

fn throttled(pause: Option<Duration>, reason: Reason) -> Outcome {
    Outcome::Hold { reason, trouble: Trouble::Throttled, pause }
}

/// Measured by the answer's own clock, so that a difference to ours does not matter.
fn window_ends_in(headers: &HeaderMap, our_now: SystemTime) -> Option<Duration> {
    let reset: u64 = text(headers, RESET_HEADER)?.trim().parse().ok()?;
    let date = text(headers, DATE.as_str()).and_then(|date| httpdate::parse_http_date(date).ok());
    let now = date.unwrap_or(our_now).duration_since(UNIX_EPOCH).ok()?;
    let wait = Duration::from_secs(reset).saturating_sub(now);
    (wait <= LONGEST_WINDOW).then_some(wait)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

impl ApiErrors {
    /// The errors that the body of an answer holds; none when it is something else.
    fn of(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_default()
    }

    fn say(&self, words: &str) -> bool {
        let mut messages = self.errors.iter().filter_map(|error| error.message.as_deref());
        messages.any(|message| message.to_ascii_lowercase().contains(words))
    }

    /// Every message, with the field that it is about.
    fn in_words(&self) -> Option<String> {
        let messages: Vec<_> = self.errors.iter().filter_map(ApiError::in_words).collect();
        (!messages.is_empty()).then(|| format!("SendGrid says: {}", messages.join("; ")))
    }
}

impl ApiError {
    fn in_words(&self) -> Option<String> {
        let message = self.message.as_deref()?;
        Some(match &self.field {
            Some(field) => format!("{message} ({field})"),
            None => message.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    /// Sun, 06 Nov 1994 08:49:37 GMT.
    const MOMENT: u64 = 784_111_777;

    fn window(reset: &str, date: Option<&'static str>) -> Option<u64> {
        let mut headers = HeaderMap::new();
        headers.insert(RESET_HEADER, HeaderValue::from_str(reset).unwrap());
        if let Some(date) = date {
            headers.insert(DATE, HeaderValue::from_static(date));
        }
        let our_now = UNIX_EPOCH + Duration::from_secs(MOMENT - 5);
        window_ends_in(&headers, our_now).map(|wait| wait.as_secs())
    }

    #[test]
    fn a_window_ends_by_the_clock_of_the_answer() {
        let date = Some("Sun, 06 Nov 1994 08:49:07 GMT");
        assert_eq!(window("784111777", date), Some(30));
        assert_eq!(window("784111777", None), Some(5), "our clock is the second best");
        assert_eq!(window("784111777", Some("yesterday")), Some(5));
        assert_eq!(window("784111000", date), Some(0), "it has ended");
        for nothing in ["", "soon", "-1", "18446744073709551615", "784119999"] {
            assert_eq!(window(nothing, date), None, "{nothing:?}");
        }
    }

    #[test]
    fn errors_are_told_in_sendgrids_words() {
        let body = br#"{"errors":[
            {"message":"Bad.","field":"personalizations.0.to.0.email","help":null},
            {"message":"Worse.","field":null},
            {"field":"silent"}
        ]}"#;
        let words = ApiErrors::of(body).in_words();
        let expected = "SendGrid says: Bad. (personalizations.0.to.0.email); Worse.";
        assert_eq!(words.as_deref(), Some(expected));
        for other in ["", "<html>", "{}", "[]", r#"{"errors":[]}"#, r#"{"errors":null}"#] {
            assert_eq!(ApiErrors::of(other.as_bytes()).in_words(), None, "{other:?}");
        }
    }

    #[test]
    fn an_empty_account_is_told_from_a_bad_key() {
        let outcome = |body: &[u8]| {
            outcome_of_refusal(401, &ApiErrors::of(body), Waits::default(), Reason::default())
        };
        let hold = |trouble, pause| Outcome::Hold { reason: Reason::default(), trouble, pause };
        let empty = br#"{"errors":[{"message":"Maximum credits exceeded","field":null}]}"#;
        assert_eq!(outcome(empty), hold(Trouble::Throttled, Some(CREDITS_PROBE)));
        let bad_key = br#"{"errors":[{"message":"The provided authorization grant is invalid"}]}"#;
        for other in [&bad_key[..], b"", b"Maximum credits exceeded"] {
            assert_eq!(outcome(other), hold(Trouble::Unauthorized, None));
        }
    }
}
