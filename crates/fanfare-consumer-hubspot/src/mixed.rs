//! A mixed answer (207): some inputs of a batch were written, others refused.

use fanfare_delivery::http::Answer;
use fanfare_delivery::{Outcome, Reason};

use crate::api::{ApiError, BatchAnswer, Input};
use crate::refusal::{self, Waits, outcome_of_input};

/// What an answer says about one input.
#[derive(Clone, Copy, Debug)]
enum Mention<'a> {
    Written,
    Refused(&'a ApiError),
    Nothing,
}

/// The outcome of each input, in their order. `Err` where the answer refuses some and does not
/// say which, so that only smaller batches can tell; never so about a single input.
pub(crate) fn outcomes(answer: &Answer, inputs: &[Input<'_>]) -> Result<Vec<Outcome>, Reason> {
    let Ok(batch) = serde_json::from_slice::<BatchAnswer>(&answer.body) else {
        // Some were written, perhaps all; writing them again does no harm.
        let reason = answer.reason_saying("HubSpot's answer to a batch is not readable");
        return Ok(vec![retry(reason); inputs.len()]);
    };
    let mentions: Vec<_> = inputs.iter().map(|input| mention(&batch, input)).collect();
    let is_nothing = |mention: &&Mention<'_>| matches!(mention, Mention::Nothing);
    let rest = match mentions.iter().filter(is_nothing).count() {
        0 => Outcome::Delivered,
        count => of_unmentioned(count, inputs.len(), &batch, answer)?,
    };
    let outcome = |mention: Mention<'_>| match mention {
        Mention::Written => Outcome::Delivered,
        Mention::Refused(error) => of_error(answer, error),
        Mention::Nothing => rest.clone(),
    };
    Ok(mentions.into_iter().map(outcome).collect())
}

fn mention<'a>(batch: &'a BatchAnswer, input: &Input<'_>) -> Mention<'a> {
    let is_ours = |trace_id: &str| trace_id == input.trace_id();
    // A result without a trace id is known by its email, which is its own too.
    let is_written = batch.results.iter().any(|record| match &record.trace_id {
        Some(trace_id) => is_ours(trace_id),
        None => record.has_email(input.email()),
    });
    if is_written {
        return Mention::Written;
    }
    let error = batch.errors.iter().find(|error| error.trace_ids().into_iter().any(is_ours));
    error.map_or(Mention::Nothing, Mention::Refused)
}

/// The outcome of `count` of the inputs, which the answer does not mention.
fn of_unmentioned(
    count: usize,
    inputs: usize,
    batch: &BatchAnswer,
    answer: &Answer,
) -> Result<Outcome, Reason> {
    if batch.errors.is_empty() && batch.results.len() >= inputs {
        return Ok(Outcome::Delivered);
    }
    // An error that names nobody is about one that is not among the results. Where several
    // errors could be meant, the one that says "later" is right about all: what is wrong with
    // a contact for good will be said again, and then without the others.
    let nameless = batch.errors.iter().filter(|error| error.trace_ids().is_empty());
    match nameless.map(|error| of_error(answer, error)).min_by_key(finality) {
        Some(Outcome::Rejected { reason }) if count > 1 => Err(reason),
        Some(outcome) => Ok(outcome),
        None => {
            let words = "HubSpot's answer says nothing about this contact";
            Ok(retry(answer.reason_saying(words)))
        }
    }
}

fn finality(outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::Hold { .. } => 0,
        Outcome::Retry { .. } | Outcome::Ambiguous { .. } => 1,
        Outcome::Rejected { .. } | Outcome::Delivered => 2,
    }
}

/// What the error means; its excerpt shows this error only, and no other contact's data.
fn of_error(answer: &Answer, error: &ApiError) -> Outcome {
    let mut own = answer.clone();
    own.body = error.to_json().into();
    outcome_of_input(error, Waits::of(answer), refusal::reason(&own, error))
}

