//! The event inside a message, in whichever mode it travels.

use fanfare_broker::{HeaderValue, Received};
use fanfare_events::{AttributeValue, Event, is_structured};

use crate::when;

/// The event that `message` carries; `None` when it carries none that is valid.
///
/// As consumers do, a message without attributes in its headers is read as structured,
/// whatever its content type says.
pub(super) fn event_of(message: &Received) -> Option<Event> {
    let content_type = message.content_type();
    let is_binary = message.attribute_headers().next().is_some();
    if content_type.is_some_and(is_structured) || !is_binary {
        return Event::from_json(message.body()).ok();
    }
    let attributes =
        message.attribute_headers().filter_map(|(name, value)| Some((name, attribute(&value)?)));
    Event::from_binary(attributes, content_type, message.body()).ok()
}

fn attribute(value: &HeaderValue<'_>) -> Option<AttributeValue> {
    match value {
        HeaderValue::Text(text) => Some(AttributeValue::String((*text).to_owned())),
        HeaderValue::Number(number) => i32::try_from(*number).ok().map(AttributeValue::Integer),
        HeaderValue::Boolean(value) => Some(AttributeValue::Boolean(*value)),
        HeaderValue::Timestamp(seconds) => {
            let at = when::from_epoch_ms(seconds.checked_mul(1000)?)?;
            Some(AttributeValue::String(when::rfc3339(at)))
        }
    }
}
