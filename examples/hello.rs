//! Schedules a hook and runs it.

use action_scheduler::runner::Until;
use action_scheduler::{Failure, Runner, RunnerConfig, Scheduler, Shutdown};

#[tokio::main]
async fn main() -> action_scheduler::Result<()> {
    let scheduler = Scheduler::open("sqlite:hello.db").await?;
    scheduler.on("greet", |name: String, _| async move {
        println!("Hello, {name}!");
        Ok::<_, Failure>(())
    })?;
    scheduler.enqueue_async("greet", ["Ada"]).await?;

    let config = RunnerConfig { until: Until::Drained { batches: None }, ..Default::default() };
    let report = Runner::new(scheduler, config).run(Shutdown::new()).await?;
    println!("{} complete", report.complete);
    Ok(())
}
