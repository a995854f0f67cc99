//! Outbound credentials, against servers that look at what they are shown.
#![expect(clippy::unwrap_used, reason = "a story that cannot go on has failed")]

mod api;
mod oauth2;
mod rotation;
mod schemes;
mod settings;
mod tls;
