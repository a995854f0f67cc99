//! How a replay or a removal can end before its end.

use fanfare_broker::{FaultKind, PublishError, RouteError};

use super::parking::ParkingError;
use super::scan::ScanError;

/// A change that ended early, with what it did until then.
#[derive(Debug, thiserror::Error)]
#[error("the change ended early")]
pub struct ChangeEnded<S: std::fmt::Debug> {
    /// What was done.
    pub summary: S,
    /// Why it ended.
    pub source: ChangeError,
}

/// Why a change ended early. What was not done yet is where it was.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The dead letters.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// The name of the exchange to replay to.
    #[error("the exchange {exchange} cannot be published to")]
    Route {
        /// The exchange.
        exchange: String,
        /// Why not.
        #[source]
        source: RouteError,
    },
    /// Copies are not taken, and more of them would not be either.
    #[error("the broker takes no copies on exchange {exchange}")]
    Publish {
        /// The exchange.
        exchange: String,
        /// What became of the first copy that was not taken.
        #[source]
        source: PublishError,
    },
    /// Copies would be parked. None is, and no dead letter is gone.
    #[error(
        "exchange {exchange} leads to no queue, so copies end in {parking}; `fanfare topology apply` \
         binds it again"
    )]
    LeadsNowhere {
        /// The exchange.
        exchange: String,
        /// The queue that is parked in.
        parking: String,
    },
    /// Copies were parked whose dead letters are gone.
    #[error(
        "{copies} copies ended in {parking} and are still there, since exchange {exchange} has \
         lost its way; `fanfare topology apply` binds it again"
    )]
    Astray {
        /// How many.
        copies: u64,
        /// The exchange.
        exchange: String,
        /// The queue that is parked in.
        parking: String,
    },
    /// Copies may have been parked.
    #[error("it cannot be known whether copies arrive")]
    Unproven(#[from] ParkingError),
}

impl ChangeError {
    /// Whether the broker could not be reached, or was lost.
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Scan(error) => error.is_unreachable(),
            Self::Route { .. } | Self::LeadsNowhere { .. } | Self::Astray { .. } => false,
            Self::Unproven(error) => error.is_unreachable(),
            Self::Publish { source, .. } => match source {
                PublishError::Unconfirmed { .. } => true,
                PublishError::Refused { source, .. } => source.kind() == FaultKind::Lost,
                _ => false,
            },
        }
    }
}