fn retry(reason: Reason) -> Outcome {
    Outcome::Retry { reason, after: None }
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;
    use reqwest::header::HeaderMap;
    use serde_json::{Value, json};

    use super::*;
    use crate::change::Properties;

    fn contact(name: &str) -> Properties {
        let email = format!("{name}@example.com");
        Properties { email, firstname: None, lastname: None, hs_language: None }
    }

    /// What the answer means for contacts of these names, whose trace ids are their names.
    fn read(answer: &Value, names: &[&str]) -> Result<Vec<Outcome>, Reason> {
        let contacts: Vec<_> = names.iter().map(|name| contact(name)).collect();
        let inputs: Vec<_> = names
            .iter()
            .zip(&contacts)
            .map(|(name, contact)| Input::new(&contact.email, name, contact))
            .collect();
        let body = answer.to_string();
        outcomes(&Answer::new(StatusCode::MULTI_STATUS, HeaderMap::new(), body), &inputs)
    }

    fn labels(answer: &Value, names: &[&str]) -> String {
        match read(answer, names) {
            Ok(outcomes) => outcomes.iter().map(Outcome::label).collect::<Vec<_>>().join(" "),
            Err(_) => "smaller".to_owned(),
        }
    }

    fn written(names: &[&str]) -> Vec<Value> {
        names.iter().map(|name| json!({ "id": "1", "objectWriteTraceId": name })).collect()
    }

    fn error(category: &str, trace_ids: Value) -> Value {
        json!({ "category": category, "message": "no", "context": { "objectWriteTraceId": trace_ids } })
    }

    #[test]
    fn every_input_has_the_outcome_that_its_trace_id_says() {
        let bad = |name: &str| error("VALIDATION_ERROR", json!([name]));
        let nameless = || json!({ "category": "VALIDATION_ERROR", "message": "no" });
        let conflict = || json!({ "category": "CONFLICT" });
        let by_email = json!({ "id": "1", "properties": { "email": "a@example.com" } });
        let table = [
            (
                "each is named",
                json!({ "results": written(&["a"]), "errors": [bad("b"), error("LOCKED", json!("c"))] }),
                "delivered rejected retry",
            ),
            (
                "one error names two",
                json!({ "results": written(&["b"]), "errors": [error("CONFLICT", json!(["a", "c"]))] }),
                "retry delivered retry",
            ),
            (
                "the order of the answer is another",
                json!({ "results": written(&["c", "a"]), "errors": [bad("b")] }),
                "delivered rejected delivered",
            ),
            (
                "a result without a trace id is known by its email",
                json!({ "results": [by_email], "errors": [bad("b"), bad("c")] }),
                "delivered rejected rejected",
            ),
            (
                "who is in neither list is not taken for delivered",
                json!({ "results": written(&["a"]), "errors": [bad("b")] }),
                "delivered rejected retry",
            ),
            (
                "nor is it without any error",
                json!({ "results": written(&["a", "b"]), "errors": [] }),
                "delivered delivered retry",
            ),
            (
                "an error that names nobody is about the one that is left",
                json!({ "results": written(&["a"]), "errors": [bad("b"), nameless()] }),
                "delivered rejected rejected",
            ),
            (
                "an error that names nobody leaves two in doubt",
                json!({ "results": written(&["a"]), "errors": [nameless()] }),
                "smaller",
            ),
            (
                "a null names nobody",
                json!({ "errors": [error("VALIDATION_ERROR", json!(null))] }),
                "smaller",
            ),
            (
                "in doubt, later is safe for all",
                json!({ "results": written(&["a"]), "errors": [nameless(), conflict()] }),
                "delivered retry retry",
            ),
            (
                "a strange trace id is not ours",
                json!({ "results": written(&["a", "b"]), "errors": [bad("x")] }),
                "delivered delivered retry",
            ),
            (
                "as many results as inputs, and nothing else",
                json!({ "results": [{ "id": "1" }, { "id": "2" }, { "id": "3" }], "numErrors": 0 }),
                "delivered delivered delivered",
            ),
            ("nothing at all", json!({}), "retry retry retry"),
            ("something else", json!([]), "retry retry retry"),
        ];
        for (what, answer, expected) in table {
            assert_eq!(labels(&answer, &["a", "b", "c"]), expected, "{what}: {answer}");
        }
    }

    #[test]
    fn about_a_single_input_there_is_never_a_doubt() {
        let nameless = json!([{ "category": "VALIDATION_ERROR" }]);
        let locked = json!([{ "category": "LOCKED" }, { "category": "VALIDATION_ERROR" }]);
        for (answer, expected) in [
            (json!({ "results": written(&["a"]), "errors": nameless }), "delivered"),
            (json!({ "errors": nameless }), "rejected"),
            (json!({ "errors": locked }), "retry"),
            (json!({ "results": [{ "id": "1" }], "numErrors": 0 }), "delivered"),
        ] {
            assert_eq!(labels(&answer, &["a"]), expected, "{answer}");
        }
    }

    #[test]
    fn a_reason_shows_its_own_error_and_nobody_elses() {
        let mut bad = error("VALIDATION_ERROR", json!(["b"]));
        bad["errors"] = json!([{ "code": "INVALID_EMAIL" }]);
        let answer = json!({ "results": written(&["a"]), "errors": [bad] });
        let outcomes = read(&answer, &["a", "b"]).unwrap();
        let reason = outcomes[1].reason().unwrap();
        assert_eq!(
            (reason.text.as_str(), reason.status),
            ("HubSpot says VALIDATION_ERROR: no", Some(207))
        );
        let shown: Value = serde_json::from_str(reason.response.as_deref().unwrap()).unwrap();
        assert_eq!(shown, answer["errors"][0]);
    }
}
