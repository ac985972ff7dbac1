//! Attempts that are still in charge of their actions, for whoever has to know more of them than their ids.

use jiff::Timestamp;

use super::ClaimedAction;
use crate::action::{ActionId, ClaimId, RunnerId};

/// Whose attempts are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptsOf {
    /// What this runner has in-progress. What was marked as timed out is not among it.
    Runner(RunnerId),
    /// The attempts of these actions that are in-progress, or that were marked as timed out and may still succeed.
    Actions(Vec<ActionId>),
}

/// An attempt that is in charge of its action.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenAttempt {
    /// The action; its attempts count this one.
    pub action: ClaimedAction,
    /// The claim under which it was started.
    pub claim: ClaimId,
    /// The runner that holds the claim, where it is known.
    pub runner: Option<RunnerId>,
    /// When it was started.
    pub started_at: Timestamp,
    /// Whether it was marked as timed out.
    pub timed_out: bool,
}
