//! Delivers every event as a webhook that is signed after
//! [Standard Webhooks](https://www.standardwebhooks.com), version 1.
//!
//! The receiver's URL comes from somebody else, so calls go through the address guard. The
//! `webhook-id` is the idempotency key: the same in every attempt and replay of an event, for
//! the receiver to tell a repetition by.
#![warn(missing_docs)]

mod body;
mod destination;
mod secret;
mod settings;
mod signing;

use fanfare_process::{Program, catalogue};

pub use body::BodyForm;
pub use destination::Webhook;
pub use secret::SigningSecret;
pub use settings::WebhookSettings;
pub use signing::Signer;

/// The program `fanfare-consumer-webhook`.
pub const PROGRAM: Program = Program {
    name: "fanfare-consumer-webhook",
    about: "Delivers every event as a signed webhook.",
    variables: &[
        catalogue::broker::GROUP,
        catalogue::process::GROUP,
        catalogue::consumer::GROUP,
        catalogue::credentials::GROUP,
        catalogue::webhook::GROUP,
    ],
};
