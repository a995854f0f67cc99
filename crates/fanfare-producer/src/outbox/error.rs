//! What can go wrong between a service and its outbox.

use crate::error::PublishError;

/// Why an event is not in the outbox. The transaction should be rolled back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnqueueError {
    /// The event could never be published.
    #[error("the event cannot be published")]
    Unpublishable(#[source] PublishError),
    /// The database did not take the row.
    #[error("the event cannot be written into the outbox")]
    Database(#[source] sqlx::Error),
}

/// Why the outbox's table is not as it has to be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// The database refused, or is away.
    #[error("the outbox cannot be set up")]
    Database(#[from] sqlx::Error),
    /// A newer version of this library has been here.
    #[error("the outbox is of version {found}, only {known} and older are understood")]
    Newer {
        /// The version that stands in the database.
        found: i64,
        /// The newest version that this library knows.
        known: i64,
    },
}
