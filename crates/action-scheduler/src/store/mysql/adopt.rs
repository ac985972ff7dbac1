//! Chains of what the plugin stored, which knows no chains: each of its recurring rows is adopted when it is claimed or
//! looked for.
//!
//! When the plugin runs an instance of ours, it stores the next one itself if its own words for the schedule say that it
//! recurs; that one continues the chain. If they do not, the chain is mended here.

use jiff::SignedDuration;

use super::claim::{Chains, claimed_chains, may_recur};
use super::error::Outcome;
use super::finish::store_instance;
use super::groups;
use super::insert::NewChains;
use super::log::{self, Entry};
use super::php::site_time::format_gmt;
use super::row::{
    CHAIN_COLUMNS, CHAIN_WIDTH, ChainRow, Columns, PLUGIN_COLUMNS, PluginRow, RECURRENCE_COLUMNS,
    RECURRENCE_WIDTH,
};
use super::sql::{List, Text};
use super::transaction::Write;
use crate::action::{ActionId, NewAction, Status, Unique};
use crate::log::Step;
use crate::schedule::Schedule;

/// How many rows are adopted in one step.
const CHUNK: usize = 500;

/// The chains of these actions, by action. Recurring ones that have none get one.
pub(super) async fn chains_of(write: &mut Write<'_>, rows: &[PluginRow]) -> Outcome<Chains> {
    let ids: Vec<ActionId> = rows.iter().filter(|row| may_recur(row)).map(|row| row.id).collect();
    if ids.is_empty() {
        return Ok(Chains::new());
    }
    let (chains, seen) = look_up(write, &ids).await?;
    let new: Vec<&PluginRow> =
        rows.iter().filter(|row| row.recurs() && !seen.contains(&row.id)).collect();
    if new.is_empty() {
        return Ok(chains);
    }
    adopt(write, &new).await?;
    Ok(look_up(write, &ids).await?.0)
}

async fn look_up(
    write: &mut Write<'_>,
    ids: &[ActionId],
) -> Outcome<(Chains, std::collections::HashSet<ActionId>)> {
    let tables = write.tables();
    // By primary keys.
    let sql = format!(
        "SELECT i.action_id, i.chain_id, c.head, c.owed_at, {RECURRENCE_COLUMNS} FROM {} i \
         JOIN {} c ON c.chain_id = i.chain_id WHERE i.action_id IN {}",
        tables.instances,
        tables.chains,
        List(ids.iter())
    );
    claimed_chains(&write.rows(&sql).await?)
}

/// Gives each of these rows a chain: the one that the plugin continued by it, or a new one.
async fn adopt(write: &mut Write<'_>, rows: &[&PluginRow]) -> Outcome<()> {
    groups::learn(write, rows.iter().map(|row| row.group)).await?;
    let mut new = NewChains::new(write);
    for row in rows {
        let Ok(args) = &row.args else { continue };
        let Ok(stored) = &row.schedule else { continue };
        let schedule = stored.clone().into_schedule(row.due());
        let Schedule::Recurring(recurring) = &schedule else { continue };
        let action = NewAction {
            hook: row.hook.clone(),
            args: args.clone(),
            group: write.database.groups.slug(row.group).unwrap_or_default(),
            schedule: schedule.clone(),
            priority: row.priority,
            unique: Unique::No,
        };
        if !continue_chain(write, row.id, &action).await? {
            new.push(write.now, row.id, &action, recurring);
        }
    }
    new.store(write).await
}

/// Makes an action of the plugin's the head of the chain whose last head the plugin ran.
async fn continue_chain(write: &mut Write<'_>, id: ActionId, action: &NewAction) -> Outcome<bool> {
    let tables = write.tables();
    // Served by the key on the hook, then by primary keys; once for each row of the plugin's.
    let find = format!(
        "SELECT c.chain_id FROM {} c JOIN {} h ON h.action_id = c.head \
         LEFT JOIN {} t ON t.action_id = c.head \
         WHERE c.hook = {} AND c.slug = {} AND c.args = {} AND c.state = 'active' AND c.head < {id} \
         AND h.status IN ('complete','failed') AND t.finished_at IS NULL ORDER BY c.chain_id LIMIT 1 FOR UPDATE",
        tables.chains,
        tables.actions,
        tables.times,
        Text(action.hook.as_str()),
        Text(action.group.as_str()),
        Text(action.args.as_str())
    );
    let rows = write.rows(&find).await?;
    let Some(row) = rows.first() else { return Ok(false) };
    let chain = row.chain_id(0)?;
    let update = format!(
        "UPDATE {} SET head = {id}, owed_at = NULL WHERE chain_id = {chain}",
        tables.chains
    );
    write.later(&update).await?;
    let instance = format!(
        "INSERT IGNORE INTO {} (action_id, chain_id) VALUES ({id}, {chain})",
        tables.instances
    );
    write.later(&instance).await?;
    Ok(true)
}

