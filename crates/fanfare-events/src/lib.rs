//! What is said: events, their envelope, their ids, idempotency keys and payload schemas.
//!
//! An [`Event`] is a strict [CloudEvents 1.0](https://github.com/cloudevents/spec) event. One that
//! exists is valid, fits into a message and survives the wire unchanged; its `data` is carried as
//! the very bytes it came in.
//!
//! ```
//! use fanfare_events::{DestinationName, Event, IdempotencyKey, UserDeleted};
//!
//! let payload = UserDeleted { user_id: "u-1".into(), email: "ada@example.com".into() };
//! let event = Event::of("/signup", &payload)?;
//!
//! let received = Event::from_json(&event.to_json())?;
//! assert_eq!(received, event);
//! assert_eq!(received.payload::<UserDeleted>()?, payload);
//!
//! let hubspot: DestinationName = "hubspot".parse()?;
//! assert_eq!(IdempotencyKey::of(&received, &hubspot), IdempotencyKey::of(&event, &hubspot));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! This crate does no I/O and knows neither the broker nor the destinations.

#![warn(missing_docs)]

mod attribute;
mod binary;
mod builder;
mod decode;
mod destination;
mod encode;
mod event;
mod id;
mod idempotency;
mod members;
mod nesting;
mod payload;
mod structured;
mod syntax;
mod timestamp;
mod uuid_name;

pub use attribute::{AttributeError, AttributeProblem, AttributeValue};
pub use builder::{EventBuilder, InvalidEvent};
pub use decode::DecodeError;
pub use destination::{DestinationName, InvalidDestinationName};
pub use event::{Event, EventData, MAX_EVENT_BYTES, MAX_NAME_BYTES, MAX_NESTING};
pub use id::{EVENT_ID_NAMESPACE, EventId};
pub use idempotency::{IDEMPOTENCY_NAMESPACE, IdempotencyKey};
pub use payload::{Payload, PayloadError, UserDeleted, UserRegistered, UserUpdated, json_schemas};
pub use structured::is_structured;
pub use timestamp::Timestamp;
