//! Consuming a queue: deliveries that are settled by value, acks that are coalesced.

mod ack_tracker;
mod acks;
mod browser;
mod delivery;
#[cfg(feature = "rehearsal")]
mod rehearsal;
mod subscription;
mod task;

pub use browser::{BrowseError, Browsed, Browser};
pub use delivery::{Delivery, Lifeline, SessionId};
#[cfg(feature = "rehearsal")]
pub use rehearsal::{Channel, Said};
pub use subscription::{ConsumeState, GivingBack, Subscription, SubscriptionOptions};
