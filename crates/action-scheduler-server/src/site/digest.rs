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
pub(super) const CHEAP: Duration = Duration::from_millis(20);

/// Something that was counted over the whole store.
#[derive(Debug)]
pub(crate) struct Counted<T> {
    /// When, by the store's clock.
    pub(crate) taken_at: Timestamp,
    /// What was counted.
    pub(crate) value: Arc<T>,
    /// How long counting took.
    cost: Duration,
}

impl<T> Clone for Counted<T> {
    fn clone(&self) -> Self {
        Self { taken_at: self.taken_at, value: Arc::clone(&self.value), cost: self.cost }
    }
}

/// What can be counted over the whole store.
pub(crate) trait Countable: Sized + Send + Sync + 'static {
    /// Counts it.
    fn count(scheduler: &Scheduler) -> impl Future<Output = Result<Self>> + Send;
}

impl Countable for Stats {
    async fn count(scheduler: &Scheduler) -> Result<Self> {
        scheduler.stats().await
    }
}

/// How many actions of each hook and of each group have each status.
#[derive(Debug)]
pub(crate) struct AllTallies {
    /// By hook.
    pub(crate) hooks: Vec<Tally>,
    /// By group.
    pub(crate) groups: Vec<Tally>,
}

impl Countable for AllTallies {
    async fn count(scheduler: &Scheduler) -> Result<Self> {
        let hooks = scheduler.tally(TallyBy::Hook).await?;
        let groups = scheduler.tally(TallyBy::Group).await?;
        Ok(Self { hooks, groups })
    }
}

/// The latest counts of one kind. Clones are one.
pub(super) struct Latest<T>(watch::Sender<Option<Counted<T>>>);

impl<T> Clone for Latest<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Countable> Latest<T> {
    /// Nothing is counted yet.
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(None))
    }

    /// The counts as they are now where that is quick, else those that were taken last; none if the first are still being
    /// taken after as long as the caller would wait.
    pub(super) async fn get(
        &self,
        scheduler: &Scheduler,
        patience: Duration,
    ) -> Result<Option<Counted<T>>> {
        let Some(known) = self.first(patience).await else { return Ok(None) };
        if known.cost > CHEAP {
            return Ok(Some(known));
        }
        count(scheduler).await.map(Some)
    }

    /// The counts that were taken last, and those that will be.
    pub(super) fn watch(&self) -> watch::Receiver<Option<Counted<T>>> {
        self.0.subscribe()
    }

    async fn first(&self, patience: Duration) -> Option<Counted<T>> {
        let mut latest = self.0.subscribe();
        let known = tokio::time::timeout(patience, latest.wait_for(Option::is_some)).await;
        known.ok()?.ok()?.clone()
    }

    /// Counts again and again until it is told to stop. What takes long is counted less often, so that it never takes more
    /// than a few hundredths of the time.
    pub(super) async fn keep(self, scheduler: &Scheduler, shutdown: &Shutdown) {
        loop {
            let counted = tokio::select! {
                counted = count(scheduler) => counted,
                () = shutdown.stopping() => return,
            };
            let wait = match counted {
                Ok(counted) => {
                    let wait = pause(counted.cost);
                    self.0.send_replace(Some(counted));
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

/// How long to wait after counting took so long.
pub(super) fn pause(cost: Duration) -> Duration {
    (cost * SHARE).max(OFTEN)
}

async fn count<T: Countable>(scheduler: &Scheduler) -> Result<Counted<T>> {
    let (begun, taken_at) = (Instant::now(), scheduler.now());
    let value = Arc::new(T::count(scheduler).await?);
    Ok(Counted { taken_at, value, cost: begun.elapsed() })
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
