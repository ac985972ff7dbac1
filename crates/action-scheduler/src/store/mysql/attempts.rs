//! Attempts that are still in charge of their actions.

use jiff::Timestamp;

use super::adopt;
use super::claim::claimed_action;
use super::error::Outcome;
use super::groups;
use super::row::{Columns, PLUGIN_COLUMNS, PLUGIN_WIDTH, PluginRow};
use super::sql::List;
use super::transaction::Write;
use crate::action::RunnerId;
use crate::store::{AttemptsOf, OpenAttempt};

/// Reads them. For a worker that is new to this process, or a result of which this process knows nothing: seldom.
pub(super) async fn attempts(write: &mut Write<'_>, of: &AttemptsOf) -> Outcome<Vec<OpenAttempt>> {
    let tables = write.tables();
    let which = match of {
        // Served by the key on runners, then by the plugin's key on claim and status.
        AttemptsOf::Runner(runner) => {
            format!("h.runner_id = {runner} AND a.status = 'in-progress'")
        }
        // By primary keys.
        AttemptsOf::Actions(ids) => format!(
            "a.action_id IN {} AND a.claim_id > 0 \
             AND (a.status = 'in-progress' OR (a.status = 'failed' AND t.timed_out = 1))",
            List(ids.iter())
        ),
    };
    let sql = format!(
        "SELECT {PLUGIN_COLUMNS}, t.started_at, COALESCE(t.timed_out, 0), r.runner_id FROM {} a \
         LEFT JOIN {} t ON t.action_id = a.action_id LEFT JOIN {} h ON h.claim_id = a.claim_id \
         LEFT JOIN {} r ON r.runner_id = h.runner_id WHERE {which} ORDER BY a.action_id",
        tables.actions, tables.times, tables.holders, tables.runners
    );
    let rows = write.rows(&sql).await?;
    let plugin = rows.iter().map(PluginRow::read).collect::<Outcome<Vec<_>>>()?;
    let mut chains = adopt::chains_of(write, &plugin).await?;
    groups::learn(write, plugin.iter().map(|row| row.group)).await?;
    let mut attempts = Vec::with_capacity(rows.len());
    for (row, plugin) in rows.iter().zip(plugin) {
        let Some(claim) = plugin.claim else { continue };
        let chain = chains.remove(&plugin.id);
        let started = row.date(PLUGIN_WIDTH).or(plugin.last_attempt);
        attempts.push(OpenAttempt {
            claim,
            runner: row.optional_number(PLUGIN_WIDTH + 2)?.and_then(RunnerId::new),
            started_at: started.unwrap_or(Timestamp::UNIX_EPOCH),
            timed_out: row.number::<u8>(PLUGIN_WIDTH + 1)? != 0,
            action: claimed_action(write, plugin, chain),
        });
    }
    Ok(attempts)
}
