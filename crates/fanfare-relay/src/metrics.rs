//! What is counted, under the names that operators rely on.

use std::sync::atomic::AtomicU64;

use fanfare_producer::outbox::{OutboxStatus, RelayCounts};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

/// How the outbox stood when it was last looked at.
#[derive(Clone, Debug, Default)]
pub(crate) struct StatusGauges {
    pending: Gauge<u64, AtomicU64>,
    oldest_seconds: Gauge<f64, AtomicU64>,
    refused: Gauge<u64, AtomicU64>,
}

impl StatusGauges {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let gauges = Self::default();
        registry.register(
            "fanfare_outbox_pending",
            "Rows of the outbox that are not published yet; counted up to a million",
            gauges.pending.clone(),
        );
        registry.register_with_unit(
            "fanfare_outbox_oldest",
            "How long the oldest of them has been waiting",
            Unit::Seconds,
            gauges.oldest_seconds.clone(),
        );
        registry.register(
            "fanfare_outbox_refused",
            "Rows of the outbox that can never be published and wait for a person",
            gauges.refused.clone(),
        );
        gauges
    }

    pub(crate) fn show(&self, status: &OutboxStatus) {
        self.pending.set(status.pending);
        self.oldest_seconds.set(status.oldest.unwrap_or_default().as_secs_f64());
        self.refused.set(status.refused);
    }
}

/// What the relay has done, read when somebody asks.
#[derive(Debug)]
pub(crate) struct Published(RelayCounts);

impl Published {
    pub(crate) fn register(registry: &mut Registry, counts: RelayCounts) {
        registry.register_collector(Box::new(Self(counts)));
    }
}

impl Collector for Published {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let Self(counts) = self;
        let unrouted = counts.unrouted();
        let results = [
            ("routed", counts.published().saturating_sub(unrouted)),
            ("unrouted", unrouted),
            ("failed", counts.failed()),
            ("refused", counts.refused()),
        ];
        let published = ConstCounter::new(0u64);
        let mut family = encoder.encode_descriptor(
            "fanfare_events_published",
            "Rows of the outbox that were handed to the broker, by what became of them",
            None,
            published.metric_type(),
        )?;
        for (result, count) in results {
            let labels = [("result", result)];
            ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}
