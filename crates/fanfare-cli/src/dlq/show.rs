//! `fanfare dlq show`: everything about one dead letter.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fanfare_broker::{HeaderValue, Received};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::dead_letter::DeadLetter;
use super::filter::Filter;
use super::mask::mask_event;
use super::scan::DeadLetters;
use crate::failure::Failure;
use crate::output::{Console, plain};
use crate::when;

/// A dead letter with its message; the first members are those of the list.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    letter: DeadLetter,
    content_type: Option<String>,
    routing_key: String,
    published_at: Option<String>,
    /// How often the broker handed this copy over before, looks of operators included.
    delivery_count: u64,
    /// The event's attributes, where they travel in headers.
    #[serde(skip_serializing_if = "Map::is_empty")]
    attributes: Map<String, Value>,
    size: usize,
    #[serde(flatten)]
    body: Body,
}

/// The body under the name that says what it is.
#[derive(Serialize)]
enum Body {
    /// JSON, without what it says about people.
    #[serde(rename = "masked_event")]
    Masked(Value),
    /// JSON as it is.
    #[serde(rename = "event")]
    Revealed(Box<RawValue>),
    /// A text that is no JSON.
    #[serde(rename = "body_text")]
    Text(String),
    /// Bytes that are no text.
    #[serde(rename = "body_base64")]
    Base64(String),
    /// Not JSON, so it cannot be masked, and it was not asked to be revealed.
    #[serde(rename = "body_hidden")]
    Hidden(bool),
}

/// Shows every dead letter of this id: a replay that was interrupted can leave two.
pub(super) async fn show(
    dead_letters: &DeadLetters,
    id: &str,
    reveal: bool,
    console: &mut Console,
) -> Result<(), Failure> {
    let filter = Filter { ids: vec![id.to_owned()], ..Filter::default() };
    let mut scan = dead_letters.scan(&filter).await?;
    let mut found_any = false;
    while let Some(found) = scan.next().await? {
        found_any = true;
        let shown = shown(found.letter, &found.browsed.message, reveal);
        if console.json {
            console.object(&shown)?;
        } else {
            print(&shown, console)?;
        }
    }
    let other_readers = scan.other_readers();
    let left = scan.close().await;
    super::command::remark_on_others(console, other_readers, left);
    if found_any {
        return Ok(());
    }
    let destination = dead_letters.names.destination();
    Err(Failure::NotAsAsked(format!("there is no dead letter {id} of {destination}")))
}

fn shown(letter: DeadLetter, message: &Received, reveal: bool) -> Shown {
    let published = message.timestamp().and_then(|seconds| seconds.checked_mul(1000));
    Shown {
        content_type: message.content_type().map(str::to_owned),
        routing_key: message.routing_key().to_owned(),
        published_at: published.and_then(when::from_epoch_ms).map(when::rfc3339),
        delivery_count: message.delivery_count(),
        attributes: message
            .attribute_headers()
            .map(|(name, value)| (name.to_owned(), header(value)))
            .collect(),
        size: message.body().len(),
        body: body(message.body(), reveal),
        letter,
    }
}

fn header(value: HeaderValue<'_>) -> Value {
    match value {
        HeaderValue::Text(text) => text.into(),
        HeaderValue::Number(number) => number.into(),
        HeaderValue::Boolean(value) => value.into(),
        HeaderValue::Timestamp(seconds) => seconds.into(),
    }
}

fn body(bytes: &[u8], reveal: bool) -> Body {
    if !reveal {
        return match serde_json::from_slice(bytes) {
            Ok(mut event) => {
                mask_event(&mut event);
                Body::Masked(event)
            }
            Err(_) => Body::Hidden(true),
        };
    }
    // Revealed as it came: reading numbers and writing them again could change them.
    match (serde_json::from_slice(bytes), str::from_utf8(bytes)) {
        (Ok(raw), _) => Body::Revealed(raw),
        (Err(_), Ok(text)) => Body::Text(text.to_owned()),
        (Err(_), Err(_)) => Body::Base64(STANDARD.encode(bytes)),
    }
}

fn print(shown: &Shown, console: &mut Console) -> Result<(), Failure> {
    let Ok(Value::Object(members)) = serde_json::to_value(&shown.letter) else { return Ok(()) };
    // In the order of the list, which a map does not keep.
    for name in [
        "id",
        "type",
        "source",
        "destination",
        "cause",
        "status",
        "reason",
        "response",
        "attempts",
        "first_attempt_at",
        "dead_at",
        "consumer",
        "replay",
    ] {
        line(console, name, &members[name])?;
    }
    line(console, "content_type", &shown.content_type.clone().into())?;
    line(console, "routing_key", &shown.routing_key.clone().into())?;
    line(console, "published_at", &shown.published_at.clone().into())?;
    line(console, "delivery_count", &shown.delivery_count.into())?;
    line(console, "size", &shown.size.into())?;
    for (name, value) in &shown.attributes {
        line(console, name, value)?;
    }
    match &shown.body {
        Body::Masked(event) => console.line(format_args!("\n{event:#}"))?,
        Body::Revealed(raw) => console.line(format_args!("\n{}", plain(raw.get())))?,
        Body::Text(text) => console.line(format_args!("\n{}", plain(text)))?,
        Body::Base64(base64) => console.line(format_args!("\nbase64: {base64}"))?,
        Body::Hidden(_) => {
            console.line("\nThe body is no JSON and is not shown; --reveal shows it.")?;
        }
    }
    Ok(())
}

fn line(console: &mut Console, name: &str, value: &Value) -> Result<(), Failure> {
    let text = match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => plain(text),
        other => other.to_string(),
    };
    Ok(console.line(format_args!("{:<18} {text}", plain(name)))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(bytes: &[u8], reveal: bool) -> String {
        serde_json::to_string(&body(bytes, reveal)).unwrap()
    }

    #[test]
    fn a_payload_is_masked_unless_revealed() {
        let event = br#"{"id":"1","data":{"email":"ada@example.com","n":1.10}}"#;
        let masked = json(event, false);
        assert!(masked.contains("masked_event") && masked.contains("a***@e***.com"), "{masked}");
        let revealed = json(event, true);
        assert!(revealed.contains(r#""email":"ada@example.com","n":1.10"#), "{revealed}");
    }

    #[test]
    fn what_is_no_json_is_hidden_unless_revealed() {
        assert_eq!(json(b"secret", false), r#"{"body_hidden":true}"#);
        assert_eq!(json(b"secret", true), r#"{"body_text":"secret"}"#);
        assert_eq!(json(b"\xff\xfe", true), r#"{"body_base64":"//4="}"#);
    }
}
