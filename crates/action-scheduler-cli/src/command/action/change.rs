//! `action rerun`, `reschedule`, `cancel` and `delete`: changes to single actions by id.

use action_scheduler::{ActionId, Result as SchedulerResult};
use anyhow::Result;
use clap::Args;
use serde_json::json;

use crate::app::App;
use crate::failure::{FAILED, Told};
use crate::output::{self, note};

/// Which actions.
#[derive(Debug, Args)]
#[command(after_help = "\
Each id is reported. When one cannot be done, the others still are, and the exit code is 1.")]
pub struct ById {
    /// The actions
    #[arg(required = true)]
    ids: Vec<ActionId>,
    /// Print an array of {"id":…,"ok":…,"error":…}
    #[arg(long)]
    json: bool,
}

/// Which actions, and the date they get.
#[derive(Debug, Args)]
pub struct Reschedule {
    #[command(flatten)]
    actions: ById,
    /// When: '2026-12-24 18:00', '+2 hours', 'next monday', unix seconds
    #[arg(allow_hyphen_values = true)]
    when: String,
}

/// Gives finished actions a new attempt.
pub async fn rerun(app: &App, actions: ById) -> Result<()> {
    let scheduler = app.existing().await?.scheduler;
    actions.change("to be run again", async |id| scheduler.rerun(id).await).await
}

/// Gives pending actions another date.
pub async fn reschedule(app: &App, Reschedule { actions, when }: Reschedule) -> Result<()> {
    let opened = app.existing().await?;
    let at = opened.scheduler.date(&when)?;
    let done = format!("rescheduled to {}", opened.dates().show(at));
    actions.change(&done, async |id| opened.scheduler.reschedule(id, at).await).await
}

/// Cancels actions.
pub async fn cancel(app: &App, actions: ById) -> Result<()> {
    let scheduler = app.existing().await?.scheduler;
    actions.change("canceled", async |id| scheduler.cancel(id).await).await
}

/// Deletes actions.
pub async fn delete(app: &App, actions: ById) -> Result<()> {
    let scheduler = app.existing().await?.scheduler;
    actions.change("deleted", async |id| scheduler.delete(id).await).await
}

impl ById {
    /// Changes one action after another, and says what became of each.
    async fn change(
        self,
        done: &str,
        change: impl AsyncFn(ActionId) -> SchedulerResult<()>,
    ) -> Result<()> {
        let mut report = Report { json: self.json, done, rows: Vec::new(), failed: false };
        for id in self.ids {
            report.add(id, change(id).await)?;
        }
        report.finish()
    }
}

/// What became of each action.
struct Report<'a> {
    json: bool,
    done: &'a str,
    rows: Vec<serde_json::Value>,
    failed: bool,
}

impl Report<'_> {
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
