//! The journal of what was taken in from other stores.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::error::wrap;
use super::row;
use super::writer::Write;
use crate::action::{ActionId, ChainId};
use crate::error::Result;
pub(super) use crate::store::native::journal::Kind;
use crate::store::native::journal::{state_code, state_of};
use crate::store::{ImportState, Imported, Imports, ImportsOf, ImportsQuery, StoreId};

/// What became of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) target: i64,
    pub(super) state: ImportState,
}

fn state_in(row: &Row<'_>, column: usize) -> rusqlite::Result<ImportState> {
    let code: i64 = row.get(column)?;
    state_of(code)
        .ok_or_else(|| row::unreadable(column, format_args!("{code} is no state of an import")))
}

/// The number of a store that something was taken in from.
pub(super) fn find_origin(
    connection: &Connection,
    identity: &StoreId,
) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT id FROM origins WHERE identity = ?1")?
        .query_row([identity.as_str()], |row| row.get(0))
        .optional()
}

/// The number of a store, which is stored if it is new.
pub(super) fn add_origin(connection: &Connection, identity: &StoreId) -> rusqlite::Result<i64> {
    if let Some(number) = find_origin(connection, identity)? {
        return Ok(number);
    }
    connection
        .prepare_cached("INSERT INTO origins (identity) VALUES (?1) RETURNING id")?
        .query_row([identity.as_str()], |row| row.get(0))
}

/// By primary key, as is all below, once for each record of a batch.
pub(super) fn find(
    connection: &Connection,
    origin: i64,
    kind: Kind,
    source: i64,
) -> rusqlite::Result<Option<Entry>> {
    connection
        .prepare_cached(
            "SELECT target, state FROM imports WHERE origin = ?1 AND kind = ?2 AND source = ?3",
        )?
        .query_row([origin, kind.code(), source], |row| {
            Ok(Entry { target: row.get(0)?, state: state_in(row, 1)? })
        })
        .optional()
}

pub(super) fn put(
    connection: &Connection,
    origin: i64,
    kind: Kind,
    source: i64,
    entry: Entry,
    becomes: Option<i64>,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO imports (origin, kind, source, target, state, becomes) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            origin,
            kind.code(),
            source,
            entry.target,
            state_code(entry.state),
            becomes
        ])?;
    Ok(())
}

pub(super) fn admit(
    connection: &Connection,
    origin: i64,
    kind: Kind,
    source: i64,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE imports SET state = 2 WHERE origin = ?1 AND kind = ?2 AND source = ?3",
        )?
        .execute([origin, kind.code(), source])?;
    Ok(())
}

/// Whether an action is held. Served by imports_held.
pub(super) fn is_held(connection: &Connection, action: ActionId) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM imports WHERE kind = 0 AND target = ?1 AND state = 1)",
        )?
        .query_row([action.get()], |row| row.get(0))
}

pub(super) fn list(
    connection: &Connection,
    origin: &StoreId,
    query: ImportsQuery,
) -> Result<Imports> {
    let list = || {
        let Some(origin) = find_origin(connection, origin)? else { return Ok(Imports::default()) };
        Ok(match query.of {
            ImportsOf::Actions { after } => Imports {
                actions: rows(
                    connection,
                    origin,
                    Kind::Action,
                    after.map(ActionId::get),
                    query,
                    row::action_id,
                )?,
                ..Imports::default()
            },
            ImportsOf::Chains { after } => Imports {
                chains: rows(
                    connection,
                    origin,
                    Kind::Chain,
                    after.map(ChainId::get),
                    query,
                    row::chain_id,
                )?,
                ..Imports::default()
            },
        })
    };
    list().map_err(|error: rusqlite::Error| wrap("reading the journal of imports")(error).into())
}

fn rows<Id>(
    connection: &Connection,
    origin: i64,
    kind: Kind,
    after: Option<i64>,
    query: ImportsQuery,
    id: fn(&Row<'_>, usize) -> rusqlite::Result<Id>,
) -> rusqlite::Result<Vec<Imported<Id>>> {
    // In the order of the primary key; those that are held are few, and found by imports_held.
    let (sql, state) = match query.state {
        Some(ImportState::Held) => (
            "SELECT source, target, state FROM imports INDEXED BY imports_held WHERE origin = ?1 AND kind = ?2 \
             AND source > ?3 AND state = 1 AND ?5 = 1 ORDER BY source LIMIT ?4",
            Some(1),
        ),
        state => (
            "SELECT source, target, state FROM imports WHERE origin = ?1 AND kind = ?2 AND source > ?3 \
             AND (?5 IS NULL OR state = ?5) ORDER BY source LIMIT ?4",
            state.map(state_code),
        ),
    };
    connection
        .prepare_cached(sql)?
        .query_map(params![origin, kind.code(), after.unwrap_or(0), query.limit, state], |row| {
            Ok(Imported { source: id(row, 0)?, target: id(row, 1)?, state: state_in(row, 2)? })
        })?
        .collect()
}

pub(super) fn forget(write: &mut Write<'_>, origin: &StoreId, limit: u32) -> Result<u64> {
    let forget = || {
        let Some(origin) = find_origin(write.connection, origin)? else { return Ok(0) };
        let deleted = write
            .connection
            .prepare_cached(
                "DELETE FROM imports WHERE origin = ?1 AND (kind, source) IN (SELECT kind, source FROM imports \
                 WHERE origin = ?1 AND state <> 1 LIMIT ?2)",
            )?
            .execute(params![origin, limit])?;
        Ok(deleted as u64)
    };
    forget().map_err(|error: rusqlite::Error| wrap("forgetting imports")(error).into())
}
