//! How a store does over time: actions are enqueued at a steady rate while a runner runs them, and the end is compared with
//! the beginning. A transaction that is held open elsewhere shows what it costs that nothing can be cleaned up meanwhile.

use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use super::latency::Percentiles;
use super::runner::BenchRunner;
use super::{HOOK, Progress, all_complete, empty, mib, millis, rate};
use crate::Args;
use crate::action::{Hook, NewAction};
use crate::error::Result;
use crate::handler::Failure;
use crate::runner::peak_memory;
use crate::schedule::Schedule;
use crate::scheduler::Scheduler;
use crate::store::StoreUrl;
use crate::store::outside;

/// What is measured.
#[derive(Debug, Clone)]
pub struct SteadyOptions {
    /// The store to work on; it must have no actions yet.
    pub store: StoreUrl,
    /// How many actions are enqueued in a second.
    pub rate: u32,
    /// For how long.
    pub time: Duration,
    /// How many actions the runner executes at once.
    pub workers: usize,
    /// What others do with the store meanwhile.
    pub elsewhere: Elsewhere,
}

/// What others do with the store while it is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Elsewhere {
    /// Nothing.
    Idle,
    /// They hold a transaction open that can see all as it was at the beginning.
    OpenTransaction,
}

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub struct SteadyReport {
    /// How many actions were to be enqueued in a second.
    pub rate: u32,
    /// For how long.
    pub seconds: f64,
    /// How many were enqueued.
    pub actions: u64,
    /// How many that is in a second.
    pub rate_reached: f64,
    /// How many actions the runner executed at once.
    pub workers: usize,
    /// Whether a transaction was held open elsewhere.
    pub held_transaction: bool,
    /// The first tenth of the time.
    pub first: Part,
    /// The last tenth of the time.
    pub last: Part,
    /// How long it took from the last enqueue until all was recorded.
    pub rest_ms: f64,
    /// Rows changed or deleted for each action, each of which leaves a dead one, where the store can tell.
    pub dead_rows_per_action: Option<f64>,
    /// Dead rows that are there at the end, where the store can tell.
    pub dead_rows_left: Option<u64>,
    /// What was written ahead for each action, where the store can tell.
    pub wal_bytes_per_action: Option<f64>,
    /// The most memory that this process used, where the system tells.
    pub peak_rss_mib: Option<f64>,
}

/// A part of the time.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Part {
    /// How many actions were started in a second.
    pub starts_per_s: f64,
    /// From the call of enqueue to the first line of the handler: the median.
    pub latency_p50_ms: f64,
    /// The same: 99 of 100 are faster.
    pub latency_p99_ms: f64,
}

/// Measures.
pub async fn run(options: &SteadyOptions, progress: Progress<'_>) -> Result<SteadyReport> {
    let scheduler = empty(&options.store).await?;
    let before = outside::counters(&options.store).await?;
    let held = match options.elsewhere {
        Elsewhere::Idle => None,
        Elsewhere::OpenTransaction => Some(outside::hold_transaction(&options.store).await?),
    };

    let epoch = Instant::now();
    let (ran, mut runs) = mpsc::unbounded_channel();
    let runner = BenchRunner::start(scheduler.store(), options.workers, |runs| {
        runs.on(HOOK, move |enqueued: u64, _| {
            let enqueued = Duration::from_micros(enqueued);
            let sent = ran.send(Run { enqueued, started: epoch.elapsed() });
            std::future::ready(sent.map_err(Failure::from))
        })
    })?;
    let actions = enqueue(&scheduler, options, epoch, progress).await?;
    let enqueued = epoch.elapsed();

    progress("what is left");
    let mut all = Vec::new();
    while (all.len() as u64) < actions
        // There are no more when the runner has come to an end, which then says why.
        && let Some(run) = runs.recv().await
    {
        all.push(run);
    }
    runner.stop().await?;
    let rest = epoch.elapsed().saturating_sub(enqueued);
    all_complete(&scheduler, actions).await?;

    // What a connection did is counted at the latest when it is closed.
    drop(scheduler);
    let after = outside::counters(&options.store).await?;
    drop(held);
    let grown = before.zip(after).map(|(before, after)| after.since(before));
    let per_action = |count: u64| count as f64 / actions.max(1) as f64;
    let tenth = options.time / 10;
    Ok(SteadyReport {
        rate: options.rate,
        seconds: options.time.as_secs_f64(),
        actions,
        rate_reached: rate(actions, enqueued),
        workers: options.workers,
        held_transaction: options.elsewhere == Elsewhere::OpenTransaction,
        first: part(&all, Duration::ZERO, tenth),
        last: part(&all, options.time.saturating_sub(tenth), tenth),
        rest_ms: millis(rest),
        dead_rows_per_action: grown.map(|grown| per_action(grown.rows_died)),
        dead_rows_left: after.map(|after| after.dead_rows),
        wal_bytes_per_action: grown.map(|grown| per_action(grown.wal_bytes)),
        peak_rss_mib: peak_memory().map(mib),
    })
}

