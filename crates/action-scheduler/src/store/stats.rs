//! Figures about the whole store.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::ChainState;

/// Figures about the whole store.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stats {
    /// How many actions have each status.
    pub counts: BTreeMap<&'static str, u64>,
    /// How many are pending and due.
    pub past_due: u64,
    /// For each status, the oldest and the newest scheduled date.
    pub dates: BTreeMap<&'static str, (Timestamp, Timestamp)>,
    /// How many claims are open.
    pub claims: u64,
    /// How many runners are known.
    pub runners: u64,
    /// How many chains are in each state.
    pub chains: BTreeMap<ChainState, u64>,
}
