//! What identifies an event within its source.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::{Uuid, uuid};

use crate::attribute::{self, AttributeError};
use crate::event::MAX_NAME_BYTES;
use crate::uuid_name::uuid_v5;

/// Namespace of event ids that are made from a caller's key:
/// UUIDv5 of `urn:fanfare:event-id` in RFC 9562's URL namespace.
///
/// Frozen: changing it would make a repeated publish a second event.
pub const EVENT_ID_NAMESPACE: Uuid = uuid!("91730cd8-e94f-5382-8805-cc1baf968bb0");

/// An event's id: 1 to 255 bytes of text, because it travels as AMQP's `message_id`.
///
/// Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId(Arc<str>);

impl EventId {
    /// Takes an id that somebody else chose.
    ///
    /// # Errors
    /// When it is empty, longer than 255 bytes or holds control characters.
    pub fn new(id: &str) -> Result<Self, AttributeError> {
        attribute::require_text("id", id)?;
        attribute::limit_length("id", id, MAX_NAME_BYTES)?;
        Ok(Self(id.into()))
    }

    /// A new id, unlike any other and sorted by time: a UUIDv7.
    #[must_use]
    pub fn new_v7() -> Self {
        Self::from_uuid(Uuid::now_v7())
    }

    /// The id of the one event that `source` means by `key`: a UUIDv5 in [`EVENT_ID_NAMESPACE`]
    /// over the netstrings of both (`7:/signup,8:order-17,`). The same two always make the same.
    #[must_use]
    pub fn from_key(source: &str, key: &str) -> Self {
        Self::from_uuid(uuid_v5(&EVENT_ID_NAMESPACE, &[source, key]))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn from_uuid(uuid: Uuid) -> Self {
        Self((&*uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer())).into())
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for EventId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl FromStr for EventId {
    type Err = AttributeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

impl Serialize for EventId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for EventId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(&text).map_err(de::Error::custom)
    }
}
