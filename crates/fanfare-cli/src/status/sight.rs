//! What a look at one queue found.

use fanfare_broker::QueueDepth;

use crate::management::QueueSeen;

/// What a look at a queue found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// So much.
    Depth(QueueDepth),
    /// There is no such queue.
    NoQueue,
    /// The user may not look, and nobody else could tell.
    Hidden,
}

impl Sight {
    /// What the management API knows of a queue; `None` when it lists no such queue.
    pub(super) fn of_listed(queue: Option<&QueueSeen>) -> Self {
        let Some(queue) = queue else { return Self::NoQueue };
        match (queue.messages_ready, queue.consumers) {
            (Some(ready), Some(consumers)) => Self::Depth(QueueDepth { ready, consumers }),
            _ => Self::Hidden,
        }
    }

    /// Whether there is such a queue.
    pub(super) fn exists(self) -> Option<bool> {
        match self {
            Self::Depth(_) => Some(true),
            Self::NoQueue => Some(false),
            Self::Hidden => None,
        }
    }

    /// How many messages wait in it.
    pub(super) fn ready(self) -> Option<u64> {
        match self {
            Self::Depth(depth) => Some(depth.ready),
            Self::NoQueue => Some(0),
            Self::Hidden => None,
        }
    }

    /// How many consumers it has.
    pub(super) fn consumers(self) -> Option<u32> {
        match self {
            Self::Depth(depth) => Some(depth.consumers),
            Self::NoQueue => Some(0),
            Self::Hidden => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_management_api_tells_what_it_has_statistics_of() {
        let listed = |messages_ready, consumers| QueueSeen {
            name: "t.crm".into(),
            messages_ready,
            messages_unacknowledged: None,
            consumers,
        };
        let table = [
            (Some(listed(Some(7), Some(2))), (Some(true), Some(7), Some(2))),
            (Some(listed(None, None)), (None, None, None)),
            (None, (Some(false), Some(0), Some(0))),
        ];
        for (queue, told) in table {
            let sight = Sight::of_listed(queue.as_ref());
            assert_eq!((sight.exists(), sight.ready(), sight.consumers()), told);
        }
    }
}
