//! How a consumer delivers, whatever its API.

use crate::settings::{Group, Variable};

/// Read by every consumer.
pub const GROUP: Group = Group {
    title: "Delivery (every consumer)",
    variables: &[
        DESTINATION,
        SUBSCRIBE,
        MAX_CONCURRENCY,
        PREFETCH,
        RATE_LIMIT,
        RATE_LIMIT_STORE,
        TIMEOUT,
        CONNECT_TIMEOUT,
        HTTP_ALLOW_PLAINTEXT,
        HTTP_CA_FILE,
        HTTP_CERT_FILE,
        HTTP_KEY_FILE,
        RETRY_BASE,
        RETRY_CAP,
        RETRY_ATTEMPTS,
        RETRY_MAX_AGE,
        RETRY_AFTER_CAP,
        AMBIGUOUS,
        LEDGER,
        LEDGER_DOWN,
        REDIS_ALLOW_PLAINTEXT,
        REDIS_CA_FILE,
        ORDERED_BY,
        ORDERED_AFTER_DEAD,
        ORDERED_PATIENCE,
    ],
};

/// The destination's name.
pub const DESTINATION: Variable = Variable::optional(
    "FANFARE_DESTINATION",
    "the API's name, such as hubspot",
    "hubspot-eu",
    "Name of the destination, and so of its queue. Consumers with the same name share the work; \
     another name is another copy of every event.",
);

/// The events that it wants.
pub const SUBSCRIBE: Variable = Variable::with_default(
    "FANFARE_SUBSCRIBE",
    "#",
    "Which event types are delivered: patterns separated by commas, where * stands for one word \
     and # for any number of words.",
)
.example("user.registered,user.#");

/// Calls at the same time.
pub const MAX_CONCURRENCY: Variable = Variable::with_default(
    "FANFARE_MAX_CONCURRENCY",
    "64",
    "Most calls at the same time, by this process. Fewer are made where more would only wait for \
     each other, or be refused.",
);

/// Deliveries that the broker hands over ahead.
pub const PREFETCH: Variable = Variable::optional(
    "FANFARE_PREFETCH",
    "twice FANFARE_MAX_CONCURRENCY",
    "128",
    "Most deliveries that the broker hands over before the first is settled. It bounds the memory \
     of the process, whatever the backlog.",
);

/// Calls in a time.
pub const RATE_LIMIT: Variable = Variable::with_default(
    "FANFARE_RATE_LIMIT",
    "off",
    "Most calls in any span of a time, such as 100/10s or 5/s, by this process or by all \
     (FANFARE_RATE_LIMIT_STORE); off means as many as the API takes. What an API's own rate \
     headers allow is kept to either way.",
)
.example("100/10s");

/// Where the calls of a rate limit are counted.
pub const RATE_LIMIT_STORE: Variable = Variable::with_default(
    "FANFARE_RATE_LIMIT_STORE",
    "memory",
    "Where the calls of FANFARE_RATE_LIMIT are counted: memory, where the limit is each process's \
     own, so that it is to be divided among the consumers of a destination, or the redis:// or \
     rediss:// URL of a Redis that they share, where it is one for all; give each the same. While \
     that Redis is away, each process keeps to the limit by itself, so that together they may \
     make as many times more calls as there are processes.",
)
.example("rediss://:PASSWORD@redis.example:6379")
.secret();

/// The deadline of a call.
pub const TIMEOUT: Variable = Variable::with_default(
    "FANFARE_TIMEOUT",
    "30s",
    "Deadline of one whole call. A call that runs into it may have had its effect.",
);

/// The deadline of connecting.
pub const CONNECT_TIMEOUT: Variable = Variable::with_default(
    "FANFARE_CONNECT_TIMEOUT",
    "5s",
    "Deadline of reaching the API, name resolution and TLS included. Nothing was sent by then.",
);

/// Whether calls may cross a network in the clear.
pub const HTTP_ALLOW_PLAINTEXT: Variable = Variable::with_default(
    "FANFARE_HTTP_ALLOW_PLAINTEXT",
    "false",
    "Whether an API's plain http:// address may be on another machine. Credentials and events then \
     cross the network in the clear, so say true only for mocks inside one private network.",
);

/// Authorities to trust.
pub const HTTP_CA_FILE: Variable = Variable::optional(
    "FANFARE_HTTP_CA_FILE",
    "the system's certificates are trusted",
    "/run/secrets/api-ca.pem",
    "PEM certificates of the authorities to trust instead of the system's, for an API (or a token \
     endpoint) with a private CA. This file and the next two are read again when they change, \
     without a restart.",
);

/// The client certificate.
pub const HTTP_CERT_FILE: Variable = Variable::optional(
    "FANFARE_HTTP_CERT_FILE",
    "there is no client certificate",
    "/run/secrets/client.pem",
    "PEM client certificate chain, leaf first, for an API (or a token endpoint) that asks for one.",
);

