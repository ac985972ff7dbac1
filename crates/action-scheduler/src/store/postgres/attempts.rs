//! Attempts that are still in charge of their actions.

use super::PostgresStore;
use super::call::Call;
use super::claim::numbers;
use super::row::{self, CLAIMED_CHAIN};
use crate::action::RunnerId;
use crate::error::Result;
use crate::store::{AttemptsOf, OpenAttempt};

impl PostgresStore {
    /// Reads them. For a worker that is new to this process, or a result of which this process knows nothing: seldom.
    pub(super) async fn open_attempts(&self, of: &AttemptsOf) -> Result<Vec<OpenAttempt>> {
        let doing = "reading attempts";
        let schema = &self.database.schema;
        let (from, parameter) = match of {
            // Served by claims_by_runner, then by primary key.
            AttemptsOf::Runner(runner) => (
                format!(
                    "{schema}.claims c CROSS JOIN unnest(c.actions) AS held (id) \
                     JOIN {schema}.actions a ON a.id = held.id AND a.claim = c.id AND a.status = 1 \
                     LEFT JOIN {schema}.runners r ON r.id = c.runner \
                     LEFT JOIN {schema}.chains ON chains.id = a.chain WHERE c.runner = ANY ($1)"
                ),
                vec![runner.get()],
            ),
            // By primary keys.
            AttemptsOf::Actions(ids) => (
                format!(
                    "{schema}.actions a LEFT JOIN {schema}.claims c ON c.id = a.claim \
                     LEFT JOIN {schema}.runners r ON r.id = c.runner \
                     LEFT JOIN {schema}.chains ON chains.id = a.chain \
                     WHERE a.id = ANY ($1) AND a.claim IS NOT NULL \
                     AND (a.status = 1 OR (a.status = 3 AND a.timed_out))"
                ),
                numbers(ids),
            ),
        };
        let sql = format!(
            "SELECT a.started_at, r.id, coalesce(a.timed_out, false), a.claim, a.id, a.hook, a.grp, a.args, \
             a.priority, a.attempts, a.scheduled_at, a.chain, {CLAIMED_CHAIN} FROM {from} ORDER BY a.id"
        );
        let rows = self.database.read_soon(doing, Call::statement(sql).with(parameter)).await?;
        row::load_names(&self.database, &rows, row::BEFORE_CLAIMED + 1, row::BEFORE_CLAIMED + 2)
            .await?;
        let names = &self.database.opener.names;
        let mut chains = row::Chains::default();
        let attempts = rows.iter().map(|row| {
            Ok(OpenAttempt {
                action: row::claimed_action(names, &mut chains, row)?,
                claim: row::claim_id(row, row::BEFORE_CLAIMED - 1)?,
                runner: row::get::<Option<i64>>(row, 1)?.and_then(RunnerId::new),
                started_at: row::time(row, 0)?,
                timed_out: row::get(row, 2)?,
            })
        });
        let attempts: row::Read<Vec<OpenAttempt>> = attempts.collect();
        Ok(self.read(doing, attempts)?)
    }
}
