//! Chains of the plugin's recurring actions that have ended.
//!
//! The plugin leaves behind a row for each run of a series. Each keeps its schedule only as an instance of a chain: that
//! of the series, if it goes on, or one that has ended.

use std::collections::{BTreeSet, HashMap};

use super::adopt;
use super::error::Outcome;
use super::groups;
use super::import::{chain_rows, push_chain};
use super::row::{CHAIN_COLUMNS, ChainRow, Columns, PLUGIN_COLUMNS, PluginRow, RECURRENCE_COLUMNS};
use super::sql::{List, Rows, Text};
use super::transaction::Write;
use crate::action::{ActionId, ChainId, Group, Hook, Priority};
use crate::args::Args;
use crate::schedule::{Recurring, Schedule};
use crate::store::{Chain, ChainState};

/// What the instances of a series have in common.
#[derive(Debug, Clone, PartialEq)]
struct Series {
    hook: Hook,
    group: Group,
    args: Args,
    recurring: Recurring,
}

/// An instance of a series.
struct Ended {
    id: ActionId,
    priority: Priority,
    series: Series,
}

/// Gives chains to those of these actions that recur and have none.
pub(super) async fn adopt(write: &mut Write<'_>, ids: &[ActionId]) -> Outcome<()> {
    let tables = write.tables();
    // By primary key; locked, so that two who do this do not give two.
    let sql = format!(
        "SELECT {PLUGIN_COLUMNS} FROM {} a LEFT JOIN {} i ON i.action_id = a.action_id \
         WHERE a.action_id IN {} AND i.action_id IS NULL ORDER BY a.action_id FOR UPDATE",
        tables.actions,
        tables.instances,
        List(ids.iter())
    );
    let rows = write.rows(&sql).await?;
    let rows = rows.iter().map(PluginRow::read).collect::<Outcome<Vec<_>>>()?;
    let (ended, live): (Vec<_>, Vec<_>) =
        rows.into_iter().partition(|row| row.status.is_finished());
    adopt::chains_of(write, &live).await?;
    groups::learn(write, ended.iter().map(|row| row.group)).await?;
    let ended: Vec<Ended> = ended.into_iter().filter_map(|row| instance(write, row)).collect();
    join(write, &ended).await
}

fn instance(write: &Write<'_>, row: PluginRow) -> Option<Ended> {
    let stored = row.schedule.as_ref().ok()?.clone();
    let Schedule::Recurring(recurring) = stored.into_schedule(row.due()) else { return None };
    let series = Series {
        hook: row.hook,
        group: write.database.groups.slug(row.group).unwrap_or_default(),
        args: row.args.ok()?,
        recurring,
    };
    Some(Ended { id: row.id, priority: row.priority, series })
}

/// Makes actions instances of the chains of their series.
async fn join(write: &mut Write<'_>, ended: &[Ended]) -> Outcome<()> {
    if ended.is_empty() {
        return Ok(());
    }
    let tables = write.tables();
    let (mut known, taken) = chains(write, ended).await?;
    let mut instances =
        Rows::new(format_args!("INSERT INTO {} (action_id, chain_id)", tables.instances));
    let mut new = chain_rows(tables);
    for Ended { id, priority, series } in ended {
        let of_hook = known.entry(series.hook.clone()).or_default();
        let chain = match of_hook.iter().find(|(_, one)| one == series) {
            Some((chain, _)) => *chain,
            None if taken.contains(id) => continue,
            None => {
                let Some(chain) = ChainId::new(id.get()) else { continue };
                let Series { hook, group, args, recurring } = series.clone();
                let values = Chain {
                    id: chain,
                    priority: *priority,
                    key: None,
                    state: ChainState::Ended,
                    reason: None,
                    failures: 0,
                    head: Some(*id),
                    created_at: write.now,
                    hook,
                    group,
                    args,
                    recurring,
                };
                push_chain(&mut new, &values, None);
                of_hook.push((chain, series.clone()));
                chain
            }
        };
        instances.push(format_args!("{id},{chain}"));
    }
    if !new.is_empty() {
        write.later(&new.end("")).await?;
    }
    match instances.is_empty() {
        true => Ok(()),
        false => write.later(&instances.end("")).await,
    }
}

type Known = HashMap<Hook, Vec<(ChainId, Series)>>;

/// The chains that may be those of such actions, and which of their ids chains have.
async fn chains(write: &mut Write<'_>, ended: &[Ended]) -> Outcome<(Known, BTreeSet<ActionId>)> {
    let chains = &write.tables().chains;
    let hooks: BTreeSet<&str> = ended.iter().map(|one| one.series.hook.as_str()).collect();
    let firsts: BTreeSet<i64> =
        ended.iter().map(|one| one.series.recurring.first.as_microsecond()).collect();
    // Served by the key on the hook.
    let sql = format!(
        "SELECT {CHAIN_COLUMNS}, {RECURRENCE_COLUMNS} FROM {chains} c WHERE c.hook IN {} AND c.first_us IN {} \
         ORDER BY c.chain_id",
        List(hooks.iter().map(|hook| Text(hook))),
        List(firsts.iter())
    );
    let mut known = Known::new();
    for row in write.rows(&sql).await? {
        let ChainRow { id, hook, group, args, recurring, .. } = ChainRow::read(&row)?;
        if let Ok(recurring) = recurring {
            let series = Series { hook: hook.clone(), group, args, recurring };
            known.entry(hook).or_default().push((id, series));
        }
    }
    let sql = format!(
        "SELECT chain_id FROM {chains} WHERE chain_id IN {}",
        List(ended.iter().map(|one| one.id))
    );
    let taken =
        write.rows(&sql).await?.iter().map(|row| row.action_id(0)).collect::<Outcome<_>>()?;
    Ok((known, taken))
}
