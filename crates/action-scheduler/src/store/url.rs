//! Store URLs: which engine, and where.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::Store;
#[cfg(feature = "mysql")]
use super::mysql::{MySqlStore, MySqlUrl};
use super::sqlite::SqliteStore;
use crate::error::{Error, Result, StoreError, StoreErrorKind};
use crate::time::Clock;

/// Where a store is.
///
/// | URL | store |
/// |---|---|
/// | `sqlite:FILE` | one SQLite file |
/// | `mysql://USER:PASSWORD@HOST:PORT/DATABASE?prefix=wp_` | the WordPress plugin's tables, on MySQL or MariaDB |
///
/// Shown without its password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// One SQLite file.
    Sqlite {
        /// Its path.
        file: String,
    },
    /// The plugin's tables on a server.
    #[cfg(feature = "mysql")]
    MySql(MySqlUrl),
}

impl FromStr for StoreUrl {
    type Err = Error;

    fn from_str(url: &str) -> Result<Self> {
        match url.split_once(':') {
            Some(("sqlite", file)) => Ok(Self::Sqlite { file: file.to_owned() }),
            #[cfg(feature = "mysql")]
            Some(("mysql" | "mariadb", _)) => Ok(Self::MySql(url.parse()?)),
            _ => Err(StoreError::new(
                StoreErrorKind::Url,
                format!(
                    "store URL {:?}: expected sqlite:FILE, such as sqlite:shop.db, or mysql://USER@HOST/DATABASE",
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
            #[cfg(feature = "mysql")]
            Self::MySql(url) => url.fmt(f),
        }
    }
}

impl StoreUrl {
    /// Opens the store; the file or tables are created when they are missing.
    pub async fn open(&self) -> Result<Arc<dyn Store>> {
        match self {
            Self::Sqlite { file } => Ok(Arc::new(SqliteStore::open(file, Clock::system()).await?)),
            #[cfg(feature = "mysql")]
            Self::MySql(url) => Ok(Arc::new(MySqlStore::open(url, Clock::remote()).await?)),
        }
    }
}

/// Opens the store at a URL; see [`StoreUrl`].
pub async fn open(url: &str) -> Result<Arc<dyn Store>> {
    url.parse::<StoreUrl>()?.open().await
}

/// A URL without its password, for messages.
pub(super) fn redact(url: &str) -> String {
    match url.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?))) {
        Some((scheme, (user, host))) => {
            let user = user.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}:…@{host}")
        }
        None => url.to_owned(),
    }
}
