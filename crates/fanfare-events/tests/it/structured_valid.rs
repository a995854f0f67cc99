//! Structured mode: what is an event, and what is read from it.

use fanfare_events::{AttributeValue, Event, EventData, MAX_EVENT_BYTES, is_structured};

fn read(json: &str) -> Event {
    Event::from_json(json.as_bytes()).unwrap_or_else(|error| panic!("{json}: {error:?}"))
}

/// An event with some more members.
fn with(members: &str) -> String {
    format!(r#"{{"specversion":"1.0","id":"e-1","source":"/shop","type":"order.paid"{members}}}"#)
}

fn json_of(event: &Event) -> Option<&str> {
    match event.data() {
        Some(EventData::Json(raw)) => Some(raw.get()),
        Some(EventData::Binary(_)) | None => None,
    }
}

#[test]
fn four_attributes_are_enough() {
    let event = read(&with(""));
    assert_eq!(event.id().as_str(), "e-1");
    assert_eq!(event.source(), "/shop");
    assert_eq!(event.event_type(), "order.paid");
    assert_eq!(event.subject(), None);
    assert_eq!(event.time(), None);
    assert_eq!(event.datacontenttype(), None);
    assert_eq!(event.dataschema(), None);
    assert_eq!(event.extensions().count(), 0);
    assert!(event.data().is_none());
}

#[test]
fn members_come_in_any_order_and_spelling() {
    let json = " { \"data\" : 1 ,\n\"t\\u0079pe\":\"order.\\u0070aid\",\t\"source\":\"\\/shop\",\r\n\
                \"id\":\"e-1\",\"specversion\":\"1.0\" } \n";
    assert_eq!(read(json), read(&with(r#","data":1"#)));
}

#[test]
fn null_means_not_set() {
    let nulls = r#","subject":null,"time":null,"datacontenttype":null,"dataschema":null,
                   "region":null,"data":null,"data_base64":null"#;
    assert_eq!(read(&with(nulls)), read(&with("")));
    let binary = read(&with(r#","data":null,"data_base64":"aGk=""#));
    assert_eq!(binary.data(), Some(&EventData::Binary(b"hi".to_vec())));
    assert_eq!(json_of(&read(&with(r#","data":1,"data_base64":null"#))), Some("1"));
}

#[test]
fn optional_attributes_are_read() {
    let event = read(&with(
        r##","subject":"order/7 é","datacontenttype":"application/vnd.shop+json; v=2",
            "dataschema":"https://shop.example/order.json#paid","data":{}"##,
    ));
    assert_eq!(event.subject(), Some("order/7 é"));
    assert_eq!(event.datacontenttype(), Some("application/vnd.shop+json; v=2"));
    assert_eq!(event.dataschema(), Some("https://shop.example/order.json#paid"));
}

#[test]
fn a_time_keeps_its_text() {
    for (text, seconds) in [
        ("2026-11-24T09:30:00Z", 1_795_512_600),
        ("2026-11-24t09:30:00z", 1_795_512_600),
        ("2026-11-24T09:30:00.000000000Z", 1_795_512_600),
        ("2026-11-24T09:30:00.1234567890123Z", 1_795_512_600),
        ("2026-11-24T15:15:00+05:45", 1_795_512_600),
        ("2026-11-23T23:30:00-10:00", 1_795_512_600),
        ("2026-11-24T09:30:00-00:00", 1_795_512_600),
        ("2024-02-29T00:00:00Z", 1_709_164_800),
        ("2016-12-31T23:59:60Z", 1_483_228_799),
    ] {
        let event = read(&with(&format!(r#","time":"{text}""#)));
        let time = event.time().expect("a time was given");
        assert_eq!(time.as_str(), text);
        assert_eq!(time.instant().unix_timestamp(), seconds, "{text}");
        assert_eq!(read(std::str::from_utf8(&event.to_json()).unwrap()), event);
    }
}

#[test]
fn extensions_are_booleans_integers_and_strings() {
    let event = read(&with(
        r#","zone":"eu","urgent":true,"late":false,"tries":-2147483648,"x1":2147483647,"note":"""#,
    ));
    let found: Vec<_> = event.extensions().map(|(name, value)| (name, value.clone())).collect();
    assert_eq!(
        found,
        [
            ("late", AttributeValue::Boolean(false)),
            ("note", AttributeValue::from("")),
            ("tries", AttributeValue::Integer(i32::MIN)),
            ("urgent", AttributeValue::Boolean(true)),
            ("x1", AttributeValue::Integer(i32::MAX)),
            ("zone", AttributeValue::from("eu")),
        ]
    );
    assert_eq!(event.extension("zone"), Some(&AttributeValue::from("eu")));
    assert_eq!(event.extension("nowhere"), None);
}

#[test]
fn data_is_kept_as_it_was_written() {
    for data in [
        r#"{ "b" : 1.50, "a":[ 1e2, 12345678901234567890123 ],"b":2 }"#,
        r#""caf\u00e9""#,
        r#""\ud800""#,
        "true",
        "0.10",
        "[\n]",
    ] {
        let event = read(&with(&format!(",\"data\":\n {data} ")));
        assert_eq!(json_of(&event), Some(data));
        let written = String::from_utf8(event.to_json()).expect("JSON is UTF-8");
        assert!(written.ends_with(&format!(r#","data":{data}}}"#)), "{written}");
    }
}

#[test]
fn text_data_stays_a_json_string() {
    let event = read(&with(r#","datacontenttype":"text/plain","data":"paid""#));
    assert_eq!(json_of(&event), Some(r#""paid""#));
}

#[test]
fn base64_is_binary_data() {
    for (text, bytes) in
        [("", &b""[..]), ("AP8=", &b"\x00\xff"[..]), ("+/+/", &b"\xfb\xff\xbf"[..])]
    {
        let event = read(&with(&format!(r#","data_base64":"{text}""#)));
        assert_eq!(event.data(), Some(&EventData::Binary(bytes.to_vec())));
        assert_eq!(read(std::str::from_utf8(&event.to_json()).unwrap()), event);
    }
}

#[test]
fn limits_are_allowed_themselves() {
    let name = "é".repeat(127) + "x";
    assert_eq!(name.len(), 255);
    read(&format!(r#"{{"specversion":"1.0","id":"{name}","source":"/","type":"{name}"}}"#));

    let nested = format!("{}{}", "[".repeat(63), "]".repeat(63));
    read(&with(&format!(r#","data":{nested}"#)));

    let padding = "x".repeat(MAX_EVENT_BYTES - with(r#","data":"""#).len());
    let largest = with(&format!(r#","data":"{padding}""#));
    assert_eq!(largest.len(), MAX_EVENT_BYTES);
    read(&largest);
}

#[test]
fn structured_mode_is_known_by_its_content_type() {
    for content_type in
        ["application/cloudevents+json", "Application/CloudEvents+JSON ; charset=utf-8"]
    {
        assert!(is_structured(content_type), "{content_type}");
    }
    for content_type in ["application/json", "application/cloudevents-batch+json", ""] {
        assert!(!is_structured(content_type), "{content_type}");
    }
}

#[test]
fn debug_output_does_not_show_data() {
    let shown = format!("{:?}", read(&with(r#","data":{"email":"ada@example.com"}"#)));
    assert!(shown.contains("Json(27 bytes)"), "{shown}");
    assert!(!shown.contains("ada"), "{shown}");
}
