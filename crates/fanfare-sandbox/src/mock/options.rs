//! What a mock is started with.

use std::time::Duration;

/// The APIs that can be mocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// HubSpot's CRM contacts, version 3.
    HubSpot,
    /// SendGrid's `mail/send`, version 3.
    SendGrid,
    /// Takes every POST with 200: for benchmarks and for destinations of one's own.
    Sink,
}

/// What is fixed for a mock's lifetime; what changes while it runs is a [`super::Control`].
#[derive(Clone, Debug)]
pub struct Options {
    /// The bearer token that is accepted; without one, any bearer token is.
    pub token: Option<String>,
    /// The vendor's own rate limit, with its headers; off unless given.
    pub rate_limit: Option<RateLimit>,
    /// Contact properties that HubSpot's account has besides the built-in ones.
    pub properties: Vec<String>,
    /// Whether requests are logged and effects counted. Off is for measuring others.
    pub log: bool,
    /// Requests kept in the log; the oldest are dropped, and counted, beyond it.
    pub max_log_requests: usize,
    /// Idempotency keys kept in the log and in the tally of effects, each.
    pub max_keys: usize,
    /// Contacts that can exist; further ones are refused with 507.
    pub max_contacts: usize,
    /// Mails that are kept to look at; all are counted.
    pub max_mails: usize,
}

/// At most `max` requests in any span of `interval`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests per interval.
    pub max: u32,
    /// Length of the window.
    pub interval: Duration,
    /// Requests per day, counted from the start of the mock (HubSpot only).
    pub daily: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            token: None,
            rate_limit: None,
            properties: Vec::new(),
            log: true,
            max_log_requests: 100_000,
            max_keys: 1_000_000,
            max_contacts: 2_000_000,
            max_mails: 100_000,
        }
    }
}

impl RateLimit {
    /// HubSpot's limit for private apps of a free or starter account (usage guidelines).
    pub const HUBSPOT_FREE: Self =
        Self { max: 100, interval: Duration::from_secs(10), daily: 250_000 };

    /// `max` requests in every ten seconds, HubSpot's window.
    pub const fn per_ten_seconds(max: u32) -> Self {
        Self { max, interval: Duration::from_secs(10), daily: 250_000 }
    }
}
