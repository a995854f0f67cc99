//! What holds for every event and for any bytes.

use fanfare_events::{AttributeValue, DecodeError, Event, EventBuilder, EventData, EventId};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use serde_json::value::RawValue;

/// JSON as people write it: with spaces, escapes, odd numbers and repeated members.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,9})?([eE][+-]?[0-9]{1,2})?",
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
        "\"(\\\\u[0-9a-f]{4}|\\\\n|[\\[{}\\]é ]){0,8}\"",
    ];
    leaf.prop_recursive(6, 40, 5, |inner| {
        let member = ("[ \n]{0,2}", "[a-z]{0,3}", inner.clone())
            .prop_map(|(space, name, value)| format!("{space}\"{name}\"{space}:{value}{space}"));
        prop_oneof![
            vec(inner, 0..5).prop_map(|items| format!("[{}]", items.join(" ,\t"))),
            vec(member, 0..5).prop_map(|members| format!("{{{}}}", members.join(","))),
        ]
    })
}

/// Text that CloudEvents allows.
fn text() -> impl Strategy<Value = String> {
    "[ -~\u{a0}-\u{fdcf}\u{10000}-\u{1fffd}]{1,40}"
}

fn attribute_value() -> impl Strategy<Value = AttributeValue> {
    prop_oneof![
        any::<bool>().prop_map(AttributeValue::from),
        any::<i32>().prop_map(AttributeValue::from),
        text().prop_map(AttributeValue::from),
        Just(AttributeValue::from("")),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let attributes = (
        text(),
        "[a-z][a-z.]{0,20}",
        "/[a-zA-Z0-9/._~-]{0,20}",
        option::of(text()),
        // Nanoseconds from year 0 to year 9999.
        -62_167_219_200_000_000_000_i128..253_402_300_800_000_000_000,
        btree_map("x[a-z0-9]{1,8}", attribute_value(), 0..4),
    );
    let data = prop_oneof![
        Just(None),
        json().prop_map(|json| Some(Ok(json))),
        vec(any::<u8>(), 0..64).prop_map(|bytes| Some(Err(bytes))),
    ];
    (attributes, data).prop_map(|((id, event_type, source, subject, nanos, extensions), data)| {
        let time = time::OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap();
        let mut builder =
            Event::builder(&event_type, &source).id(EventId::new(&id).unwrap()).time(time);
        if let Some(subject) = subject {
            builder = builder.subject(&subject);
        }
        for (name, value) in extensions {
            builder = builder.extension(&name, value);
        }
        with_data(builder, data).build().unwrap()
    })
}

fn with_data(builder: EventBuilder, data: Option<Result<String, Vec<u8>>>) -> EventBuilder {
    match data {
        Some(Ok(json)) => builder.raw_data(RawValue::from_string(json).unwrap()),
        Some(Err(bytes)) => builder.binary_data("application/octet-stream", bytes),
        None => builder,
    }
}

/// Whatever is taken for an event is written no longer than it was, and read back equal.
fn assert_stable(read: Result<Event, DecodeError>, size: usize) {
    if let Ok(event) = read {
        let written = event.to_json();
        assert!(written.len() <= size, "{size} bytes grew to {}", written.len());
        assert_eq!(Event::from_json(&written).unwrap(), event);
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back_equal(event in event()) {
        let written = event.to_json();
        let read = Event::from_json(&written).unwrap();
        prop_assert_eq!(&read, &event);
        prop_assert_eq!(read.to_json(), written);
    }

    #[test]
    fn what_is_written_is_json_to_others(event in event()) {
        let written = event.to_json();
        let value: std::collections::HashMap<&str, &RawValue> = serde_json::from_slice(&written).unwrap();
        let id: String = serde_json::from_str(value["id"].get()).unwrap();
        prop_assert_eq!(id.as_str(), event.id().as_str());
        prop_assert_eq!(value["specversion"].get(), "\"1.0\"");
    }

    #[test]
    fn data_keeps_its_bytes(json in json(), space in "[ \t\r\n]{0,3}") {
        let message = format!(
            "{{\"data\":{space}{json}{space},\"id\":\"e\",\"source\":\"/\",\"type\":\"t\",\"specversion\":\"1.0\"}}"
        );
        let event = Event::from_json(message.as_bytes()).unwrap();
        match event.data() {
            Some(EventData::Json(raw)) => prop_assert_eq!(raw.get(), &json),
            None => prop_assert_eq!("null", &json),
            Some(EventData::Binary(_)) => prop_assert!(false, "JSON became binary"),
        }
        let suffix = format!(",\"data\":{json}}}");
        prop_assert!(json == "null" || event.to_json().ends_with(suffix.as_bytes()));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in vec(any::<u8>(), 0..256)) {
        assert_stable(Event::from_json(&bytes), bytes.len());
    }

    #[test]
    fn no_json_makes_it_panic(json in json()) {
        assert_stable(Event::from_json(json.as_bytes()), json.len());
    }

    #[test]
    fn no_damage_makes_it_panic(
        event in event(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = event.to_json();
        for (index, byte) in damage {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        assert_stable(Event::from_json(&bytes), bytes.len());
    }

    #[test]
    fn no_headers_make_it_panic(
        headers in vec(("(cloudEvents[_:])?(id|source|type|time|[a-zA-Zé_]{0,6})", attribute_value()), 0..8),
        content_type in option::of(prop_oneof![Just("application/json".to_owned()), any::<String>()]),
        body in prop_oneof![vec(any::<u8>(), 0..64), json().prop_map(String::into_bytes)],
    ) {
        let required = [("id", "1"), ("source", "/"), ("type", "t"), ("specversion", "1.0")]
            .map(|(name, value)| (format!("cloudEvents_{name}"), AttributeValue::from(value)));
        let headers: Vec<_> = required.into_iter().chain(headers).collect();
        let headers = headers.iter().map(|(name, value)| (name.as_str(), value.clone()));
        assert_stable(Event::from_binary(headers, content_type.as_deref(), &body), usize::MAX);
    }
}
