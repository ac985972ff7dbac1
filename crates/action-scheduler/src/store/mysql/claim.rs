//! Claiming, giving back, and what comes next.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use mysql_async::Row;

use super::adopt;
use super::error::Outcome;
use super::groups;
use super::log::{self, Entry};
use super::php::schedule::StoredSchedule;
use super::php::site_time::format_gmt;
use super::row::{self, Columns, PLUGIN_COLUMNS, PluginRow};
use super::sql::{List, Micros, Text};
use super::tables::Tables;
use super::transaction::{Read, Write};
use super::unique::{CLAIMS_TURN, take_turn};
use super::waiting::{PLUGIN_INDEX, conditions};
use super::window::{Rank, Window, Windows};
use crate::action::{ActionId, ClaimId, RunnerId, Status};
use crate::log::{Context, Step};
use crate::store::set_back::Behind;
use crate::store::{Claim, ClaimFilter, ClaimRequest, ClaimedAction, ClaimedChain, Claiming, Pick};

/// How often more of the window is tried when others took what was in mind, before all is read anew.
const TRIES: u32 = 3;

/// Sets actions aside for a runner. Where the clock was set back, `behind` is taken once they are dated anew.
pub(super) async fn claim(
    write: &mut Write<'_>,
    request: &ClaimRequest,
    windows: &mut Windows,
    behind: &mut Option<Behind>,
) -> Outcome<Claiming> {
    let tables = write.tables();
    // Nobody has to wait for one who only looks for room.
    if let Some(most) = request.open_claims
        && is_full(write, most).await?
    {
        let is_known = is_known(write, request.runner).await?;
        return Ok(if is_known { Claiming::Full } else { Claiming::Nothing });
    }
    let limit = request.limit as usize;
    if let Some(until) = behind.map(|behind| behind.until) {
        if !is_known(write, request.runner).await? {
            return Ok(Claiming::Nothing);
        }
        follow_clock_back(write, until).await?;
        behind.take();
        windows.forget();
    }
    // It locks nothing, and so comes before what others have to wait for.
    if let Pick::Due(filter) = &request.pick {
        windows.of(filter).refresh(write, limit).await?;
    }
    // Also where any number of claims may be open: two who pick at the same moment have the same actions in mind.
    take_turn(write, CLAIMS_TURN).await?;
    if !is_known(write, request.runner).await? {
        return Ok(Claiming::Nothing);
    }
    if let Some(most) = request.open_claims
        && is_full(write, most).await?
    {
        return Ok(Claiming::Full);
    }
    let mut rows = match &request.pick {
        Pick::Ids(ids) => lock(write, ids, "").await?,
        Pick::Due(filter) => {
            let window = windows.of(filter);
            // Others had their turns while this one waited for its own.
            window.leave_out_taken(write).await?;
            pick_due(write, window, limit).await?
        }
    };
    rows.sort_by_key(|row| (row.priority, row.attempts, row.due(), row.id));
    let mut chains = adopt::chains_of(write, &rows).await?;
    let mut taken = Vec::with_capacity(rows.len().min(limit));
    for row in rows {
        match row.problem() {
            // A chain of ours does not go by what stands in the plugin's column.
            Some(problem)
                if row.schedule.is_ok() || row.args.is_err() || !chains.contains_key(&row.id) =>
            {
                fail_unreadable(write, &row, &problem).await?;
            }
            _ if taken.len() < limit => taken.push(row),
            _ => write.returned.push(row.id),
        }
    }
    if taken.is_empty() {
        return Ok(Claiming::Nothing);
    }
    let id = stake(write).await?;
    if let Pick::Due(filter) = &request.pick {
        windows.of(filter).claimed(id, taken.iter().map(|row| row.id));
    }
    let holders = format!(
        "INSERT INTO {} (claim_id, runner_id) VALUES ({id}, {})",
        tables.holders, request.runner
    );
    write.later(&holders).await?;
    // By primary key, and locked by it before.
    let update = format!(
        "UPDATE {} SET claim_id = {id}, {} WHERE action_id IN {}",
        tables.actions,
        last_attempt(write),
        List(taken.iter().map(|row| row.id))
    );
    write.later(&update).await?;
    groups::learn(write, taken.iter().map(|row| row.group)).await?;
    let actions = taken
        .into_iter()
        .map(|row| {
            let chain = chains.remove(&row.id);
            claimed_action(write, row, chain)
        })
        .collect();
    Ok(Claiming::Claimed(Claim { id, actions }))
}