/// An action that was run, by the time since the beginning.
#[derive(Debug, Clone, Copy)]
struct Run {
    enqueued: Duration,
    started: Duration,
}

/// Enqueues what is due by the rate, each time a few milliseconds' worth; with the time of the call as args. How many.
async fn enqueue(
    scheduler: &Scheduler,
    options: &SteadyOptions,
    epoch: Instant,
    progress: Progress<'_>,
) -> Result<u64> {
    const OFTEN: Duration = Duration::from_millis(5);
    const AT_ONCE: u64 = 1000;
    let hook = Hook::new(HOOK)?;
    let (mut enqueued, mut shown) = (0, None);
    let mut looks = tokio::time::interval(OFTEN);
    looks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        looks.tick().await;
        let elapsed = epoch.elapsed();
        let due = (elapsed.min(options.time).as_secs_f64() * f64::from(options.rate)) as u64;
        while enqueued < due {
            let count = (due - enqueued).min(AT_ONCE);
            let now = u64::try_from(epoch.elapsed().as_micros()).unwrap_or(u64::MAX);
            let action = NewAction::new(hook.clone(), Schedule::Async).args(Args::new([now])?);
            scheduler.insert((0..count).map(|_| action.clone()).collect()).await?;
            enqueued += count;
        }
        if elapsed >= options.time {
            return Ok(enqueued);
        }
        if shown != Some(elapsed.as_secs()) {
            shown = Some(elapsed.as_secs());
            progress(&format!("{} s of {:.0} s", elapsed.as_secs(), options.time.as_secs_f64()));
        }
    }
}

/// What happened in a part of the time.
fn part(runs: &[Run], from: Duration, length: Duration) -> Part {
    let is_in = |at: Duration| at >= from && at < from + length;
    let starts = runs.iter().filter(|run| is_in(run.started)).count();
    let latencies = runs.iter().filter(|run| is_in(run.enqueued));
    let latencies = latencies.map(|run| run.started.saturating_sub(run.enqueued));
    let Percentiles { p50, p99 } = Percentiles::of(latencies.collect());
    Part {
        starts_per_s: rate(starts as u64, length),
        latency_p50_ms: millis(p50),
        latency_p99_ms: millis(p99),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_has_the_starts_in_it_and_the_latency_of_what_was_enqueued_in_it() {
        let ms = Duration::from_millis;
        let run = |enqueued, started| Run { enqueued: ms(enqueued), started: ms(started) };
        let runs = [run(0, 5), run(90, 120), run(100, 110), run(199, 300), run(200, 201)];
        let part = part(&runs, ms(100), ms(100));
        assert_eq!(part.starts_per_s, 20.0);
        assert_eq!((part.latency_p50_ms, part.latency_p99_ms), (10.0, 101.0));
    }
}
