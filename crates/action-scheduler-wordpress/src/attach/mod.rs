//! Many sites in one daemon: a site that has nothing to do costs a look now and then, and no process, connection or runner.

mod doorbell;
mod events;
mod keeper;
mod signs;
mod sites;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use action_scheduler::cleaner::Cleaner;
use action_scheduler::policy::HookPattern;
use action_scheduler::scheduler::SchedulerBuilder;
use action_scheduler::store::StoreUrl;
use action_scheduler::store::mysql::{DueLookout, MySqlUrl};
use action_scheduler::{Event, Invalid, Priority, RunnerConfig, Scheduler, Shutdown, Store};
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use self::doorbell::Doorbell;
pub use self::events::{EventSite, WpCron, move_events};
pub use self::keeper::{OnBroken, keep};
pub use self::signs::give_signs;
use self::sites::find_sites_but;
pub use self::sites::{Found, find_sites};
use crate::php::Php;
use crate::pool::{PhpWorkers, WorkerLimit, WorkerSettings};

/// How often sites are looked for: new folders, new sites of a network.
const LOOKING_FOR_SITES: Duration = Duration::from_secs(60);

/// How often sites of one server are looked at, if there are few; with many, so that no more than [`LOOKS`] are made.
const LOOKING: Duration = Duration::from_secs(1);

/// How many sites are looked at in a second, at most.
const LOOKS: u32 = 1000;

/// A site where nothing was done for so long goes to sleep.
const AWAKE: Duration = Duration::from_secs(30);

/// A site wakes up this often in any case, to look after what crashed runners left, and to clean.
const ROUTINE: Duration = Duration::from_secs(600);

/// Makes a scheduler over the store of a site: policies, and who listens.
pub type MakeScheduler = Arc<dyn Fn(Arc<dyn Store>) -> SchedulerBuilder + Send + Sync>;

/// The sites to run, and how.
#[derive(Clone)]
pub struct Attach {
    /// The folders of the installations.
    pub folders: Vec<PathBuf>,
    /// How PHP is run.
    pub php: Php,
    /// How the workers of each site are kept.
    pub workers: WorkerSettings,
    /// How many workers there may be over all sites.
    pub limit: WorkerLimit,
    /// How each site's runner works.
    pub runner: RunnerConfig,
    /// How often the queue of a site that is awake is cleaned.
    pub clean: Option<Duration>,
    /// What is done about the events of WP-Cron.
    pub wp_cron: WpCron,
    /// Makes the schedulers.
    pub scheduler: MakeScheduler,
}

/// A scheduler whose actions are run by the workers of a site.
pub fn bind(builder: SchedulerBuilder, workers: &PhpWorkers) -> Result<Scheduler, Invalid> {
    let all: HookPattern = "*".parse()?;
    let scheduler = builder.build();
    scheduler.bind(all, Priority::default(), Arc::new(workers.clone()));
    Ok(scheduler)
}

