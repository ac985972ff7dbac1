//! `action rerun`, `reschedule`, `cancel` and `delete`: changes to single actions by id.

use action_scheduler::{ActionId, Result as SchedulerResult};
use anyhow::Result;
use clap::Args;

use crate::app::App;
use crate::command::each::change_each;

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
    async fn change(
        self,
        done: &str,
        change: impl AsyncFn(ActionId) -> SchedulerResult<()>,
    ) -> Result<()> {
        change_each(&self.ids, self.json, change, |id| format!("action {id}: {done}")).await
    }
}
