//! Store URLs: which engine, and where.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::Serialize;

use super::Store;
#[cfg(feature = "mysql")]
use super::mysql::{MySqlStore, MySqlUrl};
#[cfg(feature = "postgres")]
use super::postgres::{PostgresStore, PostgresUrl};
use super::sqlite::SqliteStore;
use crate::error::{Error, Result, StoreError, StoreErrorKind};
use crate::time::Clock;

/// Where a store is.
///
/// | URL | store |
/// |---|---|
/// | `sqlite:FILE` | one SQLite file |
/// | `mysql://USER:PASSWORD@HOST:PORT/DATABASE?prefix=wp_` | the WordPress plugin's tables, on MySQL or MariaDB |
/// | `postgres://USER:PASSWORD@HOST/DATABASE?schema=NAME` | a schema of a PostgreSQL database |
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
    /// A schema of a PostgreSQL database.
    #[cfg(feature = "postgres")]
    Postgres(Box<PostgresUrl>),
}

/// A step that brings the tables of a store to a newer layout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Migration {
    /// The version of the layout that it leads to.
    pub version: u32,
    /// What it brings.
    pub what: String,
    /// What it runs.
    pub sql: String,
}

impl FromStr for StoreUrl {
    type Err = Error;

    fn from_str(url: &str) -> Result<Self> {
        match url.split_once(':') {
            Some(("sqlite", file)) => Ok(Self::Sqlite { file: file.to_owned() }),
            #[cfg(feature = "mysql")]
            Some(("mysql" | "mariadb", rest)) if rest.starts_with("//") => {
                Ok(Self::MySql(url.parse()?))
            }
            #[cfg(feature = "postgres")]
            Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => {
                Ok(Self::Postgres(Box::new(PostgresUrl::parse(url)?)))
            }
            _ => Err(StoreError::new(
                StoreErrorKind::Url,
                format!(
                    "store URL {:?}: expected sqlite:FILE, such as sqlite:shop.db, postgres://USER@HOST/DATABASE, \
                     or mysql://USER@HOST/DATABASE",
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
            #[cfg(feature = "postgres")]
            Self::Postgres(url) => url.fmt(f),
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
            #[cfg(feature = "postgres")]
            Self::Postgres(url) => {
                Ok(Arc::new(PostgresStore::open_at(url, Clock::remote()).await?))
            }
        }
    }

    /// What [`StoreUrl::open`] would change to bring the tables to the newest layout, in order; nothing is changed.
    pub async fn pending_migrations(&self) -> Result<Vec<Migration>> {
        match self {
            Self::Sqlite { file } => SqliteStore::pending_migrations(file).await,
            #[cfg(feature = "mysql")]
            Self::MySql(url) => MySqlStore::pending_migrations(url).await,
            #[cfg(feature = "postgres")]
            Self::Postgres(url) => PostgresStore::pending_migrations(url).await,
        }
    }
}

/// Opens the store at a URL; see [`StoreUrl`].
pub async fn open(url: &str) -> Result<Arc<dyn Store>> {
    url.parse::<StoreUrl>()?.open().await
}

/// A URL without its password, for messages.
pub fn redact(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (place, options) = match rest.split_once('?') {
        Some((place, options)) => (place, Some(options)),
        None => (rest, None),
    };
    let mut shown = match place.rsplit_once('@') {
        Some((user, host)) => match user.split_once(':') {
            Some((user, _)) => format!("{scheme}://{user}:…@{host}"),
            None => url_of(scheme, place),
        },
        None => url_of(scheme, place),
    };
    for (place, option) in options.unwrap_or_default().split('&').enumerate() {
        if options.is_some() {
            shown.push(if place == 0 { '?' } else { '&' });
        }
        match option.split_once('=') {
            Some((name, _)) if name.contains("password") => {
                shown.push_str(name);
                shown.push_str("=…");
            }
            _ => shown.push_str(option),
        }
    }
    shown
}

fn url_of(scheme: &str, rest: &str) -> String {
    format!("{scheme}://{rest}")
}
