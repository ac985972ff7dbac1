//! Adds up what happens to actions, and keeps it in the store as figures over time: for charts, and tables of hooks.
//!
//! What an event costs is a lock that nobody holds for long and a few additions; the store is told every few seconds, on
//! the side. What was not told yet when a process dies is missing from the figures, and from nothing else.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use action_scheduler::{FigureKeeper, Scheduler};
//!
//! # let folder = tempfile::tempdir().unwrap();
//! # let url = format!("sqlite:{}", folder.path().join("shop.db").display());
//! let scheduler = Scheduler::open(&url).await?;
//! let figures = FigureKeeper::begin(&scheduler);
//! scheduler.enqueue_async("send_invoice", [42]).await?;
//! // When nothing more will happen: what is left is stored.
//! figures.end().await;
//! # Ok::<(), action_scheduler::Error>(()) }).unwrap();
//! ```

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::JoinHandle;

use crate::action::Hook;
use crate::error::Result;
use crate::observer::{Event, Observer};
use crate::runner::Shutdown;
use crate::scheduler::Scheduler;
use crate::store::{Figure, FigureCounts, Resolution, Store};

/// How often the store is told.
const EVERY: Duration = Duration::from_secs(5);

/// How many hooks have figures of their own in a minute; further ones are only counted with all together.
const MOST_HOOKS: usize = 1000;

/// For how many minutes figures are held while the store does not take them.
const MOST_MINUTES: usize = 60;

/// Listens, adds up, and tells the store.
pub struct FigureKeeper {
    store: Arc<dyn Store>,
    untold: Mutex<Minutes>,
}

type Minutes = BTreeMap<Timestamp, Minute>;

/// What happened in a minute.
#[derive(Debug, Default)]
struct Minute {
    hooks: HashMap<Hook, FigureCounts>,
    /// Of hooks that were one too many.
    others: FigureCounts,
}

impl Minute {
    fn of(&mut self, hook: &Hook) -> &mut FigureCounts {
        // A hook without a name would be taken for all together.
        let is_one_more = !self.hooks.contains_key(hook);
        if hook.as_str().is_empty() || (is_one_more && self.hooks.len() >= MOST_HOOKS) {
            return &mut self.others;
        }
        self.hooks.entry(hook.clone()).or_default()
    }

    fn add(&mut self, other: Minute) {
        self.others.add(&other.others);
        for (hook, counts) in other.hooks {
            self.of(&hook).add(&counts);
        }
    }
}

impl FigureKeeper {
    /// A keeper that tells this store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, untold: Mutex::default() }
    }

    /// Listens to a scheduler from now on, and tells its store in the background.
    pub fn begin(scheduler: &Scheduler) -> KeptFigures {
        let keeper = Arc::new(Self::new(Arc::clone(scheduler.store())));
        scheduler.observe(keeper.clone());
        let over = Shutdown::new();
        let task = tokio::spawn(keeper.keep(over.clone()));
        KeptFigures { over, task }
    }

    /// Tells the store every few seconds, and a last time when it is told to stop.
    pub async fn keep(self: Arc<Self>, over: Shutdown) {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let is_over = tokio::select! {
                () = over.stopping() => true,
                _ = ticks.tick() => false,
            };
            if let Err(error) = self.flush().await {
                tracing::warn!(%error, "figures could not be stored{}", match is_over {
                    true => "; the latest are lost",
                    false => "; trying again",
                });
            }
            if is_over {
                return;
            }
        }
    }

    /// Tells the store what it has not been told yet.
    pub async fn flush(&self) -> Result<()> {
        let untold = std::mem::take(&mut *self.untold());
        if untold.is_empty() {
            return Ok(());
        }
        let told = self.store.add_figures(figures(&untold)).await;
        if told.is_err() {
            let mut minutes = self.untold();
            for (at, minute) in untold {
                minutes.entry(at).or_default().add(minute);
            }
            while minutes.len() > MOST_MINUTES {
                minutes.pop_first();
            }
        }
        told
    }

    fn untold(&self) -> MutexGuard<'_, Minutes> {
        // Nothing panics while it holds the lock.
        self.untold.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, hook: &Hook, count: impl FnOnce(&mut FigureCounts)) {
        let at = Resolution::Minute.begin_of(self.store.clock().now());
        count(self.untold().entry(at).or_default().of(hook));
    }
}

/// Figures that are kept in the background. Should this be dropped, they are kept until the end of the process.
#[derive(Debug)]
pub struct KeptFigures {
    over: Shutdown,
    task: JoinHandle<()>,
}

impl KeptFigures {
    /// Stores what is left, when nothing more will happen: after the end of a runner.
    pub async fn end(self) {
        self.over.stop();
        if let Err(error) = self.task.await {
            tracing::error!(%error, "figures were not kept");
        }
    }
}

