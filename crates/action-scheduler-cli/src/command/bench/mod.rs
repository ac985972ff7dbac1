//! `bench`: measure the engine and the least that the same rows cost; and the server.

pub mod clients;
mod drain;
mod http;
mod overview;
mod pages;
mod remote;
pub mod runner;
mod served;
mod steady;

use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use action_scheduler::bench::Progress;
use action_scheduler::store::StoreUrl;
use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::app::App;
use crate::input;
use crate::output;
use crate::terminal::activity;

const EXAMPLES: &str = "\
Examples:
  action-scheduler bench
  action-scheduler bench --actions 1000000 --rounds 1 --runners 4 --json
  action-scheduler bench --backlog 1000000
  action-scheduler bench --rate 2000 --for 3m --hold-transaction
  action-scheduler bench --http
  action-scheduler bench --remote --connections 16
  action-scheduler bench --overview --actions 500000
  action-scheduler bench --pages --store sqlite:shop.db
  action-scheduler --store sqlite:/mnt/disk/bench.db bench

Without --store it works on a file in the current folder, which it removes when it is done. With
--store that store must not hold any actions; what was measured stays in it. The floor is the same
rows inserted, claimed, started, finished and logged by bare set-based SQL on one connection: the
ratio tells what the engine adds, whatever the machine. With several runners each round also has a
drain by one of them.

With --rate, actions are enqueued at a steady rate while a runner runs them, and the last tenth of
the time is compared with the first.

The server is measured with clients that are a process of their own. With --http, they create
actions: one at a time, and 1,000 at a time. With --remote, the actions are drained by remote
workers; and as many as --waiting says wait for work, to see what memory that takes. With
--overview, each round has a drain by a runner alone, one in a server, and one in a server whose
overview somebody has open.

With --pages, each page of the web admin is asked for, over whatever the store holds. It stores
nothing but a token, which it takes back, and entries of the log of who did that.";

/// What to measure.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {
    /// How many actions are drained
    #[arg(long, value_name = "N", default_value_t = 200_000,
          value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    actions: u64,
    /// How often they are, each time with the floor beside: the medians count
    #[arg(long, value_name = "N", default_value = "3", value_parser = input::rounds)]
    rounds: NonZeroU32,
    /// How many further actions are pending and due meanwhile
    #[arg(long, value_name = "N", default_value_t = 0)]
    backlog: u64,
    /// How many further actions are pending and not yet due meanwhile
    #[arg(long, value_name = "N", default_value_t = 0)]
    not_due: u64,
    /// How many actions a runner executes at once
    #[arg(long, value_name = "N", default_value_t = 512,
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    workers: u32,
    /// How many runners drain: more than one are processes of their own
    #[arg(long, value_name = "N", default_value = "1", value_parser = input::runners)]
    runners: NonZeroU32,
    /// Instead of a drain, enqueue so many actions a second while a runner runs them
    #[arg(long, value_name = "N", requires = "time",
          conflicts_with_all = ["actions", "rounds", "backlog", "not_due", "runners"],
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: Option<u32>,
    /// For how long, with --rate
    #[arg(long = "for", value_name = "TIME", requires = "rate",
          value_parser = input::positive_duration)]
    time: Option<Duration>,
    /// Hold a transaction open elsewhere meanwhile, with --rate
    #[arg(long, requires = "rate")]
    hold_transaction: bool,
    /// Instead of a drain by runners, one by remote workers over HTTP
    #[arg(long, group = "served", group = "over_connections",
          conflicts_with_all = ["rounds", "backlog", "not_due", "workers", "runners", "rate"])]
    remote: bool,
    /// Instead of a drain, create actions over HTTP
    #[arg(long, group = "served", group = "over_connections",
          conflicts_with_all = ["rounds", "backlog", "not_due", "workers", "runners", "rate"])]
    http: bool,
    /// Drain in a server whose overview somebody has open, beside a drain by a runner alone
    #[arg(long, group = "served", conflicts_with_all = ["backlog", "not_due", "runners", "rate"])]
    overview: bool,
    /// Instead of a drain, ask for each page of the web admin, as often as --rounds says after a first time
    #[arg(long, group = "served",
          conflicts_with_all = ["actions", "backlog", "not_due", "workers", "runners", "rate"])]
    pages: bool,
    /// How many clients create or drain over HTTP, each with a connection of its own
    #[arg(long, value_name = "N", requires = "over_connections", default_value_t = 32,
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    connections: u32,
    /// How many actions a remote worker asks for at once
    #[arg(long, value_name = "N", requires = "remote", default_value_t = 100,
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    remote_batch: u32,
    /// How many remote workers wait for work
    #[arg(long, value_name = "N", requires = "remote", default_value_t = 1000,
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    waiting: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Does it.
pub async fn run(app: &App, options: Options) -> Result<()> {
    let target = Target::of(app)?;
    let bar = activity();
    let measured = measure(app, &target, &options, &|step| bar.set_message(step.to_owned())).await;
    bar.finish_and_clear();
    target.remove_own();
    output::print(&measured?)
}

/// What was measured, as it is shown.
async fn measure(
    app: &App,
    target: &Target,
    options: &Options,
    progress: Progress<'_>,
) -> Result<String> {
    if options.remote {
        let report = remote::measure(target, options, progress).await?;
        return text(app, options, &report, remote::rows);
    }
    if options.http {
        let report = http::measure(target, options, progress).await?;
        return text(app, options, &report, http::rows);
    }
    if options.overview {
        let report = overview::measure(target, options, progress).await?;
        return text(app, options, &report, overview::rows);
    }
    if options.pages {
        let report = pages::measure(target, options, progress).await?;
        return text(app, options, &report, pages::rows);
    }
    if let Some((rate, time)) = options.rate.zip(options.time) {
        let report = steady::measure(target, options, rate, time, progress).await?;
        return text(app, options, &report, steady::rows);
    }
    let report = drain::measure(target, options, progress).await?;
    text(app, options, &report, drain::rows)
}

/// The store that is measured.
struct Target {
    url: StoreUrl,
    /// The same as it was written, with its password.
    text: String,
    /// The file that is there for the measurement alone.
    own: Option<String>,
}

impl Target {
    fn of(app: &App) -> Result<Self> {
        if let Some(text) = app.store_option() {
            return Ok(Self { url: text.parse()?, text: text.to_owned(), own: None });
        }
        let file = format!("action-scheduler-bench-{}.db", std::process::id());
        let text = format!("sqlite:{file}");
        Ok(Self { url: StoreUrl::Sqlite { file: file.clone() }, text, own: Some(file) })
    }

    fn remove_own(&self) {
        let Some(own) = &self.own else { return };
        for end in ["", "-wal", "-shm"] {
            // What is not there need not be removed.
            let _ = std::fs::remove_file(Path::new(&format!("{own}{end}")));
        }
    }
}

type Rows = Vec<(&'static str, String)>;

fn text<R: Serialize>(
    app: &App,
    options: &Options,
    report: &R,
    rows: impl FnOnce(&R) -> Rows,
) -> Result<String> {
    if options.json {
        return output::json(report);
    }
    Ok(output::details(&rows(report), &app.terminal))
}

/// How many actions are stored at once.
const BULK: u32 = 1000;

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn per_second(rate: f64) -> String {
    format!("{}/s", output::thousands(rate.round() as u64))
}

fn ms(time: f64) -> String {
    format!("{time:.2} ms")
}
