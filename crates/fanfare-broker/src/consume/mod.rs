//! Consuming a queue: deliveries that are settled by value, acks that are coalesced.

mod ack_tracker;
mod acks;
mod browser;
mod delivery;
mod subscription;
mod task;

pub use browser::{BrowseError, Browsed, Browser};
pub use delivery::{Delivery, Lifeline, SessionId};
pub use subscription::{ConsumeState, GivingBack, Subscription, SubscriptionOptions};
