//! The workers of a site: started as needed, used again and again, replaced when they have grown old or ended.

mod limit;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use action_scheduler::{Failure, Handler, HandlerContext};
use async_trait::async_trait;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::task::TaskTracker;

pub use self::limit::WorkerLimit;
use crate::php::Php;
use crate::site::Site;
use crate::worker::{LoadError, Ran, Ready, Task, Worker};

/// How many workers in a row may turn out to be of the past before the site is taken for broken.
const STALE_IN_A_ROW: usize = 3;

/// How long a worker stays with a site while others wait for one.
const TURN: Duration = Duration::from_secs(1);

/// How the workers of a site are kept.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkerSettings {
    /// How many there may be at once for a site (2).
    pub workers: usize,
    /// After so many actions a worker is replaced (10,000).
    pub actions: u64,
    /// A worker of this age is replaced (1 hour).
    pub age: Duration,
    /// A worker that uses so many bytes after an action is replaced (128 MiB).
    pub memory: u64,
    /// A worker that has had nothing to do for so long is ended (30 s).
    pub idle: Duration,
    /// How often a worker looks whether files or the list of plugins have changed (2 s).
    pub check_after: Duration,
    /// Who runs the actions, as listeners are told (`Action Scheduler`).
    pub context: String,
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self {
            workers: 2,
            actions: 10_000,
            age: Duration::from_secs(3600),
            memory: 128 * 1024 * 1024,
            idle: Duration::from_secs(30),
            check_after: Duration::from_secs(2),
            context: "Action Scheduler".to_owned(),
        }
    }
}

/// How a site is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// Nobody has tried yet.
    Unknown,
    /// It was loaded the last time.
    Sound,
    /// It could not be loaded the last time.
    Broken(LoadError),
}

/// Runs actions in the PHP of a site: a handler for all its hooks. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct PhpWorkers(Arc<Pool>);

pub(crate) struct Pool {
    site: Site,
    php: Php,
    settings: WorkerSettings,
    limit: WorkerLimit,
    places: Semaphore,
    idle: Mutex<VecDeque<Idle>>,
    /// Whether someone looks after those that are idle.
    is_watched: AtomicBool,
    /// Workers of an earlier generation are of the past.
    generation: AtomicU64,
    health: watch::Sender<Health>,
    stored: watch::Sender<u64>,
    started: AtomicU64,
    ends: TaskTracker,
}

struct Idle {
    member: Member,
    since: Instant,
}

/// A worker with its place in the world.
struct Member {
    worker: Worker,
    generation: u64,
    _permit: OwnedSemaphorePermit,
}

impl PhpWorkers {
    /// The workers of a site; none is started yet.
    pub fn new(site: Site, php: Php, settings: WorkerSettings, limit: WorkerLimit) -> Self {
        let pool = Arc::new(Pool {
            places: Semaphore::new(settings.workers.max(1)),
            site,
            php,
            settings,
            limit: limit.clone(),
            idle: Mutex::default(),
            is_watched: AtomicBool::new(false),
            generation: AtomicU64::new(0),
            health: watch::Sender::new(Health::Unknown),
            stored: watch::Sender::new(0),
            started: AtomicU64::new(0),
            ends: TaskTracker::new(),
        });
        limit.join(&pool);
        Self(pool)
    }

    /// What the site is called.
    pub fn site_name(&self) -> &str {
        &self.0.site.name
    }

    /// How the site is, now and whenever that changes.
    pub fn health(&self) -> watch::Receiver<Health> {
        self.0.health.subscribe()
    }

    /// Counts the actions that callbacks stored: whoever runs them should look.
    pub fn stored(&self) -> watch::Receiver<u64> {
        self.0.stored.subscribe()
    }

    /// How many workers were started so far.
    pub fn started(&self) -> u64 {
        self.0.started.load(Ordering::Relaxed)
    }

    /// How many workers are idle now.
    pub fn idle(&self) -> usize {
        self.0.lock_idle().len()
    }

    /// Makes sure that the site can be loaded: starts a worker if none is idle.
    pub async fn probe(&self) -> Result<Ready, LoadError> {
        let _place = self.0.place().await;
        let member = self.0.take_or_start().await?;
        let ready = member.worker.ready.clone();
        self.0.put_back(member);
        Ok(ready)
    }

    /// Moves the events of WP-Cron that are due into the queue, as actions of the group `wp-cron`; gives how many it moved.
    pub async fn move_events(&self) -> Result<u64, Failure> {
        self.0.perform(&Task::Events).await
    }

    /// Replaces all workers, each once it has nothing to do.
    pub fn recycle(&self) {
        self.0.recycle();
    }

    /// Ends the workers that are idle, and waits for all ends.
    pub async fn close(&self) {
        self.0.recycle();
        self.0.ends.close();
        self.0.ends.wait().await;
        self.0.ends.reopen();
    }
}

#[async_trait]
impl Handler for PhpWorkers {
    async fn call(&self, context: &HandlerContext) -> Result<(), Failure> {
        let task = Task::Action { action: context, context: &self.0.settings.context };
        self.0.perform(&task).await.map(drop)
    }

    fn describe(&self) -> String {
        format!("PHP of {}", self.0.site.name)
    }
}

