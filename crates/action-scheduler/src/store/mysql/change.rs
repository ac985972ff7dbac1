//! Canceling, deleting, and putting back into the queue.

use jiff::Timestamp;

use super::claim::{close_if_done, ids};
use super::error::Outcome;
use super::insert::not_before;
use super::log::{self, Entry};
use super::php::schedule::StoredSchedule;
use super::row::{self, Columns};
use super::select;
use super::sql::{Blob, List, Micros, Rows};
use super::transaction::Write;
use crate::action::{ActionId, Attempt, ChainId, ClaimId, Status};
use crate::log::{Context, Step};
use crate::query::Query;
use crate::store::{Change, Requeue, Target};

/// How many actions are changed by one statement.
const CHUNK: usize = 1000;

/// What has to be known of an action before it is changed.
struct Present {
    id: ActionId,
    status: Status,
    claim: Option<ClaimId>,
    chain: Option<ChainId>,
    scheduled_at: Timestamp,
    /// The attempt that is in-progress.
    attempt: Option<Attempt>,
    /// Whether a move holds it: nothing here changes it then.
    is_held: bool,
}

/// The actions of a target, whatever their status.
async fn targeted(
    write: &mut Write<'_>,
    target: &Target,
    allowed: &[Status],
) -> Outcome<Vec<ActionId>> {
    match target {
        Target::Ids(ids) => Ok(ids.clone()),
        Target::Matching(query) => {
            // The query's limit is to count what can be changed.
            let wanted =
                |status: &Status| query.statuses.is_empty() || query.statuses.contains(status);
            let statuses: Vec<Status> = allowed.iter().copied().filter(wanted).collect();
            match statuses.is_empty() {
                true => Ok(Vec::new()),
                false => select::ids(write, &Query { statuses, ..(**query).clone() }).await,
            }
        }
    }
}

/// Locks actions, by primary key, in its order.
async fn lock(write: &mut Write<'_>, ids: &[ActionId]) -> Outcome<Vec<Present>> {
    let tables = write.tables();
    let sql = format!(
        "SELECT a.action_id, a.status, a.claim_id, i.chain_id, a.scheduled_date_gmt, a.attempts, h.target \
         FROM {} a LEFT JOIN {} i ON i.action_id = a.action_id \
         LEFT JOIN {} h ON h.kind = 0 AND h.target = a.action_id WHERE a.action_id IN {} \
         ORDER BY a.action_id FOR UPDATE",
        tables.actions,
        tables.instances,
        tables.held,
        List(ids.iter())
    );
    let rows = write.rows(&sql).await?;
    rows.iter()
        .map(|row| {
            let status = row::status(row.text(1)?);
            let attempts = Attempt(row.number(5)?);
            Ok(Present {
                id: row.action_id(0)?,
                status,
                claim: row.claim_id(2)?,
                chain: row.optional_number(3)?.and_then(|id: i64| ChainId::new(id)),
                scheduled_at: row.date(4).unwrap_or(Timestamp::UNIX_EPOCH),
                attempt: (status == Status::InProgress).then_some(attempts),
                is_held: row.bytes(6).is_some(),
            })
        })
        .collect()
}

/// What became of each action: changed, if its status allows it.
struct Sorted {
    changes: Vec<Change>,
    allowed: Vec<Present>,
}

/// Locks some actions and sorts those out whose status is not among those allowed.
async fn sort_out(
    write: &mut Write<'_>,
    ids: &[ActionId],
    allowed: impl Fn(&Present) -> bool,
) -> Outcome<Sorted> {
    let present = lock(write, ids).await?;
    let allowed = |one: &Present| !one.is_held && allowed(one);
    let find = |id: &ActionId| present.binary_search_by_key(id, |present| present.id).ok();
    let changes = ids
        .iter()
        .map(|id| match find(id).and_then(|place| present.get(place)) {
            None => Change::Missing(*id),
            Some(found) if allowed(found) => Change::Done(*id),
            Some(found) => Change::Refused(*id, found.status),
        })
        .collect();
    Ok(Sorted { changes, allowed: present.into_iter().filter(|one| allowed(one)).collect() })
}

