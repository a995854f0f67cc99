//! An event as the message that travels.

use std::time::{SystemTime, UNIX_EPOCH};

use fanfare_broker::{Message, MessageError};
use fanfare_events::{AttributeValue, Event};

/// The message of `event`: structured mode, which survives dead-letter queues,
/// replays and exports in any language.
pub(crate) fn message_of(event: &Event) -> Result<Message, MessageError> {
    let message = Message::new(event.id().as_str(), event.to_json())?
        .content_type(Event::CONTENT_TYPE)?
        .kind(event.event_type())?
        .app_id(event.source())
        .timestamp(seconds_since_epoch());
    Ok(match event.extension("traceparent") {
        Some(AttributeValue::String(parent)) => message.trace_context(parent, None),
        _ => message,
    })
}

fn seconds_since_epoch() -> u64 {
    // Before 1970 a clock is wrong anyway, and the timestamp only informs.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}
