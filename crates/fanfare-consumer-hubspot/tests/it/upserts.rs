//! Registrations and updates become contacts, one call each.

use fanfare_delivery::{Destination, Outcome};
use fanfare_sandbox::mock::{Fault, KeyTally};
use serde_json::json;

use crate::story::{
    Story, UPSERT, attempt, deleted, event, hubspot, key, reason, registered, settings,
};

#[tokio::test]
async fn a_registration_becomes_a_contact_in_one_call() {
    let story = Story::new().await;
    let registered = event(
        "user.registered",
        &json!({
            "user_id": "u-1", "email": "ada@example.com", "registered_at": "2026-01-02T03:04:05Z",
            "first_name": "Ada", "last_name": "Lovelace", "locale": "en-GB",
        }),
    );
    assert_eq!(story.calls_of(&registered).await, (Outcome::Delivered, vec![UPSERT.to_owned()]));
    let expected = json!({
        "email": "ada@example.com", "firstname": "Ada", "lastname": "Lovelace",
        "hs_language": "en-gb",
    });
    assert_eq!(story.contact("ada@example.com"), Some(expected));
    assert_eq!(story.mock.log()[0].keys, [key(&registered).to_string()]);
}

#[tokio::test]
async fn delivering_twice_changes_nothing_the_second_time() {
    let story = Story::new().await;
    let registered = registered("ada@example.com");
    for _ in 0..2 {
        assert_eq!(story.deliver(&registered).await, Outcome::Delivered);
    }
    let tally = story.mock.tally(&key(&registered).to_string());
    assert_eq!(tally, KeyTally { accepted: 2, effects: 1 });
}

#[tokio::test]
async fn an_update_writes_what_it_has_and_leaves_the_rest() {
    let story = Story::new().await;
    let full = json!({
        "user_id": "u-1", "email": "ada@example.com", "first_name": "Ada", "last_name": "Byron",
    });
    let partial = json!({ "user_id": "u-1", "email": "ada@example.com", "last_name": "Lovelace" });
    for data in [full, partial] {
        let (outcome, calls) = story.calls_of(&event("user.updated", &data)).await;
        assert_eq!((outcome, calls.len()), (Outcome::Delivered, 1));
    }
    let expected =
        json!({ "email": "ada@example.com", "firstname": "Ada", "lastname": "Lovelace" });
    assert_eq!(story.contact("ada@example.com"), Some(expected));
}

#[tokio::test]
async fn odd_characters_arrive_as_they_are() {
    let story = Story::new().await;
    let name = "Zoë \"Z\"\r\nAuthorization: Bearer x\u{0}\u{1f600}";
    let data = json!({
        "user_id": "u-1", "email": "o'neil+tag@example.com", "first_name": name,
        "registered_at": "2026-01-02T03:04:05Z",
    });
    let (outcome, calls) = story.calls_of(&event("user.registered", &data)).await;
    assert_eq!((outcome, calls), (Outcome::Delivered, vec![UPSERT.to_owned()]));
    assert_eq!(story.contact("o'neil+tag@example.com").unwrap()["firstname"], name);
}

#[tokio::test]
async fn data_that_is_not_what_the_type_promises_is_rejected_without_a_call() {
    let story = Story::new().await;
    for (event_type, data, expected) in [
        ("user.registered", json!({ "user_id": "u-1" }), "data.email is missing"),
        ("user.updated", json!({ "user_id": "u-1", "email": 7 }), "data.email is an integer"),
        ("user.deleted", json!({ "email": "ada@example.com" }), "data.user_id is missing"),
    ] {
        let outcome = story.deliver(&event(event_type, &data)).await;
        assert_eq!(outcome.label(), "rejected", "{event_type}");
        assert!(reason(&outcome).starts_with(expected), "{}", reason(&outcome));
    }
    assert_eq!(story.mock.totals().requests, 0);
}

#[tokio::test]
async fn the_dated_path_is_called_where_it_is_set() {
    let story = Story::new().await;
    let dated = settings(&[
        ("HUBSPOT_BASE_URL", &format!("{}/proxy/", story.mock.base_url())),
        ("HUBSPOT_UPSERT_PATH", "/crm/objects/2026-03/contacts/batch/upsert"),
    ]);
    let hubspot = hubspot(dated.unwrap());
    // The mock has no dated paths: what counts is where the call went.
    let outcome = hubspot.deliver(&attempt(&deleted("ada@example.com"))).await;
    assert_eq!(outcome.label(), "rejected");
    let paths: Vec<_> = story.mock.log().into_iter().map(|request| request.path).collect();
    assert_eq!(paths, ["/proxy/crm/objects/2026-03/contacts/batch/read"]);
}

#[tokio::test]
async fn types_that_mean_nothing_to_contacts_are_not_handled() {
    let hubspot = hubspot(settings(&[]).unwrap());
    for handled in ["user.registered", "user.updated", "user.deleted"] {
        assert!(hubspot.handles(handled), "{handled}");
    }
    for other in ["user.registered.v2", "user", "order.placed", ""] {
        assert!(!hubspot.handles(other), "{other}");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_after_a_success_is_a_success() {
    let story = Story::of([Fault::truncate()]).await;
    assert_eq!(story.deliver(&registered("ada@example.com")).await, Outcome::Delivered);
    assert_eq!(story.emails(), ["ada@example.com"]);
    assert_eq!(story.mock.faults_injected(), 1);
}
