//! The kinds of faults, and how long each may last.

use std::fmt;
use std::ops::RangeInclusive;

use serde::Serialize;

/// Faults of one lane follow each other; those of different lanes meet as it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// The broker itself.
    Broker,
    /// The network between it and the processes.
    Network,
    /// The processes.
    Processes,
    /// The APIs.
    Apis,
    /// What others publish.
    Data,
    /// A service's own database.
    Database,
}

/// `Retry-After` in each form that is allowed, then in two that are not. A breaker by itself
/// opens again after five seconds at most: so these are longer.
pub const RETRY_AFTER: [&str; 7] =
    ["9", "imf:+10s", "8.5", "rfc850:+9s", "asctime:+10s", "soon", "-1"];
pub(super) const VALID_FORMS: u32 = 5;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The broker's process is killed with signal 9, and started again.
    BrokerKilled,
    /// The broker is stopped as an operator would, and started again.
    BrokerStopped,
    /// The broker stops reading from whoever publishes.
    MemoryAlarm,
    /// The broker closes every connection.
    ConnectionsClosed,
    /// Every connection ends with a TCP reset.
    NetworkReset,
    /// Nothing passes in either direction.
    Blackhole,
    /// The broker hears, and is not heard; then the connection is reset.
    ConfirmsLost,
    /// 200 ms later, give or take 100.
    SlowNetwork,
    /// A consumer is killed with signal 9, and another takes its place.
    ConsumerKilled,
    /// A consumer is asked to stop (SIGTERM), and another takes its place.
    ConsumerReplaced,
    /// A consumer stands still (SIGSTOP), and goes on.
    ConsumerFrozen,
    /// A producer is killed with signal 9, and started again.
    ProducerKilled,
    /// The Redis of the ledger is killed with signal 9, and started again.
    RedisKilled,
    /// The PostgreSQL with an outbox is killed with signal 9, and started again.
    PostgresKilled,
    /// An API answers everything with 500, 502, 503 or 504.
    ServerErrors,
    /// An API answers 429 and says how long to wait, in one form or another.
    Throttled,
    /// An API refuses the credentials of everybody with 401.
    Unauthorized,
    /// An API takes requests and answers nothing.
    Silent,
    /// An API does what it was asked for and resets the connection.
    AnswersLost,
    /// An API gets slower and slower.
    SlowRamp,
    /// An API's host refuses connections.
    ApiDown,
    /// Somebody publishes what is no event, and events twice.
    BadData,
}

