//! The control over HTTP, as scripts use it.

use std::num::NonZeroUsize;

use fanfare_sandbox::mock::{Control, Fault, MockApi, Moment, Rule};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{call, post};

async fn put(mock: &MockApi, control: Value) -> (u16, String) {
    let url = mock.base_url() + "/_control";
    let answer = call(Method::PUT, &url, control).await.unwrap();
    (answer.status.as_u16(), answer.text)
}

#[tokio::test]
async fn everything_can_be_said_in_json() {
    let mock = MockApi::sink().await.unwrap();
    let control = json!({
        "latency_ms": 1,
        "jitter_ms": 1,
        "capacity": 40,
        "beyond": { "status": 503 },
        "whole_batches": true,
        "date_skew_s": -5,
        "rules": [
            { "body_contains": "evt-17", "hang": "after_read", "times": 1 },
            { "status": 503, "rate": 0.05, "seed": 7 },
        ],
        "script": [
            { "status": 429, "retry_after": "imf:+3s" },
            { "reset": "before_read" },
            { "truncate": true },
            { "status": 302, "headers": { "location": "http://192.0.2.1/" }, "body_bytes": 9 },
            { "latency_ms": 5 },
            {},
        ],
        "all": { "status": 500 },
    });
    assert_eq!(put(&mock, control).await, (204, String::new()));

    let url = mock.base_url() + "/_control";
    let shown = call(Method::GET, &url, Value::Null).await.unwrap().json();
    let read: Control = serde_json::from_value(shown["control"].clone()).unwrap();
    let expected = Control {
        latency_ms: 1,
        jitter_ms: 1,
        capacity: NonZeroUsize::new(40),
        beyond: Some(Fault::status(503)),
        whole_batches: true,
        date_skew_s: -5,
        rules: vec![
            Rule::body_contains("evt-17", Fault::hang(Moment::AfterRead)).times(1),
            Rule::sometimes(0.05, 7, Fault::status(503)),
        ],
        script: [
            Fault::status(429).retry_after("imf:+3s"),
            Fault::reset(Moment::BeforeRead),
            Fault::truncate(),
            Fault::status(302).header("location", "http://192.0.2.1/").body_bytes(9),
            Fault::slow(5),
            Fault::pass(),
        ]
        .into(),
        all: Some(Fault::status(500)),
    };
    assert_eq!(read, expected);
    assert_eq!(shown["injected"], 0);
}

#[tokio::test]
async fn healing_ends_everything() {
    let mock = MockApi::sink().await.unwrap();
    put(&mock, json!({ "all": { "status": 500 } })).await;
    assert_eq!(post(mock.base_url(), json!({})).await.status, 500);
    let url = mock.base_url() + "/_control";
    assert_eq!(call(Method::DELETE, &url, Value::Null).await.unwrap().status, 204);
    assert_eq!(post(mock.base_url(), json!({})).await.status, 200);
    assert_eq!(mock.faults_injected(), 1);
}

#[tokio::test]
async fn a_control_that_cannot_work_is_refused_and_changes_nothing() {
    let mock = MockApi::sink().await.unwrap();
    put(&mock, json!({ "all": { "status": 500 } })).await;
    let rows = [
        (json!({ "all": { "status": 99 } }), "status 99 is not between 200 and 599"),
        (json!({ "all": { "stauts": 500 } }), "unknown field `stauts`"),
        (json!({ "rules": [{ "rate": 0.1, "sede": 7 }] }), "unknown field `sede`"),
        (json!({ "capacity": 0 }), "expected a nonzero"),
        (json!({ "rules": [{ "rate": 2.0 }] }), "rate 2 is not between 0 and 1"),
        (json!({ "script": [{ "hang": "later" }] }), "unknown variant `later`"),
        (json!({ "all": { "status": 429, "retry_after": "imf:3" } }), "retry_after `imf:3`"),
        (json!({ "all": { "headers": { "bad name": "x" } } }), "header `bad name`"),
        (
            json!({ "all": { "hang": "after_read", "reset": "after_read" } }),
            "a request ends in one way",
        ),
        (json!({ "all": { "hang": "after_read", "status": 500 } }), "a request ends in one way"),
        (json!({ "all": { "truncate": true, "body_bytes": 9 } }), "an answer has one body"),
    ];
    for (control, reason) in rows {
        let (status, text) = put(&mock, control).await;
        assert_eq!(status, 400, "{reason}");
        assert!(text.contains(reason), "{text} does not say: {reason}");
    }
    assert_eq!(post(mock.base_url(), json!({})).await.status, 500, "the first one is in force");
}
