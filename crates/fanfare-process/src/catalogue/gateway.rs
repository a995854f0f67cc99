//! Where the gateway listens.

use crate::settings::{Group, Variable};

/// Read by `fanfare-gateway`.
pub const GROUP: Group = Group { title: "Gateway", variables: &[ADDR] };

/// The address to listen on.
pub const ADDR: Variable = Variable::with_default(
    "FANFARE_GATEWAY_ADDR",
    "127.0.0.1:8080",
    "Where events are taken over HTTP.",
);
