//! Order where several events share a call.

use std::collections::HashMap;

use fanfare_events::{Event, EventId, IdempotencyKey, UserRegistered};
use fanfare_sandbox::mock::{Control, Fault, MockApi, Rule};
use fanfare_tests::{RunningConsumer, World, hubspot};

use super::stage::{BY_SUBJECT, DESTINATION, assert_in_order, subject};
use super::until_all_took_effect;

const CONTACTS: usize = 30;
const EACH: usize = 6;

/// Registration `number` of a contact, from 1: the last one is what HubSpot is to keep.
fn registration(contact: &str, number: usize) -> Event {
    let user = UserRegistered {
        user_id: contact.to_owned(),
        email: format!("{contact}@example.org"),
        registered_at: time::OffsetDateTime::UNIX_EPOCH,
        first_name: Some(format!("Name {number}")),
        last_name: None,
        locale: None,
    };
    Event::builder("user.registered", "/tests/order")
        .id(EventId::new(&format!("{contact}/{number}")).unwrap())
        .subject(contact)
        .payload(&user)
        .build()
        .unwrap()
}

#[tokio::test]
async fn a_call_that_many_share_holds_one_event_of_a_key_and_they_stay_in_order() {
    let world = World::start().await;
    world.declare_ordered(DESTINATION).await;
    let mock = MockApi::hubspot().await.unwrap();
    let refused = Rule::sometimes(0.2, 5, Fault::status(503));
    mock.control(Control::rules([refused])).unwrap();
    let mut told = HashMap::new();
    let mut events = Vec::new();
    for number in 1..=EACH {
        for contact in (0..CONTACTS).map(subject) {
            let event = registration(&contact, number);
            let key = IdempotencyKey::of(&event, &DESTINATION.parse().unwrap()).to_string();
            told.insert(key, (contact, number));
            events.push(event);
        }
    }
    world.publish(&events).await;
    let retries = [BY_SUBJECT, ("FANFARE_RETRY_BASE", "100ms")];
    // Long enough that those who may share a call are there in time on a busy machine as well.
    let sink = hubspot(&mock, &[("HUBSPOT_BATCH_WAIT", "500ms")]);
    let consumer = RunningConsumer::with(&world, DESTINATION, sink, &retries);
    until_all_took_effect(&mock, CONTACTS * EACH).await;
    consumer.stop().await;

    let carried_out = mock.log().into_iter().filter(|call| call.accepted > 0);
    let calls: Vec<_> = carried_out.map(|call| call.keys).collect();
    let effects: Vec<_> = calls.iter().flatten().map(|key| told[key].clone()).collect();
    assert_eq!(assert_in_order(&effects, CONTACTS, EACH), 0, "repeats");
    for keys in &calls {
        let mut contacts: Vec<_> = keys.iter().map(|key| &told[key].0).collect();
        contacts.sort();
        let count = contacts.len();
        contacts.dedup();
        assert_eq!(contacts.len(), count, "two events of a contact in one call: {keys:?}");
    }
    assert!(calls.len() < CONTACTS * EACH / 4, "{} calls are hardly shared", calls.len());
    assert_eq!(world.ready(&world.names(DESTINATION).dead()).await, 0);
    world.end().await;
}
