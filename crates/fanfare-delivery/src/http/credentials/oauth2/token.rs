//! An access token, and when it has had its time.

use std::time::Duration;

use reqwest::header::AUTHORIZATION;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use crate::http::credentials::Presented;
use crate::http::credentials::header::sensitive;

/// An access token that was given to us.
#[derive(Clone)]
pub(super) struct Token {
    pub(super) presented: Presented,
    /// `None` where the endpoint did not say how long it lives; then a 401 will.
    life: Option<Life>,
}

#[derive(Clone, Copy)]
struct Life {
    renewal: Instant,
    end: Instant,
}

/// Why an answer holds no token for us. Its words hold nothing of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoTokenInAnswer {
    #[error("its answer is no JSON object with an access token")]
    Unreadable,
    #[error("its token is not a bearer token")]
    NotBearer,
    #[error("its token holds a character that no HTTP header may hold")]
    NotForHeader,
}

/// The members of RFC 6749 §5.1 that concern us.
#[derive(Deserialize)]
struct Granted {
    access_token: String,
    /// Required, and left out by some.
    #[serde(default)]
    token_type: Option<String>,
    /// A number of seconds, which some put in quotes.
    #[serde(default)]
    expires_in: Value,
}

/// Renewed this long before the end, or at four fifths of its life where that is earlier.
const RENEWAL_MARGIN: Duration = Duration::from_secs(60);
/// Beyond this a life is as good as endless, and a clock could overflow.
const LONGEST_LIFE: Duration = Duration::from_secs(366 * 24 * 60 * 60);

impl Token {
    /// Reads the answer to a request that was made at `asked`. The endpoint counts from a
    /// later moment, so our end is never later than its own.
    pub(super) fn granted(body: &[u8], asked: Instant) -> Result<Self, NoTokenInAnswer> {
        // By way of an object: an array of the right length would pass for one otherwise.
        let granted: Granted = serde_json::from_slice(body)
            .and_then(|object| serde_json::from_value(Value::Object(object)))
            .map_err(|_| NoTokenInAnswer::Unreadable)?;
        if granted.access_token.is_empty() {
            return Err(NoTokenInAnswer::Unreadable);
        }
        if granted.token_type.is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
            return Err(NoTokenInAnswer::NotBearer);
        }
        let value = sensitive(&format!("Bearer {}", granted.access_token))
            .map_err(|_| NoTokenInAnswer::NotForHeader)?;
        let life = seconds(&granted.expires_in).map(|life| Life::starting(asked, life));
        Ok(Self { presented: Presented { name: AUTHORIZATION, value }, life })
    }

    /// Whether an API will take it still.
    pub(super) fn is_alive(&self, now: Instant) -> bool {
        self.life.is_none_or(|life| now < life.end)
    }

    /// Whether it is time to ask for another one.
    pub(super) fn wants_renewal(&self, now: Instant) -> bool {
        self.life.is_some_and(|life| now >= life.renewal)
    }
}

impl Life {
    fn starting(start: Instant, length: Duration) -> Self {
        let length = length.min(LONGEST_LIFE);
        let by_margin = length.saturating_sub(RENEWAL_MARGIN);
        // A short life would be all margin, and every call a reason to ask.
        let until_renewal = by_margin.min(length.mul_f64(0.8)).max(length / 2);
        Self { renewal: start + until_renewal, end: start + length }
    }
}

fn seconds(expires_in: &Value) -> Option<Duration> {
    let seconds = match expires_in {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    Duration::try_from_secs_f64(seconds.clamp(0.0, LONGEST_LIFE.as_secs_f64())).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn granted(answer: &Value) -> Result<Token, NoTokenInAnswer> {
        Token::granted(answer.to_string().as_bytes(), Instant::now())
    }

    /// Seconds until renewal and end.
    fn life(expires_in: Value) -> Option<(f64, f64)> {
        let asked = Instant::now();
        let answer = json!({ "access_token": "tok", "expires_in": expires_in });
        let token = Token::granted(answer.to_string().as_bytes(), asked).unwrap();
        let after = |moment: Instant| (moment - asked).as_secs_f64();
        token.life.map(|life| (after(life.renewal), after(life.end)))
    }

    #[test]
    fn a_token_is_renewed_well_before_its_end_and_not_all_the_time() {
        for (expires_in, renewal, end) in [
            (json!(3600), 2880.0, 3600.0),
            (json!(300), 240.0, 300.0),
            (json!(200), 140.0, 200.0),
            (json!(100), 50.0, 100.0),
            (json!(10), 5.0, 10.0),
            (json!(0), 0.0, 0.0),
            (json!(-5), 0.0, 0.0),
            (json!("3600"), 2880.0, 3600.0),
            (json!(1.5), 0.75, 1.5),
        ] {
            assert_eq!(life(expires_in.clone()), Some((renewal, end)), "{expires_in}");
        }
        let endless = LONGEST_LIFE.as_secs_f64();
        assert_eq!(life(json!(u64::MAX)), Some((endless * 0.8, endless)));
        for unknown in [json!(null), json!("soon"), json!([]), json!(true)] {
            assert_eq!(life(unknown.clone()), None, "{unknown}");
        }
    }

    #[test]
    fn only_bearer_tokens_that_fit_a_header_are_taken() {
        use NoTokenInAnswer::{NotBearer, NotForHeader, Unreadable};
        for (answer, expected) in [
            (json!({ "access_token": "tok", "token_type": "Bearer" }), None),
            (json!({ "access_token": "tok", "token_type": "bearer", "more": [1] }), None),
            (json!({ "access_token": "tok" }), None),
            (json!({ "access_token": "tok", "token_type": "mac" }), Some(NotBearer)),
            (json!({ "access_token": "t\nk" }), Some(NotForHeader)),
            (json!({ "access_token": "" }), Some(Unreadable)),
            (json!({ "access_token": 7 }), Some(Unreadable)),
            (json!({ "token": "tok" }), Some(Unreadable)),
            (json!(["tok"]), Some(Unreadable)),
        ] {
            assert_eq!(granted(&answer).err(), expected, "{answer}");
        }
        for garbage in [&b""[..], b"<html>", b"{\"access_token\":\"tok\"", b"\xff"] {
            assert_eq!(Token::granted(garbage, Instant::now()).err(), Some(Unreadable));
        }
        let token = granted(&json!({ "access_token": "tok" })).unwrap();
        assert_eq!(token.presented.value, "Bearer tok");
        assert!(token.presented.value.is_sensitive());
    }
}
