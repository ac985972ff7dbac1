//! Connections: a few that write, a few that read, each used by one step at a time.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::error::{Outcome, Trouble};
use super::url::MySqlUrl;

/// How many connections write, and how many read, at most.
const EACH: usize = 8;

/// A connection that is not made within this time is not made.
const CONNECTING: Duration = Duration::from_secs(10);

/// An answer that does not come within this time does not come: the connection is given up.
const ANSWERING: Duration = Duration::from_secs(60);

/// The connections to one database.
pub(super) struct Connections {
    options: mysql_async::Opts,
    writing: Slots,
    reading: Slots,
}

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Each statement stands for itself.
    Read,
    /// The first statement begins a transaction.
    Write,
}

struct Slots {
    access: Access,
    permits: Semaphore,
    idle: Mutex<Vec<Slot>>,
}

/// A place for a connection, whether there is one now or not.
pub(super) struct Slot {
    /// A number that no other slot of any process has: the row of this slot in the table of commits.
    pub(super) number: u64,
    /// The number that the server gave to the latest connection here.
    pub(super) thread: Option<u32>,
    pub(super) connection: Option<Conn>,
}

/// A slot in use; it goes back when dropped.
pub(super) struct Lease<'a> {
    slot: Option<Slot>,
    slots: &'a Slots,
    _permit: SemaphorePermit<'a>,
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            self.slots.idle.lock().unwrap_or_else(PoisonError::into_inner).push(slot);
        }
    }
}

impl Connections {
    pub(super) fn new(url: &MySqlUrl) -> Self {
        let options = url.options().tcp_nodelay(true).tcp_keepalive(Some(Duration::from_secs(30)));
        let slots = |access| Slots {
            access,
            permits: Semaphore::new(EACH),
            idle: Mutex::new((0..EACH).map(|_| Slot::new()).collect()),
        };
        Self {
            options: options.into(),
            writing: slots(Access::Write),
            reading: slots(Access::Read),
        }
    }

    /// A slot, as soon as one is free. Its connection may be missing, or have been cut meanwhile.
    pub(super) async fn lease(&self, access: Access) -> Lease<'_> {
        let slots = match access {
            Access::Read => &self.reading,
            Access::Write => &self.writing,
        };
        // The semaphore lives as long as `self` and is never closed, so there is always a permit in the end.
        let Ok(permit) = slots.permits.acquire().await else { std::future::pending().await };
        // A slot for each permit; should one have been lost, a new one is as good.
        let slot = slots.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Lease { slot: Some(slot.unwrap_or_else(Slot::new)), slots, _permit: permit }
    }

    /// A connection outside of all slots, in which each statement stands for itself.
    pub(super) async fn open(&self) -> Outcome<Conn> {
        self.connect(Access::Read).await
    }

    async fn connect(&self, access: Access) -> Outcome<Conn> {
        let connecting = Conn::new(self.options.clone());
        let Ok(connection) = tokio::time::timeout(CONNECTING, connecting).await else {
            return Err(Trouble::Silence);
        };
        let mut connection = connection?;
        let autocommit = u8::from(access == Access::Read);
        // Zero dates are values here, as they are to the plugin. READ COMMITTED takes no locks on gaps. Merges of several
        // keys lock more than they give, and stumble over rows that are deleted meanwhile. MariaDB would turn a list of
        // 1,000 ids into a table to join with, and read, and lock, all rows for it; and it can end a transaction whose
        // client holds still, or cannot be reached any more, instead of keeping its locks for hours. MySQL does neither.
        let session = format!(
            "SET NAMES utf8mb4; \
             SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', time_zone = '+00:00', \
             innodb_lock_wait_timeout = 20, autocommit = {autocommit}, optimizer_switch = 'index_merge=off' \
             /*M!100303 , in_predicate_conversion_threshold = 0, idle_transaction_timeout = 20 */; \
             SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"
        );
        exchange(&mut connection, &session).await?;
        Ok(connection)
    }
}

impl Slot {
    fn new() -> Self {
        // A signed column holds it.
        Self { number: rand::random::<u64>() >> 1, thread: None, connection: None }
    }
}

impl Lease<'_> {
    pub(super) fn slot(&mut self) -> &mut Slot {
        self.slot.get_or_insert_with(Slot::new)
    }

    /// Closes the connection: what was not committed is taken back by the server.
    pub(super) fn cut(&mut self) {
        self.slot().connection = None;
    }

    /// Runs statements, separated by semicolons. The connection is made first if there is none, and closed after an
    /// error that leaves it in doubt.
    pub(super) async fn run(&mut self, connections: &Connections, sql: &str) -> Outcome<Answer> {
        let access = self.slots.access;
        let slot = self.slot();
        let mut connection = match slot.connection.take() {
            Some(connection) => connection,
            None => {
                let connection = connections.connect(access).await?;
                slot.thread = Some(connection.id());
                connection
            }
        };
        // Taken out meanwhile: should this future be dropped half-way, so is the connection.
        let answer = exchange(&mut connection, sql).await;
        let keep = match &answer {
            Ok(_) => true,
            Err(trouble) => !matches!(trouble.remedy(), super::error::Remedy::Reconnect),
        };
        if keep {
            self.slot().connection = Some(connection);
        }
        answer
    }
}

/// What the server answered to some statements.
pub(super) struct Answer {
    /// The rows of the last that gives rows.
    pub(super) rows: Vec<Row>,
    /// How many rows the last one changed.
    pub(super) affected: u64,
    /// The first id that the last one gave out.
    pub(super) last_id: u64,
}

/// Runs statements, separated by semicolons, on a connection.
pub(super) async fn exchange(connection: &mut Conn, sql: &str) -> Outcome<Answer> {
    let talk = async {
        let mut rows = Vec::new();
        let mut result = connection.query_iter(sql).await?;
        while !result.is_empty() {
            let has_rows = !result.columns_ref().is_empty();
            let found = result.collect::<Row>().await?;
            if has_rows {
                rows = found;
            }
        }
        // An error of a later statement is kept by the driver until it is asked for.
        result.drop_result().await?;
        Ok::<_, mysql_async::Error>(rows)
    };
    let rows = match tokio::time::timeout(ANSWERING, talk).await {
        Ok(rows) => rows?,
        Err(_) => return Err(Trouble::Silence),
    };
    Ok(Answer {
        rows,
        affected: connection.affected_rows(),
        last_id: connection.last_insert_id().unwrap_or_default(),
    })
}
