//! Mock SendGrid: `mail/send`.

use fanfare_sandbox::mock::{Api, KeyTally, MockApi, Options, RateLimit};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{MAIL_SEND, call, call_as, mail, post};

#[tokio::test]
async fn every_accepted_call_is_one_mail() {
    let mock = MockApi::sendgrid().await.unwrap();
    let url = mock.base_url() + MAIL_SEND;
    let first = post(&url, mail("k1")).await;
    assert_eq!((first.status.as_u16(), first.text.as_str()), (202, ""));
    let second = post(&url, mail("k1")).await;
    assert_ne!(first.header("x-message-id"), second.header("x-message-id"));

    assert_eq!(mock.tally("k1"), KeyTally { accepted: 2, effects: 2 }, "there is no idempotency");
    let state = mock.state();
    assert_eq!(state["accepted"], 2);
    assert_eq!(state["mails"][0]["message_id"], first.header("x-message-id"));
    assert_eq!(state["mails"][0]["custom_args"]["event_id"], "evt-1");
    assert_eq!(mock.log()[0].event_ids, ["evt-1"]);
}

#[tokio::test]
async fn what_is_missing_or_wrong_is_named_by_its_path() {
    let mock = MockApi::sendgrid().await.unwrap();
    let without = |name: &str| {
        let mut mail = mail("k");
        mail.as_object_mut().unwrap().remove(name);
        mail
    };
    let with = |pointer: &str, value: Value| {
        let mut mail = mail("k");
        *mail.pointer_mut(pointer).unwrap() = value;
        mail
    };
    let address = json!("not an address");
    let rows = [
        (without("personalizations"), "personalizations", "is required and must have"),
        (without("from"), "from.email", "The from object must be provided"),
        (without("subject"), "subject", "The subject is required"),
        (without("content"), "content", "the content parameter is required"),
        (with("/content/0/value", json!("")), "content.0.value", "at least one character"),
        (with("/personalizations/0/to", json!([])), "personalizations.0.to", "to array"),
        (
            with("/personalizations/0/to/0/email", address.clone()),
            "personalizations.0.to.0.email",
            "Does not contain a valid address.",
        ),
        (with("/from/email", address), "from.email", "Does not contain a valid address."),
    ];
    for (mail, field, message) in rows {
        let answer = post(mock.base_url() + MAIL_SEND, mail).await;
        assert_eq!(answer.status, 400, "{field}");
        let error = &answer.json()["errors"][0];
        assert_eq!(error["field"], field);
        assert!(error["message"].as_str().unwrap().contains(message), "{error}");
        assert!(error["help"].is_string(), "{error}");
    }
    assert_eq!(mock.effects().accepted, 0);
}

#[tokio::test]
async fn custom_args_hold_strings_only() {
    let mock = MockApi::sendgrid().await.unwrap();
    let mut mail = mail("k");
    mail["custom_args"]["attempt"] = json!(1);
    let answer = post(mock.base_url() + MAIL_SEND, mail).await;
    assert_eq!(answer.status, 400);
    let expected = json!({ "errors": [{ "message": "Bad Request", "field": null, "help": null }] });
    assert_eq!(answer.json(), expected);
}

#[tokio::test]
async fn a_template_replaces_subject_and_content() {
    let mock = MockApi::sendgrid().await.unwrap();
    let mut mail = mail("k");
    mail["template_id"] = json!("d-1234");
    for name in ["subject", "content"] {
        mail.as_object_mut().unwrap().remove(name);
    }
    assert_eq!(post(mock.base_url() + MAIL_SEND, mail).await.status, 202);
}

#[tokio::test]
async fn sandbox_mode_validates_and_sends_nothing() {
    let mock = MockApi::sendgrid().await.unwrap();
    let mut mail = mail("k");
    mail["mail_settings"] = json!({ "sandbox_mode": { "enable": true } });
    let answer = post(mock.base_url() + MAIL_SEND, mail).await;
    assert_eq!(answer.status, 200);
    assert!(!answer.headers.contains_key("x-message-id"));
    assert_eq!(mock.effects().accepted, 0);
}

#[tokio::test]
async fn a_mail_over_thirty_megabytes_is_too_large() {
    let mock = MockApi::sendgrid().await.unwrap();
    let mut mail = mail("k");
    mail["content"][0]["value"] = json!("x".repeat(31 << 20));
    let answer = call(Method::POST, &(mock.base_url() + MAIL_SEND), mail).await;
    // The mock answers while the client still writes; clients may see the closing first.
    match answer {
        Ok(answer) => assert_eq!(answer.status, 413),
        Err(error) => assert!(error.is_request(), "{error:?}"),
    }
    assert_eq!(mock.log()[0].status, Some(413));
}

#[tokio::test]
async fn only_the_right_key_is_let_in() {
    let options = Options { token: Some("SG.secret".to_owned()), ..Options::default() };
    let mock = MockApi::start(Api::SendGrid, options).await.unwrap();
    let url = mock.base_url() + MAIL_SEND;
    let refused = call_as("SG.wrong", Method::POST, &url, mail("k")).await.unwrap();
    assert_eq!(refused.status, 401);
    let message = "The provided authorization grant is invalid, expired, or revoked";
    assert_eq!(refused.json()["errors"][0]["message"], message);
    assert_eq!(refused.json()["errors"][0]["field"], Value::Null);
    assert_eq!(call_as("SG.secret", Method::POST, &url, mail("k")).await.unwrap().status, 202);
    assert_eq!(call_as("SG.secret", Method::GET, &url, mail("k")).await.unwrap().status, 405);
}

#[tokio::test]
async fn the_rate_limit_announces_its_reset() {
    let rate_limit = Some(RateLimit::per_ten_seconds(1));
    let options = Options { rate_limit, ..Options::default() };
    let mock = MockApi::start(Api::SendGrid, options).await.unwrap();
    let url = mock.base_url() + MAIL_SEND;
    assert_eq!(post(&url, mail("k")).await.header("x-ratelimit-remaining"), "0");
    let refused = post(&url, mail("k")).await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.json()["errors"][0]["message"], "too many requests");
    let reset: f64 = refused.header("x-ratelimit-reset").parse().unwrap();
    let arrived_s = mock.log()[0].arrived_ms / 1000.0;
    assert!((9.9..12.0).contains(&(reset - arrived_s)), "{reset} after {arrived_s}");
}

#[tokio::test]
async fn mails_are_found_by_a_custom_argument() {
    let mock = MockApi::sendgrid().await.unwrap();
    for key in ["k1", "k2"] {
        post(mock.base_url() + MAIL_SEND, mail(key)).await;
    }
    let search = async |query: &str| {
        let url = reqwest::Url::parse_with_params(
            &(mock.base_url() + "/v3/messages"),
            [("limit", "1"), ("query", query)],
        );
        call(Method::GET, url.unwrap().as_str(), Value::Null).await.unwrap()
    };
    let found = search("(unique_args['idempotency_key']=\"k1\")").await;
    assert_eq!(found.status, 200);
    assert_eq!(found.json()["messages"][0]["to_email"], "ada@example.com");
    let found = search("unique_args['idempotency_key']=\"k3\"").await;
    assert_eq!(found.json()["messages"], json!([]));
    assert_eq!(search("nonsense").await.status, 400);
    assert_eq!(mock.totals().effects, 2, "looking changes nothing");
}
