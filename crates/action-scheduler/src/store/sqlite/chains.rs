//! Chains, as a whole.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params};

use super::change::cancel_pending;
use super::error::wrap;
use super::finish::insert_next;
use super::log;
use super::names::Names;
use super::row;
use super::writer::Write;
use crate::action::{Action, ActionId, ChainId};
use crate::error::Result;
use crate::log::{Context, Step};
use crate::schedule::Recurring;
use crate::store::chains::rescheduled_note;
use crate::store::native::recurrence::RecurrenceValues;
use crate::store::{Chain, ChainChange, ChainChanged, ChainQuery, ChainState};

pub(super) fn query(
    connection: &Connection,
    names: &mut Names,
    query: &ChainQuery,
) -> Result<Vec<Chain>> {
    try_query(connection, names, query).map_err(|error| wrap("looking for chains")(error).into())
}

fn try_query(
    connection: &Connection,
    names: &mut Names,
    query: &ChainQuery,
) -> rusqlite::Result<Vec<Chain>> {
    let mut sql =
        format!("SELECT {}, {} FROM chains WHERE 1", row::CHAIN_COLUMNS, row::RECURRENCE_COLUMNS);
    let mut parameters: Vec<Value> = Vec::new();
    let mut and = |text: &str, value: Value| {
        sql.push_str(" AND ");
        sql.push_str(text);
        parameters.push(value);
    };
    if let Some(ids) = &query.ids {
        let ids: Vec<i64> = ids.iter().map(|id| id.get()).collect();
        and("id IN (SELECT value FROM json_each(?))", super::lists::json_array(ids).into());
    }
    if let Some(hook) = &query.hook {
        match names.hooks.find(connection, hook)? {
            Some(number) => and("hook = ?", number.into()),
            None => return Ok(Vec::new()),
        }
    }
    if let Some(group) = &query.group {
        match names.groups.find(connection, group)? {
            Some(number) => and("grp = ?", number.into()),
            None => return Ok(Vec::new()),
        }
    }
    if let Some(key) = &query.key {
        and("unique_key = ?", key.clone().into());
    }
    if !query.states.is_empty() {
        let states: Vec<i64> = query.states.iter().map(|state| row::state_code(*state)).collect();
        and("state IN (SELECT value FROM json_each(?))", super::lists::json_array(states).into());
    }
    if let Some(after) = query.after {
        and("id > ?", after.get().into());
    }
    sql.push_str(" ORDER BY id LIMIT ?");
    parameters.push(query.limit.map_or(-1, i64::from).into());
    connection
        .prepare_cached(&sql)?
        .query_map(rusqlite::params_from_iter(parameters), |row| {
            row::chain(connection, names, row)
        })?
        .collect()
}

pub(super) fn latest(
    connection: &Connection,
    names: &mut Names,
    chains: &[ChainId],
    each: u32,
) -> Result<Vec<Action>> {
    let ids = || {
        // Served by actions_of_chain, which holds the id behind the chain: `each` steps. Once per page of chains.
        let mut statement = connection
            .prepare_cached("SELECT id FROM actions WHERE chain = ?1 ORDER BY id DESC LIMIT ?2")?;
        let mut ids = Vec::new();
        for chain in chains {
            let found =
                statement.query_map(params![chain.get(), each], |row| row::action_id(row, 0))?;
            ids.extend(found.collect::<rusqlite::Result<Vec<ActionId>>>()?);
        }
        Ok(ids)
    };
    let ids = ids().map_err(wrap("looking for instances"))?;
    super::select::fetch(connection, names, &ids)
}

pub(super) fn change(
    write: &mut Write<'_>,
    id: ChainId,
    change: &ChainChange,
    context: &Context,
) -> Result<ChainChanged> {
    try_change(write, id, change, context).map_err(|error| wrap("changing a chain")(error).into())
}

