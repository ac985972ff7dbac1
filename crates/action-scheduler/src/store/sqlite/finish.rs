//! Recording how attempts came out, and continuing chains.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::claim::close_if_done;
use super::error::wrap;
use super::lists::{Ids, grouped};
use super::log;
use super::row;
use super::writer::Write;
use crate::action::{ActionId, Attempt, ChainId, ClaimId};
use crate::error::Result;
use crate::log::{Context, Step};
use crate::store::{ChainState, Finish, Outcome, Recorded, Succession};

pub(super) fn finish(
    write: &mut Write<'_>,
    finishes: &[Finish],
    context: &Context,
) -> Result<Vec<Recorded>> {
    try_finish(write, finishes, context).map_err(|error| wrap("recording results")(error).into())
}

fn try_finish(
    write: &mut Write<'_>,
    finishes: &[Finish],
    context: &Context,
) -> rusqlite::Result<Vec<Recorded>> {
    let mut answers = Vec::with_capacity(finishes.len());
    let mut moves = [0_i64; 5];
    let plain = complete_plain(write, finishes, context)?;
    let complete = plain.iter().filter(|recorded| **recorded).count() as i64;
    move_count(&mut moves, 1, -complete);
    move_count(&mut moves, 2, complete);
    for (finish, recorded) in finishes.iter().zip(plain) {
        if recorded {
            answers.push(Recorded::Yes { next: None, paused: None });
            continue;
        }
        let was = match settle(write.connection, finish, write.now)? {
            Some(was) => was,
            None => {
                let what = finish.outcome.in_words();
                log::append(
                    write,
                    finish.action,
                    write.now,
                    Step::LateResult,
                    Some(finish.attempt),
                    Some(context),
                    Some(&format!(
                        "attempt {} {what}, but was no longer in charge",
                        finish.attempt
                    )),
                )?;
                answers.push(Recorded::Superseded);
                continue;
            }
        };
        let status = finish.outcome.status();
        move_count(&mut moves, was.code(), -1);
        move_count(&mut moves, row::status_code(status), 1);
        for entry in &finish.entries {
            let at = entry.at.unwrap_or(write.now);
            log::append(
                write,
                finish.action,
                at,
                entry.step,
                Some(finish.attempt),
                Some(context),
                entry.message.as_deref(),
            )?;
        }
        let mut recorded = (None, None);
        if let Some(succession) = finish.succession.as_ref().filter(|_| status.is_finished()) {
            recorded = succeed(write, finish, succession, was, context)?;
            move_count(&mut moves, 0, recorded.0.is_some().into());
        }
        if finish.outcome == Outcome::NotCalled {
            write.seen.came_back();
        }
        write.wakes |= recorded.0.is_some() || !status.is_finished();
        answers.push(Recorded::Yes { next: recorded.0, paused: recorded.1 });
    }
    let mut claims: Vec<_> = finishes.iter().map(|finish| finish.claim).collect();
    claims.sort_unstable();
    claims.dedup();
    for claim in claims {
        close_if_done(write.connection, claim)?;
    }
    let moves: Vec<(i64, i64)> = (0..).zip(moves).collect();
    super::count_moves(write.connection, &moves)?;
    Ok(answers)
}

/// Records the plain successes, as many at once as can be; says of each result whether it was recorded. The others are
/// left to be recorded one by one.
fn complete_plain(
    write: &mut Write<'_>,
    finishes: &[Finish],
    context: &Context,
) -> rusqlite::Result<Vec<bool>> {
    // Two results of one action are left to be recorded one after the other.
    let mut ids: Vec<ActionId> = finishes.iter().map(|finish| finish.action).collect();
    ids.sort_unstable();
    let twice: Vec<ActionId> = ids
        .windows(2)
        .filter_map(|pair| (pair.first() == pair.last()).then(|| pair.first().copied())?)
        .collect();
    let plain = finishes
        .iter()
        .enumerate()
        .filter(|(_, finish)| finish.is_plain() && twice.binary_search(&finish.action).is_err());
    let mut recorded = vec![false; finishes.len()];
    // Once for each claim and attempt: one or two.
    for ((claim, attempt, logs), members) in grouped(plain, |finish| {
        ((finish.claim, finish.attempt, !finish.entries.is_empty()), finish.action)
    }) {
        for ids in Ids::of(&members) {
            if !complete_all(write, claim, attempt, &ids)? {
                continue;
            }
            if logs {
                log::append_each(write, &ids, Step::Complete, attempt, context)?;
            }
            for member in ids.members {
                if let Some(recorded) = recorded.get_mut(member.place) {
                    *recorded = true;
                }
            }
        }
    }
    Ok(recorded)
}

