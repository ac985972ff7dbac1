//! `action rerun`, `reschedule`, `cancel` and `delete`: changes to single actions by id.

use action_scheduler::scheduler::Deed;
use action_scheduler::{ActionId, Scheduler};
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
    actions.change(&app.existing().await?.scheduler, Deed::Rerun, "to be run again").await
}

/// Gives pending actions another date.
pub async fn reschedule(app: &App, Reschedule { actions, when }: Reschedule) -> Result<()> {
    let opened = app.existing().await?;
    let at = opened.scheduler.date(&when)?;
    let done = format!("rescheduled to {}", opened.dates().show(at));
    actions.change(&opened.scheduler, Deed::Reschedule(at), &done).await
}

/// Cancels actions.
pub async fn cancel(app: &App, actions: ById) -> Result<()> {
    let deed = Deed::Cancel { reason: None };
    actions.change(&app.existing().await?.scheduler, deed, "canceled").await
}

/// Deletes actions.
pub async fn delete(app: &App, actions: ById) -> Result<()> {
    actions.change(&app.existing().await?.scheduler, Deed::Delete, "deleted").await
}

impl ById {
    async fn change(self, scheduler: &Scheduler, deed: Deed, done: &str) -> Result<()> {
        let change = async |id| scheduler.do_to(id, &deed).await;
        change_each(&self.ids, self.json, change, |id| format!("action {id}: {done}")).await
    }
}
