//! `action next`: when a hook runs next.

use action_scheduler::scheduler::NextScheduled;
use action_scheduler::{Group, Hook, Query};
use anyhow::{Result, bail};
use clap::Args;
use serde_json::json;

use crate::app::App;
use crate::failure::NotDone;
use crate::input;
use crate::output;

/// Which actions.
#[derive(Debug, Args)]
#[command(after_help = "\
It is a failure (exit code 1) when nothing is scheduled. --raw prints unix seconds, or true for an
action that is in-progress or that runs as soon as a runner has room.")]
pub struct Options {
    /// The hook
    hook: Hook,
    /// Only exactly these args: JSON, @FILE, or - for stdin [default: any]
    #[arg(long, value_name = "JSON", allow_hyphen_values = true)]
    args: Option<String>,
    /// Only this group
    #[arg(long)]
    group: Option<Group>,
    /// Print unix seconds
    #[arg(long)]
    raw: bool,
    /// Print {"next":…}: unix seconds, true or null
    #[arg(long, conflicts_with = "raw")]
    json: bool,
}

/// Prints the next date.
pub async fn run(app: &App, options: Options) -> Result<()> {
    let mut query = Query::new().hook(options.hook);
    query.group = options.group;
    if let Some(args) = &options.args {
        query = query.args(input::args(args)?);
    }
    let opened = app.existing().await?;
    let next = opened.scheduler.next_scheduled(query).await?;
    if options.json {
        let value = match next {
            Some(NextScheduled::At(at)) => json!(at.as_second()),
            Some(_) => json!(true),
            None => json!(null),
        };
        output::print(&json!({ "next": value }).to_string())?;
    }
    let text = match next {
        None => bail!(NotDone("nothing is scheduled".to_owned())),
        Some(_) if options.json => return Ok(()),
        Some(NextScheduled::At(at)) if options.raw => at.as_second().to_string(),
        Some(_) if options.raw => "true".to_owned(),
        Some(NextScheduled::At(at)) => opened.dates().show(at),
        Some(NextScheduled::Queued(id)) => {
            format!("as soon as a runner has room (action {id} is pending)")
        }
        Some(NextScheduled::Running(id)) => format!("now (action {id} is in-progress)"),
    };
    output::print(&text)
}
