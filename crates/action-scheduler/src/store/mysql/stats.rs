//! Figures about the whole store.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::error::Outcome;
use super::php::site_time::format_gmt;
use super::row::{Columns, chain_state, status};
use super::transaction::Read;
use crate::action::{Group, Hook, Status};
use crate::store::Stats;

pub(super) async fn stats(read: &mut Read<'_>, now: Timestamp) -> Outcome<Stats> {
    let tables = &read.database.tables;
    let mut stats = Stats {
        counts: Status::ALL.iter().map(|status| (status.as_str(), 0)).collect(),
        past_due: 0,
        dates: BTreeMap::new(),
        claims: 0,
        runners: 0,
        chains: BTreeMap::new(),
    };
    // One pass of the key on status and date; the plugin's own screen does the same.
    let sql = format!(
        "SELECT status, COUNT(*), MIN(scheduled_date_gmt), MAX(scheduled_date_gmt) FROM {} GROUP BY status",
        tables.actions
    );
    for row in read.rows(&sql).await? {
        let status = status(row.text(0)?).as_str();
        *stats.counts.entry(status).or_default() += row.number::<u64>(1)?;
        if let (Some(oldest), Some(newest)) = (row.date(2), row.date(3)) {
            let dates = stats.dates.entry(status).or_insert((oldest, newest));
            *dates = (dates.0.min(oldest), dates.1.max(newest));
        }
    }
    // The first is served by the key on status and date: as many steps as there are past-due.
    let sql = format!(
        "SELECT (SELECT COUNT(*) FROM {} WHERE status = 'pending' AND scheduled_date_gmt <= '{}'), \
         (SELECT COUNT(*) FROM {}), (SELECT COUNT(*) FROM {})",
        tables.actions,
        format_gmt(Some(now)),
        tables.claims,
        tables.runners
    );
    if let Some(row) = read.rows(&sql).await?.first() {
        (stats.past_due, stats.claims, stats.runners) =
            (row.number(0)?, row.number(1)?, row.number(2)?);
    }
    let sql = format!("SELECT state, COUNT(*) FROM {} GROUP BY state", tables.chains);
    for row in read.rows(&sql).await? {
        stats.chains.insert(chain_state(row.text(0)?)?, row.number(1)?);
    }
    Ok(stats)
}

/// The hooks of the actions there are.
pub(super) async fn hooks(read: &mut Read<'_>) -> Outcome<Vec<Hook>> {
    // Reads all rows: the key on the hook does not tell case.
    let sql = format!(
        "SELECT DISTINCT CONVERT(hook USING utf8mb4) COLLATE utf8mb4_bin FROM {} ORDER BY 1",
        read.database.tables.actions
    );
    let rows = read.rows(&sql).await?;
    rows.iter().map(|row| Ok(Hook::from_stored(row.text(0)?))).collect()
}

/// The groups that there are; the default group is that of all actions that name none, as in the plugin.
pub(super) async fn groups(read: &mut Read<'_>) -> Outcome<Vec<Group>> {
    let tables = &read.database.tables;
    // The second part is a step into the key on the group.
    let sql = format!(
        "SELECT CONVERT(slug USING utf8mb4) COLLATE utf8mb4_bin AS name FROM {} \
         UNION SELECT '' FROM (SELECT 1 FROM {} WHERE group_id = 0 LIMIT 1) some ORDER BY name",
        tables.groups, tables.actions
    );
    let rows = read.rows(&sql).await?;
    rows.iter().map(|row| Ok(Group::from_stored(row.text(0)?))).collect()
}
