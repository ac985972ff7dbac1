//! `serve --wordpress`: the queue of one site, or of many.

use std::path::Path;
use std::sync::Arc;

use action_scheduler::runner::{RunReport, Until};
use action_scheduler::{RunnerConfig, Scheduler, Shutdown};
use action_scheduler_wordpress::attach::{
    Attach, Doorbell, EventSite, MakeScheduler, OnBroken, WpCron, give_signs, keep, move_events,
};
use action_scheduler_wordpress::site::Site;
use action_scheduler_wordpress::{PhpWorkers, WorkerLimit, WorkerSettings};
use anyhow::{Result, bail};
use tokio::sync::watch;

use crate::app::App;
use crate::failure::NotDone;
use crate::observe::LogLines;
use crate::output::note;
use crate::output::safe::safe;
use crate::runner::{CleanerOptions, RunnerOptions};
use crate::signals::stop_on_signals;
use crate::traces;
use crate::wordpress::{OneSite, recycle_on_hangup};

/// The site that is served alone, with the admin and the API: one folder with one site in it, or the one of a network that
/// was chosen. `None` when there are more, or may come to be.
pub async fn only(app: &App) -> Result<Option<OneSite>> {
    let options = app.wordpress();
    let is_pattern = |folder: &Path| folder.to_string_lossy().contains('*');
    let may_grow =
        options.wordpress.len() > 1 || options.wordpress.iter().any(|dir| is_pattern(dir));
    let file = app.config()?.wordpress;
    let found = options.found(&file).await?;
    match found.sites.as_slice() {
        [] if !may_grow => bail!(NotDone(found.problems.join("\n"))),
        [(site, php)] if !may_grow && (!site.in_network || options.site.is_some()) => {
            Ok(Some(OneSite::new(site.clone(), php.clone(), &file)))
        }
        _ => Ok(None),
    }
}

/// Runs the queue of one site until it is told to stop.
pub async fn keep_one(
    scheduler: Scheduler,
    workers: &PhpWorkers,
    site: Option<Site>,
    settings: RunnerConfig,
    wp_cron: WpCron,
    shutdown: &Shutdown,
) -> action_scheduler::Result<RunReport> {
    let doorbell = Doorbell::listen()
        .inspect_err(|error| tracing::warn!(%error, "the site cannot say that there is new work"))
        .ok();
    let bell = match (&doorbell, &site) {
        (Some(doorbell), Some(site)) => doorbell.bell(&site.key()),
        _ => watch::channel(0).1,
    };
    let socket = doorbell.as_ref().map(|bell| bell.path().to_owned()).unwrap_or_default();
    let with_events = site.iter().filter(|_| wp_cron == WpCron::Moved);
    let with_events = with_events.filter_map(|site| EventSite::new(site, workers)).collect();
    let (_with_events, all) = watch::channel(with_events);
    let events = tokio::spawn(move_events(all, shutdown.clone()));
    let (_known, sites) = watch::channel(site.into_iter().collect());
    let until_stopped = shutdown.clone();
    let signs = tokio::spawn(give_signs(sites, socket, until_stopped));
    let workers_of_kept = workers.clone();
    let kept = keep(scheduler, workers_of_kept, bell, settings, OnBroken::Wait, shutdown.clone());
    let report = tokio::select! {
        report = kept => report,
        () = until_refused(recycle_on_hangup(|| workers.recycle())) => std::future::pending().await,
    };
    // A runner that failed has not been told to stop; the signs must end with it.
    shutdown.stop();
    if let Err(error) = signs.await {
        tracing::error!(%error, "the task that gives signs of life ended by itself");
    }
    if let Err(error) = events.await {
        tracing::error!(%error, "the task that moves events of WP-Cron ended by itself");
    }
    workers.close().await;
    report
}

/// Runs the queues of many sites until it is told to stop.
pub async fn run(
    app: &App,
    runner: &RunnerOptions,
    cleaner: &CleanerOptions,
    wp_cron: WpCron,
) -> Result<()> {
    let config = app.config()?;
    if traces::resolve(&config)?.is_some() {
        tracing::warn!("no traces are exported: they are there for one site");
    }
    let settings = runner.resolve(&config, Until::Stopped, app.wordpress().usual_runner());
    let (options, file) = (app.wordpress(), &config.wordpress);
    let (policies, zone) = (config.policies(), app.zone(&config));
    let scheduler: MakeScheduler = Arc::new(move |store| {
        Scheduler::builder(store)
            .policies(policies.clone())
            .context(action_scheduler::Context::new("serve"))
            .observer(Arc::new(LogLines))
            .time_zone(zone.clone())
    });
    let attach = Attach {
        folders: options.wordpress.clone(),
        php: options.php(file)?,
        workers: WorkerSettings {
            workers: settings.workers,
            context: "serve".to_owned(),
            ..file.workers()
        },
        limit: WorkerLimit::new(
            file.all_workers.unwrap_or_else(|| settings.workers.saturating_mul(2)),
        ),
        clean: cleaner.resolve(&config),
        runner: settings,
        wp_cron,
        scheduler,
    };
    if tracing::enabled!(tracing::Level::INFO) && !app.logs_json() {
        let folders: Vec<String> =
            attach.folders.iter().map(|folder| folder.display().to_string()).collect();
        note(format_args!(
            "Action Scheduler {}\n  WordPress  {}\n  workers    {} for a site\n  admin      off: it \
             is there for one site",
            env!("CARGO_PKG_VERSION"),
            safe(&folders.join(", ")),
            attach.workers.workers,
        ));
    }
    let shutdown = Shutdown::new();
    let signals = stop_on_signals(shutdown.clone())?;
    let (recycle, recycled) = watch::channel(0_u64);
    let hangups = recycle_on_hangup(|| recycle.send_modify(|count| *count = count.wrapping_add(1)));
    tokio::select! {
        () = attach.run(recycled, shutdown) => {}
        () = until_refused(hangups) => std::future::pending().await,
    }
    signals.abort();
    tracing::info!("stopped");
    Ok(())
}

/// What only ends when it cannot be begun.
async fn until_refused(hangups: impl Future<Output = Result<()>>) {
    if let Err(error) = hangups.await {
        tracing::warn!(%error, "SIGHUP does not replace PHP workers");
    }
}
