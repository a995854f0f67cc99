//! However many rows were sent, no statement walks through them.

use sqlx::{AssertSqlSafe, Row};
use tempfile::TempDir;

use super::*;
use crate::outbox::SqliteOutbox;

async fn table() -> (TempDir, SqlitePool) {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteOutbox::connect_options(folder.path().join("outbox.db"));
    let pool = SqlitePool::connect_with(options).await.unwrap();
    migrate(&pool).await.unwrap();
    (folder, pool)
}

/// How SQLite would run a statement, a step in each line.
async fn plan(pool: &SqlitePool, statement: &str) -> String {
    let rows = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}")))
        .fetch_all(pool)
        .await
        .unwrap();
    let steps = rows.iter().map(|row| row.get::<String, _>("detail"));
    steps.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn every_statement_goes_by_the_index_that_was_made_for_it() {
    let (_folder, pool) = table().await;
    for (statement, index) in [
        (PENDING, "SEARCH fanfare_outbox USING INDEX fanfare_outbox_pending (id>?)"),
        (CLEAN_UP, "USING COVERING INDEX fanfare_outbox_sent (sent_at<?)"),
        (MARK_SENT, "SEARCH fanfare_outbox USING INTEGER PRIMARY KEY (rowid=?)"),
        (MARK_REFUSED, "SEARCH fanfare_outbox USING INTEGER PRIMARY KEY (rowid=?)"),
        (STATUS, "SCAN fanfare_outbox USING COVERING INDEX fanfare_outbox_pending"),
        (STATUS, "USING COVERING INDEX fanfare_outbox_refused"),
    ] {
        let plan = plan(&pool, statement).await;
        assert!(plan.contains(index), "{statement}\n{plan}");
        let sorted = plan.contains("TEMP B-TREE FOR ORDER BY");
        assert!(!sorted, "{statement}\n{plan}");
        for step in plan.lines().filter(|step| step.starts_with("SCAN fanfare_outbox")) {
            assert!(step.contains("INDEX fanfare_outbox_"), "{statement}\n{plan}");
        }
    }
}

#[tokio::test]
async fn an_outbox_of_a_newer_version_is_left_alone() {
    let (_folder, pool) = table().await;
    sqlx::query("INSERT INTO fanfare_outbox_version VALUES (99)").execute(&pool).await.unwrap();
    let refused = migrate(&pool).await.unwrap_err();
    assert!(matches!(refused, MigrateError::Newer { found: 99, known: 1 }));
}

#[tokio::test]
async fn a_batch_ends_at_its_bytes_and_says_that_there_is_more() {
    let (_folder, pool) = table().await;
    let mut connection = pool.acquire().await.unwrap();
    for number in 0..5 {
        let written =
            Written { event_id: "1", event_type: "a", ordering_key: None, body: vec![number; 100] };
        insert(&mut connection, written).await.unwrap();
    }
    let (some, all) = pending(&mut connection, 0, 10, 250).await.unwrap();
    assert_eq!((some.len(), all), (3, false));
    let (rest, all) = pending(&mut connection, some[2].id, 10, 250).await.unwrap();
    assert_eq!((rest.len(), all), (2, true));
}
