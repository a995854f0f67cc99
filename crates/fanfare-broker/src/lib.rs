//! How events travel: the only room that knows RabbitMQ.
//!
//! Each use of a broker has a connection of its own, because a broker under a memory
//! or disk alarm stops reading from whoever publishes, acknowledgements included:
//!
//! - [`Publisher`] publishes with confirms and says for each message what became of it,
//! - [`Subscription`] consumes a queue, to be settled by value,
//! - [`control`] is the log by which replicas and operators of a destination agree,
//! - [`topology`] declares and verifies what stands on the broker.
//!
//! Connections are kept by us: dialled under a deadline, host by host, for ever.
//! No type of the client library appears in this API.
#![warn(missing_docs)]

mod backoff;
mod config;
mod consume;
pub mod control;
mod dead_letter;
mod dial;
mod fault;
mod inspect;
mod message;
mod publish;
mod received;
#[cfg(feature = "rehearsal")]
pub mod rehearsal;
pub mod topology;

pub use backoff::ExponentialPauses;
pub use config::{BrokerAddress, BrokerConfig, BrokerUrlError, ClientIdentity, TlsConfig};
pub use consume::{
    BrowseError, Browsed, Browser, ConsumeState, Delivery, GivingBack, Lifeline, SessionId,
    Subscription, SubscriptionOptions,
};
pub use dead_letter::{Cause, DeathNote, UnknownCause};
pub use fault::{Fault, FaultKind};
pub use inspect::{InspectError, Inspector, QueueDepth};
pub use message::{Message, MessageError};
pub use publish::{
    Confirmed, LinkState, Place, PublishError, Publisher, PublisherOptions, Route, RouteError,
    Sequence, Verdicts,
};
pub use received::{HeaderValue, Received};
pub use topology::{DestinationNames, InvalidName, Namespace};
