//! What a keeper of figures makes of what happens.

use std::sync::Arc;
use std::time::Duration;

use action_scheduler::handler::{Failure, HandlerContext};
use action_scheduler::policy::{Backoff, Policies, Policy};
use action_scheduler::runner::Until;
use action_scheduler::store::{
    Figure, FigureCounts, FiguresOf, FiguresQuery, Once, Receipt, Resolution,
};
use action_scheduler::time::Clock;
use action_scheduler::{
    FigureKeeper, Hook, NewAction, Runner, RunnerConfig, Schedule, Scheduler, Shutdown, Store,
};
use jiff::{SignedDuration, Timestamp};
use testkit::conformance::NOON;
use testkit::{FaultyStore, MemoryStore};

struct Shop {
    store: Arc<FaultyStore>,
    scheduler: Scheduler,
    keeper: Arc<FigureKeeper>,
}

fn open(policy: Policy) -> Shop {
    let clock = Clock::manual(NOON.parse().unwrap());
    let store = Arc::new(FaultyStore::new(Arc::new(MemoryStore::new(clock))));
    let keeper = Arc::new(FigureKeeper::new(store.clone()));
    let scheduler = Scheduler::builder(store.clone())
        .policies(Policies::new(policy))
        .observer(keeper.clone())
        .build();
    Shop { store, scheduler, keeper }
}

impl Shop {
    fn advance(&self, seconds: i64) {
        self.store.clock().advance(SignedDuration::from_secs(seconds));
    }

    async fn drain(&self) {
        let until = Until::Drained { batches: None };
        let config = RunnerConfig { until, ..RunnerConfig::default() };
        Runner::new(self.scheduler.clone(), config).run(Shutdown::new()).await.unwrap();
    }

    async fn figures(&self, resolution: Resolution, of: FiguresOf) -> Vec<Figure> {
        let (from, to) = (Timestamp::UNIX_EPOCH, Timestamp::MAX);
        let query = FiguresQuery { resolution, from, to, of, limit: None };
        self.store.figures(query).await.unwrap()
    }

    /// The only figure of all hooks together.
    async fn together(&self, resolution: Resolution) -> FigureCounts {
        let mut figures = self.figures(resolution, FiguresOf::Together).await;
        assert_eq!(figures.len(), 1, "{figures:?}");
        figures.remove(0).counts
    }
}

fn plain(counts: &FigureCounts) -> [u64; 7] {
    let FigureCounts { stored, started, complete, failed, retried, timed_out, crashed, .. } =
        counts;
    [*stored, *started, *complete, *failed, *retried, *timed_out, *crashed]
}

#[tokio::test]
async fn what_happens_is_counted_by_hook_and_together_in_minutes_and_hours() {
    let backoff = Backoff { first: Duration::from_secs(90), ..Backoff::default() };
    let shop = open(Policy { max_attempts: 2, backoff, ..Policy::default() });
    let works = |(): (), _: HandlerContext| async { Ok::<_, Failure>(()) };
    shop.scheduler.on("works", works).unwrap();
    let fails = |(): (), _: HandlerContext| async { Err::<(), _>(Failure::new("no")) };
    shop.scheduler.on("fails", fails).unwrap();
    shop.scheduler.enqueue_async("works", ()).await.unwrap();
    shop.scheduler.enqueue_async("fails", ()).await.unwrap();
    shop.advance(30);
    shop.drain().await;
    // More than the longest back-off.
    shop.advance(600);
    shop.drain().await;
    shop.keeper.flush().await.unwrap();
    // stored, started, complete, failed, retried, timed out, crashed
    assert_eq!(plain(&shop.together(Resolution::Hour).await), [2, 3, 1, 2, 1, 0, 0]);
    let minutes = shop.figures(Resolution::Minute, FiguresOf::Together).await;
    let minutes: Vec<_> = minutes.iter().map(|figure| plain(&figure.counts)).collect();
    assert_eq!(minutes, [[2, 2, 1, 1, 1, 0, 0], [0, 1, 0, 1, 0, 0, 0]]);
    let fails = FiguresOf::Hook(Hook::new("fails").unwrap());
    let fails = shop.figures(Resolution::Hour, fails).await.remove(0).counts;
    assert_eq!(plain(&fails), [1, 2, 0, 2, 1, 0, 0]);
    assert_eq!(fails.ran.total(), 2);
    assert_eq!(fails.delay.total(), 2);
    let works = FiguresOf::Hook(Hook::new("works").unwrap());
    let works = shop.figures(Resolution::Hour, works).await.remove(0).counts;
    assert_eq!(works.delay.sum, Duration::from_secs(30), "by the store's clock");
    assert!(works.ran.sum < Duration::from_secs(30), "by a steady clock: {:?}", works.ran);
}

#[tokio::test]
async fn figures_that_the_store_did_not_take_are_told_when_it_is_back() {
    let shop = open(Policy::default());
    shop.scheduler.enqueue_async("a", ()).await.unwrap();
    shop.store.go_away();
    shop.keeper.flush().await.unwrap_err();
    shop.keeper.flush().await.unwrap_err();
    shop.store.come_back();
    shop.scheduler.enqueue_async("a", ()).await.unwrap();
    shop.keeper.flush().await.unwrap();
    assert_eq!(shop.together(Resolution::Minute).await.stored, 2);
    shop.keeper.flush().await.unwrap();
    assert_eq!(shop.together(Resolution::Minute).await.stored, 2, "each is told once");
}

#[tokio::test]
async fn what_is_left_is_stored_in_the_end() {
    let shop = open(Policy::default());
    let kept = FigureKeeper::begin(&shop.scheduler);
    let new = || vec![NewAction::new(Hook::new("a").unwrap(), Schedule::Async)];
    let keep_until = shop.scheduler.now() + SignedDuration::from_hours(1);
    let receipt = Receipt { key: "order-1".to_owned(), digest: [1; 32], keep_until };
    let once = shop.scheduler.insert_once(receipt.clone(), new()).await.unwrap();
    assert!(matches!(once, Once::New(_)));
    let again = shop.scheduler.insert_once(receipt, new()).await.unwrap();
    assert!(matches!(again, Once::Before(_)));
    kept.end().await;
    assert_eq!(shop.together(Resolution::Minute).await.stored, 1, "what was stored before is not");
}
