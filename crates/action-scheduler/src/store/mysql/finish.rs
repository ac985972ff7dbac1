//! Recording how attempts came out, and continuing chains.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use super::claim::{close_if_done, last_attempt};
use super::error::Outcome as Done;
use super::insert::{NewRow, not_before, store};
use super::log::{self, Entry};
use super::php::stored_args::StoredArgs;
use super::row::{self, CHAIN_COLUMNS, ChainRow, Columns, RECURRENCE_COLUMNS};
use super::sql::{List, Micros, OrNull, Rows, TextOrNull};
use super::transaction::Write;
use crate::action::{ActionId, Attempt, ChainId, ClaimId, NewAction, Status};
use crate::log::{Context, Step};
use crate::store::{ChainState, Finish, Outcome, Recorded, Succession};

/// What is known of an action while results about it come in.
struct Present {
    status: Status,
    claim: Option<ClaimId>,
    attempts: Attempt,
    timed_out: bool,
    group: u64,
}

/// What becomes of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Change {
    status: Status,
    /// When it is due again, if that is another date.
    due: Option<Timestamp>,
    timed_out: bool,
    keeps_claim: bool,
    counts: bool,
}

impl From<Outcome> for Change {
    fn from(outcome: Outcome) -> Self {
        let due = match outcome {
            Outcome::Retry { at } | Outcome::CrashedRetry { at } => Some(not_before(at)),
            _ => None,
        };
        Self {
            status: outcome.status(),
            due,
            timed_out: outcome == Outcome::TimedOut,
            keeps_claim: matches!(outcome, Outcome::Complete | Outcome::Failed | Outcome::TimedOut),
            counts: outcome != Outcome::NotCalled,
        }
    }
}

/// An instance that is to follow.
struct Next {
    /// The result that brings it.
    place: usize,
    chain: ChainId,
    action: NewAction,
    group: u64,
    at: Timestamp,
    is_logged: bool,
    failures: u32,
}

pub(super) async fn finish(
    write: &mut Write<'_>,
    finishes: &[Finish],
    context: &Context,
) -> Done<Vec<Recorded>> {
    if finishes.is_empty() {
        return Ok(Vec::new());
    }
    let mut present = lock_actions(write, finishes).await?;
    let mut chains = lock_chains(write, finishes).await?;
    let mut changes: BTreeMap<ActionId, Change> = BTreeMap::new();
    let mut entries = Vec::with_capacity(finishes.len());
    let mut answers = Vec::with_capacity(finishes.len());
    let mut successors = Vec::new();
    for (place, finish) in finishes.iter().enumerate() {
        let Some(found) = present.get_mut(&finish.action) else {
            answers.push(Recorded::Superseded);
            continue;
        };
        let Some(was_timed_out) = settle(found, finish) else {
            let message = format!(
                "attempt {} {}, but was no longer in charge",
                finish.attempt,
                in_words(finish.outcome)
            );
            let entry = Entry::new(finish.action, write.now, Step::LateResult);
            entries.push(entry.attempt(Some(finish.attempt)).by(context).saying(Some(message)));
            answers.push(Recorded::Superseded);
            continue;
        };
        changes.insert(finish.action, finish.outcome.into());
        for entry in &finish.entries {
            let new = Entry::new(finish.action, entry.at.unwrap_or(write.now), entry.step);
            let new = new.attempt(Some(finish.attempt)).by(context);
            entries.push(new.saying(entry.message.as_deref()));
        }
        let mut paused = None;
        let succession = finish.succession.filter(|_| finish.outcome.status().is_finished());
        if let Some(succession) = succession
            && let Some(chain) = chains.get_mut(&succession.chain)
        {
            let continued = continue_chain(chain, finish, &succession, was_timed_out);
            match continued {
                Continued::Next(at) => match chain.row.instance() {
                    Ok(action) => successors.push(Next {
                        place,
                        chain: succession.chain,
                        action,
                        group: found.group,
                        at,
                        is_logged: !finish.entries.is_empty(),
                        failures: chain.row.failures,
                    }),
                    Err(problem) => {
                        chain.row.state = ChainState::Paused;
                        chain.row.reason = Some(format!("its schedule cannot be read: {problem}"));
                    }
                },
                Continued::Paused => {
                    paused = Some(succession.chain);
                    let entry = Entry::new(finish.action, write.now, Step::Paused);
                    let entry = entry.attempt(Some(finish.attempt)).by(context);
                    entries.push(entry.saying(chain.row.reason.clone()));
                }
                Continued::No => {}
            }
        }
        answers.push(Recorded::Yes { next: None, paused });
    }
    write_changes(write, &changes).await?;
    log::write(write, &entries).await?;
    let new = store_next(write, &successors).await?;
    for (next, id) in successors.iter().zip(new) {
        if let Some(Recorded::Yes { next: answer, .. }) = answers.get_mut(next.place) {
            *answer = Some(id);
        }
    }
    for chain in chains.values().filter(|chain| chain.changed) {
        let sql = format!(
            "UPDATE {} SET state = '{}', reason = {}, failures = {} WHERE chain_id = {}",
            write.tables().chains,
            chain.row.state.as_str(),
            TextOrNull(chain.row.reason.as_deref()),
            chain.row.failures,
            chain.row.id
        );
        write.later(&sql).await?;
    }
    close_if_done(write, finishes.iter().map(|finish| finish.claim)).await?;
    Ok(answers)
}

