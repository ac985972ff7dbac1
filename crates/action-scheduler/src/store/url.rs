//! Store URLs: which engine, and where.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

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
