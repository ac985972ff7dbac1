//! What the benchmark wants of a store beside its work: a transaction that others hold open, and what the server counts.

use std::any::Any;

#[cfg(feature = "mysql")]
use super::mysql;
#[cfg(feature = "postgres")]
use super::postgres;
use super::{StoreUrl, sqlite};
use crate::error::Result;

/// A transaction on a connection of its own that can see the store as it was when it began. It ends when this is dropped.
pub(crate) struct HeldTransaction {
    _connection: Box<dyn Any + Send>,
}

/// Begins one.
pub(crate) async fn hold_transaction(url: &StoreUrl) -> Result<HeldTransaction> {
    let connection: Box<dyn Any + Send> = match url {
        StoreUrl::Sqlite { file } => Box::new(sqlite::outside::hold_transaction(file).await?),
        #[cfg(feature = "postgres")]
        StoreUrl::Postgres(url) => Box::new(postgres::outside::hold_transaction(url).await?),
        #[cfg(feature = "mysql")]
        StoreUrl::MySql(url) => Box::new(mysql::outside::hold_transaction(url).await?),
    };
    Ok(HeldTransaction { _connection: connection })
}

/// What a server counts of the work on its tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counters {
    /// Rows changed or deleted so far: each leaves a dead one.
    pub(crate) rows_died: u64,
    /// Dead rows that are there now.
    pub(crate) dead_rows: u64,
    /// Bytes written ahead so far.
    pub(crate) wal_bytes: u64,
}

impl Counters {
    /// How much of what only grows was added.
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            rows_died: self.rows_died.saturating_sub(before.rows_died),
            wal_bytes: self.wal_bytes.saturating_sub(before.wal_bytes),
            ..self
        }
    }
}

/// Reads them, where the store can tell.
pub(crate) async fn counters(url: &StoreUrl) -> Result<Option<Counters>> {
    match url {
        // A library in the process of each, which counts nothing.
        StoreUrl::Sqlite { .. } => Ok(None),
        #[cfg(feature = "postgres")]
        StoreUrl::Postgres(url) => postgres::outside::counters(url).await.map(Some),
        // InnoDB keeps old versions in its undo log, not among the rows.
        #[cfg(feature = "mysql")]
        StoreUrl::MySql(_) => Ok(None),
    }
}
