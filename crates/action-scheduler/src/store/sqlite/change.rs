//! Canceling, deleting, and putting back into the queue.

use rusqlite::{Connection, OptionalExtension, params};

use super::claim::close_if_done;
use super::error::wrap;
use super::log;
use super::row;
use super::select;
use super::writer::Write;
use crate::action::{ActionId, Attempt, ChainId, ClaimId, Status};
use crate::error::Result;
use crate::log::{Context, Step};
use crate::query::Query;
use crate::store::{ChainState, Change, Requeue, Target};

/// What has to be known of an action before it is changed.
struct Present {
    id: ActionId,
    status: Status,
    claim: Option<ClaimId>,
    chain: Option<ChainId>,
    scheduled_at: i64,
    /// The attempt that is in-progress.
    attempt: Option<Attempt>,
}

fn present(connection: &Connection, id: i64) -> rusqlite::Result<Option<Present>> {
    // By primary key.
    connection
        .prepare_cached("SELECT id, status, claim, chain, scheduled_at, iif(status = 1, attempts, NULL) FROM actions WHERE id = ?1")?
        .query_row([id], |row| {
            let status = row.get(1)?;
            Ok(Present {
                id: row::action_id(row, 0)?,
                status: row::status_of(status)
                    .ok_or_else(|| row::unreadable(1, format_args!("{status} is no status")))?,
                claim: row::optional_claim_id(row, 2)?,
                chain: row::optional_chain_id(row, 3)?,
                scheduled_at: row.get(4)?,
                attempt: row.get::<_, Option<u32>>(5)?.map(Attempt),
            })
        })
        .optional()
}

/// Applies a change to each action of a target whose status is among those allowed, and that no move holds.
fn each(
    write: &mut Write<'_>,
    target: &Target,
    allowed: &[Status],
    mut change: impl FnMut(&mut Write<'_>, &Present) -> rusqlite::Result<()>,
) -> rusqlite::Result<Vec<Change>> {
    let ids: Vec<i64> = match target {
        Target::Ids(ids) => ids.iter().map(|id| id.get()).collect(),
        Target::Matching(query) => {
            // The query's limit is to count what can be changed.
            let wanted =
                |status: &Status| query.statuses.is_empty() || query.statuses.contains(status);
            let statuses: Vec<Status> = allowed.iter().copied().filter(wanted).collect();
            match statuses.is_empty() {
                true => Vec::new(),
                false => select::ids(
                    write.connection,
                    write.names,
                    &Query { statuses, ..(**query).clone() },
                )?,
            }
        }
    };
    let mut changes = Vec::with_capacity(ids.len());
    for number in ids {
        let Some(present) = present(write.connection, number)? else {
            changes.extend(ActionId::new(number).map(Change::Missing));
            continue;
        };
        let is_held = present.status == Status::Canceled
            && super::journal::is_held(write.connection, present.id)?;
        if allowed.contains(&present.status) && !is_held {
            change(write, &present)?;
            changes.push(Change::Done(present.id));
        } else {
            changes.push(Change::Refused(present.id, present.status));
        }
    }
    Ok(changes)
}

pub(super) fn cancel(
    write: &mut Write<'_>,
    target: &Target,
    reason: Option<&str>,
    context: &Context,
) -> Result<Vec<Change>> {
    each(write, target, &[Status::Pending, Status::InProgress], |write, present| {
        cancel_one(write, present, reason, context)
    })
    .map_err(|error| wrap("canceling actions")(error).into())
}

fn cancel_one(
    write: &mut Write<'_>,
    present: &Present,
    reason: Option<&str>,
    context: &Context,
) -> rusqlite::Result<()> {
    let connection = write.connection;
    connection
        .prepare_cached("UPDATE actions SET status = 4, phase = 4, finished_at = ?2 WHERE id = ?1")?
        .execute(params![present.id.get(), write.now.as_microsecond()])?;
    super::count_moves(connection, &[(row::status_code(present.status), -1), (4, 1)])?;
    log::append(
        write,
        present.id,
        write.now,
        Step::Canceled,
        present.attempt,
        Some(context),
        reason,
    )?;
    end_chain(connection, present)?;
    match present.claim {
        Some(claim) => close_if_done(connection, claim),
        None => Ok(()),
    }
}

/// Ends the chain whose head has been taken away.
fn end_chain(connection: &Connection, present: &Present) -> rusqlite::Result<()> {
    if let Some(chain) = present.chain {
        connection
            .prepare_cached(
                "UPDATE chains SET state = ?3 WHERE id = ?1 AND head = ?2 AND state = 0",
            )?
            .execute(params![chain.get(), present.id.get(), row::state_code(ChainState::Ended)])?;
    }
    Ok(())
}

/// Cancels the head of a chain, if it is pending.
pub(super) fn cancel_pending(
    write: &mut Write<'_>,
    head: ActionId,
    context: &Context,
) -> rusqlite::Result<()> {
    match present(write.connection, head.get())? {
        Some(present) if present.status == Status::Pending => {
            cancel_one(write, &present, None, context)
        }
        _ => Ok(()),
    }
}

pub(super) fn delete(write: &mut Write<'_>, target: &Target) -> Result<Vec<Change>> {
    each(
        write,
        target,
        &[Status::Pending, Status::Complete, Status::Failed, Status::Canceled],
        |write, present| {
            let connection = write.connection;
            end_chain(connection, present)?;
            delete_rows(connection, present.id.get())?;
            super::count_moves(connection, &[(row::status_code(present.status), -1)])?;
            match present.claim {
                Some(claim) => close_if_done(connection, claim),
                None => Ok(()),
            }
        },
    )
    .map_err(|error| wrap("deleting actions")(error).into())
}

/// Deletes an action and its log, both by primary key.
pub(super) fn delete_rows(connection: &Connection, id: i64) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM logs WHERE action = ?1")?.execute([id])?;
    connection.prepare_cached("DELETE FROM actions WHERE id = ?1")?.execute([id])?;
    Ok(())
}

