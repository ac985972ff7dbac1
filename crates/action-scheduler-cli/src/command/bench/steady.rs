//! How a store does over time.

use std::time::Duration;

use action_scheduler::bench::Progress;
use action_scheduler::bench::steady::{self, Elsewhere, SteadyOptions, SteadyReport};
use anyhow::Result;

use super::{Options, Rows, Target, ms, per_second};
use crate::output::thousands;

/// Measures it.
pub(super) async fn measure(
    target: &Target,
    options: &Options,
    rate: u32,
    time: Duration,
    progress: Progress<'_>,
) -> Result<SteadyReport> {
    let steady = SteadyOptions {
        store: target.url.clone(),
        rate,
        time,
        workers: options.workers as usize,
        elsewhere: match options.hold_transaction {
            true => Elsewhere::OpenTransaction,
            false => Elsewhere::Idle,
        },
    };
    Ok(steady::run(&steady, progress).await?)
}

/// What is shown.
pub(super) fn rows(report: &SteadyReport) -> Rows {
    let mut rows = vec![
        ("enqueued", per_second(report.rate_reached)),
        ("started, first tenth", per_second(report.first.starts_per_s)),
        ("started, last tenth", per_second(report.last.starts_per_s)),
        ("enqueue to start, first tenth, p50", ms(report.first.latency_p50_ms)),
        ("enqueue to start, first tenth, p99", ms(report.first.latency_p99_ms)),
        ("enqueue to start, last tenth, p50", ms(report.last.latency_p50_ms)),
        ("enqueue to start, last tenth, p99", ms(report.last.latency_p99_ms)),
        ("all recorded, after the last enqueue", ms(report.rest_ms)),
    ];
    let count = |count: f64| format!("{count:.1}");
    rows.extend(report.dead_rows_per_action.map(|rows| ("dead rows for each action", count(rows))));
    rows.extend(report.dead_rows_left.map(|rows| ("dead rows at the end", thousands(rows))));
    rows.extend(report.wal_bytes_per_action.map(|wal| ("WAL bytes for each action", count(wal))));
    rows.extend(report.peak_rss_mib.map(|mib| ("peak memory", format!("{mib:.0} MiB"))));
    rows
}