/// Stores a claim that nobody holds and that holds nothing.
pub(super) async fn stake(write: &mut Write<'_>) -> Outcome<ClaimId> {
    let sql = format!(
        "INSERT INTO {} (date_created_gmt) VALUES ('{}')",
        write.tables().claims,
        format_gmt(Some(write.now))
    );
    let number = write.insert(&sql).await?.of(0);
    ClaimId::new(number.cast_signed()).ok_or_else(|| row::unreadable(0, "it is no id of a claim"))
}

/// Whether a runner is known: what one holds that nobody knows would be taken for stranded. It cannot be forgotten before
/// this commits.
async fn is_known(write: &mut Write<'_>, runner: RunnerId) -> Outcome<bool> {
    let known = format!(
        "SELECT 1 FROM {} WHERE runner_id = {runner} LOCK IN SHARE MODE",
        write.tables().runners
    );
    Ok(!write.rows(&known).await?.is_empty())
}

/// Whether there are as many claims open as there may be.
async fn is_full(write: &mut Write<'_>, most: u32) -> Outcome<bool> {
    let tables = write.tables();
    // A handful of rows, and one seek for each.
    let open = format!(
        "SELECT COUNT(*) FROM {} c WHERE {} IS NOT NULL",
        tables.claims,
        first_of(tables, Status::Pending)
    );
    let rows = write.rows(&open).await?;
    let open: u32 = rows.first().map(|row| row.number(0)).transpose()?.unwrap_or_default();
    Ok(open >= most)
}

/// An action of this status that the claim `c` holds, or NULL: one seek of the plugin's key. Said as EXISTS, it would be
/// turned into a join, which may read the whole key.
fn first_of(tables: &Tables, status: Status) -> String {
    format!(
        "(SELECT a.action_id FROM {} a FORCE INDEX ({PLUGIN_INDEX}) WHERE a.claim_id = c.claim_id \
         AND a.status = '{status}' LIMIT 1)",
        tables.actions
    )
}

/// The assignment of the present time to the plugin's pair of columns.
pub(super) fn last_attempt(write: &Write<'_>) -> String {
    match write.now_dates.split_once(',') {
        Some((gmt, local)) => format!("last_attempt_gmt = {gmt}, last_attempt_local = {local}"),
        None => String::new(),
    }
}

pub(super) fn claimed_action(
    write: &Write<'_>,
    row: PluginRow,
    chain: Option<ClaimedChain>,
) -> ClaimedAction {
    ClaimedAction {
        id: row.id,
        hook: row.hook.clone(),
        group: write.database.groups.slug(row.group).unwrap_or_default(),
        priority: row.priority,
        attempts: row.attempts,
        scheduled_at: row.due(),
        chain,
        args: row.into_args(),
    }
}

/// Locks those of these actions that wait, and passes over those that others have locked.
async fn lock(write: &mut Write<'_>, ids: &[ActionId], and: &str) -> Outcome<Vec<PluginRow>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    // By primary key alone, so that it never waits for the lock of an index.
    let sql = format!(
        "SELECT {PLUGIN_COLUMNS} FROM {} a FORCE INDEX (PRIMARY) WHERE a.action_id IN {} \
         AND a.status = 'pending' AND a.claim_id = 0{and} FOR UPDATE SKIP LOCKED",
        write.tables().actions,
        List(ids.iter())
    );
    write.rows(&sql).await?.iter().map(PluginRow::read).collect()
}

/// Locks the first actions that are due, in claim order as far as it is known: fewer than asked for where what is in mind
/// does not suffice, as others may wait for this to be over.
async fn pick_due(
    write: &mut Write<'_>,
    window: &mut Window,
    limit: usize,
) -> Outcome<Vec<PluginRow>> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    let due = format!(" AND a.scheduled_date_gmt <= '{}'", format_gmt(Some(write.now)));
    let mut rows = Vec::new();
    let mut tries = 0;
    loop {
        let ranks = window.take(write, limit - rows.len()).await?;
        let ids: Vec<ActionId> = ranks.iter().map(|(.., id)| *id).collect();
        let mut taken: HashMap<ActionId, Rank> = ids.iter().copied().zip(ranks).collect();
        for row in lock(write, &ids, &due).await? {
            let thought = taken.remove(&row.id);
            match thought.is_some_and(|rank| (row.priority, row.attempts) > (rank.0, rank.1)) {
                true => window.put_back((row.priority, row.attempts, row.due(), row.id)),
                false => rows.push(row),
            }
        }
        window.miss(taken.into_keys());
        if rows.len() >= limit {
            return Ok(rows);
        }
        tries += 1;
        let is_used_up = ids.is_empty();
        if is_used_up && (!rows.is_empty() || window.is_whole() || tries > TRIES) {
            return Ok(rows);
        }
        if rows.is_empty() && (is_used_up || tries == TRIES) {
            window.read_all(write).await?;
        }
    }
}

