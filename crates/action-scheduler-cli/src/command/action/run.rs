//! `action run`: pending actions here and now, due or not.

use std::sync::Arc;

use action_scheduler::runner::Until;
use action_scheduler::{ActionId, Runner, Shutdown};
use anyhow::Result;
use clap::Args;
use serde_json::json;

use crate::app::App;
use crate::failure::{FAILED, Told};
use crate::observe::{Ended, Outcomes};
use crate::output::safe::safe;
use crate::output::{self, note};
use crate::runner::RunnerOptions;
use crate::signals::stop_on_signals;
use crate::wordpress::all_to;

/// Which actions.
#[derive(Debug, Args)]
#[command(after_help = "\
The handlers of the config file are used. Each id is reported; the exit code is 1 when one failed
or could not be run. A finished action is given a new attempt with `action rerun` first.")]
pub struct Options {
    /// The actions
    #[arg(required = true)]
    ids: Vec<ActionId>,
    /// Print an array of {"id":…,"ok":…,"outcome":…,"reason":…}
    #[arg(long)]
    json: bool,
}

/// Runs the actions.
pub async fn run(app: &App, options: Options) -> Result<()> {
    let config = app.config_of_existing()?;
    let until = Until::Drained { batches: None };
    let usual = app.wordpress().usual_runner();
    let settings = RunnerOptions::default().resolve(&config, until, usual);
    let php = app.site().map(|site| site.workers(&settings, "CLI"));
    let handlers = match &php {
        Some(workers) => all_to(workers)?,
        None => config.bind()?,
    };
    let outcomes = Arc::new(Outcomes::default());
    let scheduler = app
        .builder(&app.store_url(&config), &config, "CLI")
        .await?
        .handlers(handlers)
        .observer(Arc::clone(&outcomes) as Arc<dyn action_scheduler::Observer>)
        .build();
    let shutdown = Shutdown::new();
    let signals = stop_on_signals(shutdown.clone())?;
    let runner = Runner::new(scheduler.clone(), settings);
    let report = runner.run_ids(options.ids.clone(), shutdown).await;
    signals.abort();
    if let Some(workers) = &php {
        workers.close().await;
    }
    report?;

    let mut rows = Vec::new();
    let mut failed = false;
    for id in options.ids {
        let (outcome, reason) = match outcomes.of(id) {
            Some(Ended::Complete) => ("complete", None),
            Some(Ended::Failed(reason)) => ("failed", Some(reason)),
            Some(Ended::Retrying(reason)) => ("retrying", Some(reason)),
            Some(Ended::Ignored) => ("ignored", Some("it was no longer pending".to_owned())),
            None => ("not run", Some(why_not(&scheduler, id).await?)),
        };
        failed |= reason.is_some();
        match (options.json, reason) {
            (true, reason) => rows.push(json!({
                "id": id, "ok": reason.is_none(), "outcome": outcome, "reason": reason,
            })),
            (false, None) => output::print(&format!("action {id}: {outcome}"))?,
            (false, Some(reason)) => {
                note(format_args!("error: action {id}: {outcome}: {}", safe(&reason)));
            }
        }
    }
    if options.json {
        output::print(&output::json(&rows)?)?;
    }
    if failed { Err(Told(FAILED).into()) } else { Ok(()) }
}

/// Why an action could not be claimed.
async fn why_not(scheduler: &action_scheduler::Scheduler, id: ActionId) -> Result<String> {
    Ok(match scheduler.store().fetch(vec![id]).await?.pop() {
        None => "there is no such action".to_owned(),
        Some(action) if action.status == action_scheduler::Status::Pending => {
            "another runner has claimed it, or as many claims are open as may be".to_owned()
        }
        Some(action) => format!("it is {}; only a pending action can be run", action.status),
    })
}
