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
use self::report::Figures;
pub(crate) use self::report::OutboxReport;
use crate::broker::{Bench, event_of};

/// Transactions whose insert is timed.
const INSERTS: usize = 2_000;
const SUBJECTS: usize = 1_000;
const IN_ONE_TRANSACTION: usize = 100;
const LOOK_EVERY: Duration = Duration::from_millis(1);
const DEADLINE: Duration = Duration::from_secs(300);

/// Measures direct publishing and both relays in turn, `rounds` times, with `rows` events each;
/// then what an insert takes, and all of it once more with `old_rows` in the table.
pub(crate) async fn measure(
    bench: &Bench,
    rows: usize,
    rounds: usize,
    old_rows: usize,
) -> anyhow::Result<OutboxReport> {
    let mut report = OutboxReport::new(bench, rows, old_rows);
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
    full(bench, &InSqlite::new().await?, rows, old_rows, &mut report.sqlite).await?;
    full(bench, &InPostgres::new(&node).await?, rows, old_rows, &mut report.postgres).await?;
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
/// and in one that is full of what was sent; and what a relay reaches there.
async fn full<D: Database>(
    bench: &Bench,
    database: &D,
    rows: usize,
    old_rows: usize,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let empty = Inserts::of(database).await?;
    database.fill_with_sent(old_rows).await?;
    figures.inserts = [empty, Inserts::of(database).await?];
    // What was inserted just now is out of the way then.
    relayed(bench, database, 1).await?;
    figures.relayed_when_full = relayed(bench, database, rows).await?;
    Ok(())
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
