//! A Redis for tests: a `redis-server` process of one's own, on a free loopback port.
//!
//! It writes every change to its disk before it answers, so that what it said survives a
//! kill, and it asks for a password. It is installed with the system's package manager if it
//! is missing, and leaves nothing behind, as the [broker](crate::broker) does.

mod error;
mod installed;
mod node;

pub use error::RedisError;
pub use installed::install_if_missing;
pub use node::{Certificate, RedisNode};
