//! What is said to the database: every statement of the outbox in PostgreSQL.

use std::time::Duration;

use sqlx::postgres::PgRow;
use sqlx::{Connection, PgConnection, PgPool, Postgres, Row, Transaction};

use super::held::PassOver;
use crate::outbox::at_hand::{KeyHash, Marks, RowId};
use crate::outbox::entry::{Content, Entry, Unreadable, Written};
use crate::outbox::error::MigrateError;
use crate::outbox::status::OutboxStatus;

/// What all rows with one key have in common; whoever has locked it publishes them.
pub(super) type Lane = i16;

/// The steps from one version of the tables to the next; each says its own version.
const MIGRATIONS: &[&str] = &[include_str!("../../../migrations/postgres/0001_outbox.sql")];

/// Held while tables are made: "fanf", as in the trigger, in the form with one number.
const LOCK_MIGRATION: &str = "SELECT pg_advisory_xact_lock(1717661286)";

/// A relay that is gone without a word, with its machine or the network, must not keep its lanes;
/// and one whose connections wait in vain must hear of it. The planner's estimates of a table
/// that fills and empties all day are mostly wrong: it is to use the indexes, and not to compile
/// a statement for a hundred milliseconds because it thinks that it costs much.
const SETTINGS: &str = "SET idle_in_transaction_session_timeout = '60s'; \
     SET statement_timeout = '30s'; \
     SET tcp_keepalives_idle = 10; \
     SET tcp_keepalives_interval = 5; \
     SET tcp_keepalives_count = 3; \
     SET enable_seqscan = off; \
     SET jit = off";

/// As [`SETTINGS`], for one look on a connection of the service's.
const SETTINGS_OF_STATUS: &str = "SET LOCAL enable_seqscan = off; SET LOCAL jit = off";

const INSERT: &str = "INSERT INTO fanfare_outbox (event_id, event_type, ordering_key, body) \
     VALUES ($1, $2, $3, $4)";

// Here and below, what failed is passed over by its name and not by a place in the table: which
// rows come behind a place is not settled before all transactions are that began earlier. What
// is passed over is in a list that the planner makes a hash of, once.
const TAKE_LANES: &str = "SELECT free.lane FROM fanfare_outbox_lane AS free \
     CROSS JOIN LATERAL (SELECT id FROM fanfare_outbox WHERE lane = free.lane \
         AND sent_at IS NULL AND refused_at IS NULL \
         AND (ordering_key IS NULL \
             OR hashtextextended(ordering_key, 0) NOT IN (SELECT unnest($1::bigint[]))) \
         AND id NOT IN (SELECT unnest($2::bigint[])) \
         ORDER BY id LIMIT 1) AS oldest \
     ORDER BY oldest.id LIMIT $3 FOR UPDATE OF free SKIP LOCKED";

// The sum is taken of lengths that are known without a look at the bodies; only those of the
// rows that are left are read.
const PENDING: &str = "SELECT id, key, event_id, event_type, body FROM \
     (SELECT entry.*, sum(octet_length(body)) OVER (ORDER BY id) - octet_length(body) AS before \
         FROM unnest($3::smallint[]) AS taken (lane) CROSS JOIN LATERAL \
         (SELECT id, hashtextextended(ordering_key, 0) AS key, event_id, event_type, body \
             FROM fanfare_outbox \
             WHERE lane = taken.lane AND sent_at IS NULL AND refused_at IS NULL \
             AND (ordering_key IS NULL \
                 OR hashtextextended(ordering_key, 0) NOT IN (SELECT unnest($1::bigint[]))) \
             AND id NOT IN (SELECT unnest($2::bigint[])) \
             ORDER BY id LIMIT $4) AS entry) AS summed \
     WHERE before < $5 ORDER BY id";

const MARK_SENT: &str = "UPDATE fanfare_outbox SET sent_at = statement_timestamp() \
     WHERE id = ANY ($1) AND sent_at IS NULL";

const MARK_REFUSED: &str = "UPDATE fanfare_outbox \
     SET refused_at = statement_timestamp(), refused_why = $2 WHERE id = $1 AND sent_at IS NULL";

const CLEAN_UP: &str = "DELETE FROM fanfare_outbox WHERE id = ANY (ARRAY \
     (SELECT id FROM fanfare_outbox \
     WHERE sent_at <= statement_timestamp() - make_interval(secs => $1) \
     ORDER BY sent_at LIMIT $2 FOR UPDATE SKIP LOCKED))";

// One row of each lane is looked at for the oldest, however many wait.
const STATUS: &str = "SELECT \
     (SELECT count(*) FROM (SELECT 1 FROM fanfare_outbox \
         WHERE sent_at IS NULL AND refused_at IS NULL LIMIT $1) AS pending), \
     (SELECT count(*) FROM (SELECT 1 FROM fanfare_outbox \
         WHERE refused_at IS NOT NULL LIMIT $1) AS refused), \
     (SELECT extract(epoch FROM clock_timestamp() - min(first.created_at))::double precision \
         FROM fanfare_outbox_lane AS one CROSS JOIN LATERAL \
         (SELECT created_at FROM fanfare_outbox WHERE lane = one.lane \
             AND sent_at IS NULL AND refused_at IS NULL ORDER BY id LIMIT 1) AS first)";

