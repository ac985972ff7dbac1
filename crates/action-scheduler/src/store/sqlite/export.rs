//! Giving actions and chains with all that belongs to them.

use std::collections::BTreeSet;

use rusqlite::{Connection, Row};

use super::error::wrap;
use super::lists::json_array;
use super::log;
use super::names::Names;
use super::row;
use crate::action::{ActionId, ChainId, Status};
use crate::error::Result;
use crate::store::{ActionRecord, ChainRecord, Export, Exported, StoreId, Subject, Unreadable};

pub(super) fn identity(connection: &Connection) -> Result<StoreId> {
    connection
        .query_row("SELECT id FROM identity", [], |row| row.get::<_, String>(0).map(StoreId::new))
        .map_err(|error| wrap("reading the identity of the store")(error).into())
}

pub(super) fn export(
    connection: &Connection,
    names: &mut Names,
    export: &Export,
) -> Result<Exported> {
    let mut read = || {
        // Several statements, and one snapshot.
        let snapshot = connection.unchecked_transaction()?;
        let exported = try_export(&snapshot, names, export)?;
        snapshot.commit()?;
        Ok(exported)
    };
    read().map_err(|error: rusqlite::Error| wrap("exporting")(error).into())
}

fn try_export(
    connection: &Connection,
    names: &mut Names,
    export: &Export,
) -> rusqlite::Result<Exported> {
    let mut exported = Exported::default();
    match export {
        Export::Actions { after, statuses, limit } => {
            let ids = page(connection, *after, statuses, *limit)?;
            let next = ids.last().filter(|_| ids.len() as u64 == u64::from(*limit));
            exported.next = next.map(|last| Export::Actions {
                after: ActionId::new(*last),
                statuses: statuses.clone(),
                limit: *limit,
            });
            actions(connection, names, &ids, &mut exported)?;
        }
        Export::Ids(ids) => {
            let mut ids: Vec<i64> = ids.iter().map(|id| id.get()).collect();
            ids.sort_unstable();
            ids.dedup();
            actions(connection, names, &ids, &mut exported)?;
        }
        Export::Chains { after, limit } => {
            // By primary key.
            let ids = connection
                .prepare_cached("SELECT id FROM chains WHERE id > ?1 ORDER BY id LIMIT ?2")?
                .query_map([after.map_or(0, ChainId::get), i64::from(*limit)], |row| {
                    row::chain_id(row, 0)
                })?
                .collect::<rusqlite::Result<Vec<ChainId>>>()?;
            let next = ids.last().filter(|_| ids.len() as u64 == u64::from(*limit));
            exported.next = next.map(|last| Export::Chains { after: Some(*last), limit: *limit });
            for id in ids {
                chain(connection, names, id, &mut exported)?;
            }
        }
    }
    Ok(exported)
}

/// The ids of a page. By primary key: whatever the statuses, the table is walked once for all pages together. What is
/// little and has not ended is found in its index, and sorted.
fn page(
    connection: &Connection,
    after: Option<ActionId>,
    statuses: &[Status],
    limit: u32,
) -> rusqlite::Result<Vec<i64>> {
    let after = after.map_or(0, ActionId::get);
    let sql = match statuses {
        [] => "SELECT id FROM actions WHERE id > ?1 AND ?3 = '[]' ORDER BY id LIMIT ?2",
        _ if is_small_part(connection, statuses, limit)? => {
            "SELECT id FROM actions INDEXED BY actions_by_phase WHERE phase = 0 AND id > ?1 \
             AND status IN (SELECT value FROM json_each(?3)) ORDER BY id LIMIT ?2"
        }
        _ => {
            "SELECT id FROM actions NOT INDEXED WHERE id > ?1 \
             AND status IN (SELECT value FROM json_each(?3)) ORDER BY id LIMIT ?2"
        }
    };
    let statuses = json_array(statuses.iter().map(|status| row::status_code(*status)));
    connection
        .prepare_cached(sql)?
        .query_map(rusqlite::params![after, limit, statuses], |row| row.get(0))?
        .collect()
}

/// Whether only actions that have not ended are asked for, and there are but a few pages of them.
fn is_small_part(
    connection: &Connection,
    statuses: &[Status],
    limit: u32,
) -> rusqlite::Result<bool> {
    if statuses.iter().any(|status| status.is_finished()) {
        return Ok(false);
    }
    let live: u64 = connection
        .prepare_cached("SELECT sum(n) FROM counts WHERE status IN (0, 1)")?
        .query_row([], |row| row.get(0))?;
    Ok(live <= 20 * u64::from(limit))
}

/// Reads the actions with these ids, their logs, and the chains they are instances of.
fn actions(
    connection: &Connection,
    names: &mut Names,
    ids: &[i64],
    exported: &mut Exported,
) -> rusqlite::Result<()> {
    // By primary key.
    let sql = format!(
        "SELECT {}, {}, actions.unique_key FROM actions LEFT JOIN chains ON chains.id = actions.chain \
         WHERE actions.id = ?1",
        row::ACTION_COLUMNS,
        row::RECURRENCE_COLUMNS
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut chains = BTreeSet::new();
    for id in ids.iter().filter_map(|id| ActionId::new(*id)) {
        let mut rows = statement.query([id.get()])?;
        let Some(row) = rows.next()? else { continue };
        let record = action(connection, names, row);
        if let Some((record, instance_of)) = readable(record, Subject::Action(id), exported)? {
            chains.extend(instance_of);
            exported.actions.push(record);
        }
    }
    for id in chains {
        chain(connection, names, id, exported)?;
    }
    Ok(())
}

/// Reads an action, and which chain it is an instance of.
fn action(
    connection: &Connection,
    names: &mut Names,
    row: &Row<'_>,
) -> rusqlite::Result<(ActionRecord, Option<ChainId>)> {
    let key = row.get(row::ACTION_WIDTH + row::RECURRENCE_WIDTH)?;
    let action = row::action(connection, names, row)?;
    let log = log::of(connection, action.id)?;
    // The chain may be no more.
    let chain = row.get::<_, Option<i64>>(row::ACTION_WIDTH)?.and(action.chain);
    Ok((ActionRecord { action, key, log }, chain))
}

fn chain(
    connection: &Connection,
    names: &mut Names,
    id: ChainId,
    exported: &mut Exported,
) -> rusqlite::Result<()> {
    // By primary key, once for each chain of a page.
    let sql = format!(
        "SELECT {}, {}, chains.owed_at, actions.status FROM chains LEFT JOIN actions ON actions.id = chains.head \
         WHERE chains.id = ?1",
        row::CHAIN_COLUMNS,
        row::RECURRENCE_COLUMNS
    );
    let found = connection.prepare_cached(&sql)?.query_row([id.get()], |row| {
        let owed = row::CHAIN_WIDTH + row::RECURRENCE_WIDTH;
        Ok(ChainRecord {
            chain: row::chain(connection, names, row)?,
            owed: row::optional_time(row, owed)?,
            head_status: row.get::<_, Option<i64>>(owed + 1)?.and_then(row::status_of),
        })
    });
    let record = readable(found, Subject::Chain(id), exported)?;
    exported.chains.extend(record);
    Ok(())
}

/// Sets aside what is wrong with a row; an error of the file itself remains one.
fn readable<T>(
    found: rusqlite::Result<T>,
    what: Subject,
    exported: &mut Exported,
) -> rusqlite::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if row::is_about_a_value(&error) => {
            exported.unreadable.push(Unreadable { what, reason: error.to_string() });
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
