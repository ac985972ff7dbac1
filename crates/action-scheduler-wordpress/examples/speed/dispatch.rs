//! What it takes to hand an action to a PHP process and to hear of its end: a queue in a
//! SQLite file, one worker, no other database.

use std::sync::Arc;
use std::time::Instant;

use action_scheduler::action::{Attempt, Group};
use action_scheduler::policy::HookPattern;
use action_scheduler::runner::{RunReport, Until};
use action_scheduler::store::ClaimedAction;
use action_scheduler::{
    ActionId, Args, Handler, HandlerContext, Priority, Runner, RunnerConfig, Scheduler, Shutdown,
};
use action_scheduler_wordpress::php::Php;
use action_scheduler_wordpress::site::Installation;
use action_scheduler_wordpress::{PhpWorkers, WorkerLimit, WorkerSettings};
use jiff::Timestamp;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::queue::{Queue, fill};

const ACTIONS: u32 = 20_000;

/// Time for each action.
#[derive(Debug, Serialize)]
pub struct Figures {
    actions: u32,
    /// The way to PHP, `do_action`, and the way back.
    dispatch_us: f64,
    /// The same with all that the engine and SQLite do for it.
    action_us: f64,
}

pub async fn measure() -> Figures {
    let queue = Queue::new().await;
    let installation = Installation::open(&queue.site.path(), &Php::default()).await.unwrap();
    let site = installation.sites().await.unwrap().remove(0);
    let settings = WorkerSettings { workers: 1, ..WorkerSettings::default() };
    let limit = WorkerLimit::new(1);
    let workers = PhpWorkers::new(site, installation.php.clone(), settings, limit);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("queue.db");
    let scheduler = Scheduler::open(&format!("sqlite:{}", file.display())).await.unwrap();
    let all: HookPattern = "*".parse().unwrap();
    scheduler.bind(all, Priority::default(), Arc::new(workers.clone()));
    workers.probe().await.unwrap();
    // On a thread of the runtime, as the attempts of a runner are.
    let dispatching = workers.clone();
    let dispatch_us = tokio::spawn(async move { dispatch(&dispatching).await }).await.unwrap();
    fill(&scheduler, u64::from(ACTIONS)).await;
    let begun = Instant::now();
    let RunReport { complete, .. } = drain(&scheduler).await;
    let took = begun.elapsed();
    workers.close().await;
    assert_eq!(complete, u64::from(ACTIONS), "all were run");
    let action_us = took.as_secs_f64() * 1e6 / f64::from(ACTIONS);
    Figures { actions: ACTIONS, dispatch_us, action_us }
}

/// Hands over one action after another.
async fn dispatch(workers: &PhpWorkers) -> f64 {
    let action = ClaimedAction {
        id: ActionId::new(1).unwrap(),
        hook: "bench_nothing".parse().unwrap(),
        args: Args::new([1]).unwrap(),
        group: Group::default(),
        priority: Priority::default(),
        attempts: Attempt(0),
        scheduled_at: Timestamp::UNIX_EPOCH,
        chain: None,
    };
    let begun = Instant::now();
    for _ in 0..ACTIONS {
        let token = CancellationToken::new();
        let context = HandlerContext::new(action.clone(), Attempt(1), None, Timestamp::MAX, token);
        workers.call(&context).await.unwrap();
    }
    begun.elapsed().as_secs_f64() * 1e6 / f64::from(ACTIONS)
}

async fn drain(scheduler: &Scheduler) -> RunReport {
    let config = RunnerConfig {
        workers: 1,
        start_ahead: std::time::Duration::from_millis(50),
        until: Until::Drained { batches: None },
        ..RunnerConfig::default()
    };
    Runner::new(scheduler.clone(), config).run(Shutdown::new()).await.unwrap()
}
