//! Sessions: who signed in with a browser, from where, and until when.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use action_scheduler::store::{Expected, PutRecord};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    AccountError, Accounts, Actor, AuditEvent, Digest, Result, SESSIONS, Secret, User, UserName,
};

/// The most sessions of one user; a further one ends the one that was longest unused.
const MOST: usize = 50;
/// How much of what a browser says about itself is kept.
const LONGEST_BROWSER: usize = 200;

/// How long sessions last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionTimes {
    /// Unused for this long, a session ends (12 h).
    pub idle: Duration,
    /// After this long it ends in any case (7 days).
    pub lifetime: Duration,
}

impl Default for SessionTimes {
    fn default() -> Self {
        let hour = Duration::from_secs(3600);
        Self { idle: 12 * hour, lifetime: 7 * 24 * hour }
    }
}

/// Who a session belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SessionOwner {
    /// Whoever had the link from the terminal; they are admin.
    Terminal,
    /// A user.
    User {
        /// Their name.
        name: UserName,
        /// What [`User`] had when they signed in.
        generation: u64,
    },
}

impl SessionOwner {
    /// A user as they are now.
    pub fn user(user: &User) -> Self {
        Self::User { name: user.name.clone(), generation: user.generation }
    }
}

/// `user ada`, or `admin` for the one who had the link: as the log names them.
impl fmt::Display for SessionOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Terminal => f.pad("admin"),
            Self::User { name, .. } => write!(f, "user {name}"),
        }
    }
}

/// A session.
#[derive(Debug, Clone)]
pub struct Session {
    /// What it is known by here; the browser's cookie has the secret.
    pub id: Digest,
    /// Who signed in.
    pub owner: SessionOwner,
    /// When.
    pub created_at: Timestamp,
    /// When it was last used, to about a minute.
    pub seen_at: Timestamp,
    /// When it ends if it is not used before.
    pub expires_at: Timestamp,
    /// When it ends in any case.
    pub ends_at: Timestamp,
    /// From where.
    pub address: IpAddr,
    /// What the browser says it is.
    pub browser: String,
    pub(crate) version: u64,
}

#[derive(Serialize, Deserialize)]
struct StoredSession {
    owner: SessionOwner,
    created_at: Timestamp,
    seen_at: Timestamp,
    expires_at: Timestamp,
    ends_at: Timestamp,
    address: IpAddr,
    browser: String,
}

impl Accounts {
    /// All sessions, the one that was used last first.
    pub async fn sessions(&self) -> Result<Vec<Session>> {
        let stored = self.all::<StoredSession>(SESSIONS).await?;
        let sessions: Result<Vec<Session>> = stored
            .into_iter()
            .map(|(key, version, stored)| {
                let StoredSession {
                    owner,
                    created_at,
                    seen_at,
                    expires_at,
                    ends_at,
                    address,
                    browser,
                } = stored;
                let id = key.parse()?;
                Ok(Session {
                    id,
                    owner,
                    created_at,
                    seen_at,
                    expires_at,
                    ends_at,
                    address,
                    browser,
                    version,
                })
            })
            .collect();
        let mut sessions = sessions?;
        sessions.sort_by_key(|session| std::cmp::Reverse(session.seen_at));
        Ok(sessions)
    }

    /// Begins a session; the secret is for the browser's cookie.
    pub(crate) async fn begin_session(
        &self,
        owner: SessionOwner,
        by: &Actor,
        address: IpAddr,
        browser: &str,
        times: SessionTimes,
    ) -> Result<Secret> {
        let secret = Secret::random("");
        let now = self.now();
        let ends_at = later(now, times.lifetime);
        let is_shown = |c: &char| !c.is_control();
        let stored = StoredSession {
            owner: owner.clone(),
            created_at: now,
            seen_at: now,
            expires_at: later(now, times.idle).min(ends_at),
            ends_at,
            address,
            browser: browser.chars().filter(is_shown).take(LONGEST_BROWSER).collect(),
        };
        self.end_oldest_sessions(&owner).await?;
        let put = PutRecord::of(SESSIONS, secret.digest().to_string(), &stored)?;
        let put = put.expires_at(stored.expires_at).expected(Expected::Absent);
        self.store.put_records(vec![put]).await?;
        self.note(AuditEvent::SignedIn, by, format!("session {}", secret.digest().short())).await;
        Ok(secret)
    }

    /// Notes that a session is in use. One that was ended meanwhile stays ended.
    pub(crate) async fn touch_session(&self, session: &Session, times: SessionTimes) -> Result<()> {
        let now = self.now();
        let expires_at = later(now, times.idle).min(session.ends_at);
        let stored = StoredSession {
            owner: session.owner.clone(),
            created_at: session.created_at,
            seen_at: now,
            expires_at,
            ends_at: session.ends_at,
            address: session.address,
            browser: session.browser.clone(),
        };
        let put = PutRecord::of(SESSIONS, session.id.to_string(), &stored)?
            .expires_at(expires_at)
            .expected(Expected::Version(session.version));
        // Refused: it was ended, or touched by another process.
        self.store.put_records(vec![put]).await?;
        Ok(())
    }

    /// Ends a session because whoever it belongs to signs out.
    pub(crate) async fn sign_out(&self, id: Digest, by: &Actor) -> Result<()> {
        self.store.delete_records(SESSIONS, vec![id.to_string()]).await?;
        self.note(AuditEvent::SignedOut, by, format!("session {}", id.short())).await;
        Ok(())
    }

    /// Ends a session.
    pub async fn end_session(&self, id: Digest, by: &Actor) -> Result<()> {
        let ended = self.store.delete_records(SESSIONS, vec![id.to_string()]).await?;
        if ended != [true] {
            return Err(AccountError::Missing { what: "session", name: id.short() });
        }
        self.note(AuditEvent::SessionEnded, by, format!("session {}", id.short())).await;
        Ok(())
    }

    /// Ends all sessions of a user.
    pub(super) async fn end_sessions_of(&self, user: &UserName) -> Result<()> {
        let sessions = self.sessions().await?;
        let is_theirs = |session: &Session| matches!(&session.owner, SessionOwner::User { name, .. } if name == user);
        self.end(sessions.into_iter().filter(is_theirs)).await
    }

    /// Makes room for one more session of an owner.
    async fn end_oldest_sessions(&self, owner: &SessionOwner) -> Result<()> {
        let is_theirs = |session: &Session| match (&session.owner, owner) {
            (SessionOwner::User { name: one, .. }, SessionOwner::User { name: other, .. }) => {
                one == other
            }
            (one, other) => one == other,
        };
        let sessions = self.sessions().await?;
        self.end(sessions.into_iter().filter(is_theirs).skip(MOST - 1)).await
    }

    async fn end(&self, sessions: impl Iterator<Item = Session>) -> Result<()> {
        let keys: Vec<String> = sessions.map(|session| session.id.to_string()).collect();
        if !keys.is_empty() {
            self.store.delete_records(SESSIONS, keys).await?;
        }
        Ok(())
    }
}

/// A date that much later; the last one there is when that is beyond it.
pub(crate) fn later(from: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    from.checked_add(by).unwrap_or(Timestamp::MAX)
}
