//! What a consumer is told from outside.

mod order;

use std::num::{NonZeroU16, NonZeroU32, NonZeroUsize};
use std::time::Duration;

use fanfare_broker::{BrokerConfig, DestinationNames, ExponentialPauses, Namespace};
use fanfare_events::DestinationName;
use fanfare_process::catalogue::consumer;
use fanfare_process::settings::{Reader, Setting, Variable};
use fanfare_process::{BrokerSettings, ProcessSettings, TopologyMode};

use crate::destination::Batching;
use crate::http::{HttpLimits, TlsFiles, read_tls_files};
use crate::ledger::{LedgerDown, LedgerSettings};
use crate::ordered::{OrderSettings, PREFETCH};
use crate::policy::{AmbiguousPolicy, InvalidRateLimit, RateLimit, RetryPolicy};
use crate::shared::{Store, check_authorities};
use crate::subscription::EventTypes;

/// The settings of a consumer, whatever its API.
#[derive(Clone, Debug)]
pub struct ConsumerSettings {
    /// How the broker is dialled.
    pub broker: BrokerConfig,
    /// The namespace on the broker.
    pub namespace: Namespace,
    /// Whether exchanges and queues are created.
    pub topology: TopologyMode,
    /// The destination's name.
    pub destination: DestinationName,
    /// The names of the destination's objects on the broker.
    pub names: DestinationNames,
    /// The event types it subscribes to.
    pub event_types: EventTypes,
    /// Most calls at the same time.
    pub max_concurrency: NonZeroUsize,
    /// Most deliveries that are not settled; twice what can be under way unless given.
    pub prefetch: Option<NonZeroU16>,
    /// Most calls in a time.
    pub rate_limit: Option<RateLimit>,
    /// Where they are counted: for this process, or for all that name it.
    pub rate_limit_store: Store,
    /// What one call may take.
    pub http: HttpLimits,
    /// The certificates that calls are secured with.
    pub tls: TlsFiles,
    /// How often, how long apart and until when an event is attempted.
    pub retry: RetryPolicy,
    /// Where the keys of delivered events are kept.
    pub ledger: LedgerSettings,
    /// Whether and how deliveries are ordered.
    pub order: Option<OrderSettings>,
    /// Log, admin address, grace period.
    pub process: ProcessSettings,
}

impl ConsumerSettings {
    /// Reads the variables of every consumer; `api` names the destination unless
    /// `FANFARE_DESTINATION` does.
    pub fn read(reader: &mut Reader<'_>, api: &str) -> Option<Self> {
        let broker = BrokerSettings::read(reader);
        let process = ProcessSettings::read(reader);
        let destination = read_destination(reader, api);
        let event_types = reader.or_default_with(&consumer::SUBSCRIBE, str::parse::<EventTypes>);
        let max_concurrency = reader.or_default::<NonZeroUsize>(&consumer::MAX_CONCURRENCY);
        let prefetch = reader.optional::<NonZeroU16>(&consumer::PREFETCH);
        let http = read_http(reader);
        let tls = read_tls_files(reader);
        let retry = read_retry(reader);
        let redis = RedisAccess::read(reader);
        let ledger = read_ledger(reader, &redis);
        let rate_limit_store = redis.read_store(reader, &consumer::RATE_LIMIT_STORE);
        let order = order::read(reader);
        let rate_limit = reader.or_default_with(&consumer::RATE_LIMIT, rate_limit);

        let broker = broker?;
        let destination = destination?;
        let names = broker
            .namespace
            .destination(destination.as_str())
            .map_err(|_| reader.problem(&consumer::DESTINATION, "is the name of another object"))
            .ok()?;
        Some(Self {
            broker: broker.config,
            namespace: broker.namespace,
            topology: broker.topology,
            destination,
            names,
            event_types: event_types?,
            max_concurrency: max_concurrency?,
            prefetch: prefetch?,
            rate_limit: rate_limit?,
            rate_limit_store: rate_limit_store?,
            http: http?,
            tls: tls?,
            retry: retry?,
            ledger: ledger?,
            order: order?,
            process: process?,
        })
    }

    /// Most deliveries that are not settled, where one call takes up to `most` of them.
    ///
    /// While some calls are under way, the next are at hand already; a destination that takes
    /// several events a call makes few calls, so two full ones beside two at hand will do.
    pub(crate) fn prefetch(&self, batching: Option<Batching>) -> u16 {
        let twice = self.max_concurrency.get().saturating_mul(2);
        if self.order.is_some() {
            return PREFETCH;
        }
        let wanted = match (self.prefetch, batching) {
            (Some(given), _) => return given.get(),
            (None, None) => twice,
            (None, Some(batching)) => twice.max(batching.most.get().saturating_mul(4)),
        };
        u16::try_from(wanted).unwrap_or(u16::MAX)
    }

