//! API tokens: for programs.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use action_scheduler::Invalid;
use action_scheduler::store::{Expected, Put, PutRecord};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::sessions::later;
use super::{
    AccountError, Accounts, Actor, AuditEvent, Digest, Result, Secret, TOKENS, TokenName, corrupt,
};
use crate::access::Role;

/// What every token begins with, so that people and scanners know one when they see it.
const PREFIX: &str = "ast_";
/// How long an expired token is still listed.
const SHOWN_AFTER_EXPIRY: Duration = Duration::from_secs(30 * 24 * 3600);

/// What a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Look at everything but secrets.
    Read,
    /// Schedule, and change what becomes of actions; includes to read.
    Write,
    /// Act as a remote worker.
    Work,
    /// Everything.
    Admin,
}

impl Scope {
    /// All of them.
    pub const ALL: [Scope; 4] = [Scope::Read, Scope::Write, Scope::Work, Scope::Admin];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::Read => "read",
            Scope::Write => "write",
            Scope::Work => "work",
            Scope::Admin => "admin",
        }
    }
}

impl FromStr for Scope {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let found = Scope::ALL.into_iter().find(|scope| scope.as_str() == text);
        found.ok_or_else(|| Invalid::new("scope", text, "expected read, write, work or admin"))
    }
}

/// What a token is good for, all in all; never nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scopes(BTreeSet<Scope>);

impl Scopes {
    /// These scopes.
    pub fn new(scopes: impl IntoIterator<Item = Scope>) -> Result<Self, Invalid> {
        let scopes: BTreeSet<Scope> = scopes.into_iter().collect();
        match scopes.is_empty() {
            true => {
                Err(Invalid::new("scopes", "", "expected at least one of read, write, work, admin"))
            }
            false => Ok(Self(scopes)),
        }
    }

    /// What it may do of what people do.
    pub fn role(&self) -> Option<Role> {
        let role_of = |scope: &Scope| match scope {
            Scope::Read => Some(Role::Viewer),
            Scope::Write => Some(Role::Operator),
            Scope::Work => None,
            Scope::Admin => Some(Role::Admin),
        };
        self.0.iter().filter_map(role_of).max()
    }

    /// Whether it may act as a remote worker.
    pub fn works(&self) -> bool {
        self.0.contains(&Scope::Work) || self.0.contains(&Scope::Admin)
    }
}

/// Separated by commas.
impl FromStr for Scopes {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let scopes: Result<Vec<Scope>, Invalid> =
            text.split(',').map(str::trim).map(str::parse).collect();
        Self::new(scopes?)
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.iter().map(|scope| scope.as_str()).collect();
        f.pad(&names.join(", "))
    }
}

/// A token, without its secret.
#[derive(Debug, Clone)]
pub struct Token {
    /// What the log calls it.
    pub name: TokenName,
    /// What it is good for.
    pub scopes: Scopes,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
    /// From this date on it is no longer good.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to about ten minutes.
    pub used_at: Option<Timestamp>,
    pub(crate) digest: Digest,
    pub(crate) version: u64,
}

/// A token to be made.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// What the log is to call it.
    pub name: TokenName,
    /// What it is to be good for.
    pub scopes: Scopes,
    /// How long.
    pub lifetime: Option<Duration>,
}

#[derive(Serialize, Deserialize)]
struct StoredToken {
    digest: String,
    scopes: Scopes,
    created_at: Timestamp,
    created_by: String,
    expires_at: Option<Timestamp>,
    used_at: Option<Timestamp>,
}

impl Accounts {
    /// All tokens, by name; also those that expired not long ago.
    pub async fn tokens(&self) -> Result<Vec<Token>> {
        let stored = self.all::<StoredToken>(TOKENS).await?;
        let tokens = stored.into_iter().map(|(key, version, stored)| {
            let StoredToken { digest, scopes, created_at, created_by, expires_at, used_at } =
                stored;
            let digest = digest
                .parse()
                .map_err(|error| corrupt(format!("the token {key:?} cannot be read: {error}")))?;
            let name = key.parse()?;
            Ok(Token { name, scopes, created_at, created_by, expires_at, used_at, digest, version })
        });
        tokens.collect()
    }

    /// Makes a token. The secret is shown to whoever asked for it, once.
    pub async fn create_token(&self, token: NewToken, by: &Actor) -> Result<Secret> {
        let NewToken { name, scopes, lifetime } = token;
        let secret = Secret::random(PREFIX);
        let now = self.now();
        let about = format!("token {name}: {scopes}");
        let stored = StoredToken {
            digest: secret.digest().to_string(),
            scopes,
            created_at: now,
            created_by: by.name.clone(),
            expires_at: lifetime.map(|lifetime| later(now, lifetime)),
            used_at: None,
        };
        if !self.put_token(&name, &stored, Expected::Absent).await? {
            return Err(AccountError::Exists { what: "token", name: name.to_string() });
        }
        self.note(AuditEvent::TokenCreated, by, about).await;
        Ok(secret)
    }

    /// Makes a token worthless.
    pub async fn revoke_token(&self, name: &TokenName, by: &Actor) -> Result<()> {
        let revoked = self.store.delete_records(TOKENS, vec![name.to_string()]).await?;
        if revoked != [true] {
            return Err(AccountError::Missing { what: "token", name: name.to_string() });
        }
        self.note(AuditEvent::TokenRevoked, by, format!("token {name}")).await;
        Ok(())
    }

    /// Notes that a token is in use. One that was revoked meanwhile stays revoked.
    pub(crate) async fn touch_token(&self, token: &Token) -> Result<()> {
        let stored = StoredToken {
            digest: token.digest.to_string(),
            scopes: token.scopes.clone(),
            created_at: token.created_at,
            created_by: token.created_by.clone(),
            expires_at: token.expires_at,
            used_at: Some(self.now()),
        };
        self.put_token(&token.name, &stored, Expected::Version(token.version)).await?;
        Ok(())
    }

    async fn put_token(
        &self,
        name: &TokenName,
        token: &StoredToken,
        expected: Expected,
    ) -> Result<bool> {
        let mut put = PutRecord::of(TOKENS, name.as_str(), token)?.expected(expected);
        if let Some(at) = token.expires_at {
            put = put.expires_at(later(at, SHOWN_AFTER_EXPIRY));
        }
        Ok(matches!(self.store.put_records(vec![put]).await?[..], [Put::Done(_)]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_add_up_to_a_role() {
        let role = |text: &str| text.parse::<Scopes>().unwrap().role();
        assert_eq!(role("read"), Some(Role::Viewer));
        assert_eq!(role("read, write"), Some(Role::Operator));
        assert_eq!(role("work"), None);
        assert_eq!(role("work,admin"), Some(Role::Admin));
        assert!("work,read".parse::<Scopes>().unwrap().works());
        assert!(!"read,write".parse::<Scopes>().unwrap().works());
        assert!("".parse::<Scopes>().is_err() && "root".parse::<Scopes>().is_err());
        assert!(Scopes::new([]).is_err());
    }
}
