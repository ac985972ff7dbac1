//! Chains, as a whole.

use super::change::cancel_pending;
use super::error::{Outcome, Trouble};
use super::finish::store_instance;
use super::insert::recurrence;
use super::log::{self, Entry};
use super::row::{self, CHAIN_COLUMNS, ChainRow, Columns, RECURRENCE_COLUMNS};
use super::sql::{List, Text};
use super::transaction::{Read, Write};
use crate::action::{Action, ActionId, ChainId, Status};
use crate::log::{Context, Step};
use crate::schedule::Recurring;
use crate::store::chains::rescheduled_note;
use crate::store::{Chain, ChainChange, ChainChanged, ChainQuery, ChainState};

pub(super) async fn query(read: &mut Read<'_>, query: &ChainQuery) -> Outcome<Vec<Chain>> {
    let mut conditions = vec!["1 = 1".to_owned()];
    if let Some(ids) = &query.ids {
        conditions.push(format!("c.chain_id IN {}", List(ids.iter())));
    }
    if let Some(hook) = &query.hook {
        conditions.push(format!("c.hook = {}", Text(hook.as_str())));
    }
    if let Some(group) = &query.group {
        conditions.push(format!("c.slug = {}", Text(group.as_str())));
    }
    if let Some(key) = &query.key {
        conditions.push(format!("c.unique_key = {}", Text(key)));
    }
    if !query.states.is_empty() {
        let states = query.states.iter().map(|state| Text(state.as_str()).to_string());
        conditions.push(format!("c.state IN {}", List(states)));
    }
    if let Some(after) = query.after {
        conditions.push(format!("c.chain_id > {after}"));
    }
    let limit = query.limit.map_or(String::new(), |limit| format!(" LIMIT {limit}"));
    // By primary key, or served by the keys on the hook and on the unique key.
    let sql = format!(
        "SELECT {CHAIN_COLUMNS}, {RECURRENCE_COLUMNS} FROM {} c WHERE {} ORDER BY c.chain_id{limit}",
        read.database.tables.chains,
        conditions.join(" AND ")
    );
    let mut chains = Vec::new();
    for row in read.rows(&sql).await? {
        let chain = ChainRow::read(&row)?;
        let id = chain.id;
        match chain.into_chain() {
            Ok(chain) => chains.push(chain),
            // Its instance tells what is wrong with it when it is run, and fails.
            Err(problem) => tracing::warn!(%id, problem, "a chain cannot be read"),
        }
    }
    Ok(chains)
}

pub(super) async fn latest(
    read: &mut Read<'_>,
    chains: &[ChainId],
    each: u32,
) -> Outcome<Vec<Action>> {
    let instances = &read.database.tables.instances;
    // Each is served by the key on the chain, which holds the id behind it: `each` steps. Once per page of chains.
    let of_each = chains.iter().enumerate().map(|(place, chain)| {
        format!(
            "(SELECT {place} AS place, action_id FROM {instances} WHERE chain_id = {chain} \
             ORDER BY action_id DESC LIMIT {each})"
        )
    });
    let of_each: Vec<String> = of_each.collect();
    if of_each.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!("{} ORDER BY place, action_id DESC", of_each.join(" UNION ALL "));
    let ids =
        read.rows(&sql).await?.iter().map(|row| row.action_id(1)).collect::<Outcome<Vec<_>>>()?;
    super::select::fetch(read, &ids).await
}

async fn set_state(
    write: &mut Write<'_>,
    id: ChainId,
    state: ChainState,
    reason: Option<&str>,
) -> Outcome<()> {
    let sql = format!(
        "UPDATE {} SET state = '{}', reason = {} WHERE chain_id = {id}",
        write.tables().chains,
        state.as_str(),
        super::sql::TextOrNull(reason)
    );
    write.later(&sql).await
}

