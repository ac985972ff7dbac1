//! Rows as types.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use super::database::Database;
use super::names::Names;
use super::text;
use crate::action::{Action, ActionId, Attempt, ChainId, ClaimId, Group, Hook, Priority, RunnerId};
use crate::args::Args;
use crate::log::{Context, LogEntry, Step};
use crate::schedule::{Recurring, Schedule};
use crate::store::native::codes::{state_of, status_of};
use crate::store::native::recurrence::RecurrenceValues;
use crate::store::{Chain, ClaimedAction, ClaimedChain};

/// What is wrong with a row.
pub(super) type Read<T> = Result<T, String>;

/// A column.
pub(super) fn get<'a, T: FromSql<'a>>(row: &'a Row, column: usize) -> Read<T> {
    row.try_get(column).map_err(|error| super::error::in_full(&error))
}

/// The instant of a stored number.
pub(super) fn instant(micros: i64) -> Read<Timestamp> {
    Timestamp::from_microsecond(micros).map_err(|error| format!("date {micros}: {error}"))
}

pub(super) fn time(row: &Row, column: usize) -> Read<Timestamp> {
    instant(get(row, column)?)
}

pub(super) fn optional_time(row: &Row, column: usize) -> Read<Option<Timestamp>> {
    get::<Option<i64>>(row, column)?.map(instant).transpose()
}

macro_rules! ids {
    ($($name:ident: $id:ty;)*) => { $(
        pub(super) fn $name(row: &Row, column: usize) -> Read<$id> {
            let number = get(row, column)?;
            <$id>::new(number).ok_or_else(|| format!("{number} is no id"))
        }
    )* };
}

ids! {
    action_id: ActionId;
    claim_id: ClaimId;
    chain_id: ChainId;
    runner_id: RunnerId;
}

pub(super) fn attempt(row: &Row, column: usize) -> Read<Attempt> {
    let number: i32 = get(row, column)?;
    u32::try_from(number).map(Attempt).map_err(|_| format!("attempt {number}"))
}

fn priority(row: &Row, column: usize) -> Read<Priority> {
    let number: i16 = get(row, column)?;
    u8::try_from(number).map(Priority).map_err(|_| format!("priority {number}"))
}

fn hook(names: &Names, row: &Row, column: usize) -> Read<Hook> {
    let number = get(row, column)?;
    names.hooks.name(number).ok_or_else(|| format!("there is no hook {number}"))
}

fn group(names: &Names, row: &Row, column: usize) -> Read<Group> {
    let number = get(row, column)?;
    names.groups.name(number).ok_or_else(|| format!("there is no group {number}"))
}

fn args(row: &Row, column: usize) -> Read<Args> {
    Ok(Args::from_stored(Arc::<str>::from(get::<&str>(row, column)?)))
}

/// A text that a person or a program wrote.
pub(super) fn written(row: &Row, column: usize) -> Read<Option<String>> {
    Ok(get::<Option<String>>(row, column)?.map(text::read))
}

/// Reads [`RECURRENCE_COLUMNS`](crate::store::native::recurrence::RECURRENCE_COLUMNS), which start at `from`.
fn recurring(row: &Row, from: usize) -> Read<Recurring> {
    let catch_up: Option<i64> = get(row, from + 6)?;
    let values = RecurrenceValues::<&str> {
        first: get(row, from)?,
        every: get(row, from + 1)?,
        cron: get(row, from + 2)?,
        dialect: get(row, from + 3)?,
        zone: get(row, from + 4)?,
        fixed_rate: get(row, from + 5)?,
        catch_up: catch_up
            .map(|cap| u32::try_from(cap).map_err(|_| format!("catching up {cap} dates")))
            .transpose()?,
    };
    values.read()
}

/// Loads the names that rows speak of by number, in these columns.
pub(super) async fn load_names(
    database: &Database,
    rows: &[Row],
    hook: usize,
    group: usize,
) -> Result<(), crate::error::StoreError> {
    let names = &database.opener.names;
    let numbers = |column: usize| {
        rows.iter().filter_map(move |row| row.try_get::<_, Option<i32>>(column).ok().flatten())
    };
    names.hooks.load_all(database, numbers(hook)).await?;
    names.groups.load_all(database, numbers(group)).await
}

/// The columns of a whole action; the recurrence follows.
pub(super) const ACTION_COLUMNS: &str = "actions.id, actions.hook, actions.grp, actions.status, actions.priority, \
    actions.attempts, actions.kind, actions.scheduled_at, actions.created_at, actions.started_at, \
    actions.finished_at, actions.claim, actions.chain, actions.args, actions.logged";

/// How many of [`ACTION_COLUMNS`] there are.
pub(super) const ACTION_WIDTH: usize = 15;

