//! `run`: drain what is due, then exit.

use std::sync::Arc;

use action_scheduler::runner::{RunReport, StopReason, Until};
use action_scheduler::store::ClaimFilter;
use action_scheduler::{
    FigureKeeper, Group, Hook, Query, Runner, RunnerConfig, Scheduler, Shutdown,
};
use action_scheduler_wordpress::attach::{OnBroken, keep};
use action_scheduler_wordpress::{Health, PhpWorkers};
use anyhow::{Context, Result, bail};
use clap::Args;
use tokio::sync::watch;

use crate::app::App;
use crate::command::serve::ensure_schedules;
use crate::doubts::doubts;
use crate::failure::{FAILED, NotDone, Told};
use crate::input;
use crate::observe::{LogLines, Progress};
use crate::output;
use crate::runner::RunnerOptions;
use crate::signals::stop_on_signals;
use crate::terminal::{progress, with_total};
use crate::traces;
use crate::wordpress::all_to;

const EXAMPLES: &str = "\
Examples:
  action-scheduler run
  action-scheduler run --batches 10 --batch-size 100 --group billing
  action-scheduler run --time-limit 50s --json     (each minute, from cron)

The schedules of the config file are made sure of first, as `serve` does. Actions that fail are
counted, and logged; the exit code is 0 nevertheless, unless --fail-on-failure is given.";

/// What to run, and how.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {
    #[command(flatten)]
    runner: RunnerOptions,

    /// How many batches at most; 0 is until nothing is due
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = input::number)]
    batches: u32,

    /// However many claims are open, whatever --concurrent-batches says
    #[arg(long)]
    force: bool,

    /// Exit with 1 when an action failed
    #[arg(long)]
    fail_on_failure: bool,

    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
}

/// Runs what is due.
pub async fn run(app: &App, options: Options) -> Result<()> {
    let config = app.config()?;
    let until = Until::Drained { batches: (options.batches > 0).then_some(options.batches) };
    let mut runner = options.runner.resolve(&config, until, app.wordpress().usual_runner());
    if options.force {
        runner.concurrent_batches = None;
    }
    let php = match app.site() {
        Some(site) => {
            let workers = site.workers(&runner, "run");
            // A site that cannot be loaded is told of before anything is claimed.
            workers.probe().await.with_context(|| workers.site_name().to_owned())?;
            Some(workers)
        }
        None => None,
    };
    let handlers = match &php {
        Some(workers) => all_to(workers)?,
        None => config.bind()?,
    };
    let traces = traces::resolve(&config)?;
    let url = app.store_url(&config);
    let bar = progress(None);
    let scheduler = app
        .builder(&url, &config, "run")
        .await?
        .handlers(handlers)
        .observer(Arc::new(LogLines))
        .observer(Arc::new(Progress(bar.clone())))
        .build();
    let traces = traces::begin(&scheduler, traces.as_ref()).await?;
    for doubt in doubts(&config) {
        tracing::warn!("{doubt}");
    }
    ensure_schedules(&scheduler, &config).await?;
    with_total(&bar, due(&scheduler, &runner).await?);
    let figures = FigureKeeper::begin(&scheduler);
    let report = drain(scheduler, runner, php).await;
    figures.end().await;
    traces::end(traces).await;
    bar.finish_and_clear();
    let report = report?;

    output::print(&match options.json {
        true => output::json(&report)?,
        false => summary(&report),
    })?;
    if options.fail_on_failure && report.failed > 0 {
        return Err(Told(FAILED).into());
    }
    Ok(())
}

async fn drain(
    scheduler: Scheduler,
    config: RunnerConfig,
    php: Option<PhpWorkers>,
) -> Result<RunReport> {
    let shutdown = Shutdown::new();
    let signals = stop_on_signals(shutdown.clone())?;
    let report = match &php {
        Some(workers) => {
            let (workers, silent) = (workers.clone(), watch::channel(0).1);
            let report =
                keep(scheduler, workers.clone(), silent, config, OnBroken::Stop, shutdown).await;
            workers.close().await;
            report
        }
        None => Runner::new(scheduler, config).run(shutdown).await,
    };
    signals.abort();
    let report = report?;
    if let Some(workers) = &php
        && let Health::Broken(error) = &*workers.health().borrow()
    {
        bail!(NotDone(format!("{}: {error}; {}", workers.site_name(), summary(&report))));
    }
    Ok(report)
}

/// How many actions are due that the runner takes. A guess where others take from the queue too.
async fn due(scheduler: &Scheduler, config: &RunnerConfig) -> Result<u64> {
    let ClaimFilter { hooks, group, exclude_groups, exclude_hooks } = &config.filter;
    let excluded: &[Group] = if group.is_some() { &[] } else { exclude_groups };
    let now = scheduler.now();
    let each_hook = match hooks.is_empty() {
        true => vec![None],
        false => hooks.iter().cloned().map(Some).collect(),
    };
    let mut excluded_hooks = scheduler.remote_hooks();
    excluded_hooks.extend_from_slice(exclude_hooks);
    let is_excluded = |hook: &Hook| excluded_hooks.iter().any(|pattern| pattern.matches(hook));
    let without = match excluded_hooks.is_empty() || !hooks.is_empty() {
        true => Vec::new(),
        false => scheduler.store().hooks().await?.into_iter().filter(is_excluded).collect(),
    };
    let mut due = 0_u64;
    for hook in each_hook {
        if hook.as_ref().is_some_and(is_excluded) {
            continue;
        }
        let mut query = Query::new().past_due(now);
        (query.hook, query.group) = (hook, group.clone());
        due += scheduler.count(query.clone()).await?;
        for group in excluded {
            due = due.saturating_sub(scheduler.count(query.clone().group(group.clone())).await?);
        }
        for hook in &without {
            due = due.saturating_sub(scheduler.count(query.clone().hook(hook.clone())).await?);
        }
    }
    Ok(due)
}

/// What was done, in a sentence.
fn summary(report: &RunReport) -> String {
    let mut text =
        format!("{} complete, {} failed", output::thousands(report.complete), report.failed);
    let more = [
        (report.retried, "to be retried"),
        (report.ignored, "ignored"),
        (report.released, "given back"),
    ];
    for (number, what) in more {
        if number > 0 {
            text.push_str(&format!(", {} {what}", output::thousands(number)));
        }
    }
    let batches = match report.batches {
        1 => "1 batch".to_owned(),
        number => format!("{} batches", output::thousands(number)),
    };
    let why = match report.stopped {
        StopReason::Drained => "",
        StopReason::Told => "; stopped by a signal",
        StopReason::TimeLimit => "; stopped: its time was up",
        StopReason::MemoryLimit => "; stopped: it used too much memory",
        StopReason::AtCapacity => {
            "; stopped: as many claims are open in other runners as may be (--force runs \
             nevertheless)"
        }
    };
    format!("{text}, in {batches}{why}")
}
