//! What is known about one destination.

use std::time::Duration;

use fanfare_broker::control::ControlState;
use serde::Serialize;
use time::OffsetDateTime;

use super::sight::Sight;
use crate::control::Standing;
use crate::when;

/// How one destination stands; its JSON form is an interface.
///
/// A figure is `None` where the user may not look and the management API does not tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DestinationStatus {
    /// Its name.
    pub destination: String,
    /// Whether it has a queue at all.
    pub exists: Option<bool>,
    /// Messages that wait to be delivered.
    pub ready: Option<u64>,
    /// Messages that consumers hold, which only the management API tells.
    pub in_flight: Option<u64>,
    /// Messages in the delay line.
    pub retrying: Option<u64>,
    /// The next of them is due within so many seconds.
    pub next_due_within_s: Option<u64>,
    /// Dead letters.
    pub dead: Option<u64>,
    /// When the first of them in the queue was given up, RFC 3339; `None` above 50,000,
    /// where looking would disturb their order.
    pub oldest_dead_at: Option<String>,
    /// How long ago that was, in seconds.
    pub oldest_dead_age_s: Option<u64>,
    /// Consumers.
    pub consumers: Option<u32>,
    /// Whether it runs.
    #[serde(flatten)]
    pub standing: Standing,
}

/// How a namespace stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NamespaceStatus {
    /// Its destinations, in a list of their own.
    #[serde(skip)]
    pub destinations: Vec<DestinationStatus>,
    /// Its name.
    pub namespace: String,
    /// Messages that no destination is bound for.
    pub unrouted: Unrouted,
}

/// Messages that no destination is bound for; a number or null in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Unrouted {
    /// So many.
    Parked(u64),
    /// There is no queue to park them in.
    NoQueue,
    /// The user may not look, and the management API does not tell.
    Hidden,
}

/// What was seen of a destination's queues.
pub(super) struct Seen<'a> {
    pub(super) destination: &'a str,
    pub(super) queue: Sight,
    pub(super) dead: Sight,
    /// The levels of the delay line with the time that each takes, the shortest first.
    pub(super) levels: Vec<(Duration, Sight)>,
    pub(super) in_flight: Option<u64>,
    pub(super) oldest_dead: Option<OffsetDateTime>,
    /// `None` where there is no control log, or it may not be read.
    pub(super) log: Option<&'a ControlState>,
}

impl DestinationStatus {
    pub(super) fn of(seen: &Seen<'_>, now: OffsetDateTime) -> Self {
        let Seen { queue, dead, levels, oldest_dead, .. } = seen;
        // The first level that is not empty is the next that is due.
        let next = levels.iter().find(|(_, level)| level.ready() != Some(0));
        Self {
            destination: seen.destination.to_owned(),
            exists: queue.exists(),
            ready: queue.ready(),
            in_flight: seen.in_flight,
            retrying: levels.iter().map(|(_, level)| level.ready()).sum(),
            next_due_within_s: next.and_then(|(span, level)| level.ready().map(|_| span.as_secs())),
            dead: dead.ready(),
            oldest_dead_at: oldest_dead.map(when::rfc3339),
            oldest_dead_age_s: oldest_dead.map(|at| when::age(at, now).as_secs()),
            consumers: queue.consumers(),
            standing: seen.log.map_or_else(Standing::default, |log| Standing::of(log, now)),
        }
    }

    /// Whether the user may not look at one of its queues, and nobody else could tell.
    pub(super) fn is_hidden(&self) -> bool {
        self.ready.is_none() || self.retrying.is_none() || self.dead.is_none()
    }
}

impl From<Sight> for Unrouted {
    fn from(sight: Sight) -> Self {
        match sight {
            Sight::Depth(depth) => Self::Parked(depth.ready),
            Sight::NoQueue => Self::NoQueue,
            Sight::Hidden => Self::Hidden,
        }
    }
}

#[cfg(test)]
mod tests {
    use fanfare_broker::QueueDepth;
    use serde_json::json;

    use super::*;

    fn told(queue: Sight, levels: &[Sight]) -> serde_json::Value {
        let seconds = (0..).map(|bit| Duration::from_secs(1 << bit));
        let seen = Seen {
            destination: "crm",
            queue,
            dead: depth(1),
            levels: seconds.zip(levels.iter().copied()).collect(),
            in_flight: None,
            oldest_dead: None,
            log: None,
        };
        let status = DestinationStatus::of(&seen, OffsetDateTime::UNIX_EPOCH);
        assert_eq!(status.is_hidden(), [queue].iter().chain(levels).any(|s| *s == Sight::Hidden));
        let DestinationStatus { exists, ready, retrying, next_due_within_s: due, dead, .. } =
            status;
        json!([exists, ready, retrying, due, dead])
    }

    fn depth(ready: u64) -> Sight {
        Sight::Depth(QueueDepth { ready, consumers: 0 })
    }

    #[test]
    fn what_may_not_be_looked_at_is_null_and_hides_nothing_else() {
        let (hidden, none) = (Sight::Hidden, Sight::NoQueue);
        let table = [
            (depth(5), [depth(0), depth(2), depth(1)], json!([true, 5, 3, 2, 1])),
            (depth(5), [depth(0), depth(0), depth(0)], json!([true, 5, 0, null, 1])),
            (hidden, [depth(3), depth(0), depth(0)], json!([null, null, 3, 1, 1])),
            (depth(5), [depth(3), depth(0), hidden], json!([true, 5, null, 1, 1])),
            (depth(5), [depth(0), hidden, depth(3)], json!([true, 5, null, null, 1])),
            (hidden, [hidden, hidden, hidden], json!([null, null, null, null, 1])),
            (none, [none, none, none], json!([false, 0, 0, null, 1])),
        ];
        for (queue, levels, expected) in table {
            assert_eq!(told(queue, &levels), expected);
        }
    }

    #[test]
    fn messages_without_a_destination_are_a_number_or_null() {
        let json = |sight: Sight| json!(Unrouted::from(sight));
        assert_eq!(json(depth(2)), json!(2));
        assert_eq!(json(Sight::NoQueue), json!(null));
        assert_eq!(json(Sight::Hidden), json!(null));
    }
}
