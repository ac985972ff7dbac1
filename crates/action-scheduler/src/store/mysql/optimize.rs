//! Keys of ours on the plugin's table, on request: with them the cost of a claim does not depend on the backlog at all.
//!
//! Without them claims are right, and only now and then read and sort all that waits. The plugin does not mind further
//! keys; each of its own updates of a schema leaves them as they are.

use std::sync::atomic::Ordering;
use std::time::Duration;

use mysql_async::Row;
use mysql_async::prelude::Queryable;

use super::MySqlStore;
use super::error::{Outcome, Trouble};
use super::row::Columns;
use super::transaction::{Read, Tries};
use super::waiting::CLAIM_INDEX;
use crate::error::{Result, StoreError, StoreErrorKind};

/// The columns of the key that serves claims: claim order, among what waits.
const CLAIM_COLUMNS: &str = "claim_id, status, priority, attempts, scheduled_date_gmt";

/// How many rows a server reads and sorts in a second for a new key, roughly, on a small machine.
const ROWS_PER_SECOND: u64 = 250_000;

/// How many seconds a change waits for transactions that have used the table and are still open. Whatever else wants the
/// table waits behind it meanwhile.
const LOCK_WAIT: u32 = 5;

/// A key of ours on the plugin's table of actions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub purpose: &'static str,
    /// Whether it is there.
    pub present: bool,
    /// The statement that adds it.
    pub add: String,
    /// How long adding it will take, roughly. Taking it away takes a moment.
    pub estimate: Duration,
    /// Whether whatever writes has to wait while it is added, as on a Galera cluster: there all nodes do it at the same
    /// place among the writes. Elsewhere both sides can work meanwhile.
    pub writes_wait: bool,
    /// The statement that takes it away.
    pub remove: String,
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

    /// Adds the keys that are not there; gives those it added. Other processes notice with their next sign of life.
    pub async fn optimize_apply(&self) -> Result<Vec<Index>> {
        let missing: Vec<Index> =
            self.optimize_plan().await?.into_iter().filter(|index| !index.present).collect();
        for index in &missing {
            self.alter(&index.add).await?;
        }
        self.look_for_keys().await?;
        Ok(missing)
    }

    /// Takes our keys away; gives those it took. Other processes notice with their next claim.
    pub async fn optimize_remove(&self) -> Result<Vec<Index>> {
        let present: Vec<Index> =
            self.optimize_plan().await?.into_iter().filter(|index| index.present).collect();
        // Claims that are under way name the key.
        self.database.optimized.store(false, Ordering::Relaxed);
        let windows = self.windows.lock().await;
        for index in &present {
            self.alter(&index.remove).await?;
        }
        drop(windows);
        Ok(present)
    }

    /// Notices whether our keys are there.
    pub(super) async fn look_for_keys(&self) -> Result<()> {
        let mut tries = Tries::new("looking at keys");
        let is_there = loop {
            let mut read = self.database.begin_read().await;
            let outcome = has_claim_index(&mut read).await;
            if let Some(is_there) = read.end(outcome, &mut tries).await? {
                break is_there;
            }
        };
        self.database.optimized.store(is_there, Ordering::Relaxed);
        Ok(())
    }

    /// Changes the table on a connection of its own: that takes as long as it takes.
    async fn alter(&self, sql: &str) -> Result<()> {
        let altered = async {
            let mut connection = self.database.connections.open().await?;
            let patience = format!("SET SESSION lock_wait_timeout = {LOCK_WAIT}");
            connection.query_drop(patience).await?;
            connection.query_drop(sql).await?;
            connection.disconnect().await?;
            Outcome::Ok(())
        };
        altered.await.map_err(|trouble| match trouble.is_lock_wait() {
            true => self.held_up(&trouble).into(),
            false => trouble.tell("changing keys", &self.database.place),
        })
    }

    fn held_up(&self, trouble: &Trouble) -> StoreError {
        let place = &self.database.place;
        let message = format!(
            "{place}: changing keys: nothing was changed, as another transaction that has used the table is still open; \
             try again when it has ended ({trouble})"
        );
        StoreError::new(StoreErrorKind::Unavailable, message)
    }
}

async fn plan(read: &mut Read<'_>) -> Outcome<Vec<Index>> {
    let present = has_claim_index(read).await?;
    let table = read.database.tables.actions.clone();
    // The server's own guess.
    let sql = format!(
        "SELECT COALESCE(table_rows, 0) FROM information_schema.tables \
         WHERE table_schema = DATABASE() AND table_name = '{}'",
        table.trim_matches('`')
    );
    let rows = read.rows(&sql).await?;
    let count: u64 = rows.first().map(|row| row.number(0)).transpose()?.unwrap_or_default();
    // Servers that know nothing of clusters answer with no row.
    let cluster = read.rows("SHOW VARIABLES LIKE 'wsrep_on'").await?;
    let is_on = |row: &Row| Ok::<_, Trouble>(row.text(1)? == "ON");
    let writes_wait = cluster.first().map(is_on).transpose()?.unwrap_or_default();
    Ok(vec![Index {
        name: CLAIM_INDEX,
        purpose: "gives what waits in claim order, so that no claim sorts the backlog",
        present,
        add: format!(
            "ALTER TABLE {table} ADD INDEX {CLAIM_INDEX} ({CLAIM_COLUMNS}), ALGORITHM = INPLACE, LOCK = NONE"
        ),
        estimate: Duration::from_secs(1 + count / ROWS_PER_SECOND),
        writes_wait,
        remove: format!(
            "ALTER TABLE {table} DROP INDEX {CLAIM_INDEX}, ALGORITHM = INPLACE, LOCK = NONE"
        ),
    }])
}

async fn has_claim_index(read: &mut Read<'_>) -> Outcome<bool> {
    let table = read.database.tables.actions.clone();
    let sql = format!("SHOW INDEX FROM {table} WHERE key_name = '{CLAIM_INDEX}'");
    Ok(!read.rows(&sql).await?.is_empty())
}
