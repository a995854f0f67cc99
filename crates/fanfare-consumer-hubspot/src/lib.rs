//! Delivers user events to HubSpot's contacts.
//!
//! | event | what happens to the contact |
//! | --- | --- |
//! | `user.registered`, `user.updated` | created or updated by its email, in one call with others |
//! | `user.updated` with another `previous_email` | looked up under both, then moved or updated |
//! | `user.deleted` | looked up, then archived (HubSpot keeps it restorable for 90 days) |
//!
//! Every change may be repeated without harm, so a retry, a redelivery and a replay end where
//! one delivery does. An attempt writes once at most; the look-ups before some writes are
//! there because HubSpot archives by record id only, and because a move that is repeated
//! blindly runs into the contact that it made itself.
//!
//! Upserts share a call, up to a hundred of them. Each is an input with the event's key as its
//! trace id, so that HubSpot writes the good ones and names the bad. Events of one contact are
//! one input, in which the later ones win; HubSpot is told the key of the last one only, and
//! all of them end as the input does.
#![warn(missing_docs)]

mod answer;
mod api;
mod batch;
mod change;
mod destination;
mod language;
mod mixed;
mod refusal;
mod settings;

use fanfare_process::{Program, catalogue};

pub use destination::HubSpot;
pub use settings::HubSpotSettings;

/// The program `fanfare-consumer-hubspot`.
pub const PROGRAM: Program = Program {
    name: "fanfare-consumer-hubspot",
    about: "Delivers user events to HubSpot contacts.",
    variables: &[
        catalogue::broker::GROUP,
        catalogue::process::GROUP,
        catalogue::consumer::GROUP,
        catalogue::credentials::GROUP,
        catalogue::hubspot::GROUP,
    ],
};