pub(super) async fn migrate(pool: &PgPool) -> Result<(), MigrateError> {
    let mut transaction = pool.begin_with(BEGIN).await?;
    // Whoever comes second sees what the first has done.
    sqlx::query(LOCK_MIGRATION).execute(&mut *transaction).await?;
    let found = version(&mut transaction).await?;
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    if found > known {
        return Err(MigrateError::Newer { found, known });
    }
    for step in MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        sqlx::raw_sql(*step).execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// Every statement is to see what was committed before it, whatever is the default.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";

/// The version that stands in the database; 0 where there is no outbox.
async fn version(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    let table =
        sqlx::query_scalar::<_, bool>("SELECT to_regclass('fanfare_outbox_version') IS NOT NULL");
    if !table.fetch_one(&mut *connection).await? {
        return Ok(0);
    }
    sqlx::query_scalar("SELECT coalesce(max(version), 0) FROM fanfare_outbox_version")
        .fetch_one(connection)
        .await
}

pub(super) async fn insert(
    connection: &mut PgConnection,
    written: Written<'_>,
) -> Result<(), sqlx::Error> {
    sqlx::query(INSERT)
        .bind(written.event_id)
        .bind(written.event_type)
        .bind(written.ordering_key)
        .bind(written.body)
        .execute(connection)
        .await?;
    Ok(())
}

/// A connection of the relay's own, which the pool does not see again: whatever becomes of the
/// relay, its lanes are free when it is dropped.
pub(super) async fn connect(pool: &PgPool) -> Result<PgConnection, sqlx::Error> {
    let mut connection = pool.acquire().await?.detach();
    sqlx::raw_sql(SETTINGS).execute(&mut connection).await?;
    Ok(connection)
}

/// Begins to hold lanes: none is held before [`take_lanes`], and none after its end.
pub(super) async fn begin(
    connection: &mut PgConnection,
) -> Result<Transaction<'_, Postgres>, sqlx::Error> {
    connection.begin_with(BEGIN).await
}

/// Takes lanes that nobody has and in which something is pending that is not `passed_over`, those
/// with the oldest such rows first, and at most `lanes`.
pub(super) async fn take_lanes(
    transaction: &mut PgConnection,
    passed_over: &PassOver,
    lanes: usize,
) -> Result<Vec<Lane>, sqlx::Error> {
    sqlx::query_scalar(TAKE_LANES)
        .bind(signed(&passed_over.keys))
        .bind(&passed_over.rows)
        .bind(limit(lanes))
        .fetch_all(transaction)
        .await
}

/// Pending rows of `lanes` that are not `passed_over`, about `rows` of them and `bytes`.
///
/// Their order and their limits keep to the beginning of each lane. To be asked in the
/// transaction that has taken the lanes, after that: only then whoever had them before has its
/// marks seen.
pub(super) async fn pending(
    transaction: &mut PgConnection,
    passed_over: &PassOver,
    lanes: &[Lane],
    rows: usize,
    bytes: usize,
) -> Result<Vec<Entry>, sqlx::Error> {
    let found = sqlx::query(PENDING)
        .bind(signed(&passed_over.keys))
        .bind(&passed_over.rows)
        .bind(lanes)
        .bind(limit(rows.div_ceil(lanes.len().max(1))))
        .bind(limit(bytes))
        .fetch_all(transaction)
        .await?;
    found.iter().map(entry).collect()
}

fn entry(row: &PgRow) -> Result<Entry, sqlx::Error> {
    let id: RowId = row.try_get(0)?;
    let key: Option<i64> = row.try_get(1)?;
    let content = content(row).map_err(Unreadable::of);
    Ok(Entry { id, key: key.map(i64::cast_unsigned), content })
}

fn content(row: &PgRow) -> Result<Content, sqlx::Error> {
    Ok(Content { event_id: row.try_get(2)?, event_type: row.try_get(3)?, body: row.try_get(4)? })
}

pub(super) async fn mark(transaction: &mut PgConnection, marks: &Marks) -> Result<(), sqlx::Error> {
    if !marks.sent.is_empty() {
        sqlx::query(MARK_SENT).bind(&marks.sent).execute(&mut *transaction).await?;
    }
    for (id, why) in &marks.refused {
        // The one character that a text may not have in it.
        let why = why.replace('\0', "\u{fffd}");
        sqlx::query(MARK_REFUSED).bind(id).bind(why).execute(&mut *transaction).await?;
    }
    Ok(())
}

/// Deletes at most `rows` rows that were sent `retention` ago, and says how many.
pub(super) async fn clean_up(
    connection: &mut PgConnection,
    retention: Duration,
    rows: usize,
) -> Result<u64, sqlx::Error> {
    /// No database is older.
    const LONGEST: Duration = Duration::from_secs(100 * 366 * 24 * 60 * 60);
    let deleted = sqlx::query(CLEAN_UP)
        .bind(retention.min(LONGEST).as_secs_f64())
        .bind(limit(rows))
        .execute(connection)
        .await?;
    Ok(deleted.rows_affected())
}

pub(super) async fn status(pool: &PgPool) -> Result<OutboxStatus, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    sqlx::raw_sql(SETTINGS_OF_STATUS).execute(&mut *transaction).await?;
    let row = sqlx::query(STATUS)
        .bind(OutboxStatus::COUNTED.cast_signed())
        .fetch_one(&mut *transaction)
        .await?;
    transaction.rollback().await?;
    let oldest: Option<f64> = row.try_get(2)?;
    Ok(OutboxStatus {
        pending: row.try_get::<i64, _>(0)?.unsigned_abs(),
        refused: row.try_get::<i64, _>(1)?.unsigned_abs(),
        oldest: oldest.map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default()),
    })
}

fn signed(keys: &[KeyHash]) -> Vec<i64> {
    keys.iter().map(|key| key.cast_signed()).collect()
}

fn limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
