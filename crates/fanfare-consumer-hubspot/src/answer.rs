//! From HubSpot's answer to the outcome of an attempt.

use fanfare_delivery::http::{Answer, CallError};
use fanfare_delivery::{Batched, Outcome, Reason};
use reqwest::StatusCode;

use crate::api::{ApiError, BatchAnswer, Input, Record};
use crate::mixed;
use crate::refusal::{self, Waits, outcome_of_input, outcome_of_request};

/// Refusals of a whole batch for which one of its inputs may be to blame, or their number.
const MAY_BE_ONE_INPUT: [StatusCode; 4] = [
    StatusCode::BAD_REQUEST,
    StatusCode::CONFLICT,
    StatusCode::PAYLOAD_TOO_LARGE,
    StatusCode::UNPROCESSABLE_ENTITY,
];

/// What became of the only input of a batch.
pub(crate) fn of_upsert(called: Result<Answer, CallError>, input: Input<'_>) -> Outcome {
    match of_upserts(called, &[input]) {
        Batched::Each(mut outcomes) => outcomes.pop().expect("one input has one outcome"),
        Batched::All(outcome) => outcome,
        Batched::Refused { reason } => Outcome::Rejected { reason },
    }
}

/// What became of the inputs of a batch.
pub(crate) fn of_upserts(called: Result<Answer, CallError>, inputs: &[Input<'_>]) -> Batched {
    match called {
        Ok(answer) if answer.status == StatusCode::MULTI_STATUS => {
            match mixed::outcomes(&answer, inputs) {
                Ok(outcomes) => Batched::Each(outcomes),
                Err(reason) => Batched::Refused { reason },
            }
        }
        Ok(answer) if inputs.len() > 1 && MAY_BE_ONE_INPUT.contains(&answer.status) => {
            let error = ApiError::of(&answer.body);
            Batched::Refused { reason: refusal::reason(&answer, &error) }
        }
        other => Batched::All(of_write(other)),
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
        Some(error) => {
            Err(outcome_of_input(error, Waits::of(&answer), refusal::reason(&answer, error)))
        }
        None => Ok(batch.results),
    }
}

fn refused(answer: &Answer) -> Outcome {
    let error = ApiError::of(&answer.body);
    let reason = refusal::reason(answer, &error);
    outcome_of_request(answer.status.as_u16(), &error, Waits::of(answer), reason)
}

fn retry(reason: Reason) -> Outcome {
    Outcome::Retry { reason, after: None }
}