async fn lock_actions(
    write: &mut Write<'_>,
    finishes: &[Finish],
) -> Done<HashMap<ActionId, Present>> {
    let tables = write.tables();
    // By primary keys, as all that follows.
    let sql = format!(
        "SELECT a.action_id, a.status, a.claim_id, a.attempts, COALESCE(t.timed_out, 0), a.group_id \
         FROM {} a LEFT JOIN {} t ON t.action_id = a.action_id WHERE a.action_id IN {} \
         ORDER BY a.action_id FOR UPDATE",
        tables.actions,
        tables.times,
        List(finishes.iter().map(|finish| finish.action))
    );
    let mut present = HashMap::with_capacity(finishes.len());
    for row in write.rows(&sql).await? {
        let found = Present {
            status: row::status(row.text(1)?),
            claim: row.claim_id(2)?,
            attempts: Attempt(row.number(3)?),
            timed_out: row.number::<u8>(4)? != 0,
            group: row.number(5)?,
        };
        present.insert(row.action_id(0)?, found);
    }
    Ok(present)
}

/// A chain while results about it come in.
struct LockedChain {
    row: ChainRow,
    /// Whether its own row changes; a new head is written apart.
    changed: bool,
}

async fn lock_chains(
    write: &mut Write<'_>,
    finishes: &[Finish],
) -> Done<BTreeMap<ChainId, LockedChain>> {
    let mut ids: Vec<ChainId> = finishes
        .iter()
        .filter_map(|finish| finish.succession.map(|succession| succession.chain))
        .collect();
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    ids.sort_unstable();
    ids.dedup();
    // By primary key.
    let sql = format!(
        "SELECT {CHAIN_COLUMNS}, {RECURRENCE_COLUMNS} FROM {} c WHERE c.chain_id IN {} \
         ORDER BY c.chain_id FOR UPDATE",
        write.tables().chains,
        List(ids.iter())
    );
    let rows = write.rows(&sql).await?;
    let locked = rows.iter().map(|row| {
        let row = ChainRow::read(row)?;
        Ok((row.id, LockedChain { row, changed: false }))
    });
    locked.collect()
}

/// Applies a result if the attempt is still its own; says whether it had been marked as timed out before.
fn settle(present: &mut Present, finish: &Finish) -> Option<bool> {
    let same_attempt = present.claim == Some(finish.claim) && present.attempts == finish.attempt;
    let outlived_its_timeout = present.status == Status::Failed
        && present.timed_out
        && matches!(finish.outcome, Outcome::Complete | Outcome::Retry { .. });
    if !same_attempt || (present.status != Status::InProgress && !outlived_its_timeout) {
        return None;
    }
    let change = Change::from(finish.outcome);
    present.status = change.status;
    present.timed_out = change.timed_out;
    if !change.keeps_claim {
        present.claim = None;
    }
    if !change.counts {
        present.attempts.0 = present.attempts.0.saturating_sub(1);
    }
    Some(outlived_its_timeout)
}

fn in_words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Complete => "complete",
        Outcome::Failed => "failed",
        Outcome::TimedOut => "timed out",
        Outcome::Retry { .. } => "failed, to be retried",
        Outcome::NotCalled => "not called",
        Outcome::Crashed | Outcome::CrashedRetry { .. } => "crashed",
    }
}

/// How a chain goes on.
enum Continued {
    Next(Timestamp),
    Paused,
    No,
}

