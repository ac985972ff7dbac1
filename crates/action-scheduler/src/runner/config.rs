//! How a runner works, and what it says when it is done.

use std::time::Duration;

use serde::Serialize;

use crate::store::ClaimFilter;

/// How a runner works.
#[derive(Debug, Clone)]
pub struct RunnerConfig {
    /// How many actions it executes at once (10). With 1 they run strictly one after another, in claim order.
    pub workers: usize,
    /// So much work is started before a worker is free for it (none). Where actions take less time than a commit, workers
    /// need not wait for one then. What was started and not yet called when the process is killed counts as crashed; what
    /// waits for more than two seconds behind others goes back to the queue.
    pub start_ahead: Duration,
    /// How many actions a claim takes.
    pub batch_size: BatchSize,
    /// How many claims may be open at once, over all runners (5); `None` is any number.
    pub concurrent_batches: Option<u32>,
    /// Which actions it takes.
    pub filter: ClaimFilter,
    /// It looks for work at least this often, whatever wakes it in between (5 s).
    pub poll_interval: Duration,
    /// Without a sign of life for this long, others take it for dead (15 s). It gives four signs in that time.
    pub lease: Duration,
    /// When it is stopped, running handlers have this long to finish (30 s).
    pub grace: Duration,
    /// It claims nothing more after this long, or when the average action would pass it (no limit).
    pub time_limit: Option<Duration>,
    /// It claims nothing more when the process uses this many bytes (no limit).
    pub memory_limit: Option<u64>,
    /// When it is done.
    pub until: Until,
}

impl Default for RunnerConfig {
    fn default() -> Self {
        Self {
            workers: 10,
            start_ahead: Duration::ZERO,
            batch_size: BatchSize::Auto,
            concurrent_batches: Some(5),
            filter: ClaimFilter::default(),
            poll_interval: Duration::from_secs(5),
            lease: Duration::from_secs(15),
            grace: Duration::from_secs(30),
            time_limit: None,
            memory_limit: None,
            until: Until::Stopped,
        }
    }
}

/// How many actions a claim takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BatchSize {
    /// 20 at first; it grows while actions are fast, so that a claim holds about a second of work.
    #[default]
    Auto,
    /// This many.
    Fixed(u32),
}

/// When a runner is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// When it is told to stop.
    Stopped,
    /// When nothing that it takes is due any more, or after this many batches.
    Drained {
        /// The most batches; `None` is any number.
        batches: Option<u32>,
    },
}

/// What a runner did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RunReport {
    /// How many batches it claimed.
    pub batches: u64,
    /// How many actions it completed.
    pub complete: u64,
    /// How many actions it failed.
    pub failed: u64,
    /// How many attempts failed and will be followed by another.
    pub retried: u64,
    /// How many claimed actions were no longer pending when their turn came.
    pub ignored: u64,
    /// How many claimed actions it gave back when it stopped.
    pub released: u64,
    /// Why it stopped.
    pub stopped: StopReason,
}

/// Why a runner stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// It was told to.
    Told,
    /// Nothing was due any more, or it had run its number of batches.
    Drained,
    /// Its time was up.
    TimeLimit,
    /// The process used too much memory.
    MemoryLimit,
    /// As many claims were open, in other runners, as may be.
    AtCapacity,
}
