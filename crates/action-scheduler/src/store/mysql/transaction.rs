//! Transactions that are done again when the server takes them back, and a lost commit that is looked up, not guessed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use mysql_async::Row;

use super::connection::{Access, Answer, Connections, Lease};
use super::error::{Outcome, Remedy, Trouble};
use super::groups::Groups;
use super::php::site_time::{SiteTime, format_gmt};
use super::row::{Columns, unreadable};
use super::tables::Tables;
use crate::action::ActionId;
use crate::error::Result;

/// How long a step is tried again, in all, before the caller is told.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often a lost connection is made anew before the caller is told: it knows how to wait.
const RECONNECTS: u32 = 3;

/// Statements that wait for the next answer are sent at the latest when they are this long.
const LONGEST: usize = 256 * 1024;

/// Where a database is, for transactions and look-ups.
pub(super) struct Database {
    pub(super) connections: Connections,
    pub(super) tables: Tables,
    /// Server and database, for messages.
    pub(super) place: String,
    /// The time zone of the site, for `*_local` dates.
    pub(super) site: SiteTime,
    pub(super) groups: Groups,
    /// Whether our own index serves claims.
    pub(super) optimized: AtomicBool,
}

/// How often a step has been tried, and what for.
pub(super) struct Tries {
    what: &'static str,
    begun: tokio::time::Instant,
    again: u32,
    reconnects: u32,
}

impl Tries {
    pub(super) fn new(what: &'static str) -> Self {
        Self { what, begun: tokio::time::Instant::now(), again: 0, reconnects: 0 }
    }

    /// Waits before the next try; tells the caller instead if there is to be none.
    pub(super) async fn after(&mut self, trouble: Trouble, place: &str) -> Result<()> {
        let remedy = trouble.remedy();
        let is_lasting = self.begun.elapsed() > PATIENCE;
        let pause = match remedy {
            Remedy::Again if !is_lasting => {
                self.again += 1;
                // At once the first time; then at random, so that two do not meet again.
                let most = 1_u64 << self.again.min(7);
                Duration::from_millis(rand::random_range(0..most))
            }
            Remedy::Wait if !is_lasting && self.reconnects < RECONNECTS => {
                self.reconnects += 1;
                Duration::from_millis(200)
            }
            Remedy::Reconnect if self.reconnects < RECONNECTS => {
                self.reconnects += 1;
                Duration::from_millis(rand::random_range(0..50))
            }
            _ => return Err(trouble.tell(self.what, place)),
        };
        tracing::debug!(what = self.what, ?trouble, "trying again");
        tokio::time::sleep(pause).await;
        Ok(())
    }
}

impl Database {
    /// Whether our own index serves claims.
    pub(super) fn is_optimized(&self) -> bool {
        self.optimized.load(Ordering::Relaxed)
    }

    /// Looks something up, each statement for itself.
    pub(super) async fn begin_read(&self) -> Read<'_> {
        Read { database: self, lease: self.connections.lease(Access::Read).await }
    }

    /// Begins a transaction; its first statement does.
    pub(super) async fn begin(&self, now: Timestamp) -> Write<'_> {
        let lease = self.connections.lease(Access::Write).await;
        Write {
            database: self,
            lease,
            now,
            now_dates: self.dates(now),
            waiting: String::new(),
            wakes: false,
            returned: Vec::new(),
            came_back: false,
            is_open: false,
        }
    }

    /// A date as a pair of columns has it, in UTC and in the time zone of the site: two literals.
    pub(super) fn dates(&self, at: Timestamp) -> String {
        format!("'{}','{}'", format_gmt(Some(at)), self.site.format_local(Some(at)))
    }
}

/// A connection for look-ups.
pub(super) struct Read<'a> {
    pub(super) database: &'a Database,
    lease: Lease<'a>,
}

