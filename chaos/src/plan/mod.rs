//! What goes wrong and when: drawn from the seed, and from nothing else.

mod kind;
mod schedule;

pub use kind::{Kind, Lane, RETRY_AFTER};
pub use schedule::{CATCH_UP, Plan, Planned, draw};
