//! What is published, by whom, and what he knows of it when he is killed.

mod destination;
mod event;
mod journal;
mod outbox;
mod producing;
mod way_in;

pub use destination::{DESTINATIONS, Spec};
pub(crate) use event::refused_mark;
pub use event::{Fate, Name, PAYLOAD_CANARY, event, event_type, fate};
pub use journal::{Entry, Journal, Said, read, read_from};
pub use outbox::{ThroughOutbox, committed};
pub use producing::{Order, produce};
pub use way_in::{Direct, WayIn};
