//! Measures a store and the engine over it, and in the same run the floor: the least that the same rows cost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use serde::Serialize;
use tokio::sync::{Notify, mpsc};

use crate::Args;
use crate::action::{Hook, NewAction, Priority};
use crate::error::{Invalid, Result};
use crate::handler::Failure;
use crate::log::Context;
use crate::query::Query;
use crate::runner::{Runner, RunnerConfig, Shutdown, peak_memory};
use crate::schedule::Schedule;
use crate::scheduler::Scheduler;
use crate::store::{StoreUrl, floor};

/// What is measured.
#[derive(Debug, Clone)]
pub struct BenchOptions {
    /// The store to work on; it must have no actions yet.
    pub store: StoreUrl,
    /// How many actions are drained.
    pub actions: u64,
    /// How many further actions are pending and due, behind those that are drained.
    pub backlog: u64,
    /// How many further actions are pending and not yet due.
    pub not_due: u64,
    /// How many actions the runner executes at once.
    pub workers: usize,
    /// How many single enqueues are measured, from 16 tasks.
    pub singles: u64,
    /// How many times the way from enqueue to start is measured.
    pub latencies: u64,
}

/// What was measured. Rates are actions per second.
#[derive(Debug, Clone, Serialize)]
pub struct BenchReport {
    /// How many actions were drained.
    pub actions: u64,
    /// How many others were pending and due meanwhile.
    pub backlog: u64,
    /// How many others were pending and not yet due.
    pub not_due: u64,
    /// How many actions ran at once.
    pub workers: usize,
    /// Durable enqueues, one at a time from each of 16 tasks.
    pub enqueue_single_per_s: f64,
    /// Durable enqueues, 1,000 at a time.
    pub enqueue_bulk_per_s: f64,
    /// The drain, with a handler that does nothing and a full log.
    pub engine_per_s: f64,
    /// The same rows by bare set-based SQL on one connection.
    pub floor_per_s: f64,
    /// `engine_per_s / floor_per_s`.
    pub ratio: f64,
    /// From the call of enqueue to the first line of the handler, with nothing else to do: the median.
    pub latency_p50_ms: f64,
    /// The same: 99 of 100 are faster.
    pub latency_p99_ms: f64,
    /// The most memory that this process used up to the end of the drain, where the system tells.
    pub peak_rss_mib: Option<f64>,
}

/// A step of the measurement, for a progress display: what it is, and of how many steps.
pub type Progress<'a> = &'a (dyn Fn(&str) + Send + Sync);

/// Measures.
pub async fn run(options: &BenchOptions, progress: Progress<'_>) -> Result<BenchReport> {
    let store = options.store.open().await?;
    let scheduler = Scheduler::builder(store).context(Context::new("bench")).build();
    if scheduler.count(Query::new()).await? > 0 {
        let problem = "it has actions; measure on a store of its own";
        return Err(Invalid::new("store", options.store.to_string(), problem).into());
    }
    progress("enqueue in bulk");
    let far = scheduler
        .now()
        .checked_add(SignedDuration::from_hours(24 * 365))
        .unwrap_or(scheduler.now());
    bulk(&scheduler, options.not_due, "bench_later", Priority::default(), Schedule::Single(far))
        .await?;
    bulk(&scheduler, options.backlog, "bench_backlog", Priority(200), Schedule::Async).await?;
    let begun = Instant::now();
    bulk(&scheduler, options.actions, "bench", Priority::default(), Schedule::Async).await?;
    let enqueue_bulk_per_s = rate(options.actions, begun.elapsed());

    progress("drain");
    let engine_per_s = rate(options.actions, drain(&scheduler, options).await?);
    let peak_rss_mib = peak_memory().map(|bytes| bytes as f64 / (1 << 20) as f64);

    progress("enqueue one at a time");
    let enqueue_single_per_s = singles(&scheduler, options.singles).await?;
    scheduler.unschedule_all(Query::new().hook(Hook::new("bench_single")?)).await?;
    scheduler.unschedule_all(Query::new().hook(Hook::new("bench_backlog")?)).await?;

    progress("latency");
    let mut latencies = latencies(&scheduler, options.latencies).await?;
    latencies.sort_unstable();
    let percentile = |share: f64| {
        let place = (latencies.len() as f64 * share).ceil() as usize;
        latencies.get(place.saturating_sub(1)).map_or(0.0, |latency| latency.as_secs_f64() * 1000.0)
    };
    let (latency_p50_ms, latency_p99_ms) = (percentile(0.5), percentile(0.99));

    progress("floor");
    let batch = u32::try_from(options.workers).unwrap_or(u32::MAX);
    let floor = floor::drain(&options.store, options.actions, batch).await?;
    let floor_per_s = rate(options.actions, floor);
    Ok(BenchReport {
        actions: options.actions,
        backlog: options.backlog,
        not_due: options.not_due,
        workers: options.workers,
        enqueue_single_per_s,
        enqueue_bulk_per_s,
        engine_per_s,
        floor_per_s,
        ratio: engine_per_s / floor_per_s,
        latency_p50_ms,
        latency_p99_ms,
        peak_rss_mib,
    })
}

