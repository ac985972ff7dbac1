//! Deleting what has been kept long enough, and what belongs to nothing.

use jiff::{SignedDuration, Timestamp};

use super::change::{delete_logs, delete_rows};
use super::claim::ids;
use super::error::Outcome;
use super::figures;
use super::journal::{Kind, not_held};
use super::once;
use super::php::site_time::format_gmt;
use super::records;
use super::row::{Columns, unreadable};
use super::sql::{List, Text};
use super::transaction::Write;
use crate::action::{ActionId, Hook};
use crate::store::{CleanBatch, CleanCursor, CleanMode, Cleaned, HookScope};

/// How many rows are looked at in one step for what belongs to nothing.
const STEP: usize = 5_000;

/// How many such steps one call takes at most.
const STEPS: usize = 20;

/// What the plugin has claimed is left to it for so long.
const PLUGIN_CLAIMS: SignedDuration = SignedDuration::from_hours(24);

pub(super) async fn clean(write: &mut Write<'_>, batch: &CleanBatch) -> Outcome<Cleaned> {
    if !batch.status.is_finished() || batch.limit == 0 {
        return Ok(Cleaned { deleted: 0, next: None });
    }
    let tables = write.tables();
    let after = match batch.after {
        Some(cursor) => format!(
            " AND a.scheduled_date_gmt >= '{date}' AND (a.scheduled_date_gmt > '{date}' OR a.action_id > {})",
            cursor.id,
            date = format_gmt(Some(cursor.scheduled_at))
        ),
        None => String::new(),
    };
    // In the order of the key on status and date, from where the last batch ended to the first that is too young: what
    // is kept is not looked at, and nothing twice in one round.
    let sql = format!(
        "SELECT a.action_id, a.scheduled_date_gmt, a.hook, t.finished_at, a.last_attempt_gmt \
         FROM {} a FORCE INDEX (status_scheduled_date_gmt) LEFT JOIN {} t ON t.action_id = a.action_id \
         WHERE a.status = {}{after} AND a.scheduled_date_gmt < {} AND {} \
         ORDER BY a.scheduled_date_gmt, a.action_id LIMIT {}",
        tables.actions,
        tables.times,
        Text(batch.status.as_str()),
        super::sql::Micros(batch.before),
        not_held(tables, Kind::Action, "a.action_id"),
        batch.limit
    );
    let rows = write.rows(&sql).await?;
    let (hooks, only) = match &batch.hooks {
        HookScope::Only(hooks) => (hooks, true),
        HookScope::AllBut(hooks) => (hooks, false),
    };
    let mut old = Vec::with_capacity(rows.len());
    for row in &rows {
        let hook = Hook::from_stored(row.text(2)?);
        let scheduled = row.date(1);
        let modified_at = row.date(3).or(row.date(4)).or(scheduled).unwrap_or(Timestamp::MIN);
        if modified_at < batch.before && hooks.contains(&hook) == only {
            old.push(row.action_id(0)?);
        }
    }
    let deleted = match batch.mode {
        CleanMode::DryRun => old.len() as u64,
        CleanMode::Delete => delete_if(write, &old, batch).await?,
    };
    let next = match rows.last() {
        Some(row) if rows.len() as u64 == u64::from(batch.limit) => Some(CleanCursor {
            scheduled_at: row.date(1).ok_or_else(|| unreadable(1, "it is no date"))?,
            id: row.action_id(0)?,
        }),
        _ => None,
    };
    Ok(Cleaned { deleted, next })
}

/// Deletes those that still have the status they had when they were read.
async fn delete_if(write: &mut Write<'_>, old: &[ActionId], batch: &CleanBatch) -> Outcome<u64> {
    if old.is_empty() {
        return Ok(0);
    }
    let tables = write.tables();
    // By primary key.
    let sql = format!(
        "SELECT a.action_id FROM {} a WHERE a.action_id IN {} AND a.status = {} AND {} \
         ORDER BY a.action_id FOR UPDATE",
        tables.actions,
        List(old.iter()),
        Text(batch.status.as_str()),
        not_held(tables, Kind::Action, "a.action_id")
    );
    let old = ids(&write.rows(&sql).await?)?;
    delete_rows(write, &old).await?;
    Ok(old.len() as u64)
}

/// How far the search for what belongs to nothing has come, so that each call goes on where the last one ended.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    log: u64,
    times: u64,
    instances: u64,
}

