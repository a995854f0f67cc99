//! Listens to the consumers' reports and keeps the board.

use std::sync::Arc;

use anyhow::Context;
use fanfare_broker::topology::{Argument, Binding, Queue, Topology, declare};
use fanfare_broker::{BrokerConfig, GivingBack, Namespace, Subscription, SubscriptionOptions};
use fanfare_events::{DestinationName, EventId, IdempotencyKey};
use serde::Deserialize;
use tokio::task::JoinHandle;

use super::board::{Board, Standing};

/// Keeps a board until it is dropped.
#[derive(Debug)]
pub(super) struct Listener {
    listening: JoinHandle<()>,
}

/// The part of a report that says where an event stands.
#[derive(Deserialize)]
struct Report {
    event_id: String,
    source: String,
    destination: String,
    outcome: Standing,
}

/// Reports in a row that the broker hands over; they are taken at once.
const PREFETCH: u16 = 500;

/// Reports that are kept while nobody takes them.
const MOST_REPORTS: i64 = 100_000;

impl Listener {
    /// Binds a queue to the reports; those from now on are heard.
    pub(super) async fn start(
        config: &BrokerConfig,
        namespace: &Namespace,
        board: Arc<Board>,
    ) -> anyhow::Result<Self> {
        let queue = format!("{namespace}.demo");
        declare(config, &topology(namespace, &queue))
            .await
            .context("the demo's own queue cannot be declared")?;
        let options =
            SubscriptionOptions { queue, prefetch: PREFETCH, giving_back: GivingBack::AtOnce };
        let mut subscription = Subscription::start(config, "fanfare demo listens", options);
        let listening = tokio::spawn(async move {
            while let Some(delivery) = subscription.next().await {
                note(&board, delivery.message().body());
                delivery.ack();
            }
        });
        Ok(Self { listening })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

fn topology(namespace: &Namespace, queue: &str) -> Topology {
    let mut topology = Topology::of_namespace(namespace);
    topology.queues.push(Queue {
        name: queue.to_owned(),
        arguments: vec![
            ("x-queue-type", Argument::Text("quorum".to_owned())),
            ("x-max-length", Argument::Number(MOST_REPORTS)),
        ],
    });
    topology.bindings.push(Binding {
        source: namespace.reports(),
        target: queue.to_owned(),
        to_queue: true,
        key: "#".to_owned(),
    });
    topology
}

fn note(board: &Board, body: &[u8]) {
    let Ok(report) = serde_json::from_slice::<Report>(body) else { return };
    let destination = report.destination.parse::<DestinationName>();
    let (Ok(destination), Ok(id)) = (destination, EventId::new(&report.event_id)) else { return };
    let key = IdempotencyKey::from_parts(&report.source, &id, &destination);
    board.reported(destination.as_str(), key, report.outcome);
}
