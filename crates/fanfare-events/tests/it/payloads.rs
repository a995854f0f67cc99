//! Typed payloads: what is read, and the path of what cannot be.

use fanfare_events::{Event, Payload, PayloadError, UserDeleted, UserRegistered, UserUpdated};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;

fn registration() -> Value {
    json!({
        "user_id": "u-1", "email": "ada@example.com", "registered_at": "2026-11-24T09:30:00Z",
    })
}

fn registered(data: &Value) -> Result<UserRegistered, PayloadError> {
    Event::builder("user.registered", "/signup").data(data).build().unwrap().payload()
}

fn refusal(change: impl FnOnce(&mut Value)) -> String {
    let mut data = registration();
    change(&mut data);
    registered(&data).unwrap_err().to_string()
}

#[test]
fn required_members_are_enough() {
    let payload = registered(&registration()).unwrap();
    assert_eq!(payload.user_id, "u-1");
    assert_eq!(payload.email, "ada@example.com");
    assert_eq!(payload.registered_at.unix_timestamp(), 1_795_512_600);
    assert_eq!((payload.first_name, payload.last_name, payload.locale), (None, None, None));
}

#[test]
fn unknown_members_are_ignored_and_null_is_absent() {
    let mut data = registration();
    data["plan"] = json!({"name": "pro"});
    data["locale"] = Value::Null;
    data["first_name"] = "Ada".into();
    let payload = registered(&data).unwrap();
    assert_eq!(payload.locale, None);
    assert_eq!(payload.first_name.as_deref(), Some("Ada"));
}

#[test]
fn a_missing_member_is_named_by_its_path() {
    for member in ["user_id", "email", "registered_at"] {
        let message = refusal(|data| {
            data.as_object_mut().unwrap().remove(member);
        });
        assert_eq!(message, format!("data.{member} is missing"));
    }
    let event = Event::builder("user.deleted", "/").data(&json!({"user_id": "u"})).build().unwrap();
    assert_eq!(event.payload::<UserDeleted>().unwrap_err().to_string(), "data.email is missing");
    let event = Event::builder("user.updated", "/").data(&json!({"email": "a"})).build().unwrap();
    assert_eq!(event.payload::<UserUpdated>().unwrap_err().to_string(), "data.user_id is missing");
}

#[test]
fn an_ill_typed_member_is_named_without_its_value() {
    for (value, kind) in [
        (json!(null), "null"),
        (json!(true), "a boolean"),
        (json!(4711), "an integer"),
        (json!(4711.5), "a number with a fraction"),
        (json!(["secret"]), "an array"),
        (json!({"secret": 1}), "an object"),
    ] {
        let message = refusal(|data| data["email"] = value);
        assert_eq!(message, format!("data.email is {kind}, not a string"));
    }
    let message = refusal(|data| data["locale"] = json!(7));
    assert_eq!(message, "data.locale is an integer, not a string");
    let message = refusal(|data| *data = json!("ada@example.com, expected nothing"));
    assert_eq!(message, "data is a string, not struct UserRegistered");
}

#[test]
fn registered_at_is_rfc_3339() {
    for value in ["yesterday", "2026-11-24", "2026-11-24 09:30:00Z", "2026-11-24T09:30Z"] {
        let message = refusal(|data| data["registered_at"] = value.into());
        assert_eq!(message, "data.registered_at is a string, not an RFC 3339 timestamp");
    }
    let message = refusal(|data| data["registered_at"] = 1_795_512_600.into());
    assert_eq!(message, "data.registered_at is an integer, not a string");
}

