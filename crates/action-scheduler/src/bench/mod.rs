//! Measures a store and the engine over it, and in the same run the floor: the least that the same rows cost. Also how a
//! store does over time, at a steady rate: [`steady`].

mod drain;
pub mod drains;
mod enqueue;
mod latency;
pub mod part;
mod processes;
mod rounds;
mod runner;
pub mod steady;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use serde::Serialize;

use self::latency::Percentiles;
pub use self::processes::StartRunner;
use self::rounds::Rounds;
use crate::action::{Priority, Status};
use crate::error::{Error, Invalid, Result, StoreError, StoreErrorKind};
use crate::log::Context;
use crate::query::Query;
use crate::schedule::Schedule;
use crate::scheduler::Scheduler;
use crate::store::{Store, StoreUrl};

/// What is measured.
#[derive(Debug, Clone)]
pub struct BenchOptions {
    /// The store to work on; it must have no actions yet.
    pub store: StoreUrl,
    /// How many actions are drained.
    pub actions: u64,
    /// How often they are, each time with the floor beside: the medians count.
    pub rounds: NonZeroU32,
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

impl Runners<'_> {
    fn count(self) -> u32 {
        match self {
            Self::Here => 1,
            Self::Processes(count, _) => count.get(),
        }
    }
}

/// What was measured. Rates are actions per second, and medians of the rounds.
#[derive(Debug, Clone, Serialize)]
pub struct BenchReport {
    /// How many actions were drained in each round.
    pub actions: u64,
    /// How many rounds there were.
    pub rounds: u32,
    /// How many others were pending and due meanwhile.
    pub backlog: u64,
    /// How many others were pending and not yet due.
    pub not_due: u64,
    /// How many actions ran at once in each runner.
    pub workers: usize,
    /// How many runners drained.
    pub runners: u32,
    /// How many of the actions each runner ran, in the round in which they differed most.
    pub shares: Vec<u64>,
    /// How far the share that is farthest from the mean is from it, in that round.
    pub share_deviation_percent: f64,
    /// Durable enqueues, one at a time from each of 16 tasks.
    pub enqueue_single_per_s: f64,
    /// Durable enqueues, 1,000 at a time.
    pub enqueue_bulk_per_s: f64,
    /// The drain by all runners, with a handler that does nothing and a full log.
    pub engine_per_s: f64,
    /// The same by one runner, where several were measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub one_runner_per_s: Option<f64>,
    /// `engine_per_s / one_runner_per_s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub one_runner_ratio: Option<f64>,
    /// The same rows by bare set-based SQL on one connection.
    pub floor_per_s: f64,
    /// `engine_per_s / floor_per_s`.
    pub ratio: f64,
    /// From the call of enqueue to the first line of the handler, with nothing else to do: the median.
    pub latency_p50_ms: f64,
    /// The same: 99 of 100 are faster.
    pub latency_p99_ms: f64,
    /// The most memory that a process used up to the end of the first drain, where the system tells.
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
    progress("what is pending meanwhile");
    let far = Schedule::Single(later(&scheduler, SignedDuration::from_hours(24 * 365)));
    enqueue::bulk(&scheduler, options.not_due, "bench_later", Priority::default(), far).await?;
    enqueue::bulk(&scheduler, options.backlog, BACKLOG, Priority(200), Schedule::Async).await?;
    let rounds = Rounds::measure(&scheduler, options, runners, progress).await?;

    progress("enqueue one at a time");
    let enqueue_single_per_s = enqueue::singles(&scheduler, options.singles).await?;
    for hook in ["bench_single", BACKLOG] {
        scheduler.unschedule_all(Query::new().hook(hook.parse()?)).await?;
    }

    progress("latency");
    let latencies = latency::idle(&scheduler, options.latencies).await?;
    let Percentiles { p50, p99 } = Percentiles::of(latencies);

    let engine_per_s = rounds.engine.median();
    let floor_per_s = rounds.floor.median();
    let one_runner_per_s = rounds.one_runner.map(|rates| rates.median());
    Ok(BenchReport {
        actions: options.actions,
        rounds: options.rounds.get(),
        backlog: options.backlog,
        not_due: options.not_due,
        workers: options.workers,
        runners: runners.count(),
        share_deviation_percent: rounds.shares.deviation_percent(),
        shares: rounds.shares.0,
        enqueue_single_per_s,
        enqueue_bulk_per_s: rounds.enqueue.median(),
        engine_per_s,
        one_runner_per_s,
        one_runner_ratio: one_runner_per_s.map(|one| engine_per_s / one),
        floor_per_s,
        ratio: engine_per_s / floor_per_s,
        latency_p50_ms: millis(p50),
        latency_p99_ms: millis(p99),
        peak_rss_mib: rounds.peak_memory.map(mib),
    })
}

/// Opens a store that has no actions.
async fn empty(url: &StoreUrl) -> Result<Scheduler> {
    let scheduler = of(&url.open().await?);
    if scheduler.count(Query::new()).await? > 0 {
        let problem = "it has actions; measure on a store of its own";
        return Err(Invalid::new("store", url.to_string(), problem).into());
    }
    Ok(scheduler)
}

/// A scheduler of the measurement's own, to which nothing is bound and nobody listens.
fn of(store: &Arc<dyn Store>) -> Scheduler {
    Scheduler::builder(Arc::clone(store)).context(Context::new("bench")).build()
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
