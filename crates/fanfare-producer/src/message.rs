//! An event as the message that travels.

use std::time::{SystemTime, UNIX_EPOCH};

use fanfare_broker::{Message, MessageError, Route};
use fanfare_events::{AttributeValue, Event};

/// The message of `event`, which `json` says: structured mode, which survives dead-letter queues,
/// replays and exports in any language.
pub(crate) fn message_of(event: &Event, json: Vec<u8>) -> Result<Message, MessageError> {
    let message = Message::new(event.id().as_str(), json)?
        .content_type(Event::CONTENT_TYPE)?
        .kind(event.event_type())?
        .app_id(event.source())
        .timestamp(seconds_since_epoch());
    Ok(match event.extension("traceparent") {
        Some(AttributeValue::String(parent)) => message.trace_context(parent, None),
        _ => message,
    })
}

/// Where `event` is published to. Its type is a routing key by construction.
pub(crate) fn route_of(event: &Event, exchange: &str) -> Result<Route, MessageError> {
    Route::new(exchange, event.event_type())
        .map_err(|error| MessageError::TooLong { field: error.part, len: error.len })
}

fn seconds_since_epoch() -> u64 {
    // Before 1970 a clock is wrong anyway, and the timestamp only informs.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}
