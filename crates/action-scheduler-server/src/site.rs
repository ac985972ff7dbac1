//! What every request gets.

mod digest;
pub(crate) mod lately;
pub(crate) mod news;

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use action_scheduler::store::{Tally, TallyBy};
use action_scheduler::{Args, Hook, Observer, RemoteWorkers, Result, Scheduler, Shutdown};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

pub(crate) use self::digest::Digest;
use self::digest::Digests;
use self::news::News;

use crate::access::{Access, Caller};
use crate::admin::Jobs;
use crate::config::ServerConfig;
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
    metrics: Arc<Metrics>,
    digests: Digests,
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
        let (digests, closing) = (Digests::new(), Shutdown::new());
        let workers = RemoteWorkers::new(scheduler.clone());
        Self(Arc::new(Inner {
            scheduler,
            workers,
            config,
            access,
            jobs: Jobs::default(),
            metrics,
            digests,
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

    /// How many actions of each hook or group have each status, by name; of a short while ago if the store is large.
    pub(crate) async fn tallies(&self, by: TallyBy) -> Result<Vec<Tally>> {
        // The first counts of a large store take a while.
        match (self.digest(self.0.config.limits.time / 2).await?, by) {
            (Some(digest), TallyBy::Hook) => Ok(digest.hooks.to_vec()),
            (Some(digest), TallyBy::Group) => Ok(digest.groups.to_vec()),
            (None, _) => self.0.scheduler.tally(by).await,
        }
    }

    /// How the server works.
    pub(crate) fn config(&self) -> &ServerConfig {
        &self.0.config
    }

    /// Changes to many actions that are at work.
    pub(crate) fn jobs(&self) -> &Jobs {
        &self.0.jobs
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
        let digests = self.0.digests.clone();
        let (scheduler, workers) = (self.0.scheduler.clone(), self.0.workers.clone());
        tokio::join!(digests.keep(scheduler, shutdown.clone()), workers.keep(shutdown.clone()));
        shutdown.stopping().await;
        self.0.closing.stop();
    }

    /// Completes when the server stops: long polls and streams end then.
    pub(crate) async fn stopping(&self) {
        self.0.closing.stopping().await;
    }

    /// Counts of the whole store: of now where that is quick, else of a short while ago. None if the first are still being
    /// taken after as long as the caller would wait.
    pub(crate) async fn digest(&self, patience: Duration) -> Result<Option<Digest>> {
        self.0.digests.latest(&self.0.scheduler, patience).await
    }

    /// The counts of the whole store that were taken last, and those that will be.
    pub(crate) fn counts(&self) -> watch::Receiver<Option<Digest>> {
        self.0.digests.watch()
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
