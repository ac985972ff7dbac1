//! The journal of what was taken in from other stores, and what of it is held.

use std::collections::HashMap;

use mysql_async::Row;

use super::error::Outcome;
use super::row::{Columns, unreadable};
use super::sql::{List, Rows, Text, TextOrNull};
use super::tables::Tables;
use super::transaction::{Ask, Read, Write};
use crate::store::{ChainState, ImportState, Imported, Imports, ImportsOf, ImportsQuery, StoreId};

/// How many rows are named in one statement.
pub(super) const CHUNK: usize = 1000;

/// The identity of this store, and the journal of what is moved to it: version 2 of our own tables.
pub(super) fn move_tables(tables: &Tables) -> Vec<String> {
    const END: &str = "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin";
    let Tables { identity, origins, imports, held, layout, .. } = tables;
    vec![
        format!(
            "CREATE TABLE IF NOT EXISTS {identity} (
               one tinyint NOT NULL PRIMARY KEY,
               id varchar(100) NOT NULL
             ) {END}"
        ),
        // It goes with the tables wherever these are moved to.
        format!("INSERT IGNORE INTO {identity} (one, id) VALUES (1, REPLACE(UUID(), '-', ''))"),
        format!(
            "CREATE TABLE IF NOT EXISTS {origins} (
               id int unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
               identity varchar(100) NOT NULL,
               UNIQUE KEY identity (identity)
             ) {END}"
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS {imports} (
               origin int unsigned NOT NULL,
               -- 0 an action, 1 a chain
               kind tinyint unsigned NOT NULL,
               -- the id over there, and the id here
               source bigint unsigned NOT NULL,
               target bigint unsigned NOT NULL,
               -- 0 copied, 1 held, 2 admitted
               state tinyint unsigned NOT NULL,
               PRIMARY KEY (origin, kind, source)
             ) {END}"
        ),
        // What is held is left alone by all else. Empty but for the moments of a move.
        format!(
            "CREATE TABLE IF NOT EXISTS {held} (
               kind tinyint unsigned NOT NULL,
               target bigint unsigned NOT NULL,
               origin int unsigned NOT NULL,
               source bigint unsigned NOT NULL,
               -- the state that a chain is to have
               becomes varchar(8),
               PRIMARY KEY (kind, target),
               KEY source (origin, kind, source)
             ) {END}"
        ),
        format!("UPDATE {layout} SET version = 2 WHERE version < 2"),
    ]
}

/// What a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Action,
    Chain,
}

impl Kind {
    pub(super) fn code(self) -> u8 {
        match self {
            Kind::Action => 0,
            Kind::Chain => 1,
        }
    }
}

fn state_code(state: ImportState) -> u8 {
    match state {
        ImportState::Copied => 0,
        ImportState::Held => 1,
        ImportState::Admitted => 2,
    }
}

/// The state that stands in a column.
pub(super) fn state(row: &Row, column: usize) -> Outcome<ImportState> {
    let code: u8 = row.number(column)?;
    [ImportState::Copied, ImportState::Held, ImportState::Admitted]
        .into_iter()
        .find(|state| state_code(*state) == code)
        .ok_or_else(|| unreadable(column, format_args!("{code} is no state of an import")))
}

/// A condition that no move holds what has this id. By primary key, in a table that is next to always empty.
pub(super) fn not_held(tables: &Tables, kind: Kind, id: &str) -> String {
    let kind = kind.code();
    format!(
        "NOT EXISTS (SELECT 1 FROM {} held WHERE held.kind = {kind} AND held.target = {id})",
        tables.held
    )
}

/// What became of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) target: i64,
    pub(super) state: ImportState,
}

/// The number of a store that something was taken in from.
pub(super) async fn find_origin(source: &mut impl Ask, id: &StoreId) -> Outcome<Option<u32>> {
    let sql = format!(
        "SELECT id FROM {} WHERE identity = {}",
        source.tables().origins,
        Text(id.as_str())
    );
    source.rows(&sql).await?.first().map(|row| row.number(0)).transpose()
}

/// The number of a store, which is stored if it is new; whoever calls this has the turn of imports.
pub(super) async fn add_origin(write: &mut Write<'_>, id: &StoreId) -> Outcome<u32> {
    if let Some(number) = find_origin(write, id).await? {
        return Ok(number);
    }
    let origins = &write.tables().origins;
    let sql = format!("INSERT INTO {origins} (identity) VALUES ({})", Text(id.as_str()));
    let number = write.insert(&sql).await?.of(0);
    u32::try_from(number).map_err(|_| unreadable(0, format_args!("{number} is no origin")))
}

/// What became of these, by their ids at the origin.
pub(super) async fn find(
    write: &mut Write<'_>,
    origin: u32,
    kind: Kind,
    sources: &[i64],
) -> Outcome<HashMap<i64, Entry>> {
    let mut found = HashMap::with_capacity(sources.len());
    for chunk in sources.chunks(CHUNK) {
        // By primary key.
        let sql = format!(
            "SELECT source, target, state FROM {} WHERE origin = {origin} AND kind = {} AND source IN {}",
            write.tables().imports,
            kind.code(),
            List(chunk.iter())
        );
        for row in write.rows(&sql).await? {
            found.insert(row.number(0)?, Entry { target: row.number(1)?, state: state(&row, 2)? });
        }
    }
    Ok(found)
}