/// The client certificate's key.
pub const HTTP_KEY_FILE: Variable = Variable::optional(
    "FANFARE_HTTP_KEY_FILE",
    "there is no client certificate",
    "/run/secrets/client-key.pem",
    "PEM private key of the client certificate, not encrypted; the two are set together.",
);

/// The first wait.
pub const RETRY_BASE: Variable = Variable::with_default(
    "FANFARE_RETRY_BASE",
    "1s",
    "Longest wait before the second attempt; it doubles with each further one. The actual wait is \
     drawn at random below it, so that a crowd of retries spreads out.",
);

/// The longest wait.
pub const RETRY_CAP: Variable = Variable::with_default(
    "FANFARE_RETRY_CAP",
    "1h",
    "Where the doubling of the wait between attempts ends.",
);

/// How often.
pub const RETRY_ATTEMPTS: Variable = Variable::with_default(
    "FANFARE_RETRY_ATTEMPTS",
    "12",
    "Attempts, the first included, before an event becomes a dead letter.",
);

/// How long.
pub const RETRY_MAX_AGE: Variable = Variable::with_default(
    "FANFARE_RETRY_MAX_AGE",
    "24h",
    "Age after which an event is not tried again but becomes a dead letter.",
);

/// How much of a `Retry-After` is honoured.
pub const RETRY_AFTER_CAP: Variable = Variable::with_default(
    "FANFARE_RETRY_AFTER_CAP",
    "24h",
    "Longest Retry-After of the API that is honoured in full, so that a mistaken one does not \
     silence a destination for ever.",
);

/// What follows a call without an answer.
pub const AMBIGUOUS: Variable = Variable::with_default(
    "FANFARE_AMBIGUOUS",
    "resend",
    "resend | hold: what follows a call that was sent and got no answer. resend may repeat its \
     effect where the API has no idempotency; hold leaves it to an operator.",
);

/// Where delivered keys are kept.
pub const LEDGER: Variable = Variable::with_default(
    "FANFARE_LEDGER",
    "memory",
    "Where the keys of delivered events are kept for a day, so that a repeated delivery causes no \
     second call: memory, where they are this process's own and end with it, or the redis:// or \
     rediss:// URL of a Redis that all processes of the destination share. Have it keep what it \
     is told (appendonly yes) and throw nothing out (maxmemory-policy noeviction).",
)
.example("rediss://:PASSWORD@redis.example:6379")
.secret();

/// What follows when the shared ledger is away.
pub const LEDGER_DOWN: Variable = Variable::with_default(
    "FANFARE_LEDGER_DOWN",
    "deliver",
    "deliver | hold: what follows when the Redis of FANFARE_LEDGER is away. deliver goes on with \
     what this process knows, so that an event may be delivered twice, under the same key; hold \
     calls nobody until it is back. No event is lost either way.",
);

/// Whether a Redis may be reached across a network in the clear.
pub const REDIS_ALLOW_PLAINTEXT: Variable = Variable::with_default(
    "FANFARE_REDIS_ALLOW_PLAINTEXT",
    "false",
    "Whether a plain redis:// URL may name another machine. Its password then crosses the network \
     in the clear, and who can change what is sent can have events taken for delivered, so say \
     true only where the network itself is private.",
);

/// Whom to trust in place of the system's authorities.
pub const REDIS_CA_FILE: Variable = Variable::optional(
    "FANFARE_REDIS_CA_FILE",
    "the system's certificates are trusted",
    "/run/secrets/redis-ca.pem",
    "PEM certificates of the authorities to trust instead of the system's, for a rediss:// URL \
     whose Redis has a certificate of a private CA. Read when the process starts.",
);

/// What is to go one after the other.
pub const ORDERED_BY: Variable = Variable::with_default(
    "FANFARE_ORDERED_BY",
    "off",
    "off | subject: whether events with the same subject are delivered one after the other, in \
     the order in which they were published, also while an earlier one waits for its retry. All \
     consumers of the destination have to say the same; one of them is active, the others stand \
     by. The queue has to be declared for it, and at most 512 deliveries are at hand.",
)
.example("subject");

/// What a dead letter means for the rest of its key.
pub const ORDERED_AFTER_DEAD: Variable = Variable::with_default(
    "FANFARE_ORDERED_AFTER_DEAD",
    "block",
    "block | skip: what happens to the later events of a subject when an earlier one became a \
     dead letter. block makes them dead letters too, of cause blocked, until an operator has \
     replayed or discarded all letters of the subject; skip goes on without it.",
);

/// How long a retry may keep a key waiting.
pub const ORDERED_PATIENCE: Variable = Variable::with_default(
    "FANFARE_ORDERED_PATIENCE",
    "10m",
    "How long the retries of an event may keep its subject waiting, at most 20m, before it \
     becomes a dead letter. Time in which the destination itself is in trouble does not count.",
);
