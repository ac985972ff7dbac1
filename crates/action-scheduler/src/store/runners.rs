//! Runners: who stakes claims, and what is left when one dies.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::ClaimedAction;
use crate::action::{ClaimId, RunnerId};
use crate::log::Context;

/// A runner that makes itself known.
#[derive(Debug, Clone, Serialize)]
pub struct NewRunner {
    /// Where it runs: host and process.
    pub name: String,
    /// Which process it is, for others on the same machine to see whether it still runs; see
    /// [`crate::runner::Process`].
    pub process: Option<String>,
    /// What it is, as the log shows it.
    pub context: Context,
    /// How many actions it executes at once.
    pub workers: u32,
    /// Without a beat for this long it is taken for dead.
    pub lease: Duration,
}

/// A runner that is known.
#[derive(Debug, Clone, Serialize)]
pub struct Runner {
    /// Its id.
    pub id: RunnerId,
    /// What it said about itself.
    #[serde(flatten)]
    pub runner: NewRunner,
    /// When it made itself known.
    pub started_at: Timestamp,
    /// Its latest beat by the clock, for people to read.
    pub heartbeat_at: Timestamp,
    /// How often it has beaten: the sign of life that does not depend on any clock.
    pub beats: u64,
    /// How many claims it holds.
    pub claims: u32,
    /// How many actions it has in-progress.
    pub in_progress: u32,
}

/// What tells whether a runner lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heartbeat {
    /// Whose it is.
    pub id: RunnerId,
    /// [`NewRunner::name`].
    pub name: String,
    /// [`NewRunner::process`].
    pub process: Option<String>,
    /// [`NewRunner::lease`].
    pub lease: Duration,
    /// [`Runner::beats`].
    pub beats: u64,
}

/// A runner that is taken for dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeadRunner {
    /// Its id.
    pub id: RunnerId,
    /// The count of beats it stands at; if it has moved on, the runner lives.
    pub beats: u64,
}

/// What [`Store::recover`](super::Store::recover) found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recovery {
    /// How many claimed actions went back to the queue.
    pub released: u64,
    /// What was in-progress: to be finished as crashed. Until that is recorded, each later call gives it out again.
    pub stranded: Vec<Stranded>,
}

/// An action that was in-progress when its runner died.
#[derive(Debug, Clone, PartialEq)]
pub struct Stranded {
    /// The action.
    pub action: ClaimedAction,
    /// The claim under which it was started.
    pub claim: ClaimId,
    /// The runner that died, where it is known.
    pub runner: Option<RunnerId>,
}
