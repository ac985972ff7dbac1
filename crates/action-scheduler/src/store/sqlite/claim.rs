//! Claiming, starting, giving back.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::error::wrap;
use super::lists::{grouped, json_array};
use super::log;
use super::names::Names;
use super::row;
use super::writer::Write;
use crate::action::{ClaimId, Group, Hook};
use crate::error::Result;
use crate::log::{Context, Step};
use crate::store::{
    Claim, ClaimFilter, ClaimRequest, ClaimedAction, ClaimedChain, Claiming, Pick, Start, Started,
};

/// The columns of a claimed action; the recurrence follows.
const CLAIMED_COLUMNS: &str = "actions.id, actions.hook, actions.grp, actions.args, actions.priority, \
    actions.attempts, actions.scheduled_at, actions.chain, chains.owed_at";

/// How many of [`CLAIMED_COLUMNS`] there are.
const CLAIMED_WIDTH: usize = 9;

fn claimed_action(
    connection: &Connection,
    names: &mut Names,
    row: &Row<'_>,
) -> rusqlite::Result<ClaimedAction> {
    let recurs = row.get::<_, Option<i64>>(CLAIMED_WIDTH)?.is_some();
    let chain = match row::optional_chain_id(row, 7)? {
        Some(id) if recurs => Some(ClaimedChain {
            id,
            // A chain that cannot be read fails its own instance and no other.
            recurring: row::recurring(row, CLAIMED_WIDTH)
                .map(Arc::new)
                .map_err(|error| error.to_string()),
            owed: row::optional_time(row, 8)?,
        }),
        _ => None,
    };
    Ok(ClaimedAction {
        id: row::action_id(row, 0)?,
        hook: row::hook(connection, names, row, 1)?,
        group: row::group(connection, names, row, 2)?,
        args: row::args(row, 3)?,
        priority: crate::action::Priority(row.get(4)?),
        attempts: row::attempt(row, 5)?,
        scheduled_at: row::time(row, 6)?,
        chain,
    })
}

/// The table of actions with their chains, for [`read_claimed`].
const WITH_CHAINS: &str = "actions LEFT JOIN chains ON chains.id = actions.chain";

/// Reads what is in-progress under a claim. Served by actions_claimed.
pub(super) fn in_progress(
    connection: &Connection,
    names: &mut Names,
    claim: ClaimId,
) -> rusqlite::Result<Vec<ClaimedAction>> {
    let tail = format!(
        "{WITH_CHAINS} WHERE actions.claim = ?1 AND actions.phase = 0 AND actions.status = 1"
    );
    read_claimed(connection, names, &tail, [claim.get()])
}

/// Reads actions with their chains: `SELECT … FROM` what `tail` says.
fn read_claimed<P: rusqlite::Params>(
    connection: &Connection,
    names: &mut Names,
    tail: &str,
    parameters: P,
) -> rusqlite::Result<Vec<ClaimedAction>> {
    let sql = format!("SELECT {CLAIMED_COLUMNS}, {} FROM {tail}", row::RECURRENCE_COLUMNS);
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(parameters)?;
    let mut actions = Vec::new();
    while let Some(row) = rows.next()? {
        actions.push(claimed_action(connection, names, row)?);
    }
    Ok(actions)
}

/// A [`ClaimFilter`] in numbers: a name that is not stored has no actions.
struct NumberedFilter {
    hooks: Option<String>,
    group: Option<i64>,
    exclude_groups: String,
}

impl NumberedFilter {
    fn new(
        connection: &Connection,
        names: &mut Names,
        filter: &ClaimFilter,
    ) -> rusqlite::Result<Self> {
        const UNKNOWN: i64 = -1;
        let hooks = filter
            .hooks
            .iter()
            .map(|hook: &Hook| Ok(names.hooks.find(connection, hook)?.unwrap_or(UNKNOWN)))
            .collect::<rusqlite::Result<Vec<i64>>>()?;
        let group =
            filter.group.as_ref().map(|group| names.groups.find(connection, group)).transpose()?;
        let exclude_groups = match filter.group {
            Some(_) => Vec::new(),
            None => filter
                .exclude_groups
                .iter()
                .map(|group: &Group| Ok(names.groups.find(connection, group)?.unwrap_or(UNKNOWN)))
                .collect::<rusqlite::Result<Vec<i64>>>()?,
        };
        Ok(Self {
            hooks: (!hooks.is_empty()).then(|| json_array(&hooks)),
            group: group.map(|group| group.unwrap_or(UNKNOWN)),
            exclude_groups: json_array(&exclude_groups),
        })
    }

