//! What the stories about outboxes in PostgreSQL have in common.

use std::sync::atomic::{AtomicUsize, Ordering};

use fanfare_events::Event;
use fanfare_producer::outbox::{OutboxStatus, PostgresOutbox};
use fanfare_sandbox::postgres::{self, PostgresNode};
use fanfare_tests::{World, eventually};
use sqlx::{AssertSqlSafe, PgPool};

use super::stage::RunningRelay;

/// A service with a database of its own.
pub(super) struct PgService {
    pub(super) url: String,
    pub(super) pool: PgPool,
    pub(super) outbox: PostgresOutbox,
}

/// As docs/OUTBOX.md has it, for services that do not know our library.
pub(super) const INSERT: &str = "INSERT INTO fanfare_outbox \
     (event_id, event_type, ordering_key, body) VALUES ($1, $2, $3, $4)";

impl PgService {
    pub(super) async fn start() -> Self {
        let service = Self::without_tables().await;
        service.outbox.migrate().await.unwrap();
        service
    }

    pub(super) async fn without_tables() -> Self {
        Self::on(postgres::shared().await.unwrap()).await
    }

    pub(super) async fn on(node: &PostgresNode) -> Self {
        static DATABASES: AtomicUsize = AtomicUsize::new(0);
        let number = DATABASES.fetch_add(1, Ordering::Relaxed);
        let url = node.database(&format!("service{number}")).await.unwrap();
        let pool = PgPool::connect(&url).await.unwrap();
        let outbox = PostgresOutbox::new(pool.clone());
        Self { url, pool, outbox }
    }

    /// Commits `events` in one transaction.
    pub(super) async fn commit(&self, events: &[Event]) {
        let mut transaction = self.pool.begin().await.unwrap();
        for event in events {
            self.outbox.enqueue(&mut transaction, event).await.unwrap();
        }
        transaction.commit().await.unwrap();
    }

    /// Writes `event` as a foreign program would.
    pub(super) async fn insert(&self, event: &Event) {
        sqlx::query(INSERT)
            .bind(event.id().as_str())
            .bind(event.event_type())
            .bind(event.subject())
            .bind(event.to_json())
            .execute(&self.pool)
            .await
            .unwrap();
    }

    /// Has statements carried out.
    pub(super) async fn run(&self, statements: &str) {
        sqlx::raw_sql(AssertSqlSafe(statements)).execute(&self.pool).await.unwrap();
    }

    /// The one number that a query gives.
    pub(super) async fn count(&self, query: &'static str) -> i64 {
        sqlx::query_scalar(query).fetch_one(&self.pool).await.unwrap()
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
