//! The audit log: who changed what, when, and how it came out.
//!
//! A change is recorded twice: before it begins and after it ended. A `started` line
//! without its `finished` line is a change that was interrupted.

mod log;
mod record;
mod who;

pub use log::{AuditError, AuditLog, Recorded};
pub use record::{Change, Ending};
pub use who::Who;
