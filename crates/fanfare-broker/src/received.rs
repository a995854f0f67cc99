//! A message that the broker handed over, as it came.

use bytes::Bytes;
use lapin::BasicProperties;
use lapin::types::AMQPValue;

use crate::dead_letter::Cause;
use crate::message::{Message, MessageError};
use crate::topology::headers;

/// A message as it was received.
#[derive(Clone, Debug)]
pub struct Received {
    body: Bytes,
    routing_key: String,
    redelivered: bool,
    properties: BasicProperties,
}

/// A header's value, as far as Fanfare reads such values.
#[derive(Clone, Debug, PartialEq)]
pub enum HeaderValue<'a> {
    /// A text that is UTF-8.
    Text(&'a str),
    /// Any whole number.
    Number(i64),
    /// True or false.
    Boolean(bool),
    /// Seconds since the epoch.
    Timestamp(u64),
}

impl Received {
    pub(crate) fn new(delivery: lapin::message::Delivery) -> Self {
        Self {
            body: delivery.data.into(),
            routing_key: delivery.routing_key.into(),
            redelivered: delivery.redelivered,
            properties: delivery.properties,
        }
    }

    /// `message` as the broker hands it over that has done so `deliveries` times before.
    #[cfg(feature = "rehearsal")]
    pub(crate) fn rehearsed(message: &Message, routing_key: &str, deliveries: u32) -> Self {
        let mut table = message.headers.clone();
        if deliveries > 0 {
            table.insert(headers::DELIVERY_COUNT.into(), AMQPValue::LongLongInt(deliveries.into()));
        }
        Self {
            body: message.body().clone(),
            routing_key: routing_key.to_owned(),
            redelivered: deliveries > 0,
            properties: message.wire_properties().with_headers(table),
        }
    }

    /// The body, exactly as it was published.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The routing key it was published with.
    pub fn routing_key(&self) -> &str {
        &self.routing_key
    }

    /// Whether the broker may have handed it over before.
    pub fn redelivered(&self) -> bool {
        self.redelivered
    }

    /// Its id; empty when a foreign producer gave none.
    pub fn id(&self) -> &str {
        self.properties.message_id().as_ref().map_or("", |id| id.as_str())
    }

    /// The media type of the body.
    pub fn content_type(&self) -> Option<&str> {
        self.properties.content_type().as_ref().map(|text| text.as_str())
    }

    /// The event's type, if the producer wrote it.
    pub fn kind(&self) -> Option<&str> {
        self.properties.kind().as_ref().map(|text| text.as_str())
    }

    /// Where the event comes from, if the producer wrote it.
    pub fn app_id(&self) -> Option<&str> {
        self.properties.app_id().as_ref().map(|text| text.as_str())
    }

    /// When it was published, in seconds since the epoch.
    pub fn timestamp(&self) -> Option<u64> {
        *self.properties.timestamp()
    }

    /// The routing key of the report that somebody waits for.
    pub fn reply_to(&self) -> Option<&str> {
        self.properties.reply_to().as_ref().map(|text| text.as_str())
    }

    /// How the one who waits recognises the report.
    pub fn correlation_id(&self) -> Option<&str> {
        self.properties.correlation_id().as_ref().map(|text| text.as_str())
    }

    /// Attempts made so far.
    pub fn attempts(&self) -> u32 {
        self.number(headers::ATTEMPT).and_then(|n| u32::try_from(n).ok()).unwrap_or(0)
    }

    /// When the first attempt was made, in milliseconds since the epoch.
    pub fn first_attempt_at_ms(&self) -> Option<u64> {
        self.milliseconds(headers::FIRST_ATTEMPT_AT)
    }

    /// Calls made so far that were sent and got no answer: each may have had its effect.
    pub fn unanswered(&self) -> u32 {
        self.number(headers::UNANSWERED).and_then(|n| u32::try_from(n).ok()).unwrap_or(0)
    }

    /// Not to be attempted before, in milliseconds since the epoch.
    pub fn not_before_ms(&self) -> Option<u64> {
        self.milliseconds(headers::NOT_BEFORE)
    }

    /// The replay that brought it back.
    pub fn replay(&self) -> Option<&str> {
        self.text(headers::REPLAY)
    }

    /// How often the broker has handed this copy over before.
    pub fn delivery_count(&self) -> u64 {
        self.milliseconds(headers::DELIVERY_COUNT).unwrap_or(0)
    }

    /// W3C trace context of the hop that brought it: `traceparent`, `tracestate`.
    pub fn trace_context(&self) -> Option<(&str, Option<&str>)> {
        Some((self.text(headers::TRACEPARENT)?, self.text(headers::TRACESTATE)))
    }

    /// Why it is a dead letter; `None` when it carries no cause of the closed set.
    ///
    /// What the broker itself dead-lettered had used up its deliveries, which is
    /// what [`Cause::Poison`] means, or was rejected by its consumer as it was.
    pub fn cause(&self) -> Option<Cause> {
        match self.text(headers::CAUSE) {
            Some(text) => text.parse().ok(),
            None => self.text(headers::FIRST_DEATH_REASON).map(|reason| match reason {
                "rejected" => Cause::Rejected,
                _ => Cause::Poison,
            }),
        }
    }

    /// Why it is a dead letter, in a sentence.
    pub fn reason(&self) -> Option<&str> {
        self.text(headers::REASON).or_else(|| self.text(headers::FIRST_DEATH_REASON))
    }

