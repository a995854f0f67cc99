//! The webhook consumer against a receiver over HTTP, and against the reference library.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where by panicking")]

mod calls;
mod receiver;
mod rotation;
mod settings;
mod signatures;
mod story;
