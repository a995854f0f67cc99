//! A registration becomes one mail.

use fanfare_delivery::{Destination, Outcome};
use fanfare_sandbox::mock::{Fault, KeyTally, Options};
use serde_json::{Value, json};

use crate::story::{Story, event, key, registered};

fn mails(story: &Story) -> Value {
    story.mock.state()["mails"].clone()
}

#[tokio::test]
async fn a_registration_becomes_a_mail_that_can_be_found_again() {
    let story = Story::new().await;
    let registered = registered("ada@example.org");
    assert_eq!(story.deliver(&registered).await, Outcome::Delivered);

    let requests = story.mock.log();
    assert_eq!(requests.len(), 1, "one call per attempt");
    assert_eq!((requests[0].status, requests[0].path.as_str()), (Some(202), "/v3/mail/send"));
    assert_eq!(requests[0].event_ids, [registered.id().as_str()]);
    let tally = story.mock.tally(&key(&registered).to_string());
    assert_eq!(tally, KeyTally { accepted: 1, effects: 1 });
    let mail = &mails(&story)[0];
    assert_eq!(mail["from"], "hello@example.com");
    assert_eq!(mail["to"], json!(["ada@example.org"]));
    assert_eq!(mail["subject"], "Welcome");
}

#[tokio::test]
async fn a_template_takes_the_place_of_our_text() {
    let changes = [("SENDGRID_TEMPLATE_ID", "d-0123"), ("SENDGRID_FROM_NAME", "Example")];
    let story = Story::with(Options::default(), &changes).await;
    assert_eq!(story.deliver(&registered("ada@example.org")).await, Outcome::Delivered);
    let mail = &mails(&story)[0];
    assert_eq!((&mail["template_id"], &mail["subject"]), (&json!("d-0123"), &Value::Null));
}

#[tokio::test]
async fn the_sandbox_checks_and_delivers_nothing() {
    let story = Story::with(Options::default(), &[("SENDGRID_SANDBOX", "true")]).await;
    assert_eq!(story.deliver(&registered("ada@example.org")).await, Outcome::Delivered);
    assert_eq!(story.deliver(&registered("nobody")).await.label(), "rejected");
    assert_eq!(story.mock.state()["accepted"], 0);
    let statuses: Vec<_> = story.mock.log().iter().map(|request| request.status).collect();
    assert_eq!(statuses, [Some(200), Some(400)]);
}

#[tokio::test]
async fn odd_characters_reach_nobody_else() {
    let story = Story::new().await;
    let data = json!({
        "user_id": "u-1", "email": "o'neil+tag@example.org",
        "registered_at": "2026-01-02T03:04:05Z",
        "first_name": "Ada\r\nBcc: bob@example.org\"}],\"cc\":[{\"email\":\"bob@example.org",
    });
    assert_eq!(story.deliver(&event("user.registered", &data)).await, Outcome::Delivered);
    assert_eq!(mails(&story)[0]["to"], json!(["o'neil+tag@example.org"]));

    let injecting = registered("ada@example.org\r\nBcc: bob@example.org");
    assert_eq!(story.deliver(&injecting).await.label(), "rejected");
    assert_eq!(story.mock.state()["accepted"], 1);
}

#[tokio::test]
async fn data_that_is_not_what_the_type_promises_is_rejected_without_a_call() {
    let story = Story::new().await;
    for (event_type, data, expected) in [
        ("user.registered", json!({ "user_id": "u-1" }), "data.email is missing"),
        ("user.registered", json!(["ada@example.org"]), "data is"),
        ("user.updated", json!({ "user_id": "u-1" }), "event is a \"user.updated\""),
    ] {
        let outcome = story.deliver(&event(event_type, &data)).await;
        assert_eq!(outcome.label(), "rejected", "{expected}");
        let reason = &outcome.reason().unwrap().text;
        assert!(reason.starts_with(expected), "{reason}");
        assert!(!reason.contains('@'), "{reason}");
    }
    assert_eq!(story.mock.totals().requests, 0);
}

#[tokio::test]
async fn only_registrations_are_handled() {
    let story = Story::new().await;
    assert!(story.sendgrid.handles("user.registered"));
    for other in ["user.updated", "user.deleted", "user", ""] {
        assert!(!story.sendgrid.handles(other), "{other}");
    }
    let address = story.mock.address();
    assert_eq!(story.sendgrid.address(), Some((address.ip().to_string(), address.port())));
}

#[tokio::test]
async fn an_answer_that_breaks_off_after_a_success_is_a_success() {
    let story = Story::of([Fault::truncate()]).await;
    assert_eq!(story.deliver(&registered("ada@example.org")).await, Outcome::Delivered);
    assert_eq!(story.mock.faults_injected(), 1);
}
