//! What can go wrong with a spill.

use std::path::PathBuf;
use std::sync::Arc;

use crate::error::PublishError;
use crate::outbox::MigrateError;

/// Why a spill cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process, or another producer in this one, has it.
    #[error("the spill {} is in use by another producer", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file that says who uses the spill cannot be opened.
    #[error("the spill cannot be locked")]
    Lock(#[source] std::io::Error),
    /// The file is of a newer version.
    #[error("the spill cannot be set up")]
    SetUp(#[from] MigrateError),
    /// The file cannot be opened, read or written.
    #[error("the spill cannot be opened")]
    Database(#[from] sqlx::Error),
}

/// Why an event is neither at the broker nor on the disk, or not known to be.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpillError {
    /// The event does not fit a message, or the broker answered that it does not take it.
    #[error(transparent)]
    Publish(Arc<PublishError>),
    /// Events wait for the broker, and there is no room for more. The event may be at the broker:
    /// it is, if it was on its way when the broker fell silent.
    #[error("the spill is full of events that wait for the broker: {rows}, of {bytes} bytes")]
    Full {
        /// Events that wait in it.
        rows: u64,
        /// Their bytes.
        bytes: u64,
    },
    /// Events wait for the broker, and the disk did not take this one; which may be at the broker
    /// all the same.
    #[error("events wait for the broker in the spill, which cannot be written")]
    File(#[source] Arc<sqlx::Error>),
    /// The producer was closed.
    #[error("the producer is closed")]
    Closed,
}

impl SpillError {
    /// Whether publishing the same event again may succeed. Doing so is safe: it keeps its id.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Publish(error) => error.is_transient(),
            Self::Full { .. } | Self::File(_) => true,
            Self::Closed => false,
        }
    }
}

impl From<PublishError> for SpillError {
    fn from(error: PublishError) -> Self {
        Self::Publish(Arc::new(error))
    }
}
