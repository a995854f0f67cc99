//! SendGrid's consumer against the mock API over HTTP.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where by panicking")]

mod activity;
mod mails;
mod refusals;
mod settings;
mod story;
