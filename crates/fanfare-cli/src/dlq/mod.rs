//! Dead letters: looking at them, putting them back, removing them.
//!
//! Reading leaves every letter in its place. A replayed letter is removed only after
//! the broker confirmed its copy, so whatever happens in between, it exists: ending at
//! the wrong moment can leave a copy more, with the same id, never one less.

mod approval;
mod change;
mod command;
mod dead_letter;
mod decoded;
mod discard;
mod discard_command;
mod filter;
mod list;
mod mask;
mod on_console;
mod parking;
mod pattern;
mod replay;
mod replay_command;
mod report;
mod scan;
mod show;
mod tally;

pub use change::{ChangeEnded, ChangeError};
pub(crate) use command::command;
pub use dead_letter::DeadLetter;
pub use discard::{DiscardSummary, discard};
pub use filter::Filter;
pub use parking::ParkingError;
pub use pattern::TypePattern;
pub use replay::{ReplayOptions, ReplaySummary, replay};
pub use report::{Quiet, Report};
pub use scan::{DeadLetters, Match, Scan, ScanError};
pub use tally::Tally;
