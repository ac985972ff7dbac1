//! `clean`: delete finished actions that have been kept long enough.

use std::time::Duration;

use action_scheduler::Status;
use action_scheduler::cleaner::{CleanOptions, CleanReport, Cleaner};
use action_scheduler::store::CleanMode;
use anyhow::Result;
use clap::Args;

use crate::app::App;
use crate::input;
use crate::output::{self, count};
use crate::terminal::progress;

const EXAMPLES: &str = "\
Examples:
  action-scheduler clean --dry-run
  action-scheduler clean
  action-scheduler clean --status failed --before '90 days ago'
  action-scheduler clean --batch-size 500 --pause 1s --batches 100

Without --before, the retention in the config file says how long actions of each hook and status
are kept: complete and canceled ones 31 days, failed ones for ever, unless set. `serve` does the
same in the background.";

/// What to clean, and how fast.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {
    /// Only these statuses, separated by commas [default: complete,canceled,failed; with --before
    /// complete,canceled]
    #[arg(long, value_delimiter = ',', value_parser = finished)]
    status: Vec<Status>,
    /// Delete what changed last before this date, whatever the retention
    #[arg(long, value_name = "DATE", allow_hyphen_values = true)]
    before: Option<String>,
    /// How many actions are looked at in one step
    #[arg(long, value_name = "N", default_value_t = 1000,
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    batch_size: u32,
    /// How many batches at most; 0 is until all is clean
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = input::number)]
    batches: u32,
    /// How long to rest after each batch; it always rests as long as the batch took
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = input::duration)]
    pause: Duration,
    /// Only count what would be deleted
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A status that has come to an end.
fn finished(text: &str) -> Result<Status, action_scheduler::Invalid> {
    let expected = "expected complete, canceled or failed: other actions are still to be done";
    text.parse::<Status>()
        .ok()
        .filter(|status| status.is_finished())
        .ok_or_else(|| action_scheduler::Invalid::new("status", text, expected))
}

/// Cleans once.
pub async fn run(app: &App, options: Options) -> Result<()> {
    let scheduler = app.existing().await?.scheduler;
    let before = options.before.as_deref().map(|text| scheduler.date(text)).transpose()?;
    let statuses = match (options.status.is_empty(), before) {
        (false, _) => options.status,
        (true, Some(_)) => vec![Status::Complete, Status::Canceled],
        (true, None) => CleanOptions::default().statuses,
    };
    let bar = progress(None);
    let settings = CleanOptions {
        statuses,
        before,
        batch_size: options.batch_size,
        batches: (options.batches > 0).then_some(options.batches),
        pause: options.pause,
        mode: if options.dry_run { CleanMode::DryRun } else { CleanMode::Delete },
    };
    let report =
        Cleaner::new(scheduler).clean(&settings, |deleted| bar.set_position(deleted)).await;
    bar.finish_and_clear();
    let report = report?;
    output::print(&match options.json {
        true => output::json(&report)?,
        false => summary(&report, options.dry_run),
    })
}

fn summary(report: &CleanReport, dry_run: bool) -> String {
    let verb = if dry_run { "would delete" } else { "deleted" };
    let mut text = format!("{verb} {}", count(report.total(), "action"));
    let each: Vec<String> = report
        .deleted
        .iter()
        .filter(|(_, number)| **number > 0)
        .map(|(status, number)| format!("{} {status}", output::thousands(*number)))
        .collect();
    if !each.is_empty() {
        text.push_str(&format!(" ({})", each.join(", ")));
    }
    if report.orphans > 0 {
        text.push_str(&format!(", and {} that belonged to nothing", count(report.orphans, "row")));
    }
    text
}
