//! Many contacts in one call.

use fanfare_delivery::{Batched, Destination, Outcome};
use fanfare_events::Event;
use fanfare_sandbox::mock::{Control, Fault, Moment, Rule};
use serde_json::{Value, json};

use crate::story::{Story, deleted, event, hubspot, key, moved, reason, registered, settings};

/// Registrations of so many; these numbers have an address that is none.
fn registrations(count: usize, bad: &[usize]) -> Vec<Event> {
    let email = |number| match bad.contains(&number) {
        true => format!("user{number} at example.com"),
        false => format!("user{number}@example.com"),
    };
    (0..count).map(|number| registered(&email(number))).collect()
}

fn updated(email: &str, changes: &Value) -> Event {
    let mut data = json!({ "user_id": "u-1", "email": email });
    data.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    event("user.updated", &data)
}

fn each(batched: Batched) -> Vec<Outcome> {
    match batched {
        Batched::Each(outcomes) => outcomes,
        Batched::All(_) | Batched::Refused { .. } => {
            panic!("no outcomes of their own: {batched:?}")
        }
    }
}

/// Delivers as the engine does: what is refused as a whole, in halves.
async fn deliver_in_halves(story: &Story, events: &[Event]) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    let mut to_call = vec![events];
    while let Some(part) = to_call.pop() {
        match story.deliver_batch(part).await {
            Batched::Each(of_part) => outcomes.extend(of_part),
            Batched::All(outcome) => outcomes.extend(part.iter().map(|_| outcome.clone())),
            Batched::Refused { .. } => {
                let (first, second) = part.split_at(part.len() / 2);
                to_call.extend([second, first]);
            }
        }
    }
    outcomes
}

fn assert_only_these_are_rejected(bad: &[usize], outcomes: &[Outcome]) {
    for (number, outcome) in outcomes.iter().enumerate() {
        if bad.contains(&number) {
            assert_eq!(outcome.label(), "rejected", "{number}");
            let own = format!("user{number} at example.com");
            assert!(reason(outcome).contains(&own), "{number}: {}", reason(outcome));
        } else {
            assert_eq!(*outcome, Outcome::Delivered, "{number}");
        }
    }
}

#[tokio::test]
async fn a_hundred_contacts_are_one_call() {
    let story = Story::new().await;
    let events = registrations(100, &[]);
    assert_eq!(story.deliver_batch(&events).await, Batched::All(Outcome::Delivered));
    assert_eq!(story.mock.totals().requests, 1);
    for event in &events {
        assert_eq!(story.mock.tally(&key(event).to_string()).effects, 1);
    }
}

#[tokio::test]
async fn three_bad_contacts_of_a_hundred_fall_alone_and_at_once() {
    let (story, bad) = (Story::new().await, [7, 50, 99]);
    let outcomes = each(story.deliver_batch(&registrations(100, &bad)).await);
    assert_eq!(outcomes.len(), 100);
    assert_only_these_are_rejected(&bad, &outcomes);
    let totals = story.mock.totals();
    assert_eq!((totals.requests, totals.effects), (1, 97));
}

#[tokio::test]
async fn without_outcomes_of_their_own_they_are_found_by_halving() {
    let (story, bad) = (Story::new().await, [7, 50, 99]);
    story.mock.control(Control { whole_batches: true, ..Control::default() }).unwrap();
    let events = registrations(100, &bad);
    let refused = story.deliver_batch(&events).await;
    assert!(matches!(refused, Batched::Refused { .. }), "{refused:?}");
    assert_eq!(story.mock.totals().effects, 0);

    story.mock.clear_log();
    let outcomes = deliver_in_halves(&story, &events).await;
    assert_eq!(outcomes.len(), 100);
    assert_only_these_are_rejected(&bad, &outcomes);
    let totals = story.mock.totals();
    assert_eq!(totals.effects, 97);
    // At most two calls a level for each: 3 * 2 * log2(100), less what they have in common.
    assert!(totals.requests <= 39, "{} calls", totals.requests);
}

