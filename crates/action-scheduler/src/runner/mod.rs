//! Claims due actions and runs them: claim, start, execute, record.

mod config;
mod shutdown;

pub use config::{BatchSize, RunReport, RunnerConfig, StopReason, Until};
pub use shutdown::Shutdown;

use crate::error::Result;
use crate::scheduler::Scheduler;

/// Runs the actions of a scheduler's store with its handlers.
pub struct Runner {
    scheduler: Scheduler,
    config: RunnerConfig,
}

impl Runner {
    /// A runner; nothing happens until [`Runner::run`].
    pub fn new(scheduler: Scheduler, config: RunnerConfig) -> Self {
        Self { scheduler, config }
    }
}
