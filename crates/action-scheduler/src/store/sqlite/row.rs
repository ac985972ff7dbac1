//! Rows as types, and back.

use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Connection, Row};

use super::names::Names;
use crate::action::{Action, ActionId, Attempt, ChainId, ClaimId, Group, Hook, Priority};
use crate::args::Args;
use crate::schedule::{Recurring, Schedule};
use crate::store::Chain;
use crate::store::native::args::text_hash;
use crate::store::native::recurrence::RecurrenceValues;

pub(super) use crate::store::native::codes::{
    phase_code, state_code, state_of, status_code, status_of,
};
pub(super) use crate::store::native::recurrence::{RECURRENCE_COLUMNS, RECURRENCE_WIDTH};

/// How many characters of the args the index of live args holds; longer ones are told apart by their hash.
const INDEXED_ARGS: usize = 64;

/// The hash of args that are longer than what the index holds.
pub(super) fn args_hash(args: &str) -> Option<i64> {
    (args.len() > INDEXED_ARGS && args.chars().nth(INDEXED_ARGS).is_some()).then(|| text_hash(args))
}

/// An error about a value that this program would not have written.
pub(super) fn unreadable(column: usize, problem: impl ToString) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Null, problem.to_string().into())
}

/// Whether an error is about a stored value rather than about the file: other rows can be read all the same.
pub(super) fn is_about_a_value(error: &rusqlite::Error) -> bool {
    use rusqlite::Error::*;
    matches!(
        error,
        FromSqlConversionFailure(..)
            | IntegralValueOutOfRange(..)
            | InvalidColumnType(..)
            | Utf8Error(..)
            | QueryReturnedNoRows
    )
}

/// The instant of a stored number.
pub(super) fn micros(number: i64) -> rusqlite::Result<Timestamp> {
    Timestamp::from_microsecond(number).map_err(|error| unreadable(0, error))
}

pub(super) fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    Timestamp::from_microsecond(row.get(column)?).map_err(|error| unreadable(column, error))
}

pub(super) fn optional_time(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    row.get::<_, Option<i64>>(column)?
        .map(|micros| {
            Timestamp::from_microsecond(micros).map_err(|error| unreadable(column, error))
        })
        .transpose()
}

