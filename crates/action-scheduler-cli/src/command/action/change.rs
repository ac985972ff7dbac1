//! `action rerun`, `reschedule`, `cancel` and `delete`: changes to single actions by id.

use action_scheduler::{ActionId, Result as SchedulerResult};
use anyhow::Result;
use clap::Args;
use serde_json::json;

use crate::app::App;
use crate::failure::{FAILED, Told};
use crate::output::{self, note};

macro_rules! by_id {
    ($($(#[$doc:meta])* $name:ident)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Args)]
            #[command(after_help = "\
Each id is reported. When one cannot be done, the others still are, and the exit code is 1.")]
            pub struct $name {
                /// The actions
                #[arg(required = true)]
                ids: Vec<ActionId>,
                /// Print an array of {"id":…,"ok":…,"error":…}
                #[arg(long)]
                json: bool,
            }
        )*
    };
}

by_id! {
    /// Which actions to give a new attempt.
    Rerun
    /// Which actions to cancel.
    Cancel
    /// Which actions to delete.
    Delete
}

/// Which actions, and the date they get.
#[derive(Debug, Args)]
#[command(after_help = "\
Each id is reported. When one cannot be done, the others still are, and the exit code is 1.")]
pub struct Reschedule {
    /// The actions
    #[arg(required = true)]
    ids: Vec<ActionId>,
    /// When: '2026-12-24 18:00', '+2 hours', 'next monday', unix seconds
    #[arg(allow_hyphen_values = true)]
    when: String,
    /// Print an array of {"id":…,"ok":…,"error":…}
    #[arg(long)]
    json: bool,
}

/// Gives finished actions a new attempt.
pub async fn rerun(app: &App, options: Rerun) -> Result<()> {
    let scheduler = app.existing().await?.scheduler;
    let mut report = Report::new(options.json, "to be run again");
    for id in options.ids {
        report.add(id, scheduler.rerun(id).await)?;
    }
    report.finish()
}

/// Gives pending actions another date.
pub async fn reschedule(app: &App, options: Reschedule) -> Result<()> {
    let opened = app.existing().await?;
    let at = opened.scheduler.date(&options.when)?;
    let done = format!("rescheduled to {}", opened.dates().show(at));
    let mut report = Report::new(options.json, &done);
    for id in options.ids {
        report.add(id, opened.scheduler.reschedule(id, at).await)?;
    }
    report.finish()
}

/// Cancels actions.
pub async fn cancel(app: &App, options: Cancel) -> Result<()> {
    let scheduler = app.existing().await?.scheduler;
    let mut report = Report::new(options.json, "canceled");
    for id in options.ids {
        report.add(id, scheduler.cancel(id).await)?;
    }
    report.finish()
}

/// Deletes actions.
pub async fn delete(app: &App, options: Delete) -> Result<()> {
    let scheduler = app.existing().await?.scheduler;
    let mut report = Report::new(options.json, "deleted");
    for id in options.ids {
        report.add(id, scheduler.delete(id).await)?;
    }
    report.finish()
}

/// What became of each action.
struct Report {
    json: bool,
    done: String,
    rows: Vec<serde_json::Value>,
    failed: bool,
}

impl Report {
    fn new(json: bool, done: &str) -> Self {
        Self { json, done: done.to_owned(), rows: Vec::new(), failed: false }
    }

    fn add(&mut self, id: ActionId, result: SchedulerResult<()>) -> Result<()> {
        let error = match result {
            Ok(()) => None,
            // The store is at fault, and will be for the others too.
            Err(error @ action_scheduler::Error::Store(_)) => return Err(error.into()),
            Err(error) => Some(error.to_string()),
        };
        self.failed |= error.is_some();
        match error {
            _ if self.json => {
                self.rows.push(json!({ "id": id, "ok": error.is_none(), "error": error }));
                Ok(())
            }
            None => output::print(&format!("action {id}: {}", self.done)),
            Some(error) => {
                note(format_args!("error: {error}"));
                Ok(())
            }
        }
    }

    fn finish(self) -> Result<()> {
        if self.json {
            output::print(&output::json(&self.rows)?)?;
        }
        if self.failed { Err(Told(FAILED).into()) } else { Ok(()) }
    }
}
