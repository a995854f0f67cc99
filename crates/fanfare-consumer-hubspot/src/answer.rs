//! From HubSpot's answer to the outcome of an attempt.

use std::time::Duration;

use fanfare_delivery::http::{Answer, CallError};
use fanfare_delivery::{Outcome, Reason};
use reqwest::StatusCode;

use crate::api::{ApiError, BatchAnswer, Mention, Record};
use crate::refusal::{Waits, outcome_of_input, outcome_of_request};

const WINDOW_HEADER: &str = "x-hubspot-ratelimit-interval-milliseconds";

/// What became of the input with this trace id, the only one of its batch.
pub(crate) fn of_upsert(called: Result<Answer, CallError>, trace_id: &str) -> Outcome {
    match called {
        Ok(answer) if answer.status == StatusCode::MULTI_STATUS => of_item(&answer, trace_id),
        other => of_write(other),
    }
}

/// What became of a request that is carried out as a whole or not at all.
pub(crate) fn of_write(called: Result<Answer, CallError>) -> Outcome {
    match called {
        Ok(answer) if answer.status.is_success() => Outcome::Delivered,
        Ok(answer) => refused(&answer),
        Err(error) => error.outcome(),
    }
}

/// The contacts that a look-up found, or what keeps us from knowing.
///
/// Looking has no effect, so a look-up without a readable answer is repeated, and nothing
/// about it is ambiguous.
pub(crate) fn of_look_up(called: Result<Answer, CallError>) -> Result<Vec<Record>, Outcome> {
    let answer = match called {
        Ok(answer) if answer.status.is_success() => answer,
        Ok(answer) => return Err(refused(&answer)),
        Err(error @ CallError::Unknown { .. }) => {
            return Err(retry(Reason::new(error.to_string())));
        }
        Err(error) => return Err(error.outcome()),
    };
    let Ok(batch) = serde_json::from_slice::<BatchAnswer>(&answer.body) else {
        return Err(retry(answer.reason_saying("HubSpot's answer to a look-up is not readable")));
    };
    let is_failure = |error: &&ApiError| error.category.as_deref() != Some("OBJECT_NOT_FOUND");
    match batch.errors.iter().find(is_failure) {
        Some(error) => Err(outcome_of_input(error, waits(&answer), reason(&answer, error))),
        None => Ok(batch.results),
    }
}

fn of_item(answer: &Answer, trace_id: &str) -> Outcome {
    let Ok(batch) = serde_json::from_slice::<BatchAnswer>(&answer.body) else {
        // Some inputs were written, perhaps ours; writing it again does no harm.
        return retry(answer.reason_saying("HubSpot's answer to a batch is not readable"));
    };
    match refusal_of_only_input(&batch, trace_id) {
        Some(error) => outcome_of_input(error, waits(answer), reason(answer, error)),
        None => Outcome::Delivered,
    }
}

fn refusal_of_only_input<'a>(batch: &'a BatchAnswer, trace_id: &str) -> Option<&'a ApiError> {
    match batch.about(trace_id) {
        Mention::Written => None,
        Mention::Refused(error) => Some(error),
        // An error that names no input can only be about the only one.
        Mention::Nothing => batch.errors.first(),
    }
}

fn refused(answer: &Answer) -> Outcome {
    let error = ApiError::of(&answer.body);
    let reason = reason(answer, &error);
    outcome_of_request(answer.status.as_u16(), &error, waits(answer), reason)
}

fn retry(reason: Reason) -> Outcome {
    Outcome::Retry { reason, after: None }
}

fn waits(answer: &Answer) -> Waits {
    let window = answer.headers.get(WINDOW_HEADER);
    let milliseconds = window.and_then(|value| value.to_str().ok()?.parse().ok());
    Waits { retry_after: answer.retry_after(), window: milliseconds.map(Duration::from_millis) }
}

/// HubSpot's own words, where it has some.
fn reason(answer: &Answer, error: &ApiError) -> Reason {
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn refusal(answer: Value) -> Option<String> {
        let batch: BatchAnswer = serde_json::from_value(answer).unwrap();
        refusal_of_only_input(&batch, "ours").and_then(|error| error.category.clone())
    }

    #[test]
    fn a_mixed_answer_is_a_success_unless_something_speaks_against_it() {
        let written = json!([{ "id": "1", "objectWriteTraceId": "ours" }]);
        let ours = json!([{
            "category": "VALIDATION_ERROR", "context": { "objectWriteTraceId": ["ours"] },
        }]);
        let nameless = json!([{ "category": "CONFLICT" }]);
        assert_eq!(refusal(json!({ "results": written, "errors": nameless })), None);
        assert_eq!(refusal(json!({ "errors": ours })).as_deref(), Some("VALIDATION_ERROR"));
        assert_eq!(refusal(json!({ "errors": nameless })).as_deref(), Some("CONFLICT"));
        assert_eq!(refusal(json!({ "results": [{ "id": "1" }], "numErrors": 0 })), None);
    }
}
