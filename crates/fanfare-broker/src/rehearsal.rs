//! The broker's side of a consumer's channels, to be played by a test.
//!
//! What is here is not a broker: it hands over what it is given, and hears what it is told. The
//! other side of it is the real one: [`Delivery`](crate::Delivery) with its session and its
//! coalesced acks, [`Publisher`](crate::Publisher) with its window. Nothing happens by itself,
//! so that a test can try everything that may happen, in every order.

pub use crate::consume::{Channel, Said};
use crate::message::Message;
pub use crate::publish::{Outgoing, Published};
use crate::received::Received;

/// `message` as it is received by whoever the broker hands it to, after it had done so
/// `deliveries` times.
pub fn received(message: &Message, deliveries: u32) -> Received {
    Received::rehearsed(message, "", deliveries)
}
