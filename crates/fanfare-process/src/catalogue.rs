//! Every variable that a Fanfare program reads.
//!
//! They stand in one place because one env file serves all programs: a process
//! must recognise the variables of the others in order to report a mistyped one.
//! `--help` and `config.example.env` are written from here.

pub mod broker;
pub mod consumer;
pub mod credentials;
pub mod hubspot;
pub mod operator;
pub mod outbox;
pub mod process;
pub mod sendgrid;
pub mod webhook;

mod listing;

pub use listing::{example_file, help};

use crate::settings::Group;

/// The groups of every program.
pub const ALL: &[Group] = &[
    broker::GROUP,
    process::GROUP,
    outbox::GROUP,
    consumer::GROUP,
    credentials::GROUP,
    hubspot::GROUP,
    sendgrid::GROUP,
    webhook::GROUP,
    operator::GROUP,
];

/// Names that tests and demos read and that a process must not stumble over.
pub const DEVELOPMENT: &[&str] = &[
    "FANFARE_TEST_AMQP_URL",
    "FANFARE_TEST_NODE_HOME",
    "FANFARE_RABBITMQ_IMAGE",
    "FANFARE_VERSIONS",
    "FANFARE_SANDBOX_TOKEN",
];