impl Read<'_> {
    /// Runs a statement.
    pub(super) async fn run(&mut self, sql: &str) -> Outcome<Answer> {
        self.lease.run(&self.database.connections, sql).await
    }

    /// Runs a statement and gives its rows.
    pub(super) async fn rows(&mut self, sql: &str) -> Outcome<Vec<Row>> {
        Ok(self.run(sql).await?.rows)
    }

    /// The result, or `None` when the look-up is to be done again.
    pub(super) async fn end<T>(self, outcome: Outcome<T>, tries: &mut Tries) -> Result<Option<T>> {
        match outcome {
            Ok(value) => Ok(Some(value)),
            Err(trouble) => {
                tries.after(trouble, &self.database.place).await?;
                Ok(None)
            }
        }
    }
}

/// A transaction.
pub(super) struct Write<'a> {
    pub(super) database: &'a Database,
    lease: Lease<'a>,
    /// The time of all that is stored by it.
    pub(super) now: Timestamp,
    /// The same as a pair of columns has it; see [`Database::dates`].
    pub(super) now_dates: String,
    /// Statements whose answers nobody needs; they go with the next one that is asked.
    waiting: String,
    /// Whether it brings work.
    pub(super) wakes: bool,
    /// What it puts back into the queue, or into it with an id that may lie before those already seen.
    pub(super) returned: Vec<ActionId>,
    /// Whether something may be back in the queue that was stored before the clock was set back.
    pub(super) came_back: bool,
    is_open: bool,
}

/// The ids that one statement gave to its rows.
pub(super) struct NewIds {
    first: u64,
    step: u64,
}

impl NewIds {
    /// The id of the row in this place, from 0. The number of rows is known when the statement begins, so that their
    /// ids lie in one run.
    pub(super) fn of(&self, place: usize) -> u64 {
        self.first + place as u64 * self.step
    }
}

impl Drop for Write<'_> {
    fn drop(&mut self) {
        // Whoever gave it up half-way did not mean it to be committed by the next one on this connection.
        if self.is_open {
            self.lease.cut();
        }
    }
}

