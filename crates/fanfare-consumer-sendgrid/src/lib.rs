//! Welcomes users who have registered with a mail through SendGrid.
//!
//! SendGrid has no idempotency: every call that it accepts is one mail. The engine's ledger
//! keeps a redelivery from becoming a second one; after a call that got no answer,
//! `FANFARE_AMBIGUOUS` decides between perhaps two mails and perhaps none. Each mail carries
//! the event's id and the idempotency key as custom arguments, so that it can be found later:
//! by a person, or with `SENDGRID_ACTIVITY` by the engine before it sends a mail again.
#![warn(missing_docs)]

mod activity;
mod answer;
mod destination;
mod mail;
mod settings;
mod welcome;

use fanfare_process::{Program, catalogue};

pub use destination::SendGrid;
pub use settings::SendGridSettings;

/// The program `fanfare-consumer-sendgrid`.
pub const PROGRAM: Program = Program {
    name: "fanfare-consumer-sendgrid",
    about: "Delivers registration mails through SendGrid.",
    variables: &[
        catalogue::broker::GROUP,
        catalogue::process::GROUP,
        catalogue::consumer::GROUP,
        catalogue::credentials::GROUP,
        catalogue::sendgrid::GROUP,
    ],
};