pub(super) fn requeue(
    write: &mut Write<'_>,
    target: Target,
    to: Requeue,
    context: &Context,
) -> Result<Vec<Change>> {
    let Some(target) = to.narrow(target) else { return Ok(Vec::new()) };
    let mut claimed = Vec::new();
    let mut changes = each(write, &target, to.allowed(), |write, present| {
        // Its runner may be about to start it.
        if to != Requeue::Rerun && present.claim.is_some() {
            claimed.push(present.id);
            return Ok(());
        }
        requeue_one(write, present, to, context)
    })
    .map_err(wrap("putting actions back into the queue"))?;
    for change in &mut changes {
        if let Change::Done(id) = *change
            && claimed.contains(&id)
        {
            *change = Change::Refused(id, Status::Pending);
        }
    }
    write.wakes = true;
    Ok(changes)
}

fn requeue_one(
    write: &mut Write<'_>,
    present: &Present,
    to: Requeue,
    context: &Context,
) -> rusqlite::Result<()> {
    let connection = write.connection;
    let now = write.now.as_microsecond();
    let id = present.id.get();
    let date = |micros| row::micros(micros).map(|date| date.to_string());
    let (step, message) = match to {
        Requeue::Rerun => {
            connection
                .prepare_cached(
                    "UPDATE actions SET status = 0, phase = 0, claim = NULL, finished_at = NULL, timed_out = NULL, \
                     scheduled_at = ?2 WHERE id = ?1",
                )?
                .execute([id, now])?;
            super::count_moves(connection, &[(row::status_code(present.status), -1), (0, 1)])?;
            (Step::Rerun, format!("was {}", present.status))
        }
        Requeue::RunNow => {
            set_date(connection, id, now)?;
            if let Some(chain) = present.chain
                && present.scheduled_at > now
            {
                connection
                    .prepare_cached("UPDATE chains SET owed_at = coalesce(owed_at, ?3) WHERE id = ?1 AND head = ?2")?
                    .execute([chain.get(), id, present.scheduled_at])?;
            }
            (Step::Rescheduled, format!("to run now instead of {}", date(present.scheduled_at)?))
        }
        Requeue::At(at) => {
            set_date(connection, id, at.as_microsecond())?;
            if let Some(chain) = present.chain {
                connection
                    .prepare_cached("UPDATE chains SET owed_at = NULL WHERE id = ?1 AND head = ?2")?
                    .execute([chain.get(), id])?;
            }
            (
                Step::Rescheduled,
                format!("from {} to {}", date(present.scheduled_at)?, date(at.as_microsecond())?),
            )
        }
    };
    log::append(write, present.id, write.now, step, None, Some(context), Some(&message))
}

fn set_date(connection: &Connection, id: i64, at: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE actions SET scheduled_at = ?2 WHERE id = ?1")?
        .execute([id, at])?;
    Ok(())
}
