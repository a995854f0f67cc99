//! What the processes of one destination share, and where: a Redis.
//!
//! It is never in the way: every question has a deadline, and while the Redis is away
//! nothing is asked at all.

mod address;
mod authorities;
mod link;
#[cfg(test)]
pub(crate) mod tests;

pub use address::{RedisAddress, Store};

pub(crate) use authorities::check_authorities;
pub(crate) use link::{Away, DEADLINE, RedisLink};