    /// The HTTP status it was given up with.
    pub fn status(&self) -> Option<u16> {
        self.number(headers::STATUS).and_then(|status| u16::try_from(status).ok())
    }

    /// The start of the destination's last answer.
    pub fn response(&self) -> Option<&str> {
        self.text(headers::RESPONSE)
    }

    /// When it was dead-lettered, in milliseconds since the epoch.
    pub fn dead_at_ms(&self) -> Option<u64> {
        self.milliseconds(headers::DEAD_AT)
    }

    /// When it was dead-lettered first, in milliseconds since the epoch; kept by replays, and
    /// known of ordered destinations only.
    pub fn first_dead_at_ms(&self) -> Option<u64> {
        self.milliseconds(headers::FIRST_DEAD_AT)
    }

    /// The destination that gave it up.
    pub fn destination(&self) -> Option<&str> {
        self.text(headers::DESTINATION)
    }

    /// The process and version that gave it up.
    pub fn consumer(&self) -> Option<&str> {
        self.text(headers::CONSUMER)
    }

    /// The headers that hold a CloudEvent's attributes in binary mode; none in
    /// structured mode.
    pub fn attribute_headers(&self) -> impl Iterator<Item = (&str, HeaderValue<'_>)> {
        self.attributes().filter_map(|(name, value)| Some((name, readable(value)?)))
    }

    /// A message with the same body and identity and none of the history: what a
    /// retry, a dead letter and a replay start from.
    ///
    /// `fallback_id` names a message whose foreign producer gave no id.
    pub fn successor(&self, fallback_id: &str) -> Result<Message, MessageError> {
        let id = if self.id().is_empty() { fallback_id } else { self.id() };
        let mut message = Message::new(id, self.body.clone())?;
        if let Some(media_type) = self.content_type() {
            message = message.content_type(media_type)?;
        }
        if let Some(kind) = self.kind() {
            message = message.kind(kind)?;
        }
        if let Some(source) = self.app_id() {
            message = message.app_id(source);
        }
        if let Some(seconds) = self.timestamp() {
            message = message.timestamp(seconds);
        }
        if let Some(to) = self.reply_to() {
            message = message.reply(to, self.correlation_id())?;
        }
        if let Some((parent, state)) = self.trace_context() {
            message = message.trace_context(parent, state);
        }
        if let Some(replay) = self.replay() {
            message = message.replay(replay);
        }
        if let Some(at_ms) = self.first_dead_at_ms() {
            message = message.first_dead_at(at_ms);
        }
        // In binary mode the attributes are the event; without them the body is lost.
        for (name, value) in self.attributes() {
            message = message.header(name, value.clone());
        }
        Ok(message)
    }

    fn attributes(&self) -> impl Iterator<Item = (&str, &AMQPValue)> {
        let table = self.properties.headers().iter().flat_map(|table| table.inner());
        table.map(|(name, value)| (name.as_str(), value)).filter(|(name, _)| is_attribute(name))
    }

    fn value(&self, name: &str) -> Option<&AMQPValue> {
        self.properties.headers().as_ref()?.inner().get(name)
    }

    fn text(&self, name: &str) -> Option<&str> {
        match readable(self.value(name)?)? {
            HeaderValue::Text(text) => Some(text),
            _ => None,
        }
    }

    fn number(&self, name: &str) -> Option<i64> {
        match readable(self.value(name)?)? {
            HeaderValue::Number(number) => Some(number),
            _ => None,
        }
    }

    fn milliseconds(&self, name: &str) -> Option<u64> {
        self.number(name).and_then(|ms| u64::try_from(ms).ok())
    }
}

fn is_attribute(name: &str) -> bool {
    headers::CLOUD_EVENTS_PREFIXES.iter().any(|prefix| {
        name.split_at_checked(prefix.len())
            .is_some_and(|(start, rest)| start.eq_ignore_ascii_case(prefix) && !rest.is_empty())
    })
}

/// Clients of other languages choose their own integer widths and string types.
fn readable(value: &AMQPValue) -> Option<HeaderValue<'_>> {
    Some(match value {
        AMQPValue::Boolean(value) => HeaderValue::Boolean(*value),
        AMQPValue::ShortShortInt(number) => HeaderValue::Number((*number).into()),
        AMQPValue::ShortShortUInt(number) => HeaderValue::Number((*number).into()),
        AMQPValue::ShortInt(number) => HeaderValue::Number((*number).into()),
        AMQPValue::ShortUInt(number) => HeaderValue::Number((*number).into()),
        AMQPValue::LongInt(number) => HeaderValue::Number((*number).into()),
        AMQPValue::LongUInt(number) => HeaderValue::Number((*number).into()),
        AMQPValue::LongLongInt(number) => HeaderValue::Number(*number),
        AMQPValue::ShortString(text) => HeaderValue::Text(text.as_str()),
        AMQPValue::LongString(text) => HeaderValue::Text(str::from_utf8(text.as_bytes()).ok()?),
        AMQPValue::ByteArray(bytes) => HeaderValue::Text(str::from_utf8(bytes.as_slice()).ok()?),
        AMQPValue::Timestamp(seconds) => HeaderValue::Timestamp(*seconds),
        AMQPValue::Float(_)
        | AMQPValue::Double(_)
        | AMQPValue::DecimalValue(_)
        | AMQPValue::FieldArray(_)
        | AMQPValue::FieldTable(_)
        | AMQPValue::Void => return None,
    })
}
