//! Figures over time.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::error::wrap;
use super::names::Names;
use super::row;
use super::writer::Write;
use crate::action::Hook;
use crate::error::Result;
use crate::store::figures::merged;
use crate::store::{Figure, FigureCounts, FiguresOf, FiguresQuery, Resolution};

/// The number that stands for all hooks together.
const TOGETHER: i64 = 0;

// By primary key, once for each period and hook every few seconds.

const FIND: &str = "SELECT numbers FROM figures WHERE resolution = ?1 AND hook = ?2 AND at = ?3";

const STORE: &str =
    "INSERT OR REPLACE INTO figures (resolution, hook, at, numbers) VALUES (?1, ?2, ?3, ?4)";

pub(super) fn add(write: &mut Write<'_>, figures: Vec<Figure>) -> Result<()> {
    try_add(write, figures).map_err(|error| wrap("adding figures")(error).into())
}

fn try_add(write: &mut Write<'_>, figures: Vec<Figure>) -> rusqlite::Result<()> {
    let connection = write.connection;
    for ((resolution, hook, at), mut counts) in merged(figures) {
        let hook = match hook {
            Some(hook) => write.names.hooks.number(connection, &hook)?,
            None => TOGETHER,
        };
        let (resolution, at) = (resolution.code(), at.as_microsecond());
        let before = connection
            .prepare_cached(FIND)?
            .query_row(params![resolution, hook, at], |row| read_counts(row, 0))
            .optional()?;
        counts.add(&before.unwrap_or_default());
        let numbers = serde_json::to_string(&counts.to_numbers())
            .map_err(|error| row::unreadable(3, error))?;
        connection.prepare_cached(STORE)?.execute(params![resolution, hook, at, numbers])?;
    }
    Ok(())
}

fn read_counts(row: &Row<'_>, column: usize) -> rusqlite::Result<FigureCounts> {
    let numbers: Vec<i64> = serde_json::from_str(row.get_ref(column)?.as_str()?)
        .map_err(|error| row::unreadable(column, error))?;
    Ok(FigureCounts::from_numbers(&numbers))
}

pub(super) fn list(
    connection: &Connection,
    names: &mut Names,
    query: &FiguresQuery,
) -> Result<Vec<Figure>> {
    let mut list = || {
        // In the order of the primary key, or of figures_by_date.
        let (sql, hook) = match &query.of {
            FiguresOf::Together => (OF_ONE, Some(TOGETHER)),
            FiguresOf::Hook(hook) => (OF_ONE, names.hooks.find(connection, hook)?),
            FiguresOf::EachHook => (OF_EACH, Some(TOGETHER)),
        };
        let Some(hook) = hook else { return Ok(Vec::new()) };
        // Less than nothing is no limit.
        let limit = query.limit.map_or(-1, i64::from);
        let (from, to) = (query.from.as_microsecond(), query.to.as_microsecond());
        let mut find = connection.prepare_cached(sql)?;
        let mut rows = find.query(params![query.resolution.code(), hook, from, to, limit])?;
        let mut figures = Vec::new();
        while let Some(row) = rows.next()? {
            let hook: Option<Hook> = match row.get(1)? {
                TOGETHER => None,
                number => Some(names.hooks.name(connection, number)?),
            };
            let (at, counts) = (row::time(row, 0)?, read_counts(row, 2)?);
            figures.push(Figure { resolution: query.resolution, at, hook, counts });
        }
        Ok(figures)
    };
    list().map_err(|error: rusqlite::Error| wrap("reading figures")(error).into())
}

const OF_ONE: &str = "SELECT at, hook, numbers FROM figures WHERE resolution = ?1 AND hook = ?2 AND at >= ?3 \
     AND at < ?4 ORDER BY at LIMIT ?5";

const OF_EACH: &str = "SELECT at, hook, numbers FROM figures INDEXED BY figures_by_date WHERE resolution = ?1 \
     AND hook <> ?2 AND at >= ?3 AND at < ?4 ORDER BY at LIMIT ?5";

/// Deletes those that have been kept long enough: by figures_by_date, with each round of the cleaner.
pub(super) fn clean(write: &Write<'_>, limit: u32) -> rusqlite::Result<u64> {
    let mut deleted = 0;
    for resolution in Resolution::ALL {
        let before: Timestamp = resolution.kept_from(write.now);
        deleted += write
            .connection
            .prepare_cached(
                "DELETE FROM figures WHERE (resolution, hook, at) IN (SELECT resolution, hook, at FROM figures \
                 INDEXED BY figures_by_date WHERE resolution = ?1 AND at < ?2 LIMIT ?3)",
            )?
            .execute(params![resolution.code(), before.as_microsecond(), limit])?;
    }
    Ok(deleted as u64)
}
