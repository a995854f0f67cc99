//! What the stories about outboxes have in common.

use std::collections::HashSet;

use fanfare_broker::Received;
use fanfare_broker::topology::{
    Argument, Binding, Exchange, ExchangeKind, Queue, Topology, declare,
};
use fanfare_events::{Event, EventId};
use fanfare_producer::outbox::{OutboxStatus, RelayCounts, SqliteOutbox};
use fanfare_tests::{World, eventually, within};
use sqlx::SqlitePool;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A service with a database file of its own.
pub(super) struct Service {
    pub(super) folder: TempDir,
    pub(super) pool: SqlitePool,
    pub(super) outbox: SqliteOutbox,
}

/// A relay that runs until it is stopped.
pub(super) struct RunningRelay {
    shutdown: CancellationToken,
    running: JoinHandle<()>,
    pub(super) counts: RelayCounts,
}

impl Service {
    pub(super) async fn start() -> Self {
        let service = Self::without_tables().await;
        service.outbox.migrate().await.unwrap();
        service
    }

    pub(super) async fn without_tables() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = SqliteOutbox::connect_options(folder.path().join("service.db"));
        let pool = SqlitePool::connect_with(options).await.unwrap();
        let outbox = SqliteOutbox::new(pool.clone());
        Self { folder, pool, outbox }
    }

    /// Commits `events` in one transaction.
    pub(super) async fn commit(&self, events: &[Event]) {
        let mut transaction = self.pool.begin().await.unwrap();
        for event in events {
            self.outbox.enqueue(&mut transaction, event).await.unwrap();
        }
        transaction.commit().await.unwrap();
    }

    pub(super) async fn status(&self) -> OutboxStatus {
        self.outbox.status().await.unwrap()
    }

    /// Waits until every row has its end.
    pub(super) async fn until_empty(&self) {
        eventually("the outbox to be empty", async || {
            (self.status().await.pending == 0).then_some(())
        })
        .await;
    }

    /// A relay on connections of its own to `world`'s broker.
    pub(super) async fn relay(&self, world: &World) -> RunningRelay {
        let relay = self.outbox.relay(world.producer().await);
        RunningRelay::start(relay.counts(), |shutdown| relay.run(shutdown))
    }
}

impl RunningRelay {
    pub(super) fn start<F>(counts: RelayCounts, run: impl FnOnce(CancellationToken) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let shutdown = CancellationToken::new();
        Self { running: tokio::spawn(run(shutdown.clone())), shutdown, counts }
    }

    /// Ends it as SIGTERM would.
    pub(super) async fn stop(self) {
        self.shutdown.cancel();
        within("the relay to end", self.running).await.unwrap();
    }

    /// Ends it as a crash would.
    pub(super) async fn crash(self) {
        self.running.abort();
        assert!(self.running.await.unwrap_err().is_cancelled());
    }

    /// Waits until the broker has confirmed `rows` rows.
    pub(super) async fn until_published(&self, rows: u64) {
        eventually(&format!("{rows} rows to be published"), async || {
            (self.counts.published() >= rows).then_some(())
        })
        .await;
    }
}

/// The event `number` of `subject`, always the same.
pub(super) fn event(subject: &str, number: usize) -> Event {
    Event::builder("user.updated", "/tests/outbox")
        .id(EventId::new(&format!("{subject}-{number:05}")).unwrap())
        .subject(subject)
        .data(&number)
        .build()
        .unwrap()
}

/// Events `numbers` of `subject`.
pub(super) fn events(subject: &str, numbers: std::ops::Range<usize>) -> Vec<Event> {
    numbers.map(|number| event(subject, number)).collect()
}

/// The ids of `events`.
pub(super) fn ids(events: &[Event]) -> Vec<String> {
    events.iter().map(|event| event.id().to_string()).collect()
}

/// The ids in the order in which they came first; later copies are what a ledger is for.
pub(super) fn first_copies(messages: &[Received]) -> Vec<String> {
    let mut seen = HashSet::new();
    let ids = messages.iter().map(|message| message.id().to_owned());
    ids.filter(|id| seen.insert(id.clone())).collect()
}

/// Asserts that each subject's events came first in their order, and none is missing.
pub(super) fn assert_in_order(messages: &[Received], subjects: &[&str], each: usize) {
    let ids = first_copies(messages);
    for subject in subjects {
        let came: Vec<_> =
            ids.iter().filter(|id| id.starts_with(&format!("{subject}-"))).cloned().collect();
        assert_eq!(came, self::ids(&events(subject, 0..each)), "the events of {subject}");
    }
    assert_eq!(ids.len(), subjects.len() * each);
}

/// The event `number` of `subject`, of a type that [`declare_refusing`] may refuse.
pub(super) fn stuck(subject: &str, number: usize) -> Event {
    Event::builder("user.stuck", "/tests/outbox")
        .id(event(subject, number).id().clone())
        .subject(subject)
        .build()
        .unwrap()
}

/// `t.events` as no installation has it: `user.updated` is taken, and `user.stuck` is refused by
/// a queue that is full until [`refuse_no_more`].
pub(super) async fn declare_refusing(world: &World) {
    let full = r#"{"max-length":0,"overflow":"reject-publish"}"#;
    let policy = ["set_policy", "-p", world.vhost(), "full", "^stuck$", full];
    world.node().rabbitmqctl(&policy).await.unwrap();
    let events = world.namespace().events();
    let bind = |key: &str, target: &str| Binding {
        source: events.clone(),
        target: target.to_owned(),
        to_queue: true,
        key: key.to_owned(),
    };
    let classic = || vec![("x-queue-type", Argument::Text("classic".to_owned()))];
    let topology = Topology {
        exchanges: vec![Exchange {
            name: events.clone(),
            kind: ExchangeKind::Direct,
            internal: false,
            alternate: None,
        }],
        queues: ["taken", "stuck"]
            .map(|name| Queue { name: name.to_owned(), arguments: classic() })
            .into(),
        bindings: vec![bind("user.updated", "taken"), bind("user.stuck", "stuck")],
        outdated: Vec::new(),
    };
    declare(world.config(), &topology).await.unwrap();
}

/// From now on `user.stuck` is taken, too, by the queue `stuck`.
pub(super) async fn refuse_no_more(world: &World) {
    world.node().rabbitmqctl(&["clear_policy", "-p", world.vhost(), "full"]).await.unwrap();
}