/// Reads [`ACTION_COLUMNS`] followed by those of the recurrence.
pub(super) fn action(names: &Names, row: &Row) -> Read<Action> {
    let scheduled_at = time(row, 7)?;
    let schedule = match get::<i16>(row, 6)? {
        0 => Schedule::Async,
        2 if get::<Option<i64>>(row, ACTION_WIDTH)?.is_some() => {
            Schedule::Recurring(recurring(row, ACTION_WIDTH)?)
        }
        // An instance whose chain is gone will not recur.
        _ => Schedule::Single(scheduled_at),
    };
    let status: i16 = get(row, 3)?;
    Ok(Action {
        id: action_id(row, 0)?,
        hook: hook(names, row, 1)?,
        group: group(names, row, 2)?,
        status: status_of(status.into()).ok_or_else(|| format!("{status} is no status"))?,
        priority: priority(row, 4)?,
        attempts: attempt(row, 5)?,
        schedule,
        scheduled_at,
        created_at: time(row, 8)?,
        started_at: optional_time(row, 9)?,
        finished_at: optional_time(row, 10)?,
        claim: get::<Option<i64>>(row, 11)?.and_then(ClaimId::new),
        chain: get::<Option<i64>>(row, 12)?.and_then(ChainId::new),
        args: args(row, 13)?,
        log_entries: get::<i32>(row, 14)?.unsigned_abs(),
    })
}

/// How many columns of `claim_actions` and `recover_runners` stand before those of the action.
pub(super) const BEFORE_CLAIMED: usize = 4;

/// What these functions give of the chain of an action.
pub(super) const CLAIMED_CHAIN: &str = "chains.owed_at, chains.first_at, chains.every, chains.cron, chains.dialect, \
    chains.zone, chains.fixed_rate, chains.catch_up";

/// In place of an action, when there is none to give: from the claim on.
pub(super) const NO_ACTION: &str = "NULL::bigint, NULL::bigint, NULL::int, NULL::int, NULL::text, NULL::smallint, \
    NULL::int, NULL::bigint, NULL::bigint, NULL::bigint, NULL::bigint, NULL::bigint, NULL::text, NULL::text, \
    NULL::text, NULL::boolean, NULL::bigint";

/// Reads the action that such a row gives.
pub(super) fn claimed_action(names: &Names, chains: &mut Chains, row: &Row) -> Read<ClaimedAction> {
    const FROM: usize = BEFORE_CLAIMED;
    let chain = match get::<Option<i64>>(row, FROM + 7)?.and_then(ChainId::new) {
        Some(id) if get::<Option<i64>>(row, FROM + 9)?.is_some() => Some(ClaimedChain {
            id,
            // A chain that cannot be read fails its own instance and no other.
            recurring: chains.read(id, row, FROM + 9),
            owed: optional_time(row, FROM + 8)?,
        }),
        _ => None,
    };
    Ok(ClaimedAction {
        id: action_id(row, FROM)?,
        hook: hook(names, row, FROM + 1)?,
        group: group(names, row, FROM + 2)?,
        args: args(row, FROM + 3)?,
        priority: priority(row, FROM + 4)?,
        attempts: attempt(row, FROM + 5)?,
        scheduled_at: time(row, FROM + 6)?,
        chain,
    })
}

/// The schedules of the chains in one answer, each read once.
#[derive(Default)]
pub(super) struct Chains(HashMap<ChainId, Read<Arc<Recurring>>>);

impl Chains {
    fn read(&mut self, id: ChainId, row: &Row, from: usize) -> Read<Arc<Recurring>> {
        self.0.entry(id).or_insert_with(|| recurring(row, from).map(Arc::new)).clone()
    }
}

/// The columns of a chain; the recurrence follows.
pub(super) const CHAIN_COLUMNS: &str = "chains.id, chains.hook, chains.grp, chains.priority, chains.unique_key, \
    chains.args, chains.state, chains.reason, chains.failures, chains.head, chains.created_at";

/// How many of [`CHAIN_COLUMNS`] there are.
pub(super) const CHAIN_WIDTH: usize = 11;

/// Reads [`CHAIN_COLUMNS`], which start at `from`, followed by those of the recurrence.
pub(super) fn chain(names: &Names, row: &Row, from: usize) -> Read<Chain> {
    let state: i16 = get(row, from + 6)?;
    Ok(Chain {
        id: chain_id(row, from)?,
        hook: hook(names, row, from + 1)?,
        group: group(names, row, from + 2)?,
        priority: priority(row, from + 3)?,
        key: written(row, from + 4)?,
        args: args(row, from + 5)?,
        state: state_of(state.into()).ok_or_else(|| format!("{state} is no state"))?,
        reason: written(row, from + 7)?,
        failures: u32::try_from(get::<i32>(row, from + 8)?).unwrap_or_default(),
        head: get::<Option<i64>>(row, from + 9)?.and_then(ActionId::new),
        created_at: time(row, from + 10)?,
        recurring: recurring(row, from + CHAIN_WIDTH)?,
    })
}

/// An entry of the log, as it is stored.
pub(super) struct Entry<'a> {
    pub(super) seq: i32,
    pub(super) at: i64,
    pub(super) step: i16,
    pub(super) attempt: Option<i32>,
    pub(super) context: Option<&'a str>,
    pub(super) message: Option<String>,
}

impl Entry<'_> {
    /// The entry, as one of this action.
    pub(super) fn read(self, action: ActionId) -> Read<LogEntry> {
        Ok(LogEntry {
            action,
            seq: self.seq.unsigned_abs(),
            at: instant(self.at)?,
            // One that is not known is a note.
            step: Step::from_code(u8::try_from(self.step).unwrap_or(u8::MAX)),
            attempt: self.attempt.map(|attempt| Attempt(attempt.unsigned_abs())),
            context: self.context.map(Context::new),
            message: self.message.map(text::read),
        })
    }
}
