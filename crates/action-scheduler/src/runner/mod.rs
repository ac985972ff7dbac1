//! Claims due actions and runs them: claim, start, execute, record.
//!
//! `dispatch` is the loop that holds it together; `attempt` runs one attempt; `verdict` turns how it came out into
//! what is stored; `liveness` gives signs of life; `recovery` looks after the work of runners that stopped giving them.

mod attempt;
mod batch;
mod config;
mod dispatch;
mod liveness;
mod memory;
pub(crate) mod news;
pub(crate) mod plan;
mod process;
pub(crate) mod recovery;
mod shutdown;
pub(crate) mod verdict;

pub use config::{BatchSize, RunReport, RunnerConfig, StopReason, Until};
pub use memory::{peak_memory, used_memory};
pub use process::Process;
pub use shutdown::Shutdown;

use tokio_util::task::AbortOnDropHandle;

use self::attempt::LAST_MOMENT;
use self::dispatch::Dispatcher;
pub(crate) use self::liveness::{Liveness, name};
use crate::action::{Action, ActionId};
#[cfg(doc)]
use crate::error::Error;
use crate::error::{Invalid, Result, StoreError, StoreErrorKind};
use crate::scheduler::Scheduler;
use crate::store::Pick;

/// Runs the actions of a scheduler's store with its handlers.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use action_scheduler::runner::Until;
/// use action_scheduler::{Failure, Runner, RunnerConfig, Scheduler, Shutdown};
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let file = folder.path().join("shop.db");
/// let scheduler = Scheduler::open(&format!("sqlite:{}", file.display())).await?;
/// scheduler.on("greet", |name: String, _| async move { Ok::<(), Failure>(println!("Hello, {name}")) })?;
/// scheduler.enqueue_async("greet", ["Ada"]).await?;
///
/// let config = RunnerConfig { until: Until::Drained { batches: None }, ..RunnerConfig::default() };
/// let report = Runner::new(scheduler, config).run(Shutdown::new()).await?;
/// assert_eq!(report.complete, 1);
/// # Ok::<(), action_scheduler::Error>(()) }).unwrap();
/// ```
pub struct Runner {
    scheduler: Scheduler,
    config: RunnerConfig,
}

impl Runner {
    /// A runner; nothing happens until [`Runner::run`].
    pub fn new(scheduler: Scheduler, config: RunnerConfig) -> Self {
        Self { scheduler, config }
    }

    /// Runs actions as they come due, until it is told to stop or done as its config has it.
    ///
    /// An error of the store while it runs is logged and tried again: results are kept until they are recorded. An error
    /// here is that the runner could not make itself known to the store at all or, as [`Error::Unrecorded`], that it was
    /// told to stop at once and the store did not take its last results within a few seconds.
    pub async fn run(self, shutdown: Shutdown) -> Result<RunReport> {
        let pick = Pick::Due(self.config.filter.clone());
        self.run_picked(pick, shutdown).await
    }

    /// Runs these pending actions now, whatever their date, and is done when they are. Actions whose hook is left to remote
    /// workers are refused, and then none is run.
    pub async fn run_ids(mut self, ids: Vec<ActionId>, shutdown: Shutdown) -> Result<RunReport> {
        let remote = self.scheduler.remote_hooks();
        if !remote.is_empty() {
            let actions = self.scheduler.store().fetch(ids.clone()).await?;
            let left = |action: &&Action| remote.iter().any(|hooks| hooks.matches(&action.hook));
            if let Some(action) = actions.iter().find(left) {
                let problem = format_args!(
                    "its hook {:?} is left to remote workers; give it the date now and they take it",
                    action.hook
                );
                return Err(Invalid::new("action", action.id.to_string(), problem).into());
            }
        }
        self.config.until = Until::Drained { batches: None };
        self.run_picked(Pick::Ids(ids), shutdown).await
    }

    async fn run_picked(self, pick: Pick, shutdown: Shutdown) -> Result<RunReport> {
        let (liveness, watched) = tokio::select! {
            begun = Liveness::begin(&self.scheduler, &self.config) => begun?,
            () = last_moment_is_over(&shutdown) => {
                let message = "stopped before it could begin: the store did not answer";
                return Err(StoreError::new(StoreErrorKind::Unavailable, message).into());
            }
        };
        let beating = AbortOnDropHandle::new(tokio::spawn(liveness.clone().keep(watched)));
        let until_told = shutdown.clone();
        let mut dispatcher =
            Dispatcher::new(self.scheduler, self.config, pick, until_told, liveness.clone());
        let work = async {
            dispatcher.run().await;
            drop(beating);
            liveness.end().await;
        };
        tokio::select! {
            () = work => {}
            () = last_moment_is_over(&shutdown) => {}
        }
        dispatcher.report()
    }
}

/// Completes when a runner that was told to stop at once has tried for long enough to tell its store how things stand.
async fn last_moment_is_over(shutdown: &Shutdown) {
    shutdown.stopping_at_once().await;
    tokio::time::sleep(LAST_MOMENT).await;
}
