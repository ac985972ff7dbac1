//! Results: how attempts came out, and what follows.

use jiff::Timestamp;

use crate::action::{ActionId, Attempt, ChainId, ClaimId, Status};
use crate::log::{NewLogEntry, Step};

/// How an attempt came out.
#[derive(Debug, Clone, PartialEq)]
pub struct Finish {
    /// The action.
    pub action: ActionId,
    /// The claim under which it was started.
    pub claim: ClaimId,
    /// The attempt.
    pub attempt: Attempt,
    /// What became of it.
    pub outcome: Outcome,
    /// What goes into the log, in order.
    pub entries: Vec<NewLogEntry>,
    /// How its chain goes on, if it has one and this is the end of the instance.
    pub succession: Option<Succession>,
}

/// What became of an attempt, as far as the store is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The action is complete. Allowed too when the attempt was marked as timed out before.
    Complete,
    /// The action is failed.
    Failed,
    /// The action is failed because it ran too long; its handler may still come to an end.
    TimedOut,
    /// The action is pending again. Allowed too when the attempt was marked as timed out before.
    Retry {
        /// When the next attempt is due.
        at: Timestamp,
    },
    /// The handler was never called: the action is pending again and the attempt is not counted.
    NotCalled,
    /// The runner died: the action is failed, and what it may still report is no longer its own.
    Crashed,
    /// The runner died, and the action is pending again.
    CrashedRetry {
        /// When the next attempt is due.
        at: Timestamp,
    },
}

impl Outcome {
    /// The status that follows.
    pub fn status(self) -> Status {
        match self {
            Outcome::Complete => Status::Complete,
            Outcome::Failed | Outcome::TimedOut | Outcome::Crashed => Status::Failed,
            Outcome::Retry { .. } | Outcome::NotCalled | Outcome::CrashedRetry { .. } => {
                Status::Pending
            }
        }
    }
}

impl Outcome {
    /// What the log says of one that came too late.
    pub(super) fn in_words(self) -> &'static str {
        match self {
            Outcome::Complete => "complete",
            Outcome::Failed => "failed",
            Outcome::TimedOut => "timed out",
            Outcome::Retry { .. } => "failed, to be retried",
            Outcome::NotCalled => "not called",
            Outcome::Crashed | Outcome::CrashedRetry { .. } => "crashed",
        }
    }
}

impl Finish {
    /// Whether this is what nearly all are: a success of which nothing follows and nothing is told but that.
    pub(super) fn is_plain(&self) -> bool {
        self.outcome == Outcome::Complete
            && self.succession.is_none()
            && match self.entries.as_slice() {
                [] => true,
                [only] => {
                    only.step == Step::Complete && only.message.is_none() && only.at.is_none()
                }
                _ => false,
            }
    }
}

/// How a chain goes on when an instance has come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Succession {
    /// The chain.
    pub chain: ChainId,
    /// The date of the next instance; `None` ends the chain.
    pub next: Option<Timestamp>,
    /// With this many failures in a row the chain is paused instead.
    pub failure_threshold: Option<u32>,
}

/// The answer to a [`Finish`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// It was recorded.
    Yes {
        /// The next instance, if one was stored.
        next: Option<ActionId>,
        /// The chain that was paused by this failure.
        paused: Option<ChainId>,
    },
    /// The attempt was no longer its own; that was logged if the action still exists, and nothing else changed.
    Superseded,
}
