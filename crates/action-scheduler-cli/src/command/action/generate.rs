//! `action generate`: many actions at once, to try things out.

use std::time::Duration;

use action_scheduler::{Hook, NewAction, Schedule};
use anyhow::Result;
use clap::Args;
use serde_json::json;

use crate::app::App;
use crate::command::schedule::Attributes;
use crate::failure::BadInput;
use crate::input;
use crate::output::{self, count};
use crate::terminal::progress;

const EXAMPLES: &str = "\
Examples:
  action-scheduler action generate send_mail async --count 10000
  action-scheduler action generate send_mail tomorrow --count 24 --interval 1h --group mails";

/// How many are stored in one step.
const BATCH: u32 = 1000;

/// What to store.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {
    /// The hook
    hook: Hook,
    /// When the first one runs: a date, or async
    #[arg(allow_hyphen_values = true)]
    when: String,
    /// How many
    #[arg(long, value_name = "N", default_value_t = 100,
          value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    count: u32,
    /// The time from one to the next
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = input::duration)]
    interval: Duration,
    #[command(flatten)]
    attributes: Attributes,
    /// Print {"stored":…,"first_id":…,"last_id":…}
    #[arg(long)]
    json: bool,
}

/// Stores the actions.
pub async fn run(app: &App, options: Options) -> Result<()> {
    let config = app.config()?;
    let now = jiff::Timestamp::now();
    let zone = app.zone(&config);
    let first = match options.when.as_str() {
        "async" => None,
        when => Some(action_scheduler::time::parse_date(when, now, &zone)?),
    };
    if let Some(first) = first {
        let whole = options.interval.checked_mul(options.count - 1);
        whole.and_then(|whole| first.checked_add(whole).ok()).ok_or_else(|| {
            BadInput(format!(
                "{} actions every {} from {first} go beyond the last date there is",
                options.count,
                output::time::short(options.interval)
            ))
        })?;
    }
    let template = options.attributes.action(options.hook, Schedule::Async)?;
    let scheduler = app.open_with(config).await?.scheduler;

    let action = |place: u32| -> Result<NewAction> {
        let schedule = match first {
            None => Schedule::Async,
            Some(first) => Schedule::Single(first.checked_add(options.interval * place)?),
        };
        Ok(NewAction { schedule, ..template.clone() })
    };
    let bar = progress(Some(u64::from(options.count)));
    let (mut stored, mut first_id, mut last_id) = (0_u64, None, None);
    let mut from = 0;
    while from < options.count {
        let to = options.count.min(from.saturating_add(BATCH));
        let actions = (from..to).map(action).collect::<Result<Vec<_>>>()?;
        let ids = scheduler.insert(actions).await?;
        first_id = first_id.or_else(|| ids.iter().copied().flatten().next());
        last_id = ids.iter().copied().flatten().next_back().or(last_id);
        stored += ids.iter().flatten().count() as u64;
        bar.inc(u64::from(to - from));
        from = to;
    }
    bar.finish_and_clear();
    output::print(&match (options.json, first_id, last_id) {
        (false, Some(first), Some(last)) => {
            format!("stored {}, ids {first} to {last}", count(stored, "action"))
        }
        _ => json!({ "stored": stored, "first_id": first_id, "last_id": last_id }).to_string(),
    })
}
