//! The key by which a destination recognises an event that it has seen before.

use std::fmt;

use serde::{Serialize, Serializer};
use uuid::{Uuid, uuid};

use crate::destination::DestinationName;
use crate::event::Event;
use crate::id::EventId;
use crate::uuid_name::uuid_v5;

/// Namespace of idempotency keys: UUIDv5 of `urn:fanfare:idempotency-key` in RFC 9562's URL
/// namespace.
///
/// Frozen: changing it would make every destination forget what it has seen.
pub const IDEMPOTENCY_NAMESPACE: Uuid = uuid!("a3442604-f912-51a1-87e3-07ad3e44d271");

/// Identifies one event at one destination: the same in every attempt, redelivery and replay.
///
/// A UUIDv5 in [`IDEMPOTENCY_NAMESPACE`] over the netstrings of source, id and destination
/// (`7:/signup,3:e-1,7:hubspot,`). It depends on nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IdempotencyKey(Uuid);

impl IdempotencyKey {
    /// The key of `event` at `destination`.
    #[must_use]
    pub fn of(event: &Event, destination: &DestinationName) -> Self {
        Self::from_parts(event.source(), event.id(), destination)
    }

    /// The key of the event that `source` and `id` identify, for who has no more of it.
    #[must_use]
    pub fn from_parts(source: &str, id: &EventId, destination: &DestinationName) -> Self {
        let parts = [source, id.as_str(), destination.as_str()];
        Self(uuid_v5(&IDEMPOTENCY_NAMESPACE, &parts))
    }

    /// The key as a UUID.
    #[must_use]
    pub fn as_uuid(&self) -> Uuid {
        self.0
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.0.as_hyphenated(), f)
    }
}

impl From<IdempotencyKey> for Uuid {
    fn from(key: IdempotencyKey) -> Self {
        key.0
    }
}

impl Serialize for IdempotencyKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
