//! What is said to the database: every statement of the outbox in SQLite.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use futures_util::TryStreamExt;
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, Row, SqliteConnection, SqlitePool};

use crate::outbox::at_hand::{KeyHash, Marks, RowId};
use crate::outbox::entry::{Content, Entry, Unreadable, Written};
use crate::outbox::error::MigrateError;
use crate::outbox::status::OutboxStatus;

/// The steps from one version of the tables to the next; each says its own version.
const MIGRATIONS: &[&str] = &[include_str!("../../../migrations/sqlite/0001_outbox.sql")];

const INSERT: &str = "INSERT INTO fanfare_outbox (event_id, event_type, ordering_key, body) \
     VALUES (?, ?, ?, ?)";

// Without `INDEXED BY` the planner walks the table by its key, through all that was sent.
const PENDING: &str = "SELECT id, event_id, event_type, ordering_key, CAST(body AS BLOB) \
     FROM fanfare_outbox INDEXED BY fanfare_outbox_pending \
     WHERE sent_at IS NULL AND refused_at IS NULL AND id > ? ORDER BY id LIMIT ?";

const MARK_SENT: &str = "UPDATE fanfare_outbox \
     SET sent_at = CAST((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) \
     WHERE id IN (SELECT value FROM json_each(?)) AND sent_at IS NULL";

const MARK_REFUSED: &str = "UPDATE fanfare_outbox \
     SET refused_at = CAST((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER), \
     refused_why = ? WHERE id = ? AND sent_at IS NULL";

const CLEAN_UP: &str = "DELETE FROM fanfare_outbox WHERE id IN \
     (SELECT id FROM fanfare_outbox INDEXED BY fanfare_outbox_sent \
     WHERE sent_at <= CAST((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) - ? \
     ORDER BY sent_at LIMIT ?)";

const STATUS: &str = "SELECT \
     (SELECT count(*) FROM (SELECT 1 FROM fanfare_outbox INDEXED BY fanfare_outbox_pending \
         WHERE sent_at IS NULL AND refused_at IS NULL LIMIT ?1)), \
     (SELECT count(*) FROM (SELECT 1 FROM fanfare_outbox INDEXED BY fanfare_outbox_refused \
         WHERE refused_at IS NOT NULL LIMIT ?1)), \
     (SELECT CAST((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) - created_at \
         FROM fanfare_outbox INDEXED BY fanfare_outbox_pending \
         WHERE sent_at IS NULL AND refused_at IS NULL ORDER BY id LIMIT 1)";

#[cfg(feature = "spill")]
const WEIGH: &str = "SELECT count(*), coalesce(sum(length(CAST(body AS BLOB))), 0) \
     FROM fanfare_outbox INDEXED BY fanfare_outbox_pending \
     WHERE sent_at IS NULL AND refused_at IS NULL";

