//! Making events: defaults, and what cannot be made.

use fanfare_events::{
    AttributeProblem, AttributeValue, Event, EventBuilder, EventData, EventId, InvalidEvent,
    MAX_EVENT_BYTES,
};
use serde_json::{Value, json};
use time::{Date, Duration, Month, OffsetDateTime, UtcOffset};

fn order() -> EventBuilder {
    Event::builder("order.paid", "/shop")
}

fn problem(builder: EventBuilder) -> (String, AttributeProblem) {
    match builder.build() {
        Err(InvalidEvent::Attribute(error)) => (error.name, error.problem),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_event_has_an_id_and_a_time_of_its_own() {
    let before = OffsetDateTime::now_utc() - Duration::MILLISECOND;
    let (one, two) = (order().build().unwrap(), order().build().unwrap());
    let after = OffsetDateTime::now_utc();
    assert!(one.id() < two.id(), "ids are sorted by time");
    let time = one.time().expect("the builder sets a time").instant();
    assert!((before..=after).contains(&time), "{time}");
    assert_eq!(time.microsecond() % 1000, 0);
    assert!(one.data().is_none());
    assert_eq!(one.datacontenttype(), None);
}

#[test]
fn everything_that_is_set_is_in_the_event() {
    let event = order()
        .id(EventId::new("e-1").unwrap())
        .subject("order/7")
        .time(OffsetDateTime::UNIX_EPOCH + Duration::milliseconds(1))
        .datacontenttype("application/vnd.shop+json")
        .dataschema("https://shop.example/order.json")
        .extension("zone", "eu")
        .extension("tries", 3)
        .extension("urgent", true)
        .data(&json!({"sum": 5}))
        .build()
        .unwrap();
    assert_eq!(
        String::from_utf8(event.to_json()).unwrap(),
        concat!(
            r#"{"specversion":"1.0","id":"e-1","source":"/shop","type":"order.paid","#,
            r#""subject":"order/7","time":"1970-01-01T00:00:00.001Z","#,
            r#""datacontenttype":"application/vnd.shop+json","#,
            r#""dataschema":"https://shop.example/order.json","#,
            r#""tries":3,"urgent":true,"zone":"eu","data":{"sum":5}}"#
        )
    );
    assert_eq!(event.extension("tries"), Some(&AttributeValue::Integer(3)));
}

#[test]
fn a_key_makes_the_id() {
    let one = order().idempotency_key("order-17").build().unwrap();
    let two = order().idempotency_key("order-17").subject("another").build().unwrap();
    assert_eq!(one.id(), two.id());
    assert_eq!(one.id(), &EventId::from_key("/shop", "order-17"));
    let elsewhere = Event::builder("order.paid", "/mall").idempotency_key("order-17");
    assert_ne!(elsewhere.build().unwrap().id(), one.id());
    let (name, empty) = problem(order().idempotency_key(""));
    assert_eq!((name.as_str(), empty), ("idempotency key", AttributeProblem::Empty));
}

#[test]
fn data_brings_its_content_type() {
    assert_eq!(order().data("paid").build().unwrap().datacontenttype(), Some("application/json"));
    let image = order().binary_data("image/png", vec![1, 2]).build().unwrap();
    assert_eq!(image.datacontenttype(), Some("image/png"));
    assert_eq!(image.data(), Some(&EventData::Binary(vec![1, 2])));
    let nothing = order().data(&()).build().unwrap();
    assert!(nothing.data().is_none());
    let raw = serde_json::value::RawValue::from_string(r#" { "a" : 1.0 } "#.to_owned()).unwrap();
    match order().raw_data(raw).build().unwrap().data() {
        Some(EventData::Json(raw)) => assert_eq!(raw.get(), r#"{ "a" : 1.0 }"#),
        other => panic!("{other:?}"),
    }
}

#[test]
fn attributes_that_break_a_rule_are_refused() {
    use AttributeProblem::{BadName, Empty, ForbiddenCharacter, Malformed, ReservedName, TooLong};
    for (builder, name, expected) in [
        (Event::builder("", "/"), "type", Empty),
        (Event::builder(&"t".repeat(256), "/"), "type", TooLong { size: 256, limit: 255 }),
        (Event::builder("t", ""), "source", Empty),
        (Event::builder("t", "my shop"), "source", Malformed { expected: "a URI reference" }),
        (order().subject(""), "subject", Empty),
        (order().subject("a\tb"), "subject", ForbiddenCharacter { character: '\t' }),
        (order().dataschema("v1"), "dataschema", Malformed { expected: "an absolute URI" }),
        (order().datacontenttype("x"), "datacontenttype", Malformed { expected: "a media type" }),
        (order().extension("Zone", 1), "Zone", BadName),
        (order().extension("data_base64", 1), "data_base64", BadName),
        (order().extension("id", "x"), "id", ReservedName),
        (order().extension("zone", "\u{0}"), "zone", ForbiddenCharacter { character: '\0' }),
    ] {
        assert_eq!(problem(builder), (name.to_owned(), expected));
    }
}

#[test]
fn times_that_rfc_3339_cannot_write_are_refused() {
    let before_christ = Date::from_calendar_date(-1, Month::January, 1).unwrap();
    let with_seconds = UtcOffset::from_hms(1, 0, 1).unwrap();
    for time in
        [before_christ.midnight().assume_utc(), OffsetDateTime::UNIX_EPOCH.to_offset(with_seconds)]
    {
        assert_eq!(problem(order().time(time)).0, "time");
    }
}

#[test]
fn data_that_cannot_be_read_back_is_refused() {
    let unwritable = std::collections::HashMap::from([(vec![1], 1)]);
    let error = order().data(&unwritable).build().unwrap_err();
    assert!(matches!(error, InvalidEvent::Unserializable(_)), "{error:?}");

    let nested = |levels| (0..levels).fold(json!(1), |inner, _| Value::Array(vec![inner]));
    assert!(Event::from_json(&order().data(&nested(63)).build().unwrap().to_json()).is_ok());
    let error = order().data(&nested(64)).build().unwrap_err();
    assert!(matches!(error, InvalidEvent::TooDeep { .. }), "{error:?}");
}

#[test]
fn an_event_may_be_as_large_as_the_limit() {
    let sized = |size: usize| {
        let event = order().id(EventId::new("e").unwrap()).time(OffsetDateTime::UNIX_EPOCH);
        event.data(&"x".repeat(size)).build()
    };
    let overhead = sized(0).unwrap().to_json().len();
    let largest = sized(MAX_EVENT_BYTES - overhead).unwrap().to_json();
    assert_eq!(largest.len(), MAX_EVENT_BYTES);
    assert!(Event::from_json(&largest).is_ok());
    let error = sized(MAX_EVENT_BYTES - overhead + 1).unwrap_err();
    assert!(matches!(error, InvalidEvent::TooLarge { limit: MAX_EVENT_BYTES }), "{error:?}");
    // Escapes count: every quote becomes two bytes.
    let quotes = order().extension("zone", "\"".repeat(MAX_EVENT_BYTES / 2)).build();
    assert!(matches!(quotes, Err(InvalidEvent::TooLarge { .. })), "{quotes:?}");
}
