//! The event: one fact, in a CloudEvents 1.0 envelope.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::value::RawValue;

use crate::attribute::{self, AttributeError, AttributeProblem, AttributeValue};
use crate::builder::EventBuilder;
use crate::id::EventId;
use crate::payload::Payload;
use crate::syntax;
use crate::timestamp::Timestamp;
use crate::{InvalidEvent, nesting};

/// The largest event, encoded, in bytes: 1 MiB. RabbitMQ closes the channel of a larger publish
/// when its own limit is lower, so an event that exists is known to fit.
pub const MAX_EVENT_BYTES: usize = 1 << 20;

/// The longest event type and event id in bytes: an AMQP short string, because they travel as
/// routing key and `message_id`.
pub const MAX_NAME_BYTES: usize = 255;

/// How deeply an event's JSON may nest; the event itself is the first level.
pub const MAX_NESTING: usize = 64;

/// One fact about something that happened: a CloudEvents 1.0 event that is valid, encodes to at
/// most [`MAX_EVENT_BYTES`] and is read back equal.
///
/// Two events are equal when everything in them is, the bytes of `data` included.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub(crate) id: EventId,
    pub(crate) source: Box<str>,
    pub(crate) event_type: Box<str>,
    pub(crate) subject: Option<Box<str>>,
    pub(crate) time: Option<Timestamp>,
    pub(crate) datacontenttype: Option<Box<str>>,
    pub(crate) dataschema: Option<Box<str>>,
    pub(crate) extensions: BTreeMap<Box<str>, AttributeValue>,
    pub(crate) data: Option<EventData>,
}

/// What an event carries. `Debug` shows sizes only, because data is about people.
#[derive(Clone)]
pub enum EventData {
    /// JSON, byte for byte as it came in. Never `null`, which means that there is no data.
    Json(Box<RawValue>),
    /// Anything else; base64 on the wire.
    Binary(Vec<u8>),
}

impl Event {
    /// The media type of [`to_json`](Self::to_json)'s bytes.
    pub const CONTENT_TYPE: &str = "application/cloudevents+json";

    /// Starts an event of the given type that happened at `source`, a URI reference.
    pub fn builder(event_type: &str, source: &str) -> EventBuilder {
        EventBuilder::new(event_type, source)
    }

    /// An event that says `payload`, with its type and schema, a new id and the present time.
    ///
    /// # Errors
    /// When `source` is not a URI reference, or the payload cannot be written as JSON or is
    /// too large.
    pub fn of<P: Payload>(source: &str, payload: &P) -> Result<Self, InvalidEvent> {
        Self::builder(P::TYPE, source).payload(payload).build()
    }

    /// Identifies the event within its source.
    #[must_use]
    pub fn id(&self) -> &EventId {
        &self.id
    }

    /// Where it happened: a URI reference.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What kind of thing happened; the routing key.
    #[must_use]
    pub fn event_type(&self) -> &str {
        &self.event_type
    }

    /// What it happened to, within the source.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// When it happened.
    #[must_use]
    pub fn time(&self) -> Option<&Timestamp> {
        self.time.as_ref()
    }

    /// The media type of the data; JSON data without one is `application/json`.
    #[must_use]
    pub fn datacontenttype(&self) -> Option<&str> {
        self.datacontenttype.as_deref()
    }

    /// The schema of the data: an absolute URI.
    #[must_use]
    pub fn dataschema(&self) -> Option<&str> {
        self.dataschema.as_deref()
    }

    /// The extension attributes, sorted by name.
    pub fn extensions(&self) -> impl Iterator<Item = (&str, &AttributeValue)> {
        self.extensions.iter().map(|(name, value)| (&**name, value))
    }

    /// One extension attribute.
    #[must_use]
    pub fn extension(&self, name: &str) -> Option<&AttributeValue> {
        self.extensions.get(name)
    }

    /// What the event carries.
    #[must_use]
    pub fn data(&self) -> Option<&EventData> {
        self.data.as_ref()
    }

    /// Holds every attribute to its rule; id and time are proven by their types.
    pub(crate) fn check_attributes(&self) -> Result<(), AttributeError> {
        attribute::require_text("source", &self.source)?;
        require_form("source", &self.source, syntax::is_uri_reference, "a URI reference")?;
        attribute::require_text("type", &self.event_type)?;
        attribute::limit_length("type", &self.event_type, MAX_NAME_BYTES)?;
        if let Some(subject) = &self.subject {
            attribute::require_text("subject", subject)?;
        }
        if let Some(media_type) = &self.datacontenttype {
            attribute::require_text("datacontenttype", media_type)?;
            require_form("datacontenttype", media_type, syntax::is_media_type, "a media type")?;
        }
        if let Some(schema) = &self.dataschema {
            attribute::require_text("dataschema", schema)?;
            require_form("dataschema", schema, syntax::is_absolute_uri, "an absolute URI")?;
        }
        for (name, value) in &self.extensions {
            attribute::check_extension_name(name)?;
            if let AttributeValue::String(text) = value {
                attribute::forbid_control(name, text)?;
            }
        }
        Ok(())
    }
}

impl EventData {
    /// JSON data; `None` for `null`, which on the wire means that there is no data.
    pub(crate) fn json(raw: Box<RawValue>) -> Option<Self> {
        (raw.get() != "null").then_some(Self::Json(raw))
    }

    /// Whether the event around this data would nest too deeply to be read back.
    pub(crate) fn nests_too_deeply(&self) -> bool {
        match self {
            Self::Json(raw) => nesting::is_deeper_than(raw.get().as_bytes(), MAX_NESTING - 1),
            Self::Binary(_) => false,
        }
    }
}

impl PartialEq for EventData {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Json(one), Self::Json(two)) => one.get() == two.get(),
            (Self::Binary(one), Self::Binary(two)) => one == two,
            (Self::Json(_), Self::Binary(_)) | (Self::Binary(_), Self::Json(_)) => false,
        }
    }
}

impl fmt::Debug for EventData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(raw) => write!(f, "Json({} bytes)", raw.get().len()),
            Self::Binary(bytes) => write!(f, "Binary({} bytes)", bytes.len()),
        }
    }
}

fn require_form(
    name: &str,
    text: &str,
    is_well_formed: fn(&str) -> bool,
    expected: &'static str,
) -> Result<(), AttributeError> {
    if is_well_formed(text) {
        Ok(())
    } else {
        Err(AttributeError::new(name, AttributeProblem::Malformed { expected }))
    }
}
