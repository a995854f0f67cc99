//! What every process does: settings, telemetry, health, signals.
//!
//! A binary's `main.rs` asks [`Program::start`] what its arguments mean, reads
//! its settings through a [`settings::Reader`], starts [`telemetry`], hears
//! [`shutdown`] signals and calls one library function:
//!
//! ```no_run
//! use fanfare_process::settings::{Environment, Reader};
//! use fanfare_process::telemetry;
//! use fanfare_process::{Exit, ProcessSettings, Program, Start, catalogue, shutdown};
//! # async fn run(_: ProcessSettings, _: CancellationToken) -> Exit { Exit::Done }
//! # use tokio_util::sync::CancellationToken;
//!
//! const PROGRAM: Program = Program {
//!     name: "fanfare-consumer-example",
//!     about: "Delivers events to an example.",
//!     variables: &[catalogue::process::GROUP],
//! };
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Exit {
//!     let check = match PROGRAM.start(std::env::args().skip(1)) {
//!         Start::Run { check } => check,
//!         Start::Printed(exit) => return exit,
//!     };
//!     let mut reader = Reader::new(&Environment);
//!     let process = ProcessSettings::read(&mut reader);
//!     let settings = match reader.finish(PROGRAM.variables, || process) {
//!         Ok(settings) => settings,
//!         Err(error) => return PROGRAM.refuse(&error),
//!     };
//!     if check {
//!         return Exit::Done;
//!     }
//!     telemetry::init(&settings);
//!     shutdown::until_signalled(|stop| run(settings, stop)).await
//! }
//! ```
#![warn(missing_docs)]

pub mod admin;
pub mod catalogue;
pub mod health;
pub mod settings;
pub mod shutdown;
pub mod telemetry;

mod broker_settings;
mod crypto;
mod process_settings;
mod reach;
mod startup;

pub use broker_settings::{BrokerSettings, TopologyMode};
pub use crypto::install_crypto_provider;
pub use process_settings::{LogFormat, ProcessSettings};
pub use reach::broker_is_reached;
pub use startup::{Exit, Program, Start};
