//! A runner of the benchmark, with handlers of its own.

use std::sync::Arc;

use tokio::task::JoinHandle;

use super::{failed, of};
use crate::error::Result;
use crate::runner::{RunReport, Runner, RunnerConfig, Shutdown};
use crate::scheduler::Scheduler;
use crate::store::Store;

/// A runner at work.
pub(super) struct BenchRunner {
    shutdown: Shutdown,
    runner: JoinHandle<Result<RunReport>>,
}

impl BenchRunner {
    /// Starts one that executes so many actions at once, with the handlers that `bind` binds and nobody to listen.
    pub(super) fn start(
        store: &Arc<dyn Store>,
        workers: usize,
        bind: impl FnOnce(&Scheduler) -> Result<()>,
    ) -> Result<Self> {
        let scheduler = of(store);
        bind(&scheduler)?;
        Ok(Self::of(scheduler, workers))
    }

    /// Starts one with the handlers of a scheduler, and all that listen to it.
    pub(super) fn of(scheduler: Scheduler, workers: usize) -> Self {
        let shutdown = Shutdown::new();
        // The limit is there to spare what handlers work with; with it, several runners would measure how they take turns.
        let config = RunnerConfig { workers, concurrent_batches: None, ..RunnerConfig::default() };
        let runner = tokio::spawn(Runner::new(scheduler, config).run(shutdown.clone()));
        Self { shutdown, runner }
    }

    /// Whether it came to an end of its own; if so, [`BenchRunner::stop`] says why.
    pub(super) fn has_ended(&self) -> bool {
        self.runner.is_finished()
    }

    /// Stops it; returns when its last results are recorded.
    pub(super) async fn stop(self) -> Result<RunReport> {
        self.shutdown.stop();
        self.runner.await.map_err(|error| failed(format!("the runner: {error}")))?
    }
}
