//! The floor of a store: the least that its layout can cost. The benchmark compares the engine with it.

use std::time::Duration;

#[cfg(feature = "mysql")]
use super::mysql;
#[cfg(feature = "postgres")]
use super::postgres;
use super::{StoreUrl, sqlite};
use crate::error::Result;

/// Drains `actions` no-op actions, `batch` at a time, by bare set-based SQL on one connection, with each step a durable
/// transaction of its own as the engine's promises have it: claim, start (logged), finish (logged). It works beside the
/// store at the URL, in tables that are removed afterwards. The time of the drain alone.
pub(crate) async fn drain(url: &StoreUrl, actions: u64, batch: u32) -> Result<Duration> {
    match url {
        StoreUrl::Sqlite { file } => sqlite::floor::drain(file, actions, batch).await,
        #[cfg(feature = "mysql")]
        StoreUrl::MySql(url) => mysql::floor::drain(url, actions, batch).await,
        #[cfg(feature = "postgres")]
        StoreUrl::Postgres(url) => postgres::floor::drain(url, actions, batch).await,
    }
}
