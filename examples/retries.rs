//! Policies: how often an action is tried, how long it waits in between, how long it may take. Everything is in the log.

use std::sync::Arc;
use std::time::Duration;

use action_scheduler::policy::{Backoff, PolicyChange};
use action_scheduler::{
    Event, Failure, Policies, Runner, RunnerConfig, Scheduler, Shutdown, Unique, store,
};
use tokio::sync::mpsc;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut policies = Policies::default();
    policies.set(
        "payment_*".parse()?,
        PolicyChange {
            max_attempts: Some(5),
            backoff: Some(Backoff {
                first: Duration::from_millis(50),
                max: Duration::from_secs(1),
            }),
            ..Default::default()
        },
    );
    policies.set(
        "slow_*".parse()?,
        PolicyChange {
            timeout: Some(Duration::from_millis(100)),
            kill_after: Some(Duration::from_millis(200)),
            ..Default::default()
        },
    );
    // Told of each action that comes to its end.
    let (ended, mut ends) = mpsc::unbounded_channel();
    let observer = move |event: &Event| {
        if let Event::Completed { action, .. }
        | Event::Failed { action, .. }
        | Event::TimedOut { action, .. } = event
        {
            let _ = ended.send(*action);
        }
    };
    let scheduler = Scheduler::builder(store::open("sqlite:retries.db").await?)
        .policies(policies)
        .observer(Arc::new(observer))
        .build();

    // It fails twice and then succeeds.
    scheduler.on("payment_due", |order: u64, context| async move {
        context.log(format!("asking the bank about order {order}"));
        match context.attempt().0 {
            1 | 2 => Err(Failure::new("the bank does not answer")),
            _ => Ok(()),
        }
    })?;
    // It says itself that another attempt would not help.
    scheduler.on("payment_refund", |order: u64, _| async move {
        Err::<(), _>(Failure::permanent(format!("order {order} was never paid")))
    })?;
    // It is marked as failed when its time is up, and ended a little later.
    scheduler.on("slow_report", |(), _| async move {
        tokio::time::sleep(Duration::from_secs(3600)).await;
        Ok::<_, Failure>(())
    })?;

    let mut ids = Vec::new();
    ids.extend(scheduler.enqueue_async("payment_due", [42]).unique(Unique::Args).await?);
    ids.extend(scheduler.enqueue_async("payment_refund", [43]).unique(Unique::Args).await?);
    ids.extend(scheduler.enqueue_async("slow_report", ()).unique(Unique::Args).await?);

    // Runs until the last of them has come to its end.
    let shutdown = Shutdown::new();
    let runner = Runner::new(scheduler.clone(), RunnerConfig::default()).run(shutdown.clone());
    let runner = tokio::spawn(runner);
    let mut open = ids.clone();
    while !open.is_empty() {
        let ended = ends.recv().await;
        open.retain(|id| Some(*id) != ended);
    }
    shutdown.stop();
    runner.await??;

    for id in ids {
        let action = scheduler.fetch(id).await?;
        println!("{} is {} after attempt {}", action.hook, action.status, action.attempts);
        for entry in scheduler.logs(id).await? {
            println!("    {}", entry.text());
        }
    }
    Ok(())
}
