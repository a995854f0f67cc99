//! HubSpot says no, or nothing: one call, and the outcome that the design's table has for it.

use std::time::Duration;

use fanfare_delivery::{Destination, Outcome, Trouble};
use fanfare_sandbox::mock::{Api, Fault, MockApi, Moment, Options, RateLimit};
use serde_json::json;

use crate::story::{Story, TOKEN, attempt, event, hubspot, reason, registered, settings};

async fn answered(fault: Fault) -> Outcome {
    let story = Story::of([fault]).await;
    let outcome = story.deliver(&registered("ada@example.com")).await;
    assert_eq!(story.mock.totals().requests, 1, "one call per attempt");
    assert_eq!(story.mock.faults_injected(), 1);
    outcome
}

fn hold(outcome: &Outcome) -> Option<(Trouble, Option<Duration>)> {
    match outcome {
        Outcome::Hold { trouble, pause, .. } => Some((*trouble, *pause)),
        Outcome::Delivered
        | Outcome::Retry { .. }
        | Outcome::Rejected { .. }
        | Outcome::Ambiguous { .. } => None,
    }
}

#[tokio::test]
async fn each_status_has_its_outcome() {
    for (status, label) in [
        (302, "rejected"),
        (400, "rejected"),
        (404, "rejected"),
        (408, "retry"),
        // Two writes met at one contact.
        (409, "retry"),
        (413, "rejected"),
        (423, "retry"),
        (500, "retry"),
        (501, "rejected"),
        (502, "retry"),
        (503, "retry"),
        (521, "retry"),
    ] {
        let outcome = answered(Fault::status(status)).await;
        assert_eq!(outcome.label(), label, "{status}");
        assert_eq!(outcome.reason().unwrap().status, Some(status));
    }
}

#[tokio::test]
async fn credentials_that_are_refused_hold_the_destination() {
    for (status, category) in [(401, "INVALID_AUTHENTICATION"), (403, "MISSING_SCOPES")] {
        let outcome = answered(Fault::status(status)).await;
        assert_eq!(hold(&outcome), Some((Trouble::Unauthorized, None)), "{status}");
        assert!(reason(&outcome).contains(category), "{}", reason(&outcome));
    }
}

#[tokio::test]
async fn a_wrong_token_holds_the_destination_and_is_repeated_nowhere() {
    let options = Options { token: Some("another".into()), ..Options::default() };
    let mock = MockApi::start(Api::HubSpot, options).await.unwrap();
    let hubspot = hubspot(settings(&[("HUBSPOT_BASE_URL", &mock.base_url())]).unwrap());
    let outcome = hubspot.deliver(&attempt(&registered("ada@example.com"))).await;
    assert_eq!(hold(&outcome), Some((Trouble::Unauthorized, None)));
    assert!(!format!("{outcome:?}{hubspot:?}").contains(TOKEN));
}

#[tokio::test]
async fn a_full_window_is_waited_out() {
    let interval = Duration::from_millis(7500);
    let rate_limit = Some(RateLimit { max: 1, interval, daily: 100 });
    let story = Story::with(Options { rate_limit, ..Options::default() }).await;
    let registered = registered("ada@example.com");
    assert_eq!(story.deliver(&registered).await, Outcome::Delivered);
    let (outcome, calls) = story.calls_of(&registered).await;
    assert_eq!(hold(&outcome), Some((Trouble::Throttled, Some(interval))));
    assert_eq!(calls.len(), 1);
}

#[tokio::test]
async fn a_window_without_its_header_is_ten_seconds() {
    let outcome = answered(Fault::status(429)).await;
    assert_eq!(hold(&outcome), Some((Trouble::Throttled, Some(Duration::from_secs(10)))));
}

#[tokio::test]
async fn a_day_that_is_used_up_is_probed_slowly() {
    let rate_limit = Some(RateLimit { daily: 1, ..RateLimit::HUBSPOT_FREE });
    let story = Story::with(Options { rate_limit, ..Options::default() }).await;
    let registered = registered("ada@example.com");
    assert_eq!(story.deliver(&registered).await, Outcome::Delivered);
    let outcome = story.deliver(&registered).await;
    assert_eq!(hold(&outcome), Some((Trouble::Throttled, Some(Duration::from_secs(300)))));
}

#[tokio::test]
async fn a_migration_holds_for_as_long_as_hubspot_says() {
    let outcome = answered(Fault::status(477).retry_after("3600")).await;
    assert_eq!(hold(&outcome), Some((Trouble::Throttled, Some(Duration::from_secs(3600)))));
}

#[tokio::test]
async fn a_locked_contact_is_left_alone_for_two_seconds() {
    let outcome = answered(Fault::status(423)).await;
    assert!(matches!(outcome, Outcome::Retry { after: Some(after), .. } if after.as_secs() == 2));
}

#[tokio::test]
async fn an_unavailable_api_that_says_when_it_is_back_holds_the_destination() {
    let outcome = answered(Fault::status(503).retry_after("imf:+90s")).await;
    assert_eq!(hold(&outcome), Some((Trouble::Throttled, Some(Duration::from_secs(90)))));
}

#[tokio::test]
async fn a_bad_contact_is_rejected_in_hubspots_own_words() {
    let story = Story::new().await;
    for (email, words) in [("not-an-address", "INVALID_EMAIL"), ("", "INVALID_EMAIL")] {
        let (outcome, calls) = story.calls_of(&registered(email)).await;
        assert_eq!((outcome.label(), calls.len()), ("rejected", 1), "{email:?}");
        assert!(reason(&outcome).starts_with("HubSpot says VALIDATION_ERROR: "));
        assert!(reason(&outcome).contains(words), "{}", reason(&outcome));
        assert_eq!(outcome.reason().unwrap().status, Some(400));
    }
}

#[tokio::test]
async fn no_answer_is_ambiguous_and_no_connection_is_not() {
    for fault in [Fault::hang(Moment::AfterRead), Fault::reset(Moment::AfterRead)] {
        assert_eq!(answered(fault.clone()).await.label(), "ambiguous", "{fault:?}");
    }
    let story = Story::new().await;
    story.mock.go_down().await.unwrap();
    let outcome = story.deliver(&registered("ada@example.com")).await;
    assert_eq!(hold(&outcome), Some((Trouble::Unreachable, None)));
}

#[tokio::test]
async fn an_event_of_another_type_is_rejected_without_a_call() {
    let story = Story::new().await;
    let outcome = story.deliver(&event("order.placed", &json!({ "id": 1 }))).await;
    assert_eq!(outcome.label(), "rejected");
    assert_eq!(story.mock.totals().requests, 0);
}