/// Only the head can continue a chain, and it stops being the head thereby: that is why a chain neither doubles nor
/// breaks.
fn continue_chain(
    chain: &mut LockedChain,
    finish: &Finish,
    succession: &Succession,
    was_timed_out: bool,
) -> Continued {
    let row = &mut chain.row;
    if row.state != ChainState::Active {
        return Continued::No;
    }
    let has_failed = finish.outcome.status() == Status::Failed;
    if row.head != Some(finish.action) {
        // It was followed when it timed out, and has succeeded since.
        if was_timed_out && !has_failed {
            row.failures = 0;
            chain.changed = true;
        }
        return Continued::No;
    }
    row.failures = if has_failed { row.failures.saturating_add(1) } else { 0 };
    chain.changed = true;
    let threshold = succession.failure_threshold.map(|threshold| threshold.max(1));
    if has_failed && threshold.is_some_and(|threshold| row.failures >= threshold) {
        row.state = ChainState::Paused;
        row.reason = Some(format!("{} failures in a row", row.failures));
        return Continued::Paused;
    }
    match succession.next {
        Some(at) => {
            // The new head is not known before it is stored.
            row.head = None;
            Continued::Next(at)
        }
        None => {
            row.state = ChainState::Ended;
            Continued::No
        }
    }
}

/// Writes what became of actions: a statement or two for all that fare alike.
async fn write_changes(write: &mut Write<'_>, changes: &BTreeMap<ActionId, Change>) -> Done<()> {
    let mut alike: BTreeMap<Change, Vec<ActionId>> = BTreeMap::new();
    for (id, change) in changes {
        alike.entry(*change).or_default().push(*id);
    }
    let tables = write.tables();
    for (change, ids) in alike {
        let ids = List(ids.iter());
        let mut set = format!("status = '{}'", change.status);
        if change.status.is_finished() {
            set.push_str(", ");
            set.push_str(&last_attempt(write));
        }
        if !change.keeps_claim {
            set.push_str(", claim_id = 0");
        }
        if !change.counts {
            set.push_str(", attempts = attempts - 1");
        }
        if let Some(due) = change.due {
            set.push_str(&dates(write, due));
        }
        write
            .later(&format!("UPDATE {} SET {set} WHERE action_id IN {ids}", tables.actions))
            .await?;
        let finished = OrNull(change.status.is_finished().then_some(Micros(write.now)));
        let times = format!(
            "UPDATE {} SET finished_at = {finished}, timed_out = {} WHERE action_id IN {ids}",
            tables.times,
            u8::from(change.timed_out)
        );
        write.later(&times).await?;
    }
    let pending = changes.iter().filter(|(_, change)| change.status == Status::Pending);
    let returned = write.returned.len();
    write.returned.extend(pending.map(|(id, _)| *id));
    write.wakes |= write.returned.len() > returned;
    write.came_back |= changes.iter().any(|(_, change)| !change.counts);
    Ok(())
}

/// The assignment of another date, with a comma before it.
fn dates(write: &Write<'_>, at: Timestamp) -> String {
    let pair = write.database.dates(at);
    match pair.split_once(',') {
        Some((gmt, local)) => {
            format!(", scheduled_date_gmt = {gmt}, scheduled_date_local = {local}")
        }
        None => String::new(),
    }
}

/// Stores the instances that follow, and makes them the heads of their chains.
async fn store_next(write: &mut Write<'_>, successors: &[Next]) -> Done<Vec<ActionId>> {
    if successors.is_empty() {
        return Ok(Vec::new());
    }
    let rows = successors
        .iter()
        .map(|next| {
            Ok(NewRow {
                action: &next.action,
                args: StoredArgs::new(&next.action.args)?,
                group: next.group,
                at: not_before(next.at),
            })
        })
        .collect::<Done<Vec<_>>>()?;
    let ids = store(write, &rows).await?;
    let tables = write.tables();
    let mut instances =
        Rows::new(format_args!("INSERT INTO {} (action_id, chain_id)", tables.instances));
    let mut entries = Vec::with_capacity(ids.len());
    for (next, id) in successors.iter().zip(&ids) {
        instances.push(format_args!("{id},{}", next.chain));
        if next.is_logged {
            entries.push(Entry::new(*id, write.now, Step::Created));
        }
        let head = format!(
            "UPDATE {} SET head = {id}, failures = {}, owed_at = NULL WHERE chain_id = {}",
            tables.chains, next.failures, next.chain
        );
        write.later(&head).await?;
    }
    write.later(&instances.end("")).await?;
    log::write(write, &entries).await?;
    write.wakes = true;
    write.returned.extend(&ids);
    Ok(ids)
}

/// Stores an instance of a chain at a date, and makes it the head.
pub(super) async fn store_instance(
    write: &mut Write<'_>,
    chain: &ChainRow,
    group: u64,
    at: Timestamp,
    is_logged: bool,
) -> Done<ActionId> {
    let action = chain.instance().map_err(|problem| row::unreadable(0, problem))?;
    let next = Next { place: 0, chain: chain.id, action, group, at, is_logged, failures: 0 };
    let ids = store_next(write, &[next]).await?;
    ids.first().copied().ok_or_else(|| row::unreadable(0, "there is no id"))
}
