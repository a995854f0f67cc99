//! What waits, what is retried and what is dead, per destination.

mod command;
mod destinations;
mod gather;
mod row;

pub(crate) use command::command;
pub use gather::{DestinationStatus, Gatherer, NamespaceStatus, StatusError};
