//! Stopping and starting one destination: read its control log, write what is new.

use std::time::Duration;

use fanfare_broker::control::{ControlState, News, Notice};
use fanfare_broker::{
    BrokerConfig, DestinationNames, InspectError, Inspector, MessageError, PublishError, Publisher,
    PublisherOptions, Route, RouteError,
};
use futures_util::future::try_join_all;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::when;

/// What an operator wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// No more deliveries, until somebody resumes them.
    Pause,
    /// The end of a pause; where there is none, of a hold.
    Resume,
}

/// Why a destination cannot be stopped or started.
#[derive(Debug, thiserror::Error)]
pub enum SteerError {
    /// Its control log cannot be read.
    #[error(transparent)]
    Inspect(#[from] InspectError),
    /// It was declared by an earlier version, or not at all.
    #[error(
        "destination {destination} has no control log; `fanfare topology apply -d {destination}` declares it"
    )]
    NoLog {
        /// The destination.
        destination: String,
    },
    /// No message can be made of it.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// The name of the exchange is too long.
    #[error(transparent)]
    Route(#[from] RouteError),
    /// The broker did not take it, or not for sure: the same order can be given again.
    #[error("destination {destination} may not have heard it")]
    NotPublished {
        /// The destination.
        destination: String,
        /// What the broker said.
        #[source]
        source: PublishError,
    },
    /// The log is not bound to its exchange, or is gone.
    #[error("destination {destination} did not hear it: nothing is bound to its control exchange")]
    NotKept {
        /// The destination.
        destination: String,
    },
}

const GIVE_UP_AFTER: Duration = Duration::from_secs(30);

/// What the control logs of `destinations` tell now, in their order.
pub async fn read(
    broker: &BrokerConfig,
    destinations: &[DestinationNames],
) -> Result<Vec<ControlState>, SteerError> {
    let inspector = Inspector::connect(broker).await?;
    // All at once: each takes a moment to see its end.
    let read = try_join_all(destinations.iter().map(async |names| {
        let destination = || names.destination().to_owned();
        let log = inspector.control(&names.control()).await?;
        log.ok_or_else(|| SteerError::NoLog { destination: destination() })
    }));
    let read = read.await;
    inspector.close().await;
    read
}

/// Writes `notice` into the control logs of `destinations`, one after the other, until one
/// fails; answers how many it stands in.
pub async fn publish(
    broker: &BrokerConfig,
    destinations: &[&DestinationNames],
    notice: &Notice,
) -> (usize, Result<(), SteerError>) {
    let options = PublisherOptions { give_up_after: GIVE_UP_AFTER, ..PublisherOptions::default() };
    let publisher = Publisher::start(broker, "fanfare steers", options);
    let mut written = 0;
    let mut result = Ok(());
    for names in destinations {
        result = publish_one(&publisher, names, notice).await;
        if result.is_err() {
            break;
        }
        written += 1;
    }
    publisher.close().await;
    (written, result)
}

async fn publish_one(
    publisher: &Publisher,
    names: &DestinationNames,
    notice: &Notice,
) -> Result<(), SteerError> {
    let route = Route::new(&names.control(), "")?;
    let message = notice.message(&Uuid::now_v7().to_string())?;
    let destination = names.destination().to_owned();
    match publisher.publish(&route, message).await {
        Ok(confirmed) if confirmed.routed => Ok(()),
        Ok(_) => Err(SteerError::NotKept { destination }),
        Err(source) => Err(SteerError::NotPublished { destination, source }),
    }
}

impl Order {
    /// The command that gives it.
    pub fn command(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
        }
    }

    /// Whether it changes how a destination stands. Replicas that wait for what they have met
    /// themselves look again when they are told to resume.
    pub fn changes(self, log: &ControlState) -> bool {
        let is_troubled = || log.troubled(now_ms()).next().is_some();
        match self {
            Self::Pause => log.paused().is_none(),
            Self::Resume => log.paused().is_some() || log.trouble().is_some() || is_troubled(),
        }
    }

    /// The notice that says it, as of now.
    pub fn notice(self, by: &str, why: &str) -> Notice {
        let (by, why) = (by.to_owned(), why.to_owned());
        let news = match self {
            Self::Pause => News::Paused { by, why },
            Self::Resume => News::Resumed { by, why },
        };
        Notice::new(now_ms(), news)
    }
}

fn now_ms() -> u64 {
    when::epoch_ms(OffsetDateTime::now_utc())
}

impl SteerError {
    /// Whether the broker could not be reached, or was lost.
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Inspect(error) => error.is_unreachable(),
            Self::NotPublished { source, .. } => matches!(source, PublishError::Unconfirmed { .. }),
            Self::NoLog { .. } | Self::NotKept { .. } | Self::Message(_) | Self::Route(_) => false,
        }
    }
}