impl Lane {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Broker, Self::Network, Self::Processes, Self::Apis, Self::Data, Self::Database];

    /// What happens in it, in a round; what is to happen more often is there more often.
    pub(super) fn round(self) -> &'static [Kind] {
        match self {
            Self::Broker => &[
                Kind::BrokerKilled,
                Kind::BrokerStopped,
                Kind::MemoryAlarm,
                Kind::ConnectionsClosed,
            ],
            Self::Network => {
                &[Kind::NetworkReset, Kind::Blackhole, Kind::ConfirmsLost, Kind::SlowNetwork]
            }
            Self::Processes => &[
                Kind::ConsumerKilled,
                Kind::ConsumerKilled,
                Kind::ConsumerKilled,
                Kind::ConsumerReplaced,
                Kind::ConsumerFrozen,
                Kind::ProducerKilled,
                Kind::RedisKilled,
            ],
            Self::Apis => &[
                Kind::ServerErrors,
                Kind::Throttled,
                Kind::Throttled,
                Kind::Unauthorized,
                Kind::Silent,
                Kind::AnswersLost,
                Kind::SlowRamp,
                Kind::ApiDown,
            ],
            Self::Data => &[Kind::BadData],
            Self::Database => &[Kind::PostgresKilled],
        }
    }

    /// Seconds of rest between two of its faults.
    pub fn rest(self) -> RangeInclusive<f64> {
        match self {
            Self::Broker => 4.0..=8.0,
            Self::Network => 4.0..=9.0,
            Self::Processes => 1.5..=4.0,
            Self::Apis => 4.0..=7.0,
            Self::Data => 8.0..=16.0,
            Self::Database => 8.0..=20.0,
        }
    }
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 22] = [
        Self::BrokerKilled,
        Self::BrokerStopped,
        Self::MemoryAlarm,
        Self::ConnectionsClosed,
        Self::NetworkReset,
        Self::Blackhole,
        Self::ConfirmsLost,
        Self::SlowNetwork,
        Self::ConsumerKilled,
        Self::ConsumerReplaced,
        Self::ConsumerFrozen,
        Self::ProducerKilled,
        Self::RedisKilled,
        Self::PostgresKilled,
        Self::ServerErrors,
        Self::Throttled,
        Self::Unauthorized,
        Self::Silent,
        Self::AnswersLost,
        Self::SlowRamp,
        Self::ApiDown,
        Self::BadData,
    ];

    /// Where it happens.
    pub fn lane(self) -> Lane {
        let is_there = |lane: &Lane| lane.round().contains(&self);
        Lane::ALL.into_iter().find(is_there).expect("each kind is in a lane, as a test shows")
    }

    /// How many places there are that it can happen to.
    pub(super) fn targets(self) -> usize {
        match self {
            // The way in, and the way out to each of three destinations.
            Self::NetworkReset | Self::Blackhole | Self::ConfirmsLost | Self::SlowNetwork => 4,
            Self::ConsumerKilled
            | Self::ConsumerReplaced
            | Self::ConsumerFrozen
            | Self::ServerErrors
            | Self::Throttled
            | Self::Unauthorized
            | Self::Silent
            | Self::AnswersLost
            | Self::SlowRamp
            | Self::ApiDown => 3,
            Self::ProducerKilled => 4,
            Self::BrokerKilled
            | Self::BrokerStopped
            | Self::MemoryAlarm
            | Self::ConnectionsClosed
            | Self::RedisKilled
            | Self::PostgresKilled
            | Self::BadData => 1,
        }
    }

    /// How long it is kept up, in seconds; what happens in a moment takes none.
    pub(super) fn seconds(self) -> RangeInclusive<f64> {
        match self {
            Self::BrokerKilled
            | Self::BrokerStopped
            | Self::ConnectionsClosed
            | Self::NetworkReset
            | Self::ConsumerKilled
            | Self::ConsumerReplaced
            | Self::ProducerKilled
            | Self::BadData => 0.0..=0.0,
            Self::MemoryAlarm => 4.0..=8.0,
            Self::Blackhole => 5.0..=12.0,
            Self::ConfirmsLost => 3.0..=8.0,
            Self::SlowNetwork => 6.0..=12.0,
            Self::ConsumerFrozen => 3.0..=8.0,
            Self::RedisKilled => 3.0..=6.0,
            Self::PostgresKilled => 1.0..=4.0,
            Self::ServerErrors => 4.0..=8.0,
            Self::Throttled => 3.0..=5.0,
            Self::Unauthorized => 3.0..=5.0,
            Self::Silent => 3.0..=6.0,
            Self::AnswersLost => 2.0..=4.0,
            Self::SlowRamp => 5.0..=8.0,
            Self::ApiDown => 4.0..=8.0,
        }
    }

    /// Seconds until the one that it happened to is back.
    pub(super) fn recovery(self) -> f64 {
        match self {
            Self::BrokerKilled | Self::BrokerStopped => 8.0,
            _ => 0.0,
        }
    }

    /// What a person calls it.
    pub fn words(self) -> &'static str {
        match self {
            Self::BrokerKilled => "broker killed -9",
            Self::BrokerStopped => "broker stopped",
            Self::MemoryAlarm => "memory alarm",
            Self::ConnectionsClosed => "connections closed",
            Self::NetworkReset => "network reset",
            Self::Blackhole => "network blackhole",
            Self::ConfirmsLost => "confirms lost one way",
            Self::SlowNetwork => "network slow",
            Self::ConsumerKilled => "consumer killed -9",
            Self::ConsumerReplaced => "consumer replaced",
            Self::ConsumerFrozen => "consumer frozen",
            Self::ProducerKilled => "producer killed -9",
            Self::RedisKilled => "redis killed -9",
            Self::PostgresKilled => "postgres killed -9",
            Self::ServerErrors => "API 5xx storm",
            Self::Throttled => "API 429, Retry-After",
            Self::Unauthorized => "API refuses credentials",
            Self::Silent => "API hangs",
            Self::AnswersLost => "API resets after reading",
            Self::SlowRamp => "API slower and slower",
            Self::ApiDown => "API down",
            Self::BadData => "bad data",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.words())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_in_one_lane() {
        for kind in Kind::ALL {
            let lanes = Lane::ALL.iter().filter(|lane| lane.round().contains(&kind)).count();
            assert_eq!(lanes, 1, "{kind}");
        }
    }
}