macro_rules! id_readers {
    ($($name:ident, $optional:ident: $id:ty;)*) => { $(
        pub(super) fn $name(row: &Row<'_>, column: usize) -> rusqlite::Result<$id> {
            let number = row.get(column)?;
            <$id>::new(number).ok_or_else(|| unreadable(column, format_args!("{number} is no id")))
        }

        #[allow(dead_code)]
        pub(super) fn $optional(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<$id>> {
            Ok(row.get::<_, Option<i64>>(column)?.and_then(<$id>::new))
        }
    )* };
}

id_readers! {
    action_id, optional_action_id: ActionId;
    claim_id, optional_claim_id: ClaimId;
    chain_id, optional_chain_id: ChainId;
    runner_id, optional_runner_id: crate::action::RunnerId;
}

pub(super) fn attempt(row: &Row<'_>, column: usize) -> rusqlite::Result<Attempt> {
    row.get(column).map(Attempt)
}

/// Reads [`RECURRENCE_COLUMNS`], which start at `from`.
pub(super) fn recurring(row: &Row<'_>, from: usize) -> rusqlite::Result<Recurring> {
    let values = RecurrenceValues {
        first: row.get(from)?,
        every: row.get(from + 1)?,
        cron: row.get_ref(from + 2)?.as_str_or_null()?,
        dialect: row.get_ref(from + 3)?.as_str_or_null()?,
        zone: row.get_ref(from + 4)?.as_str_or_null()?,
        fixed_rate: row.get(from + 5)?,
        catch_up: row.get(from + 6)?,
    };
    values.read().map_err(|problem| unreadable(from, problem))
}

/// The columns of a whole action; the recurrence follows.
pub(super) const ACTION_COLUMNS: &str = "actions.id, actions.hook, actions.grp, actions.status, actions.priority, \
    actions.attempts, actions.kind, actions.scheduled_at, actions.created_at, actions.started_at, \
    actions.finished_at, actions.claim, actions.chain, actions.args, \
    (SELECT count(*) FROM logs WHERE logs.action = actions.id)";

/// How many of [`ACTION_COLUMNS`] there are.
pub(super) const ACTION_WIDTH: usize = 15;

/// Reads [`ACTION_COLUMNS`] followed by [`RECURRENCE_COLUMNS`].
pub(super) fn action(
    connection: &Connection,
    names: &mut Names,
    row: &Row<'_>,
) -> rusqlite::Result<Action> {
    let scheduled_at = time(row, 7)?;
    let chain = optional_chain_id(row, 12)?;
    let schedule = match row.get::<_, i64>(6)? {
        0 => Schedule::Async,
        2 if row.get::<_, Option<i64>>(ACTION_WIDTH)?.is_some() => {
            Schedule::Recurring(recurring(row, ACTION_WIDTH)?)
        }
        // An instance whose chain is gone will not recur.
        _ => Schedule::Single(scheduled_at),
    };
    let status = row.get(3)?;
    Ok(Action {
        id: action_id(row, 0)?,
        hook: hook(connection, names, row, 1)?,
        group: group(connection, names, row, 2)?,
        status: status_of(status)
            .ok_or_else(|| unreadable(3, format_args!("{status} is no status")))?,
        priority: Priority(row.get(4)?),
        attempts: attempt(row, 5)?,
        schedule,
        scheduled_at,
        created_at: time(row, 8)?,
        started_at: optional_time(row, 9)?,
        finished_at: optional_time(row, 10)?,
        claim: optional_claim_id(row, 11)?,
        chain,
        args: args(row, 13)?,
        log_entries: row.get(14)?,
    })
}

pub(super) fn hook(
    connection: &Connection,
    names: &mut Names,
    row: &Row<'_>,
    column: usize,
) -> rusqlite::Result<Hook> {
    names.hooks.name(connection, row.get(column)?)
}

pub(super) fn group(
    connection: &Connection,
    names: &mut Names,
    row: &Row<'_>,
    column: usize,
) -> rusqlite::Result<Group> {
    names.groups.name(connection, row.get(column)?)
}

pub(super) fn args(row: &Row<'_>, column: usize) -> rusqlite::Result<Args> {
    Ok(Args::from_stored(Arc::<str>::from(row.get_ref(column)?.as_str()?)))
}

/// The columns of a chain; the recurrence follows.
pub(super) const CHAIN_COLUMNS: &str = "chains.id, chains.hook, chains.grp, chains.priority, chains.unique_key, \
    chains.args, chains.state, chains.reason, chains.failures, chains.head, chains.created_at";

/// How many of [`CHAIN_COLUMNS`] there are.
pub(super) const CHAIN_WIDTH: usize = 11;

/// Reads [`CHAIN_COLUMNS`] followed by [`RECURRENCE_COLUMNS`].
pub(super) fn chain(
    connection: &Connection,
    names: &mut Names,
    row: &Row<'_>,
) -> rusqlite::Result<Chain> {
    let state = row.get(6)?;
    Ok(Chain {
        id: chain_id(row, 0)?,
        hook: hook(connection, names, row, 1)?,
        group: group(connection, names, row, 2)?,
        priority: Priority(row.get(3)?),
        key: row.get(4)?,
        args: args(row, 5)?,
        state: state_of(state).ok_or_else(|| unreadable(6, format_args!("{state} is no state")))?,
        reason: row.get(7)?,
        failures: row.get(8)?,
        head: optional_action_id(row, 9)?,
        created_at: time(row, 10)?,
        recurring: recurring(row, CHAIN_WIDTH)?,
    })
}