/// Fails an action that cannot be run because of what stands in its row, which stays as it is.
async fn fail_unreadable(write: &mut Write<'_>, row: &PluginRow, problem: &str) -> Outcome<()> {
    let tables = write.tables();
    let id = row.id;
    let sql = format!(
        "UPDATE {} SET status = 'failed', {} WHERE action_id = {id}",
        tables.actions,
        last_attempt(write)
    );
    write.later(&sql).await?;
    let now = Micros(write.now);
    let times = format!(
        "INSERT INTO {} (action_id, finished_at) VALUES ({id}, {now}) ON DUPLICATE KEY UPDATE finished_at = {now}",
        tables.times
    );
    write.later(&times).await?;
    let chains = format!(
        "UPDATE {} c JOIN {} i ON i.chain_id = c.chain_id SET c.state = 'paused', c.reason = {} \
         WHERE i.action_id = {id} AND c.head = {id} AND c.state = 'active'",
        tables.chains,
        tables.instances,
        Text(problem)
    );
    write.later(&chains).await?;
    log::write(write, &[Entry::new(id, write.now, Step::Failed).saying(Some(problem))]).await
}

/// What is in-progress under these claims.
pub(super) async fn in_progress(
    write: &mut Write<'_>,
    claims: &[ClaimId],
) -> Outcome<Vec<(ClaimId, ClaimedAction)>> {
    if claims.is_empty() {
        return Ok(Vec::new());
    }
    // Served by the key on claim and status.
    let sql = format!(
        "SELECT {PLUGIN_COLUMNS} FROM {} a WHERE a.claim_id IN {} AND a.status = 'in-progress' \
         ORDER BY a.action_id",
        write.tables().actions,
        List(claims.iter())
    );
    let rows = write.rows(&sql).await?;
    let rows = rows.iter().map(PluginRow::read).collect::<Outcome<Vec<_>>>()?;
    let mut chains = adopt::chains_of(write, &rows).await?;
    groups::learn(write, rows.iter().map(|row| row.group)).await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            let chain = chains.remove(&row.id);
            Some((row.claim?, claimed_action(write, row, chain)))
        })
        .collect())
}

/// Gives back what these claims hold and has not been started.
pub(super) async fn release(
    write: &mut Write<'_>,
    claims: &[ClaimId],
    context: &Context,
) -> Outcome<u64> {
    if claims.is_empty() {
        return Ok(0);
    }
    let tables = write.tables();
    // Served by the key on claim and status; locked by primary key only, like everything else.
    let held = format!(
        "SELECT action_id FROM {} WHERE claim_id IN {} AND status = 'pending' ORDER BY action_id",
        tables.actions,
        List(claims.iter())
    );
    let held = ids(&write.rows(&held).await?)?;
    let released = release_ids(write, &held, claims, context).await?;
    close_if_done(write, claims.iter().copied()).await?;
    Ok(released)
}

async fn release_ids(
    write: &mut Write<'_>,
    held: &[ActionId],
    claims: &[ClaimId],
    context: &Context,
) -> Outcome<u64> {
    if held.is_empty() {
        return Ok(0);
    }
    let actions = &write.tables().actions;
    let locked = format!(
        "SELECT action_id FROM {actions} WHERE action_id IN {} AND claim_id IN {} AND status = 'pending' \
         ORDER BY action_id FOR UPDATE",
        List(held.iter()),
        List(claims.iter())
    );
    let locked = ids(&write.rows(&locked).await?)?;
    let update =
        format!("UPDATE {actions} SET claim_id = 0 WHERE action_id IN {}", List(locked.iter()));
    write.later(&update).await?;
    let entries: Vec<Entry<'_>> =
        locked.iter().map(|id| Entry::new(*id, write.now, Step::Reset).by(context)).collect();
    log::write(write, &entries).await?;
    write.wakes |= !locked.is_empty();
    write.came_back |= !locked.is_empty();
    write.returned.extend(&locked);
    Ok(locked.len() as u64)
}

pub(super) fn ids(rows: &[Row]) -> Outcome<Vec<ActionId>> {
    rows.iter().map(|row| row.action_id(0)).collect()
}

