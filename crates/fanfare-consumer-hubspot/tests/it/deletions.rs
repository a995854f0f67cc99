//! A user is gone: the contact is archived, once.

use fanfare_delivery::Outcome;
use fanfare_sandbox::mock::{Control, Fault, Moment};

use crate::story::{ARCHIVE, READ, Story, deleted, registered};

#[tokio::test]
async fn the_contact_is_looked_up_and_archived() {
    let story = Story::new().await;
    assert_eq!(story.deliver(&registered("ada@example.com")).await, Outcome::Delivered);
    assert_eq!(story.deliver(&registered("bob@example.com")).await, Outcome::Delivered);

    let (outcome, calls) = story.calls_of(&deleted("Ada@Example.com")).await;
    assert_eq!((outcome, calls), (Outcome::Delivered, vec![READ.to_owned(), ARCHIVE.to_owned()]));
    assert_eq!(story.emails(), ["bob@example.com"]);
    assert_eq!(story.mock.state()["archived"], 1);
}

#[tokio::test]
async fn a_contact_that_does_not_exist_is_gone_already() {
    let story = Story::new().await;
    let (outcome, calls) = story.calls_of(&deleted("nobody@example.com")).await;
    assert_eq!((outcome, calls), (Outcome::Delivered, vec![READ.to_owned()]));
}

#[tokio::test]
async fn an_archive_whose_answer_was_lost_is_repeated_without_harm() {
    let story = Story::new().await;
    assert_eq!(story.deliver(&registered("ada@example.com")).await, Outcome::Delivered);
    let faults = [Fault::pass(), Fault::reset(Moment::AfterRead)];
    story.mock.control(Control::script(faults)).unwrap();
    let deleted = deleted("ada@example.com");
    assert_eq!(story.deliver(&deleted).await.label(), "ambiguous");
    assert_eq!(story.deliver(&deleted).await, Outcome::Delivered);
    assert_eq!(story.mock.state()["archived"], 1);
}

#[tokio::test]
async fn somebody_who_comes_back_is_a_contact_again() {
    let story = Story::new().await;
    for event in
        [registered("ada@example.com"), deleted("ada@example.com"), registered("ada@example.com")]
    {
        assert_eq!(story.deliver(&event).await, Outcome::Delivered);
    }
    assert_eq!(story.emails(), ["ada@example.com"]);
}

#[tokio::test]
async fn an_email_that_looks_like_a_path_deletes_nothing_else() {
    let story = Story::new().await;
    assert_eq!(story.deliver(&registered("ada@example.com")).await, Outcome::Delivered);
    for email in ["../ada@example.com", "..", "?idProperty=email", "100001"] {
        assert_eq!(story.deliver(&deleted(email)).await, Outcome::Delivered, "{email}");
    }
    assert_eq!(story.emails(), ["ada@example.com"]);
}
