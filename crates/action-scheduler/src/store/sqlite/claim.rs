//! Claiming, starting, giving back.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::error::wrap;
use super::lists::{Ids, Member, grouped, json_array};
use super::log;
use super::names::Names;
use super::row;
use super::writer::Write;
use crate::action::{Attempt, ChainId, ClaimId, Group, Hook, Priority};
use crate::error::Result;
use crate::log::{Context, Step};
use crate::policy::HookPattern;
use crate::store::patterns::glob;
use crate::store::{
    Claim, ClaimFilter, ClaimRequest, ClaimedAction, ClaimedChain, Claiming, Pick, Start, Started,
};

/// Reads what is in-progress under a claim. Served by actions_claimed.
pub(super) fn in_progress(
    write: &mut Write<'_>,
    claim: ClaimId,
) -> rusqlite::Result<Vec<ClaimedAction>> {
    let mut actions = Vec::new();
    read_claimed(write, &mut actions, "claim = ?1 AND phase = 0 AND status = 1", [claim.get()])?;
    Ok(actions)
}

/// Reads the actions that a condition names, with their chains.
fn read_claimed<P: rusqlite::Params>(
    write: &mut Write<'_>,
    actions: &mut Vec<ClaimedAction>,
    condition: &str,
    parameters: P,
) -> rusqlite::Result<()> {
    let connection = write.connection;
    let sql = format!("SELECT {CLAIMED_COLUMNS} FROM actions WHERE {condition}");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(parameters)?;
    while let Some(row) = rows.next()? {
        actions.push(claimed_action(connection, write.names, row)?);
    }
    Ok(())
}

/// The columns of an action that is claimed.
pub(super) const CLAIMED_COLUMNS: &str =
    "id, hook, grp, args, priority, attempts, scheduled_at, chain";

/// Reads [`CLAIMED_COLUMNS`], and the chain.
pub(super) fn claimed_action(
    connection: &Connection,
    names: &mut Names,
    row: &Row<'_>,
) -> rusqlite::Result<ClaimedAction> {
    let chain = match row::optional_chain_id(row, 7)? {
        Some(id) => claimed_chain(connection, id)?,
        None => None,
    };
    Ok(ClaimedAction {
        id: row::action_id(row, 0)?,
        hook: row::hook(connection, names, row, 1)?,
        group: row::group(connection, names, row, 2)?,
        args: row::args(row, 3)?,
        priority: Priority(row.get(4)?),
        attempts: row::attempt(row, 5)?,
        scheduled_at: row::time(row, 6)?,
        chain,
    })
}

/// What is to be known of a chain. By primary key, once for each instance that is claimed: those of a chain are seldom
/// claimed together.
fn claimed_chain(connection: &Connection, id: ChainId) -> rusqlite::Result<Option<ClaimedChain>> {
    let sql = format!("SELECT owed_at, {} FROM chains WHERE id = ?1", row::RECURRENCE_COLUMNS);
    connection
        .prepare_cached(&sql)?
        .query_row([id.get()], |row| {
            Ok(ClaimedChain {
                id,
                // A chain that cannot be read fails its own instance and no other.
                recurring: row::recurring(row, 1).map(Arc::new).map_err(|error| error.to_string()),
                owed: row::optional_time(row, 0)?,
            })
        })
        .optional()
}

/// A [`ClaimFilter`] in numbers: a name that is not stored has no actions.
struct NumberedFilter {
    hooks: Option<String>,
    group: Option<i64>,
    exclude_groups: String,
    exclude_hooks: String,
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
            hooks: (!hooks.is_empty()).then(|| json_array(hooks)),
            group: group.map(|group| group.unwrap_or(UNKNOWN)),
            exclude_groups: json_array(exclude_groups),
            exclude_hooks: json_array(numbers_of(connection, &filter.exclude_hooks)?),
        })
    }

    fn lets_all_through(&self) -> bool {
        self.hooks.is_none()
            && self.group.is_none()
            && self.exclude_groups == "[]"
            && self.exclude_hooks == "[]"
    }
}

/// The numbers of the hooks that these patterns stand for. Reads all names of hooks, once for each claim that excludes
/// some; within the transaction of the claim, so that none is missed.
fn numbers_of(connection: &Connection, patterns: &[HookPattern]) -> rusqlite::Result<Vec<i64>> {
    if patterns.is_empty() {
        return Ok(Vec::new());
    }
    let globs: Vec<String> = patterns.iter().map(glob).collect();
    connection
        .prepare_cached(
            "SELECT id FROM hooks WHERE EXISTS (SELECT 1 FROM json_each(?1) WHERE hooks.name GLOB value)",
        )?
        .query_map([serde_json::json!(globs).to_string()], |row| row.get(0))?
        .collect()
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
     AND grp NOT IN (SELECT value FROM json_each(?7)) AND hook NOT IN (SELECT value FROM json_each(?8))"
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
                filter.exclude_groups,
                filter.exclude_hooks
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
        .query_map(params![json_array(ids.iter().copied()), limit], |row| row.get(0))?
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
    let mut members: Vec<Member> =
        ids.into_iter().enumerate().map(|(place, id)| Member { id, place }).collect();
    members.sort_unstable_by_key(|member| member.id);
    let mut actions = Vec::with_capacity(members.len());
    for ids in Ids::of(&members) {
        let (first, last) = ids.bounds();
        let sql = format!("UPDATE actions SET claim = ?3 WHERE {}", ids.condition());
        connection.prepare_cached(&sql)?.execute(params![first, last, id.get()])?;
        read_claimed(write, &mut actions, ids.condition(), params![first, last])?;
    }
    actions
        .sort_by_key(|action| (action.priority, action.attempts, action.scheduled_at, action.id));
    Ok(Claiming::Claimed(Claim { id, actions }))
}

