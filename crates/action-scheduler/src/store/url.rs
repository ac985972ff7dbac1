//! Store URLs: which engine, and where.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::Serialize;

use super::Store;
use super::sqlite::SqliteStore;
use crate::error::{Error, Result, StoreError, StoreErrorKind};
use crate::time::Clock;

/// Where a store is.
///
/// | URL | store |
/// |---|---|
/// | `sqlite:FILE` | one SQLite file |
///
/// Shown without its password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// One SQLite file.
    Sqlite {
        /// Its path.
        file: String,
    },
}

/// A step that brings the layout of a database to a newer version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PendingMigration {
    /// The version it leads to.
    pub version: u32,
    /// What it brings, in words.
    pub what: String,
}

impl FromStr for StoreUrl {
    type Err = Error;

    fn from_str(url: &str) -> Result<Self> {
        match url.split_once(':') {
            Some(("sqlite", file)) => Ok(Self::Sqlite { file: file.to_owned() }),
            _ => Err(StoreError::new(
                StoreErrorKind::Url,
                format!(
                    "store URL {:?}: expected sqlite:FILE, such as sqlite:shop.db",
                    redact(url)
                ),
            )
            .into()),
        }
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite { file } => write!(f, "sqlite:{file}"),
        }
    }
}

impl StoreUrl {
    /// Opens the store; the file or tables are created when they are missing.
    pub async fn open(&self) -> Result<Arc<dyn Store>> {
        match self {
            Self::Sqlite { file } => Ok(Arc::new(SqliteStore::open(file, Clock::system()).await?)),
        }
    }

    /// What [`StoreUrl::open`] would do to the layout of the database before anything else, in order; nothing is changed
    /// or created. All steps there are, when the database is not there yet.
    pub async fn pending_migrations(&self) -> Result<Vec<PendingMigration>> {
        match self {
            Self::Sqlite { file } => SqliteStore::pending_migrations(file).await,
        }
    }
}

/// Opens the store at a URL; see [`StoreUrl`].
pub async fn open(url: &str) -> Result<Arc<dyn Store>> {
    url.parse::<StoreUrl>()?.open().await
}

/// A URL without its password, for messages.
fn redact(url: &str) -> String {
    match url.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?))) {
        Some((scheme, (user, host))) => {
            let user = user.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}:…@{host}")
        }
        None => url.to_owned(),
    }
}
