//! Who did what about access: a line in the log, and a record that the admin shows.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use action_scheduler::store::{PutRecord, RecordsQuery};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::sessions::later;
use super::{AUDIT, Accounts, Actor, Result};

/// How long entries are kept.
const KEPT: Duration = Duration::from_secs(90 * 24 * 3600);

macro_rules! events {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// What happened.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        #[non_exhaustive]
        pub enum AuditEvent {
            $($(#[$doc])* $name,)*
        }

        impl AuditEvent {
            /// What happened, in words.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(AuditEvent::$name => $text,)*
                }
            }
        }
    };
}

events! {
    /// Someone signed in.
    SignedIn = "signed in";
    /// Someone tried to sign in, with the wrong name or password.
    SignInFailed = "sign-in failed";
    /// Someone signed out.
    SignedOut = "signed out";
    /// Someone ended a session.
    SessionEnded = "session ended";
    /// Someone added a user.
    UserAdded = "user added";
    /// Someone removed a user.
    UserRemoved = "user removed";
    /// Someone gave a user another role.
    RoleChanged = "role changed";
    /// Someone gave a user another password.
    PasswordChanged = "password changed";
    /// Someone made a token.
    TokenCreated = "token created";
    /// Someone revoked a token.
    TokenRevoked = "token revoked";
    /// Someone made a link to sign in with.
    LinkCreated = "sign-in link created";
}

impl fmt::Display for AuditEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Who did what about access, and when.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// What happened.
    pub event: AuditEvent,
    /// Who did it.
    pub who: String,
    /// From where; the command line has no address.
    pub address: Option<IpAddr>,
    /// To whom or what.
    pub about: String,
}

impl Accounts {
    /// The latest entries, newest first.
    pub async fn audit(&self, limit: u32) -> Result<Vec<AuditEntry>> {
        let entries = self.read(RecordsQuery::new(AUDIT).limit(limit)).await?;
        Ok(entries.into_iter().map(|(_, _, entry)| entry).collect())
    }

    /// Notes something down. What happened has happened: when it cannot be stored, the log line remains.
    pub(crate) async fn note(&self, event: AuditEvent, by: &Actor, about: String) {
        let entry = self.tell(event, by, about);
        if let Err(error) = self.keep(&entry).await {
            tracing::error!(%error, "an audit entry was not stored");
        }
    }

    /// Writes the line in the log alone, where records would be too many.
    pub(crate) fn tell(&self, event: AuditEvent, by: &Actor, about: String) -> AuditEntry {
        let (who, address) = (by.name.clone(), by.address);
        let from = address.map(|address| address.to_string());
        tracing::info!(target: "audit", who, from, about, "{event}");
        AuditEntry { at: self.now(), event, who, address, about }
    }

    async fn keep(&self, entry: &AuditEntry) -> Result<()> {
        // Keys run backwards, so that the first ones are the newest.
        let until_the_end = i64::MAX - entry.at.as_microsecond();
        let key = format!("{until_the_end:020}-{:08x}", rand::random::<u32>());
        let put = PutRecord::of(AUDIT, key, entry)?.expires_at(later(entry.at, KEPT));
        self.store.put_records(vec![put]).await?;
        Ok(())
    }
}
