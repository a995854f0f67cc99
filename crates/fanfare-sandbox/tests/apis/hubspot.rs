//! Mock HubSpot: the batch upsert.

use fanfare_sandbox::mock::{Api, Control, Fault, KeyTally, MockApi, Options, RateLimit};
use reqwest::Method;
use serde_json::json;

use crate::client::{UPSERT, batch, call_as, contact, post};

#[tokio::test]
async fn an_upsert_creates_then_updates_and_counts_only_what_changed() {
    let mock = MockApi::hubspot().await.unwrap();
    let url = mock.base_url() + UPSERT;

    let first = post(&url, batch(&[contact("k1", "Ada@Example.com")])).await;
    assert_eq!(first.status, 200);
    let body = first.json();
    assert_eq!(body["status"], "COMPLETE");
    assert_eq!(body["results"][0]["new"], true);
    assert_eq!(body["results"][0]["objectWriteTraceId"], "k1");

    let again = post(&url, batch(&[contact("k1", "ada@example.com")])).await.json();
    assert_eq!(again["results"][0]["new"], false, "the same contact, whatever the case");
    assert_eq!(again["results"][0]["id"], body["results"][0]["id"]);

    // The second call only changed how the address is written.
    assert_eq!(mock.tally("k1"), KeyTally { accepted: 2, effects: 2 });
    post(&url, batch(&[contact("k1", "ada@example.com")])).await;
    assert_eq!(mock.tally("k1"), KeyTally { accepted: 3, effects: 2 });
    assert_eq!(mock.state()["contacts"].as_object().unwrap().len(), 1);
}

#[tokio::test]
async fn traced_inputs_are_answered_one_by_one() {
    let mock = MockApi::hubspot().await.unwrap();
    let inputs = [contact("good", "ada@example.com"), contact("bad", "not an address")];
    let answer = post(mock.base_url() + UPSERT, batch(&inputs)).await;

    assert_eq!(answer.status, 207);
    let body = answer.json();
    assert_eq!(body["results"].as_array().unwrap().len(), 1);
    assert_eq!(body["results"][0]["objectWriteTraceId"], "good");
    assert_eq!(body["numErrors"], 1);
    let error = &body["errors"][0];
    assert_eq!(error["context"]["objectWriteTraceId"], json!(["bad"]));
    assert_eq!(error["category"], "VALIDATION_ERROR");
    assert!(error["message"].as_str().unwrap().contains("\"error\":\"INVALID_EMAIL\""));
    assert_eq!(mock.tally("good").accepted, 1);
    assert_eq!(mock.tally("bad").accepted, 0);
}

#[tokio::test]
async fn without_trace_ids_one_bad_input_stops_the_whole_batch() {
    let mock = MockApi::hubspot().await.unwrap();
    let mut inputs = [contact("", "ada@example.com"), contact("", "not an address")];
    for input in &mut inputs {
        input.as_object_mut().unwrap().remove("objectWriteTraceId");
    }
    let answer = post(mock.base_url() + UPSERT, batch(&inputs)).await;

    assert_eq!(answer.status, 400);
    let body = answer.json();
    assert_eq!(body["status"], "error");
    assert_eq!(body["category"], "VALIDATION_ERROR");
    assert!(body["message"].as_str().unwrap().starts_with("Property values were not valid: [{"));
    assert_eq!(mock.state()["contacts"], json!({}), "nothing was written");
}

#[tokio::test]
async fn a_batch_can_be_made_to_fail_as_a_whole_although_it_is_traced() {
    let mock = MockApi::hubspot().await.unwrap();
    mock.control(Control { whole_batches: true, ..Control::default() }).unwrap();
    let inputs = [contact("good", "ada@example.com"), contact("bad", "not an address")];
    let url = mock.base_url() + UPSERT;
    let answer = post(&url, batch(&inputs)).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json()["category"], "VALIDATION_ERROR");
    assert_eq!(mock.effects().accepted, 0);
    assert_eq!(post(&url, batch(&inputs[..1])).await.status, 200);
    assert_eq!(mock.tally("good"), KeyTally { accepted: 1, effects: 1 });
}

#[tokio::test]
async fn one_input_without_a_trace_id_stops_a_mixed_batch() {
    let mock = MockApi::hubspot().await.unwrap();
    let mut untraced = contact("", "bea@example.com");
    untraced.as_object_mut().unwrap().remove("objectWriteTraceId");
    let inputs = [contact("k", "ada@example.com"), contact("bad", "not an address"), untraced];
    assert_eq!(post(mock.base_url() + UPSERT, batch(&inputs)).await.status, 400);
    assert_eq!(mock.effects().accepted, 0);
}

#[tokio::test]
async fn with_every_input_bad_there_is_no_multi_status() {
    let mock = MockApi::hubspot().await.unwrap();
    let answer = post(mock.base_url() + UPSERT, batch(&[contact("k", "nobody")])).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json()["errors"][0]["code"], "INVALID_EMAIL");
}

#[tokio::test]
async fn an_unknown_property_is_named() {
    let options = Options { properties: vec!["plan".to_owned()], ..Options::default() };
    let mock = MockApi::start(Api::HubSpot, options).await.unwrap();
    let url = mock.base_url() + UPSERT;
    let mut input = contact("k", "ada@example.com");
    input["properties"]["shoe_size"] = json!("38");
    let answer = post(&url, batch(&[input])).await;
    assert_eq!(answer.status, 400);
    let error = &answer.json()["errors"][0];
    assert_eq!(error["code"], "PROPERTY_DOESNT_EXIST");
    assert_eq!(error["context"]["propertyName"], json!(["shoe_size"]));

    let mut input = contact("k", "ada@example.com");
    input["properties"]["plan"] = json!("pro");
    assert_eq!(post(&url, batch(&[input])).await.status, 200, "the account has this one");
}