#[test]
fn paths_lead_into_nested_payloads() {
    #[derive(Debug, Serialize, Deserialize)]
    struct Cart {
        lines: Vec<Line>,
    }
    #[derive(Debug, Serialize, Deserialize)]
    struct Line {
        sku: String,
        kind: Kind,
    }
    #[derive(Debug, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        Gift,
    }
    impl Payload for Cart {
        const TYPE: &'static str = "cart.left";
        const SCHEMA_VERSION: u32 = 3;
    }
    let read = |data: Value| {
        let event = Event::builder("cart.left", "/shop").data(&data).build().unwrap();
        event.payload::<Cart>().unwrap_err().to_string()
    };
    assert_eq!(
        read(json!({"lines": [{"sku": "a", "kind": "gift"}, {"kind": "gift"}]})),
        "data.lines[1].sku is missing"
    );
    assert_eq!(
        read(json!({"lines": [{"sku": 1, "kind": "gift"}]})),
        "data.lines[0].sku is an integer, not a string"
    );
    let unknown = read(json!({"lines": [{"sku": "a", "kind": "loan"}]}));
    assert_eq!(unknown, "data.lines[0].kind is something else, not `gift`");
    let event = Event::of("/shop", &Cart { lines: Vec::new() }).unwrap();
    assert_eq!(event.dataschema(), Some("urn:fanfare:cart.left:3"));
}

#[test]
fn the_event_must_be_of_the_type_and_version() {
    let data = registration();
    let deleted = Event::builder("user.deleted", "/").data(&data).build().unwrap();
    let error = deleted.payload::<UserRegistered>().unwrap_err();
    assert!(matches!(&error, PayloadError::OtherType { found, .. } if found == "user.deleted"));

    let with_schema = |urn: &str| {
        let event = Event::builder("user.registered", "/").dataschema(urn).data(&data);
        event.build().unwrap().payload::<UserRegistered>()
    };
    assert!(with_schema("urn:fanfare:user.registered:1").is_ok());
    assert!(with_schema("https://signup.example/schema").is_ok());
    for urn in ["urn:fanfare:user.registered:2", "urn:fanfare:user.registered:11"] {
        let error = with_schema(urn).unwrap_err();
        assert!(matches!(error, PayloadError::OtherVersion { expected: 1, .. }), "{error:?}");
    }
}

#[test]
fn data_must_be_json() {
    let event = || Event::builder("user.deleted", "/");
    let read = |event: Event| event.payload::<UserDeleted>();
    let none = read(event().build().unwrap());
    assert!(matches!(none, Err(PayloadError::NoData)), "{none:?}");
    let binary = read(event().binary_data("image/png", vec![1]).build().unwrap());
    assert!(matches!(binary, Err(PayloadError::NotJsonData)), "{binary:?}");

    let json = br#"{"user_id":"u","email":"a"}"#;
    let base64 = event().binary_data("application/json", json.to_vec()).build().unwrap();
    assert_eq!(read(base64).unwrap().user_id, "u");
    for broken in [&b"{"[..], b"{\"user_id\":\"u\",\"email\":\"a\"} {}", b"\xff"] {
        let broken = event().binary_data("application/json", broken.to_vec()).build().unwrap();
        let error = read(broken).unwrap_err();
        assert!(matches!(error, PayloadError::NotJson(_)), "{error:?}");
    }
    let surrogate = br#"{"specversion":"1.0","id":"1","source":"/","type":"user.deleted",
                         "data":{"user_id":"\ud800","email":"a"}}"#;
    let error = read(Event::from_json(surrogate).unwrap()).unwrap_err();
    assert!(matches!(error, PayloadError::NotJson(_)), "{error:?}");
}

#[test]
fn a_typed_event_carries_type_and_schema() {
    let payload = UserRegistered {
        user_id: "u-1".into(),
        email: "ada@example.com".into(),
        registered_at: OffsetDateTime::UNIX_EPOCH,
        first_name: None,
        last_name: Some("Lovelace".into()),
        locale: None,
    };
    let event = Event::of("/signup", &payload).unwrap();
    assert_eq!(event.event_type(), "user.registered");
    assert_eq!(event.dataschema(), Some("urn:fanfare:user.registered:1"));
    assert_eq!(event.datacontenttype(), Some("application/json"));
    assert_eq!(event.payload::<UserRegistered>().unwrap(), payload);
}
