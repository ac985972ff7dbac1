//! Users, sessions, API tokens and sign-in links, as records of the store: for the server, and for the command line beside
//! it. Whoever changes something is named, and it is noted down ([`AuditEntry`]).

mod audit;
mod links;
mod names;
mod password;
mod secret;
mod sessions;
mod tokens;
mod users;

use std::net::IpAddr;
use std::sync::Arc;

use action_scheduler::store::{RecordKind, RecordsQuery};
use action_scheduler::{Error, Invalid, Store, StoreError, StoreErrorKind};
use jiff::Timestamp;
use serde::de::DeserializeOwned;

pub use self::audit::{AuditEntry, AuditEvent};
pub use self::names::{TokenName, UserName};
pub use self::password::Password;
pub use self::secret::{Digest, Secret};
pub(crate) use self::sessions::later;
pub use self::sessions::{Session, SessionOwner, SessionTimes};
pub use self::tokens::{NewToken, Scope, Scopes, Token};
pub use self::users::User;

const USERS: RecordKind = RecordKind::constant("user");
const SESSIONS: RecordKind = RecordKind::constant("session");
const TOKENS: RecordKind = RecordKind::constant("token");
const LINKS: RecordKind = RecordKind::constant("sign-in-link");
const AUDIT: RecordKind = RecordKind::constant("audit");

/// Who may use the server, as the store keeps it. Cheap to clone.
#[derive(Clone)]
pub struct Accounts {
    store: Arc<dyn Store>,
}

/// Who changes something about access, and from where.
#[derive(Debug, Clone)]
pub struct Actor {
    /// `user ada`, `token deploy`, `CLI`.
    pub name: String,
    /// Their address; the command line has none.
    pub address: Option<IpAddr>,
}

impl Actor {
    /// Someone at a command line on a machine that reaches the store.
    pub fn command_line() -> Self {
        Self { name: "CLI".to_owned(), address: None }
    }
}

/// Why something about access was not done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccountError {
    /// A value is not valid.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// A password cannot be taken. It is never quoted.
    #[error("password: {0}")]
    Password(&'static str),
    /// There is one of this name.
    #[error("there is a {what} {name:?} already")]
    Exists {
        /// What it is.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// There is none of this name.
    #[error("there is no {what} {name:?}")]
    Missing {
        /// What it would be.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// Someone else changed it at the same moment.
    #[error("the {what} {name:?} was changed by someone else at this moment; try again")]
    Changed {
        /// What it is.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] Error),
}

impl AccountError {
    /// Whether another input would have been taken.
    pub fn is_invalid_input(&self) -> bool {
        match self {
            Self::Invalid(_) | Self::Password(_) | Self::Exists { .. } | Self::Missing { .. } => {
                true
            }
            Self::Changed { .. } => false,
            Self::Store(error) => error.is_invalid_input(),
        }
    }
}

/// The result of something about access.
pub type Result<T, E = AccountError> = std::result::Result<T, E>;

impl Accounts {
    /// The accounts that a store keeps.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// Whether anybody can sign in with a password or call with a token.
    pub async fn has_any(&self) -> Result<bool> {
        let a_user = RecordsQuery::new(USERS).limit(1);
        if !self.store.records(a_user).await?.is_empty() {
            return Ok(true);
        }
        let now = self.now();
        let is_good = |token: &Token| token.expires_at.is_none_or(|at| now < at);
        Ok(self.tokens().await?.iter().any(is_good))
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.store.clock().now()
    }

    /// All records of a kind, each with its key and version.
    async fn all<T: DeserializeOwned>(&self, kind: RecordKind) -> Result<Vec<(String, u64, T)>> {
        self.read(RecordsQuery::new(kind)).await
    }

    /// The record with this key.
    async fn one<T: DeserializeOwned>(
        &self,
        kind: RecordKind,
        key: &str,
    ) -> Result<Option<(u64, T)>> {
        let found = self.read(RecordsQuery::new(kind).keys([key])).await?;
        Ok(found.into_iter().next().map(|(_, version, body)| (version, body)))
    }

    async fn read<T: DeserializeOwned>(
        &self,
        query: RecordsQuery,
    ) -> Result<Vec<(String, u64, T)>> {
        let records = self.store.records(query).await?;
        let read = records.into_iter().map(|record| {
            let body = record.read()?;
            Ok((record.key, record.version, body))
        });
        read.collect()
    }
}

/// What a record of ours says cannot be.
fn corrupt(message: String) -> AccountError {
    AccountError::Store(StoreError::new(StoreErrorKind::Corrupt, message).into())
}