/// Completes actions if all of them are in-progress under this claim, as this attempt. By primary key.
fn complete_all(
    write: &Write<'_>,
    claim: ClaimId,
    attempt: Attempt,
    ids: &Ids<'_>,
) -> rusqlite::Result<bool> {
    let (first, last) = ids.bounds();
    let condition = format!("{} AND claim = ?3 AND attempts = ?4 AND status = 1", ids.condition());
    let count: usize = write
        .connection
        .prepare_cached(&format!("SELECT count(*) FROM actions WHERE {condition}"))?
        .query_row(params![first, last, claim.get(), attempt.0], |row| row.get(0))?;
    if count != ids.len() {
        return Ok(false);
    }
    write
        .connection
        .prepare_cached(&format!(
            "UPDATE actions SET status = 2, phase = 2, finished_at = ?5, timed_out = NULL WHERE {condition}"
        ))?
        .execute(params![first, last, claim.get(), attempt.0, write.now.as_microsecond()])?;
    Ok(true)
}

fn move_count(moves: &mut [i64; 5], status: i64, by: i64) {
    if let Some(n) = usize::try_from(status).ok().and_then(|status| moves.get_mut(status)) {
        *n += by;
    }
}

/// What an action was before its result came in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Was {
    InProgress,
    /// Failed for running too long, while its handler went on.
    TimedOut,
}

impl Was {
    fn code(self) -> i64 {
        match self {
            Was::InProgress => 1,
            Was::TimedOut => 3,
        }
    }
}

/// Changes the status if the attempt is still its own. All by primary key, once for each result.
fn settle(
    connection: &Connection,
    finish: &Finish,
    now: Timestamp,
) -> rusqlite::Result<Option<Was>> {
    let (id, claim, attempt) = (finish.action.get(), finish.claim.get(), finish.attempt.0);
    let now = now.as_microsecond();
    let end = |status: i64, timed_out: Option<i64>| -> rusqlite::Result<bool> {
        Ok(connection
            .prepare_cached(
                "UPDATE actions SET status = ?4, phase = ?4, finished_at = ?5, timed_out = ?6 \
                 WHERE id = ?1 AND claim = ?2 AND attempts = ?3 AND status = 1",
            )?
            .execute(params![id, claim, attempt, status, now, timed_out])?
            == 1)
    };
    let crash = |status: i64, at: Option<i64>| -> rusqlite::Result<bool> {
        Ok(connection
            .prepare_cached(
                "UPDATE actions SET status = ?4, phase = ?4, claim = NULL, \
                 finished_at = CASE ?4 WHEN 0 THEN NULL ELSE ?5 END, scheduled_at = coalesce(?6, scheduled_at) \
                 WHERE id = ?1 AND claim = ?2 AND attempts = ?3 AND status = 1",
            )?
            .execute(params![id, claim, attempt, status, now, at])?
            == 1)
    };
    let was_in_progress = match finish.outcome {
        Outcome::Complete => end(2, None),
        Outcome::Failed => end(3, None),
        Outcome::TimedOut => end(3, Some(1)),
        Outcome::Retry { at } => crash(0, Some(at.as_microsecond())),
        Outcome::Crashed => crash(3, None),
        Outcome::CrashedRetry { at } => crash(0, Some(at.as_microsecond())),
        Outcome::NotCalled => Ok(connection
            .prepare_cached(
                "UPDATE actions SET status = 0, claim = NULL, attempts = attempts - 1 \
                 WHERE id = ?1 AND claim = ?2 AND attempts = ?3 AND status = 1",
            )?
            .execute(params![id, claim, attempt])?
            == 1),
    };
    if was_in_progress? {
        return Ok(Some(Was::InProgress));
    }
    let late = match finish.outcome {
        Outcome::Complete => (2, Some(now), None),
        Outcome::Retry { at } => (0, None, Some(at.as_microsecond())),
        _ => return Ok(None),
    };
    let changed = connection
        .prepare_cached(
            "UPDATE actions SET status = ?4, phase = ?4, finished_at = ?5, scheduled_at = coalesce(?6, scheduled_at), \
             timed_out = NULL, claim = CASE ?4 WHEN 0 THEN NULL ELSE claim END \
             WHERE id = ?1 AND claim = ?2 AND attempts = ?3 AND status = 3 AND timed_out = 1",
        )?
        .execute(params![id, claim, attempt, late.0, late.1, late.2])?;
    Ok((changed == 1).then_some(Was::TimedOut))
}

