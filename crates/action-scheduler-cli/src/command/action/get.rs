//! `action get` and `action logs`: one action, in full.

use action_scheduler::{Action, ActionId, Attempt, LogEntry, Query, Schedule, Step};
use anyhow::Result;
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde::Serialize;

use super::fields::Field;
use crate::app::{App, Opened};
use crate::output::safe::safe_lines;
use crate::output::time::Dates;
use crate::output::{self, Cell, Format, Records};

/// Which action, and what of it.
#[derive(Debug, Args)]
pub struct Get {
    /// The action
    id: ActionId,
    /// Only the value of this field
    #[arg(long, value_enum, conflicts_with = "fields", hide_possible_values = true)]
    field: Option<Field>,
    /// Only these fields, separated by commas
    #[arg(long, value_delimiter = ',', value_enum, hide_possible_values = true)]
    fields: Vec<Field>,
    /// How it is printed: table, json, csv or yaml
    #[arg(long, value_enum, default_value_t, hide_possible_values = true)]
    format: One,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

/// How one thing is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum One {
    /// Lines for people
    #[default]
    Table,
    /// An object
    Json,
    /// A header and a line
    Csv,
    /// A mapping
    Yaml,
}

/// Which action's log.
#[derive(Debug, Args)]
pub struct Logs {
    /// The action
    id: ActionId,
    /// How it is printed: table, json, csv, ids, count or yaml
    #[arg(long, value_enum, default_value_t, hide_possible_values = true)]
    format: Format,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

/// Prints an action.
pub async fn get(app: &App, options: Get) -> Result<()> {
    let opened = app.existing().await?;
    let action = opened.scheduler.fetch(options.id).await?;
    let dates = opened.dates();
    let cell = |field: Field| field.of(&action, &Query::new(), &dates);
    if let Some(field) = options.field {
        let text = match field {
            Field::Args => action.args.to_string(),
            _ => cell(field).bare(),
        };
        return output::print(&safe_lines(&text));
    }
    let format = if options.json { One::Json } else { options.format };
    let fields = match options.fields.is_empty() {
        true => super::fields::ALL.to_vec(),
        false => options.fields.clone(),
    };
    match format {
        One::Csv | One::Json | One::Yaml => {
            let mut names: Vec<&'static str> = fields.iter().map(|field| field.name()).collect();
            let mut row: Vec<Cell> = fields.iter().map(|field| cell(*field)).collect();
            if options.fields.is_empty() && format != One::Csv {
                let entries = opened.scheduler.logs(options.id).await?;
                let log: Vec<Entry<'_>> = entries.iter().map(Entry::of).collect();
                names.push("log");
                row.push(Cell::new("", log));
            }
            let format = match format {
                One::Json => Format::Json,
                One::Yaml => Format::Yaml,
                One::Csv | One::Table => Format::Csv,
            };
            Records { fields: names, rows: vec![row] }.print_one(format, &app.terminal)
        }
        One::Table if !options.fields.is_empty() => {
            let rows: Vec<(&str, String)> =
                fields.iter().map(|field| (field.name(), cell(*field).text)).collect();
            output::print(&output::details(&rows, &app.terminal))
        }
        One::Table => details(app, &opened, &action, &dates).await,
    }
}

async fn details(app: &App, opened: &Opened, action: &Action, dates: &Dates) -> Result<()> {
    let status = match action.is_past_due(dates.now) {
        true => format!("{}, past-due", action.status),
        false => action.status.to_string(),
    };
    let group = match action.group.as_str() {
        "" => "(default)".to_owned(),
        group => group.to_owned(),
    };
    let mut rows = vec![
        ("id", action.id.to_string()),
        ("hook", action.hook.to_string()),
        ("args", action.args.to_string()),
        ("group", group),
        ("status", status),
        ("priority", action.priority.to_string()),
        ("schedule", action.schedule.to_string()),
    ];
    if let Schedule::Recurring(recurring) = &action.schedule
        && let Some(missed) = recurring.recurrence.missed()
    {
        rows.push(("missed dates", missed.to_string()));
    }
    rows.push(("scheduled_at", dates.show(action.scheduled_at)));
    rows.push(("attempts", action.attempts.to_string()));
    rows.push(("created_at", dates.show(action.created_at)));
    let optional = [
        ("started_at", action.started_at.map(|at| dates.show(at))),
        ("finished_at", action.finished_at.map(|at| dates.show(at))),
        ("claim", action.claim.map(|claim| claim.to_string())),
        ("chain", action.chain.map(|chain| chain.to_string())),
    ];
    rows.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?))));
    let handlers =
        opened.config.handlers.iter().filter(|handler| handler.pattern.matches(&action.hook));
    let handlers: Vec<String> = handlers.map(|handler| handler.call.to_string()).collect();
    if !handlers.is_empty() {
        rows.push(("handlers", handlers.join(", ")));
    }
    let mut text = output::details(&rows, &app.terminal);
    let log = log_text(app, &opened.scheduler.logs(action.id).await?, dates);
    if !log.is_empty() {
        text = format!("{text}\n\n{}\n{log}", app.terminal.bold("log:"));
    }
    output::print(&text)
}

/// Prints the log of an action.
pub async fn logs(app: &App, options: Logs) -> Result<()> {
    let opened = app.existing().await?;
    let entries = opened.scheduler.logs(options.id).await?;
    let dates = opened.dates();
    let format = if options.json { Format::Json } else { options.format };
    if format == Format::Table {
        return match entries.is_empty() {
            true => {
                output::note(format_args!("action {} has no log", options.id));
                Ok(())
            }
            false => output::print(&log_text(app, &entries, &dates)),
        };
    }
    let rows = entries.iter().map(|entry| {
        vec![
            Cell::plain(entry.seq),
            Cell::plain(entry.at),
            Cell::plain(entry.step.as_str()),
            entry.attempt.map_or_else(Cell::empty, Cell::plain),
            entry.context.as_ref().map_or_else(Cell::empty, Cell::plain),
            entry.message.as_ref().map_or_else(Cell::empty, Cell::plain),
            Cell::plain(entry.text()),
        ]
    });
    let records = Records {
        fields: vec!["seq", "at", "step", "attempt", "context", "message", "text"],
        rows: rows.collect(),
    };
    records.print(format, &app.terminal)
}

/// A log as lines; what a handler printed stands below its line, indented.
fn log_text(app: &App, entries: &[LogEntry], dates: &Dates) -> String {
    let lines = entries.iter().map(|entry| {
        let at = app.terminal.dim(&dates.absolute(entry.at));
        let text = safe_lines(entry.text().trim_end());
        let text = match (entry.step, text.contains('\n')) {
            (Step::Output, false) => format!("output: {text}"),
            (Step::Output, true) => format!("output:\n{text}"),
            _ => text,
        };
        format!("{at}  {}", text.replace('\n', "\n    "))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// An entry of the log, as programs read it.
#[derive(Serialize)]
struct Entry<'a> {
    seq: u32,
    at: Timestamp,
    step: Step,
    attempt: Option<Attempt>,
    context: Option<&'a str>,
    message: Option<&'a str>,
    text: String,
}

impl<'a> Entry<'a> {
    fn of(entry: &'a LogEntry) -> Self {
        Self {
            seq: entry.seq,
            at: entry.at,
            step: entry.step,
            attempt: entry.attempt,
            context: entry.context.as_ref().map(action_scheduler::Context::as_str),
            message: entry.message.as_deref(),
            text: entry.text(),
        }
    }
}
