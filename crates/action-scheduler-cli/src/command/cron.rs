//! `cron`: what an expression means, and when it runs.

use action_scheduler::schedule::cron::{Cron, CronError, Dialect};
use action_scheduler::time::parse_date;
use anyhow::Result;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::app::App;
use crate::failure::{BAD_INPUT, Told};
use crate::input;
use crate::output::safe::safe;
use crate::output::time::Dates;
use crate::output::{self, note};

const EXAMPLES: &str = "\
Examples:
  action-scheduler cron explain '*/15 9-17 * * MON-FRI' --tz Europe/Berlin
  action-scheduler cron explain '0 0 L * *' -n 12 --json
  action-scheduler cron explain 'CRON_TZ=America/New_York 30 2 * * *' --after 2026-03-01";

/// What to do with an expression.
#[derive(Debug, Subcommand)]
pub enum What {
    /// Say in words what an expression means, and list its next dates
    Explain(Explain),
}

/// What to explain.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Explain {
    /// The expression, such as '0 3 * * *', @daily or '@every 90s'
    #[arg(value_name = "EXPR", allow_hyphen_values = true)]
    expression: String,

    /// The time zone it runs in [default: its own CRON_TZ= prefix, or else --time-zone]
    #[arg(long, value_name = "ZONE", value_parser = input::time_zone)]
    tz: Option<TimeZone>,

    /// The dates after this one [default: now]
    #[arg(long, value_name = "DATE", allow_hyphen_values = true)]
    after: Option<String>,

    /// How many dates
    #[arg(short = 'n', long = "number", value_name = "N", default_value_t = 5,
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    number: u32,

    /// Which rules it is read by: standard or action-scheduler
    #[arg(long, value_name = "DIALECT", default_value_t = Dialect::Standard)]
    dialect: Dialect,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Explained<'a> {
    expression: &'a str,
    dialect: String,
    zone: &'a str,
    description: String,
    after: i64,
    next: Vec<i64>,
}

/// Explains an expression.
pub fn run(app: &App, what: What) -> Result<()> {
    let What::Explain(explain) = what;
    let config = app.config()?;
    let zone = app.zone(&config);
    let now = Timestamp::now();
    let parsed = Cron::parse_in(&explain.expression, explain.dialect, explain.tz.clone(), &zone);
    let cron = parsed.map_err(|error| underline(app, &explain.expression, &error))?;
    let after = match &explain.after {
        Some(text) => parse_date(text, now, cron.zone())?,
        None => now,
    };
    let number = usize::try_from(explain.number)?;
    let next: Vec<Timestamp> = cron.upcoming(after).take(number).collect();
    match explain.json {
        true => output::print(&output::json(&Explained {
            expression: cron.text(),
            dialect: cron.dialect().to_string(),
            zone: cron.zone_name(),
            description: cron.describe(),
            after: after.as_second(),
            next: next.iter().map(|at| at.as_second()).collect(),
        })?),
        false => output::print(&text(app, &cron, &next, now)),
    }
}

fn text(app: &App, cron: &Cron, next: &[Timestamp], now: Timestamp) -> String {
    let dates = Dates { zone: cron.zone().clone(), now };
    let mut lines = vec![app.terminal.bold(&safe(&cron.describe()))];
    lines.push(app.terminal.dim(&format!(
        "{} in {}, {} dialect",
        safe(cron.text()),
        cron.zone_name(),
        cron.dialect()
    )));
    lines.push(String::new());
    for at in next {
        let (date, relative) = (dates.with_weekday(*at), dates.relative(*at));
        lines.push(format!("{date}  {}", app.terminal.dim(&relative)));
    }
    if next.is_empty() {
        lines.push("It does not run any more.".to_owned());
    }
    lines.join("\n")
}

/// Tells what is wrong with an expression, and underlines the part.
pub fn underline(app: &App, expression: &str, error: &CronError) -> Told {
    let span = error.span();
    let before = expression.get(..span.start).unwrap_or(expression);
    let wrong = expression.get(span).unwrap_or_default();
    note(format_args!("error: {}", safe(&error.to_string())));
    if expression.chars().count() <= 200 {
        let indent = " ".repeat(safe(before).chars().count());
        let carets = "^".repeat(safe(wrong).chars().count().max(1));
        let carets = match app.terminal.error_colors {
            true => format!("\x1b[31m{carets}\x1b[0m"),
            false => carets,
        };
        note(format_args!("  {}\n  {indent}{carets}", safe(expression)));
    }
    Told(BAD_INPUT)
}