impl Observer for FigureKeeper {
    fn observe(&self, event: &Event) {
        match event {
            Event::Stored { hook, .. } => self.count(hook, |counts| counts.stored += 1),
            Event::Started { hook, delay, .. } => self.count(hook, |counts| {
                counts.started += 1;
                counts.delay.count(*delay);
            }),
            Event::Completed { hook, ran, .. } => self.count(hook, |counts| {
                counts.complete += 1;
                counts.ran.count(*ran);
            }),
            Event::Failed { hook, ran, .. } => self.count(hook, |counts| {
                counts.failed += 1;
                counts.ran.count(*ran);
            }),
            Event::Retrying { hook, ran, .. } => self.count(hook, |counts| {
                counts.failed += 1;
                counts.retried += 1;
                counts.ran.count(*ran);
            }),
            // Its handler still runs.
            Event::TimedOut { hook, .. } => self.count(hook, |counts| counts.timed_out += 1),
            Event::Crashed { hook, .. } => self.count(hook, |counts| counts.crashed += 1),
            _ => {}
        }
    }
}

/// The figures of some minutes, and of their hours, by hook and for all together.
fn figures(minutes: &Minutes) -> Vec<Figure> {
    let mut figures = Vec::new();
    let mut hours: BTreeMap<(Timestamp, Option<Hook>), FigureCounts> = BTreeMap::new();
    for (at, minute) in minutes {
        let mut together = minute.others.clone();
        let mut add = |hook: Option<Hook>, counts: FigureCounts| {
            let hour = (Resolution::Hour.begin_of(*at), hook.clone());
            hours.entry(hour).or_default().add(&counts);
            figures.push(Figure { resolution: Resolution::Minute, at: *at, hook, counts });
        };
        for (hook, counts) in &minute.hooks {
            together.add(counts);
            add(Some(hook.clone()), counts.clone());
        }
        add(None, together);
    }
    let hours = hours.into_iter().map(|((at, hook), counts)| Figure {
        resolution: Resolution::Hour,
        at,
        hook,
        counts,
    });
    figures.extend(hours);
    figures
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hook(name: &str) -> Hook {
        Hook::new(name).unwrap()
    }

    fn minute(at: &str, hooks: &[(&str, u64)]) -> (Timestamp, Minute) {
        let mut minute = Minute::default();
        for (name, stored) in hooks {
            minute.of(&hook(name)).stored += stored;
        }
        (at.parse().unwrap(), minute)
    }

    #[test]
    fn minutes_make_hours_and_hooks_make_a_whole() {
        let minutes: Minutes = [
            minute("2026-03-04T05:58:00Z", &[("a", 1), ("b", 2)]),
            minute("2026-03-04T05:59:00Z", &[("a", 4)]),
            minute("2026-03-04T06:00:00Z", &[("b", 8)]),
        ]
        .into();
        let figures = figures(&minutes);
        let stored = |resolution, at: &str, name: Option<&str>| {
            let (at, hook): (Timestamp, _) = (at.parse().unwrap(), name.map(hook));
            let mut found = figures.iter().filter(|figure| {
                figure.resolution == resolution && figure.at == at && figure.hook == hook
            });
            let figure = found.next().map(|figure| figure.counts.stored);
            assert_eq!(found.next(), None, "each is there once");
            figure
        };
        assert_eq!(stored(Resolution::Minute, "2026-03-04T05:58:00Z", Some("a")), Some(1));
        assert_eq!(stored(Resolution::Minute, "2026-03-04T05:58:00Z", None), Some(3));
        assert_eq!(stored(Resolution::Minute, "2026-03-04T06:00:00Z", Some("a")), None);
        assert_eq!(stored(Resolution::Hour, "2026-03-04T05:00:00Z", Some("a")), Some(5));
        assert_eq!(stored(Resolution::Hour, "2026-03-04T05:00:00Z", None), Some(7));
        assert_eq!(stored(Resolution::Hour, "2026-03-04T06:00:00Z", None), Some(8));
        assert_eq!(figures.len(), 4 + 3 + 3 + 2);
    }

    #[test]
    fn hooks_that_are_too_many_are_counted_with_all_together() {
        let mut minute = Minute::default();
        for number in 0..MOST_HOOKS + 10 {
            minute.of(&hook(&format!("hook-{number}"))).stored += 1;
        }
        minute.of(&hook("hook-0")).stored += 1;
        minute.of(&Hook::from_stored("")).stored += 1;
        let minutes: Minutes = [(Timestamp::UNIX_EPOCH, minute)].into();
        let figures = figures(&minutes);
        assert_eq!(figures.len(), 2 * (MOST_HOOKS + 1));
        let whole = figures.iter().find(|figure| figure.hook.is_none()).unwrap();
        assert_eq!(whole.counts.stored, MOST_HOOKS as u64 + 12);
    }
}