impl<'a> Write<'a> {
    /// The names of the tables.
    pub(super) fn tables(&self) -> &'a Tables {
        &self.database.tables
    }

    /// Runs a statement when the next answer is needed, or at the end.
    pub(super) async fn later(&mut self, sql: &str) -> Outcome<()> {
        if !self.waiting.is_empty() {
            self.waiting.push(';');
        }
        self.waiting.push_str(sql);
        if self.waiting.len() > LONGEST {
            let waiting = std::mem::take(&mut self.waiting);
            self.send(&waiting).await?;
        }
        Ok(())
    }

    /// Runs a statement.
    pub(super) async fn run(&mut self, sql: &str) -> Outcome<Answer> {
        if self.waiting.is_empty() {
            return self.send(sql).await;
        }
        self.later(sql).await?;
        let waiting = std::mem::take(&mut self.waiting);
        self.send(&waiting).await
    }

    /// Runs a statement and gives its rows.
    pub(super) async fn rows(&mut self, sql: &str) -> Outcome<Vec<Row>> {
        Ok(self.run(sql).await?.rows)
    }

    /// Runs an `INSERT … VALUES` into a table that gives out ids.
    pub(super) async fn insert(&mut self, sql: &str) -> Outcome<NewIds> {
        // Clusters change by how much ids rise as nodes come and go, also of a connection that is open.
        let sql = format!(
            "SET @action_scheduler_step = @@auto_increment_increment; {sql}; \
             SELECT LAST_INSERT_ID(), @@auto_increment_increment, @action_scheduler_step"
        );
        let rows = self.rows(&sql).await?;
        let row = rows.first().ok_or_else(|| unreadable(0, "there is no id"))?;
        if row.number::<u64>(1)? != row.number::<u64>(2)? {
            return Err(Trouble::again("the cluster gives out ids in other steps than before"));
        }
        Ok(NewIds { first: row.number(0)?, step: row.number(1)? })
    }

    async fn send(&mut self, sql: &str) -> Outcome<Answer> {
        self.is_open = true;
        self.lease.run(&self.database.connections, sql).await
    }

    /// Commits what succeeded and takes back what did not. The result, or `None` when the transaction is to be done
    /// again.
    pub(super) async fn end<T>(
        mut self,
        outcome: Outcome<T>,
        tries: &mut Tries,
    ) -> Result<Option<T>> {
        let database = self.database;
        let trouble = match outcome {
            Ok(value) if !self.is_open && self.waiting.is_empty() => return Ok(Some(value)),
            Ok(value) => {
                // Zero is what a slot has that never committed anything.
                let token = (rand::random::<u64>() >> 1).max(1);
                match self.commit(token).await {
                    Ok(()) => {
                        self.is_open = false;
                        return Ok(Some(value));
                    }
                    Err(trouble) if trouble.remedy() == Remedy::Reconnect => {
                        if self.was_committed(token, tries.what).await? {
                            self.is_open = false;
                            return Ok(Some(value));
                        }
                        trouble
                    }
                    Err(trouble) => trouble,
                }
            }
            Err(trouble) => trouble,
        };
        let is_connected = self.lease.slot().connection.is_some();
        if self.is_open && is_connected {
            self.is_open = self.lease.run(&database.connections, "ROLLBACK").await.is_err();
        }
        drop(self);
        tries.after(trouble, &database.place).await?;
        Ok(None)
    }

    async fn commit(&mut self, token: u64) -> Outcome<()> {
        let number = self.lease.slot().number;
        let commits = &self.database.tables.commits;
        // By primary key, once for each transaction: a token that is only there if the rest is.
        let sql = format!(
            "INSERT INTO {commits} (slot, token, used_at) VALUES ({number}, {token}, UTC_TIMESTAMP()) \
             ON DUPLICATE KEY UPDATE token = {token}, used_at = UTC_TIMESTAMP(); COMMIT"
        );
        self.run(&sql).await.map(drop)
    }

    /// Whether the transaction of this token, whose commit was not answered, has been committed. As long as the database
    /// cannot be asked it is not known, and the caller has to wait: whatever it was told could be wrong, and what it has
    /// claimed or started and does not know of would be held up as long as it lives.
    ///
    /// The old connection is ended first, so that the commit cannot still arrive; then the row of the slot is written,
    /// which waits for a commit that is under way, and makes one that is still on its way through a cluster fail.
    async fn was_committed(&mut self, token: u64, what: &'static str) -> Result<bool> {
        const PAUSE: Duration = Duration::from_millis(500);
        let database = self.database;
        let commits = &database.tables.commits;
        let slot = self.lease.slot();
        let (number, lost) = (slot.number, slot.thread);
        loop {
            self.lease.cut();
            if let Some(lost) = lost {
                // It may be gone already, or have been on another server of a cluster.
                let _ = self.lease.run(&database.connections, &format!("KILL {lost}")).await;
            }
            let sql = format!(
                "INSERT INTO {commits} (slot, token, used_at) VALUES ({number}, 0, UTC_TIMESTAMP()) \
                 ON DUPLICATE KEY UPDATE lookups = lookups + 1; COMMIT; \
                 SELECT token FROM {commits} WHERE slot = {number}; COMMIT"
            );
            match self.lease.run(&database.connections, &sql).await {
                Ok(answer) => {
                    let found = answer.rows.first().and_then(|row| row.get::<u64, _>(0));
                    return Ok(found == Some(token));
                }
                Err(trouble)
                    if trouble.remedy() == Remedy::Tell && !trouble.is_for_want_of_room() =>
                {
                    return Err(trouble.tell(what, &database.place));
                }
                Err(trouble) => {
                    tracing::warn!(store = database.place, what, %trouble, "it is not known whether this was stored; asking again");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

/// What look-ups can be asked of: within a transaction or without.
pub(super) trait Ask: Send {
    /// The names of the tables.
    fn tables(&self) -> &Tables;

    /// Runs a statement and gives its rows.
    fn rows(&mut self, sql: &str) -> impl Future<Output = Outcome<Vec<Row>>> + Send;
}

impl Ask for Read<'_> {
    fn tables(&self) -> &Tables {
        &self.database.tables
    }

    async fn rows(&mut self, sql: &str) -> Outcome<Vec<Row>> {
        Read::rows(self, sql).await
    }
}

impl Ask for Write<'_> {
    fn tables(&self) -> &Tables {
        &self.database.tables
    }

    async fn rows(&mut self, sql: &str) -> Outcome<Vec<Row>> {
        Write::rows(self, sql).await
    }
}
