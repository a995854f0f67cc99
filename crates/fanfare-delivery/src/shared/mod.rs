//! What the processes of one destination share, and where: a Redis.
//!
//! It is never in the way: every question has a deadline, and while the Redis is away
//! nothing is asked at all.

mod address;
mod link;

pub use address::{RedisAddress, Store};

pub(crate) use link::{Away, DEADLINE, RedisLink};