pub(super) async fn cancel(
    write: &mut Write<'_>,
    target: &Target,
    reason: Option<&str>,
    context: &Context,
) -> Outcome<Vec<Change>> {
    let allowed = [Status::Pending, Status::InProgress];
    let ids = once_each(targeted(write, target, &allowed).await?);
    let mut changes = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(CHUNK) {
        let sorted = sort_out(write, chunk, |one| allowed.contains(&one.status)).await?;
        cancel_locked(write, &sorted.allowed, reason, context).await?;
        changes.extend(sorted.changes);
    }
    Ok(changes)
}

/// An action that is named twice is changed once.
fn once_each(ids: Vec<ActionId>) -> Vec<ActionId> {
    let mut seen = std::collections::HashSet::with_capacity(ids.len());
    ids.into_iter().filter(|id| seen.insert(*id)).collect()
}

async fn cancel_locked(
    write: &mut Write<'_>,
    present: &[Present],
    reason: Option<&str>,
    context: &Context,
) -> Outcome<()> {
    if present.is_empty() {
        return Ok(());
    }
    let tables = write.tables();
    let ids = List(present.iter().map(|one| one.id));
    let update =
        format!("UPDATE {} SET status = 'canceled' WHERE action_id IN {ids}", tables.actions);
    write.later(&update).await?;
    let now = Micros(write.now).to_string();
    let mut times =
        Rows::new(format_args!("INSERT INTO {} (action_id, finished_at)", tables.times));
    for one in present {
        times.push(format_args!("{},{now}", one.id));
    }
    let times = times.end(" ON DUPLICATE KEY UPDATE finished_at = VALUES(finished_at)");
    write.later(&times).await?;
    let entries: Vec<Entry<'_>> = present
        .iter()
        .map(|one| {
            let entry = Entry::new(one.id, write.now, Step::Canceled).attempt(one.attempt);
            entry.by(context).saying(reason)
        })
        .collect();
    log::write(write, &entries).await?;
    end_chains(write, present).await?;
    close_if_done(write, present.iter().filter_map(|one| one.claim)).await
}

/// Ends the chains whose heads have been taken away.
async fn end_chains(write: &mut Write<'_>, present: &[Present]) -> Outcome<()> {
    let chained: Vec<&Present> = present.iter().filter(|one| one.chain.is_some()).collect();
    if chained.is_empty() {
        return Ok(());
    }
    // By primary key.
    let sql = format!(
        "UPDATE {} SET state = 'ended' WHERE chain_id IN {} AND head IN {} AND state = 'active'",
        write.tables().chains,
        List(chained.iter().filter_map(|one| one.chain).collect::<Vec<_>>()),
        List(chained.iter().map(|one| one.id).collect::<Vec<_>>())
    );
    write.later(&sql).await
}

/// Cancels the head of a chain, if it is pending.
pub(super) async fn cancel_pending(
    write: &mut Write<'_>,
    head: ActionId,
    context: &Context,
) -> Outcome<()> {
    let present = lock(write, &[head]).await?;
    match present.first() {
        Some(one) if one.status == Status::Pending => {
            cancel_locked(write, &present, None, context).await
        }
        _ => Ok(()),
    }
}

pub(super) async fn delete(write: &mut Write<'_>, target: &Target) -> Outcome<Vec<Change>> {
    let allowed = [Status::Pending, Status::Complete, Status::Failed, Status::Canceled];
    let ids = once_each(targeted(write, target, &allowed).await?);
    let mut changes = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(CHUNK) {
        let sorted = sort_out(write, chunk, |one| allowed.contains(&one.status)).await?;
        end_chains(write, &sorted.allowed).await?;
        let ids: Vec<ActionId> = sorted.allowed.iter().map(|one| one.id).collect();
        delete_rows(write, &ids).await?;
        close_if_done(write, sorted.allowed.iter().filter_map(|one| one.claim)).await?;
        changes.extend(sorted.changes);
    }
    Ok(changes)
}

/// Deletes actions with all that is kept of them.
pub(super) async fn delete_rows(write: &mut Write<'_>, ids: &[ActionId]) -> Outcome<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let tables = write.tables();
    let list = List(ids.iter());
    // Served by the key on the action. Deleted by primary key: by another one, two who delete would wait for each other.
    let logs = format!("SELECT log_id FROM {} WHERE action_id IN {list}", tables.logs);
    let logs = self::ids(&write.rows(&logs).await?)?;
    delete_logs(write, &logs).await?;
    for table in [&tables.times, &tables.instances, &tables.keys, &tables.actions] {
        write.later(&format!("DELETE FROM {table} WHERE action_id IN {list}")).await?;
    }
    Ok(())
}

