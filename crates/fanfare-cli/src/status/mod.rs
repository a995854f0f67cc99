//! What waits, what is retried and what is dead, per destination.

mod command;
mod destinations;
mod gather;
mod row;
mod sight;

pub(crate) use command::command;
pub use gather::{DestinationStatus, Gatherer, NamespaceStatus, StatusError, Unrouted};
