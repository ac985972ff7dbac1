//! Measures a store and the engine over it, and in the same run the floor: the least that the same rows cost. Also how a
//! store does over time, at a steady rate: [`steady`].

mod drain;
mod enqueue;
mod latency;
pub mod part;
mod processes;
mod runner;
pub mod steady;

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use serde::Serialize;

use self::latency::Percentiles;
pub use self::processes::StartRunner;
use crate::action::{Priority, Status};
use crate::error::{Error, Invalid, Result, StoreError, StoreErrorKind};
use crate::log::Context;
use crate::query::Query;
use crate::runner::peak_memory;
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
    /// How many actions a runner executes at once.
    pub workers: usize,
    /// How many single enqueues are measured, from 16 tasks.
    pub singles: u64,
    /// How many times the way from enqueue to start is measured.
    pub latencies: u64,
}

/// Who drains.
#[derive(Clone, Copy)]
pub enum Runners<'a> {
    /// One runner, in this process.
    Here,
    /// So many processes with a runner each, which are started for it.
    Processes(NonZeroU32, StartRunner<'a>),
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
    /// How many actions ran at once in each runner.
    pub workers: usize,
    /// How many runners drained.
    pub runners: usize,
    /// How many of the actions each runner ran.
    pub shares: Vec<u64>,
    /// How far the share that is farthest from the mean is from it.
    pub share_deviation_percent: f64,
    /// Durable enqueues, one at a time from each of 16 tasks.
    pub enqueue_single_per_s: f64,
    /// Durable enqueues, 1,000 at a time.
    pub enqueue_bulk_per_s: f64,
    /// The drain by all runners, with a handler that does nothing and a full log.
    pub engine_per_s: f64,
    /// The same rows by bare set-based SQL on one connection.
    pub floor_per_s: f64,
    /// `engine_per_s / floor_per_s`.
    pub ratio: f64,
    /// From the call of enqueue to the first line of the handler, with nothing else to do: the median.
    pub latency_p50_ms: f64,
    /// The same: 99 of 100 are faster.
    pub latency_p99_ms: f64,
    /// The most memory that a process used up to the end of the drain, where the system tells.
    pub peak_rss_mib: Option<f64>,
}

/// A step of the measurement, for a progress display: what it is, and of how many steps.
pub type Progress<'a> = &'a (dyn Fn(&str) + Send + Sync);

/// The hook of the actions that are drained.
const HOOK: &str = "bench";
/// The hook of those behind them.
const BACKLOG: &str = "bench_backlog";

/// Measures.
pub async fn run(
    options: &BenchOptions,
    runners: Runners<'_>,
    progress: Progress<'_>,
) -> Result<BenchReport> {
    let scheduler = empty(&options.store).await?;
    progress("enqueue in bulk");
    let far = Schedule::Single(later(&scheduler, SignedDuration::from_hours(24 * 365)));
    enqueue::bulk(&scheduler, options.not_due, "bench_later", Priority::default(), far).await?;
    enqueue::bulk(&scheduler, options.backlog, BACKLOG, Priority(200), Schedule::Async).await?;
    let begun = Instant::now();
    enqueue::bulk(&scheduler, options.actions, HOOK, Priority::default(), Schedule::Async).await?;
    let enqueue_bulk_per_s = rate(options.actions, begun.elapsed());

    progress("drain");
    let drained = match runners {
        Runners::Here => drain::here(&scheduler, options.actions, options.workers).await?,
        Runners::Processes(count, start) => processes::drain(options.actions, count, start).await?,
    };
    all_complete(&scheduler, options.actions).await?;
    let engine_per_s = rate(options.actions, drained.time);
    let peak = drained.peak_memory.max(peak_memory());

    progress("enqueue one at a time");
    let enqueue_single_per_s = enqueue::singles(&scheduler, options.singles).await?;
    for hook in ["bench_single", BACKLOG] {
        scheduler.unschedule_all(Query::new().hook(hook.parse()?)).await?;
    }

    progress("latency");
    let latencies = latency::idle(&scheduler, options.latencies).await?;
    let Percentiles { p50, p99 } = Percentiles::of(latencies);

    progress("floor");
    let batch = u32::try_from(options.workers).unwrap_or(u32::MAX);
    let floor = floor::drain(&options.store, options.actions, batch).await?;
    let floor_per_s = rate(options.actions, floor);
    Ok(BenchReport {
        actions: options.actions,
        backlog: options.backlog,
        not_due: options.not_due,
        workers: options.workers,
        runners: drained.shares.len(),
        share_deviation_percent: drained.deviation_percent(),
        shares: drained.shares,
        enqueue_single_per_s,
        enqueue_bulk_per_s,
        engine_per_s,
        floor_per_s,
        ratio: engine_per_s / floor_per_s,
        latency_p50_ms: millis(p50),
        latency_p99_ms: millis(p99),
        peak_rss_mib: peak.map(mib),
    })
}

/// Opens a store that has no actions.
async fn empty(url: &StoreUrl) -> Result<Scheduler> {
    let scheduler = Scheduler::builder(url.open().await?).context(Context::new("bench")).build();
    if scheduler.count(Query::new()).await? > 0 {
        let problem = "it has actions; measure on a store of its own";
        return Err(Invalid::new("store", url.to_string(), problem).into());
    }
    Ok(scheduler)
}

/// A rate counts only when the store agrees that all is done.
async fn all_complete(scheduler: &Scheduler, wanted: u64) -> Result<()> {
    let complete = Query::new().hook(HOOK.parse()?).status(Status::Complete);
    match scheduler.count(complete).await? {
        complete if complete == wanted => Ok(()),
        complete => Err(failed(format!(
            "after the drain {complete} of {wanted} actions are complete in the store"
        ))),
    }
}

fn failed(message: String) -> Error {
    StoreError::new(StoreErrorKind::Other, message).into()
}

fn later(scheduler: &Scheduler, by: SignedDuration) -> jiff::Timestamp {
    scheduler.now().checked_add(by).unwrap_or(scheduler.now())
}

fn rate(actions: u64, time: Duration) -> f64 {
    actions as f64 / time.as_secs_f64().max(1e-9)
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / (1 << 20) as f64
}
