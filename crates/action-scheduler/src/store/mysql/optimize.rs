//! Keys of ours on the plugin's table, on request: with them the cost of a claim does not depend on the backlog at all.
//!
//! Without them claims are right, and only now and then read and sort all that waits. The plugin does not mind further
//! keys; each of its own updates of a schema leaves them as they are.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::MySqlStore;
use super::error::Outcome;
use super::row::Columns;
use super::transaction::{Read, Tries};
use super::waiting::CLAIM_INDEX;
use crate::error::Result;

/// The columns of the key that serves claims: claim order, among what waits.
const CLAIM_COLUMNS: &str = "claim_id, status, priority, attempts, scheduled_date_gmt";

/// How many rows a server reads and sorts in a second for a new key, roughly, on a small machine.
const ROWS_PER_SECOND: u64 = 250_000;

/// A key of ours on the plugin's table of actions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// Its name.
    pub name: &'static str,
    /// The statement that adds it.
    pub statement: String,
    /// What it is for.
    pub purpose: &'static str,
    /// Whether it is there.
    pub present: bool,
    /// How long adding it will take, roughly. Both sides can work meanwhile.
    pub estimate: Duration,
}

impl MySqlStore {
    /// The keys that would make the plugin's table faster for this program, and those that have been added.
    pub async fn optimize_plan(&self) -> Result<Vec<Index>> {
        let mut tries = Tries::new("looking at keys");
        loop {
            let mut read = self.database.begin_read().await;
            let outcome = plan(&mut read).await;
            if let Some(plan) = read.end(outcome, &mut tries).await? {
                return Ok(plan);
            }
        }
    }

    /// Adds the keys that are not there; gives those it added.
    pub async fn optimize_apply(&self) -> Result<Vec<Index>> {
        let missing: Vec<Index> =
            self.optimize_plan().await?.into_iter().filter(|index| !index.present).collect();
        for index in &missing {
            self.alter(&index.statement).await?;
        }
        self.look_for_keys().await?;
        Ok(missing)
    }

    /// Takes our keys away; gives those it took.
    pub async fn optimize_remove(&self) -> Result<Vec<Index>> {
        let present: Vec<Index> =
            self.optimize_plan().await?.into_iter().filter(|index| index.present).collect();
        // Claims that are under way name the key.
        self.database.optimized.store(false, Ordering::Relaxed);
        let windows = self.windows.lock().await;
        for index in &present {
            let table = &self.database.tables.actions;
            self.alter(&format!("ALTER TABLE {table} DROP INDEX {}", index.name)).await?;
        }
        drop(windows);
        Ok(present)
    }

    /// Notices whether our keys are there.
    pub(super) async fn look_for_keys(&self) -> Result<()> {
        let plan = self.optimize_plan().await?;
        let is_there = plan.iter().any(|index| index.name == CLAIM_INDEX && index.present);
        self.database.optimized.store(is_there, Ordering::Relaxed);
        Ok(())
    }

    /// Changes the table on a connection of its own: that takes as long as it takes.
    async fn alter(&self, sql: &str) -> Result<()> {
        let altered = async {
            let mut connection = self.database.connections.open().await?;
            mysql_async::prelude::Queryable::query_drop(&mut connection, sql).await?;
            connection.disconnect().await?;
            Outcome::Ok(())
        };
        altered.await.map_err(|trouble| trouble.tell("changing keys", &self.database.place))
    }
}

async fn plan(read: &mut Read<'_>) -> Outcome<Vec<Index>> {
    let table = read.database.tables.actions.clone();
    let keys = read.rows(&format!("SHOW INDEX FROM {table}")).await?;
    let mut present = false;
    for key in &keys {
        present |= key.text(2)? == CLAIM_INDEX;
    }
    // The server's own guess.
    let sql = format!(
        "SELECT COALESCE(table_rows, 0) FROM information_schema.tables \
         WHERE table_schema = DATABASE() AND table_name = '{}'",
        table.trim_matches('`')
    );
    let rows = read.rows(&sql).await?;
    let count: u64 = rows.first().map(|row| row.number(0)).transpose()?.unwrap_or_default();
    Ok(vec![Index {
        name: CLAIM_INDEX,
        statement: format!(
            "ALTER TABLE {table} ADD INDEX {CLAIM_INDEX} ({CLAIM_COLUMNS}), ALGORITHM = INPLACE, LOCK = NONE"
        ),
        purpose: "gives what waits in claim order, so that no claim sorts the backlog",
        present,
        estimate: Duration::from_secs(1 + count / ROWS_PER_SECOND),
    }])
}
