//! What the stories of order stand on: events with keys, consumers, and the order of calls.

use std::collections::BTreeMap;

use fanfare_broker::Cause;
use fanfare_events::{Event, EventId};
use fanfare_sandbox::mock::{MockApi, RequestRecord};
use fanfare_tests::{ProgramSettings, World, run_to_end};

pub(super) const DESTINATION: &str = "kept";

/// What a consumer that keeps order is told.
pub(super) const BY_SUBJECT: (&str, &str) = ("FANFARE_ORDERED_BY", "subject");

/// Change `number` of `subject`, from 1; its id tells both.
pub(super) fn change(subject: &str, number: usize) -> Event {
    Event::builder("user.changed", "/tests/order")
        .id(EventId::new(&format!("{subject}/{number}")).unwrap())
        .subject(subject)
        .data(&serde_json::json!({ "change": number }))
        .build()
        .unwrap()
}

pub(super) fn subject(number: usize) -> String {
    format!("user-{number}")
}

/// `each` changes of so many subjects: all first ones, then all second ones.
pub(super) fn changes(subjects: usize, each: usize) -> Vec<Event> {
    let numbers = 1..=each;
    numbers.flat_map(|n| (0..subjects).map(move |s| change(&subject(s), n))).collect()
}

/// The webhook program as `destination`.
pub(super) fn program(world: &World, api: &MockApi, destination: &str) -> ProgramSettings {
    ProgramSettings::default()
        .set("FANFARE_AMQP_URL", world.url())
        .set("FANFARE_NAMESPACE", world.namespace().as_str())
        .set("FANFARE_DESTINATION", destination)
        .set("FANFARE_TIMEOUT", "5s")
        .set("FANFARE_RETRY_BASE", "200ms")
        .set("FANFARE_RETRY_CAP", "1s")
        .set("WEBHOOK_URL", api.base_url())
        .set("WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        .set("WEBHOOK_ALLOW_NETWORKS", "127.0.0.0/8")
}

/// What was carried out, in its order: subject and number of the change.
pub(super) fn effects(api: &MockApi) -> Vec<(String, usize)> {
    let carried_out = |call: &RequestRecord| call.accepted > 0;
    api.log().iter().filter(|call| carried_out(call)).map(told).collect()
}

fn told(call: &RequestRecord) -> (String, usize) {
    let [id] = call.event_ids.as_slice() else { panic!("one event a call: {call:?}") };
    let (subject, number) = id.split_once('/').expect("an id of this stage");
    (subject.to_owned(), number.parse().unwrap())
}

/// Each subject's changes took effect one after the other, none is missing, and what was
/// repeated was the last one. Answers how many repeats there were.
pub(super) fn assert_in_order(effects: &[(String, usize)], subjects: usize, each: usize) -> usize {
    let mut last: BTreeMap<&str, usize> = BTreeMap::new();
    let mut repeats = 0;
    for (subject, number) in effects {
        let last = last.entry(subject).or_default();
        if number == last {
            repeats += 1;
            continue;
        }
        assert_eq!(*number, *last + 1, "of {subject}, after {last}");
        *last = *number;
    }
    assert_eq!(last.len(), subjects);
    assert!(last.values().all(|last| *last == each), "{last:?}");
    repeats
}

/// `fanfare` with `arguments`, about this stage's destination.
pub(super) async fn fanfare(world: &World, arguments: &str) {
    let folder = tempfile::tempdir().unwrap();
    let settings = arguments
        .split(' ')
        .chain(["-d", DESTINATION])
        .fold(ProgramSettings::default(), |settings, argument| settings.argument(argument))
        .set("FANFARE_AMQP_URL", world.url())
        .set("FANFARE_NAMESPACE", world.namespace().as_str())
        .set("FANFARE_AUDIT_LOG", folder.path().join("audit.ndjson").display().to_string());
    let (status, stdout, stderr) = run_to_end("fanfare", &settings).await;
    assert!(status.success(), "fanfare {arguments}: {status}\n{stdout}{stderr}");
}

/// Waits for exactly so many dead letters, and answers their ids and causes, in their order.
pub(super) async fn letters(world: &World, count: u64) -> Vec<(String, Cause)> {
    let dead = world.names(DESTINATION).dead();
    world.until_ready(&dead, count).await;
    let read = world.read(&dead).await;
    read.iter().map(|letter| (letter.id().to_owned(), letter.cause().unwrap())).collect()
}

/// A letter as [`letters`] tells of it.
pub(super) fn letter(subject: &str, number: usize, cause: Cause) -> (String, Cause) {
    (format!("{subject}/{number}"), cause)
}

/// Effects of one subject, by their numbers.
pub(super) fn effects_of(api: &MockApi, subject: &str) -> Vec<usize> {
    let effects = effects(api).into_iter();
    effects.filter(|(other, _)| other == subject).map(|(_, number)| number).collect()
}