fn try_change(
    write: &mut Write<'_>,
    id: ChainId,
    change: &ChainChange,
    context: &Context,
) -> rusqlite::Result<ChainChanged> {
    let connection = write.connection;
    let found = connection
        .prepare_cached("SELECT state, head FROM chains WHERE id = ?1")?
        .query_row([id.get()], |row| Ok((row.get(0)?, row::optional_action_id(row, 1)?)))
        .optional()?;
    let Some((state, head)) = found else { return Ok(ChainChanged::Missing) };
    let state = row::state_of(state)
        .ok_or_else(|| row::unreadable(0, format_args!("{state} is no state")))?;
    match (change, state) {
        (ChainChange::Pause { reason }, ChainState::Active) => {
            connection
                .prepare_cached("UPDATE chains SET state = ?2, reason = ?3 WHERE id = ?1")?
                .execute(params![id.get(), row::state_code(ChainState::Paused), reason])?;
            if let Some(head) = head {
                log::append(
                    write,
                    head,
                    write.now,
                    Step::Paused,
                    None,
                    Some(context),
                    Some(reason),
                )?;
                cancel_pending(write, head, context)?;
            }
            Ok(ChainChanged::Done(None))
        }
        (ChainChange::Resume { next }, ChainState::Paused) => {
            let running = match head {
                Some(head) => is_live(connection, head.get())?,
                None => false,
            };
            // Paused while its instance runs: that one goes on being the head, and will be followed as ever.
            let next = match head {
                Some(head) if running => head,
                _ => {
                    let next = insert_next(write, id, *next, Some(Step::Created))?;
                    super::count_moves(connection, &[(0, 1)])?;
                    next
                }
            };
            connection
                .prepare_cached(
                    "UPDATE chains SET state = ?2, reason = NULL, failures = 0, owed_at = NULL, head = ?3 WHERE id = ?1",
                )?
                .execute(params![id.get(), row::state_code(ChainState::Active), next.get()])?;
            log::append(write, next, write.now, Step::Resumed, None, Some(context), None)?;
            write.wakes = true;
            Ok(ChainChanged::Done(Some(next)))
        }
        (ChainChange::Reschedule { recurring, next }, ChainState::Active | ChainState::Paused) => {
            set_recurring(connection, id, recurring)?;
            let note = rescheduled_note(&recurring.recurrence);
            let set_head = |head: Option<ActionId>| {
                connection
                    .prepare_cached("UPDATE chains SET head = ?2 WHERE id = ?1")?
                    .execute(params![id.get(), head.map(ActionId::get)])
            };
            if state == ChainState::Paused {
                if let Some(head) = head {
                    let (now, step) = (write.now, Step::Rescheduled);
                    log::append(write, head, now, step, None, Some(context), Some(&note))?;
                    // What is under way was set off by the old schedule, which must not bring the next.
                    if is_live(connection, head.get())? {
                        set_head(None)?;
                    }
                }
                return Ok(ChainChanged::Done(None));
            }
            let next = insert_next(write, id, *next, Some(Step::Created))?;
            super::count_moves(connection, &[(0, 1)])?;
            // Before the old head is canceled: with its head a chain ends.
            set_head(Some(next))?;
            connection
                .prepare_cached("UPDATE chains SET failures = 0 WHERE id = ?1")?
                .execute([id.get()])?;
            if let Some(head) = head {
                cancel_pending(write, head, context)?;
            }
            let (now, step) = (write.now, Step::Rescheduled);
            log::append(write, next, now, step, None, Some(context), Some(&note))?;
            write.wakes = true;
            Ok(ChainChanged::Done(Some(next)))
        }
        (ChainChange::End, ChainState::Active | ChainState::Paused) => {
            connection
                .prepare_cached("UPDATE chains SET state = ?2, reason = NULL WHERE id = ?1")?
                .execute(params![id.get(), row::state_code(ChainState::Ended)])?;
            if let Some(head) = head {
                cancel_pending(write, head, context)?;
            }
            Ok(ChainChanged::Done(None))
        }
        (_, state) => Ok(ChainChanged::Refused(state)),
    }
}

/// By primary key, once per change of a schedule.
fn set_recurring(
    connection: &Connection,
    id: ChainId,
    recurring: &Recurring,
) -> rusqlite::Result<usize> {
    let values = RecurrenceValues::from(recurring);
    connection
        .prepare_cached(
            "UPDATE chains SET first_at = ?2, every = ?3, cron = ?4, dialect = ?5, zone = ?6, fixed_rate = ?7, \
             catch_up = ?8, owed_at = NULL WHERE id = ?1",
        )?
        .execute(params![
            id.get(),
            values.first,
            values.every,
            values.cron,
            values.dialect,
            values.zone,
            values.fixed_rate,
            values.catch_up
        ])
}

fn is_live(connection: &Connection, action: i64) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM actions WHERE id = ?1 AND phase = 0)")?
        .query_row([action], |row| row.get(0))
}
