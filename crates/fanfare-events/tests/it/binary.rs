//! Binary mode: attributes in headers, data in the body.

use fanfare_events::{
    AttributeProblem, AttributeValue, DecodeError, Event, EventData, MAX_EVENT_BYTES,
};

type Header = (&'static str, AttributeValue);

fn required() -> Vec<Header> {
    vec![
        ("cloudEvents_specversion", "1.0".into()),
        ("cloudEvents_id", "e-1".into()),
        ("cloudEvents_source", "/shop".into()),
        ("cloudEvents_type", "order.paid".into()),
    ]
}

fn with(headers: impl IntoIterator<Item = Header>) -> Vec<Header> {
    required().into_iter().chain(headers).collect()
}

fn problem(headers: Vec<Header>) -> (String, AttributeProblem) {
    match Event::from_binary(headers, None, b"") {
        Err(DecodeError::Attribute(error)) => (error.name, error.problem),
        other => panic!("{other:?}"),
    }
}

#[test]
fn both_modes_read_the_same_event() {
    let headers = with([
        ("cloudEvents_time", "2026-11-24T09:30:00Z".into()),
        ("cloudEvents_subject", "order/7".into()),
        ("cloudEvents_tries", 3.into()),
        ("cloudEvents_urgent", true.into()),
    ]);
    let binary = Event::from_binary(headers, Some("application/json"), br#"{ "sum": 1.50 }"#);
    let structured = Event::from_json(
        br#"{"specversion":"1.0","id":"e-1","source":"/shop","type":"order.paid",
            "time":"2026-11-24T09:30:00Z","subject":"order/7","tries":3,"urgent":true,
            "datacontenttype":"application/json","data":{ "sum": 1.50 }}"#,
    );
    assert_eq!(binary.unwrap(), structured.unwrap());
}

#[test]
fn both_prefixes_count_in_any_case_and_other_headers_do_not() {
    let headers = [
        ("cloudEvents:specversion", AttributeValue::from("1.0")),
        ("CLOUDEVENTS_id", "e-1".into()),
        ("cloudevents:source", "/shop".into()),
        ("cloudEvents_type", "order.paid".into()),
        ("id", "another".into()),
        ("fanfare-attempt", 3.into()),
        ("traceparent", "00-0-0-00".into()),
        ("cloudEventsfoo", "x".into()),
        ("cloudEvent\u{e9}_x", "x".into()),
    ];
    let event = Event::from_binary(headers, None, b"").unwrap();
    assert_eq!(event, Event::from_binary(required(), None, b"").unwrap());
    assert_eq!(event.extensions().count(), 0);
    assert!(event.data().is_none());
}

#[test]
fn attributes_are_held_to_the_same_rules() {
    let problems = [
        (required()[1..].to_vec(), "specversion", AttributeProblem::Missing),
        (with([("cloudEvents:id", "e-1".into())]), "id", AttributeProblem::Duplicate),
        (with([("cloudEvents_data", "x".into())]), "data", AttributeProblem::ReservedName),
        (with([("cloudEvents_Zone", "x".into())]), "Zone", AttributeProblem::BadName),
        (with([("cloudEvents_", "x".into())]), "", AttributeProblem::BadName),
        (
            with([("cloudEvents_time", 1.into())]),
            "time",
            AttributeProblem::IllTyped { expected: "a string" },
        ),
    ];
    for (headers, name, expected) in problems {
        assert_eq!(problem(headers), (name.to_owned(), expected));
    }
}

#[test]
fn the_content_type_decides_what_the_data_is() {
    for content_type in ["application/json", "text/json; charset=utf-8", "application/a.b+json"] {
        let event = Event::from_binary(required(), Some(content_type), b" [1, 2] ").unwrap();
        assert_eq!(event.datacontenttype(), Some(content_type));
        match event.data() {
            Some(EventData::Json(raw)) => assert_eq!(raw.get(), "[1, 2]"),
            other => panic!("{content_type}: {other:?}"),
        }
    }
    for content_type in [Some("text/plain"), Some("application/octet-stream"), None] {
        let event = Event::from_binary(required(), content_type, b"[1]").unwrap();
        assert_eq!(event.datacontenttype(), content_type);
        assert_eq!(event.data(), Some(&EventData::Binary(b"[1]".to_vec())));
    }
    let empty = Event::from_binary(required(), Some("text/plain"), b"").unwrap();
    assert_eq!(empty.data(), Some(&EventData::Binary(Vec::new())));
    let null = Event::from_binary(required(), Some("application/json"), b"null").unwrap();
    assert!(null.data().is_none());
}

#[test]
fn the_content_type_is_an_attribute_like_others() {
    let headers = with([("cloudEvents_datacontenttype", "text/plain".into())]);
    let event = Event::from_binary(headers.clone(), None, b"x").unwrap();
    assert_eq!(event.datacontenttype(), Some("text/plain"));
    let twice = Event::from_binary(headers, Some("text/html"), b"x");
    assert!(matches!(twice, Err(DecodeError::Attribute(error)) if error.name == "datacontenttype"));
    let malformed = Event::from_binary(required(), Some("text"), b"x");
    assert!(matches!(malformed, Err(DecodeError::Attribute(_))), "{malformed:?}");
}

#[test]
fn bodies_that_break_a_limit_or_their_promise_are_refused() {
    let json = Some("application/json");
    for body in ["", "{", "{} {}", "plain"] {
        let result = Event::from_binary(required(), json, body.as_bytes());
        assert!(matches!(result, Err(DecodeError::DataNotJson(_))), "{body}: {result:?}");
    }
    let latin_1 = Event::from_binary(required(), json, b"\"\xe9\"");
    assert!(matches!(latin_1, Err(DecodeError::NotUtf8 { position: 1 })), "{latin_1:?}");

    let nested = format!("{}{}", "[".repeat(64), "]".repeat(64));
    let deep = Event::from_binary(required(), json, nested.as_bytes());
    assert!(matches!(deep, Err(DecodeError::TooDeep { .. })), "{deep:?}");

    for size in [MAX_EVENT_BYTES + 1, MAX_EVENT_BYTES * 3 / 4] {
        let large = Event::from_binary(required(), None, &vec![0; size]);
        assert!(matches!(large, Err(DecodeError::TooLarge { .. })), "{size}");
    }
    // Before it is parsed, so that a huge body costs nothing.
    let unparsed = Event::from_binary(required(), json, &vec![b'{'; MAX_EVENT_BYTES + 1]);
    assert!(matches!(unparsed, Err(DecodeError::TooLarge { .. })), "{unparsed:?}");

    let fitting = Event::from_binary(required(), None, &vec![0; MAX_EVENT_BYTES * 3 / 4 - 150]);
    let fitting = fitting.unwrap().to_json();
    assert!(Event::from_json(&fitting).is_ok());
}
