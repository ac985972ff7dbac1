//! `action`: look at and change single actions.

mod change;
mod fields;
mod generate;
mod get;
mod list;
mod next;
mod run;

use anyhow::Result;
use clap::Subcommand;

use crate::app::App;

const EXAMPLES: &str = "\
Examples:
  action-scheduler action list --hook send_invoice --status failed --orderby modified --order desc
  action-scheduler action get 42
  action-scheduler action logs 42
  action-scheduler action rerun 42 43
  action-scheduler action reschedule 42 'tomorrow 09:00'";

/// What to do with actions.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub enum What {
    /// List actions
    List(list::Options),
    /// Show one action with its log
    Get(get::Get),
    /// Show the log of an action
    Logs(get::Logs),
    /// Show when a hook runs next
    Next(next::Options),
    /// Run pending actions here and now, due or not
    Run(run::Options),
    /// Give finished actions a new attempt, due now
    Rerun(change::ById),
    /// Give pending actions another date
    Reschedule(change::Reschedule),
    /// Cancel actions that are pending or in-progress
    Cancel(change::ById),
    /// Delete actions that are not in-progress, with their logs
    Delete(change::ById),
    /// Store many actions, to try things out
    Generate(generate::Options),
}

/// Does it.
pub async fn run(app: &App, what: What) -> Result<()> {
    match what {
        What::List(options) => list::run(app, options).await,
        What::Get(options) => get::get(app, options).await,
        What::Logs(options) => get::logs(app, options).await,
        What::Next(options) => next::run(app, options).await,
        What::Run(options) => run::run(app, options).await,
        What::Rerun(options) => change::rerun(app, options).await,
        What::Reschedule(options) => change::reschedule(app, options).await,
        What::Cancel(options) => change::cancel(app, options).await,
        What::Delete(options) => change::delete(app, options).await,
        What::Generate(options) => generate::run(app, options).await,
    }
}
