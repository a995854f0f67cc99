//! What can become of a publish that is not confirmed.

use std::time::Duration;

use crate::fault::Fault;

/// Why a message was not published, or not known to be.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The body is larger than the limit; sending it would close the channel under others.
    #[error("the body has {len} bytes, at most {limit} are published")]
    BodyTooLarge {
        /// Its size in bytes.
        len: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The headers do not fit a frame; sending them would close the connection.
    #[error("the headers have about {len} bytes, at most {limit} are published")]
    HeadersTooLarge {
        /// Their size in bytes.
        len: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The broker took no responsibility, for example because a queue is full.
    #[error("the broker refused message {id}")]
    Nacked {
        /// The message.
        id: String,
    },
    /// The broker closed the channel over this message: no such exchange, or no permission.
    #[error("the broker does not let message {id} be published there")]
    Refused {
        /// The message.
        id: String,
        /// What the broker said.
        #[source]
        source: Fault,
    },
    /// No confirm came in time. The message may or may not be published; publishing
    /// it again with the same id is safe.
    #[error("message {id} was not confirmed within {} s{}", waited.as_secs_f64(), if *blocked { "; the broker has an alarm and takes no publishes" } else { "" })]
    Unconfirmed {
        /// The message.
        id: String,
        /// How long it was tried.
        waited: Duration,
        /// Whether the broker has an alarm.
        blocked: bool,
    },
    /// The publisher was closed before the message was confirmed.
    #[error("the publisher is closed")]
    Closed,
}

/// Why something is not a place to publish to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {part} has {len} bytes, at most 255 fit")]
pub struct RouteError {
    /// The exchange or the routing key.
    pub part: &'static str,
    /// Its size in bytes.
    pub len: usize,
}

impl PublishError {
    /// Whether the same publish may succeed later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Nacked { .. } | Self::Unconfirmed { .. } => true,
            // The exchange may be declared, or the permission given, meanwhile.
            Self::Refused { .. } => true,
            Self::BodyTooLarge { .. } | Self::HeadersTooLarge { .. } | Self::Closed => false,
        }
    }
}