fn rate(actions: u64, time: Duration) -> f64 {
    actions as f64 / time.as_secs_f64().max(1e-9)
}

async fn bulk(
    scheduler: &Scheduler,
    count: u64,
    hook: &str,
    priority: Priority,
    schedule: Schedule,
) -> Result<()> {
    let hook = Hook::new(hook)?;
    let mut from = 0;
    while from < count {
        let to = (from + 1000).min(count);
        let actions = (from..to).map(|number| {
            Ok(NewAction::new(hook.clone(), schedule.clone())
                .priority(priority)
                .args(Args::new([number])?))
        });
        scheduler.insert(actions.collect::<Result<_>>()?).await?;
        from = to;
    }
    Ok(())
}

/// A runner over the same store, with a handler that counts and tells when it has counted enough.
async fn drain(scheduler: &Scheduler, options: &BenchOptions) -> Result<Duration> {
    let runs =
        Scheduler::builder(Arc::clone(scheduler.store())).context(Context::new("bench")).build();
    let (count, enough) = (Arc::new(AtomicU64::new(0)), Arc::new(Notify::new()));
    let wanted = options.actions;
    let (counter, signal) = (Arc::clone(&count), Arc::clone(&enough));
    runs.on("bench", move |_: u64, _| {
        if counter.fetch_add(1, Ordering::Relaxed) + 1 == wanted {
            signal.notify_one();
        }
        std::future::ready(Ok::<(), Failure>(()))
    })?;
    runs.on("bench_backlog", |_: u64, _| std::future::ready(Ok::<(), Failure>(())))?;
    let shutdown = Shutdown::new();
    let config = RunnerConfig { workers: options.workers, ..RunnerConfig::default() };
    let begun = Instant::now();
    let runner = tokio::spawn(Runner::new(runs, config).run(shutdown.clone()));
    if wanted > 0 {
        enough.notified().await;
    }
    shutdown.stop();
    // The time includes recording the last results.
    let report = runner.await.map_err(|error| Invalid::new("runner", "", error))??;
    let elapsed = begun.elapsed();
    tracing::debug!(?report, "drained");
    Ok(elapsed)
}

async fn singles(scheduler: &Scheduler, count: u64) -> Result<f64> {
    const TASKS: u64 = 16;
    let later =
        scheduler.now().checked_add(SignedDuration::from_hours(1)).unwrap_or(scheduler.now());
    let begun = Instant::now();
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let scheduler = scheduler.clone();
            tokio::spawn(async move {
                for number in 0..count / TASKS {
                    scheduler.schedule_single(later, "bench_single", [task, number]).await?;
                }
                Ok::<_, crate::Error>(())
            })
        })
        .collect();
    for task in tasks {
        task.await.map_err(|error| Invalid::new("task", "", error))??;
    }
    Ok(rate(count / TASKS * TASKS, begun.elapsed()))
}

async fn latencies(scheduler: &Scheduler, count: u64) -> Result<Vec<Duration>> {
    let runs =
        Scheduler::builder(Arc::clone(scheduler.store())).context(Context::new("bench")).build();
    let (started, mut starts) = mpsc::unbounded_channel();
    runs.on("bench_latency", move |_: u64, _| {
        let sent = started.send(Instant::now());
        std::future::ready(sent.map_err(Failure::from))
    })?;
    let shutdown = Shutdown::new();
    let runner = tokio::spawn(Runner::new(runs, RunnerConfig::default()).run(shutdown.clone()));
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
    shutdown.stop();
    runner.await.map_err(|error| Invalid::new("runner", "", error))??;
    Ok(latencies)
}
