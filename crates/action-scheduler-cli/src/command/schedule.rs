//! `schedule`: store a new action.

use std::time::Duration;

use action_scheduler::schedule::cron::{Cron, Dialect};
use action_scheduler::schedule::{Cadence, Interval, Missed, Recurrence, Recurring};
use action_scheduler::{Group, Hook, NewAction, Priority, Schedule, Scheduler, Unique};
use anyhow::Result;
use clap::{Args, Subcommand};
use jiff::tz::TimeZone;
use serde_json::json;

use crate::app::App;
use crate::command::cron::underline;
use crate::input;
use crate::output::{self, note};

const EXAMPLES: &str = "\
Examples:
  action-scheduler schedule once 'tomorrow 09:30' send_invoice --args '[42]' --group billing
  action-scheduler schedule async import --args @orders.json --unique
  action-scheduler schedule every '15 minutes' sync_stock --first now --fixed-rate
  action-scheduler schedule cron '0 3 * * *' backup --tz Europe/Berlin --missed catch_up:1

It prints the id. An action that is refused because of --unique is no error: nothing is printed
on stdout then.";

/// What to schedule.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub enum What {
    /// Once, at a date
    #[command(visible_alias = "single")]
    Once {
        /// When: '2026-12-24 18:00', '+2 hours', 'next monday', unix seconds
        #[arg(allow_hyphen_values = true)]
        when: String,
        #[command(flatten)]
        action: ActionOptions,
    },
    /// Once, as soon as a runner has room
    Async {
        #[command(flatten)]
        action: ActionOptions,
    },
    /// Again and again, after a length of time
    #[command(visible_alias = "recurring")]
    Every {
        /// The time between two runs: 90s, '15 minutes', 1h30m
        #[arg(allow_hyphen_values = true, value_parser = input::duration)]
        interval: Duration,
        #[command(flatten)]
        action: ActionOptions,
        /// When it runs first [default: after the interval]
        #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
        first: Option<String>,
        /// Count from the scheduled date, not from the end of the run
        #[arg(long)]
        fixed_rate: bool,
        /// What happens to dates that passed while nothing ran: skip, catch_up or catch_up:N
        #[arg(long, value_name = "RULE", requires = "fixed_rate")]
        missed: Option<Missed>,
    },
    /// Again and again, at the dates of a cron expression
    Cron {
        /// The expression, such as '0 3 * * *', @daily or '@every 90s'
        #[arg(value_name = "EXPR", allow_hyphen_values = true)]
        expression: String,
        #[command(flatten)]
        action: ActionOptions,
        /// The time zone it runs in [default: its own CRON_TZ= prefix, or else --time-zone]
        #[arg(long, value_name = "ZONE", value_parser = input::time_zone)]
        tz: Option<TimeZone>,
        /// Which rules it is read by: standard or action-scheduler
        #[arg(long, value_name = "DIALECT", default_value_t = Dialect::Standard)]
        dialect: Dialect,
        /// No date before this one [default: now]
        #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
        first: Option<String>,
        /// What happens to dates that passed while nothing ran: skip, catch_up or catch_up:N
        #[arg(long, value_name = "RULE")]
        missed: Option<Missed>,
    },
}

/// What to store.
#[derive(Debug, Args)]
pub struct ActionOptions {
    /// What is to happen
    hook: Hook,
    #[command(flatten)]
    attributes: Attributes,
    /// Refuse it while one like it is pending or in-progress: same hook, group and args, or =hook
    /// for same hook and group, or =key=TEXT for the same key
    #[arg(long, value_name = "RULE", num_args = 0..=1, require_equals = true,
          default_missing_value = "args", value_parser = input::unique)]
    unique: Option<Unique>,
    /// Print {"id":…}; null when it was refused
    #[arg(long)]
    json: bool,
}

/// What an action has beside its hook and its schedule.
#[derive(Debug, Args)]
pub struct Attributes {
    /// What its handlers are called with: JSON, @FILE, or - for stdin
    #[arg(long, value_name = "JSON", default_value = "[]", allow_hyphen_values = true)]
    args: String,
    /// The group it belongs to
    #[arg(long, default_value = "", hide_default_value = true)]
    group: Group,
    /// How urgent it is: 0 first, 255 last
    #[arg(long, default_value_t)]
    priority: Priority,
}

impl Attributes {
    /// The action that has them.
    pub fn action(self, hook: Hook, schedule: Schedule) -> Result<NewAction> {
        Ok(NewAction::new(hook, schedule)
            .args(input::args(&self.args)?)
            .group(self.group)
            .priority(self.priority))
    }
}

/// Stores the action.
pub async fn run(app: &App, what: What) -> Result<()> {
    // Everything is read before the store is opened, so that bad input leaves nothing behind.
    let config = app.config()?;
    let zone = app.zone(&config);
    let now = jiff::Timestamp::now();
    let date = |text: &str| action_scheduler::time::parse_date(text, now, &zone);
    let (schedule, options) = match what {
        What::Once { when, action } => (Schedule::Single(date(&when)?), action),
        What::Async { action } => (Schedule::Async, action),
        What::Every { interval, action, first, fixed_rate, missed } => {
            let cadence = match fixed_rate {
                true => Cadence::FixedRate(missed.unwrap_or_default()),
                false => Cadence::AfterRun,
            };
            let recurrence = Recurrence::Interval(Interval::new(interval, cadence)?);
            let first = match first {
                Some(text) => date(&text)?,
                None => now + interval,
            };
            (Schedule::Recurring(Recurring { first, recurrence }), action)
        }
        What::Cron { expression, action, tz, dialect, first, missed } => {
            let cron = Cron::parse_in(&expression, dialect, tz, &zone)
                .map_err(|error| underline(app, &expression, &error))?;
            let from = first.as_deref().map_or(Ok(now), date)?;
            let recurring = Recurring::cron(cron, missed.unwrap_or_default(), from)?;
            (Schedule::Recurring(recurring), action)
        }
    };
    let ActionOptions { hook, attributes, unique, json } = options;
    let action = attributes.action(hook, schedule)?.unique(unique.unwrap_or_default());
    let opened = app.open_with(config).await?;
    store(&opened.scheduler, action, json).await
}

async fn store(scheduler: &Scheduler, action: NewAction, json: bool) -> Result<()> {
    let hook = action.hook.clone();
    let id = scheduler.insert(vec![action]).await?.into_iter().next().flatten();
    if id.is_none() {
        note(format_args!(
            "not scheduled: {:?} is already pending or in-progress, and it was to be unique",
            hook.as_str()
        ));
    }
    match (json, id) {
        (true, id) => output::print(&json!({ "id": id }).to_string()),
        (false, Some(id)) => output::print(&id.to_string()),
        (false, None) => Ok(()),
    }
}
