//! Enqueues: in bulk, and one at a time.

use std::time::Instant;

use jiff::SignedDuration;

use super::{failed, later, rate};
use crate::Args;
use crate::action::{Hook, NewAction, Priority};
use crate::error::Result;
use crate::schedule::Schedule;
use crate::scheduler::Scheduler;

/// Stores actions, 1,000 at a time.
pub(super) async fn bulk(
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

/// Stores actions one at a time from each of 16 tasks; the rate.
pub(super) async fn singles(scheduler: &Scheduler, count: u64) -> Result<f64> {
    const TASKS: u64 = 16;
    let at = later(scheduler, SignedDuration::from_hours(1));
    let begun = Instant::now();
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let scheduler = scheduler.clone();
            tokio::spawn(async move {
                for number in 0..count / TASKS {
                    scheduler.schedule_single(at, "bench_single", [task, number]).await?;
                }
                Ok::<_, crate::Error>(())
            })
        })
        .collect();
    for task in tasks {
        task.await.map_err(|error| failed(format!("enqueues: {error}")))??;
    }
    Ok(rate(count / TASKS * TASKS, begun.elapsed()))
}
