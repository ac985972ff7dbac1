//! A runner that starts more than it has workers for, over the SQLite store.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use action_scheduler::handler::{Failure, HandlerContext};
use action_scheduler::runner::{RunReport, StopReason};
use action_scheduler::store::sqlite::SqliteStore;
use action_scheduler::time::Clock;
use action_scheduler::{Query, Runner, RunnerConfig, Scheduler, Shutdown, Status};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::runner::until;

/// How many actions are stored at a time.
const SOME: u32 = 200;

/// A queue with one worker whose handler does nothing, but only while the gate is open.
struct Queue {
    scheduler: Scheduler,
    gate: watch::Sender<bool>,
    called: Arc<Mutex<Vec<u32>>>,
    stored: u32,
    shutdown: Shutdown,
    runner: JoinHandle<action_scheduler::Result<RunReport>>,
    _folder: tempfile::TempDir,
}

impl Queue {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("queue.db");
        let store = SqliteStore::open(file.to_str().unwrap(), Clock::system()).await.unwrap();
        let scheduler = Scheduler::builder(Arc::new(store)).build();
        let (gate, is_open) = watch::channel(true);
        let called = Arc::new(Mutex::new(Vec::new()));
        let calls = Arc::clone(&called);
        let handler = move |(number,): (u32,), _: HandlerContext| {
            calls.lock().unwrap().push(number);
            let mut is_open = is_open.clone();
            async move {
                let opened = is_open.wait_for(|is_open| *is_open).await;
                opened.map(drop).map_err(|_| Failure::new("there is no gate any more"))
            }
        };
        scheduler.on("a", handler).unwrap();
        let span = Duration::from_millis(20);
        let config = RunnerConfig { workers: 1, start_ahead: span, ..RunnerConfig::default() };
        let shutdown = Shutdown::new();
        let runner = Runner::new(scheduler.clone(), config).run(shutdown.clone());
        let runner = tokio::spawn(runner);
        Self { scheduler, gate, called, stored: 0, shutdown, runner, _folder: folder }
    }

    async fn count(&self, status: Status) -> u64 {
        self.scheduler.count(Query::new().status(status)).await.unwrap()
    }

    /// Closes the gate when more is in progress than the one worker runs.
    async fn close_with_work_ahead(&mut self) {
        loop {
            for _ in 0..SOME {
                self.scheduler.enqueue_async("a", [self.stored]).await.unwrap();
                self.stored += 1;
            }
            self.gate.send_replace(false);
            if self.count(Status::InProgress).await > 1 {
                return;
            }
            self.gate.send_replace(true);
        }
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
    let mut queue = Queue::open().await;
    queue.close_with_work_ahead().await;
    until("only what is called is in progress", async || {
        queue.count(Status::InProgress).await == 1
    })
    .await;
    queue.gate.send_replace(true);
    until("all are complete", async || {
        queue.count(Status::Complete).await == u64::from(queue.stored)
    })
    .await;
    assert_eq!(queue.called(), (0..queue.stored).collect::<Vec<_>>());
    queue.shutdown.stop();
    let report = queue.runner.await.unwrap().unwrap();
    assert_eq!((report.complete, report.failed), (u64::from(queue.stored), 0));
    assert!(report.released > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_gives_back_what_is_started_and_not_called() {
    let mut queue = Queue::open().await;
    queue.close_with_work_ahead().await;
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
    let rest = u64::from(queue.stored) - report.complete;
    assert_eq!(queue.count(Status::Pending).await, rest);
}
