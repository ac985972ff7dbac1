//! The numbers that stand for things in the journal of what was taken in from other stores.

use crate::store::ImportState;

/// What a row of the journal is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Kind {
    Action,
    Chain,
}

impl Kind {
    pub(in crate::store) const fn code(self) -> i64 {
        match self {
            Kind::Action => 0,
            Kind::Chain => 1,
        }
    }
}

pub(in crate::store) const fn state_code(state: ImportState) -> i64 {
    match state {
        ImportState::Copied => 0,
        ImportState::Held => 1,
        ImportState::Admitted => 2,
    }
}

pub(in crate::store) fn state_of(code: i64) -> Option<ImportState> {
    [ImportState::Copied, ImportState::Held, ImportState::Admitted]
        .into_iter()
        .find(|state| state_code(*state) == code)
}