pub(super) async fn migrate(pool: &SqlitePool) -> Result<(), MigrateError> {
    let mut connection = pool.acquire().await?;
    // The lock is taken first, so that whoever comes second sees what the first has done.
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
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

/// The version that stands in the database; 0 where there is no outbox.
async fn version(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    let tables = sqlx::query_scalar::<_, i64>(
        "SELECT count(*) FROM sqlite_master WHERE name = 'fanfare_outbox_version'",
    );
    if tables.fetch_one(&mut *connection).await? == 0 {
        return Ok(0);
    }
    sqlx::query_scalar("SELECT coalesce(max(version), 0) FROM fanfare_outbox_version")
        .fetch_one(connection)
        .await
}

pub(super) async fn insert(
    connection: &mut SqliteConnection,
    written: Written<'_>,
) -> Result<(), sqlx::Error> {
    sqlx::query(INSERT)
        .bind(written.event_id.to_owned())
        .bind(written.event_type.to_owned())
        .bind(written.ordering_key.map(str::to_owned))
        .bind(written.body)
        .execute(connection)
        .await?;
    Ok(())
}

/// Pending rows after `cursor`, at most `rows` of them and about `bytes`; and whether these are
/// all that there are.
pub(super) async fn pending(
    connection: &mut SqliteConnection,
    cursor: RowId,
    rows: usize,
    bytes: usize,
) -> Result<(Vec<Entry>, bool), sqlx::Error> {
    let limit = i64::try_from(rows).unwrap_or(i64::MAX);
    let mut found = sqlx::query(PENDING).bind(cursor).bind(limit).fetch(connection);
    let (mut entries, mut size) = (Vec::new(), 0);
    while let Some(row) = found.try_next().await? {
        let entry = entry(&row)?;
        size += entry.size();
        entries.push(entry);
        if size >= bytes {
            return Ok((entries, false));
        }
    }
    let all = entries.len() < rows;
    Ok((entries, all))
}

fn entry(row: &SqliteRow) -> Result<Entry, sqlx::Error> {
    let id = row.try_get(0)?;
    // The rest may be anything that a foreign program wrote.
    let (key, content) = match row.try_get::<Option<&str>, _>(3) {
        Ok(key) => (key.map(hash), content(row)),
        Err(error) => (None, Err(error)),
    };
    Ok(Entry { id, key, content: content.map_err(Unreadable::of) })
}

fn hash(key: &str) -> KeyHash {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

fn content(row: &SqliteRow) -> Result<Content, sqlx::Error> {
    Ok(Content { event_id: row.try_get(1)?, event_type: row.try_get(2)?, body: row.try_get(4)? })
}

/// Marks in one transaction.
pub(super) async fn mark(
    connection: &mut SqliteConnection,
    marks: &Marks,
) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    if !marks.sent.is_empty() {
        let mut ids = String::with_capacity(marks.sent.len() * 8 + 2);
        for id in &marks.sent {
            ids.push(if ids.is_empty() { '[' } else { ',' });
            ids.push_str(&id.to_string());
        }
        ids.push(']');
        sqlx::query(MARK_SENT).bind(ids).execute(&mut *transaction).await?;
    }
    for (id, why) in &marks.refused {
        sqlx::query(MARK_REFUSED).bind(why.clone()).bind(id).execute(&mut *transaction).await?;
    }
    transaction.commit().await
}

/// Deletes at most `rows` rows that were sent `retention` ago, and says how many.
pub(super) async fn clean_up(
    connection: &mut SqliteConnection,
    retention: Duration,
    rows: usize,
) -> Result<u64, sqlx::Error> {
    let deleted = sqlx::query(CLEAN_UP)
        .bind(i64::try_from(retention.as_millis()).unwrap_or(i64::MAX))
        .bind(i64::try_from(rows).unwrap_or(i64::MAX))
        .execute(connection)
        .await?;
    Ok(deleted.rows_affected())
}

pub(super) async fn status(pool: &SqlitePool) -> Result<OutboxStatus, sqlx::Error> {
    let row = sqlx::query(STATUS).bind(OutboxStatus::COUNTED.cast_signed()).fetch_one(pool).await?;
    let oldest: Option<i64> = row.try_get(2)?;
    Ok(OutboxStatus {
        pending: row.try_get::<i64, _>(0)?.unsigned_abs(),
        refused: row.try_get::<i64, _>(1)?.unsigned_abs(),
        oldest: oldest.map(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or(0))),
    })
}

/// How many rows are pending, and how many bytes their bodies have.
#[cfg(feature = "spill")]
pub(super) async fn weigh(pool: &SqlitePool) -> Result<(u64, u64), sqlx::Error> {
    let (rows, bytes): (i64, i64) = sqlx::query_as(WEIGH).fetch_one(pool).await?;
    Ok((rows.unsigned_abs(), bytes.unsigned_abs()))
}

/// The database's file; none for one in memory.
pub(super) async fn file(connection: &mut SqliteConnection) -> Result<Option<String>, sqlx::Error> {
    let file: Option<String> =
        sqlx::query_scalar("SELECT file FROM pragma_database_list WHERE name = 'main'")
            .fetch_one(connection)
            .await?;
    Ok(file.filter(|file| !file.is_empty()))
}

#[cfg(test)]
mod tests;