/// A row of the journal to be written.
pub(super) struct NewEntry {
    pub(super) source: i64,
    pub(super) entry: Entry,
    /// The state that a held chain is to have.
    pub(super) becomes: Option<ChainState>,
}

/// Writes rows, over those that there are.
pub(super) async fn put(
    write: &mut Write<'_>,
    origin: u32,
    kind: Kind,
    entries: &[NewEntry],
) -> Outcome<()> {
    let tables = write.tables();
    let kind = kind.code();
    for chunk in entries.chunks(CHUNK) {
        let targets = List(chunk.iter().map(|new| new.entry.target));
        let sql =
            format!("DELETE FROM {} WHERE kind = {kind} AND target IN {targets}", tables.held);
        write.later(&sql).await?;
        let mut imports = Rows::new(format_args!(
            "INSERT INTO {} (origin, kind, source, target, state)",
            tables.imports
        ));
        let mut held = Rows::new(format_args!(
            "INSERT INTO {} (kind, target, origin, source, becomes)",
            tables.held
        ));
        for NewEntry { source, entry: Entry { target, state }, becomes } in chunk {
            imports.push(format_args!("{origin},{kind},{source},{target},{}", state_code(*state)));
            if *state == ImportState::Held {
                let becomes = TextOrNull(becomes.map(ChainState::as_str));
                held.push(format_args!("{kind},{target},{origin},{source},{becomes}"));
            }
        }
        let over = " ON DUPLICATE KEY UPDATE target = VALUES(target), state = VALUES(state)";
        write.later(&imports.end(over)).await?;
        if !held.is_empty() {
            write.later(&held.end("")).await?;
        }
    }
    Ok(())
}

/// Lets go of what is held, by its ids here.
pub(super) async fn let_go(write: &mut Write<'_>, kind: Kind, targets: &[i64]) -> Outcome<()> {
    let tables = write.tables();
    let kind = kind.code();
    let list = List(targets.iter());
    // By primary keys.
    let sql = format!(
        "UPDATE {} j JOIN {} h ON h.origin = j.origin AND h.kind = j.kind AND h.source = j.source \
         SET j.state = {} WHERE h.kind = {kind} AND h.target IN {list}",
        tables.imports,
        tables.held,
        state_code(ImportState::Admitted)
    );
    write.later(&sql).await?;
    let sql = format!("DELETE FROM {} WHERE kind = {kind} AND target IN {list}", tables.held);
    write.later(&sql).await
}

pub(super) async fn list(
    read: &mut Read<'_>,
    origin: &StoreId,
    query: ImportsQuery,
) -> Outcome<Imports> {
    let mut imports = Imports::default();
    let Some(origin) = find_origin(read, origin).await? else { return Ok(imports) };
    let (kind, after) = match query.of {
        ImportsOf::Actions { after } => (Kind::Action, after.map_or(0, |id| id.get())),
        ImportsOf::Chains { after } => (Kind::Chain, after.map_or(0, |id| id.get())),
    };
    let tables = &read.database.tables;
    let (from, condition) = match query.state {
        Some(ImportState::Held) => (format!("1 AS state FROM {}", tables.held), String::new()),
        Some(state) => (
            format!("state FROM {}", tables.imports),
            format!(" AND state = {}", state_code(state)),
        ),
        None => (format!("state FROM {}", tables.imports), String::new()),
    };
    // In the order of the primary key, or of the key on the source, whose rows are few.
    let sql = format!(
        "SELECT source, target, {from} WHERE origin = {origin} AND kind = {} AND source > {after}{condition} \
         ORDER BY source LIMIT {}",
        kind.code(),
        query.limit
    );
    for row in read.rows(&sql).await? {
        let state = state(&row, 2)?;
        match kind {
            Kind::Action => imports.actions.push(Imported {
                source: row.action_id(0)?,
                target: row.action_id(1)?,
                state,
            }),
            Kind::Chain => imports.chains.push(Imported {
                source: row.chain_id(0)?,
                target: row.chain_id(1)?,
                state,
            }),
        }
    }
    Ok(imports)
}

pub(super) async fn forget(write: &mut Write<'_>, origin: &StoreId, limit: u32) -> Outcome<u64> {
    let Some(origin) = find_origin(write, origin).await? else { return Ok(0) };
    let sql = format!(
        "DELETE FROM {} WHERE origin = {origin} AND state <> {} ORDER BY kind, source LIMIT {limit}",
        write.tables().imports,
        state_code(ImportState::Held)
    );
    Ok(write.run(&sql).await?.affected)
}

pub(super) async fn identity(read: &mut Read<'_>) -> Outcome<StoreId> {
    let sql = format!("SELECT id FROM {}", read.database.tables.identity);
    let rows = read.rows(&sql).await?;
    let row = rows.first().ok_or_else(|| unreadable(0, "there is no identity"))?;
    Ok(StoreId::new(row.text(0)?))
}