    fn lets_all_through(&self) -> bool {
        self.hooks.is_none() && self.group.is_none() && self.exclude_groups == "[]"
    }
}

/// Calls `visit` with each (priority, attempts) that waiting actions have, in claim order, until it says that it has
/// enough. One seek of actions_to_claim for each: the cost does not depend on how many actions wait.
fn each_rank(
    connection: &Connection,
    mut visit: impl FnMut((i64, i64)) -> rusqlite::Result<Visit>,
) -> rusqlite::Result<()> {
    // Two statements, as SQLite would read through all of a rank to find what is beyond `(priority, attempts)`.
    let mut same_priority = connection.prepare_cached(
        "SELECT priority, attempts FROM actions INDEXED BY actions_to_claim \
         WHERE status = 0 AND claim IS NULL AND priority = ?1 AND attempts > ?2 ORDER BY attempts LIMIT 1",
    )?;
    let mut next_priority = connection.prepare_cached(
        "SELECT priority, attempts FROM actions INDEXED BY actions_to_claim \
         WHERE status = 0 AND claim IS NULL AND priority > ?1 ORDER BY priority, attempts LIMIT 1",
    )?;
    let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let (mut priority, mut attempts) = (-1, -1);
    loop {
        let next = match same_priority.query_row([priority, attempts], read).optional()? {
            Some(rank) => Some(rank),
            None => next_priority.query_row([priority], read).optional()?,
        };
        match next {
            Some(rank) => (priority, attempts) = rank,
            None => return Ok(()),
        }
        if visit((priority, attempts))? == Visit::Enough {
            return Ok(());
        }
    }
}

#[derive(PartialEq, Eq)]
enum Visit {
    GoOn,
    Enough,
}

macro_rules! waiting_of_rank {
    ($filter:literal) => {
        concat!(
            "SELECT id, scheduled_at FROM actions INDEXED BY actions_to_claim \
             WHERE status = 0 AND claim IS NULL AND priority = ?1 AND attempts = ?2 AND scheduled_at <= ?3",
            $filter,
            " ORDER BY scheduled_at, id LIMIT ?4"
        )
    };
}

// Served by actions_to_claim, in its order, from the first row to the last that is wanted; once per rank and claim. With
// a filter it passes over what is not wanted, still within the index.
const OF_RANK: &str = waiting_of_rank!("");
const OF_RANK_FILTERED: &str = waiting_of_rank!(
    " AND (?5 IS NULL OR hook IN (SELECT value FROM json_each(?5))) AND (?6 IS NULL OR grp = ?6) \
     AND grp NOT IN (SELECT value FROM json_each(?7))"
);

/// The first waiting actions of a rank that are due until a date and that the filter lets through: id and date.
fn waiting(
    connection: &Connection,
    filter: &NumberedFilter,
    (priority, attempts): (i64, i64),
    until: i64,
    limit: i64,
) -> rusqlite::Result<Vec<(i64, i64)>> {
    let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
    if filter.lets_all_through() {
        let mut statement = connection.prepare_cached(OF_RANK)?;
        return statement.query_map(params![priority, attempts, until, limit], read)?.collect();
    }
    connection
        .prepare_cached(OF_RANK_FILTERED)?
        .query_map(
            params![
                priority,
                attempts,
                until,
                limit,
                filter.hooks,
                filter.group,
                filter.exclude_groups
            ],
            read,
        )?
        .collect()
}

/// The ids of the due actions to claim, in claim order.
fn pick_due(write: &mut Write<'_>, filter: &ClaimFilter, limit: u32) -> rusqlite::Result<Vec<i64>> {
    let filter = NumberedFilter::new(write.connection, write.names, filter)?;
    let now = write.now.as_microsecond();
    let limit = i64::from(limit);
    let mut ids = Vec::new();
    each_rank(write.connection, |rank| {
        let wanted = limit - ids.len() as i64;
        ids.extend(
            waiting(write.connection, &filter, rank, now, wanted)?.into_iter().map(|(id, _)| id),
        );
        Ok(if ids.len() as i64 >= limit { Visit::Enough } else { Visit::GoOn })
    })?;
    Ok(ids)
}

