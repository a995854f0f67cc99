//! The events crate from outside: every rule of the envelope, and what is frozen on the wire.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod binary;
mod building;
mod frozen;
mod identity;
mod payloads;
mod properties;
mod structured_invalid;
mod structured_valid;