#[tokio::test]
async fn an_id_twice_in_a_batch_is_refused_even_when_traced() {
    let mock = MockApi::hubspot().await.unwrap();
    let inputs = [contact("k1", "ada@example.com"), contact("k2", "ADA@example.com")];
    let answer = post(mock.base_url() + UPSERT, batch(&inputs)).await;
    assert_eq!(answer.status, 400);
    let body = answer.json();
    let message = "Duplicate IDs found in batch input: [ada@example.com]. IDs must be unique";
    assert_eq!(body["message"], message);
    assert_eq!(body["context"]["ids"], json!(["ada@example.com"]));
}

#[tokio::test]
async fn a_batch_holds_a_hundred() {
    let mock = MockApi::hubspot().await.unwrap();
    let url = mock.base_url() + UPSERT;
    let inputs: Vec<_> = (0..101)
        .map(|number| contact(&format!("k{number}"), &format!("user{number}@example.com")))
        .collect();
    assert_eq!(post(&url, batch(&inputs[..100])).await.status, 200);
    assert_eq!(post(&url, batch(&inputs)).await.status, 400);
    assert_eq!(mock.effects().effects, 100);
}

#[tokio::test]
async fn what_is_no_batch_is_told_where_it_fails() {
    let mock = MockApi::hubspot().await.unwrap();
    let bodies = [
        json!({ "inputs": [{ "idProperty": "email", "properties": {} }] }),
        json!({ "inputs": [{ "id": "a@b.co", "idProperty": "email" }] }),
        json!({ "inputs": [{ "id": "a@b.co", "idProperty": "email", "properties": { "zip": 1 } }] }),
        json!([]),
    ];
    for body in bodies {
        let answer = post(mock.base_url() + UPSERT, body.clone()).await;
        assert_eq!(answer.status, 400, "{body}");
        let message = answer.json()["message"].as_str().unwrap().to_owned();
        assert!(message.starts_with("Invalid input JSON on line 1, column"), "{message}");
    }
    let by_name = json!({ "id": "Ada", "idProperty": "firstname", "properties": {} });
    let answer = post(mock.base_url() + UPSERT, batch(&[by_name])).await;
    assert!(answer.text.contains("non-unique"), "{}", answer.text);
}

#[tokio::test]
async fn only_the_right_token_is_let_in() {
    let options = Options { token: Some("secret".to_owned()), ..Options::default() };
    let mock = MockApi::start(Api::HubSpot, options).await.unwrap();
    let url = mock.base_url() + UPSERT;
    let body = batch(&[contact("k", "ada@example.com")]);

    let refused = call_as("wrong", Method::POST, &url, body.clone()).await.unwrap();
    assert_eq!(refused.status, 401);
    assert_eq!(refused.json()["category"], "INVALID_AUTHENTICATION");
    assert_eq!(call_as("secret", Method::POST, &url, body.clone()).await.unwrap().status, 200);

    mock.control(Control::all(Fault::status(403))).unwrap();
    let refused = call_as("secret", Method::POST, &url, body).await.unwrap();
    assert_eq!(refused.status, 403);
    assert_eq!(refused.json()["category"], "MISSING_SCOPES");
    assert_eq!(mock.tally("k").accepted, 1);
}

#[tokio::test]
async fn the_rate_limit_speaks_through_headers_and_never_says_retry_after() {
    let rate_limit = Some(RateLimit::per_ten_seconds(2));
    let mock =
        MockApi::start(Api::HubSpot, Options { rate_limit, ..Options::default() }).await.unwrap();
    let url = mock.base_url() + UPSERT;
    let body = batch(&[contact("k", "ada@example.com")]);

    let first = post(&url, body.clone()).await;
    assert_eq!(first.header("x-hubspot-ratelimit-max"), "2");
    assert_eq!(first.header("x-hubspot-ratelimit-remaining"), "1");
    assert_eq!(first.header("x-hubspot-ratelimit-interval-milliseconds"), "10000");
    assert_eq!(first.header("x-hubspot-ratelimit-daily"), "250000");
    assert_eq!(first.header("x-hubspot-ratelimit-daily-remaining"), "249999");
    post(&url, body.clone()).await;

    let refused = post(&url, body).await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.json()["policyName"], "TEN_SECONDLY_ROLLING");
    assert_eq!(refused.json()["errorType"], "RATE_LIMIT");
    assert_eq!(refused.header("x-hubspot-ratelimit-remaining"), "0");
    assert!(!refused.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn an_email_of_another_contact_is_a_conflict() {
    let mock = MockApi::hubspot().await.unwrap();
    let url = mock.base_url() + UPSERT;
    post(&url, batch(&[contact("k1", "ada@example.com"), contact("k2", "bea@example.com")])).await;
    let mut input = contact("k3", "bea@example.com");
    input["properties"]["email"] = json!("ada@example.com");
    let answer = post(&url, batch(&[input])).await;
    assert_eq!(answer.status, 409);
    assert!(answer.json()["message"].as_str().unwrap().starts_with("Contact already exists"));
}