/// The ids among these that are waiting, in claim order.
fn pick_ids(connection: &Connection, ids: &[i64], limit: u32) -> rusqlite::Result<Vec<i64>> {
    connection
        .prepare_cached(
            "SELECT id FROM actions WHERE id IN (SELECT value FROM json_each(?1)) AND status = 0 AND claim IS NULL \
             ORDER BY priority, attempts, scheduled_at, id LIMIT ?2",
        )?
        .query_map(params![json_array(ids), limit], |row| row.get(0))?
        .collect()
}

pub(super) fn claim(write: &mut Write<'_>, request: &ClaimRequest) -> Result<Claiming> {
    try_claim(write, request).map_err(|error| wrap("claiming actions")(error).into())
}

fn try_claim(write: &mut Write<'_>, request: &ClaimRequest) -> rusqlite::Result<Claiming> {
    let connection = write.connection;
    // What a runner holds that nobody knows would be taken for stranded.
    let known: bool = connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM runners WHERE id = ?1)")?
        .query_row([request.runner.get()], |row| row.get(0))?;
    if !known {
        return Ok(Claiming::Nothing);
    }
    if let Some(most) = request.open_claims {
        // A handful of rows, and one seek of actions_claimed for each.
        let open: u32 = connection
            .prepare_cached("SELECT count(*) FROM claims WHERE EXISTS (SELECT 1 FROM actions WHERE claim = claims.id \
             AND claim IS NOT NULL AND phase = 0 AND status = 0)")?
            .query_row([], |row| row.get(0))?;
        if open >= most {
            return Ok(Claiming::Full);
        }
    }
    follow_clock_back(write)?;
    let ids = match &request.pick {
        Pick::Due(filter) => pick_due(write, filter, request.limit)?,
        Pick::Ids(ids) => {
            let ids: Vec<i64> = ids.iter().map(|id| id.get()).collect();
            pick_ids(connection, &ids, request.limit)?
        }
    };
    if ids.is_empty() {
        return Ok(Claiming::Nothing);
    }
    let id = connection
        .prepare_cached("INSERT INTO claims (runner, claimed_at) VALUES (?1, ?2) RETURNING id")?
        .query_row(params![request.runner.get(), write.now.as_microsecond()], |row| {
            row::claim_id(row, 0)
        })?;
    let ids = json_array(&ids);
    // By primary key, once for each batch.
    connection
        .prepare_cached(
            "UPDATE actions SET claim = ?1 WHERE id IN (SELECT value FROM json_each(?2))",
        )?
        .execute(params![id.get(), ids])?;
    // In the order of the list, which is claim order.
    let tail =
        format!("json_each(?1) AS picked CROSS JOIN {WITH_CHAINS} WHERE actions.id = picked.value");
    let actions = read_claimed(connection, write.names, &tail, [ids])?;
    Ok(Claiming::Claimed(Claim { id, actions }))
}

/// When the clock was set back, what was to run as soon as possible must not wait until it shows the old time again.
fn follow_clock_back(write: &mut Write<'_>) -> rusqlite::Result<()> {
    let latest = std::mem::replace(write.latest, write.now);
    if write.now < latest {
        // Served by actions_by_phase: only what is dated between the two times is looked at.
        write
            .connection
            .prepare_cached(
                "UPDATE actions SET scheduled_at = ?1 WHERE phase = 0 AND scheduled_at > ?1 AND scheduled_at <= ?2 \
                 AND status = 0 AND claim IS NULL AND kind = 0 AND scheduled_at = created_at",
            )?
            .execute([write.now.as_microsecond(), latest.as_microsecond()])?;
    }
    Ok(())
}

pub(super) fn start(
    write: &mut Write<'_>,
    starts: &[Start],
    context: &Context,
) -> Result<Vec<Started>> {
    try_start(write, starts, context).map_err(|error| wrap("starting actions")(error).into())
}

