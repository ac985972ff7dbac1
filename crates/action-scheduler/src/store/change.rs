//! What people do to actions: cancel, delete, put back.

use jiff::Timestamp;

use crate::action::{ActionId, Status};
use crate::query::{Claimed, Query};

/// The actions that something is done to.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// These.
    Ids(Vec<ActionId>),
    /// What the query asks for, at most as many as its limit. Actions whose status does not allow it are passed over.
    Matching(Box<Query>),
}

/// What became of one action of a [`Target`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It was done.
    Done(ActionId),
    /// There is no such action.
    Missing(ActionId),
    /// Its status does not allow it.
    Refused(ActionId, Status),
}

/// How an action is put (back) into the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requeue {
    /// A finished action gets a new attempt, due now. Its chain, if it had one, is not touched.
    Rerun,
    /// A pending action is due now; the date it had is still owed to its chain.
    RunNow,
    /// A pending action is due at another date.
    At(Timestamp),
}

impl Requeue {
    /// The statuses from which it is done.
    pub fn allowed(self) -> &'static [Status] {
        match self {
            Requeue::Rerun => &[Status::Complete, Status::Failed, Status::Canceled],
            Requeue::RunNow | Requeue::At(_) => &[Status::Pending],
        }
    }

    /// The same target without those claimed actions that it is not done to; none when nothing can be left.
    pub(crate) fn narrow(self, target: Target) -> Option<Target> {
        match (self, target) {
            (Requeue::RunNow | Requeue::At(_), Target::Matching(mut query)) => {
                match query.claimed {
                    None | Some(Claimed::None) => query.claimed = Some(Claimed::None),
                    Some(Claimed::Any | Claimed::By(_)) => return None,
                }
                Some(Target::Matching(query))
            }
            (_, target) => Some(target),
        }
    }
}
