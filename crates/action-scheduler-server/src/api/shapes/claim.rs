//! Claims, as they are given.

use action_scheduler::store::OpenClaim;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// A claim that still holds something: a batch of actions that one runner has set aside for itself.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Claim)]
pub(crate) struct ClaimShape {
    /// Its id.
    id: i64,
    /// The runner that staked it; none where another program did.
    runner: Option<i64>,
    /// When it was staked.
    claimed_at: Timestamp,
    /// How many of its actions have not been started.
    waiting: u32,
    /// How many of its actions are in-progress.
    in_progress: u32,
}

impl From<&OpenClaim> for ClaimShape {
    fn from(claim: &OpenClaim) -> Self {
        Self {
            id: claim.id.get(),
            runner: claim.runner.map(|runner| runner.get()),
            claimed_at: claim.claimed_at,
            waiting: claim.waiting,
            in_progress: claim.in_progress,
        }
    }
}