/// Stores the next instance of a chain whose head has come to its end, or pauses or ends the chain. Only the head can do
/// so, and it stops being the head thereby: that is why a chain neither doubles nor breaks.
fn succeed(
    write: &mut Write<'_>,
    finish: &Finish,
    succession: &Succession,
    was: Was,
    context: &Context,
) -> rusqlite::Result<(Option<ActionId>, Option<ChainId>)> {
    let connection = write.connection;
    let id = succession.chain.get();
    let active = connection
        .prepare_cached("SELECT failures, head FROM chains WHERE id = ?1 AND state = 0")?
        .query_row([id], |row| Ok((row.get::<_, u32>(0)?, row::optional_action_id(row, 1)?)))
        .optional()?;
    let failures = match active {
        Some((failures, head)) if head == Some(finish.action) => failures,
        // It was followed when it timed out, and has succeeded since.
        Some(_) if was == Was::TimedOut && finish.outcome == Outcome::Complete => {
            connection
                .prepare_cached("UPDATE chains SET failures = 0 WHERE id = ?1")?
                .execute([id])?;
            return Ok((None, None));
        }
        _ => return Ok((None, None)),
    };
    let failures = match finish.outcome {
        Outcome::Complete => 0,
        _ => failures.saturating_add(1),
    };
    let set_state = |state: ChainState, reason: Option<&str>| {
        connection
            .prepare_cached(
                "UPDATE chains SET state = ?2, reason = ?3, failures = ?4 WHERE id = ?1",
            )?
            .execute(params![id, row::state_code(state), reason, failures])
    };
    if succession.failure_threshold.is_some_and(|threshold| failures >= threshold.max(1))
        && failures > 0
    {
        let reason = format!("{failures} failures in a row");
        set_state(ChainState::Paused, Some(&reason))?;
        log::append(
            write,
            finish.action,
            write.now,
            Step::Paused,
            Some(finish.attempt),
            Some(context),
            Some(&reason),
        )?;
        return Ok((None, Some(succession.chain)));
    }
    let Some(next) = succession.next else {
        set_state(ChainState::Ended, None)?;
        return Ok((None, None));
    };
    let logged = if finish.entries.is_empty() { None } else { Some(Step::Created) };
    let next = insert_next(write, succession.chain, next, logged)?;
    connection
        .prepare_cached("UPDATE chains SET head = ?2, failures = ?3, owed_at = NULL WHERE id = ?1")?
        .execute(params![id, next.get(), failures])?;
    Ok((Some(next), None))
}

/// Stores an instance of a chain at a date. The caller counts it and makes it the head.
pub(super) fn insert_next(
    write: &Write<'_>,
    chain: ChainId,
    at: Timestamp,
    logged: Option<Step>,
) -> rusqlite::Result<ActionId> {
    let now = write.now;
    let id = write
        .connection
        .prepare_cached(
            "INSERT INTO actions (hook, grp, priority, kind, scheduled_at, created_at, unique_key, args, args_hash, chain) \
             SELECT hook, grp, priority, 2, ?2, ?3, unique_key, args, args_hash, id FROM chains WHERE id = ?1 \
             RETURNING id",
        )?
        .query_row(params![chain.get(), at.as_microsecond(), now.as_microsecond()], |row| row::action_id(row, 0))?;
    if let Some(step) = logged {
        log::append(write, id, now, step, None, None, None)?;
    }
    Ok(id)
}
