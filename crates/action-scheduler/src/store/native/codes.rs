//! The numbers that stand for statuses and states.

use crate::action::Status;
use crate::store::ChainState;

pub(in crate::store) const fn status_code(status: Status) -> i64 {
    match status {
        Status::Pending => 0,
        Status::InProgress => 1,
        Status::Complete => 2,
        Status::Failed => 3,
        Status::Canceled => 4,
    }
}

pub(in crate::store) fn status_of(code: i64) -> Option<Status> {
    Status::ALL.into_iter().find(|status| status_code(*status) == code)
}

/// What the `phase` column holds for a status: the same for all that has not ended.
pub(in crate::store) fn phase_code(status: Status) -> i64 {
    if status.is_finished() { status_code(status) } else { 0 }
}

pub(in crate::store) fn state_code(state: ChainState) -> i64 {
    match state {
        ChainState::Active => 0,
        ChainState::Paused => 1,
        ChainState::Ended => 2,
    }
}

pub(in crate::store) fn state_of(code: i64) -> Option<ChainState> {
    [ChainState::Active, ChainState::Paused, ChainState::Ended]
        .into_iter()
        .find(|state| state_code(*state) == code)
}