/// When the clock was set back, what was to run as soon as possible must not wait until it shows the old time again.
fn follow_clock_back(write: &mut Write<'_>) -> rusqlite::Result<()> {
    if let Some(behind) = write.seen.behind(write.now) {
        // Served by actions_by_phase: only what is dated between the two times is looked at.
        write
            .connection
            .prepare_cached(
                "UPDATE actions SET scheduled_at = ?1 WHERE phase = 0 AND scheduled_at > ?1 AND scheduled_at <= ?2 \
                 AND status = 0 AND claim IS NULL AND kind = 0 AND scheduled_at = created_at",
            )?
            .execute([write.now.as_microsecond(), behind.until.as_microsecond()])?;
        write.seen.dated_anew(behind, write.now);
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
    let mut answers = vec![Started::Ignored; starts.len()];
    // Once for each claim that has something to start: one or two.
    for ((claim, logs), members) in
        grouped(starts.iter().enumerate(), |start| ((start.claim, start.log), start.action))
    {
        for ids in Ids::of(&members) {
            let all = start_all(write, claim, &ids)?;
            if let (Some(attempt), true) = (all, logs) {
                log::append_each(write, &ids, Step::Started, attempt, context)?;
            }
            for member in ids.members {
                let attempt = match all {
                    Some(attempt) => Some(attempt),
                    None => start_one(write, claim, member.id, logs, context)?,
                };
                if let (Some(answer), Some(attempt)) = (answers.get_mut(member.place), attempt) {
                    *answer = Started::Yes(attempt);
                }
            }
        }
    }
    for (start, _) in starts.iter().zip(&answers).filter(|(_, answer)| **answer == Started::Ignored)
    {
        log::append(write, start.action, write.now, Step::Ignored, None, Some(context), None)?;
    }
    let started = answers.iter().filter(|answer| matches!(answer, Started::Yes(_))).count() as i64;
    super::count_moves(write.connection, &[(0, -started), (1, started)])?;
    Ok(answers)
}

macro_rules! start_where {
    ($condition:literal) => {
        concat!(
            "UPDATE actions SET status = 1, attempts = attempts + 1, started_at = ?4, finished_at = NULL, \
             timed_out = NULL WHERE claim = ?3 AND status = 0 AND ",
            $condition
        )
    };
}

/// Starts actions if all of them can be started, as the same attempt. By primary key.
fn start_all(
    write: &Write<'_>,
    claim: ClaimId,
    ids: &Ids<'_>,
) -> rusqlite::Result<Option<Attempt>> {
    let (first, last) = ids.bounds();
    let sql = format!(
        "SELECT count(*), min(attempts), max(attempts) FROM actions WHERE claim = ?3 AND status = 0 AND {}",
        ids.condition()
    );
    let (count, low, high): (usize, Option<u32>, Option<u32>) = write
        .connection
        .prepare_cached(&sql)?
        .query_row(params![first, last, claim.get()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    let Some(attempts) = low.filter(|_| count == ids.len() && low == high) else {
        return Ok(None);
    };
    let sql = format!("{}{}", start_where!(""), ids.condition());
    write.connection.prepare_cached(&sql)?.execute(params![
        first,
        last,
        claim.get(),
        write.now.as_microsecond()
    ])?;
    Ok(Some(Attempt(attempts.saturating_add(1))))
}

/// Starts one action, if it can be started. By primary key.
fn start_one(
    write: &Write<'_>,
    claim: ClaimId,
    id: i64,
    logs: bool,
    context: &Context,
) -> rusqlite::Result<Option<Attempt>> {
    let started = write
        .connection
        .prepare_cached(start_where!("id = ?1 AND ?2 IS NULL RETURNING id, attempts"))?
        .query_row(params![id, None::<i64>, claim.get(), write.now.as_microsecond()], |row| {
            Ok((row::action_id(row, 0)?, row::attempt(row, 1)?))
        })
        .optional()?;
    if let (Some((action, attempt)), true) = (started, logs) {
        log::append(write, action, write.now, Step::Started, Some(attempt), Some(context), None)?;
    }
    Ok(started.map(|(_, attempt)| attempt))
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
            log::append(write, *id, write.now, Step::Reset, None, Some(context), None)?;
        }
        released += ids.len() as u64;
        close_if_done(connection, *claim)?;
    }
    if released > 0 {
        write.seen.came_back();
        write.wakes = true;
    }
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
