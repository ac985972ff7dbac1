//! The log.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::error::wrap;
use super::lists::json_array;
use super::row;
use super::writer::Write;
use crate::action::{ActionId, Attempt};
use crate::error::Result;
use crate::log::{Context, LogEntry, NewLogEntry, Step};

/// Adds an entry, if the action exists.
pub(super) fn append(
    connection: &Connection,
    action: ActionId,
    at: Timestamp,
    step: Step,
    attempt: Option<Attempt>,
    context: Option<&Context>,
    message: Option<&str>,
) -> rusqlite::Result<()> {
    // By primary key: the last entry of the action lies where the new one goes.
    connection
        .prepare_cached(
            "INSERT INTO logs (action, seq, at, step, attempt, context, message) \
             SELECT ?1, (SELECT coalesce(max(seq), 0) + 1 FROM logs WHERE action = ?1), ?2, ?3, ?4, ?5, ?6 \
             WHERE EXISTS (SELECT 1 FROM actions WHERE id = ?1)",
        )?
        .execute(params![
            action.get(),
            at.as_microsecond(),
            step.code(),
            attempt.map(|attempt| attempt.0),
            context.map(Context::as_str),
            message
        ])?;
    Ok(())
}

/// Adds the same entry, of their present attempt, to each of some actions.
pub(super) fn append_each(
    connection: &Connection,
    actions: &[i64],
    at: Timestamp,
    step: Step,
    context: &Context,
) -> rusqlite::Result<()> {
    if actions.is_empty() {
        return Ok(());
    }
    // By primary keys, as above.
    connection
        .prepare_cached(
            "INSERT INTO logs (action, seq, at, step, attempt, context) \
             SELECT actions.id, (SELECT coalesce(max(seq), 0) + 1 FROM logs WHERE action = actions.id), ?2, ?3, attempts, ?4 \
             FROM json_each(?1) AS wanted CROSS JOIN actions ON actions.id = wanted.value",
        )?
        .execute(params![json_array(actions), at.as_microsecond(), step.code(), context.as_str()])?;
    Ok(())
}

pub(super) fn append_all(
    write: &mut Write<'_>,
    entries: &[(ActionId, NewLogEntry)],
    context: &Context,
) -> Result<()> {
    for (action, entry) in entries {
        let at = entry.at.unwrap_or(write.now);
        // What is noted while it runs belongs to the attempt.
        write
            .connection
            .prepare_cached("SELECT attempts FROM actions WHERE id = ?1 AND status = 1")
            .and_then(|mut statement| {
                statement.query_row([action.get()], |row| row::attempt(row, 0)).optional()
            })
            .and_then(|attempt| {
                let message = entry.message.as_deref();
                append(write.connection, *action, at, entry.step, attempt, Some(context), message)
            })
            .map_err(wrap("writing the log"))?;
    }
    Ok(())
}

pub(super) fn read(connection: &Connection, mut ids: Vec<ActionId>) -> Result<Vec<LogEntry>> {
    ids.sort_unstable();
    ids.dedup();
    let read = || {
        let mut entries = Vec::new();
        // By primary key, in its order.
        let mut statement = connection.prepare_cached(
            "SELECT action, seq, at, step, attempt, context, message FROM logs WHERE action = ?1 ORDER BY seq",
        )?;
        for id in &ids {
            let mut rows = statement.query([id.get()])?;
            while let Some(row) = rows.next()? {
                entries.push(LogEntry {
                    action: row::action_id(row, 0)?,
                    seq: row.get(1)?,
                    at: row::time(row, 2)?,
                    step: Step::from_code(row.get(3)?),
                    attempt: row.get::<_, Option<u32>>(4)?.map(Attempt),
                    context: row.get::<_, Option<String>>(5)?.as_deref().map(Context::new),
                    message: row.get(6)?,
                });
            }
        }
        Ok(entries)
    };
    read().map_err(|error: rusqlite::Error| wrap("reading the log")(error).into())
}