impl Pool {
    async fn place(&self) -> tokio::sync::SemaphorePermit<'_> {
        match self.places.acquire().await {
            Ok(place) => place,
            // It is never closed.
            Err(_) => std::future::pending().await,
        }
    }

    /// Has a worker do something; gives how many actions were stored by it.
    async fn perform(self: &Arc<Self>, task: &Task<'_>) -> Result<u64, Failure> {
        let _place = self.place().await;
        for _ in 0..STALE_IN_A_ROW {
            let mut member = self
                .take_or_start()
                .await
                .map_err(|error| Failure::not_begun(error.to_string()))?;
            if task.is_canceled() {
                self.put_back(member);
                return Err(Failure::not_begun("stopped before the callback was called"));
            }
            match member.worker.perform(task).await {
                Ran::Done { reason, stored } => {
                    self.tell_stored(stored);
                    self.put_back(member);
                    return match reason {
                        None => Ok(stored),
                        Some(reason) => Err(Failure::new(reason)),
                    };
                }
                Ran::NotBegun(why) => {
                    tracing::info!(site = %self.site.name, why, "PHP workers are replaced");
                    self.recycle();
                    self.end(member);
                }
                Ran::Ended { reason, stored } => {
                    self.tell_stored(stored);
                    self.end(member);
                    return Err(Failure::new(reason));
                }
            }
        }
        let reason = "PHP workers were of the past as soon as they were started".to_owned();
        let error = LoadError { reason, maintenance: false };
        self.health.send_replace(Health::Broken(error.clone()));
        Err(Failure::not_begun(error.to_string()))
    }

    fn lock_idle(&self) -> std::sync::MutexGuard<'_, VecDeque<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn take_or_start(self: &Arc<Self>) -> Result<Member, LoadError> {
        loop {
            // The one that was used last: its memory is warm, and the others may go.
            let Some(Idle { member, .. }) = self.lock_idle().pop_back() else { break };
            match member.generation == self.generation.load(Ordering::Relaxed)
                && member.worker.is_alive()
            {
                true => return Ok(member),
                false => self.end(member),
            }
        }
        let permit = self.limit.acquire().await;
        // What changes from here on may have been loaded or not.
        let generation = self.generation.load(Ordering::Relaxed);
        self.started.fetch_add(1, Ordering::Relaxed);
        let started = Worker::start(&self.php, &self.site, self.settings.check_after).await;
        match started {
            Ok(worker) => {
                for warning in &worker.ready.warnings {
                    tracing::debug!(site = %self.site.name, %warning, "while WordPress was loading");
                }
                self.health.send_if_modified(|health| {
                    let changes = *health != Health::Sound;
                    *health = Health::Sound;
                    changes
                });
                Ok(Member { worker, generation, _permit: permit })
            }
            Err(error) => {
                self.health.send_replace(Health::Broken(error.clone()));
                Err(error)
            }
        }
    }

    fn put_back(self: &Arc<Self>, member: Member) {
        let Member { worker, generation, .. } = &member;
        let settings = &self.settings;
        let is_old = *generation != self.generation.load(Ordering::Relaxed)
            || worker.actions >= settings.actions
            || worker.started.elapsed() >= settings.age
            || worker.memory >= settings.memory;
        let is_wanted = self.limit.is_wanted() && worker.started.elapsed() >= TURN;
        if is_old || is_wanted {
            return self.end(member);
        }
        self.lock_idle().push_back(Idle { member, since: Instant::now() });
        if !self.is_watched.swap(true, Ordering::Relaxed) {
            // It ends with the pool, or when nobody is idle.
            tokio::spawn(watch_idle(Arc::downgrade(self), settings.idle));
        }
    }

    /// Ends a worker in good order, on the side.
    fn end(&self, member: Member) {
        let Member { worker, _permit: permit, .. } = member;
        self.ends.spawn(async move {
            worker.retire().await;
            drop(permit);
        });
    }

    fn recycle(&self) {
        self.generation.fetch_add(1, Ordering::Relaxed);
        let idle = std::mem::take(&mut *self.lock_idle());
        for Idle { member, .. } in idle {
            self.end(member);
        }
    }

    /// Since when the worker that is idle for longest is so.
    fn idle_since(&self) -> Option<Instant> {
        self.lock_idle().front().map(|idle| idle.since)
    }

    fn end_longest_idle(&self) {
        let longest = self.lock_idle().pop_front();
        if let Some(Idle { member, .. }) = longest {
            self.end(member);
        }
    }

    fn tell_stored(&self, stored: u64) {
        if stored > 0 {
            self.stored.send_modify(|count| *count = count.wrapping_add(stored));
        }
    }
}

/// Ends workers that have been idle for long enough, until none is left.
async fn watch_idle(pool: std::sync::Weak<Pool>, longest: Duration) {
    loop {
        let next = {
            let Some(pool) = pool.upgrade() else { return };
            while pool.idle_since().is_some_and(|since| since.elapsed() >= longest) {
                pool.end_longest_idle();
            }
            let idle = pool.lock_idle();
            match idle.front() {
                Some(first) => first.since + longest,
                None => {
                    // Under the lock: whoever puts one back sees that nobody watches.
                    pool.is_watched.store(false, Ordering::Relaxed);
                    return;
                }
            }
        };
        tokio::time::sleep_until(next.into()).await;
    }
}
