//! Remote workers over HTTP: how fast a pool of them drains, and what many that wait cost.

use std::time::{Duration, Instant};

use action_scheduler::action::NewAction;
use action_scheduler::bench::Progress;
use action_scheduler::runner::{peak_memory, used_memory};
use action_scheduler::{Query, Schedule, Scheduler, Status};
use anyhow::{Result, bail};
use serde::Serialize;

use super::clients::{self, HOOK, Task};
use super::served::{self, Served};
use super::{BULK, Options, Rows, Target, mib, per_second};
use crate::output::thousands;

/// What was measured.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// How many actions were drained.
    actions: u64,
    /// By how many workers, each with a connection of its own.
    connections: u32,
    /// How many actions each asked for at once.
    remote_batch: u32,
    /// Actions per second, from the first question to the last answer.
    remote_drain_per_s: f64,
    /// How many workers waited for work.
    waiting: u32,
    /// How much more memory the server used while they did.
    waiting_mib: Option<f64>,
    /// The most memory the server used at any time.
    peak_rss_mib: Option<f64>,
}

/// Measures it.
pub(super) async fn measure(
    target: &Target,
    options: &Options,
    progress: Progress<'_>,
) -> Result<Report> {
    let scheduler = served::empty(target).await?;
    scheduler.bind_remote(HOOK.parse()?);
    let server = Served::start(scheduler.clone()).await?;
    let workers = |task, connections| clients::Options {
        task,
        connections,
        batch: options.remote_batch,
        actions: 0,
    };

    progress("workers that wait");
    let before = used_memory();
    let waiting = server.clients(&workers(Task::Wait, options.waiting)).await?;
    let after = memory_at_rest().await;
    waiting.finish().await?;

    progress("storing what is drained");
    store(&scheduler, options.actions).await?;
    progress("remote drain");
    let draining = server.clients(&workers(Task::Drain, options.connections)).await?;
    let begun = Instant::now();
    let done = draining.finish().await?;
    let time = begun.elapsed();
    let complete = scheduler.count(Query::new().status(Status::Complete)).await?;
    if (done, complete) != (options.actions, options.actions) {
        bail!("of {} actions {done} were done and {complete} are complete", options.actions);
    }
    server.stop().await?;
    Ok(Report {
        actions: options.actions,
        connections: options.connections,
        remote_batch: options.remote_batch,
        remote_drain_per_s: options.actions as f64 / time.as_secs_f64().max(1e-9),
        waiting: options.waiting,
        waiting_mib: before.zip(after).map(|(before, after)| mib(after.saturating_sub(before))),
        peak_rss_mib: peak_memory().map(mib),
    })
}

/// What is shown.
pub(super) fn rows(report: &Report) -> Rows {
    let mut rows = vec![
        ("remote drain", per_second(report.remote_drain_per_s)),
        ("by workers", format!("{}, {} at once", report.connections, report.remote_batch)),
        ("workers that wait", thousands(u64::from(report.waiting))),
    ];
    rows.extend(report.waiting_mib.map(|mib| ("memory for them", format!("{mib:.1} MiB"))));
    rows.extend(report.peak_rss_mib.map(|mib| ("peak memory", format!("{mib:.0} MiB"))));
    rows
}

async fn store(scheduler: &Scheduler, actions: u64) -> Result<()> {
    let hook: action_scheduler::Hook = HOOK.parse()?;
    let mut left = actions;
    while left > 0 {
        let some = left.min(BULK.into());
        let new = (0..some).map(|_| NewAction::new(hook.clone(), Schedule::Async));
        scheduler.insert(new.collect()).await?;
        left -= some;
    }
    Ok(())
}

/// How long the memory of a server has to stand still to be taken for what those that wait cost.
const STILL: Duration = Duration::from_secs(2);

/// How much memory is used when that has stood still for a while.
async fn memory_at_rest() -> Option<u64> {
    let mut most = used_memory()?;
    let mut since = Instant::now();
    while since.elapsed() < STILL {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let now = used_memory()?;
        if now > most {
            (most, since) = (now, Instant::now());
        }
    }
    Some(most)
}
