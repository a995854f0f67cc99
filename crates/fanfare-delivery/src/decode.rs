//! From a message to the event in it.

use fanfare_broker::{HeaderValue, Received};
use fanfare_events::{AttributeValue, DecodeError, Event, is_structured};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Reads a message in structured or in binary mode.
///
/// A message that says nothing about its mode is read as structured: that is what
/// its body has to be, for want of attributes in headers.
pub(crate) fn decode(message: &Received) -> Result<Event, DecodeError> {
    let content_type = message.content_type();
    let says_structured = content_type.is_some_and(is_structured);
    if says_structured || message.attribute_headers().next().is_none() {
        return Event::from_json(message.body());
    }
    let attributes = message.attribute_headers().map(|(name, value)| (name, attribute(value)));
    Event::from_binary(attributes, content_type, message.body())
}

fn attribute(value: HeaderValue<'_>) -> AttributeValue {
    match value {
        HeaderValue::Text(text) => AttributeValue::String(text.to_owned()),
        HeaderValue::Boolean(value) => AttributeValue::Boolean(value),
        HeaderValue::Number(number) => match i32::try_from(number) {
            Ok(number) => AttributeValue::Integer(number),
            // CloudEvents integers end at 32 bits; a larger one travels as its digits.
            Err(_) => AttributeValue::String(number.to_string()),
        },
        HeaderValue::Timestamp(seconds) => AttributeValue::String(rfc3339(seconds)),
    }
}

fn rfc3339(seconds: u64) -> String {
    i64::try_from(seconds)
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .and_then(|moment| moment.format(&Rfc3339).ok())
        .unwrap_or_else(|| seconds.to_string())
}
