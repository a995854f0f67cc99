//! SendGrid says no, or nothing: one call, and the outcome that the design's table has for it.

use std::time::Duration;

use fanfare_delivery::{Outcome, Trouble};
use fanfare_sandbox::mock::{Control, Fault, Moment, Options, RateLimit};

use crate::story::{KEY, Story, registered};

async fn answered(fault: Fault) -> Outcome {
    let story = Story::of([fault]).await;
    let outcome = story.deliver(&registered("ada@example.org")).await;
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
        (405, "rejected"),
        (413, "rejected"),
        (408, "retry"),
        (500, "retry"),
        (501, "rejected"),
        (503, "retry"),
    ] {
        let outcome = answered(Fault::status(status)).await;
        assert_eq!(outcome.label(), label, "{status}");
        assert_eq!(outcome.reason().unwrap().status, Some(status));
    }
}

#[tokio::test]
async fn a_refused_key_or_sender_holds_the_destination() {
    for (status, words) in [(401, "authorization grant is invalid"), (403, "Sender Identity")] {
        let outcome = answered(Fault::status(status)).await;
        assert_eq!(hold(&outcome), Some((Trouble::Unauthorized, None)), "{status}");
        let reason = &outcome.reason().unwrap().text;
        assert!(reason.starts_with("SendGrid says: ") && reason.contains(words), "{reason}");
    }
}

#[tokio::test]
async fn a_wrong_key_is_repeated_nowhere() {
    let options = Options { token: Some("another".into()), ..Options::default() };
    let story = Story::with(options, &[]).await;
    let outcome = story.deliver(&registered("ada@example.org")).await;
    assert_eq!(hold(&outcome), Some((Trouble::Unauthorized, None)));
    assert!(!format!("{outcome:?}{:?}", story.sendgrid).contains(KEY));
}

#[tokio::test]
async fn a_bad_address_is_rejected_in_sendgrids_own_words() {
    let story = Story::new().await;
    let outcome = story.deliver(&registered("nobody")).await;
    let expected = "SendGrid says: Does not contain a valid address. \
                    (personalizations.0.to.0.email)";
    assert_eq!(outcome.label(), "rejected");
    assert_eq!(outcome.reason().unwrap().text, expected);
    assert_eq!(outcome.reason().unwrap().status, Some(400));
}

#[tokio::test]
async fn a_full_window_is_waited_out_by_sendgrids_own_clock() {
    let interval = Duration::from_secs(600);
    let rate_limit = Some(RateLimit { max: 1, interval, daily: 100 });
    let story = Story::with(Options { rate_limit, ..Options::default() }, &[]).await;
    let registered = registered("ada@example.org");
    assert_eq!(story.deliver(&registered).await, Outcome::Delivered);
    let outcome = story.deliver(&registered).await;
    let Some((Trouble::Throttled, Some(pause))) = hold(&outcome) else { panic!("{outcome:?}") };
    // Both clocks of the answer tick in whole seconds, and some passed since the first call.
    assert!((Duration::from_secs(590)..=Duration::from_secs(602)).contains(&pause), "{pause:?}");
    assert_eq!(story.mock.totals().requests, 2);
}

#[tokio::test]
async fn of_two_waits_the_longer_is_kept() {
    let far = "99999999999";
    for (fault, expected) in [
        (Fault::status(429), None),
        (Fault::status(429).retry_after("7"), Some(7)),
        (Fault::status(429).retry_after("7").header("x-ratelimit-reset", "1"), Some(7)),
        (Fault::status(429).header("x-ratelimit-reset", "1"), Some(0)),
        (Fault::status(429).header("x-ratelimit-reset", far), None),
    ] {
        let outcome = answered(fault.clone()).await;
        let expected = expected.map(Duration::from_secs);
        assert_eq!(hold(&outcome), Some((Trouble::Throttled, expected)), "{fault:?}");
    }
}

#[tokio::test]
async fn no_answer_is_ambiguous_and_no_connection_is_not() {
    for fault in [Fault::hang(Moment::AfterRead), Fault::reset(Moment::AfterRead)] {
        assert_eq!(answered(fault.clone()).await.label(), "ambiguous", "{fault:?}");
    }
    let story = Story::new().await;
    story.mock.go_down().await.unwrap();
    let outcome = story.deliver(&registered("ada@example.org")).await;
    assert_eq!(hold(&outcome), Some((Trouble::Unreachable, None)));
}

#[tokio::test]
async fn a_body_that_is_not_sendgrids_says_as_much_as_its_status() {
    let story = Story::new().await;
    let fault = Fault::status(401).body_bytes(200_000);
    story.mock.control(Control::script([fault])).unwrap();
    let outcome = story.deliver(&registered("ada@example.org")).await;
    assert_eq!(hold(&outcome), Some((Trouble::Unauthorized, None)));
    assert_eq!(outcome.reason().unwrap().text, "the API answered 401 Unauthorized");
}
