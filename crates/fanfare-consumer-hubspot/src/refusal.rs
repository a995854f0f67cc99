//! What HubSpot means by a refusal: of a whole request, or of one input of a batch.

use std::time::Duration;

use fanfare_delivery::http::{Answer, outcome_of_status};
use fanfare_delivery::{Outcome, Reason, Trouble};

use crate::api::ApiError;

const WINDOW_HEADER: &str = "x-hubspot-ratelimit-interval-milliseconds";

/// The rolling window that HubSpot counts requests in (usage guidelines).
const WINDOW: Duration = Duration::from_secs(10);

/// The day of a daily limit ends at midnight in the account's own time zone, which no answer
/// names; so it is probed for.
const DAILY_PROBE: Duration = Duration::from_secs(5 * 60);

/// A locked record is left alone for at least two seconds (error handling guide).
const LOCKED_PAUSE: Duration = Duration::from_secs(2);

/// How long HubSpot asks to wait, if it does: by `Retry-After`, and by the length of its window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Waits {
    pub(crate) retry_after: Option<Duration>,
    pub(crate) window: Option<Duration>,
}

impl Waits {
    pub(crate) fn of(answer: &Answer) -> Self {
        let window = answer.headers.get(WINDOW_HEADER);
        let milliseconds = window.and_then(|value| value.to_str().ok()?.parse().ok());
        Self { retry_after: answer.retry_after(), window: milliseconds.map(Duration::from_millis) }
    }
}

/// HubSpot's own words, where it has some.
pub(crate) fn reason(answer: &Answer, error: &ApiError) -> Reason {
    match (&error.category, &error.message) {
        (Some(category), Some(message)) => {
            answer.reason_saying(format!("HubSpot says {category}: {message}"))
        }
        (None, Some(words)) | (Some(words), None) => {
            answer.reason_saying(format!("HubSpot says: {words}"))
        }
        (None, None) => answer.reason(),
    }
}

/// The outcome of a request that was refused as a whole.
pub(crate) fn outcome_of_request(
    status: u16,
    error: &ApiError,
    waits: Waits,
    reason: Reason,
) -> Outcome {
    match status {
        // Two writes met at one contact; each of them repeats without harm.
        409 => Outcome::Retry { reason, after: waits.retry_after },
        429 => throttled(error, waits, reason),
        // The account is being moved between data centres, for up to 24 hours.
        477 => hold(Trouble::Throttled, waits.retry_after, reason),
        _ => outcome_of_status(status, waits.retry_after, reason),
    }
}

/// The outcome of one input that was refused while others of its batch may have been written.
pub(crate) fn outcome_of_input(error: &ApiError, waits: Waits, reason: Reason) -> Outcome {
    match error.category.as_deref() {
        Some("CONFLICT" | "OBJECT_ALREADY_EXISTS" | "INTERNAL_ERROR") => {
            Outcome::Retry { reason, after: None }
        }
        Some("LOCKED") => Outcome::Retry { reason, after: Some(LOCKED_PAUSE) },
        Some("RATE_LIMIT" | "RATE_LIMITS") => throttled(error, waits, reason),
        Some("INVALID_AUTHENTICATION" | "MISSING_SCOPES") => {
            hold(Trouble::Unauthorized, None, reason)
        }
        // `VALIDATION_ERROR` and whatever else is wrong with this contact.
        Some(_) | None => Outcome::Rejected { reason },
    }
}

fn throttled(error: &ApiError, waits: Waits, reason: Reason) -> Outcome {
    let pause = match error.policy_name.as_deref() {
        Some("DAILY") => DAILY_PROBE,
        Some("SECONDLY") => Duration::from_secs(1),
        // `TEN_SECONDLY_ROLLING`, and what may come after it. A window as long as the pause
        // for a whole day is a mistake.
        Some(_) | None => waits.window.unwrap_or(WINDOW).min(DAILY_PROBE),
    };
    // HubSpot documents no `Retry-After` here; one that comes all the same is meant.
    hold(Trouble::Throttled, Some(waits.retry_after.unwrap_or(pause)), reason)
}

fn hold(trouble: Trouble, pause: Option<Duration>, reason: Reason) -> Outcome {
    Outcome::Hold { reason, trouble, pause }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: Duration = Duration::from_secs(77);

    fn refused(status: u16, error: &ApiError, waits: Waits) -> Outcome {
        outcome_of_request(status, error, waits, Reason::default())
    }

    fn paused(trouble: Trouble, pause: Option<Duration>) -> Outcome {
        hold(trouble, pause, Reason::default())
    }

    #[test]
    fn every_rate_limit_has_its_own_pause() {
        let window = Waits { window: Some(Duration::from_secs(3)), ..Waits::default() };
        let silly = Waits { window: Some(Duration::MAX), ..Waits::default() };
        let asked = Waits { retry_after: Some(ASKED), ..window };
        for (policy, waits, seconds) in [
            (Some("TEN_SECONDLY_ROLLING"), Waits::default(), 10),
            (Some("TEN_SECONDLY_ROLLING"), window, 3),
            (Some("TEN_SECONDLY_ROLLING"), silly, 300),
            (Some("SECONDLY"), window, 1),
            (Some("DAILY"), window, 300),
            (Some("DAILY"), asked, 77),
            (Some("MONTHLY"), Waits::default(), 10),
            (None, window, 3),
        ] {
            let policy_name = policy.map(str::to_owned);
            let error = ApiError { policy_name, ..ApiError::default() };
            let expected = paused(Trouble::Throttled, Some(Duration::from_secs(seconds)));
            assert_eq!(refused(429, &error, waits), expected, "{policy:?} {waits:?}");
        }
    }

    #[test]
    fn statuses_that_hubspot_means_in_its_own_way() {
        let error = ApiError::default();
        let asked = Waits { retry_after: Some(ASKED), window: None };
        let none = Waits::default();
        assert_eq!(refused(477, &error, asked), paused(Trouble::Throttled, Some(ASKED)));
        assert_eq!(refused(477, &error, none), paused(Trouble::Throttled, None));
        assert_eq!(refused(409, &error, none).label(), "retry");
        assert_eq!(refused(401, &error, none), paused(Trouble::Unauthorized, None));
        assert_eq!(refused(403, &error, none), paused(Trouble::Unauthorized, None));
        assert_eq!(refused(400, &error, none).label(), "rejected");
        assert_eq!(refused(502, &error, none).label(), "retry");
    }

    #[test]
    fn one_input_is_judged_by_its_category() {
        for (category, label) in [
            (Some("VALIDATION_ERROR"), "rejected"),
            (Some("PROPERTY_DOESNT_EXIST"), "rejected"),
            (None, "rejected"),
            (Some("CONFLICT"), "retry"),
            (Some("OBJECT_ALREADY_EXISTS"), "retry"),
            (Some("INTERNAL_ERROR"), "retry"),
            (Some("LOCKED"), "retry"),
            (Some("RATE_LIMITS"), "hold"),
            (Some("MISSING_SCOPES"), "hold"),
        ] {
            let error = ApiError { category: category.map(str::to_owned), ..ApiError::default() };
            let outcome = outcome_of_input(&error, Waits::default(), Reason::default());
            assert_eq!(outcome.label(), label, "{category:?}");
        }
    }
}
