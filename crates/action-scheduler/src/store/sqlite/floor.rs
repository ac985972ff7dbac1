//! The least that a SQLite file of our layout can cost: the same rows, moved by bare set-based SQL on one connection, with
//! nothing between. The benchmark compares the engine with it.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};

use super::SqliteStore;
use super::connection::{self, Access};
use super::error::wrap;
use crate::error::{Result, StoreError, StoreErrorKind};
use crate::log::Step;
use crate::time::Clock;

/// See [`crate::store::floor::drain`]. It works in a file of its own beside the given one.
pub(crate) async fn drain(file: &str, actions: u64, batch: u32) -> Result<Duration> {
    let file = format!("{file}-floor");
    remove(&file);
    drop(SqliteStore::open(&file, Clock::system()).await?);
    let path = file.clone();
    let time = tokio::task::spawn_blocking(move || drain_file(&path, actions, batch)).await;
    remove(&file);
    time.map_err(|error| StoreError::new(StoreErrorKind::Other, error.to_string()))?
}

fn remove(file: &str) {
    for end in ["", "-wal", "-shm"] {
        // What is not there need not be removed.
        let _ = std::fs::remove_file(Path::new(&format!("{file}{end}")));
    }
}

fn drain_file(file: &str, actions: u64, batch: u32) -> Result<Duration> {
    let mut connection = connection::open(file, Access::Write)?;
    fill(&mut connection, actions).map_err(wrap(file))?;
    let begun = Instant::now();
    let mut left = actions;
    while left > 0 {
        let moved = move_batch(&mut connection, batch).map_err(wrap(file))?;
        if moved == 0 {
            break;
        }
        left = left.saturating_sub(moved);
    }
    Ok(begun.elapsed())
}

fn fill(connection: &mut Connection, actions: u64) -> rusqlite::Result<()> {
    connection.execute_batch("INSERT OR IGNORE INTO hooks (name) VALUES ('floor'); INSERT OR IGNORE INTO groups (name) VALUES ('')")?;
    let mut from = 0;
    while from < actions {
        let to = (from + 1000).min(actions);
        let transaction = connection.transaction()?;
        transaction
            .prepare_cached(
                "WITH RECURSIVE n (i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?2) \
                 INSERT INTO actions (hook, grp, priority, kind, scheduled_at, created_at, args) \
                 SELECT hooks.id, groups.id, 10, 0, ?3, ?3, '[' || i || ']' FROM n, hooks, groups \
                 WHERE hooks.name = 'floor' AND groups.name = ''",
            )?
            .execute(params![from, to, now()])?;
        transaction
            .prepare_cached(
                "INSERT INTO logs (action, seq, at, step) SELECT id, 1, created_at, ?1 FROM actions \
                 ORDER BY id DESC LIMIT ?2",
            )?
            .execute(params![Step::Created.code(), to - from])?;
        transaction
            .prepare_cached("UPDATE counts SET n = n + ?1 WHERE status = 0")?
            .execute([to - from])?;
        transaction.commit()?;
        from = to;
    }
    Ok(())
}

fn move_batch(connection: &mut Connection, batch: u32) -> rusqlite::Result<u64> {
    let transaction = connection.transaction()?;
    let claim: i64 = transaction
        .prepare_cached("INSERT INTO claims (runner, claimed_at) VALUES (1, ?1) RETURNING id")?
        .query_row([now()], |row| row.get(0))?;
    let mut claimed = 0;
    {
        // Whoever claims has to read what is to be done.
        let mut take = transaction.prepare_cached(
            "UPDATE actions SET claim = ?1 WHERE id IN (SELECT id FROM actions INDEXED BY actions_to_claim \
             WHERE status = 0 AND claim IS NULL ORDER BY priority, attempts, scheduled_at, id LIMIT ?2) \
             RETURNING id, hook, args",
        )?;
        let mut rows = take.query(params![claim, batch])?;
        while let Some(row) = rows.next()? {
            std::hint::black_box((
                row.get::<_, i64>(0)?,
                row.get::<_, i64>(1)?,
                row.get_ref(2)?.as_str()?,
            ));
            claimed += 1;
        }
    }
    transaction.commit()?;

    let log = "INSERT INTO logs (action, seq, at, step, attempt, context) \
         SELECT id, ?2, ?4, ?3, 1, 'bench' FROM actions WHERE claim = ?1 AND claim IS NOT NULL AND phase = 0";
    let transaction = connection.transaction()?;
    transaction
        .prepare_cached(
            "UPDATE actions SET status = 1, attempts = attempts + 1, started_at = ?2, finished_at = NULL \
             WHERE claim = ?1 AND claim IS NOT NULL AND phase = 0 AND status = 0",
        )?
        .execute([claim, now()])?;
    transaction.prepare_cached(log)?.execute(params![claim, 2, Step::Started.code(), now()])?;
    transaction
        .prepare_cached("UPDATE counts SET n = n + CASE status WHEN 0 THEN -?1 ELSE ?1 END WHERE status IN (0, 1)")?
        .execute([claimed])?;
    transaction.commit()?;

    let transaction = connection.transaction()?;
    transaction.prepare_cached(log)?.execute(params![claim, 3, Step::Complete.code(), now()])?;
    transaction
        .prepare_cached(
            "UPDATE actions SET status = 2, phase = 2, finished_at = ?2 \
             WHERE claim = ?1 AND claim IS NOT NULL AND phase = 0 AND status = 1",
        )?
        .execute([claim, now()])?;
    transaction.prepare_cached("DELETE FROM claims WHERE id = ?1")?.execute([claim])?;
    transaction
        .prepare_cached("UPDATE counts SET n = n + CASE status WHEN 1 THEN -?1 ELSE ?1 END WHERE status IN (1, 2)")?
        .execute([claimed])?;
    transaction.commit()?;
    Ok(claimed)
}

/// Dates are as long as those of real rows.
fn now() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}