/// Deletes entries of the log by their ids, which are numbers like any other.
pub(super) async fn delete_logs(write: &mut Write<'_>, ids: &[ActionId]) -> Outcome<()> {
    let tables = write.tables();
    for chunk in ids.chunks(CHUNK) {
        for table in [&tables.entries, &tables.logs] {
            let sql = format!("DELETE FROM {table} WHERE log_id IN {}", List(chunk.iter()));
            write.later(&sql).await?;
        }
    }
    Ok(())
}

pub(super) async fn requeue(
    write: &mut Write<'_>,
    target: &Target,
    to: Requeue,
    context: &Context,
) -> Outcome<Vec<Change>> {
    // A claimed one may be about to be started by its runner.
    let allowed = |one: &Present| {
        to.allowed().contains(&one.status) && (to == Requeue::Rerun || one.claim.is_none())
    };
    let ids = once_each(targeted(write, target, to.allowed()).await?);
    let mut changes = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(CHUNK) {
        let sorted = sort_out(write, chunk, allowed).await?;
        requeue_locked(write, &sorted.allowed, to, context).await?;
        changes.extend(sorted.changes);
    }
    Ok(changes)
}

async fn requeue_locked(
    write: &mut Write<'_>,
    present: &[Present],
    to: Requeue,
    context: &Context,
) -> Outcome<()> {
    if present.is_empty() {
        return Ok(());
    }
    let tables = write.tables();
    let now = write.now;
    let at = match to {
        Requeue::Rerun | Requeue::RunNow => now,
        Requeue::At(at) => not_before(at),
    };
    let ids = List(present.iter().map(|one| one.id));
    let dates = write.database.dates(at);
    let (gmt, local) = dates.split_once(',').unwrap_or_default();
    let simple = StoredSchedule::Simple { at }.to_bytes();
    // The plugin shows the date that stands in the schedule of a single action.
    let update = format!(
        "UPDATE {} SET status = 'pending', claim_id = 0, scheduled_date_gmt = {gmt}, scheduled_date_local = {local}, \
         schedule = IF(schedule LIKE 'O:30:\"ActionScheduler_SimpleSchedule\"%', {}, schedule) WHERE action_id IN {ids}",
        tables.actions,
        Blob(&simple)
    );
    write.later(&update).await?;
    let times = format!(
        "UPDATE {} SET finished_at = NULL, timed_out = 0 WHERE action_id IN {ids}",
        tables.times
    );
    write.later(&times).await?;
    let owing = |one: &&Present| match to {
        Requeue::Rerun => false,
        Requeue::RunNow => one.chain.is_some() && one.scheduled_at > now,
        Requeue::At(_) => one.chain.is_some(),
    };
    for one in present.iter().filter(owing) {
        let Some(chain) = one.chain else { continue };
        let owed = match to {
            Requeue::RunNow => format!("COALESCE(owed_at, {})", Micros(one.scheduled_at)),
            Requeue::Rerun | Requeue::At(_) => "NULL".to_owned(),
        };
        // By primary key.
        let sql = format!(
            "UPDATE {} SET owed_at = {owed} WHERE chain_id = {chain} AND head = {} AND state = 'active'",
            tables.chains, one.id
        );
        write.later(&sql).await?;
    }
    let entries: Vec<Entry<'_>> = present
        .iter()
        .map(|one| {
            let had = one.scheduled_at;
            let (step, message) = match to {
                Requeue::Rerun => (Step::Rerun, format!("was {}", one.status)),
                Requeue::RunNow => (Step::Rescheduled, format!("to run now instead of {had}")),
                Requeue::At(_) => (Step::Rescheduled, format!("from {had} to {at}")),
            };
            Entry::new(one.id, now, step).by(context).saying(Some(message))
        })
        .collect();
    log::write(write, &entries).await?;
    write.wakes = true;
    write.returned.extend(present.iter().map(|one| one.id));
    Ok(())
}
