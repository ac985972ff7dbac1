//! `bench`: measure the engine and the least that the same rows cost.

use std::path::Path;

use action_scheduler::bench::{self, BenchOptions, BenchReport};
use action_scheduler::store::StoreUrl;
use anyhow::Result;
use clap::Args;

use crate::app::App;
use crate::output::{self, thousands};
use crate::terminal::activity;

const EXAMPLES: &str = "\
Examples:
  action-scheduler bench
  action-scheduler bench --actions 1000000 --json
  action-scheduler bench --backlog 1000000
  action-scheduler --store sqlite:/mnt/disk/bench.db bench

Without --store it works on a file in the current folder, which it removes when it is done. With
--store that store must not hold any actions; what was measured stays in it. The floor is the same
rows inserted, claimed, started, finished and logged by bare set-based SQL on one connection: the
ratio tells what the engine adds, whatever the machine.";

/// What to measure.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {
    /// How many actions are drained
    #[arg(long, value_name = "N", default_value_t = 200_000,
          value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    actions: u64,
    /// How many further actions are pending and due meanwhile
    #[arg(long, value_name = "N", default_value_t = 0)]
    backlog: u64,
    /// How many further actions are pending and not yet due meanwhile
    #[arg(long, value_name = "N", default_value_t = 0)]
    not_due: u64,
    /// How many actions run at once
    #[arg(long, value_name = "N", default_value_t = 512,
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    workers: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Does it.
pub async fn run(app: &App, options: Options) -> Result<()> {
    let given = app.store_option().map(str::parse::<StoreUrl>).transpose()?;
    let own = format!("action-scheduler-bench-{}.db", std::process::id());
    let is_own = given.is_none();
    let store = given.unwrap_or_else(|| StoreUrl::Sqlite { file: own.clone() });
    let measured = measure(store, &options).await;
    if is_own {
        for end in ["", "-wal", "-shm"] {
            // What is not there need not be removed.
            let _ = std::fs::remove_file(Path::new(&format!("{own}{end}")));
        }
    }
    let report = measured?;
    if options.json {
        return output::print(&output::json(&report)?);
    }
    output::print(&output::details(&rows(&report), &app.terminal))
}

async fn measure(store: StoreUrl, options: &Options) -> Result<BenchReport> {
    let bar = activity();
    let options = BenchOptions {
        store,
        actions: options.actions,
        backlog: options.backlog,
        not_due: options.not_due,
        workers: options.workers as usize,
        singles: options.actions.min(20_000),
        latencies: 500,
    };
    let report = bench::run(&options, &|step| bar.set_message(step.to_owned())).await;
    bar.finish_and_clear();
    Ok(report?)
}

fn rows(report: &BenchReport) -> Vec<(&'static str, String)> {
    let per_second = |rate: f64| format!("{}/s", thousands(rate.round() as u64));
    let ms = |time: f64| format!("{time:.2} ms");
    let mut rows = vec![
        ("enqueue, single", per_second(report.enqueue_single_per_s)),
        ("enqueue, bulk", per_second(report.enqueue_bulk_per_s)),
        ("drain, engine", per_second(report.engine_per_s)),
        ("drain, floor", per_second(report.floor_per_s)),
        ("engine / floor", format!("{:.2}", report.ratio)),
        ("enqueue to start, p50", ms(report.latency_p50_ms)),
        ("enqueue to start, p99", ms(report.latency_p99_ms)),
    ];
    rows.extend(report.peak_rss_mib.map(|mib| ("peak memory", format!("{mib:.0} MiB"))));
    rows
}
