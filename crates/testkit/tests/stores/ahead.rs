//! A runner that starts more than it has workers for, over the SQLite store.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use action_scheduler::handler::{Failure, HandlerContext};
use action_scheduler::runner::{BatchSize, RunReport, StopReason, Until};
use action_scheduler::store::sqlite::SqliteStore;
use action_scheduler::time::Clock;
use action_scheduler::{Query, Runner, RunnerConfig, Scheduler, Shutdown, Status};
use testkit::{FaultyStore, StandStill};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::runner::until;

/// How many actions are stored.
const ALL: u32 = 2000;

/// A queue with one worker whose handler does nothing, but only while the gate is open. Each hundredth call closes it.
struct Queue {
    scheduler: Scheduler,
    store: Arc<FaultyStore>,
    gate: watch::Sender<bool>,
    called: Arc<Mutex<Vec<u32>>>,
    shutdown: Shutdown,
    runner: JoinHandle<action_scheduler::Result<RunReport>>,
    _folder: tempfile::TempDir,
}

impl Queue {
    /// One that holds some actions, and whose runner is done at this point.
    async fn open(until: Until) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("queue.db");
        let store = SqliteStore::open(file.to_str().unwrap(), Clock::system()).await.unwrap();
        let store = Arc::new(FaultyStore::new(Arc::new(store)));
        let scheduler = Scheduler::builder(store.clone()).build();
        let gate = watch::Sender::new(true);
        let called = Arc::new(Mutex::new(Vec::new()));
        let (calls, closing) = (Arc::clone(&called), gate.clone());
        let handler = move |(number,): (u32,), _: HandlerContext| {
            calls.lock().unwrap().push(number);
            if number % 100 == 99 {
                closing.send_replace(false);
            }
            let mut is_open = closing.subscribe();
            async move {
                let opened = is_open.wait_for(|is_open| *is_open).await;
                opened.map(drop).map_err(|_| Failure::new("there is no gate any more"))
            }
        };
        scheduler.on("a", handler).unwrap();
        for number in 0..ALL {
            scheduler.enqueue_async("a", [number]).await.unwrap();
        }
        let config = RunnerConfig {
            workers: 1,
            start_ahead: Duration::from_millis(20),
            // All at once, and so that it looks for more while they wait.
            batch_size: BatchSize::Fixed(10 * ALL),
            until,
            ..RunnerConfig::default()
        };
        let shutdown = Shutdown::new();
        let runner = Runner::new(scheduler.clone(), config).run(shutdown.clone());
        let runner = tokio::spawn(runner);
        Self { scheduler, store, gate, called, shutdown, runner, _folder: folder }
    }

    async fn count(&self, status: Status) -> u64 {
        self.scheduler.count(Query::new().status(status)).await.unwrap()
    }

    /// Waits until the gate is closed while more is in progress than the one worker runs.
    async fn closed_with_work_ahead(&self) {
        let mut gate = self.gate.subscribe();
        loop {
            gate.wait_for(|is_open| !is_open).await.unwrap();
            if self.count(Status::InProgress).await > 1 {
                return;
            }
            assert!(self.called.lock().unwrap().len() < ALL as usize, "nothing was started ahead");
            self.gate.send_replace(true);
        }
    }

    /// Opens the gate again and again, until so many are complete.
    async fn run_all(&self) {
        until("all are complete", async || {
            self.gate.send_replace(true);
            self.count(Status::Complete).await == u64::from(ALL)
        })
        .await;
    }

    /// All numbers that the handler was called with, sorted.
    fn called(&self) -> Vec<u32> {
        let mut called = self.called.lock().unwrap().clone();
        called.sort_unstable();
        called
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_too_long_for_a_worker_goes_back_to_the_queue_and_runs_once() {
    let queue = Queue::open(Until::Stopped).await;
    queue.closed_with_work_ahead().await;
    until("only what is called is in progress", async || {
        queue.count(Status::InProgress).await == 1
    })
    .await;
    queue.run_all().await;
    assert_eq!(queue.called(), (0..ALL).collect::<Vec<_>>());
    queue.shutdown.stop();
    let report = queue.runner.await.unwrap().unwrap();
    assert_eq!((report.complete, report.failed), (u64::from(ALL), 0));
    assert!(report.released > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_does_not_end_before_what_was_given_back_has_run() {
    let queue = Queue::open(Until::Drained { batches: None }).await;
    queue.closed_with_work_ahead().await;
    // This claim finds nothing, as all is claimed, and is answered when that is true no longer.
    let claim = StandStill::default();
    queue.store.stand_still_after_claim(claim.clone());
    claim.begun.notified().await;
    until("only what is called is in progress", async || {
        queue.count(Status::InProgress).await == 1
    })
    .await;
    let given_back = queue.scheduler.query(Query::new().status(Status::Pending).unlimited());
    let given_back =
        given_back.await.unwrap().iter().filter(|action| action.claim.is_none()).count();
    let rest = u64::from(ALL) - given_back as u64;
    until("all that was not given back is complete", async || {
        queue.gate.send_replace(true);
        queue.count(Status::Complete).await == rest
    })
    .await;
    claim.go_on.notify_one();
    queue.run_all().await;
    let report = queue.runner.await.unwrap().unwrap();
    assert_eq!((report.complete, report.stopped), (u64::from(ALL), StopReason::Drained));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_gives_back_what_is_started_and_not_called() {
    let mut queue = Queue::open(Until::Stopped).await;
    queue.closed_with_work_ahead().await;
    queue.shutdown.stop();
    until("only what is called is in progress", async || {
        queue.count(Status::InProgress).await == 1
    })
    .await;
    queue.gate.send_replace(true);
    let report = (&mut queue.runner).await.unwrap().unwrap();
    assert_eq!((report.failed, report.stopped), (0, StopReason::Told));
    let called = queue.called();
    assert_eq!(report.complete, called.len() as u64, "each that was called is complete");
    assert!(called.windows(2).all(|pair| pair[0] != pair[1]), "none was called twice");
    assert_eq!(queue.count(Status::Pending).await, u64::from(ALL) - report.complete);
}
