//! Processes that have died, and others on the same machine, which see that and do not wait for a lease.

use std::time::Duration;

use action_scheduler::runner::Until;
use action_scheduler::store::ClaimFilter;
use action_scheduler::{
    ActionId, Failure, HandlerContext, Runner, RunnerConfig, Scheduler, Shutdown, Status, Step,
};
use testkit::crash::{HELD, HELD_SURVIVING, NO_ARGS, Orders};

use crate::processes::worker::{Scene, Worker, until};

/// Longer than any test.
const LEASE: Duration = Duration::from_secs(24 * 3600);

/// What a process leaves behind that is killed while it runs two actions, with a third one in its claim.
struct Left {
    failing: ActionId,
    surviving: ActionId,
    waiting: ActionId,
}

async fn killed_at_work(scene: &Scene, scheduler: &Scheduler) -> Left {
    let put = async |hook: &str| scheduler.enqueue_async(hook, NO_ARGS).await.unwrap().unwrap();
    let left = Left {
        failing: put(HELD.hook).await,
        surviving: put(HELD_SURVIVING.hook).await,
        waiting: put("plain").await,
    };
    let worker = Worker::spawn(&Orders { workers: 2, lease: LEASE, ..scene.orders() });
    until("two of them run", async || scene.calls().len() == 2).await;
    worker.kill();
    left
}

impl Left {
    async fn assert_recovered(&self, scheduler: &Scheduler) {
        let action = async |id| scheduler.fetch(id).await.unwrap();
        let (failing, surviving) = (action(self.failing).await, action(self.surviving).await);
        assert_eq!((failing.status, failing.claim), (Status::Failed, None));
        assert_eq!((surviving.status, surviving.claim), (Status::Pending, None));
        for id in [self.failing, self.surviving] {
            let logs = scheduler.logs(id).await.unwrap();
            assert_eq!(logs.last().unwrap().step, Step::Crashed);
        }
    }
}

/// For what runs here: nothing of what was in progress.
fn config(lease: Duration, until: Until) -> RunnerConfig {
    let hooks = vec!["plain".parse().unwrap()];
    let filter = ClaimFilter { hooks, ..ClaimFilter::default() };
    RunnerConfig { filter, lease, until, ..RunnerConfig::default() }
}

fn bind(scheduler: &Scheduler) {
    let handler = async |_: Vec<u8>, _: HandlerContext| Ok::<(), Failure>(());
    scheduler.on("plain", handler).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_recovers_what_a_process_that_died_has_left_before_it_drains_the_queue() {
    let scene = Scene::new();
    let scheduler = scene.scheduler().await;
    bind(&scheduler);
    let left = killed_at_work(&scene, &scheduler).await;
    let drained = Until::Drained { batches: None };
    let runner = Runner::new(scheduler.clone(), config(LEASE, drained));
    let report = runner.run(Shutdown::new()).await.unwrap();
    assert_eq!(report.complete, 1, "what waited in the claim of the dead");
    assert_eq!(scheduler.fetch(left.waiting).await.unwrap().status, Status::Complete);
    left.assert_recovered(&scheduler).await;
    let stats = scheduler.stats().await.unwrap();
    assert_eq!((stats.claims, stats.runners), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_at_work_recovers_what_a_process_that_died_has_left_whatever_its_lease() {
    let scene = Scene::new();
    let scheduler = scene.scheduler().await;
    let shutdown = Shutdown::new();
    let often = config(Duration::from_millis(200), Until::Stopped);
    let running = tokio::spawn(Runner::new(scheduler.clone(), often).run(shutdown.clone()));
    until("it works", async || scheduler.stats().await.unwrap().runners == 1).await;
    let left = killed_at_work(&scene, &scheduler).await;
    until("what it ran is recovered", async || {
        scheduler.fetch(left.failing).await.unwrap().status == Status::Failed
    })
    .await;
    left.assert_recovered(&scheduler).await;
    shutdown.stop();
    running.await.unwrap().unwrap();
}
