//! The main job end to end, for people to watch and for scripts to check.
//!
//! Two mock APIs that misbehave, the two consumer programs, one pipelined producer and the
//! operator's tool. Every event is followed to its end: `published = delivered + dead` at each
//! destination, where delivered is counted at the APIs by idempotency key and dead in the
//! dead-letter queues, so that a lost event is found as well as a doubled one.

mod apis;
mod balance;
mod board;
mod consumers;
mod dead_letters;
mod file;
mod listener;
mod options;
mod oracle;
mod people;
mod play;
mod plot;
mod publishing;
mod replay;
mod screen;
mod settling;
mod stay;
mod telling;
mod weather;

use std::error::Error;

pub use balance::{Balance, DestinationBalance, Verdict};
pub use options::{Events, Options, Programs};
pub use play::Demo;
pub use screen::Screen;

/// An error with all its causes, on one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}
