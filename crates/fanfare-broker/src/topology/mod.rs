//! What stands on the broker: names, arguments, and how to bring them about.

mod declare;
mod delay;
pub(crate) mod headers;
mod names;
mod plan;
mod verify;

pub use declare::{DeclareError, declare, how_to_change_order};
pub use delay::{DelayRoute, LONGEST_DELAY, Level, Precision};
pub use names::{DestinationNames, InvalidName, Namespace};
pub use plan::{
    Argument, Binding, DestinationPlan, Exchange, ExchangeKind, Queue, SINGLE_ACTIVE_CONSUMER,
    Topology,
};
pub use verify::{Depth, Drift, Finding, VerifyError, verify};
