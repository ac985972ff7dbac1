//! What a move did, and what it left.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::action::{ActionId, Status};
use crate::store::{Subject, Unreadable};

/// How far a move is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub phase: Phase,
    /// How many actions it is through with.
    pub done: u64,
    /// How many there are, as far as is known.
    pub total: u64,
}

/// What a move is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Copying what is finished.
    History,
    /// Moving what is pending.
    Pending,
    /// Waiting for what is in-progress; `total` says how much that is.
    Waiting,
    /// Comparing the stores.
    Comparing,
    /// Looking what there is to move.
    Looking,
}

impl Phase {
    /// The phase in a word or two.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::History => "copying history",
            Phase::Pending => "moving what is pending",
            Phase::Waiting => "waiting for what is in-progress",
            Phase::Comparing => "comparing",
            Phase::Looking => "looking",
        }
    }
}

/// What a move did, and what it left.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct MoveReport {
    /// How many finished actions this run copied, by status.
    pub copied: BTreeMap<&'static str, u64>,
    /// How many pending actions this run moved, those among them that an earlier run had begun to move.
    pub moved: u64,
    /// How many passes over what is pending it took.
    pub passes: u32,
    /// What the two stores have in common by now, as far as it was compared.
    pub compared: Compared,
    /// What is left in the source.
    pub left: Left,
    /// What is not in the target as it should be: the first of them, by id.
    pub differences: Vec<Difference>,
    /// How many differences there are in all.
    pub different: u64,
    /// Whether it was told to stop.
    pub interrupted: bool,
}

impl MoveReport {
    /// How many differences and unreadable rows are named.
    pub const NAMED: usize = 100;

    /// Whether all there was is in the target, and the same.
    pub fn is_complete(&self) -> bool {
        !self.interrupted && self.different == 0 && self.left.is_nothing()
    }

    /// How many finished actions this run copied.
    pub fn copied(&self) -> u64 {
        self.copied.values().sum()
    }

    pub(super) fn count_copied(&mut self, status: Status) {
        *self.copied.entry(status.as_str()).or_default() += 1;
    }

    pub(super) fn differs(&mut self, what: Subject, problem: impl Into<String>) {
        self.different += 1;
        if self.differences.len() < Self::NAMED {
            self.differences.push(Difference { what, problem: problem.into() });
        }
    }
}

/// Counts of the two stores, by the journal of the move.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// Finished actions of the source that are history in the target, by status.
    pub source: BTreeMap<&'static str, u64>,
    /// What they are in the target, by status.
    pub target: BTreeMap<&'static str, u64>,
    /// The log entries of those in the source.
    pub source_log_entries: u64,
    /// The log entries of those in the target.
    pub target_log_entries: u64,
    /// Actions that went over pending, and live in the target since.
    pub moved: u64,
    /// Chains that are in both.
    pub chains: u64,
    /// Actions that have another id in the target.
    pub new_ids: u64,
    /// What was moved or copied, and was deleted or put back into the queue in the target since.
    pub changed_since: u64,
}

/// What is left in the source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Left {
    /// Actions that are pending.
    pub pending: u64,
    /// Actions that are in-progress.
    pub in_progress: u64,
    /// Chains that are neither ended nor moved.
    pub chains: u64,
    /// Actions that were moved, and have been put back into the queue of the source since: the first of them, by id.
    pub again: Vec<ActionId>,
    /// What cannot be read: the first of it.
    pub unreadable: Vec<Unreadable>,
    /// How much cannot be read in all.
    pub unreadable_count: u64,
}

impl Left {
    /// Whether nothing is.
    pub fn is_nothing(&self) -> bool {
        self.pending + self.in_progress + self.chains + self.unreadable_count == 0
            && self.again.is_empty()
    }

    /// How much of it is still to run.
    pub fn live(&self) -> u64 {
        self.pending + self.in_progress
    }

    pub(super) fn add_unreadable(&mut self, unreadable: Vec<Unreadable>) {
        for row in unreadable {
            self.unreadable_count += 1;
            if self.unreadable.len() < MoveReport::NAMED {
                self.unreadable.push(row);
            }
        }
    }
}

/// Something that is not in the target as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What it is, by its id in the source.
    #[serde(flatten)]
    pub what: Subject,
    /// What is wrong.
    pub problem: String,
}
