//! Runs the queue of one site for as long as it can be loaded, and waits while it cannot.

use std::time::Duration;

use action_scheduler::runner::RunReport;
use action_scheduler::{Result, Runner, RunnerConfig, Scheduler, Shutdown};

use tokio::sync::watch;

use crate::pool::{Health, PhpWorkers};
use crate::worker::LoadError;

/// How long to wait before a site that could not be loaded is tried again: this at first, then twice as long each time.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// What to do when a site cannot be loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnBroken {
    /// Wait until it can be.
    Wait,
    /// Stop; [`PhpWorkers::health`] says why.
    Stop,
}

/// Runs the queue of a site until it is told to stop, or the runner is done as its config has it.
///
/// While WordPress cannot be loaded (maintenance, a parse error in a plugin, no database) nothing is claimed. It is tried
/// again, less and less often, and the log says why. It looks at once for actions that callbacks store, and when the
/// `bell` rings.
pub async fn keep(
    scheduler: Scheduler,
    workers: PhpWorkers,
    mut bell: watch::Receiver<u64>,
    config: RunnerConfig,
    on_broken: OnBroken,
    shutdown: Shutdown,
) -> Result<RunReport> {
    let store = scheduler.store().clone();
    let mut stored = workers.stored();
    let nudging = async {
        loop {
            // Neither ends as long as there is someone to be told.
            tokio::select! {
                Ok(()) = stored.changed() => {}
                Ok(()) = bell.changed() => {}
                else => std::future::pending::<()>().await,
            }
            store.nudge();
        }
    };
    tokio::select! {
        report = run(&scheduler, &workers, &config, on_broken, &shutdown) => report,
        () = nudging => std::future::pending().await,
    }
}

async fn run(
    scheduler: &Scheduler,
    workers: &PhpWorkers,
    config: &RunnerConfig,
    on_broken: OnBroken,
    shutdown: &Shutdown,
) -> Result<RunReport> {
    let mut total: Option<RunReport> = None;
    loop {
        let mut health = workers.health();
        let inner = Shutdown::new();
        let stop = async {
            tokio::select! {
                () = shutdown.stopping() => inner.stop(),
                _ = health.wait_for(|health| matches!(health, Health::Broken(_))) => inner.stop(),
            }
            shutdown.stopping_at_once().await;
            inner.stop_at_once();
            std::future::pending::<()>().await;
        };
        let runner = Runner::new(scheduler.clone(), config.clone());
        let report = tokio::select! {
            report = runner.run(inner.clone()) => report?,
            () = stop => continue,
        };
        let report = total.take().map_or(report, |before| added(before, report));
        let broken = match &*workers.health().borrow() {
            Health::Broken(error) => Some(error.clone()),
            Health::Unknown | Health::Sound => None,
        };
        let is_over = shutdown.is_stopping() || !inner.is_stopping() || on_broken == OnBroken::Stop;
        match broken {
            Some(error) if !is_over => mend(workers, error, shutdown).await,
            _ if !is_over => {}
            _ => return Ok(report),
        }
        total = Some(report);
    }
}

/// Waits until the site can be loaded again.
async fn mend(workers: &PhpWorkers, error: LoadError, shutdown: &Shutdown) {
    let site = workers.site_name();
    let mut wait = FIRST_WAIT;
    let mut last = error;
    tracing::warn!(site, reason = %last.reason, "the queue stands still until WordPress can be loaded");
    loop {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = shutdown.stopping() => return,
        }
        let tried = tokio::select! {
            tried = workers.probe() => tried,
            () = shutdown.stopping() => return,
        };
        let Err(error) = tried else {
            tracing::info!(site, "WordPress can be loaded again");
            return;
        };
        wait = (wait * 2).min(LONGEST_WAIT);
        if error != last {
            tracing::warn!(site, reason = %error.reason, "WordPress still cannot be loaded");
            last = error;
        }
    }
}

fn added(before: RunReport, report: RunReport) -> RunReport {
    RunReport {
        batches: before.batches + report.batches,
        complete: before.complete + report.complete,
        failed: before.failed + report.failed,
        retried: before.retried + report.retried,
        ignored: before.ignored + report.ignored,
        released: before.released + report.released,
        stopped: report.stopped,
    }
}
