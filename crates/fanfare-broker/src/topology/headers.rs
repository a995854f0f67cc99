//! The names of message headers; nothing else in the house spells them.

/// Attempts made so far; absent means none.
pub(crate) const ATTEMPT: &str = "fanfare-attempt";
/// When the first attempt was made, in milliseconds since the epoch.
pub(crate) const FIRST_ATTEMPT_AT: &str = "fanfare-first-attempt-at";
/// Not to be attempted before, in milliseconds since the epoch.
pub(crate) const NOT_BEFORE: &str = "fanfare-not-before";
/// Calls made so far that were sent and got no answer; absent means none.
pub(crate) const UNANSWERED: &str = "fanfare-unanswered";
/// The replay that brought the message back.
pub(crate) const REPLAY: &str = "fanfare-replay";

/// Why a message is a dead letter, from a closed set.
pub(crate) const CAUSE: &str = "fanfare-cause";
/// Why a message is a dead letter, in a sentence.
pub(crate) const REASON: &str = "fanfare-reason";
/// The HTTP status, if one came.
pub(crate) const STATUS: &str = "fanfare-status";
/// The start of the destination's answer, masked.
pub(crate) const RESPONSE: &str = "fanfare-response";
/// When the message was dead-lettered, in milliseconds since the epoch.
pub(crate) const DEAD_AT: &str = "fanfare-dead-at";
/// When an event of an ordered destination was dead-lettered first, and the order in which the
/// letters of one key are to go on. In milliseconds since the epoch, no two alike; replays keep it.
pub(crate) const FIRST_DEAD_AT: &str = "fanfare-first-dead-at";
/// The destination that gave the message up.
pub(crate) const DESTINATION: &str = "fanfare-destination";
/// The process and version that gave the message up.
pub(crate) const CONSUMER: &str = "fanfare-consumer";

/// W3C trace context of this hop.
pub(crate) const TRACEPARENT: &str = "traceparent";
/// W3C vendor trace context of this hop.
pub(crate) const TRACESTATE: &str = "tracestate";

/// How often the broker has handed the message over before (quorum queues).
pub(crate) const DELIVERY_COUNT: &str = "x-delivery-count";
/// Why the broker itself first dead-lettered the message.
pub(crate) const FIRST_DEATH_REASON: &str = "x-first-death-reason";

/// CloudEvents attributes in binary mode start with one of these.
pub(crate) const CLOUD_EVENTS_PREFIXES: [&str; 2] = ["cloudEvents_", "cloudEvents:"];

/// Where to begin to read a stream, and the place of a message in one.
pub(crate) const STREAM_OFFSET: &str = "x-stream-offset";
