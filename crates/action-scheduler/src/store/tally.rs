//! Counts by hook or group, and claims: what overviews show.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::action::{ClaimId, RunnerId, Status};

/// What actions are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TallyBy {
    /// Their hook.
    Hook,
    /// Their group.
    Group,
}

/// How many actions of one hook or group there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// The name of the hook or group.
    pub name: String,
    /// How many have each status; one that none has may be missing.
    pub counts: BTreeMap<Status, u64>,
}

impl Tally {
    /// How many have this status.
    pub fn count(&self, status: Status) -> u64 {
        self.counts.get(&status).copied().unwrap_or_default()
    }

    /// How many there are.
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }
}

/// Adds up counts that come piece by piece.
#[derive(Debug, Default)]
pub(in crate::store) struct Tallies(BTreeMap<String, BTreeMap<Status, u64>>);

impl Tallies {
    /// So many more of this name and status.
    pub(in crate::store) fn add(&mut self, name: &str, status: Status, count: u64) {
        let counts = match self.0.get_mut(name) {
            Some(counts) => counts,
            None => self.0.entry(name.to_owned()).or_default(),
        };
        *counts.entry(status).or_default() += count;
    }

    /// By name, without what was not counted.
    pub(in crate::store) fn into_list(self) -> Vec<Tally> {
        let all = self.0.into_iter().map(|(name, mut counts)| {
            counts.retain(|_, count| *count > 0);
            Tally { name, counts }
        });
        all.filter(|tally| !tally.counts.is_empty()).collect()
    }
}

/// Which open claims are asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClaimsQuery {
    /// Only those of this runner.
    pub runner: Option<RunnerId>,
    /// How many at most.
    pub limit: Option<u32>,
}

/// A claim that still holds something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OpenClaim {
    /// Its id.
    pub id: ClaimId,
    /// Who staked it; unknown where the WordPress plugin did.
    pub runner: Option<RunnerId>,
    /// When.
    pub claimed_at: Timestamp,
    /// How many of its actions have not been started.
    pub waiting: u32,
    /// How many of its actions are in-progress.
    pub in_progress: u32,
}