/// Forgets those of these claims that hold nothing any more.
pub(super) async fn close_if_done(
    write: &mut Write<'_>,
    claims: impl Iterator<Item = ClaimId>,
) -> Outcome<()> {
    let mut claims: Vec<ClaimId> = claims.collect();
    claims.sort_unstable();
    claims.dedup();
    if claims.is_empty() {
        return Ok(());
    }
    let tables = write.tables();
    let claims = List(claims.iter());
    // Locked first: of two who end the last two actions of a claim, the second one sees what the first one did.
    let lock =
        format!("SELECT claim_id FROM {} WHERE claim_id IN {claims} FOR UPDATE", tables.holders);
    write.later(&lock).await?;
    // A statement of its own, which locks nothing: within the DELETE it would wait for all who change actions of these
    // claims, of whom some wait for this.
    let done = [&tables.claims, &tables.holders].map(|table| {
        format!(
            "SELECT c.claim_id FROM {table} c WHERE c.claim_id IN {claims} AND {} IS NULL AND {} IS NULL",
            first_of(tables, Status::Pending),
            first_of(tables, Status::InProgress)
        )
    });
    let done = write.rows(&done.join(" UNION ")).await?;
    let done = done.iter().map(|row| row.number::<u64>(0)).collect::<Outcome<Vec<_>>>()?;
    if done.is_empty() {
        return Ok(());
    }
    for table in [&tables.claims, &tables.holders] {
        // By primary key.
        let sql = format!("DELETE FROM {table} WHERE claim_id IN {}", List(done.iter()));
        write.later(&sql).await?;
    }
    Ok(())
}

/// When the clock was set back, what was to run as soon as possible must not wait until it shows the old time again.
async fn follow_clock_back(write: &mut Write<'_>, until: Timestamp) -> Outcome<()> {
    let tables = write.tables();
    let (actions, times) = (&tables.actions, &tables.times);
    let null = Text("O:28:\"ActionScheduler_NullSchedule\"%");
    // Served by the key on claim, status and date: only what is dated between the two times is looked at.
    let sql = format!(
        "UPDATE {actions} a JOIN {times} t ON t.action_id = a.action_id \
         SET a.scheduled_date_gmt = {}, a.scheduled_date_local = {} \
         WHERE a.claim_id = 0 AND a.status = 'pending' AND a.scheduled_date_gmt > '{}' \
         AND a.scheduled_date_gmt <= '{}' AND a.schedule LIKE {null} \
         AND a.scheduled_date_gmt = t.created_at - INTERVAL MICROSECOND(t.created_at) MICROSECOND",
        write.now_dates.split(',').next().unwrap_or_default(),
        write.now_dates.split(',').nth(1).unwrap_or_default(),
        format_gmt(Some(write.now)),
        format_gmt(Some(until))
    );
    write.run(&sql).await.map(drop)
}

/// The date of the first waiting action that the filter lets through.
pub(super) async fn next_due(
    read: &mut Read<'_>,
    filter: &ClaimFilter,
) -> Outcome<Option<Timestamp>> {
    let tables = &read.database.tables;
    // Served by the key on claim, status and date: its first entry, or with a filter the first that it lets through.
    let sql = format!(
        "SELECT a.scheduled_date_gmt FROM {} a WHERE a.claim_id = 0 AND a.status = 'pending' \
         AND a.scheduled_date_gmt IS NOT NULL{} ORDER BY a.scheduled_date_gmt LIMIT 1",
        tables.actions,
        conditions(tables, filter)
    );
    let rows = read.rows(&sql).await?;
    Ok(rows.first().map(|row| row.date(0).unwrap_or(Timestamp::UNIX_EPOCH)))
}

/// The chains of claimed actions by action.
pub(super) type Chains = HashMap<ActionId, ClaimedChain>;

/// Whether an action may be an instance of a chain, to look for it.
pub(super) fn may_recur(row: &PluginRow) -> bool {
    !matches!(row.schedule, Ok(StoredSchedule::Null))
}

/// Reads chains of instances: id of the action, of the chain, its head, what it owes, and its recurrence.
pub(super) fn claimed_chains(rows: &[Row]) -> Outcome<(Chains, HashSet<ActionId>)> {
    let mut chains = Chains::new();
    let mut seen = HashSet::new();
    for row in rows {
        let action = row.action_id(0)?;
        seen.insert(action);
        let is_head = row.optional_number::<i64>(2)? == Some(action.get());
        let chain = ClaimedChain {
            id: row.chain_id(1)?,
            // A chain that cannot be read fails its own instance and no other.
            recurring: row::recurring(row, 4).map(Arc::new),
            owed: row.date(3).filter(|_| is_head),
        };
        chains.insert(action, chain);
    }
    Ok((chains, seen))
}
