//! The drain: a runner that counts what it runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::time::MissedTickBehavior;

use super::runner::BenchRunner;
use super::{BACKLOG, HOOK};
use crate::error::Result;
use crate::handler::Failure;
use crate::scheduler::Scheduler;

/// How a drain came out.
#[derive(Debug)]
pub(super) struct Drained {
    /// Until the last result was recorded.
    pub(super) time: Duration,
    pub(super) shares: Shares,
    /// The most memory that a process of a runner's own used.
    pub(super) peak_memory: Option<u64>,
}

/// How many of the actions each runner ran.
#[derive(Debug, Default)]
pub(super) struct Shares(pub(super) Vec<u64>);

impl Shares {
    /// How far the share that is farthest from the mean is from it.
    pub(super) fn deviation_percent(&self) -> f64 {
        let mean = self.0.iter().sum::<u64>() as f64 / self.0.len().max(1) as f64;
        let deviations = self.0.iter().map(|share| (*share as f64 - mean).abs());
        deviations.fold(0.0, f64::max) / mean.max(1.0) * 100.0
    }
}

/// Drains with one runner in this process, of a scheduler to which nothing is bound yet.
pub(super) async fn here(scheduler: Scheduler, wanted: u64, workers: usize) -> Result<Drained> {
    let begun = Instant::now();
    let mut drainer = Drainer::of(scheduler, workers, Duration::from_millis(1))?;
    while drainer.ran() < wanted && drainer.goes_on().await {}
    let ran = drainer.stop().await?;
    Ok(Drained { time: begun.elapsed(), shares: Shares(vec![ran]), peak_memory: None })
}

/// A runner at work over a store, with a handler that does nothing but count.
pub(super) struct Drainer {
    ran: Arc<AtomicU64>,
    runner: BenchRunner,
    looks: tokio::time::Interval,
}

impl Drainer {
    /// Starts it; what it has done is looked at so often.
    pub(super) fn of(scheduler: Scheduler, workers: usize, every: Duration) -> Result<Self> {
        let ran = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&ran);
        scheduler.on(HOOK, move |_: u64, _| {
            counter.fetch_add(1, Ordering::Relaxed);
            std::future::ready(Ok::<(), Failure>(()))
        })?;
        scheduler.on(BACKLOG, |_: u64, _| std::future::ready(Ok::<(), Failure>(())))?;
        let runner = BenchRunner::of(scheduler, workers);
        let mut looks = tokio::time::interval(every);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self { ran, runner, looks })
    }

    /// How many of the actions it has called the handler for.
    pub(super) fn ran(&self) -> u64 {
        self.ran.load(Ordering::Relaxed)
    }

    /// Waits for a moment. Whether the runner is still at work; if not, [`Drainer::stop`] says why.
    pub(super) async fn goes_on(&mut self) -> bool {
        self.looks.tick().await;
        !self.runner.has_ended()
    }

    /// Stops it. Returns when its last results are recorded, and how many of the actions it ran.
    pub(super) async fn stop(self) -> Result<u64> {
        let report = self.runner.stop().await?;
        tracing::debug!(?report, "drained");
        Ok(self.ran.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deviation_is_that_of_the_share_farthest_from_the_mean() {
        let deviation = |shares: &[u64]| Shares(shares.to_vec()).deviation_percent();
        assert_eq!(deviation(&[100, 100, 100, 100]), 0.0);
        assert_eq!(deviation(&[110, 100, 90, 100]), 10.0);
        assert_eq!(deviation(&[40, 120, 120, 120]), 60.0);
        assert_eq!(deviation(&[7]), 0.0);
        assert_eq!(deviation(&[0, 0]), 0.0);
    }
}
