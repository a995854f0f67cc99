//! A message on its way out: body, properties from a fixed list, headers of ours.

use bytes::Bytes;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};

use crate::dead_letter::DeathNote;
use crate::topology::headers;

/// A message to publish.
///
/// Its properties are always written afresh, never copied from a message that was
/// received: up to RabbitMQ 3.13 a copied `x-death` header makes the delay line
/// lose the message for good.
#[derive(Clone, Debug)]
pub struct Message {
    pub(crate) id: ShortString,
    pub(crate) body: Bytes,
    pub(crate) properties: BasicProperties,
    pub(crate) headers: FieldTable,
    pub(crate) headers_len: usize,
}

/// Why a message cannot be put on the wire.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// AMQP's short strings end at 255 bytes.
    #[error("the message's {field} has {len} bytes, at most 255 fit")]
    TooLong {
        /// The property.
        field: &'static str,
        /// How long it is.
        len: usize,
    },
    /// A message is matched by its id when the broker returns it.
    #[error("the message's id is empty")]
    NoId,
}

/// A persistent message always.
const PERSISTENT: u8 = 2;

impl Message {
    /// A message with an id that is unique among those in flight.
    pub fn new(id: &str, body: impl Into<Bytes>) -> Result<Self, MessageError> {
        if id.is_empty() {
            return Err(MessageError::NoId);
        }
        let id = short("id", id)?;
        Ok(Self {
            properties: BasicProperties::default()
                .with_delivery_mode(PERSISTENT)
                .with_message_id(id.clone()),
            id,
            body: body.into(),
            headers: FieldTable::default(),
            headers_len: 0,
        })
    }

    /// The media type of the body.
    pub fn content_type(mut self, media_type: &str) -> Result<Self, MessageError> {
        self.properties = self.properties.with_content_type(short("content type", media_type)?);
        Ok(self)
    }

    /// The event's type.
    pub fn kind(mut self, kind: &str) -> Result<Self, MessageError> {
        self.properties = self.properties.with_type(short("type", kind)?);
        Ok(self)
    }

    /// Where the event comes from; cut to what fits.
    pub fn app_id(mut self, source: &str) -> Self {
        let cut = &source[..source.floor_char_boundary(LONGEST_SHORT_STRING)];
        self.properties = self.properties.with_app_id(cut.into());
        self
    }

    /// When it is published, in seconds since the epoch.
    pub fn timestamp(mut self, seconds: u64) -> Self {
        self.properties = self.properties.with_timestamp(seconds);
        self
    }

    /// Who waits for a report, and how it recognises the answer.
    pub fn reply(mut self, to: &str, correlation_id: Option<&str>) -> Result<Self, MessageError> {
        self.properties = self.properties.with_reply_to(short("reply_to", to)?);
        if let Some(id) = correlation_id {
            self.properties = self.properties.with_correlation_id(short("correlation_id", id)?);
        }
        Ok(self)
    }

    /// Attempts made so far, and when the first one was, in milliseconds since the epoch.
    pub fn attempts(self, made: u32, first_at_ms: Option<u64>) -> Self {
        let message = self.number(headers::ATTEMPT, made.into());
        match first_at_ms {
            Some(at) => message.number(headers::FIRST_ATTEMPT_AT, at),
            None => message,
        }
    }

    /// Calls made so far that were sent and got no answer.
    pub fn unanswered(self, calls: u32) -> Self {
        if calls == 0 { self } else { self.number(headers::UNANSWERED, calls.into()) }
    }

    /// Not to be attempted before, in milliseconds since the epoch.
    pub fn not_before(self, at_ms: u64) -> Self {
        self.number(headers::NOT_BEFORE, at_ms)
    }

    /// The replay that brings the message back.
    pub fn replay(self, id: &str) -> Self {
        self.text(headers::REPLAY, id)
    }

    /// When it was dead-lettered first, in milliseconds since the epoch.
    pub fn first_dead_at(self, at_ms: u64) -> Self {
        self.number(headers::FIRST_DEAD_AT, at_ms)
    }

    /// W3C trace context of this hop.
    pub fn trace_context(self, traceparent: &str, tracestate: Option<&str>) -> Self {
        let message = self.text(headers::TRACEPARENT, traceparent);
        match tracestate {
            Some(state) => message.text(headers::TRACESTATE, state),
            None => message,
        }
    }

