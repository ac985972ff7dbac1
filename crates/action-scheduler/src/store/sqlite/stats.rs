//! Figures about the whole file.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use super::error::wrap;
use super::row;
use crate::action::{Group, Hook, Status};
use crate::error::Result;
use crate::store::{ChainState, Stats};

pub(super) fn stats(connection: &Connection, now: Timestamp) -> Result<Stats> {
    try_stats(connection, now).map_err(|error| wrap("reading figures")(error).into())
}

fn try_stats(connection: &Connection, now: Timestamp) -> rusqlite::Result<Stats> {
    let mut stats = Stats {
        counts: BTreeMap::new(),
        past_due: 0,
        dates: BTreeMap::new(),
        claims: count(connection, "SELECT count(*) FROM claims")?,
        runners: count(connection, "SELECT count(*) FROM runners")?,
        chains: BTreeMap::new(),
    };
    for status in Status::ALL {
        let code = row::status_code(status);
        let n: u64 = connection
            .prepare_cached("SELECT n FROM counts WHERE status = ?1")?
            .query_row([code], |row| row.get(0))?;
        stats.counts.insert(status.as_str(), n);
        if n == 0 {
            continue;
        }
        // Each end is one step into actions_by_phase, past the few that are in-progress; those are in actions_claimed.
        let (index, claimed) = match status {
            Status::InProgress => ("INDEXED BY actions_claimed", "AND claim IS NOT NULL"),
            _ => ("", ""),
        };
        let end = |direction: &str| {
            let sql = format!(
                "SELECT scheduled_at FROM actions {index} WHERE phase = {} AND status = {code} {claimed} \
                 ORDER BY scheduled_at {direction} LIMIT 1",
                row::phase_code(status)
            );
            connection.prepare_cached(&sql)?.query_row([], |row| row::time(row, 0)).optional()
        };
        if let (Some(oldest), Some(newest)) = (end("ASC")?, end("DESC")?) {
            stats.dates.insert(status.as_str(), (oldest, newest));
        }
    }
    // As many steps as there are past-due, all in actions_by_phase; what of it is in-progress is in actions_claimed.
    stats.past_due = connection
        .prepare_cached(
            "SELECT (SELECT count(*) FROM actions INDEXED BY actions_by_phase WHERE phase = 0 AND scheduled_at <= ?1) \
             - (SELECT count(*) FROM actions INDEXED BY actions_claimed \
                WHERE claim IS NOT NULL AND phase = 0 AND status = 1 AND scheduled_at <= ?1)",
        )?
        .query_row([now.as_microsecond()], |row| row.get(0))?;
    for state in [ChainState::Active, ChainState::Paused, ChainState::Ended] {
        let n = connection
            .prepare_cached("SELECT count(*) FROM chains WHERE state = ?1")?
            .query_row([row::state_code(state)], |row| row.get(0))?;
        stats.chains.insert(state, n);
    }
    Ok(stats)
}

fn count(connection: &Connection, sql: &str) -> rusqlite::Result<u64> {
    connection.prepare_cached(sql)?.query_row([], |row| row.get(0))
}

pub(super) fn hooks(connection: &Connection) -> Result<Vec<Hook>> {
    let list = || {
        connection
            .prepare_cached("SELECT name FROM hooks ORDER BY name")?
            .query_map([], |row| row.get::<_, String>(0).map(Hook::from_stored))?
            .collect::<rusqlite::Result<Vec<_>>>()
    };
    list().map_err(|error: rusqlite::Error| wrap("reading the hooks")(error).into())
}

pub(super) fn groups(connection: &Connection) -> Result<Vec<Group>> {
    let list = || {
        connection
            .prepare_cached("SELECT name FROM groups ORDER BY name")?
            .query_map([], |row| row.get::<_, String>(0).map(Group::from_stored))?
            .collect::<rusqlite::Result<Vec<_>>>()
    };
    list().map_err(|error: rusqlite::Error| wrap("reading the groups")(error).into())
}
