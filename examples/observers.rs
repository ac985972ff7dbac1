//! Prints every event in the life of actions: for metrics, alerts, or to see what happens.

use std::sync::Arc;
use std::time::Duration;

use action_scheduler::policy::PolicyChange;
use action_scheduler::runner::Until;
use action_scheduler::schedule::{Cadence, Interval};
use action_scheduler::{
    Event, Failure, Policies, Runner, RunnerConfig, Scheduler, Shutdown, store,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut policies = Policies::default();
    policies.set(
        "sync_stock".parse()?,
        PolicyChange { failure_threshold: Some(Some(1)), ..Default::default() },
    );
    let folder = tempfile::tempdir()?;
    let url = format!("sqlite:{}", folder.path().join("shop.db").display());
    let scheduler = Scheduler::builder(store::open(&url).await?)
        .policies(policies)
        .observer(Arc::new(print))
        .build();

    scheduler.on("greet", |_: String, _| async { Ok::<_, Failure>(()) })?;
    scheduler.on("count_sales", |(), _| async { Ok::<_, Failure>(()) })?;
    scheduler.on("sync_stock", |(), _| async { Err::<(), _>(Failure::new("no connection")) })?;

    let now = scheduler.now();
    let hourly = Interval::new(Duration::from_secs(3600), Cadence::AfterRun)?;
    scheduler.enqueue_async("greet", ["Ada"]).priority(0).await?;
    scheduler.schedule_recurring(now, hourly, "count_sales", ()).priority(1).await?;
    scheduler.schedule_recurring(now, hourly, "sync_stock", ()).priority(2).await?;
    let farewell = scheduler.schedule_single(scheduler.date("tomorrow")?, "farewell", ()).await?;

    let config =
        RunnerConfig { workers: 1, until: Until::Drained { batches: None }, ..Default::default() };
    Runner::new(scheduler.clone(), config).run(Shutdown::new()).await?;

    if let Some(id) = farewell {
        scheduler.cancel(id).await?;
        scheduler.delete(id).await?;
    }
    Ok(())
}

/// Observers are called on the task that caused the event, so they must be quick.
fn print(event: &Event) {
    match event {
        Event::Stored { action, hook, .. } => println!("{hook}: action {action} stored"),
        // `delay` and `ran` tell how late an attempt was started and how long it took.
        Event::Started { action, hook, attempt, .. } => {
            println!("{hook}: action {action} started, attempt {attempt}");
        }
        Event::Completed { action, hook, attempt, .. } => {
            println!("{hook}: action {action} complete at attempt {attempt}");
        }
        Event::Failed { action, hook, reason, .. } => {
            println!("{hook}: action {action} failed: {reason}");
        }
        Event::NextScheduled { action, hook, .. } => {
            println!("{hook}: action {action} comes next");
        }
        // What traces are made of: the same once more, for attempts of every kind.
        Event::Attempted { .. } => {}
        Event::ChainPaused { chain, hook } => println!("{hook}: chain {chain} paused"),
        // There are more, and later versions may bring others.
        other => println!("{other:?}"),
    }
}
