//! The log.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::error::wrap;
use super::lists::Ids;
use super::row;
use super::writer::Write;
use crate::action::{ActionId, Attempt};
use crate::error::Result;
use crate::log::{Context, LogEntry, NewLogEntry, Step};

/// Adds an entry, if the action exists.
pub(super) fn append(
    write: &Write<'_>,
    action: ActionId,
    at: Timestamp,
    step: Step,
    attempt: Option<Attempt>,
    context: Option<&Context>,
    message: Option<&str>,
) -> rusqlite::Result<()> {
    let seq = write.sequence.next(write.connection)?;
    write
        .connection
        .prepare_cached(
            "INSERT INTO logs (action, seq, at, step, attempt, context, message) \
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE EXISTS (SELECT 1 FROM actions WHERE id = ?1)",
        )?
        .execute(params![
            action.get(),
            seq,
            at.as_microsecond(),
            step.code(),
            attempt.map(|attempt| attempt.0),
            context.map(Context::as_str),
            message
        ])?;
    Ok(())
}

/// Adds the same entry, of the same attempt, to each of some actions that exist.
pub(super) fn append_each(
    write: &Write<'_>,
    actions: &Ids<'_>,
    step: Step,
    attempt: Attempt,
    context: &Context,
) -> rusqlite::Result<()> {
    let seq = write.sequence.next(write.connection)?;
    let sql = format!(
        "INSERT INTO logs (action, seq, at, step, attempt, context) SELECT id, ?3, ?4, ?5, ?6, ?7 {}",
        actions.source()
    );
    let (first, last) = actions.bounds();
    write.connection.prepare_cached(&sql)?.execute(params![
        first,
        last,
        seq,
        write.now.as_microsecond(),
        step.code(),
        attempt.0,
        context.as_str()
    ])?;
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
                append(write, *action, at, entry.step, attempt, Some(context), message)
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
        for id in &ids {
            entries.append(&mut of(connection, *id)?);
        }
        Ok(entries)
    };
    read().map_err(|error: rusqlite::Error| wrap("reading the log")(error).into())
}

/// The log of one action.
pub(super) fn of(connection: &Connection, id: ActionId) -> rusqlite::Result<Vec<LogEntry>> {
    // By primary key, in its order.
    let mut statement = connection.prepare_cached(
        "SELECT action, at, step, attempt, context, message FROM logs WHERE action = ?1 ORDER BY seq",
    )?;
    let mut rows = statement.query([id.get()])?;
    let mut entries = Vec::new();
    let mut place = 0;
    while let Some(row) = rows.next()? {
        place += 1;
        entries.push(LogEntry {
            action: row::action_id(row, 0)?,
            seq: place,
            at: row::time(row, 1)?,
            step: Step::from_code(row.get(2)?),
            attempt: row.get::<_, Option<u32>>(3)?.map(Attempt),
            context: row.get::<_, Option<String>>(4)?.as_deref().map(Context::new),
            message: row.get(5)?,
        });
    }
    Ok(entries)
}