pub(super) async fn change(
    write: &mut Write<'_>,
    id: ChainId,
    change: &ChainChange,
    context: &Context,
) -> Outcome<ChainChanged> {
    // The head first and then the chain, as everywhere.
    let head = head_of(write, id).await?;
    let (status, group) = match head {
        Some(head) => lock_head(write, head).await?,
        None => (None, None),
    };
    let sql = format!(
        "SELECT {CHAIN_COLUMNS}, {RECURRENCE_COLUMNS} FROM {} c WHERE c.chain_id = {id} FOR UPDATE",
        write.tables().chains
    );
    let rows = write.rows(&sql).await?;
    let Some(row) = rows.first() else { return Ok(ChainChanged::Missing) };
    let chain = ChainRow::read(row)?;
    if chain.head != head {
        // It went on meanwhile.
        return Err(Trouble::again("the chain went on meanwhile"));
    }
    match (change, chain.state) {
        (ChainChange::Pause { reason }, ChainState::Active) => {
            set_state(write, id, ChainState::Paused, Some(reason)).await?;
            if let Some(head) = head.filter(|_| status.is_some()) {
                let entry = Entry::new(head, write.now, Step::Paused);
                log::write(write, &[entry.by(context).saying(Some(reason))]).await?;
                cancel_pending(write, head, context).await?;
            }
            Ok(ChainChanged::Done(None))
        }
        (ChainChange::Resume { next }, ChainState::Paused) => {
            let is_live = status.is_some_and(|status| !status.is_finished());
            // Paused while its instance runs: that one goes on being the head, and will be followed as ever.
            let next = match head {
                Some(head) if is_live => head,
                _ => {
                    let group = match group {
                        Some(group) => group,
                        None => group_of(write, &chain).await?,
                    };
                    store_instance(write, &chain, group, *next, true).await?
                }
            };
            let sql = format!(
                "UPDATE {} SET state = 'active', reason = NULL, failures = 0, owed_at = NULL, head = {next} \
                 WHERE chain_id = {id}",
                write.tables().chains
            );
            write.later(&sql).await?;
            log::write(write, &[Entry::new(next, write.now, Step::Resumed).by(context)]).await?;
            write.wakes = true;
            Ok(ChainChanged::Done(Some(next)))
        }
        (ChainChange::Reschedule { recurring, next }, ChainState::Active | ChainState::Paused) => {
            let chain = ChainRow { recurring: Ok(Recurring::clone(recurring)), ..chain };
            set_recurring(write, id, recurring).await?;
            let note = rescheduled_note(&recurring.recurrence);
            if chain.state == ChainState::Paused {
                if let (Some(head), Some(status)) = (head, status) {
                    let entry = Entry::new(head, write.now, Step::Rescheduled);
                    log::write(write, &[entry.by(context).saying(Some(&note))]).await?;
                    // What is under way was set off by the old schedule, which must not bring the next.
                    if !status.is_finished() {
                        let chains = &write.tables().chains;
                        let sql = format!("UPDATE {chains} SET head = NULL WHERE chain_id = {id}");
                        write.later(&sql).await?;
                    }
                }
                return Ok(ChainChanged::Done(None));
            }
            let group = match group {
                Some(group) => group,
                None => group_of(write, &chain).await?,
            };
            // It becomes the head before the old one is canceled: with its head a chain ends.
            let next = store_instance(write, &chain, group, *next, true).await?;
            if let Some(head) = head {
                cancel_pending(write, head, context).await?;
            }
            let entry = Entry::new(next, write.now, Step::Rescheduled);
            log::write(write, &[entry.by(context).saying(Some(&note))]).await?;
            write.wakes = true;
            Ok(ChainChanged::Done(Some(next)))
        }
        (ChainChange::End, ChainState::Active | ChainState::Paused) => {
            set_state(write, id, ChainState::Ended, None).await?;
            if let Some(head) = head {
                cancel_pending(write, head, context).await?;
            }
            Ok(ChainChanged::Done(None))
        }
        (_, state) => Ok(ChainChanged::Refused(state)),
    }
}

/// By primary key, once per change of a schedule.
async fn set_recurring(write: &mut Write<'_>, id: ChainId, recurring: &Recurring) -> Outcome<()> {
    let columns = ["first_us", "every_us", "cron", "dialect", "zone", "fixed_rate", "catch_up"];
    let values = recurrence(recurring);
    let sets: Vec<String> =
        columns.iter().zip(&values).map(|(column, value)| format!("{column} = {value}")).collect();
    let chains = &write.tables().chains;
    let sql =
        format!("UPDATE {chains} SET {}, owed_at = NULL WHERE chain_id = {id}", sets.join(", "));
    write.later(&sql).await
}

async fn head_of(write: &mut Write<'_>, id: ChainId) -> Outcome<Option<ActionId>> {
    let sql = format!("SELECT head FROM {} WHERE chain_id = {id}", write.tables().chains);
    let rows = write.rows(&sql).await?;
    let head = rows.first().map(|row| row.optional_number::<i64>(0)).transpose()?;
    Ok(head.flatten().and_then(ActionId::new))
}

/// The status and the group of a head, if it is there.
async fn lock_head(
    write: &mut Write<'_>,
    head: ActionId,
) -> Outcome<(Option<Status>, Option<u64>)> {
    let sql = format!(
        "SELECT status, group_id FROM {} WHERE action_id = {head} FOR UPDATE",
        write.tables().actions
    );
    match write.rows(&sql).await?.first() {
        Some(row) => Ok((Some(row::status(row.text(0)?)), Some(row.number(1)?))),
        None => Ok((None, None)),
    }
}

/// The number of a chain's group, which was stored with its first instance.
pub(super) async fn group_of(write: &mut Write<'_>, chain: &ChainRow) -> Outcome<u64> {
    let sql = format!(
        "SELECT g.group_id FROM {} g WHERE {} ORDER BY g.group_id LIMIT 1",
        write.tables().groups,
        super::unique::exactly("g.slug", chain.group.as_str())
    );
    let rows = write.rows(&sql).await?;
    Ok(rows.first().map(|row| row.number(0)).transpose()?.unwrap_or_default())
}
