//! Several look-ups that see the same moment.

use mysql_async::Row;

use super::connection::{Access, Lease};
use super::error::Outcome;
use super::tables::Tables;
use super::transaction::{Ask, Database};

/// A connection on which all look-ups see the database as it was when the first one began.
pub(super) struct Snapshot<'a> {
    database: &'a Database,
    lease: Lease<'a>,
    is_open: bool,
}

impl<'a> Snapshot<'a> {
    pub(super) async fn new(database: &'a Database) -> Self {
        let lease = database.connections.lease(Access::Read).await;
        Self { database, lease, is_open: false }
    }

    /// Whoever uses the connection next sees what is new.
    pub(super) async fn close(mut self) -> Outcome<()> {
        if self.is_open {
            self.lease.run(&self.database.connections, "COMMIT").await?;
            self.is_open = false;
        }
        Ok(())
    }
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        if self.is_open {
            self.lease.cut();
        }
    }
}

impl Ask for Snapshot<'_> {
    fn tables(&self) -> &Tables {
        &self.database.tables
    }

    async fn rows(&mut self, sql: &str) -> Outcome<Vec<Row>> {
        if !self.is_open {
            // For this one transaction.
            let begin = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; \
                         START TRANSACTION WITH CONSISTENT SNAPSHOT";
            self.is_open = true;
            self.lease.run(&self.database.connections, begin).await?;
        }
        Ok(self.lease.run(&self.database.connections, sql).await?.rows)
    }
}