pub(super) async fn clean_orphans(
    write: &mut Write<'_>,
    limit: u32,
    sweep: &mut Sweep,
) -> Outcome<u64> {
    let tables = write.tables();
    let (actions, times) = (&tables.actions, &tables.times);
    let mut deleted = 0;
    // Logs of actions that the plugin deleted, and what we wrote down of them. A step reads as many rows by primary key.
    let mut from = sweep.log;
    for _ in 0..STEPS {
        let (orphans, next) = orphans(write, &tables.logs, "log_id", from, limit).await?;
        delete_logs(write, &orphans).await?;
        deleted += orphans.len() as u64;
        from = next.unwrap_or_default();
        if !orphans.is_empty() || next.is_none() {
            break;
        }
    }
    sweep.log = from;
    // What the plugin stored and ran itself has a chain, and no dates.
    for (table, from) in [(times, &mut sweep.times), (&tables.instances, &mut sweep.instances)] {
        deleted += sweep_actions(write, table, from, limit).await?;
    }
    // Claims with nothing live; the plugin makes a claim before it fills it.
    let before = write.now.checked_sub(PLUGIN_CLAIMS).unwrap_or(write.now);
    let empty = format!(
        "NOT EXISTS (SELECT 1 FROM {actions} a WHERE a.claim_id = c.claim_id AND a.status IN ('pending','in-progress'))"
    );
    let sql = format!(
        "SELECT c.claim_id FROM {} c LEFT JOIN {} h ON h.claim_id = c.claim_id \
         WHERE (h.claim_id IS NOT NULL OR c.date_created_gmt < '{}') AND {empty} LIMIT {limit}",
        tables.claims,
        tables.holders,
        format_gmt(Some(before))
    );
    let claims = ids(&write.rows(&sql).await?)?;
    for table in [&tables.claims, &tables.holders] {
        let sql = format!(
            "DELETE c FROM {table} c WHERE c.claim_id IN {} AND {empty}",
            List(claims.iter())
        );
        write.later(&sql).await?;
    }
    deleted += claims.len() as u64;
    let sql = format!(
        "SELECT c.chain_id FROM {} c WHERE c.state = 'ended' AND NOT EXISTS \
         (SELECT 1 FROM {} i WHERE i.chain_id = c.chain_id) AND {} LIMIT {limit}",
        tables.chains,
        tables.instances,
        not_held(tables, Kind::Chain, "c.chain_id")
    );
    let chains = ids(&write.rows(&sql).await?)?;
    let sql = format!(
        "DELETE c FROM {} c WHERE c.chain_id IN {} AND {}",
        tables.chains,
        List(chains.iter()),
        not_held(tables, Kind::Chain, "c.chain_id")
    );
    write.later(&sql).await?;
    deleted += chains.len() as u64;
    deleted += records::clean(write, limit).await?;
    deleted += once::clean(write, limit).await?;
    deleted += figures::clean(write, limit).await?;
    // Connections that are long gone.
    let sql =
        format!("DELETE FROM {} WHERE used_at < UTC_TIMESTAMP() - INTERVAL 7 DAY", tables.commits);
    write.later(&sql).await?;
    Ok(deleted)
}

/// Deletes what we wrote down of actions that are gone, as far as a table of ours names them.
async fn sweep_actions(
    write: &mut Write<'_>,
    table: &str,
    from: &mut u64,
    limit: u32,
) -> Outcome<u64> {
    let tables = write.tables();
    for _ in 0..STEPS {
        let (orphans, next) = orphans(write, table, "action_id", *from, limit).await?;
        for table in [&tables.times, &tables.instances, &tables.keys] {
            let sql = format!("DELETE FROM {table} WHERE action_id IN {}", List(orphans.iter()));
            write.later(&sql).await?;
        }
        *from = next.unwrap_or_default();
        if !orphans.is_empty() || next.is_none() {
            return Ok(orphans.len() as u64);
        }
    }
    Ok(0)
}

/// Among the next rows of a table after a key, those whose action is gone; and where to go on, if there is more.
async fn orphans(
    write: &mut Write<'_>,
    table: &str,
    key: &str,
    after: u64,
    limit: u32,
) -> Outcome<(Vec<ActionId>, Option<u64>)> {
    let actions = &write.tables().actions;
    let sql = format!(
        "SELECT o.k, a.action_id IS NULL FROM (SELECT {key} AS k, action_id FROM {table} WHERE {key} > {after} \
         ORDER BY {key} LIMIT {STEP}) o LEFT JOIN {actions} a ON a.action_id = o.action_id ORDER BY o.k"
    );
    let rows = write.rows(&sql).await?;
    let mut orphans = Vec::new();
    for row in &rows {
        if row.number::<u8>(1)? == 1 {
            orphans.push(row.action_id(0)?);
            if orphans.len() >= limit as usize {
                return Ok((orphans, Some(row.number(0)?)));
            }
        }
    }
    let next = match rows.last() {
        Some(row) if rows.len() == STEP => Some(row.number(0)?),
        _ => None,
    };
    Ok((orphans, next))
}
