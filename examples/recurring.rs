//! Hooks that run again and again: at intervals, and at the dates of a cron expression in a time zone.
//!
//! The clock is one that the program moves itself, which is also how to test schedules of your own.

use std::sync::Arc;
use std::time::Duration;

use action_scheduler::query::Query;
use action_scheduler::runner::Until;
use action_scheduler::schedule::cron::{Cron, Dialect};
use action_scheduler::schedule::{Cadence, Interval, Missed};
use action_scheduler::scheduler::NextScheduled;
use action_scheduler::store::sqlite::SqliteStore;
use action_scheduler::time::Clock;
use action_scheduler::{
    ActionId, Failure, Hook, Runner, RunnerConfig, Scheduler, Shutdown, Unique,
};
use jiff::tz::TimeZone;

type Result<T = (), E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

#[tokio::main]
async fn main() -> Result {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("shop.db").display().to_string();
    let clock = Clock::manual("2026-03-27T12:00:00Z".parse()?);
    let berlin = TimeZone::get("Europe/Berlin")?;
    let scheduler = Scheduler::builder(Arc::new(SqliteStore::open(&file, clock.clone()).await?))
        .time_zone(berlin.clone())
        .build();
    let zone = berlin.clone();
    scheduler.on("*", move |(), context| {
        let due = context.scheduled_at().to_zoned(zone.clone());
        async move {
            println!("  {} of {}", context.hook(), due.strftime("%a %H:%M %Z"));
            Ok::<_, Failure>(())
        }
    })?;

    // Every twelve hours, on the hour: a fixed rate keeps to the grid; `Cadence::AfterRun` counts from the end of a run.
    let interval = Interval::new(Duration::from_secs(12 * 3600), Cadence::FixedRate(Missed::Skip))?;
    let sync = scheduler
        .schedule_recurring(scheduler.date("2026-03-27 18:00")?, interval, "sync_stock", ())
        .unique(Unique::Hook)
        .await?;
    // Every night at 02:30, as clocks in Berlin show it. On 29 March there is no 02:30: it runs at 03:00.
    let expression = "CRON_TZ=Europe/Berlin 30 2 * * *";
    scheduler.schedule_cron(scheduler.now(), expression, "backup", ()).await?;
    // The same text can be asked for its dates without storing anything.
    let cron = Cron::parse(expression, Dialect::Standard, None)?;
    println!("{}:", cron.describe());
    for date in cron.upcoming(scheduler.now()).take(3) {
        println!("  {}", date.to_zoned(berlin.clone()).strftime("%a %H:%M %Z"));
    }

    println!("two days:");
    pass(&clock, &scheduler, Duration::from_secs(48 * 3600)).await?;
    for hook in ["sync_stock", "backup"] {
        if let Some(NextScheduled::At(date)) = next(&scheduler, hook).await? {
            let date = date.to_zoned(berlin.clone());
            println!("next {hook}: {}", date.strftime("%a %H:%M %Z"));
        }
    }

    // All the instances of a recurring action are one chain. It can be paused, and resumed later.
    let chain = scheduler.fetch(sync.ok_or("refused")?).await?.chain.ok_or("not recurring")?;
    scheduler.pause(chain, "stocktaking").await?;
    println!("paused: next sync_stock is {:?}", next(&scheduler, "sync_stock").await?);
    pass(&clock, &scheduler, Duration::from_secs(24 * 3600)).await?;
    let resumed: ActionId = scheduler.resume(chain).await?;
    let date = scheduler.fetch(resumed).await?.scheduled_at.to_zoned(berlin.clone());
    println!("resumed: next sync_stock is {}", date.strftime("%a %H:%M %Z"));

    let ended = scheduler.unschedule_all(Query::new().hook(Hook::new("backup")?)).await?;
    println!("unscheduled: {ended} backup");
    Ok(())
}

async fn next(scheduler: &Scheduler, hook: &str) -> Result<Option<NextScheduled>> {
    Ok(scheduler.next_scheduled(Query::new().hook(Hook::new(hook)?)).await?)
}

/// Lets time pass, and runs what comes due.
async fn pass(clock: &Clock, scheduler: &Scheduler, time: Duration) -> Result {
    let until = clock.now() + time;
    while let Some(due) = scheduler.store().next_due(Default::default()).await? {
        if due > until {
            break;
        }
        clock.advance(due.duration_since(clock.now()));
        let config = RunnerConfig { until: Until::Drained { batches: None }, ..Default::default() };
        Runner::new(scheduler.clone(), config).run(Shutdown::new()).await?;
    }
    clock.advance(until.duration_since(clock.now()));
    Ok(())
}
