//! HubSpot's consumer against the mock API over HTTP.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where by panicking")]

mod batches;
mod deletions;
mod mixed;
mod moves;
mod refusals;
mod settings;
mod story;
mod upserts;
