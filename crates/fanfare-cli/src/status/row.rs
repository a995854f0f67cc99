//! What is known about one destination.

use serde::Serialize;

/// How one destination stands; its JSON form is an interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DestinationStatus {
    /// Its name.
    pub destination: String,
    /// Whether it has a queue at all.
    pub exists: bool,
    /// Messages that wait to be delivered.
    pub ready: u64,
    /// Messages that consumers hold; `None` where nobody could be asked.
    pub in_flight: Option<u64>,
    /// Messages in the delay line.
    pub retrying: u64,
    /// The next of them is due within so many seconds.
    pub next_due_within_s: Option<u64>,
    /// Dead letters.
    pub dead: u64,
    /// When the first of them in the queue was given up, RFC 3339; `None` above 50,000,
    /// where looking would disturb their order.
    pub oldest_dead_at: Option<String>,
    /// How long ago that was, in seconds.
    pub oldest_dead_age_s: Option<u64>,
    /// Consumers.
    pub consumers: u32,
}

/// How a namespace stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NamespaceStatus {
    /// Its destinations, in a list of their own.
    #[serde(skip)]
    pub destinations: Vec<DestinationStatus>,
    /// Its name.
    pub namespace: String,
    /// Messages that no destination is bound for; `None` where no such queue exists.
    pub unrouted: Option<u64>,
}
