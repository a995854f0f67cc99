//! What the replicas of one destination, and its operators, tell each other.
//!
//! Each destination has one small log on the broker, a stream: whoever reads it sees
//! every [`Notice`] in the same order, from the first one that is kept, also after all
//! readers and the broker itself were restarted. [`ControlState`] is what follows from
//! them; since it is a pure fold, all replicas come to the same answer without a vote.
//! A [`ControlLog`] follows the log; notices are published like any other message.

mod follow;
mod log;
mod notice;
mod read;
mod state;
mod stream;
mod troubles;

pub use log::{ControlEvent, ControlLog};
pub use notice::{News, Notice, UnreadableNotice};
pub use state::{CLOCK_TOLERANCE_MS, ControlState, Hold, Pause};
pub use troubles::Troubled;
