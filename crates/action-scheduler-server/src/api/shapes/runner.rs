//! Runners, as they are given.

use action_scheduler::store::Runner;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// A runner: a process that stakes claims.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Runner)]
pub(crate) struct RunnerShape {
    /// Its id.
    id: i64,
    /// Where it runs: host and process.
    name: String,
    /// What it is, as the log shows it.
    context: String,
    /// How many actions it executes at once.
    workers: u32,
    /// Without a beat for this many seconds it is taken for dead.
    lease: f64,
    /// When it made itself known.
    started_at: Timestamp,
    /// Its latest beat.
    heartbeat_at: Timestamp,
    /// Whether its latest beat is longer ago than its lease.
    late: bool,
    /// How many claims it holds.
    claims: u32,
    /// How many actions it has in-progress.
    in_progress: u32,
}

impl RunnerShape {
    /// A runner as it is seen at this moment.
    pub(crate) fn new(runner: &Runner, now: Timestamp) -> Self {
        let age = now.duration_since(runner.heartbeat_at);
        let said = &runner.runner;
        Self {
            id: runner.id.get(),
            name: said.name.clone(),
            context: said.context.to_string(),
            workers: said.workers,
            lease: said.lease.as_secs_f64(),
            started_at: runner.started_at,
            heartbeat_at: runner.heartbeat_at,
            late: age.is_positive() && age.unsigned_abs() > said.lease,
            claims: runner.claims,
            in_progress: runner.in_progress,
        }
    }
}
