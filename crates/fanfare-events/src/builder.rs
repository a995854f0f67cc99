//! Making a new event, step by step.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use time::OffsetDateTime;

use crate::attribute::{self, AttributeError, AttributeValue};
use crate::event::{Event, EventData, MAX_EVENT_BYTES, MAX_NESTING};
use crate::id::EventId;
use crate::payload::Payload;
use crate::timestamp::Timestamp;

/// What an event is made of; see [`Event::builder`]. Mistakes are reported by
/// [`build`](Self::build).
#[derive(Debug)]
#[must_use]
pub struct EventBuilder {
    event_type: Box<str>,
    source: Box<str>,
    identity: Identity,
    subject: Option<Box<str>>,
    time: Option<OffsetDateTime>,
    datacontenttype: Option<Box<str>>,
    dataschema: Option<Box<str>>,
    extensions: BTreeMap<Box<str>, AttributeValue>,
    data: Result<Option<EventData>, serde_json::Error>,
}

#[derive(Debug)]
enum Identity {
    New,
    Given(EventId),
    Key(Box<str>),
}

/// An event cannot be made of what it was given.
#[derive(Debug, thiserror::Error)]
pub enum InvalidEvent {
    /// One attribute breaks its rule.
    #[error(transparent)]
    Attribute(#[from] AttributeError),
    /// The data cannot be written as JSON.
    #[error("data cannot be written as JSON")]
    Unserializable(#[source] serde_json::Error),
    /// The data nests too deeply.
    #[error("event nests deeper than {limit} levels")]
    TooDeep {
        /// The limit: [`MAX_NESTING`], the event itself included.
        limit: usize,
    },
    /// The encoded event is too large.
    #[error("event is larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes: [`MAX_EVENT_BYTES`].
        limit: usize,
    },
}

impl EventBuilder {
    pub(crate) fn new(event_type: &str, source: &str) -> Self {
        Self {
            event_type: event_type.into(),
            source: source.into(),
            identity: Identity::New,
            subject: None,
            time: None,
            datacontenttype: None,
            dataschema: None,
            extensions: BTreeMap::new(),
            data: Ok(None),
        }
    }

    /// Uses an id that is unique within the source; a new UUIDv7 otherwise.
    pub fn id(mut self, id: EventId) -> Self {
        self.identity = Identity::Given(id);
        self
    }

    /// Derives the id from the source and `key`, so that publishing the same key twice is one
    /// event ([`EventId::from_key`]).
    pub fn idempotency_key(mut self, key: &str) -> Self {
        self.identity = Identity::Key(key.into());
        self
    }

    /// What it happened to, within the source.
    pub fn subject(mut self, subject: &str) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// When it happened; now otherwise, to the millisecond.
    pub fn time(mut self, time: OffsetDateTime) -> Self {
        self.time = Some(time);
        self
    }

    /// The media type of the data; `application/json` otherwise, if there is JSON data.
    pub fn datacontenttype(mut self, media_type: &str) -> Self {
        self.datacontenttype = Some(media_type.into());
        self
    }

    /// The schema of the data: an absolute URI.
    pub fn dataschema(mut self, uri: &str) -> Self {
        self.dataschema = Some(uri.into());
        self
    }

    /// Sets an extension attribute; its name must be `[a-z0-9]+`.
    pub fn extension(mut self, name: &str, value: impl Into<AttributeValue>) -> Self {
        self.extensions.insert(name.into(), value.into());
        self
    }

    /// Carries a value as JSON.
    pub fn data<T: Serialize + ?Sized>(mut self, data: &T) -> Self {
        self.data = to_raw_value(data).map(EventData::json);
        self
    }

    /// Carries JSON that is already written, byte for byte.
    pub fn raw_data(mut self, json: Box<RawValue>) -> Self {
        self.data = Ok(EventData::json(json));
        self
    }

    /// Carries bytes of the given media type.
    pub fn binary_data(mut self, media_type: &str, bytes: Vec<u8>) -> Self {
        self.data = Ok(Some(EventData::Binary(bytes)));
        self.datacontenttype(media_type)
    }

    /// Carries a typed payload and takes over its type and schema.
    pub fn payload<P: Payload>(mut self, payload: &P) -> Self {
        self.event_type = P::TYPE.into();
        self.dataschema = Some(P::schema_urn().into());
        self.data(payload)
    }

    /// Makes the event.
    ///
    /// # Errors
    /// When an attribute breaks its rule, or the data cannot be written or is too large.
    pub fn build(self) -> Result<Event, InvalidEvent> {
        let data = self.data.map_err(InvalidEvent::Unserializable)?;
        if data.as_ref().is_some_and(EventData::nests_too_deeply) {
            return Err(InvalidEvent::TooDeep { limit: MAX_NESTING });
        }
        let id = match self.identity {
            Identity::New => EventId::new_v7(),
            Identity::Given(id) => id,
            Identity::Key(key) => {
                attribute::require_text("idempotency key", &key)?;
                EventId::from_key(&self.source, &key)
            }
        };
        let implied = matches!(data, Some(EventData::Json(_))).then(|| "application/json".into());
        let event = Event {
            id,
            source: self.source,
            event_type: self.event_type,
            subject: self.subject,
            time: Some(Timestamp::write(self.time.unwrap_or_else(now))?),
            datacontenttype: self.datacontenttype.or(implied),
            dataschema: self.dataschema,
            extensions: self.extensions,
            data,
        };
        event.check_attributes()?;
        if event.fits() {
            Ok(event)
        } else {
            Err(InvalidEvent::TooLarge { limit: MAX_EVENT_BYTES })
        }
    }
}

fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc().truncate_to_millisecond()
}
