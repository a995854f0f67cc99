//! Event ids, idempotency keys and names of destinations.

use std::collections::HashMap;

use fanfare_events::{
    DestinationName, EVENT_ID_NAMESPACE, Event, EventId, IDEMPOTENCY_NAMESPACE, IdempotencyKey,
};
use uuid::Uuid;

fn destination(name: &str) -> DestinationName {
    name.parse().expect("the test names a valid destination")
}

#[test]
fn the_namespaces_never_change() {
    for (namespace, frozen, name) in [
        (EVENT_ID_NAMESPACE, "91730cd8-e94f-5382-8805-cc1baf968bb0", "urn:fanfare:event-id"),
        (
            IDEMPOTENCY_NAMESPACE,
            "a3442604-f912-51a1-87e3-07ad3e44d271",
            "urn:fanfare:idempotency-key",
        ),
    ] {
        assert_eq!(namespace.to_string(), frozen);
        assert_eq!(namespace, Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()));
    }
}

/// Computed with another language's UUIDv5 over the netstrings.
#[test]
fn derived_ids_never_change() {
    let id = EventId::from_key("/signup", "order-17");
    assert_eq!(id.as_str(), "c0fbc21c-a1dc-59c7-bd14-596651d06d0e");

    let id = EventId::new("019342a5-0c00-7000-8000-000000000001").unwrap();
    let key = IdempotencyKey::from_parts("/signup", &id, &destination("hubspot"));
    assert_eq!(key.to_string(), "b823c5b4-7f5b-5044-b8ac-aba692b8d4d6");

    let id = EventId::new("é").unwrap();
    let key = IdempotencyKey::from_parts("/caf%C3%A9", &id, &destination("sendgrid"));
    assert_eq!(key.to_string(), "08c9bf24-669b-532e-a7d0-025c09bf196e");
    assert_eq!(Uuid::from(key), key.as_uuid());
    assert_eq!(serde_json::to_string(&key).unwrap(), format!("\"{key}\""));
}

#[test]
fn a_key_depends_on_source_id_and_destination_only() {
    let event = |event_type, source, id: &str| {
        Event::builder(event_type, source).id(EventId::new(id).unwrap()).build().unwrap()
    };
    let hubspot = destination("hubspot");
    let key = IdempotencyKey::of(&event("a", "/s", "1"), &hubspot);
    assert_eq!(key, IdempotencyKey::of(&event("b", "/s", "1"), &hubspot));
    assert_ne!(key, IdempotencyKey::of(&event("a", "/t", "1"), &hubspot));
    assert_ne!(key, IdempotencyKey::of(&event("a", "/s", "2"), &hubspot));
    assert_ne!(key, IdempotencyKey::of(&event("a", "/s", "1"), &destination("sendgrid")));
}

#[test]
fn parts_of_a_key_cannot_run_into_each_other() {
    assert_ne!(EventId::from_key("/a", "bc"), EventId::from_key("/ab", "c"));
    assert_ne!(EventId::from_key("/a", "1:b,"), EventId::from_key("/a,1:1:b,", ""));
    let id = |text| EventId::new(text).unwrap();
    assert_ne!(
        IdempotencyKey::from_parts("/a", &id("b,7:c"), &destination("hubspot")),
        IdempotencyKey::from_parts("/a,1:b", &id("7:c"), &destination("hubspot")),
    );
}

#[test]
fn event_ids_are_text_of_1_to_255_bytes() {
    for id in ["1", "scan \"7\"", "é", &"x".repeat(255)] {
        assert_eq!(EventId::new(id).unwrap().to_string(), id);
        let json = serde_json::to_string(&EventId::new(id).unwrap()).unwrap();
        assert_eq!(serde_json::from_str::<EventId>(&json).unwrap().as_str(), id);
    }
    for id in ["", "a\nb", "\u{7f}", &"x".repeat(256), &"é".repeat(128)] {
        assert!(EventId::new(id).is_err(), "{id:?}");
        assert!(id.parse::<EventId>().is_err(), "{id:?}");
    }
    let new = Uuid::parse_str(EventId::new_v7().as_str()).expect("a new id is a UUID");
    assert_eq!(new.get_version_num(), 7);
}

#[test]
fn destinations_have_short_plain_names() {
    for name in ["a", "hubspot", "web-hook-2", "a-", &"a".repeat(40)] {
        assert_eq!(destination(name).as_str(), name);
    }
    for name in
        ["", "2fa", "-a", "Hubspot", "hub.spot", "hub_spot", "hub spot", "é", &"a".repeat(41)]
    {
        let error = name.parse::<DestinationName>().unwrap_err();
        assert_eq!(error.found, name);
        assert!(error.to_string().contains("begins with a-z"), "{error}");
        assert!(serde_json::from_value::<DestinationName>(name.into()).is_err());
    }
    let limits = HashMap::from([(destination("hubspot"), 64)]);
    assert_eq!(limits.get("hubspot"), Some(&64));
}
