//! Stopping and starting destinations, through the control log that their replicas read.

mod command;
mod standing;
mod steer;

pub(crate) use command::{pause, resume};
pub use standing::{Standing, State};
pub use steer::{Order, SteerError, publish, read};
