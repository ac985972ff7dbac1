//! Counts by hook or group, and the claims that are open.

use std::collections::HashMap;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::error::wrap;
use super::names::Names;
use super::row;
use crate::action::{RunnerId, Status};
use crate::error::Result;
use crate::store::{ClaimsQuery, OpenClaim, Tallies, Tally, TallyBy};

pub(super) fn tally(connection: &Connection, names: &mut Names, by: TallyBy) -> Result<Vec<Tally>> {
    try_tally(connection, names, by).map_err(|error| wrap("counting actions")(error).into())
}

fn try_tally(
    connection: &Connection,
    names: &mut Names,
    by: TallyBy,
) -> rusqlite::Result<Vec<Tally>> {
    let (column, index) = match by {
        TallyBy::Hook => ("hook", "actions_by_hook"),
        TallyBy::Group => ("grp", "actions_by_group"),
    };
    // Both statements see one moment.
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Deferred)?;
    // Reads all of actions_claimed, which holds only what is claimed at the moment.
    let running = format!(
        "SELECT {column}, count(*) FROM actions INDEXED BY actions_claimed \
         WHERE claim IS NOT NULL AND phase = 0 AND status = 1 GROUP BY {column}"
    );
    let mut running: HashMap<i64, u64> = transaction
        .prepare_cached(&running)?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    // Reads all of the index, and no row of the table.
    let sql = format!(
        "SELECT {column}, phase, count(*) FROM actions INDEXED BY {index} GROUP BY {column}, phase"
    );
    let mut tallies = Tallies::default();
    let mut statement = transaction.prepare_cached(&sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (number, phase, mut count): (i64, i64, u64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let name = match by {
            TallyBy::Hook => names.hooks.name(&transaction, number)?.as_str().to_owned(),
            TallyBy::Group => names.groups.name(&transaction, number)?.as_str().to_owned(),
        };
        if phase == 0 {
            let in_progress = running.remove(&number).unwrap_or_default();
            tallies.add(&name, Status::InProgress, in_progress);
            count = count.saturating_sub(in_progress);
        }
        let status = row::status_of(phase)
            .ok_or_else(|| row::unreadable(1, format_args!("{phase} is no status")))?;
        tallies.add(&name, status, count);
    }
    Ok(tallies.into_list())
}

pub(super) fn claims(connection: &Connection, query: ClaimsQuery) -> Result<Vec<OpenClaim>> {
    try_claims(connection, query).map_err(|error| wrap("reading the claims")(error).into())
}

fn try_claims(connection: &Connection, query: ClaimsQuery) -> rusqlite::Result<Vec<OpenClaim>> {
    // The claims by primary key or claims_by_runner, what each holds by actions_claimed.
    connection
        .prepare_cached(
            "SELECT claims.id, claims.runner, claims.claimed_at, held.waiting, held.running FROM claims JOIN ( \
               SELECT claim, sum(status = 0) AS waiting, sum(status = 1) AS running \
               FROM actions INDEXED BY actions_claimed WHERE claim IS NOT NULL AND phase = 0 GROUP BY claim \
             ) AS held ON held.claim = claims.id \
             WHERE ?1 IS NULL OR claims.runner = ?1 ORDER BY claims.id LIMIT ?2",
        )?
        .query_map(
            (query.runner.map(RunnerId::get), query.limit.map_or(-1, i64::from)),
            |row| {
                Ok(OpenClaim {
                    id: row::claim_id(row, 0)?,
                    runner: row::optional_runner_id(row, 1)?,
                    claimed_at: row::time(row, 2)?,
                    waiting: row.get(3)?,
                    in_progress: row.get(4)?,
                })
            },
        )?
        .collect()
}
