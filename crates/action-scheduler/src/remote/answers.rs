//! What workers ask and are told.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::RemoteWorkers;
use crate::action::{ActionId, Attempt, ClaimId, Group, Hook, RunnerId};
use crate::error::{Error, Invalid};
use crate::handler::Failure;
use crate::store::ClaimedAction;
use crate::trace::SpanContext;

/// A worker that makes itself known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewWorker {
    pub(super) name: String,
    pub(super) lease: Duration,
    pub(super) slots: u32,
}

impl NewWorker {
    /// A worker of this name, with a lease of 30 s. The name is 1 to 80 characters, none of them a control character.
    pub fn new(name: &str) -> Result<Self, Invalid> {
        let problem = match name.chars().count() {
            0 => "expected a name, such as resizer-1",
            81.. => "longer than 80 characters",
            _ if name.chars().any(char::is_control) => "has a control character",
            _ if name.trim() != name => "has white space around it",
            _ => {
                return Ok(Self {
                    name: name.to_owned(),
                    lease: Duration::from_secs(30),
                    slots: 1,
                });
            }
        };
        Err(Invalid::new("worker name", name, problem))
    }

    /// With this lease: without a sign of life for so long the worker is taken for dead.
    pub fn lease(self, lease: Duration) -> Result<Self, Invalid> {
        if RemoteWorkers::LEASES.contains(&lease) {
            return Ok(Self { lease, ..self });
        }
        let problem = format_args!(
            "expected {} to {} seconds",
            RemoteWorkers::LEASES.start().as_secs(),
            RemoteWorkers::LEASES.end().as_secs()
        );
        Err(Invalid::new("lease", format!("{}", lease.as_secs_f64()), problem))
    }

    /// How many actions it runs at once, for people to read (1).
    pub fn slots(self, slots: u32) -> Self {
        Self { slots, ..self }
    }
}

/// What a worker asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    pub(super) hooks: Vec<Hook>,
    pub(super) group: Option<Group>,
    pub(super) exclude_groups: Vec<Group>,
    pub(super) limit: u32,
    pub(super) wait: Duration,
}

impl Ask {
    /// One action of these hooks, if one is due now.
    pub fn new(hooks: Vec<Hook>) -> Self {
        Self { hooks, group: None, exclude_groups: Vec::new(), limit: 1, wait: Duration::ZERO }
    }

    /// Only of this group.
    pub fn group(self, group: Group) -> Self {
        Self { group: Some(group), ..self }
    }

    /// Of none of these groups; does not count with [`Ask::group`].
    pub fn exclude_groups(self, exclude_groups: Vec<Group>) -> Self {
        Self { exclude_groups, ..self }
    }

    /// At most so many, up to [`RemoteWorkers::MOST`].
    pub fn limit(self, limit: u32) -> Self {
        Self { limit, ..self }
    }

    /// If nothing is due, it waits so long, up to [`RemoteWorkers::LONGEST_WAIT`].
    pub fn wait(self, wait: Duration) -> Self {
        Self { wait, ..self }
    }
}

/// Which attempt of which action, under which claim: what a worker names it by. It fences what is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ticket {
    /// The action.
    pub action: ActionId,
    /// The claim under which it was handed out.
    pub claim: ClaimId,
    /// The attempt.
    pub attempt: Attempt,
}

/// An action that is handed out to a worker. It is in-progress.
#[derive(Debug, Clone, PartialEq)]
pub struct Assignment {
    /// What to name it by.
    pub ticket: Ticket,
    /// The action.
    pub action: ClaimedAction,
    /// When it will be marked as timed out. It can still become complete after that.
    pub deadline: Timestamp,
    /// When it is over for certain: what is reported later does not count.
    pub kill_at: Timestamp,
    /// The span of the attempt, to be the parent of what the worker does; none unless the scheduler traces.
    pub span: Option<SpanContext>,
}

/// What a worker has to say about an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Which attempt.
    pub ticket: Ticket,
    /// How it came out.
    pub result: WorkResult,
}

/// How an attempt came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkResult {
    /// It succeeded.
    Complete,
    /// It failed, with advice on another attempt.
    Failed(Failure),
    /// It was never begun: it goes back to the queue, and the attempt is not counted.
    NotBegun,
}

/// What became of a result that counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Accepted {
    /// The action is complete.
    Complete,
    /// The action is failed.
    Failed,
    /// Another attempt will follow.
    Retrying,
    /// It is back in the queue.
    Released,
}

/// A line for the log of an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Which attempt it belongs to.
    pub ticket: Ticket,
    /// The text; control characters are left out.
    pub text: String,
    /// When it was; `None` is now.
    pub at: Option<Timestamp>,
}

/// Why an attempt is not, or no longer, the worker's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Lost {
    /// There is no such action; it may have been deleted.
    NoSuchAction,
    /// Another worker holds it.
    OtherWorker,
    /// It was canceled.
    Canceled,
    /// It ran until its `kill_at`.
    Killed,
    /// It has come to its end.
    Ended,
    /// It went on without this attempt: it was taken back after the lease, given another attempt, or never started so.
    Superseded,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Lost::NoSuchAction => "there is no such action",
            Lost::OtherWorker => "another worker holds it",
            Lost::Canceled => "it was canceled",
            Lost::Killed => "it ran longer than it may, and was given up",
            Lost::Ended => "it has come to its end already",
            Lost::Superseded => "the attempt is no longer in charge of the action",
        })
    }
}

/// Why a worker is not served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteError {
    /// Nobody knows this worker: it has signed off, or gave no sign of life for its lease.
    #[error(
        "worker {0} is not known: it never registered, signed off, or gave no sign of life for its lease; register again"
    )]
    UnknownWorker(RunnerId),
    /// A hook that is not left to remote workers.
    #[error(
        "the hook {0:?} is not left to remote workers; a [[handler]] with this hook and `remote = true` in the config file does that"
    )]
    NotRemote(Hook),
    /// Anything else.
    #[error(transparent)]
    Error(#[from] Error),
}

impl From<Invalid> for RemoteError {
    fn from(invalid: Invalid) -> Self {
        Self::Error(invalid.into())
    }
}
