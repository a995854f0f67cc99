//! Asked whether it has a mail already.

use std::num::NonZeroU32;

use fanfare_delivery::{Attempt, Destination, Outcome};
use fanfare_events::Event;
use fanfare_sandbox::mock::{Control, Fault, Options};

use crate::story::{Story, key, registered};

const ASKED: &str = "/v3/messages";

async fn asking() -> Story {
    Story::with(Options::default(), &[("SENDGRID_ACTIVITY", "true")]).await
}

async fn was_delivered(story: &Story, event: &Event) -> Option<bool> {
    let attempt = Attempt::new(event.clone(), key(event), NonZeroU32::MIN);
    story.sendgrid.was_delivered(&attempt).await
}

fn times_asked(story: &Story) -> usize {
    story.mock.log().iter().filter(|request| request.path == ASKED).count()
}

#[tokio::test]
async fn a_mail_that_was_taken_is_known_by_its_key() {
    let story = asking().await;
    let (ada, bea) = (registered("ada@example.com"), registered("bea@example.com"));
    assert_eq!(story.deliver(&ada).await, Outcome::Delivered);
    assert_eq!(was_delivered(&story, &ada).await, Some(true));
    // It may have been taken a moment ago.
    assert_eq!(was_delivered(&story, &bea).await, None);
    assert_eq!(times_asked(&story), 2);
}

#[tokio::test]
async fn nobody_is_asked_unless_the_settings_say_so() {
    let story = Story::new().await;
    let ada = registered("ada@example.com");
    assert_eq!(story.deliver(&ada).await, Outcome::Delivered);
    assert_eq!(was_delivered(&story, &ada).await, None);
    assert_eq!(times_asked(&story), 0);
}

#[tokio::test]
async fn an_account_that_may_not_ask_cannot_tell() {
    let story = asking().await;
    let ada = registered("ada@example.com");
    assert_eq!(story.deliver(&ada).await, Outcome::Delivered);
    for status in [401, 403, 404, 500] {
        story.mock.control(Control::all(Fault::status(status))).unwrap();
        assert_eq!(was_delivered(&story, &ada).await, None, "{status}");
    }
    assert_eq!(times_asked(&story), 4);
}

#[tokio::test]
async fn too_many_questions_are_followed_by_none() {
    let story = asking().await;
    let ada = registered("ada@example.com");
    assert_eq!(story.deliver(&ada).await, Outcome::Delivered);
    story.mock.control(Control::script([Fault::status(429)])).unwrap();
    for _ in 0..3 {
        assert_eq!(was_delivered(&story, &ada).await, None);
    }
    assert_eq!(times_asked(&story), 1, "the others wait for the next minute");
}
