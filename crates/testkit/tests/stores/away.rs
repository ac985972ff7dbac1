//! What a runner does while its store is away.

use std::sync::Arc;
use std::time::Duration;

use action_scheduler::handler::Failure;
use action_scheduler::runner::{RunReport, StopReason};
use action_scheduler::store::Insert;
use action_scheduler::store::sqlite::SqliteStore;
use action_scheduler::time::Clock;
use action_scheduler::{
    ActionId, Error, Query, Result, Runner, RunnerConfig, Scheduler, Shutdown, Status, Store,
};
use testkit::FaultyStore;
use tokio::task::JoinHandle;

use crate::runner::{Held, until};

/// A runner over a store that can be made unreachable.
struct Shop {
    scheduler: Scheduler,
    store: Arc<FaultyStore>,
    shutdown: Shutdown,
    _folder: tempfile::TempDir,
}

async fn open() -> Shop {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop.db");
    let inner = Arc::new(SqliteStore::open(file.to_str().unwrap(), Clock::system()).await.unwrap());
    let store = Arc::new(FaultyStore::new(inner));
    let scheduler = Scheduler::builder(Arc::clone(&store) as Arc<dyn Store>).build();
    Shop { scheduler, store, shutdown: Shutdown::new(), _folder: folder }
}

impl Shop {
    /// A runner that asks the store for nothing by itself.
    fn run(&self) -> JoinHandle<Result<RunReport>> {
        let hour = Duration::from_secs(3600);
        let config =
            RunnerConfig { poll_interval: hour, lease: 4 * hour, ..RunnerConfig::default() };
        tokio::spawn(Runner::new(self.scheduler.clone(), config).run(self.shutdown.clone()))
    }

    async fn put(&self, hook: &str) -> ActionId {
        self.scheduler.enqueue_async(hook, [0; 0]).await.unwrap().unwrap()
    }

    /// An action that runs until it is let go.
    async fn put_held(&self, hook: &str) -> (ActionId, Held) {
        let held = Held::new();
        held.bind(&self.scheduler, hook);
        (self.put(hook).await, held)
    }

    async fn status(&self, id: ActionId) -> Status {
        self.scheduler.fetch(id).await.unwrap().status
    }

    /// Lets an action end, and waits until the store was asked to record how.
    async fn let_end(&self, held: &Held) {
        let before = self.store.finishes();
        held.go_on.notify_one();
        until("the store is asked to record it", async || self.store.finishes() > before).await;
    }
}

/// Waits for the end of a runner that is not to wait for its store any more.
async fn end(running: JoinHandle<Result<RunReport>>) -> Result<RunReport> {
    let ended = tokio::time::timeout(Duration::from_secs(30), running).await;
    ended.expect("a runner that gives up").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn results_are_kept_while_the_store_is_away_and_recorded_when_it_is_back() {
    let shop = open().await;
    let (first, first_held) = shop.put_held("first").await;
    let (second, second_held) = shop.put_held("second").await;
    let running = shop.run();
    first_held.begun.notified().await;
    second_held.begun.notified().await;
    shop.store.go_away();
    shop.let_end(&first_held).await;
    // Its result joins the one that is kept.
    shop.let_end(&second_held).await;
    shop.store.come_back();
    until("both are recorded", async || {
        shop.status(first).await == Status::Complete
            && shop.status(second).await == Status::Complete
    })
    .await;
    shop.shutdown.stop();
    assert_eq!(end(running).await.unwrap().complete, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_is_stopped_stays_until_its_results_are_recorded() {
    let shop = open().await;
    let (id, held) = shop.put_held("held").await;
    let running = shop.run();
    held.begun.notified().await;
    shop.store.go_away();
    shop.shutdown.stop();
    shop.let_end(&held).await;
    let asked = shop.store.finishes();
    until("the store is asked again", async || shop.store.finishes() > asked).await;
    assert!(!running.is_finished());
    shop.store.come_back();
    let report = end(running).await.unwrap();
    assert_eq!((report.complete, report.stopped), (1, StopReason::Told));
    assert_eq!(shop.status(id).await, Status::Complete);
}

/// A runner with one result that is on its way to the store and one handler that still runs is told to stop twice.
async fn stopped_twice(make_unreachable: impl FnOnce(&FaultyStore)) -> (Vec<ActionId>, Error) {
    let shop = open().await;
    let (ended, ended_held) = shop.put_held("ended").await;
    let (cut_off, cut_off_held) = shop.put_held("cut_off").await;
    let running = shop.run();
    ended_held.begun.notified().await;
    cut_off_held.begun.notified().await;
    make_unreachable(&shop.store);
    shop.let_end(&ended_held).await;
    shop.shutdown.stop();
    shop.shutdown.stop();
    let error = end(running).await.expect_err("results were lost");
    shop.store.come_back();
    for id in [ended, cut_off] {
        assert_eq!(shop.status(id).await, Status::InProgress, "whoever comes next recovers it");
    }
    (vec![ended, cut_off], error)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_stop_gives_up_a_store_that_does_not_answer_and_says_which_actions_are_affected() {
    let (affected, error) = stopped_twice(FaultyStore::fall_silent).await;
    let Error::Unrecorded { actions } = &error else { panic!("{error}") };
    assert_eq!(*actions, affected);
    let [one, other] = affected[..] else { panic!("{affected:?}") };
    assert!(error.to_string().contains(&format!("recorded: {one}, {other};")), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_stop_gives_up_a_store_that_refuses_and_says_which_actions_are_affected() {
    let (affected, error) = stopped_twice(FaultyStore::go_away).await;
    let Error::Unrecorded { actions } = &error else { panic!("{error}") };
    assert_eq!(*actions, affected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_stop_ends_a_runner_that_only_waits_to_sign_off() {
    let shop = open().await;
    let (id, held) = shop.put_held("held").await;
    let running = shop.run();
    held.begun.notified().await;
    held.go_on.notify_one();
    until("it is complete", async || shop.status(id).await == Status::Complete).await;
    shop.store.fall_silent();
    shop.shutdown.stop();
    shop.shutdown.stop();
    assert_eq!(end(running).await.unwrap().complete, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_stop_ends_a_runner_that_the_store_has_not_let_begin() {
    let shop = open().await;
    shop.store.fall_silent();
    let running = shop.run();
    shop.shutdown.stop();
    shop.shutdown.stop();
    let error = end(running).await.expect_err("it never ran");
    assert!(error.to_string().contains("the store did not answer"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_while_a_runner_finds_nothing_to_do_is_not_left_until_the_next_poll() {
    let shop = open().await;
    shop.scheduler.on("late", |_: Vec<u8>, _| async { Ok::<(), Failure>(()) }).unwrap();
    let action = shop.scheduler.enqueue_async("late", [0; 0]).into_action().unwrap();
    shop.store.insert_after_look(Insert { action, log_created: true });
    let running = shop.run();
    let complete = Query::new().status(Status::Complete);
    until("it has run", async || shop.scheduler.count(complete.clone()).await.unwrap() == 1).await;
    shop.shutdown.stop();
    running.await.unwrap().unwrap();
}