    /// Most deliveries that are worked on at the same time.
    pub(crate) fn at_hand(&self, batching: Option<Batching>) -> usize {
        match batching {
            None => self.max_concurrency.get(),
            Some(_) => usize::from(self.prefetch(batching)),
        }
    }
}

fn read_destination(reader: &mut Reader<'_>, api: &str) -> Option<DestinationName> {
    let given = reader.optional_with(&consumer::DESTINATION, str::parse::<DestinationName>)?;
    match given {
        Some(name) => Some(name),
        None => api.parse().map_err(|error| reader.problem(&consumer::DESTINATION, error)).ok(),
    }
}

fn read_http(reader: &mut Reader<'_>) -> Option<HttpLimits> {
    let whole_call = reader.or_default_with(&consumer::TIMEOUT, positive);
    let connect = reader.or_default_with(&consumer::CONNECT_TIMEOUT, positive);
    let retry_after_cap = reader.or_default::<Duration>(&consumer::RETRY_AFTER_CAP);
    Some(HttpLimits {
        whole_call: whole_call?,
        connect: connect?,
        retry_after_cap: retry_after_cap?,
        ..HttpLimits::default()
    })
}

fn read_retry(reader: &mut Reader<'_>) -> Option<RetryPolicy> {
    let base = reader.or_default_with(&consumer::RETRY_BASE, positive);
    let cap = reader.or_default_with(&consumer::RETRY_CAP, positive);
    let max_attempts = reader.or_default::<NonZeroU32>(&consumer::RETRY_ATTEMPTS);
    let max_age = reader.or_default_with(&consumer::RETRY_MAX_AGE, positive);
    let ambiguous = reader.choice(
        &consumer::AMBIGUOUS,
        &[("resend", AmbiguousPolicy::Resend), ("hold", AmbiguousPolicy::Hold)],
    );
    let (base, cap) = (base?, cap?);
    if base > cap {
        reader.problem(&consumer::RETRY_BASE, "is longer than FANFARE_RETRY_CAP");
        return None;
    }
    Some(RetryPolicy {
        pauses: ExponentialPauses::new(base, cap),
        max_attempts: max_attempts?,
        max_age: max_age?,
        ambiguous: ambiguous?,
        ..RetryPolicy::default()
    })
}

fn read_ledger(reader: &mut Reader<'_>, redis: &RedisAccess) -> Option<LedgerSettings> {
    let store = redis.read_store(reader, &consumer::LEDGER);
    let down = reader.choice(
        &consumer::LEDGER_DOWN,
        &[("deliver", LedgerDown::Deliver), ("hold", LedgerDown::Hold)],
    );
    Some(LedgerSettings { store: store?, down: down? })
}

/// How every Redis is reached; `None` what has a problem.
struct RedisAccess {
    allow_plaintext: Option<bool>,
    ca_pem: Option<Option<Vec<u8>>>,
}

impl RedisAccess {
    fn read(reader: &mut Reader<'_>) -> Self {
        let allow_plaintext = reader.or_default::<bool>(&consumer::REDIS_ALLOW_PLAINTEXT);
        let ca_pem = reader.file(&consumer::REDIS_CA_FILE).filter(|pem| {
            let usable = pem.as_ref().map_or(Ok(()), |pem| check_authorities(pem));
            usable.map_err(|what| reader.problem(&consumer::REDIS_CA_FILE, what)).is_ok()
        });
        Self { allow_plaintext, ca_pem }
    }

    /// While it is unknown whether plain text is allowed, the URL is still checked for
    /// everything else.
    fn read_store(&self, reader: &mut Reader<'_>, variable: &Variable) -> Option<Store> {
        let allow_plaintext = self.allow_plaintext.unwrap_or(true);
        let store = reader.or_default_with(variable, |text| Store::parse(text, allow_plaintext))?;
        self.allow_plaintext?;
        Some(store.trusting(self.ca_pem.clone()?))
    }
}

fn positive(text: &str) -> Result<Duration, String> {
    let duration = Duration::parse(text)?;
    if duration.is_zero() { Err("is zero".to_owned()) } else { Ok(duration) }
}

fn rate_limit(text: &str) -> Result<Option<RateLimit>, InvalidRateLimit> {
    if text == "off" { Ok(None) } else { text.parse().map(Some) }
}