fn try_start(
    write: &mut Write<'_>,
    starts: &[Start],
    context: &Context,
) -> rusqlite::Result<Vec<Started>> {
    let connection = write.connection;
    let mut attempts = HashMap::with_capacity(starts.len());
    // Once for each claim that has something to start: one or two.
    for (claim, ids) in grouped(starts, |start| (start.claim, start.action)) {
        // By primary key.
        let mut update = connection.prepare_cached(
            "UPDATE actions SET status = 1, attempts = attempts + 1, started_at = ?3, finished_at = NULL, \
             timed_out = NULL WHERE id IN (SELECT value FROM json_each(?1)) AND claim = ?2 AND status = 0 \
             RETURNING id, attempts",
        )?;
        let mut rows =
            update.query(params![json_array(&ids), claim.get(), write.now.as_microsecond()])?;
        while let Some(row) = rows.next()? {
            attempts.insert((row::action_id(row, 0)?, claim), row::attempt(row, 1)?);
        }
    }
    let mut answers = Vec::with_capacity(starts.len());
    let mut logged = Vec::with_capacity(starts.len());
    for start in starts {
        match attempts.remove(&(start.action, start.claim)) {
            Some(attempt) => {
                if start.log {
                    logged.push(start.action.get());
                }
                answers.push(Started::Yes(attempt));
            }
            None => answers.push(Started::Ignored),
        }
    }
    log::append_each(connection, &logged, write.now, Step::Started, context)?;
    for (start, _) in starts.iter().zip(&answers).filter(|(_, answer)| **answer == Started::Ignored)
    {
        log::append(connection, start.action, write.now, Step::Ignored, None, Some(context), None)?;
    }
    let started = answers.iter().filter(|answer| matches!(answer, Started::Yes(_))).count() as i64;
    super::count_moves(connection, &[(0, -started), (1, started)])?;
    Ok(answers)
}

pub(super) fn release(write: &mut Write<'_>, claims: &[ClaimId], context: &Context) -> Result<u64> {
    try_release(write, claims, context).map_err(|error| wrap("giving actions back")(error).into())
}

pub(super) fn try_release(
    write: &mut Write<'_>,
    claims: &[ClaimId],
    context: &Context,
) -> rusqlite::Result<u64> {
    let connection = write.connection;
    let mut released = 0;
    // Served by actions_claimed.
    let mut give_back = connection.prepare_cached(
        "UPDATE actions SET claim = NULL WHERE claim = ?1 AND phase = 0 AND status = 0 RETURNING id",
    )?;
    for claim in claims {
        let ids = give_back
            .query_map([claim.get()], |row| row::action_id(row, 0))?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        for id in &ids {
            log::append(connection, *id, write.now, Step::Reset, None, Some(context), None)?;
        }
        released += ids.len() as u64;
        close_if_done(connection, *claim)?;
    }
    write.wakes |= released > 0;
    Ok(released)
}

/// Forgets a claim that holds nothing any more.
pub(super) fn close_if_done(connection: &Connection, claim: ClaimId) -> rusqlite::Result<()> {
    // Served by actions_claimed: one seek.
    connection
        .prepare_cached(
            "DELETE FROM claims WHERE id = ?1 AND NOT EXISTS \
             (SELECT 1 FROM actions WHERE claim = ?1 AND claim IS NOT NULL AND phase = 0)",
        )?
        .execute([claim.get()])?;
    Ok(())
}

/// The date of the first waiting action that the filter lets through.
pub(super) fn next_due(
    connection: &Connection,
    names: &mut Names,
    filter: &ClaimFilter,
) -> Result<Option<jiff::Timestamp>> {
    let mut find = || {
        let filter = NumberedFilter::new(connection, names, filter)?;
        let mut first: Option<i64> = None;
        each_rank(connection, |rank| {
            let of_rank =
                waiting(connection, &filter, rank, i64::MAX, 1)?.first().map(|(_, date)| *date);
            first = first.into_iter().chain(of_rank).min();
            Ok(Visit::GoOn)
        })?;
        first.map(row::micros).transpose()
    };
    find().map_err(|error: rusqlite::Error| wrap("looking for the next date")(error).into())
}
