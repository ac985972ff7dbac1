//! Counts of the whole store, taken in the background so that no page waits for them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use action_scheduler::store::{Stats, Tally, TallyBy};
use action_scheduler::{Result, Scheduler, Shutdown};
use jiff::Timestamp;
use tokio::sync::watch;

/// What counting may take of the time: one part in so many.
const SHARE: u32 = 20;
/// Counts are not taken more often than this.
const OFTEN: Duration = Duration::from_secs(1);
/// What takes no longer than this is counted anew for whoever asks.
const CHEAP: Duration = Duration::from_millis(20);

/// Counts of the whole store at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Digest {
    /// When they were taken, by the store's clock.
    pub(crate) taken_at: Timestamp,
    /// Counts by status, past-due, claims, runners, chains.
    pub(crate) stats: Arc<Stats>,
    /// How many actions of each hook have each status.
    pub(crate) hooks: Arc<[Tally]>,
    /// How many actions of each group have each status.
    pub(crate) groups: Arc<[Tally]>,
    /// How long counting took.
    cost: Cost,
}

#[derive(Debug, Clone, Copy, Default)]
struct Cost {
    stats: Duration,
    tallies: Duration,
}

/// The latest [`Digest`]. Clones are one.
#[derive(Clone)]
pub(crate) struct Digests(watch::Sender<Option<Digest>>);

impl Digests {
    /// Nothing is counted yet.
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(None))
    }

    /// The counts as they are now where that is quick, else those that were taken last; none if the first are still being
    /// taken after as long as the caller would wait.
    pub(crate) async fn latest(
        &self,
        scheduler: &Scheduler,
        patience: Duration,
    ) -> Result<Option<Digest>> {
        let Some(known) = self.first(patience).await else { return Ok(None) };
        let mut fresh = known.clone();
        if known.cost.stats <= CHEAP {
            (fresh.taken_at, fresh.stats) = (scheduler.now(), Arc::new(scheduler.stats().await?));
        }
        if known.cost.tallies <= CHEAP {
            fresh.hooks = scheduler.tally(TallyBy::Hook).await?.into();
            fresh.groups = scheduler.tally(TallyBy::Group).await?.into();
        }
        Ok(Some(fresh))
    }

    /// The counts that were taken last, and those that will be.
    pub(crate) fn watch(&self) -> watch::Receiver<Option<Digest>> {
        self.0.subscribe()
    }

    async fn first(&self, patience: Duration) -> Option<Digest> {
        let mut digests = self.0.subscribe();
        let known = tokio::time::timeout(patience, digests.wait_for(Option::is_some)).await;
        known.ok()?.ok()?.clone()
    }

    /// Counts again and again until it is told to stop. What takes long is counted less often, so that it never takes more
    /// than a few hundredths of the time.
    pub(crate) async fn keep(self, scheduler: Scheduler, shutdown: Shutdown) {
        let mut tallied: Option<(Instant, Duration)> = None;
        loop {
            let known = self.0.borrow().clone();
            let tally = tallied.is_none_or(|(at, cost)| at.elapsed() >= pause(cost));
            let counted = tokio::select! {
                counted = count(&scheduler, known, tally) => counted,
                () = shutdown.stopping() => return,
            };
            let wait = match counted {
                Ok(digest) => {
                    if tally {
                        tallied = Some((Instant::now(), digest.cost.tallies));
                    }
                    let wait = pause(digest.cost.stats);
                    self.0.send_replace(Some(digest));
                    wait
                }
                Err(error) => {
                    tracing::warn!(%error, "the store could not be counted");
                    OFTEN * 5
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = shutdown.stopping() => return,
            }
        }
    }
}

fn pause(cost: Duration) -> Duration {
    (cost * SHARE).max(OFTEN)
}

async fn count(scheduler: &Scheduler, known: Option<Digest>, tally: bool) -> Result<Digest> {
    let begun = Instant::now();
    let (taken_at, stats) = (scheduler.now(), Arc::new(scheduler.stats().await?));
    let mut cost = Cost { stats: begun.elapsed(), ..Cost::default() };
    let (hooks, groups) = match known {
        Some(known) if !tally => {
            cost.tallies = known.cost.tallies;
            (known.hooks, known.groups)
        }
        _ => {
            let begun = Instant::now();
            let hooks = scheduler.tally(TallyBy::Hook).await?.into();
            let groups = scheduler.tally(TallyBy::Group).await?.into();
            cost.tallies = begun.elapsed();
            (hooks, groups)
        }
    };
    Ok(Digest { taken_at, stats, hooks, groups, cost })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counting_takes_a_few_hundredths_of_the_time() {
        assert_eq!(pause(Duration::from_millis(3)), OFTEN);
        assert_eq!(pause(Duration::from_secs(2)), Duration::from_secs(40));
    }
}
