//! An event becomes one webhook that its receiver can trust.

use std::time::{SystemTime, UNIX_EPOCH};

use fanfare_delivery::{Destination, Outcome, Trouble};
use serde_json::{Value, json};

use crate::story::{OLD_SECRET, SECRET, Story, event, key};

const HERE: (&str, &str) = ("WEBHOOK_ALLOW_NETWORKS", "127.0.0.0/8");

#[tokio::test]
async fn a_webhook_is_verified_by_its_receiver() {
    let story = Story::new().await;
    let event = event();
    assert_eq!(story.deliver(&event, 1).await, Outcome::Delivered);

    let received = story.receiver.received();
    assert_eq!(received.len(), 1, "one call per attempt");
    received[0].verify(SECRET).unwrap();
    received[0].verify(OLD_SECRET).unwrap_err();
    assert_eq!(received[0].header("webhook-id"), key(&event).to_string());
    assert_eq!(received[0].header("content-type"), "application/cloudevents+json");
    assert_eq!(received[0].body, event.to_json());
}

#[tokio::test]
async fn the_body_takes_the_form_of_the_standard_on_request() {
    let story = Story::with([], &[HERE, ("WEBHOOK_BODY", "standard")]).await;
    let event = event();
    assert_eq!(story.deliver(&event, 1).await, Outcome::Delivered);
    let received = &story.receiver.received()[0];
    received.verify(SECRET).unwrap();
    assert_eq!(received.header("content-type"), "application/json");
    let body: Value = serde_json::from_slice(&received.body).unwrap();
    let expected = json!({
        "type": "user.registered",
        "timestamp": event.time().unwrap().as_str(),
        "data": { "user_id": "u-1", "first_name": "Zoë" },
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn a_later_attempt_has_the_same_id_and_is_signed_afresh() {
    let story = Story::with([503], &[HERE]).await;
    let event = event();
    let started = seconds_since_1970();
    assert_eq!(story.deliver(&event, 1).await.label(), "retry");
    // The clock of the header ticks in whole seconds, so calls are made until it has.
    let mut number = 1;
    let received = loop {
        number += 1;
        assert_eq!(story.deliver(&event, number).await, Outcome::Delivered);
        let received = story.receiver.received();
        let timestamp = |index: usize| received[index].header("webhook-timestamp").to_owned();
        if timestamp(0) != timestamp(received.len() - 1) {
            break received;
        }
        assert!(seconds_since_1970() <= started + 10, "the timestamp does not follow the clock");
    };
    let (first, last) = (&received[0], &received[received.len() - 1]);
    assert_eq!(first.header("webhook-id"), last.header("webhook-id"));
    assert_ne!(first.header("webhook-signature"), last.header("webhook-signature"));
    for webhook in [first, last] {
        webhook.verify(SECRET).unwrap();
        let timestamp: u64 = webhook.header("webhook-timestamp").parse().unwrap();
        assert!((started..=seconds_since_1970()).contains(&timestamp));
    }
}

#[tokio::test]
async fn while_rotating_either_secret_verifies() {
    let both = format!("{SECRET},{OLD_SECRET}");
    let story = Story::with([], &[HERE, ("WEBHOOK_SECRET", &both)]).await;
    assert_eq!(story.deliver(&event(), 1).await, Outcome::Delivered);
    let received = &story.receiver.received()[0];
    received.verify(SECRET).unwrap();
    received.verify(OLD_SECRET).unwrap();
    received.verify("whsec_plJ3nmyCDGBKInavdOK15jsl").unwrap_err();
}

#[tokio::test]
async fn the_status_decides_whatever_the_body_says() {
    for (status, label) in [
        (202, "delivered"),
        (204, "delivered"),
        (301, "rejected"),
        (308, "rejected"),
        (400, "rejected"),
        (401, "hold"),
        (404, "rejected"),
        (409, "rejected"),
        (410, "hold"),
        (429, "hold"),
        (500, "retry"),
        (501, "rejected"),
        (502, "retry"),
        (504, "retry"),
    ] {
        let story = Story::with([status], &[HERE]).await;
        let outcome = story.deliver(&event(), 1).await;
        assert_eq!(outcome.label(), label, "{status}");
        assert_eq!(story.receiver.received().len(), 1, "{status}: nothing is followed or repeated");
        if status == 410 {
            assert!(matches!(outcome, Outcome::Hold { trouble: Trouble::Disabled, .. }));
        }
    }
}

#[tokio::test]
async fn the_guard_lets_nothing_through_that_is_not_public() {
    let story = Story::with([], &[]).await;
    let outcome = story.deliver(&event(), 1).await;
    let Outcome::Hold { reason, trouble: Trouble::Untrusted, .. } = &outcome else {
        panic!("{outcome:?}");
    };
    let expected = "the API's address is not public, and not among those that are allowed";
    assert_eq!(reason.text, expected);
    assert!(story.receiver.received().is_empty());
}

#[tokio::test]
async fn what_cannot_be_a_body_is_rejected_without_a_call() {
    let story = Story::with([], &[HERE, ("WEBHOOK_BODY", "standard")]).await;
    let picture = fanfare_events::Event::builder("avatar.changed", "/signup")
        .binary_data("image/png", b"\x89PNG".to_vec())
        .build()
        .unwrap();
    let outcome = story.deliver(&picture, 1).await;
    assert_eq!(outcome.label(), "rejected");
    assert!(outcome.reason().unwrap().text.contains("are not JSON"));
    assert!(story.receiver.received().is_empty());
}

#[tokio::test]
async fn every_type_is_delivered_and_no_token_is_printed() {
    let story = Story::new().await;
    for event_type in ["user.registered", "order.paid", "x"] {
        assert!(story.webhook.handles(event_type), "{event_type}");
    }
    let address = story.receiver.address;
    assert_eq!(story.webhook.address(), Some((address.ip().to_string(), address.port())));
    let printed = format!("{:?}", story.webhook);
    assert!(!printed.contains("canary") && !printed.contains("MfKQ9r8G"), "{printed}");
}

fn seconds_since_1970() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}
