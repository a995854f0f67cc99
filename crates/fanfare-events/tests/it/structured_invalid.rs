//! Structured mode: everything that is not an event, and that the error says why.

use AttributeProblem::{
    BadName, Duplicate, Empty, ForbiddenCharacter, IllTyped, Malformed, Missing, ReservedName,
    TooLong,
};
use fanfare_events::{AttributeProblem, DecodeError, Event, MAX_EVENT_BYTES, MAX_NESTING};

const STRING: AttributeProblem = IllTyped { expected: "a string" };
const INTEGER: AttributeProblem = IllTyped { expected: "an integer of 32 bits" };
const SIMPLE: AttributeProblem =
    IllTyped { expected: "a boolean, an integer of 32 bits or a string" };
const TIME: AttributeProblem = Malformed { expected: "an RFC 3339 timestamp" };

fn refusal(json: impl AsRef<[u8]>) -> DecodeError {
    let json = json.as_ref();
    match Event::from_json(json) {
        Ok(_) => panic!("taken for an event: {}", String::from_utf8_lossy(json)),
        Err(error) => error,
    }
}

/// An event with some more members.
fn with(members: &str) -> String {
    format!(r#"{{"specversion":"1.0","id":"e-1","source":"/shop","type":"order.paid"{members}}}"#)
}

/// An event whose attribute `name` has the given JSON, or is not there.
fn with_required(name: &str, json: Option<&str>) -> String {
    let members: Vec<_> =
        [("specversion", r#""1.0""#), ("id", r#""e""#), ("source", r#""/""#), ("type", r#""t""#)]
            .into_iter()
            .filter_map(|(known, valid)| {
                let json = if known == name { json? } else { valid };
                Some(format!(r#""{known}":{json}"#))
            })
            .collect();
    format!("{{{}}}", members.join(","))
}

#[track_caller]
fn assert_problem(json: &str, name: &str, problem: &AttributeProblem) {
    match refusal(json) {
        DecodeError::Attribute(error) => {
            assert_eq!((error.name.as_str(), &error.problem), (name, problem), "{json}");
        }
        other => panic!("{json}: {other:?}"),
    }
}

#[test]
fn required_attributes_must_be_there_and_say_something() {
    for name in ["specversion", "id", "source", "type"] {
        assert_problem(&with_required(name, None), name, &Missing);
        assert_problem(&with_required(name, Some("null")), name, &Missing);
        for json in ["1", "1.0", "true", "[]", "{\"a\":[1]}", "[\"1.0\"]"] {
            assert_problem(&with_required(name, Some(json)), name, &STRING);
        }
    }
    for name in ["id", "source", "type"] {
        assert_problem(&with_required(name, Some("\"\"")), name, &Empty);
    }
}

#[test]
fn only_version_1_0_is_understood() {
    for version in ["", "0.3", "0.9", "1", "1.0.2", "1.1", "2.0", " 1.0"] {
        let json = with_required("specversion", Some(&format!("{version:?}")));
        match refusal(&json) {
            DecodeError::UnknownVersion { found } => assert_eq!(found, version),
            other => panic!("{json}: {other:?}"),
        }
    }
}

#[test]
fn optional_attributes_are_absent_or_right() {
    for name in ["subject", "datacontenttype", "dataschema"] {
        assert_problem(&with(&format!(r#","{name}":"""#)), name, &Empty);
    }
    for name in ["subject", "datacontenttype", "dataschema", "time", "data_base64"] {
        for json in ["0", "false", "[]", "{}"] {
            assert_problem(&with(&format!(r#","{name}":{json}"#)), name, &STRING);
        }
    }
    let media_type = Malformed { expected: "a media type" };
    assert_problem(&with(r#","datacontenttype":"json""#), "datacontenttype", &media_type);
    let absolute = Malformed { expected: "an absolute URI" };
    assert_problem(&with(r#","dataschema":"/order.json""#), "dataschema", &absolute);
    let reference = Malformed { expected: "a URI reference" };
    assert_problem(&with_required("source", Some(r#""my shop""#)), "source", &reference);
}

#[test]
fn times_are_rfc_3339() {
    for text in [
        "",
        "noon",
        "2026-11-24",
        "09:30:00Z",
        "2026-11-24T09:30Z",
        "2026-11-24T09:30:00",
        "2026-11-24 09:30:00Z",
        "2026-11-24_09:30:00Z",
        "2026-11-24T09:30:00.Z",
        "2026-11-24T09:30:00,5Z",
        "2026-11-24T09:30:00+1",
        "2026-11-24T09:30:00+01",
        "2026-11-24T09:30:00+0100",
        "2026-11-24T09:30:00+24:00",
        "2026-11-24T09:30:00+aa:00",
        "2026-11-24T09:30:00+01:60",
        "2026-11-24T09:30:00 +01:00",
        "2026-11-24T09:30:00Q",
        "2026-11-24T09:30:00Z ",
        " 2026-11-24T09:30:00Z",
        "2026-11-24T24:00:00Z",
        "2026-11-24T09:60:00Z",
        "2026-11-24T09:30:61Z",
        "2026-13-24T09:30:00Z",
        "2026-02-29T09:30:00Z",
        "2026-11-00T09:30:00Z",
        "26-11-24T09:30:00Z",
        "+2026-11-24T09:30:00Z",
        "20261124T093000Z",
        "1795512600",
    ] {
        assert_problem(&with(&format!(r#","time":"{text}""#)), "time", &TIME);
    }
}

#[test]
fn names_are_lower_case_letters_and_digits() {
    for name in
        ["", "Region", "regioN", "my.name", "my-name", "my_name", "my name", "n\u{e9}", "@id"]
    {
        assert_problem(&with(&format!(r#","{name}":"x""#)), name, &BadName);
        assert_problem(&with(&format!(r#","{name}":null"#)), name, &BadName);
    }
    let long = "A".repeat(100_000);
    assert_problem(&with(&format!(r#","{long}":1"#)), &long[..64], &BadName);
}

#[test]
fn extensions_are_simple_values() {
    for json in ["1.5", "1.0", "1e3", "-0", "[1]", "{}", "18446744073709551616"] {
        assert_problem(&with(&format!(r#","zone":{json}"#)), "zone", &SIMPLE);
    }
    for json in ["2147483648", "-2147483649", "9223372036854775807"] {
        assert_problem(&with(&format!(r#","zone":{json}"#)), "zone", &INTEGER);
    }
}

#[test]
fn control_characters_and_noncharacters_are_refused_everywhere() {
    for (escape, character) in [
        ("\\u0000", '\0'),
        ("\\n", '\n'),
        ("\\u007f", '\x7f'),
        ("\\u0085", '\u{85}'),
        ("\\ufffe", '\u{fffe}'),
    ] {
        let problem = ForbiddenCharacter { character };
        for name in ["id", "source", "type"] {
            assert_problem(&with_required(name, Some(&format!("\"a{escape}\""))), name, &problem);
        }
        for name in ["subject", "datacontenttype", "dataschema", "zone"] {
            assert_problem(&with(&format!(r#","{name}":"a{escape}""#)), name, &problem);
        }
    }
}

#[test]
fn ids_and_types_fit_into_an_amqp_short_string() {
    for name in ["id", "type"] {
        let json = format!("{:?}", "x".repeat(256));
        let problem = TooLong { size: 256, limit: 255 };
        assert_problem(&with_required(name, Some(&json)), name, &problem);
    }
}

#[test]
fn nothing_is_set_twice() {
    for members in [
        r#""id":"e-1""#,
        r#""id":null"#,
        r#""specversion":"1.0""#,
        r#""zone":1,"zone":1"#,
        r#""zone":null,"zone":"eu""#,
        r#""zone":"eu","subject":"x","z\u006fne":"eu""#,
        r#""data":1,"data":1"#,
        r#""data":null,"data":1"#,
        r#""data_base64":"","data_base64":"""#,
    ] {
        let name = members.split('"').nth(1).expect("each case names its attribute first");
        assert_problem(&with(&format!(",{members}")), name, &Duplicate);
    }
}

#[test]
fn data_comes_in_one_form() {
    for members in [
        r#""data":"hi","data_base64":"aGk=""#,
        r#""data_base64":"","data":{}"#,
        r#""data":0,"data_base64":"not base64""#,
    ] {
        let error = refusal(with(&format!(",{members}")));
        assert!(matches!(error, DecodeError::DataTwice), "{members}: {error:?}");
    }
    for text in ["aGk", "aGk=\\n", "a-_=", "a", "====", "aGl=", "é"] {
        let error = refusal(with(&format!(r#","data_base64":"{text}""#)));
        assert!(matches!(error, DecodeError::NotBase64(_)), "{text}: {error:?}");
    }
}

#[test]
fn bytes_must_be_one_json_object() {
    for json in [
        "",
        " ",
        "{",
        "{}}",
        "{} {}",
        "{'id':1}",
        "{\"id\":1,}",
        "{\"id\"}",
        "{\"data\":01}",
        "{\"data\":{\"a\"}}",
        "{\"data\":}",
        "{\"id\":\"\u{1}\"}",
        "{\"id\":\"\\ud800\"}",
        "{\"zone\":1e999}",
        "\u{feff}{}",
        "hello",
    ] {
        let error = refusal(json);
        assert!(matches!(error, DecodeError::NotJson(_)), "{json}: {error:?}");
    }
    for json in ["[]", "null", "1", "\"{}\"", "true"] {
        let error = refusal(json);
        assert!(matches!(error, DecodeError::NotAnObject), "{json}: {error:?}");
    }
    assert_problem("{}", "specversion", &Missing);
}

#[test]
fn bytes_must_be_utf_8() {
    let mut json = with(r#","data":"?""#).into_bytes();
    let at = json.iter().rposition(|&byte| byte == b'?').expect("the data is a question mark");
    json[at] = 0xff;
    let error = refusal(json);
    assert!(matches!(error, DecodeError::NotUtf8 { position } if position == at), "{error:?}");
    let latin_1 = refusal(b"{\"id\":\"caf\xe9\"}");
    assert!(matches!(latin_1, DecodeError::NotUtf8 { position: 10 }), "{latin_1:?}");
}

#[test]
fn nesting_and_size_are_limited_before_anything_is_parsed() {
    for open in ["[", "{\"a\":"] {
        let error = refusal(with(&format!(r#","data":{}"#, open.repeat(MAX_NESTING))));
        assert!(matches!(error, DecodeError::TooDeep { limit: MAX_NESTING }), "{error:?}");
    }
    let error = refusal(vec![b' '; MAX_EVENT_BYTES + 1]);
    assert!(matches!(error, DecodeError::TooLarge { limit: MAX_EVENT_BYTES }), "{error:?}");
}

#[test]
fn data_cannot_be_an_extension() {
    let error = Event::from_binary([("cloudEvents_specversion", "1.0".into())], None, b"");
    assert!(matches!(error, Err(DecodeError::Attribute(error)) if error.problem == Missing));
    let built = Event::builder("t", "/").extension("data", 1).build().unwrap_err();
    assert_eq!(built.to_string(), format!("attribute \"data\" {ReservedName}"));
}

#[test]
fn messages_name_the_attribute_and_the_rule() {
    for (json, message) in [
        (with_required("id", None), r#"attribute "id" is missing"#),
        (with(r#","time":"noon""#), r#"attribute "time" is not an RFC 3339 timestamp"#),
        (with(r#","zone":"\u0007""#), r#"attribute "zone" holds the forbidden character U+0007"#),
        (
            with(r#","My\nName":1"#),
            r#"attribute "My\nName" has a name that is not made of a-z and 0-9 only"#,
        ),
        (
            with_required("specversion", Some("\"0.3\"")),
            r#"specversion is "0.3", only "1.0" is understood"#,
        ),
    ] {
        assert_eq!(refusal(json).to_string(), message);
    }
}
