//! How long it takes from enqueue to start.

use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::runner::BenchRunner;
use crate::error::Result;
use crate::handler::Failure;
use crate::runner::RunnerConfig;
use crate::scheduler::Scheduler;

/// Two places in a distribution of times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Percentiles {
    /// The median.
    pub(super) p50: Duration,
    /// 99 of 100 are not longer.
    pub(super) p99: Duration,
}

impl Percentiles {
    /// Those of these times, in any order; of none they are nothing.
    pub(super) fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |share: f64| {
            let place = (times.len() as f64 * share).ceil() as usize;
            times.get(place.saturating_sub(1)).copied().unwrap_or_default()
        };
        Self { p50: at(0.5), p99: at(0.99) }
    }
}

/// From the call of enqueue to the first line of the handler, with nothing else to do.
pub(super) async fn idle(scheduler: &Scheduler, count: u64) -> Result<Vec<Duration>> {
    let (started, mut starts) = mpsc::unbounded_channel();
    let workers = RunnerConfig::default().workers;
    let runner = BenchRunner::start(scheduler.store(), workers, |runs| {
        runs.on("bench_latency", move |_: u64, _| {
            let sent = started.send(Instant::now());
            std::future::ready(sent.map_err(Failure::from))
        })
    })?;
    let mut latencies = Vec::new();
    for number in 0..count {
        // The runner is to be idle, as it is when a shop enqueues now and then.
        tokio::time::sleep(Duration::from_millis(10)).await;
        let begun = Instant::now();
        scheduler.enqueue_async("bench_latency", [number]).await?;
        if let Some(start) = starts.recv().await {
            latencies.push(start.duration_since(begun));
        }
    }
    runner.stop().await?;
    Ok(latencies)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_times_that_occurred() {
        let millis = |times: &[u64]| times.iter().map(|n| Duration::from_millis(*n)).collect();
        let of = |times: &[u64]| {
            let Percentiles { p50, p99 } = Percentiles::of(millis(times));
            (p50.as_millis(), p99.as_millis())
        };
        assert_eq!(of(&[]), (0, 0));
        assert_eq!(of(&[7]), (7, 7));
        assert_eq!(of(&[3, 1, 2]), (2, 3));
        let hundred: Vec<u64> = (1..=100).rev().collect();
        assert_eq!(of(&hundred), (50, 99));
    }
}