/// Adopts the next of the plugin's recurring rows that wait or run, after this id. The id up to which all were looked
/// at.
pub(super) async fn adopt_next(write: &mut Write<'_>, after: i64) -> Outcome<Option<i64>> {
    let tables = write.tables();
    let mut last = None;
    // Served by the key on status; only rows that came since the last time are looked at.
    let sql = format!(
        "SELECT {PLUGIN_COLUMNS} FROM {} a LEFT JOIN {} i ON i.action_id = a.action_id \
         WHERE a.action_id > {after} AND a.status IN ('pending','in-progress') AND i.action_id IS NULL \
         AND (a.schedule LIKE 'O:32:\"ActionScheduler_IntervalSchedule\"%' \
           OR a.schedule LIKE 'O:28:\"ActionScheduler_CronSchedule\"%') \
         ORDER BY a.action_id LIMIT {CHUNK}",
        tables.actions, tables.instances
    );
    let rows = write.rows(&sql).await?;
    let rows = rows.iter().map(PluginRow::read).collect::<Outcome<Vec<_>>>()?;
    if rows.len() == CHUNK {
        last = rows.last().map(|row| row.id.get());
    }
    chains_of(write, &rows).await?;
    Ok(last)
}

/// After so long the plugin has stored its own next instance, if it does so at all.
const PLUGIN_CONTINUES: SignedDuration = SignedDuration::from_secs(60);

/// Continues chains whose head the plugin ran and did not continue, and ends those whose head it canceled or deleted.
pub(super) async fn mend(write: &mut Write<'_>) -> Outcome<()> {
    let tables = write.tables();
    let before = write.now.checked_sub(PLUGIN_CONTINUES).unwrap_or(write.now);
    // By primary keys, as many as there are chains. What we ended ourselves has the date of its end; of what we deleted
    // nothing is left.
    let sql = format!(
        "SELECT {CHAIN_COLUMNS}, {RECURRENCE_COLUMNS}, a.status, a.group_id, a.scheduled_date_gmt FROM {} c \
         JOIN {} t ON t.action_id = c.head LEFT JOIN {} a ON a.action_id = c.head \
         WHERE c.state = 'active' AND t.finished_at IS NULL AND (a.action_id IS NULL OR a.status = 'canceled' \
           OR (a.status IN ('complete','failed') AND a.last_attempt_gmt < '{}')) \
         ORDER BY c.chain_id LIMIT {CHUNK} FOR UPDATE",
        tables.chains,
        tables.times,
        tables.actions,
        format_gmt(Some(before))
    );
    for row in write.rows(&sql).await? {
        let chain = ChainRow::read(&row)?;
        let ran = matches!(
            row.optional_text(CHAIN_WIDTH + RECURRENCE_WIDTH)?,
            Some("complete" | "failed")
        );
        let due = row.date(CHAIN_WIDTH + RECURRENCE_WIDTH + 2).unwrap_or(write.now);
        let next = match &chain.recurring {
            Ok(recurring) if ran => recurring.next(due, write.now),
            _ => None,
        };
        match next {
            Some(next) => {
                let group = row.number(CHAIN_WIDTH + RECURRENCE_WIDTH + 1)?;
                store_instance(write, &chain, group, next, true).await?;
            }
            None => {
                let sql = format!(
                    "UPDATE {} SET state = 'ended' WHERE chain_id = {}",
                    tables.chains, chain.id
                );
                write.later(&sql).await?;
            }
        }
    }
    Ok(())
}

/// Fails actions with a status that neither side knows: nobody would ever look at them again. What it was is in the log.
pub(super) async fn fail_unknown_statuses(write: &mut Write<'_>) -> Outcome<()> {
    let tables = write.tables();
    // A few seeks of the key on status.
    let statuses = write.rows(&format!("SELECT DISTINCT status FROM {}", tables.actions)).await?;
    let known = |status: &str| status.parse::<Status>().is_ok();
    let mut unknown = Vec::new();
    for row in &statuses {
        let status = row.text(0)?;
        if !known(status) {
            unknown.push(Text(status).to_string());
        }
    }
    if unknown.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "SELECT action_id, status FROM {} WHERE status IN {} ORDER BY action_id LIMIT {CHUNK} FOR UPDATE",
        tables.actions,
        List(unknown.iter())
    );
    let rows = write.rows(&sql).await?;
    let mut entries = Vec::with_capacity(rows.len());
    let mut ids = Vec::with_capacity(rows.len());
    for row in &rows {
        let status = row.text(1)?;
        // Some collations see no difference between `Pending` and `pending`.
        if known(status) {
            continue;
        }
        let id = row.action_id(0)?;
        let message = format!(
            "its status {status:?} cannot be read: expected pending, in-progress, complete, failed or canceled"
        );
        entries.push(Entry::new(id, write.now, Step::Failed).saying(Some(message)));
        ids.push(id);
    }
    let update = format!(
        "UPDATE {} SET status = 'failed' WHERE action_id IN {}",
        tables.actions,
        List(ids.iter())
    );
    write.later(&update).await?;
    log::write(write, &entries).await
}
