//! Publishing events from a file or a pipe: one a line, each with its own confirm.

mod command;
mod lines;
mod pipeline;
mod shape;

pub(crate) use command::command;
pub use lines::{Line, Lines, NumberedLine};
pub use pipeline::{PublishReport, PublishRunError, PublishSummary, publish};
pub use shape::{LineError, Shape};
