//! `cancel`: cancel pending actions of a hook or group.

use action_scheduler::scheduler::Deed;
use action_scheduler::{Group, Hook, Query, Status};
use anyhow::{Result, bail};
use clap::{ArgGroup, Args};
use serde_json::json;

use crate::app::App;
use crate::command::each::do_to_all;
use crate::failure::NotDone;
use crate::input;
use crate::output;

const EXAMPLES: &str = "\
Examples:
  action-scheduler cancel send_invoice --args '[42]'
  action-scheduler cancel send_invoice --all
  action-scheduler cancel --group billing --all

Without --all, the first pending action by date is canceled, and its id printed; it is a failure
(exit code 1) when there is none. With --all, their number is printed, which may be 0. Single
actions are canceled by id with `action cancel`.";

/// What to cancel.
#[derive(Debug, Args)]
#[command(
    after_help = EXAMPLES,
    group = ArgGroup::new("which").args(["hook", "group"]).required(true).multiple(true)
)]
pub struct Options {
    /// Only this hook
    hook: Option<Hook>,
    /// Only this group
    #[arg(long)]
    group: Option<Group>,
    /// Only exactly these args: JSON, @FILE, or - for stdin [default: any]
    #[arg(long, value_name = "JSON", allow_hyphen_values = true)]
    args: Option<String>,
    /// All of them, not only the first by date
    #[arg(long)]
    all: bool,
    /// Print {"canceled":…}: an id, or how many with --all
    #[arg(long)]
    json: bool,
}

/// Cancels actions.
pub async fn run(app: &App, options: Options) -> Result<()> {
    let mut query = Query::new();
    query.hook = options.hook;
    query.group = options.group;
    if let Some(args) = &options.args {
        query = query.args(input::args(args)?);
    }
    let scheduler = app.existing().await?.scheduler;
    if options.all {
        let deed = Deed::Cancel { reason: None };
        let canceled = do_to_all(&scheduler, query.status(Status::Pending), deed).await?;
        return output::print(&match options.json {
            true => json!({ "canceled": canceled }).to_string(),
            false => format!("canceled {}", output::count(canceled, "action")),
        });
    }
    let canceled = scheduler.unschedule(query).await?;
    if options.json {
        output::print(&json!({ "canceled": canceled }).to_string())?;
    }
    match canceled {
        Some(id) if !options.json => output::print(&format!("canceled action {id}")),
        Some(_) => Ok(()),
        None => bail!(NotDone("no pending action matches".to_owned())),
    }
}
