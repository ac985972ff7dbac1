//! What handlers say while they run has its place in the log among what happens to their actions.

use std::sync::Arc;
use std::time::Duration;

use action_scheduler::handler::{Failure, HandlerContext};
use action_scheduler::log::Step;
use action_scheduler::store::Call;
use action_scheduler::store::sqlite::SqliteStore;
use action_scheduler::time::Clock;
use action_scheduler::{
    ActionId, Event, Policies, Policy, Runner, RunnerConfig, Scheduler, Shutdown, Store,
};
use testkit::{FaultyStore, StandStill};
use tokio::sync::Notify;

use crate::runner::until;

/// A runner over a store whose answers can be held up, with an action that says something and ends when it is let go.
struct Shop {
    scheduler: Scheduler,
    store: Arc<FaultyStore>,
    go_on: Arc<Notify>,
    /// Told when an attempt has come to its end.
    ended: Arc<Notify>,
    /// Holds up the first of the calls that are slow.
    slow: StandStill,
    _folder: tempfile::TempDir,
}

async fn open_with_slow(call: Call, policy: Policy) -> Shop {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop.db");
    let inner = Arc::new(SqliteStore::open(file.to_str().unwrap(), Clock::system()).await.unwrap());
    let store = Arc::new(FaultyStore::new(inner));
    let slow = StandStill::default();
    store.stand_still_before(call, slow.clone());
    let (go_on, ended) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let tell = Arc::clone(&ended);
    let observer = move |event: &Event| {
        if let Event::Attempted { .. } = event {
            tell.notify_one();
        }
    };
    let scheduler = Scheduler::builder(Arc::clone(&store) as Arc<dyn Store>)
        .policies(Policies::new(policy))
        .observer(Arc::new(observer))
        .build();
    let let_go = Arc::clone(&go_on);
    let talk = move |_: Vec<u8>, context: HandlerContext| {
        context.log("a word");
        let let_go = Arc::clone(&let_go);
        async move {
            let_go.notified().await;
            Ok::<(), Failure>(())
        }
    };
    scheduler.on("talk", talk).unwrap();
    Shop { scheduler, store, go_on, ended, slow, _folder: folder }
}

impl Shop {
    /// Runs the action while `meanwhile` happens, and says what its log has in the end.
    async fn log_of_a_run(&self, meanwhile: impl AsyncFnOnce(ActionId)) -> Vec<Step> {
        let id = self.scheduler.enqueue_async("talk", [0; 0]).await.unwrap().unwrap();
        let hour = Duration::from_secs(3600);
        let config = RunnerConfig { lease: 4 * hour, ..RunnerConfig::default() };
        let shutdown = Shutdown::new();
        let runner = Runner::new(self.scheduler.clone(), config);
        let running = tokio::spawn(runner.run(shutdown.clone()));
        meanwhile(id).await;
        shutdown.stop();
        running.await.unwrap().unwrap();
        self.scheduler.logs(id).await.unwrap().iter().map(|entry| entry.step).collect()
    }
}

/// Time for what must not happen.
async fn a_moment() {
    tokio::time::sleep(Duration::from_millis(100)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_handler_says_stands_before_its_result_however_slow_the_log_is() {
    let shop = open_with_slow(Call::AppendLog, Policy::default()).await;
    let log = shop
        .log_of_a_run(async |_| {
            shop.slow.begun.notified().await;
            shop.go_on.notify_one();
            a_moment().await;
            shop.slow.go_on.notify_one();
        })
        .await;
    assert_eq!(log, [Step::Created, Step::Started, Step::Note, Step::Complete]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_handler_says_is_kept_while_the_store_is_away() {
    let shop = open_with_slow(Call::AppendLog, Policy::default()).await;
    let log = shop
        .log_of_a_run(async |_| {
            shop.slow.begun.notified().await;
            shop.store.go_away();
            shop.slow.go_on.notify_one();
            shop.go_on.notify_one();
            until("it is refused", async || shop.store.refused() > 0).await;
            shop.store.come_back();
        })
        .await;
    assert_eq!(log, [Step::Created, Step::Started, Step::Note, Step::Complete]);
}

#[tokio::test(flavor = "multi_thread")]
async fn how_an_attempt_ended_after_its_time_stands_after_its_timeout_however_slow_that_is() {
    let millis = Duration::from_millis;
    let policy = Policy { timeout: millis(20), kill_after: millis(40), ..Policy::default() };
    let shop = open_with_slow(Call::Finish, policy).await;
    let log = shop
        .log_of_a_run(async |_| {
            shop.slow.begun.notified().await;
            shop.ended.notified().await;
            a_moment().await;
            shop.slow.go_on.notify_one();
        })
        .await;
    assert_eq!(log, [Step::Created, Step::Started, Step::Note, Step::TimedOut, Step::Failed]);
}
