//! Actions that are created over HTTP.

use std::time::Instant;

use action_scheduler::Query;
use action_scheduler::bench::Progress;
use action_scheduler::runner::peak_memory;
use anyhow::{Result, bail};
use serde::Serialize;

use super::clients::{self, HOOK, Task};
use super::served::{self, Served};
use super::{BULK, Options, Rows, Target, mib, per_second};

/// How many actions are created one at a time, at most: that takes longer.
const SINGLES: u64 = 100_000;

/// What was measured.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// By how many programs, each with a connection of its own that it keeps.
    connections: u32,
    /// How many actions were created one at a time.
    singles: u64,
    /// Actions per second, each durable before it is answered.
    http_single_per_s: f64,
    /// How many actions were created many at a time.
    actions: u64,
    /// How many at a time.
    bulk: u32,
    /// Actions per second.
    http_bulk_per_s: f64,
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
    let server = Served::start(scheduler.clone()).await?;
    let mut stored = 0;
    let mut create = async |actions, batch| {
        let creators = clients::Options {
            task: Task::Create,
            connections: options.connections,
            batch,
            actions,
        };
        let creators = server.clients(&creators).await?;
        let begun = Instant::now();
        let created = creators.finish().await?;
        let time = begun.elapsed();
        stored += actions;
        let found = scheduler.count(Query::new().hook(HOOK.parse()?)).await?;
        if (created, found) != (actions, stored) {
            bail!(
                "of {actions} actions {created} were created, and {found} of {stored} are stored"
            );
        }
        Ok(actions as f64 / time.as_secs_f64().max(1e-9))
    };
    let singles = options.actions.min(SINGLES);
    progress("create, one at a time");
    let http_single_per_s = create(singles, 1).await?;
    progress("create, many at a time");
    let http_bulk_per_s = create(options.actions, BULK).await?;
    server.stop().await?;
    Ok(Report {
        connections: options.connections,
        singles,
        http_single_per_s,
        actions: options.actions,
        bulk: BULK,
        http_bulk_per_s,
        peak_rss_mib: peak_memory().map(mib),
    })
}

/// What is shown.
pub(super) fn rows(report: &Report) -> Rows {
    let mut rows = vec![
        ("create over HTTP, single", per_second(report.http_single_per_s)),
        ("create over HTTP, bulk", per_second(report.http_bulk_per_s)),
        ("over connections", report.connections.to_string()),
    ];
    rows.extend(report.peak_rss_mib.map(|mib| ("peak memory", format!("{mib:.0} MiB"))));
    rows
}
