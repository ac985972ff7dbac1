//! The one who calls, as handlers see them.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use action_scheduler::{Context, Invalid};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::accounts::{Actor, Digest};
use crate::http::Refusal;
use crate::site::Site;

/// What someone may do. Each role may do what those before it may.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Look at everything but secrets.
    Viewer,
    /// Schedule, and change what becomes of actions and chains.
    Operator,
    /// Manage users, tokens and sessions.
    Admin,
}

impl Role {
    /// All of them, the one with the fewest rights first.
    pub const ALL: [Role; 3] = [Role::Viewer, Role::Operator, Role::Admin];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Operator => "operator",
            Role::Admin => "admin",
        }
    }
}

impl FromStr for Role {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let found = Role::ALL.into_iter().find(|role| role.as_str() == text);
        found.ok_or_else(|| Invalid::new("role", text, "expected viewer, operator or admin"))
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How someone made themselves known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// By a session in a browser, as this user.
    User(String),
    /// By the one-time link that was printed to the terminal.
    Terminal,
    /// By an API token of this name.
    Token(String),
}

/// The one who calls. Handlers do not take this but one of [`Viewer`], [`Operator`], [`Admin`] and [`Worker`], so that none
/// can forget to ask for the right.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// Who it is.
    pub(crate) identity: Identity,
    /// What they may do as a person or program; `None` for a token that may only work as a remote worker.
    pub(crate) role: Option<Role>,
    /// Whether they may act as a remote worker.
    pub(crate) works: bool,
    /// What forms of the admin have to send back (a hidden field `csrf`); empty for tokens, which browsers do not send by
    /// themselves.
    pub(crate) csrf: String,
    /// Their session, if they came with one.
    pub(crate) session: Option<Digest>,
    /// Where they call from.
    pub(crate) address: IpAddr,
}

impl Caller {
    /// How the log names them.
    pub(crate) fn context(&self) -> Context {
        match &self.identity {
            Identity::User(name) => Context::new(&format!("user {name}")),
            Identity::Terminal => Context::new("admin"),
            Identity::Token(name) => Context::new(&format!("token {name}")),
        }
    }

    /// How they are named where access is changed.
    pub(crate) fn actor(&self) -> Actor {
        Actor { name: self.context().to_string(), address: Some(self.address) }
    }

    /// Whether they may do what this role may.
    pub(crate) fn may(&self, role: Role) -> bool {
        self.role.is_some_and(|own| own >= role)
    }
}

macro_rules! extractor {
    ($(#[$doc:meta])* $name:ident, $right:literal, |$caller:ident| $may:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub(crate) struct $name(pub(crate) Caller);

        impl FromRequestParts<Site> for $name {
            type Rejection = Refusal;

            async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Refusal> {
                match parts.extensions.get::<Caller>() {
                    Some($caller) if $may => Ok(Self($caller.clone())),
                    Some(_) => Err(Refusal::forbidden(parts, site, $right)),
                    None => Err(Refusal::unknown(parts, site)),
                }
            }
        }
    };
}

extractor!(
    /// A caller who may look.
    Viewer, "look at this", |caller| caller.may(Role::Viewer)
);
extractor!(
    /// A caller who may change what becomes of actions.
    Operator, "do this: it takes the role operator", |caller| caller.may(Role::Operator)
);
extractor!(
    /// A caller who may manage access.
    Admin, "do this: it takes the role admin", |caller| caller.may(Role::Admin)
);
extractor!(
    /// A caller who may act as a remote worker.
    Worker, "act as a worker: it takes a token with the scope work", |caller| caller.works || caller.may(Role::Admin)
);
