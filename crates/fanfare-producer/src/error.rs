//! What can become of an event that is not published.

use fanfare_broker::MessageError;
use fanfare_broker::topology::DeclareError;

/// Why a producer could not start.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The broker cannot be reached, or its exchanges cannot be declared.
    #[error("the producer cannot start")]
    Declare(#[from] DeclareError),
}

/// Why an event was not published, or not known to be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The event does not fit a message.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// The broker did not take it, or did not say so in time.
    #[error(transparent)]
    Broker(#[from] fanfare_broker::PublishError),
}

impl PublishError {
    /// Whether publishing the same event again may succeed. Doing so is safe: the
    /// event keeps its id, and destinations are told an idempotency key made from it.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Message(_) => false,
            Self::Broker(error) => error.is_transient(),
        }
    }
}
