//! How a ledger is chosen, and what happens while a shared one is away.

use crate::shared::Store;

/// Where the keys of delivered events are kept.
#[derive(Clone, Debug, Default)]
pub struct LedgerSettings {
    /// In the process, or in a Redis that all processes of the destination name.
    pub store: Store,
    /// What happens while that Redis is away.
    pub down: LedgerDown,
}

/// What happens while the shared ledger is away. No event is lost either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LedgerDown {
    /// Go on with what this process knows: an event that another process delivered may
    /// be delivered again, under the same key.
    #[default]
    Deliver,
    /// Call nobody until it is back.
    Hold,
}

impl LedgerDown {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Deliver => "delivering by what this process knows alone",
            Self::Hold => "delivering nothing",
        }
    }
}
