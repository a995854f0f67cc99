//! What other programs rely on: the wire form of each event type, and the published schemas.

use std::fs;
use std::path::{Path, PathBuf};

use fanfare_events::{
    Event, EventBuilder, EventId, Payload, UserDeleted, UserRegistered, UserUpdated, json_schemas,
};
use serde_json::Value;
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn at(text: &str) -> OffsetDateTime {
    OffsetDateTime::parse(text, &Rfc3339).expect("the test writes a valid time")
}

fn typed<P: Payload>(number: u8, payload: &P) -> EventBuilder {
    let id = format!("01935c3e-7c00-7000-8000-{number:012}");
    Event::builder(P::TYPE, "/signup")
        .id(EventId::new(&id).unwrap())
        .subject("u-1815")
        .time(at("2026-11-24T09:30:00.125Z"))
        .payload(payload)
}

#[track_caller]
fn assert_frozen(name: &str, event: EventBuilder) {
    let path = folder("golden").join(name);
    let golden = fs::read_to_string(&path).expect("the golden file is part of the repository");
    let golden = golden.strip_suffix('\n').expect("the golden file ends with one newline");
    let event = event.build().unwrap();
    let written = String::from_utf8(event.to_json()).expect("JSON is UTF-8");
    assert_eq!(
        written, golden,
        "the wire form of {name} has changed. Messages in queues, archives and other languages \
         have the form in golden/{name}: keep writing it. A new optional member belongs into a \
         new golden file, anything else into a new SCHEMA_VERSION"
    );
    let read = Event::from_json(golden.as_bytes());
    assert_eq!(
        read.expect("events that were published must stay readable"),
        event,
        "golden/{name} is read as another event than the one that was published: dead letters \
         and archived events would change their meaning. Keep reading the old form"
    );
}

#[test]
fn user_registered_looks_the_same_forever() {
    let payload = UserRegistered {
        user_id: "u-1815".into(),
        email: "ada@example.com".into(),
        registered_at: at("2026-11-24T09:29:59Z"),
        first_name: Some("Ada".into()),
        last_name: Some("Lovelace".into()),
        locale: Some("en-GB".into()),
    };
    assert_frozen("user.registered.json", typed(1, &payload));
}

#[test]
fn user_updated_looks_the_same_forever() {
    let payload = UserUpdated {
        user_id: "u-1815".into(),
        email: "countess@example.com".into(),
        previous_email: Some("ada@example.com".into()),
        first_name: None,
        last_name: None,
        locale: Some("fr".into()),
    };
    assert_frozen("user.updated.json", typed(2, &payload));
}

#[test]
fn user_deleted_looks_the_same_forever() {
    let payload = UserDeleted { user_id: "u-1815".into(), email: "countess@example.com".into() };
    assert_frozen("user.deleted.json", typed(3, &payload));
}

#[test]
fn a_foreign_event_looks_the_same_forever() {
    let an_hour_east = UtcOffset::from_hms(1, 0, 0).unwrap();
    let event = Event::builder("com.acme.page.scanned", "urn:acme:scanner")
        .id(EventId::new("scan \"7\"").unwrap())
        .time(at("2026-11-24T09:30:00.5Z").to_offset(an_hour_east))
        .extension("page", -7)
        .extension("reviewed", true)
        .extension("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        .binary_data("image/png", b"\x89PNG\r\n\x1a\n".to_vec());
    assert_frozen("foreign.json", event);
}

#[test]
fn the_checked_in_schemas_are_current() {
    for (urn, schema) in json_schemas() {
        let name = urn.trim_start_matches("urn:fanfare:").replace(':', ".");
        let path = folder("schemas").join(format!("{name}.json"));
        let text = fs::read_to_string(&path).unwrap_or_default();
        let checked_in: Value = serde_json::from_str(&text).unwrap_or_default();
        assert_eq!(
            checked_in, schema,
            "schemas/{name}.json is not the schema of its type. If a member was added and is \
             optional, run `cargo run -p fanfare-events --example write_schemas`; anything else \
             needs a new SCHEMA_VERSION"
        );
    }
}

#[test]
fn every_schema_is_named_as_its_events_name_it() {
    let urns: Vec<_> = json_schemas().into_iter().map(|(urn, _)| urn.to_owned()).collect();
    let expected =
        [UserRegistered::schema_urn(), UserUpdated::schema_urn(), UserDeleted::schema_urn()];
    assert_eq!(urns, expected);
    let files = fs::read_dir(folder("schemas")).expect("the schemas are part of the repository");
    assert_eq!(files.count(), urns.len(), "a file in schemas/ belongs to no type");
}
