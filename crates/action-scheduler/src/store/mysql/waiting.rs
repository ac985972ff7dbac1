//! What waits, in SQL: under which conditions, and by which key it is read.

use std::fmt::Write as _;

use super::error::Outcome;
use super::row::Columns;
use super::sql::{List, Text};
use super::tables::Tables;
use super::transaction::Write;
use super::unique::exactly;
use crate::store::ClaimFilter;
use crate::store::patterns::like;

/// To read a row by the plugin's key costs as much as to pass over so many by reading the table from end to end: the key
/// does not hold priorities, so that each row has to be looked up.
const LOOK_UP: u64 = 4;

/// The plugin's key that serves claims.
pub(super) const PLUGIN_INDEX: &str = "claim_id_status_scheduled_date_gmt";

/// Our own, where it has been added.
pub(super) const CLAIM_INDEX: &str = "action_scheduler_claim_order";

/// The conditions of a filter, each with `AND` before it.
pub(super) fn conditions(tables: &Tables, filter: &ClaimFilter) -> String {
    let mut sql = String::new();
    // Writing to a String cannot fail.
    if !filter.hooks.is_empty() {
        let names: Vec<String> =
            filter.hooks.iter().map(|hook| Text(hook.as_str()).to_string()).collect();
        let names = List(names.iter());
        let _ = write!(
            sql,
            " AND a.hook IN {names} AND CONVERT(a.hook USING utf8mb4) COLLATE utf8mb4_bin IN {names}"
        );
    }
    for pattern in &filter.exclude_hooks {
        let _ = write!(
            sql,
            " AND CONVERT(a.hook USING utf8mb4) COLLATE utf8mb4_bin NOT LIKE {}",
            Text(&like(pattern))
        );
    }
    let groups = &tables.groups;
    match &filter.group {
        Some(group) => {
            let slug = exactly("g.slug", group.as_str());
            let _ =
                write!(sql, " AND a.group_id IN (SELECT g.group_id FROM {groups} g WHERE {slug})");
        }
        None => {
            for group in &filter.exclude_groups {
                let slug = exactly("g.slug", group.as_str());
                let _ = write!(
                    sql,
                    " AND a.group_id NOT IN (SELECT g.group_id FROM {groups} g WHERE {slug})"
                );
            }
        }
    }
    sql
}

/// The key by which all that waits, under these conditions, is read with the least work.
pub(super) async fn index(write: &mut Write<'_>, waits: &str) -> Outcome<&'static str> {
    if write.database.is_optimized() {
        return Ok(CLAIM_INDEX);
    }
    // The server's own guesses of how many rows there are in the key and in the table. It would not draw this conclusion:
    // it takes a look-up for cheaper than it is as soon as there are many.
    let actions = &write.tables().actions;
    let sql = format!(
        "EXPLAIN SELECT a.action_id FROM {actions} a FORCE INDEX ({PLUGIN_INDEX}) WHERE {waits} \
         UNION ALL SELECT everything.schedule FROM {actions} everything"
    );
    let (mut waiting, mut everything) = (0, 0);
    for row in write.rows(&sql).await? {
        let named = |name| row.columns_ref().iter().position(|column| column.name_str() == name);
        let (Some(table), Some(rows)) = (named("table"), named("rows")) else { continue };
        let rows: u64 = row.optional_number(rows)?.unwrap_or_default();
        match row.optional_text(table)? {
            Some("a") => waiting = rows,
            Some("everything") => everything = rows,
            _ => {}
        }
    }
    Ok(if waiting.saturating_mul(LOOK_UP) > everything { "PRIMARY" } else { PLUGIN_INDEX })
}
