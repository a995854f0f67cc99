//! Answers that the mock does not give to a batch of one, word for word.

use fanfare_delivery::{Destination, Outcome, Trouble};
use fanfare_events::Event;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::story::{attempt, deleted, hubspot, key, reason, registered, settings};

/// Delivers to an API that answers one call with these words, and hears no second one.
async fn answered(event: &Event, status: &str, body: &str) -> Outcome {
    let api = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", api.local_addr().unwrap());
    let hubspot = hubspot(settings(&[("HUBSPOT_BASE_URL", &base_url)]).unwrap());
    let length = body.len();
    let answer =
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    let serve = async move {
        let (mut caller, _) = api.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"]}") {
            assert_ne!(caller.read_buf(&mut request).await.unwrap(), 0, "the request ends early");
        }
        caller.write_all(answer.as_bytes()).await.unwrap();
    };
    let attempt = attempt(event);
    tokio::join!(hubspot.deliver(&attempt), serve).0
}

async fn mixed(event: &Event, body: Value) -> Outcome {
    answered(event, "207 Multi-Status", &body.to_string()).await
}

fn error(event: &Event, category: &str) -> Value {
    json!({
        "status": "error", "category": category, "message": "as HubSpot has it",
        "context": { "objectWriteTraceId": [key(event).to_string()] }, "errors": [], "links": {},
    })
}

#[tokio::test]
async fn a_mixed_answer_is_read_by_our_trace_id() {
    let event = registered("ada@example.com");
    let result = json!({ "id": "1", "objectWriteTraceId": key(&event).to_string() });
    let other = json!({ "category": "VALIDATION_ERROR", "message": "about another" });
    let written = json!({ "status": "COMPLETE", "results": [result], "errors": [other] });
    assert_eq!(mixed(&event, written).await, Outcome::Delivered);

    let refused = json!({ "results": [], "errors": [other, error(&event, "VALIDATION_ERROR")] });
    let outcome = mixed(&event, refused).await;
    assert_eq!(outcome.label(), "rejected");
    assert_eq!(reason(&outcome), "HubSpot says VALIDATION_ERROR: as HubSpot has it");
    assert_eq!(outcome.reason().unwrap().status, Some(207));

    let conflict = json!({ "results": [], "errors": [error(&event, "OBJECT_ALREADY_EXISTS")] });
    assert_eq!(mixed(&event, conflict).await.label(), "retry");
}

#[tokio::test]
async fn a_mixed_answer_without_our_trace_id_is_about_our_only_contact() {
    let event = registered("ada@example.com");
    let silent = json!({ "status": "COMPLETE", "results": [{ "id": "1", "new": true }] });
    assert_eq!(mixed(&event, silent).await, Outcome::Delivered);
    let nameless = json!({ "errors": [{ "category": "VALIDATION_ERROR", "message": "no" }] });
    assert_eq!(mixed(&event, nameless).await.label(), "rejected");
}

#[tokio::test]
async fn a_mixed_answer_that_cannot_be_read_is_asked_for_again() {
    let event = registered("ada@example.com");
    let outcome = answered(&event, "207 Multi-Status", "<html>").await;
    assert_eq!(outcome.label(), "retry");
}

#[tokio::test]
async fn a_look_up_that_failed_for_a_reason_is_not_taken_for_an_absence() {
    let event = deleted("ada@example.com");
    let body = json!({ "results": [], "errors": [error(&event, "MISSING_SCOPES")] });
    let outcome = mixed(&event, body).await;
    assert!(matches!(outcome, Outcome::Hold { trouble: Trouble::Unauthorized, .. }), "{outcome:?}");
    assert_eq!(answered(&event, "200 OK", "<html>").await.label(), "retry");
}

#[tokio::test]
async fn the_limit_per_second_is_waited_out_in_a_second() {
    let body = json!({ "status": "error", "errorType": "RATE_LIMIT", "policyName": "SECONDLY" });
    let event = registered("ada@example.com");
    let outcome = answered(&event, "429 Too Many Requests", &body.to_string()).await;
    let Outcome::Hold { trouble: Trouble::Throttled, pause: Some(pause), .. } = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(pause.as_secs(), 1);
}
