//! `serve --demo`: a shop with a past, a config and actions that show every kind.

mod past;
mod shop;

use std::path::{Path, PathBuf};
use std::time::Duration;

use action_scheduler::{
    Args, Group, Hook, NewAction, Priority, Schedule, Scheduler, Shutdown, Unique,
};
use anyhow::{Context, Result, anyhow};
use tempfile::TempDir;

use crate::app::App;
use crate::config::Config;

/// The config of the demo.
pub const CONFIG: &str = include_str!("demo.toml");

/// A demo that is about to run.
pub struct Demo {
    /// Its config.
    pub config: Config,
    /// The URL of its store.
    pub url: String,
    /// The folder of its own database, which is removed when the demo ends.
    folder: Option<TempDir>,
}

impl Demo {
    /// A demo in the store that was asked for, else in a temporary one.
    pub fn new(app: &App) -> Result<Self> {
        let folder = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
        let config = Config::parse(CONFIG, &folder)
            .map_err(|problems| anyhow!("the demo's config has problems: {problems:?}"))?;
        if let Some(url) = app.store_option() {
            return Ok(Self { config, url: url.to_owned(), folder: None });
        }
        let folder = tempfile::Builder::new()
            .prefix("action-scheduler-demo-")
            .tempdir()
            .context("making a folder for the demo's database")?;
        let url = format!("sqlite:{}", folder.path().join("demo.db").display());
        Ok(Self { config, url, folder: Some(folder) })
    }

    /// Gives the store a past, if it has none, and binds what the program does itself. To be called before the declared
    /// schedules are looked for: they go on with it.
    pub async fn prepare(&self, scheduler: &Scheduler) -> Result<()> {
        shop::open(scheduler)?;
        let count = past::remember(scheduler, &self.config.schedules).await?;
        tracing::debug!(actions = count, "the past of the demo is there");
        Ok(())
    }

    /// What goes on until the demo is told to stop.
    pub async fn go_on(scheduler: Scheduler, shutdown: Shutdown) {
        shop::keep(scheduler, shutdown).await;
    }

    /// Schedules the actions.
    pub async fn fill(&self, scheduler: &Scheduler) -> Result<()> {
        let now = scheduler.now();
        let after = |seconds| Schedule::Single(now + Duration::from_secs(seconds));
        let mut actions = vec![
            new("greet", Schedule::Async, r#"["world"]"#)?,
            new("greet", after(5), r#"{"name":"Zoë"}"#)?,
            new("remind", after(15), "[]")?,
            new("remind", Schedule::Single(now + Duration::from_secs(86_400)), "[]")?,
            new("flaky", Schedule::Async, "[]")?,
            new("broken", after(2), r#"["page 1"]"#)?,
            new("slow", after(1), "[]")?,
            new("notify", Schedule::Async, r#"{"order":42}"#)?,
            new("nobody_listens", after(3), "[]")?,
            new("resize_image", Schedule::Async, r#"{"image":"tea.jpg","width":1200}"#)?,
            new("resize_image", after(20), r#"{"image":"cup.jpg","width":1200}"#)?,
        ];
        // The lowest number goes first, whatever came first.
        for (priority, order) in [(200, 1), (10, 2), (1, 3)] {
            let args = format!(r#"{{"order":{order}}}"#);
            let action = new("send_invoice", Schedule::Async, &args)?;
            actions.push(action.priority(Priority(priority)).group(Group::new("billing")?));
        }
        let unique = new("send_digest", after(30), "[]")?.unique(Unique::Args);
        actions.push(unique.clone());
        let canceled = new("send_newsletter", after(60), "[]")?;
        actions.push(canceled);

        let ids = scheduler.insert(actions).await?;
        if scheduler.insert(vec![unique]).await?.into_iter().flatten().next().is_none() {
            tracing::info!(hook = "send_digest", "refused a second time: it is unique");
        }
        if let Some(id) = ids.last().copied().flatten() {
            scheduler.cancel(id).await?;
        }
        Ok(())
    }

    /// What to look at while it runs.
    pub fn what_to_look_at(&self) -> String {
        let program = std::env::args_os().next().map(PathBuf::from);
        let program = program.as_deref().unwrap_or(Path::new("action-scheduler")).display();
        let store = &self.url;
        let kept = match self.folder {
            Some(_) => "The database is removed when the demo ends; --store keeps one.",
            None => "The database stays when the demo ends.",
        };
        format!(
            "
The demo is running: a shop with the past of a day, made up, and new orders all the time. Look at
it in a browser, or from another terminal:

  {program} --store {store} watch
  {program} --store {store} status
  {program} --store {store} action list
  {program} --store {store} action list --status failed
  {program} --store {store} action get 1
  {program} --store {store} chain list

{kept} Ctrl-C ends it.
"
        )
    }
}

fn new(hook: &str, schedule: Schedule, args: &str) -> Result<NewAction> {
    Ok(NewAction::new(Hook::new(hook)?, schedule).args(args.parse::<Args>()?))
}