    /// An attribute of a CloudEvent in binary mode, whose data is the body.
    pub fn attribute(self, name: &str, value: &str) -> Self {
        self.text(&format!("{}{name}", headers::CLOUD_EVENTS_PREFIXES[0]), value)
    }

    /// Why the message is a dead letter.
    pub fn death_note(self, note: &DeathNote) -> Self {
        let mut message = self
            .text(headers::CAUSE, note.cause.as_str())
            .text(headers::REASON, cut(&note.reason, DeathNote::LONGEST_TEXT))
            .number(headers::DEAD_AT, note.dead_at_ms)
            .text(headers::DESTINATION, &note.destination)
            .text(headers::CONSUMER, &note.consumer);
        if let Some(status) = note.status {
            message = message.number(headers::STATUS, status.into());
        }
        if let Some(response) = &note.response {
            message = message.text(headers::RESPONSE, cut(response, DeathNote::LONGEST_TEXT));
        }
        message
    }

    /// Its id.
    pub fn id(&self) -> &str {
        self.id.as_str()
    }

    /// Its body.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    pub(crate) fn header(mut self, name: &str, value: AMQPValue) -> Self {
        self.headers_len += name.len() + value_len(&value);
        self.headers.insert(name.into(), value);
        self
    }

    /// The properties with all headers, as the client library takes them.
    pub(crate) fn wire_properties(&self) -> BasicProperties {
        self.properties.clone().with_headers(self.headers.clone())
    }

    fn number(self, name: &str, value: u64) -> Self {
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        self.header(name, AMQPValue::LongLongInt(value))
    }

    fn text(self, name: &str, value: &str) -> Self {
        self.header(name, AMQPValue::LongString(value.into()))
    }
}

const LONGEST_SHORT_STRING: usize = 255;

fn short(field: &'static str, value: &str) -> Result<ShortString, MessageError> {
    ShortString::try_new(value).map_err(|_| MessageError::TooLong { field, len: value.len() })
}

/// The start of `text`, at most `longest` bytes, whole characters.
pub(crate) fn cut(text: &str, longest: usize) -> &str {
    &text[..text.floor_char_boundary(longest)]
}

/// What a header value takes in its frame, about.
fn value_len(value: &AMQPValue) -> usize {
    const TAG_AND_LENGTH: usize = 6;
    TAG_AND_LENGTH
        + match value {
            AMQPValue::LongString(text) => text.len(),
            AMQPValue::ShortString(text) => text.as_str().len(),
            AMQPValue::ByteArray(bytes) => bytes.len(),
            AMQPValue::FieldArray(values) => values.as_slice().iter().map(value_len).sum(),
            AMQPValue::FieldTable(table) => {
                table.into_iter().map(|(name, value)| name.as_str().len() + value_len(value)).sum()
            }
            _ => 8,
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dead_letter::Cause;

    #[test]
    fn what_does_not_fit_a_short_string_is_refused() {
        assert_eq!(Message::new("", "x").unwrap_err(), MessageError::NoId);
        let long = "a".repeat(256);
        assert!(matches!(Message::new(&long, "x"), Err(MessageError::TooLong { len: 256, .. })));
        assert!(Message::new(&long[1..], "x").is_ok());
        let message = Message::new("1", "x").unwrap();
        assert!(message.clone().kind(&long).is_err());
        let source = "ä".repeat(200);
        let cut = message.app_id(&source);
        assert_eq!(cut.properties.app_id().as_ref().unwrap().as_str().len(), 254);
    }

    #[test]
    fn a_message_is_persistent_and_carries_its_death_note_in_bounds() {
        let note = DeathNote {
            cause: Cause::Rejected,
            reason: "é".repeat(5000),
            status: Some(422),
            response: Some("r".repeat(5000)),
            dead_at_ms: 1,
            destination: "hubspot".into(),
            consumer: "fanfare-consumer-hubspot 0.1.0".into(),
        };
        let message = Message::new("1", "x").unwrap().attempts(3, Some(7)).death_note(&note);
        assert_eq!(*message.properties.delivery_mode(), Some(PERSISTENT));
        assert!(message.headers_len < 4096, "{}", message.headers_len);
        assert!(message.headers.contains_key("fanfare-cause"));
        assert!(message.headers.contains_key("fanfare-attempt"));
    }
}
