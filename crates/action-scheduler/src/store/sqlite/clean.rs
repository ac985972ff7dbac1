//! Deleting what has been kept long enough.

use rusqlite::params;

use super::change::delete_rows;
use super::error::wrap;
use super::writer::Write;
use super::{figures, once, records, row};
use crate::error::Result;
use crate::store::{CleanBatch, CleanCursor, CleanMode, Cleaned, HookScope};

pub(super) fn clean(write: &mut Write<'_>, batch: &CleanBatch) -> Result<Cleaned> {
    try_clean(write, batch).map_err(|error| wrap("cleaning")(error).into())
}

fn try_clean(write: &mut Write<'_>, batch: &CleanBatch) -> rusqlite::Result<Cleaned> {
    let connection = write.connection;
    if !batch.status.is_finished() {
        return Ok(Cleaned { deleted: 0, next: None });
    }
    let (hooks, only) = match &batch.hooks {
        HookScope::Only(hooks) => (hooks, true),
        HookScope::AllBut(hooks) => (hooks, false),
    };
    let mut numbers = Vec::with_capacity(hooks.len());
    for hook in hooks {
        numbers.extend(write.names.hooks.find(connection, hook)?);
    }
    let (after, after_id) = match batch.after {
        Some(cursor) => (cursor.scheduled_at.as_microsecond(), cursor.id.get()),
        None => (i64::MIN, 0),
    };
    // In the order of actions_by_phase, from where the last batch ended to the first that is too young: what is kept is
    // not looked at, and nothing twice in one round.
    let rows = connection
        .prepare_cached(
            "SELECT id, scheduled_at, hook, coalesce(finished_at, started_at, created_at) FROM actions \
             INDEXED BY actions_by_phase WHERE phase = ?1 AND (scheduled_at, id) > (?2, ?3) \
             AND scheduled_at < ?5 AND id NOT IN (SELECT target FROM imports WHERE kind = 0 AND state = 1) ORDER BY scheduled_at, id LIMIT ?4",
        )?
        .query_map(params![row::phase_code(batch.status), after, after_id, batch.limit, batch.before.as_microsecond()], |row| {
            Ok((row::action_id(row, 0)?, row::time(row, 1)?, row.get::<_, i64>(2)?, row::time(row, 3)?))
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let mut deleted = 0;
    for (id, _, hook, modified_at) in &rows {
        if *modified_at < batch.before && numbers.contains(hook) == only {
            deleted += 1;
            if batch.mode == CleanMode::Delete {
                delete_rows(connection, id.get())?;
            }
        }
    }
    if batch.mode == CleanMode::Delete {
        super::count_moves(connection, &[(row::status_code(batch.status), -deleted)])?;
    }
    let next = match rows.last() {
        Some((id, scheduled_at, ..)) if rows.len() as u64 == u64::from(batch.limit) => {
            Some(CleanCursor { scheduled_at: *scheduled_at, id: *id })
        }
        _ => None,
    };
    Ok(Cleaned { deleted: deleted.cast_unsigned(), next })
}

pub(super) fn clean_orphans(write: &mut Write<'_>, limit: u32) -> Result<u64> {
    let clean = || {
        let connection = write.connection;
        let mut deleted = 0;
        // The first walks the log from action to action, by primary key.
        for sql in [
            "DELETE FROM logs WHERE action IN (WITH RECURSIVE action (id) AS (SELECT min(action) FROM logs UNION ALL \
             SELECT (SELECT min(logs.action) FROM logs WHERE logs.action > action.id) FROM action \
             WHERE action.id IS NOT NULL) SELECT id FROM action WHERE id IS NOT NULL \
             AND id NOT IN (SELECT id FROM actions) LIMIT ?1)",
            "DELETE FROM claims WHERE id IN (SELECT id FROM claims WHERE NOT EXISTS \
             (SELECT 1 FROM actions WHERE claim = claims.id AND claim IS NOT NULL AND phase = 0) LIMIT ?1)",
            "DELETE FROM chains WHERE id IN (SELECT id FROM chains WHERE state = 2 AND NOT EXISTS \
             (SELECT 1 FROM actions WHERE chain = chains.id AND chain IS NOT NULL) \
             AND id NOT IN (SELECT target FROM imports WHERE kind = 1 AND state = 1) LIMIT ?1)",
        ] {
            deleted += connection.prepare_cached(sql)?.execute([limit])? as u64;
        }
        deleted += records::clean(write, limit)?;
        deleted += once::clean(write, limit)?;
        deleted += figures::clean(write, limit)?;
        Ok(deleted)
    };
    clean().map_err(|error: rusqlite::Error| wrap("cleaning orphans")(error).into())
}
