//! What an action is. No I/O.

use std::fmt;
use std::num::NonZeroI64;
use std::str::FromStr;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::args::Args;
use crate::error::Invalid;
use crate::schedule::Schedule;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(NonZeroI64);

        impl $name {
            /// The id with this number, if it is positive.
            pub fn new(number: i64) -> Option<Self> {
                NonZeroI64::new(number).filter(|number| number.is_positive()).map(Self)
            }

            /// The id as a number.
            pub fn get(self) -> i64 {
                self.0.get()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Invalid> {
                text.parse().ok().and_then(Self::new)
                    .ok_or_else(|| Invalid::new($what, text, "expected a positive whole number"))
            }
        }
    };
}

id!(
    /// The id of an action. Ids rise in the order of creation and are never used again.
    ActionId, "action id"
);
id!(
    /// The id of a claim: a batch of actions that one runner has set aside for itself.
    ClaimId, "claim id"
);
id!(
    /// The id of a runner, given to it when it first reports to the store.
    RunnerId, "runner id"
);
id!(
    /// The id of a chain: all the instances, past and next, of one recurring action.
    ChainId, "chain id"
);

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks and takes a name.
            pub fn new(text: impl AsRef<str>) -> Result<Self, Invalid> {
                let text = text.as_ref();
                let check: fn(&str) -> Result<(), &'static str> = $check;
                check(text).map_err(|problem| Invalid::new($what, text, problem))?;
                Ok(Self(text.into()))
            }

            /// A name that a store holds, whoever wrote it.
            pub fn from_stored(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Invalid> {
                Self::new(text)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = Invalid;

            fn try_from(text: &str) -> Result<Self, Invalid> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Invalid;

            fn try_from(text: String) -> Result<Self, Invalid> {
                Self::new(text)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

name!(
    /// The name of what is to happen, such as `send_invoice`. Handlers are bound to hooks.
    ///
    /// 1 to 191 characters (the width of the original's column), none of them a control character.
    Hook, "hook",
    |text| match text.chars().count() {
        0 => Err("expected a name, such as send_invoice"),
        192.. => Err("longer than 191 characters"),
        _ if text.chars().any(char::is_control) => Err("has a control character"),
        _ if text.trim() != text => Err("has white space around it"),
        _ => Ok(()),
    }
);
name!(
    /// The group an action belongs to; the default group is the empty text.
    ///
    /// At most 191 characters, none of them a control character.
    Group, "group",
    |text| match text.chars().count() {
        192.. => Err("longer than 191 characters"),
        _ if text.chars().any(char::is_control) => Err("has a control character"),
        _ if text.trim() != text => Err("has white space around it"),
        _ => Ok(()),
    }
);

impl Default for Group {
    fn default() -> Self {
        Self(Arc::from(""))
    }
}

/// How urgent an action is: 0 to 255, lower first, 10 unless set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Priority(pub u8);

impl Default for Priority {
    fn default() -> Self {
        Self(10)
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Priority {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        text.parse().map(Self).map_err(|_| {
            Invalid::new("priority", text, "expected a whole number from 0 (first) to 255")
        })
    }
}

/// Where an action is in its life (reference, section 4). `past-due` is not a status but a view: pending and due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Waiting for its date, or for a runner.
    Pending,
    /// Started; its handler may be running.
    InProgress,
    /// Its handlers succeeded.
    Complete,
    /// Its last attempt failed and no other is due.
    Failed,
    /// Canceled before it was done.
    Canceled,
}

impl Status {
    /// All statuses, in order of life.
    pub const ALL: [Status; 5] =
        [Status::Pending, Status::InProgress, Status::Complete, Status::Failed, Status::Canceled];

    /// The name that the original gives it, such as `in-progress`.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Pending => "pending",
            Status::InProgress => "in-progress",
            Status::Complete => "complete",
            Status::Failed => "failed",
            Status::Canceled => "canceled",
        }
    }

    /// Whether an action in this status has come to an end (it can still be re-run).
    pub fn is_finished(self) -> bool {
        matches!(self, Status::Complete | Status::Failed | Status::Canceled)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Status {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or_else(|| {
            Invalid::new(
                "status",
                text,
                "expected pending, in-progress, complete, failed or canceled",
            )
        })
    }
}

/// How often an action has been started. The first attempt is 1; 0 is an action that never was.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Attempt(pub u32);

impl Attempt {
    /// The attempt after this one.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// When a new action is refused because one like it is already pending or in-progress.
///
/// The check and the insert are one atomic step in every store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Unique {
    /// Never.
    #[default]
    No,
    /// When hook, group and args are the same.
    Args,
    /// When hook and group are the same, whatever the args.
    Hook,
    /// When the other action was given the same key.
    Key(String),
}

/// An action to be stored.
#[derive(Debug, Clone)]
pub struct NewAction {
    /// What is to happen.
    pub hook: Hook,
    /// What its handlers are called with.
    pub args: Args,
    /// The group it belongs to.
    pub group: Group,
    /// When it runs.
    pub schedule: Schedule,
    /// How urgent it is.
    pub priority: Priority,
    /// Whether another one like it stands in its way.
    pub unique: Unique,
}

impl NewAction {
    /// An action with no args, in the default group, of default priority, not unique.
    pub fn new(hook: Hook, schedule: Schedule) -> Self {
        Self {
            hook,
            args: Args::none(),
            group: Group::default(),
            schedule,
            priority: Priority::default(),
            unique: Unique::No,
        }
    }

    /// The same with these args.
    pub fn args(mut self, args: Args) -> Self {
        self.args = args;
        self
    }

    /// The same in this group.
    pub fn group(mut self, group: Group) -> Self {
        self.group = group;
        self
    }

    /// The same with this priority.
    pub fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// The same, refused when one like it is pending or in-progress.
    pub fn unique(mut self, unique: Unique) -> Self {
        self.unique = unique;
        self
    }
}

/// An action as the store holds it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Action {
    /// Its id.
    pub id: ActionId,
    /// What is to happen.
    pub hook: Hook,
    /// What its handlers are called with.
    pub args: Args,
    /// The group it belongs to.
    pub group: Group,
    /// Where it is in its life.
    pub status: Status,
    /// How urgent it is.
    pub priority: Priority,
    /// When, and how often, it runs.
    pub schedule: Schedule,
    /// When it is, or was, due.
    pub scheduled_at: Timestamp,
    /// How often it has been started.
    pub attempts: Attempt,
    /// When it was stored.
    pub created_at: Timestamp,
    /// When its latest attempt started.
    pub started_at: Option<Timestamp>,
    /// When it reached its present end.
    pub finished_at: Option<Timestamp>,
    /// The claim it is, or last was, held by.
    pub claim: Option<ClaimId>,
    /// The chain it is an instance of, if it recurs.
    pub chain: Option<ChainId>,
    /// How many entries its log has.
    pub log_entries: u32,
}

impl Action {
    /// When it last changed: its end, else the start of its latest attempt, else its creation.
    pub fn modified_at(&self) -> Timestamp {
        self.finished_at.or(self.started_at).unwrap_or(self.created_at)
    }

    /// Whether it is pending and its date has come.
    pub fn is_past_due(&self, now: Timestamp) -> bool {
        self.status == Status::Pending && self.scheduled_at <= now
    }
}
