//! What every request gets.

mod digest;
pub(crate) mod lately;
pub(crate) mod news;
mod remembered;

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use action_scheduler::store::{Stats, Tally, TallyBy};
use action_scheduler::{Args, Hook, Observer, RemoteWorkers, Result, Scheduler, Shutdown};
use axum::http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

pub(crate) use self::digest::Counted;
use self::digest::{AllTallies, Latest};
use self::news::News;
pub(crate) use self::remembered::Remembered;

use crate::access::{Access, Caller};
use crate::admin::{HookFigures, Jobs};
use crate::config::ServerConfig;
use crate::http::Problem;
use crate::observe::Metrics;
use crate::observe::alerts::{self, Incident};

/// The scheduler, and what the server keeps beside it. Cheap to clone; all clones are one.
#[derive(Clone)]
pub(crate) struct Site(Arc<Inner>);

struct Inner {
    scheduler: Scheduler,
    config: ServerConfig,
    access: Access,
    workers: RemoteWorkers,
    jobs: Jobs,
    hook_figures: HookFigures,
    metrics: Arc<Metrics>,
    stats: Latest<Stats>,
    tallies: Latest<AllTallies>,
    news: Arc<News>,
    listeners: Arc<Semaphore>,
    closing: Shutdown,
}

impl Site {
    /// For a server that listens on this address.
    pub(crate) fn new(scheduler: Scheduler, config: ServerConfig, address: SocketAddr) -> Self {
        let access = Access::new(scheduler.store().clone(), address);
        let metrics = Arc::new(Metrics::new());
        scheduler.observe(Arc::clone(&metrics) as Arc<dyn Observer>);
        let news = News::new();
        scheduler.observe(news.clone());
        let listeners = Arc::new(Semaphore::new(config.limits.listeners));
        let closing = Shutdown::new();
        let workers = RemoteWorkers::new(scheduler.clone());
        Self(Arc::new(Inner {
            scheduler,
            workers,
            config,
            access,
            jobs: Jobs::default(),
            hook_figures: HookFigures::default(),
            metrics,
            stats: Latest::new(),
            tallies: Latest::new(),
            news,
            listeners,
            closing,
        }))
    }

    /// The scheduler in the name of the server itself: for looking things up.
    pub(crate) fn scheduler(&self) -> &Scheduler {
        &self.0.scheduler
    }

    /// The scheduler in the name of a caller: whatever changes something goes through this, so that the log names them.
    pub(crate) fn acting_as(&self, caller: &Caller) -> Scheduler {
        self.0.scheduler.acting_as(caller.context())
    }

    /// Counts of the whole store: of now where that is quick, else of a short while ago.
    pub(crate) async fn stats(&self) -> Result<Counted<Stats>, Problem> {
        let Inner { scheduler, stats, .. } = &*self.0;
        stats.get(scheduler, self.patience()).await?.ok_or_else(not_counted)
    }

    /// How many actions of each hook or group have each status, by name; of a short while ago if the store is large.
    pub(crate) async fn tallies(&self, by: TallyBy) -> Result<Vec<Tally>, Problem> {
        let Inner { scheduler, tallies, .. } = &*self.0;
        let all = tallies.get(scheduler, self.patience()).await?.ok_or_else(not_counted)?;
        Ok(match by {
            TallyBy::Hook => all.value.hooks.clone(),
            TallyBy::Group => all.value.groups.clone(),
        })
    }

    /// How long a request waits for the first counts of a large store.
    fn patience(&self) -> Duration {
        self.0.config.limits.time / 2
    }

    /// How the server works.
    pub(crate) fn config(&self) -> &ServerConfig {
        &self.0.config
    }

    /// Changes to many actions that are at work.
    pub(crate) fn jobs(&self) -> &Jobs {
        &self.0.jobs
    }

    /// What each hook did lately.
    pub(crate) fn hook_figures(&self) -> &HookFigures {
        &self.0.hook_figures
    }

    /// What is counted for Prometheus.
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// The alerts that are on, the oldest first.
    pub(crate) async fn incidents(&self) -> Result<Vec<Incident>> {
        alerts::open(&self.0.scheduler).await
    }

    /// The URL path of something on this server: `/actions` below the base path.
    pub(crate) fn path(&self, path: &str) -> String {
        format!("{}{path}", self.0.config.base_path)
    }

    /// Works in the background until it is told to stop, and then lets go of whoever waits for something to happen.
    pub(crate) async fn keep(self, shutdown: Shutdown) {
        let Inner { scheduler, workers, stats, tallies, .. } = &*self.0;
        tokio::join!(
            stats.clone().keep(scheduler, &shutdown),
            tallies.clone().keep(scheduler, &shutdown),
            workers.clone().keep(shutdown.clone()),
        );
        shutdown.stopping().await;
        self.0.closing.stop();
    }

    /// Completes when the server stops: long polls and streams end then.
    pub(crate) async fn stopping(&self) {
        self.0.closing.stopping().await;
    }

    /// The counts of the whole store that were taken last, and those that will be.
    pub(crate) fn counts(&self) -> watch::Receiver<Option<Counted<Stats>>> {
        self.0.stats.watch()
    }

    /// What happens to actions, as it becomes known here.
    pub(crate) fn news(&self) -> &Arc<News> {
        &self.0.news
    }

    /// Room for one more who listens to what happens; none if there are as many as may be.
    pub(crate) fn room_to_listen(&self) -> Option<OwnedSemaphorePermit> {
        self.0.listeners.clone().try_acquire_owned().ok()
    }

    /// The remote workers.
    pub(crate) fn workers(&self) -> &RemoteWorkers {
        &self.0.workers
    }

    /// Users, sessions and tokens.
    pub(crate) fn access(&self) -> &Access {
        &self.0.access
    }

    /// The args of an action of this hook as they may be shown. Whatever leaves the server shows args through this.
    pub(crate) fn shown_args<'a>(&self, hook: &Hook, args: &'a Args) -> Cow<'a, Args> {
        self.0.config.masks.args(hook, args)
    }

    /// A text about an action, such as an entry of its log, without what its args hide.
    pub(crate) fn shown_text<'a>(&self, hook: &Hook, args: &Args, text: &'a str) -> Cow<'a, str> {
        self.0.config.masks.text(hook, args, text)
    }
}

/// The counts are still being taken.
fn not_counted() -> Problem {
    let detail = "the actions are being counted for the first time; try again in a while";
    let title = "The counts are not there yet";
    Problem::other(StatusCode::SERVICE_UNAVAILABLE, "not-counted", title, detail)
}