#[tokio::test]
async fn events_of_one_contact_become_one_input_in_which_the_later_wins() {
    let story = Story::new().await;
    let events = [
        updated("ada@example.com", &json!({ "first_name": "A", "last_name": "Byron" })),
        registered("bea@example.com"),
        updated("ADA@example.com", &json!({ "first_name": "Ada" })),
        updated("ada@example.com", &json!({ "last_name": "Lovelace" })),
    ];
    assert_eq!(story.deliver_batch(&events).await, Batched::All(Outcome::Delivered));
    let expected =
        json!({ "email": "ada@example.com", "firstname": "Ada", "lastname": "Lovelace" });
    assert_eq!(story.contact("ada@example.com"), Some(expected));
    let call = &story.mock.log()[0];
    assert_eq!(call.keys, [key(&events[3]).to_string(), key(&events[1]).to_string()]);
}

#[tokio::test]
async fn of_two_events_of_one_contact_only_the_bad_one_falls() {
    let story = Story::new().await;
    let bad = updated("ada@example.com", &json!({ "last_name": "Forbidden" }));
    let good = updated("ada@example.com", &json!({ "first_name": "Ada" }));
    let rule = Rule::body_contains("Forbidden", Fault::status(400));
    story.mock.control(Control::rules([rule])).unwrap();
    let outcomes = deliver_in_halves(&story, &[bad, good]).await;
    assert_eq!(outcomes[0].label(), "rejected");
    assert_eq!(outcomes[1], Outcome::Delivered);
    assert_eq!(story.mock.totals().requests, 3);
}

#[tokio::test]
async fn what_shares_no_call_is_told_apart_and_delivered_all_the_same() {
    let unreadable = event("user.registered", &json!({ "user_id": "u-1" }));
    let others =
        [deleted("ada@example.com"), moved("ada@example.com", "b@example.com"), unreadable];
    let hubspot = hubspot(settings(&[]).unwrap());
    assert!(hubspot.fits_batch(&registered("ada@example.com")));
    for other in &others {
        assert!(!hubspot.fits_batch(other), "{other:?}");
    }
    let story = Story::new().await;
    let mut events = vec![registered("ada@example.com")];
    events.extend(others);
    let outcomes = each(story.deliver_batch(&events).await);
    let labels: Vec<_> = outcomes.iter().map(Outcome::label).collect();
    assert_eq!(labels, ["delivered", "delivered", "delivered", "rejected"]);
    assert_eq!(story.emails(), ["b@example.com"]);
}

#[tokio::test]
async fn an_answer_to_the_call_is_an_answer_to_all() {
    for (fault, label) in [
        (Fault::status(401), "hold"),
        (Fault::status(404), "rejected"),
        // Too many writes at once, whoever they are about.
        (Fault::status(423), "retry"),
        (Fault::status(429), "hold"),
        (Fault::status(503), "retry"),
        (Fault::status(503).retry_after("3"), "hold"),
        (Fault::hang(Moment::AfterRead), "ambiguous"),
        (Fault::reset(Moment::AfterRead), "ambiguous"),
        (Fault::truncate(), "delivered"),
    ] {
        let story = Story::of([fault.clone()]).await;
        match story.deliver_batch(&registrations(3, &[])).await {
            Batched::All(outcome) => assert_eq!(outcome.label(), label, "{fault:?}"),
            other => panic!("{fault:?}: {other:?}"),
        }
        assert_eq!(story.mock.totals().requests, 1);
    }
    for status in [400, 409, 413, 422] {
        let story = Story::of([Fault::status(status)]).await;
        let batched = story.deliver_batch(&registrations(3, &[])).await;
        assert!(matches!(batched, Batched::Refused { .. }), "{status}: {batched:?}");
    }
}

#[tokio::test]
async fn a_mixed_answer_that_breaks_off_is_asked_for_again() {
    let story = Story::of([Fault::truncate()]).await;
    let events = registrations(3, &[1]);
    let labels: Vec<_> =
        each(story.deliver_batch(&events).await).iter().map(Outcome::label).collect();
    assert_eq!(labels, ["retry"; 3]);
    assert_only_these_are_rejected(&[1], &each(story.deliver_batch(&events).await));
    assert_eq!(story.mock.totals().effects, 2, "repeating has no effect");
}

#[tokio::test]
async fn an_answer_about_a_hundred_is_read_to_its_end() {
    let story = Story::new().await;
    let long_name = "x".repeat(4_000);
    let mut events: Vec<_> = (0..99)
        .map(|number| {
            updated(&format!("user{number}@example.com"), &json!({ "first_name": long_name }))
        })
        .collect();
    events.push(registered("user99 at example.com"));
    assert_only_these_are_rejected(&[99], &each(story.deliver_batch(&events).await));
}
