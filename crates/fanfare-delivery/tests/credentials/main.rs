//! Outbound credentials, against a server that looks at what it is shown.
#![expect(clippy::unwrap_used, reason = "a story that cannot go on has failed")]

mod api;
mod oauth2;
mod rotation;
mod schemes;
mod settings;
