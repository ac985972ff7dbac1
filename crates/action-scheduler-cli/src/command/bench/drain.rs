//! How fast many actions are drained.

use action_scheduler::bench::{self, BenchOptions, BenchReport, Progress, Runners};
use anyhow::Result;

use super::{Options, Rows, Target, ms, per_second, runner};
use crate::output::thousands;

/// Measures it.
pub(super) async fn measure(
    target: &Target,
    options: &Options,
    progress: Progress<'_>,
) -> Result<BenchReport> {
    let bench = BenchOptions {
        store: target.url.clone(),
        actions: options.actions,
        rounds: options.rounds,
        backlog: options.backlog,
        not_due: options.not_due,
        workers: options.workers as usize,
        singles: options.actions.min(20_000),
        latencies: options.actions.min(500),
    };
    let program = std::env::current_exe()?;
    let start = || runner::command(&program, &target.text, options.workers);
    let runners = match options.runners.get() {
        1 => Runners::Here,
        _ => Runners::Processes(options.runners, &start),
    };
    Ok(bench::run(&bench, runners, progress).await?)
}

/// What is shown.
pub(super) fn rows(report: &BenchReport) -> Rows {
    let mut rows = vec![
        ("enqueue, single", per_second(report.enqueue_single_per_s)),
        ("enqueue, bulk", per_second(report.enqueue_bulk_per_s)),
        ("drain, engine", per_second(report.engine_per_s)),
        ("drain, floor", per_second(report.floor_per_s)),
        ("engine / floor", format!("{:.2}", report.ratio)),
        ("enqueue to start, p50", ms(report.latency_p50_ms)),
        ("enqueue to start, p99", ms(report.latency_p99_ms)),
    ];
    if let Some((rate, ratio)) = report.one_runner_per_s.zip(report.one_runner_ratio) {
        rows.push(("drain by one runner", per_second(rate)));
        rows.push(("all / one", format!("{ratio:.2}")));
        let shares: Vec<String> = report.shares.iter().map(|share| thousands(*share)).collect();
        rows.push(("shares of the runners", shares.join(" + ")));
        rows.push(("farthest from the mean", format!("{:.1} %", report.share_deviation_percent)));
    }
    rows.extend(report.peak_rss_mib.map(|mib| ("peak memory", format!("{mib:.0} MiB"))));
    rows
}