impl Attach {
    /// Runs the queues of all sites until it is told to stop. `recycle` changes when all workers are to be replaced.
    pub async fn run(self, recycle: watch::Receiver<u64>, shutdown: Shutdown) {
        let mut sites: HashMap<String, Attached> = HashMap::new();
        let mut tasks = JoinSet::new();
        let mut told = HashMap::new();
        let mut alone: HashSet<PathBuf> = HashSet::new();
        let doorbell = Doorbell::listen()
            .inspect_err(|error| tracing::warn!(%error, "sites cannot say that there is new work"))
            .ok();
        let (known, all) = watch::channel(Vec::new());
        let socket = doorbell.as_ref().map(|bell| bell.path().to_owned()).unwrap_or_default();
        let signs = tokio::spawn(give_signs(all, socket, shutdown.clone()));
        let (with_events, all) = watch::channel(Vec::new());
        let events = tokio::spawn(move_events(all, shutdown.clone()));
        while !shutdown.is_stopping() {
            // A site that stands alone stays what it is; a network may have new ones.
            let found =
                find_sites_but(&self.folders, &self.php, |folder| alone.contains(folder)).await;
            for problem in &found.problems {
                // Each problem once.
                if told.insert(problem.clone(), ()).is_none() {
                    tracing::warn!("{problem}");
                }
            }
            for (site, php) in found.sites {
                let StoreUrl::MySql(url) = site.store.clone() else { continue };
                let key = site.store.to_string();
                // One without a queue may get one: it is looked at again.
                if sites.contains_key(&key) || !site.has_queue {
                    continue;
                }
                if !site.in_network {
                    alone.insert(site.folder.clone());
                }
                tracing::info!(site = site.name, folder = %site.folder.display(), "attached");
                let workers =
                    PhpWorkers::new(site.clone(), php, self.workers.clone(), self.limit.clone());
                let (wake, woken) = watch::channel(0_u64);
                let bell = match &doorbell {
                    Some(doorbell) => doorbell.bell(&site.key()),
                    None => watch::channel(0).1,
                };
                known.send_modify(|known| known.push(site.clone()));
                if self.wp_cron == WpCron::Moved {
                    with_events.send_modify(|sites| sites.extend(EventSite::new(&site, &workers)));
                }
                tasks.spawn(self.clone().attend(
                    workers,
                    url.clone(),
                    woken,
                    bell,
                    recycle.clone(),
                    shutdown.clone(),
                ));
                sites.insert(key, Attached { url, wake });
            }
            self.look_for_a_while(&sites, &shutdown).await;
        }
        drop(known);
        if let Err(error) = signs.await {
            tracing::error!(%error, "the task that gives signs of life ended by itself");
        }
        if let Err(error) = events.await {
            tracing::error!(%error, "the task that moves events of WP-Cron ended by itself");
        }
        while let Some(ended) = tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a site's task ended by itself");
            }
        }
    }

    /// Looks again and again where something is due, and wakes those sites.
    async fn look_for_a_while(&self, sites: &HashMap<String, Attached>, shutdown: &Shutdown) {
        let mut servers: Vec<Vec<&Attached>> = Vec::new();
        for site in sites.values() {
            let same = servers
                .iter_mut()
                .find(|server| server.first().is_some_and(|first| first.url.is_beside(&site.url)));
            match same {
                Some(server) => server.push(site),
                None => servers.push(vec![site]),
            }
        }
        let mut lookouts: Vec<(DueLookout, Vec<&Attached>)> = servers
            .into_iter()
            .map(|sites| {
                (DueLookout::new(sites.iter().map(|site| site.url.clone()).collect()), sites)
            })
            .collect();
        // A look at a server costs about as much as one at a hundred of its sites.
        let count = u32::try_from(sites.len() + 100 * lookouts.len()).unwrap_or(u32::MAX);
        let pause = LOOKING.max(LOOKING * count / LOOKS);
        let begun = Instant::now();
        while begun.elapsed() < LOOKING_FOR_SITES.max(pause) {
            for (lookout, sites) in &mut lookouts {
                match lookout.look().await {
                    Ok(due) => {
                        for (site, due) in sites.iter().zip(due) {
                            if due {
                                site.wake.send_modify(|count| *count = count.wrapping_add(1));
                            }
                        }
                    }
                    Err(error) => tracing::debug!(%error, "cannot look whether anything is due"),
                }
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = shutdown.stopping() => return,
            }
        }
    }

    /// One site, asleep and awake.
    async fn attend(
        self,
        workers: PhpWorkers,
        url: MySqlUrl,
        mut woken: watch::Receiver<u64>,
        mut bell: watch::Receiver<u64>,
        mut recycle: watch::Receiver<u64>,
        shutdown: Shutdown,
    ) {
        // Not all at once, when there are many.
        let mut routine = ROUTINE.mul_f64(0.5 + rand_share(&url));
        loop {
            tokio::select! {
                _ = woken.changed() => {}
                Ok(()) = bell.changed() => {}
                Ok(()) = recycle.changed() => {
                    workers.recycle();
                    continue;
                }
                () = tokio::time::sleep(routine) => {}
                () = shutdown.stopping() => break,
            }
            routine = ROUTINE;
            if let Err(error) = self.awake(&workers, &url, &bell, &mut recycle, &shutdown).await {
                tracing::error!(site = workers.site_name(), %error, "the queue cannot be run now");
                tokio::select! {
                    () = tokio::time::sleep(Duration::from_secs(10)) => {}
                    () = shutdown.stopping() => break,
                }
            }
            woken.mark_unchanged();
        }
        workers.close().await;
    }

    /// Runs the queue of a site until nothing has been done for a while.
    async fn awake(
        &self,
        workers: &PhpWorkers,
        url: &MySqlUrl,
        bell: &watch::Receiver<u64>,
        recycle: &mut watch::Receiver<u64>,
        shutdown: &Shutdown,
    ) -> action_scheduler::Result<()> {
        let store = StoreUrl::MySql(url.clone()).open().await?;
        let (active, mut activity) = watch::channel(0_u64);
        let note = move |event: &Event| {
            if matches!(event, Event::BatchClaimed { .. } | Event::BatchDone { .. }) {
                active.send_modify(|count| *count = count.wrapping_add(1));
            }
        };
        let builder = (self.scheduler)(store).observer(Arc::new(note));
        let scheduler = bind(builder, workers)?;
        let sleep = Shutdown::new();
        let cleaner = self.clean.map(|interval| {
            tokio::spawn(Cleaner::new(scheduler.clone()).keep(interval, sleep.clone()))
        });
        let counts = scheduler.clone();
        let until_quiet = async {
            loop {
                tokio::select! {
                    changed = activity.changed() => if changed.is_err() { break },
                    Ok(()) = recycle.changed() => workers.recycle(),
                    () = shutdown.stopping() => break,
                    () = tokio::time::sleep(AWAKE) => {
                        let stats = counts.stats().await;
                        if stats.is_ok_and(|stats| stats.past_due == 0 && stats.claims == 0) {
                            break;
                        }
                    }
                }
            }
            sleep.stop();
            shutdown.stopping_at_once().await;
            sleep.stop_at_once();
            std::future::pending::<()>().await;
        };
        let (runner, workers) = (self.runner.clone(), workers.clone());
        let name = workers.site_name().to_owned();
        let kept = keep(scheduler, workers, bell.clone(), runner, OnBroken::Wait, sleep.clone());
        let report = tokio::select! {
            report = kept => report,
            () = until_quiet => return Ok(()),
        };
        sleep.stop();
        if let Some(cleaner) = cleaner
            && let Err(error) = cleaner.await
        {
            tracing::error!(%error, "the cleaner ended by itself");
        }
        let report = report?;
        tracing::debug!(site = name, complete = report.complete, "nothing to do");
        Ok(())
    }
}

struct Attached {
    url: MySqlUrl,
    wake: watch::Sender<u64>,
}

/// A share between 0 and 1 that is always the same for a site, and different for most.
fn rand_share(url: &MySqlUrl) -> f64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    url.to_string().hash(&mut hasher);
    f64::from(u32::try_from(hasher.finish() >> 32).unwrap_or_default()) / f64::from(u32::MAX)
}
