//! Outboxes: what a relay reaches of publishing directly, and what one more insert costs.

mod database;
mod report;

use std::time::{Duration, Instant};

use anyhow::Context;
use fanfare_events::Event;
use fanfare_producer::Producer;
use fanfare_producer::outbox::RelayCounts;
use fanfare_sandbox::postgres::PostgresNode;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use self::database::{Database, InPostgres, InSqlite};
pub(crate) use self::report::OutboxReport;
use crate::broker::{Bench, event_of};

/// Rows that were sent and are not yet deleted: an hour of a busy service.
const OLD_ROWS: usize = 500_000;
/// Transactions whose insert is timed.
const INSERTS: usize = 2_000;
const SUBJECTS: usize = 1_000;
const IN_ONE_TRANSACTION: usize = 100;
const LOOK_EVERY: Duration = Duration::from_millis(1);
const DEADLINE: Duration = Duration::from_secs(300);

/// Measures direct publishing and both relays in turn, `rounds` times, with `rows` events each;
/// then what an insert takes.
pub(crate) async fn measure(
    bench: &Bench,
    rows: usize,
    rounds: usize,
) -> anyhow::Result<OutboxReport> {
    let mut report = OutboxReport::new(bench, rows);
    let node = PostgresNode::private().await?;
    for round in 1..=rounds {
        let direct = directly(bench, rows).await?;
        report.direct.push(direct);
        let sqlite = relayed(bench, &InSqlite::new().await?, rows).await?;
        report.sqlite.relayed.push(sqlite);
        let postgres = relayed(bench, &InPostgres::new(&node).await?, rows).await?;
        report.postgres.relayed.push(postgres);
        eprintln!(
            "bench: round {round}, outbox: directly {direct:.0}/s, SQLite {sqlite:.0}/s, \
             PostgreSQL {postgres:.0}/s"
        );
    }
    report.sqlite.inserts = inserts(&InSqlite::new().await?).await?;
    report.postgres.inserts = inserts(&InPostgres::new(&node).await?).await?;
    Ok(report)
}

/// Events a second that are confirmed, as many in flight as a producer has.
async fn directly(bench: &Bench, rows: usize) -> anyhow::Result<f64> {
    let events = events(rows)?;
    let began = Instant::now();
    for receipt in bench.producer().publish_all(&events).await {
        receipt?;
    }
    let took = began.elapsed();
    bench.empty().await?;
    Ok(rows as f64 / took.as_secs_f64())
}

/// Events a second that are read, confirmed and marked.
async fn relayed<D: Database>(bench: &Bench, database: &D, rows: usize) -> anyhow::Result<f64> {
    for events in events(rows)?.chunks(IN_ONE_TRANSACTION) {
        database.transact(events).await?;
    }
    let producer = Producer::connect(bench.producer_config()?).await?;
    let shutdown = CancellationToken::new();
    let began = Instant::now();
    let (counts, relaying) = database.relay(producer, shutdown.clone());
    until_marked(database, &counts, rows).await?;
    let took = began.elapsed();
    shutdown.cancel();
    relaying.await?;
    bench.empty().await?;
    Ok(rows as f64 / took.as_secs_f64())
}

async fn until_marked<D: Database>(
    database: &D,
    counts: &RelayCounts,
    rows: usize,
) -> anyhow::Result<()> {
    let began = Instant::now();
    while counts.published() < rows as u64 || database.pending().await? > 0 {
        anyhow::ensure!(began.elapsed() < DEADLINE, "{} of {rows} rows", counts.published());
        sleep(LOOK_EVERY).await;
    }
    Ok(())
}

/// What `enqueue` takes in a transaction that has written something before: in an empty table,
/// and in one that is full of what was sent.
async fn inserts<D: Database>(database: &D) -> anyhow::Result<[Inserts; 2]> {
    let empty = Inserts::of(database).await?;
    database.fill_with_sent(OLD_ROWS).await?;
    Ok([empty, Inserts::of(database).await?])
}

/// How long one more insert takes.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub(crate) struct Inserts {
    median_us: f64,
    p99_us: f64,
}

impl Inserts {
    async fn of<D: Database>(database: &D) -> anyhow::Result<Self> {
        let mut took = Vec::with_capacity(INSERTS);
        for events in events(INSERTS)?.chunks(1) {
            took.push(database.transact(events).await?);
        }
        took.sort();
        let at = |share: usize| -> anyhow::Result<f64> {
            let took = took.get(INSERTS * share / 100).context("nothing was measured")?;
            Ok(took.as_secs_f64() * 1e6)
        };
        Ok(Self { median_us: at(50)?, p99_us: at(99)? })
    }
}

fn events(count: usize) -> anyhow::Result<Vec<Event>> {
    (0..count).map(|number| event_of(&format!("user-{}", number % SUBJECTS))).collect()
}
