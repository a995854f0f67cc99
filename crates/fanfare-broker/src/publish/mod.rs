//! Publishing with confirms: every message gets its own verdict.
//!
//! The client library has two traps, both measured: two tasks that publish on one
//! channel swap each other's confirms, and a returned message is attached to
//! whichever confirm resolves next. So one task owns the channel ([`task`]), and
//! returns are matched by message id ([`attribution`]).

mod attribution;
mod confirms;
mod error;
mod nacks;
mod publisher;
#[cfg(feature = "rehearsal")]
mod rehearsal;
mod sequence;
mod task;
mod waiter;
mod wire;

pub use error::{PublishError, RouteError};
pub use publisher::{Confirmed, LinkState, Publisher, PublisherOptions, Route};
#[cfg(feature = "rehearsal")]
pub use rehearsal::{Outgoing, Published};
pub use sequence::{Place, Sequence, Verdicts};
