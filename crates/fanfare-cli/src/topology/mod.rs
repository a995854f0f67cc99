//! What should stand on the broker, what does, and bringing it about.

mod bindings;
mod command;
mod compare;
mod object;
mod planned;
mod words;

pub(crate) use command::command;
pub use compare::{CompareError, Comparison, compare};
pub use object::{ObjectKind, ObjectState, State};
pub use planned::{PlanError, planned};
