//! `status`: counts, runners, and what needs attention.

use std::collections::BTreeMap;

use action_scheduler::Status;
use action_scheduler::store::{Chain, ChainQuery, ChainState, Runner, Stats};
use anyhow::Result;
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use crate::app::{App, Opened};
use crate::output::safe::safe;
use crate::output::time::in_words;
use crate::output::{self, Cell, Records, thousands};
use crate::terminal::Terminal;

/// How many paused chains are listed.
const PAUSED_SHOWN: u32 = 10;

/// How to print it.
#[derive(Debug, Args)]
pub struct Options {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What there is to say about a store.
#[derive(Debug, Serialize)]
pub struct Report {
    store: String,
    now: Timestamp,
    counts: BTreeMap<&'static str, Figures>,
    /// How many are pending and due.
    pub past_due: u64,
    open_claims: u64,
    chains: BTreeMap<&'static str, u64>,
    runners: Vec<RunnerReport>,
    paused_chains: Vec<Chain>,
}

#[derive(Debug, Serialize)]
struct Figures {
    count: u64,
    oldest: Option<Timestamp>,
    newest: Option<Timestamp>,
}

#[derive(Debug, Serialize)]
struct RunnerReport {
    #[serde(flatten)]
    runner: Runner,
    heartbeat_age_seconds: f64,
    is_late: bool,
}

impl Report {
    /// Asks the store.
    pub async fn of(opened: &Opened) -> Result<Self> {
        let scheduler = &opened.scheduler;
        let stats = scheduler.stats().await?;
        let now = scheduler.now();
        let paused = ChainQuery {
            states: vec![ChainState::Paused],
            limit: Some(PAUSED_SHOWN),
            ..ChainQuery::default()
        };
        let runners = scheduler.runners().await?.into_iter().map(|runner| {
            let age = now.duration_since(runner.heartbeat_at);
            RunnerReport {
                heartbeat_age_seconds: age.as_secs_f64().max(0.0),
                is_late: age.unsigned_abs() > runner.runner.lease && age.is_positive(),
                runner,
            }
        });
        Ok(Self {
            store: opened.url.clone(),
            now,
            counts: figures(&stats),
            past_due: stats.past_due,
            open_claims: stats.claims,
            chains: stats.chains.iter().map(|(state, count)| (state.as_str(), *count)).collect(),
            runners: runners.collect(),
            paused_chains: scheduler.chains(paused).await?,
        })
    }

    /// How many actions have a status.
    pub fn count(&self, status: Status) -> u64 {
        self.counts.get(status.as_str()).map_or(0, |figures| figures.count)
    }

    /// How many runners show signs of life.
    pub fn live_runners(&self) -> usize {
        self.runners.iter().filter(|runner| !runner.is_late).count()
    }

    /// The report for people.
    pub fn text(&self, opened: &Opened, terminal: &Terminal) -> String {
        let dates = opened.dates();
        let mut lines =
            vec![format!("{}  {}", terminal.bold("store"), safe(&self.store)), { String::new() }];
        lines.push(self.counts_table(&dates, terminal));
        lines.push(String::new());
        let past_due = format!("{} past-due", thousands(self.past_due));
        lines.push(
            match self.past_due {
                0 => past_due,
                _ => terminal.status("past-due", &past_due),
            } + &format!(", {}", output::count(self.open_claims, "open claim")),
        );
        let chains: Vec<String> = self
            .chains
            .iter()
            .filter(|(_, count)| **count > 0)
            .map(|(state, count)| format!("{} {state}", thousands(*count)))
            .collect();
        if !chains.is_empty() {
            lines.push(format!("chains: {}", chains.join(", ")));
        }
        lines.push(String::new());
        lines.push(self.runners_text(terminal));
        if !self.paused_chains.is_empty() {
            lines.push(String::new());
            lines.push(self.paused_text(terminal));
        }
        lines.join("\n")
    }

    fn counts_table(&self, dates: &crate::output::time::Dates, terminal: &Terminal) -> String {
        let date = |at: Option<Timestamp>| match at {
            Some(at) => Cell::plain(dates.show(at)),
            None => Cell::empty(),
        };
        let rows = Status::ALL.iter().filter_map(|status| {
            let figures = self.counts.get(status.as_str())?;
            Some(vec![
                Cell::plain(status),
                Cell::plain(thousands(figures.count)),
                date(figures.oldest),
                date(figures.newest),
            ])
        });
        let records =
            Records { fields: vec!["status", "count", "oldest", "newest"], rows: rows.collect() };
        records.table(terminal)
    }

    fn runners_text(&self, terminal: &Terminal) -> String {
        if self.runners.is_empty() {
            return "no runner is known: start one with `action-scheduler serve`".to_owned();
        }
        let rows = self.runners.iter().map(|report| {
            let runner = &report.runner;
            let age = std::time::Duration::from_secs_f64(report.heartbeat_age_seconds);
            let late = if report.is_late { ", late" } else { "" };
            vec![
                Cell::plain(runner.id),
                Cell::plain(&runner.runner.name),
                Cell::plain(&runner.runner.context),
                Cell::plain(runner.runner.workers),
                Cell::plain(runner.claims),
                Cell::plain(runner.in_progress),
                Cell::plain(format!("{} ago{late}", in_words(age))),
            ]
        });
        let records = Records {
            fields: vec![
                "runner",
                "name",
                "context",
                "workers",
                "claims",
                "in_progress",
                "heartbeat",
            ],
            rows: rows.collect(),
        };
        records.table(terminal)
    }

    fn paused_text(&self, terminal: &Terminal) -> String {
        let mut lines = vec![terminal.status("paused", "paused chains:")];
        for chain in &self.paused_chains {
            let reason = chain.reason.as_deref().unwrap_or("no reason given");
            let hook = safe(chain.hook.as_str());
            lines.push(format!("  {}  {hook}  {}", chain.id, safe(reason)));
        }
        let more = self.chains.get("paused").copied().unwrap_or_default();
        let more = more.saturating_sub(self.paused_chains.len() as u64);
        if more > 0 {
            lines.push(format!("  and {} more", thousands(more)));
        }
        lines.push("resume one with `action-scheduler chain resume ID`".to_owned());
        lines.join("\n")
    }
}

fn figures(stats: &Stats) -> BTreeMap<&'static str, Figures> {
    let of = |status: &Status| {
        let name = status.as_str();
        let dates = stats.dates.get(name);
        let figures = Figures {
            count: stats.counts.get(name).copied().unwrap_or_default(),
            oldest: dates.map(|(oldest, _)| *oldest),
            newest: dates.map(|(_, newest)| *newest),
        };
        (name, figures)
    };
    Status::ALL.iter().map(of).collect()
}

/// Prints the report.
pub async fn run(app: &App, options: &Options) -> Result<()> {
    let opened = app.existing().await?;
    let report = Report::of(&opened).await?;
    match options.json {
        true => output::print(&output::json(&report)?),
        false => output::print(&report.text(&opened, &app.terminal)),
    }
}
