//! A user's email changes: one contact before, one contact after, whatever happens between.

use fanfare_delivery::Outcome;
use fanfare_sandbox::mock::{Control, Fault, Moment, Rule};
use serde_json::json;

use crate::story::{READ, Story, UPSERT, deleted, moved, reason, registered};

const OLD: &str = "ada@old.example";
const NEW: &str = "ada@new.example";

fn looked_up_and_written() -> Vec<String> {
    vec![READ.to_owned(), UPSERT.to_owned()]
}

#[tokio::test]
async fn the_contact_moves_and_keeps_its_record() {
    let story = Story::new().await;
    assert_eq!(story.deliver(&registered(OLD)).await, Outcome::Delivered);
    let record = story.mock.state()["contacts"][OLD]["id"].clone();

    let (outcome, calls) = story.calls_of(&moved(OLD, NEW)).await;
    assert_eq!((outcome, calls), (Outcome::Delivered, looked_up_and_written()));
    assert_eq!(story.emails(), [NEW]);
    assert_eq!(story.mock.state()["contacts"][NEW]["id"], record);
    assert_eq!(story.contact(NEW), Some(json!({ "email": NEW, "firstname": "Ada" })));
}

#[tokio::test]
async fn a_move_that_is_repeated_changes_nothing() {
    let story = Story::new().await;
    assert_eq!(story.deliver(&registered(OLD)).await, Outcome::Delivered);
    let moved = moved(OLD, NEW);
    assert_eq!(story.deliver(&moved).await, Outcome::Delivered);

    let (outcome, calls) = story.calls_of(&moved).await;
    assert_eq!((outcome, calls), (Outcome::Delivered, looked_up_and_written()));
    assert_eq!(story.mock.totals().effects, 0);
    assert_eq!(story.emails(), [NEW]);
}

#[tokio::test]
async fn a_move_whose_answer_was_lost_ends_with_one_contact() {
    let story = Story::new().await;
    assert_eq!(story.deliver(&registered(OLD)).await, Outcome::Delivered);
    let moved = moved(OLD, NEW);
    let faults = [Fault::pass(), Fault::reset(Moment::AfterRead)];
    story.mock.control(Control::script(faults)).unwrap();
    assert_eq!(story.deliver(&moved).await.label(), "ambiguous");
    assert_eq!(story.deliver(&moved).await, Outcome::Delivered);
    assert_eq!(story.emails(), [NEW]);
}

#[tokio::test]
async fn a_move_that_overtook_the_registration_creates_the_contact() {
    let story = Story::new().await;
    assert_eq!(story.deliver(&moved(OLD, NEW)).await, Outcome::Delivered);
    assert_eq!(story.emails(), [NEW]);
}

#[tokio::test]
async fn two_contacts_are_left_to_a_person() {
    let story = Story::new().await;
    for email in [OLD, NEW] {
        assert_eq!(story.deliver(&registered(email)).await, Outcome::Delivered);
    }
    let (outcome, calls) = story.calls_of(&moved(OLD, NEW)).await;
    assert_eq!((outcome.label(), calls), ("rejected", vec![READ.to_owned()]));
    let state = story.mock.state();
    for email in [OLD, NEW] {
        let record = state["contacts"][email]["id"].as_str().unwrap();
        assert!(reason(&outcome).contains(record), "{}", reason(&outcome));
    }
    assert!(!reason(&outcome).contains('@'), "{}", reason(&outcome));
}

#[tokio::test]
async fn a_move_of_a_deleted_contact_back_and_forth_stays_one_contact() {
    let story = Story::new().await;
    for event in [registered(OLD), moved(OLD, NEW), moved(NEW, OLD), deleted(NEW), moved(OLD, NEW)]
    {
        assert_eq!(story.deliver(&event).await, Outcome::Delivered);
    }
    assert_eq!(story.emails(), [NEW]);
}

#[tokio::test]
async fn a_look_up_that_fails_is_followed_by_no_write() {
    for (fault, label) in [
        (Fault::status(503), "retry"),
        (Fault::status(429), "hold"),
        (Fault::status(403), "hold"),
        (Fault::status(400), "rejected"),
        // Looking has no effect: nothing is ambiguous about it.
        (Fault::reset(Moment::AfterRead), "retry"),
        (Fault::truncate(), "retry"),
    ] {
        let story = Story::new().await;
        let what = format!("{fault:?}");
        story.mock.control(Control::rules([Rule { fault, ..Rule::default() }])).unwrap();
        let (outcome, calls) = story.calls_of(&moved(OLD, NEW)).await;
        assert_eq!((outcome.label(), calls), (label, vec![READ.to_owned()]), "{what}");
    }
}
