//! What the cleaner asks for.

use jiff::Timestamp;

use crate::action::{ActionId, Hook, Status};

/// Which hooks something is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookScope {
    /// These.
    Only(Vec<Hook>),
    /// All but these.
    AllBut(Vec<Hook>),
}

/// A request to delete finished actions of one status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CleanBatch {
    /// Their status; one that is finished.
    pub status: Status,
    /// Only what was due, and changed last, before this date.
    pub before: Timestamp,
    /// Only these hooks.
    pub hooks: HookScope,
    /// How many rows are looked at, at most.
    pub limit: u32,
    /// Where the batch before this one came to.
    pub after: Option<CleanCursor>,
    /// Whether they are deleted or only counted.
    pub mode: CleanMode,
}

/// Whether [`Store::clean`](super::Store::clean) deletes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CleanMode {
    /// It deletes.
    Delete,
    /// It counts what it would delete.
    DryRun,
}

/// How far cleaning has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CleanCursor {
    /// The scheduled date of the last row looked at.
    pub scheduled_at: Timestamp,
    /// Its id.
    pub id: ActionId,
}

/// What [`Store::clean`](super::Store::clean) did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cleaned {
    /// How many actions were deleted (or would have been).
    pub deleted: u64,
    /// Where to go on; `None` when all were looked at.
    pub next: Option<CleanCursor>,
}
