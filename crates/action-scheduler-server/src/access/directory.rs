//! What is known of users, sessions and tokens, in memory: so that a request costs no round trip to the store.
//!
//! It is read anew when it is older than [`AGE`], so that what another process changes takes effect within seconds; at once
//! after a change by this process; and when someone comes with a secret that is not known yet.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::accounts::{
    Accounts, Digest, Result, Session, SessionOwner, SessionTimes, Token, User, UserName,
};
use super::caller::Role;

/// How old what is known may be.
const AGE: Duration = Duration::from_secs(2);
/// How much time lies between two looks for unknown secrets, however many come.
const PAUSE: Duration = Duration::from_millis(100);
/// How exactly it is noted when sessions and tokens were used.
const SESSION_STEP: i64 = 60;
const TOKEN_STEP: i64 = 600;

/// The accounts, with what is known of them.
pub(crate) struct Directory {
    accounts: Accounts,
    known: RwLock<Known>,
    reading: tokio::sync::Mutex<()>,
}

struct Known {
    snapshot: Option<Arc<Snapshot>>,
    /// Snapshots from before this moment do not count.
    not_before: Instant,
}

/// All accounts at one moment.
struct Snapshot {
    taken: Instant,
    users: HashMap<UserName, User>,
    sessions: HashMap<Digest, Seen<Session>>,
    tokens: HashMap<Digest, Seen<Token>>,
}

/// Something that is used, and when it was, as a number of seconds.
struct Seen<T> {
    what: T,
    at: AtomicI64,
}

/// What a secret turned out to be.
#[derive(Debug)]
pub(crate) enum Found<T> {
    /// Good.
    Good(T),
    /// It was good once.
    Expired,
    /// Nothing.
    Unknown,
}

impl Directory {
    pub(crate) fn new(accounts: Accounts) -> Self {
        let known = Known { snapshot: None, not_before: Instant::now() };
        Self { accounts, known: RwLock::new(known), reading: tokio::sync::Mutex::default() }
    }

    /// The accounts themselves. After a change, [`Directory::forget`].
    pub(crate) fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// Nothing that was read before this moment counts any more.
    pub(crate) fn forget(&self) {
        self.known.write().unwrap_or_else(PoisonError::into_inner).not_before = Instant::now();
    }

    /// The session with this secret, and what its owner may do.
    pub(crate) async fn session(
        &self,
        secret: &str,
        times: SessionTimes,
    ) -> Result<Found<(Session, Role)>> {
        let digest = Digest::of(secret);
        let Some((snapshot, now)) = self.with(|known| known.sessions.contains_key(&digest)).await?
        else {
            return Ok(Found::Unknown);
        };
        let Some(seen) = snapshot.sessions.get(&digest) else { return Ok(Found::Unknown) };
        let session = &seen.what;
        let Some(role) = snapshot.role_of(&session.owner) else { return Ok(Found::Unknown) };
        // What is kept counts from the last note, which may be a step ago.
        let noted =
            Timestamp::from_second(seen.at.load(Ordering::Relaxed)).unwrap_or(session.seen_at);
        let idle_end = super::accounts::later(noted, times.idle);
        let expires_at = session.expires_at.max(idle_end).min(session.ends_at);
        if now >= expires_at {
            return Ok(Found::Expired);
        }
        if seen.is_due(now, SESSION_STEP) {
            self.accounts.touch_session(session, times).await?;
        }
        Ok(Found::Good((session.clone(), role)))
    }

    /// The token with this secret.
    pub(crate) async fn token(&self, secret: &str) -> Result<Found<Token>> {
        let digest = Digest::of(secret);
        let Some((snapshot, now)) = self.with(|known| known.tokens.contains_key(&digest)).await?
        else {
            return Ok(Found::Unknown);
        };
        let Some(seen) = snapshot.tokens.get(&digest) else { return Ok(Found::Unknown) };
        let token = &seen.what;
        if token.expires_at.is_some_and(|at| now >= at) {
            return Ok(Found::Expired);
        }
        if seen.is_due(now, TOKEN_STEP) {
            self.accounts.touch_token(token).await?;
        }
        Ok(Found::Good(token.clone()))
    }

    /// A snapshot that has what is looked for, if there is one; and the time.
    async fn with(
        &self,
        has: impl Fn(&Snapshot) -> bool,
    ) -> Result<Option<(Arc<Snapshot>, Timestamp)>> {
        let asked = Instant::now();
        let mut snapshot = self.recent(asked.checked_sub(AGE).unwrap_or(asked), None).await?;
        if !has(&snapshot) && snapshot.taken < asked {
            // It may have been made since.
            snapshot = self.recent(asked, Some(PAUSE)).await?;
        }
        Ok(has(&snapshot).then(|| (snapshot, self.accounts.now())))
    }

    /// A snapshot taken at this moment or later, not before a pause since the last one.
    async fn recent(&self, moment: Instant, pause: Option<Duration>) -> Result<Arc<Snapshot>> {
        if let Some(snapshot) = self.taken_since(moment) {
            return Ok(snapshot);
        }
        let _reading = self.reading.lock().await;
        if let Some(snapshot) = self.taken_since(moment) {
            return Ok(snapshot);
        }
        if let (Some(pause), Some(last)) = (pause, self.last_taken()) {
            tokio::time::sleep_until((last + pause).into()).await;
        }
        let snapshot = Arc::new(Snapshot::take(&self.accounts).await?);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.snapshot = Some(snapshot.clone());
        Ok(snapshot)
    }

    fn taken_since(&self, moment: Instant) -> Option<Arc<Snapshot>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let moment = moment.max(known.not_before);
        known.snapshot.clone().filter(|snapshot| snapshot.taken >= moment)
    }

    fn last_taken(&self) -> Option<Instant> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.snapshot.as_ref().map(|snapshot| snapshot.taken)
    }
}

impl Snapshot {
    async fn take(accounts: &Accounts) -> Result<Self> {
        let taken = Instant::now();
        let (users, sessions, tokens) =
            (accounts.users().await?, accounts.sessions().await?, accounts.tokens().await?);
        let of_session = |session: Session| {
            let at = AtomicI64::new(session.seen_at.as_second());
            (session.id, Seen { what: session, at })
        };
        let of_token = |token: Token| {
            let at = AtomicI64::new(token.used_at.map_or(i64::MIN, Timestamp::as_second));
            (token.digest, Seen { what: token, at })
        };
        Ok(Self {
            taken,
            users: users.into_iter().map(|user| (user.name.clone(), user)).collect(),
            sessions: sessions.into_iter().map(of_session).collect(),
            tokens: tokens.into_iter().map(of_token).collect(),
        })
    }

    /// What the owner of a session may do now; `None` when they are no more, or have another password since.
    fn role_of(&self, owner: &SessionOwner) -> Option<Role> {
        match owner {
            SessionOwner::Terminal => Some(Role::Admin),
            SessionOwner::User { name, generation } => {
                let user = self.users.get(name)?;
                (user.generation == *generation).then_some(user.role)
            }
        }
    }
}

impl<T> Seen<T> {
    /// Whether its use is to be noted; true for one caller.
    fn is_due(&self, now: Timestamp, step: i64) -> bool {
        let (now, last) = (now.as_second(), self.at.load(Ordering::Relaxed));
        now.saturating_sub(last) >= step
            && self.at.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}
