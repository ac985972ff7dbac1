//! See [`crate::store::outside`].

use rusqlite::Connection;

use super::connection::{self, Access};
use super::error::wrap;
use crate::error::{Result, StoreError, StoreErrorKind};

/// A transaction that reads: while it is open, the write-ahead log can only grow.
pub(in crate::store) async fn hold_transaction(file: &str) -> Result<Connection> {
    let file = file.to_owned();
    let held = tokio::task::spawn_blocking(move || {
        let connection = connection::open(&file, Access::Read)?;
        // It sees the store as it is at its first read.
        connection
            .execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema")
            .map_err(wrap(&file))?;
        Ok(connection)
    });
    held.await.map_err(|error| StoreError::new(StoreErrorKind::Other, error.to_string()))?
}
