//! The mock APIs over real sockets: vendor behaviour, faults, log.

#![expect(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

mod capacity;
mod client;
mod control;
mod faults;
mod hubspot;
mod hubspot_single;
mod log;
mod program;
mod sendgrid;
