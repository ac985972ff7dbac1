//! Actions that are stored within a transaction of the caller's.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use action_scheduler::schedule::{Cadence, Interval};
use action_scheduler::store::ChainQuery;
use action_scheduler::{
    ActionId, NewAction, Query, Runner, RunnerConfig, Scheduler, Shutdown, Status, Unique,
};
use sqlx::{Row, SqlitePool};
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use crate::program::run_example;

#[path = "../../in_your_transaction.rs"]
#[allow(dead_code)]
mod example;

const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn in_your_transaction() {
    let folder = tempfile::tempdir().unwrap();
    let expected = "\
committed: action 1, order 1 is confirmed
rolled back: it never was
unique: action 2
unique: refused
1 waiting
";
    assert_eq!(run_example("in_your_transaction", folder.path()), expected);
}

#[test]
fn in_a_rusqlite_transaction() {
    let folder = tempfile::tempdir().unwrap();
    let expected = "\
Ada: 1 stored, 1 refused
Bob: 1 stored, 1 refused
order 1 is confirmed
1 actions complete
";
    assert_eq!(run_example("in_a_rusqlite_transaction", folder.path()), expected);
}

/// A shop and its scheduler on one file, and a runner that tells which orders it confirms. It does not poll.
struct Shop {
    _folder: TempDir,
    scheduler: Scheduler,
    pool: SqlitePool,
    confirmed: UnboundedReceiver<i64>,
    shutdown: Shutdown,
    runner: JoinHandle<()>,
}

impl Shop {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = file_in(folder.path());
        let scheduler = Scheduler::open(&format!("sqlite:{file}")).await.unwrap();
        let pool = example::open_shop(&file).await.unwrap();
        let (confirm, confirmed) = unbounded_channel();
        let bound = scheduler.on("confirm_order", move |order: i64, _| {
            let confirm = confirm.clone();
            async move { confirm.send(order) }
        });
        bound.unwrap();
        let shutdown = Shutdown::new();
        let config =
            RunnerConfig { poll_interval: Duration::from_secs(3600), ..RunnerConfig::default() };
        let running = Runner::new(scheduler.clone(), config).run(shutdown.clone());
        let runner = tokio::spawn(async move { assert_eq!(running.await.unwrap().failed, 0) });
        Self { _folder: folder, scheduler, pool, confirmed, shutdown, runner }
    }

    async fn confirmation(&mut self) -> i64 {
        timeout(PATIENCE, self.confirmed.recv()).await.expect("no confirmation").unwrap()
    }

    async fn close(self) {
        self.shutdown.stop();
        timeout(PATIENCE, self.runner).await.expect("the runner does not stop").unwrap();
    }

    fn action(&self, order: i64) -> NewAction {
        self.scheduler.enqueue_async("confirm_order", [order]).into_action().unwrap()
    }
}

fn file_in(folder: &Path) -> String {
    folder.join("shop.db").display().to_string()
}

/// Stores an action alone in a transaction.
async fn store(scheduler: &Scheduler, pool: &SqlitePool, action: NewAction) -> Option<ActionId> {
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let id = example::enqueue(scheduler, &mut transaction, action).await.unwrap();
    transaction.commit().await.unwrap();
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_of_many_writers_are_confirmed_once_while_a_runner_writes_too() {
    let mut shop = Shop::open().await;
    let mut writers = JoinSet::new();
    for _ in 0..4 {
        let (scheduler, pool) = (shop.scheduler.clone(), shop.pool.clone());
        writers.spawn(async move {
            for number in 0..30 {
                let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
                let order = example::insert_order(&mut transaction, "Ada").await.unwrap();
                let action = scheduler.enqueue_async("confirm_order", [order]).into_action();
                let id = example::enqueue(&scheduler, &mut transaction, action.unwrap()).await;
                assert!(id.unwrap().is_some());
                match number % 3 {
                    0 => transaction.rollback().await.unwrap(),
                    _ => transaction.commit().await.unwrap(),
                }
            }
        });
    }
    writers.join_all().await;
    let rows = sqlx::query("SELECT id FROM orders").fetch_all(&shop.pool).await.unwrap();
    let orders: BTreeSet<i64> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(orders.len(), 4 * 20);

    let mut confirmed = BTreeSet::new();
    for _ in &orders {
        let order = shop.confirmation().await;
        assert!(confirmed.insert(order), "order {order} was confirmed twice");
    }
    assert_eq!(confirmed, orders);
    let (scheduler, pool) = (shop.scheduler.clone(), shop.pool.clone());
    shop.close().await;
    assert_eq!(scheduler.count(Query::new()).await.unwrap(), 80);
    assert_eq!(scheduler.count(Query::new().status(Status::Complete)).await.unwrap(), 80);
    assert_eq!(scheduler.stats().await.unwrap().counts["complete"], 80);
    let mode = sqlx::query("PRAGMA journal_mode").fetch_one(&pool).await.unwrap();
    assert_eq!(mode.get::<String, _>(0), "wal");
    let check = sqlx::query("PRAGMA integrity_check").fetch_one(&pool).await.unwrap();
    assert_eq!(check.get::<String, _>(0), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_writers_with_one_unique_action_one_succeeds() {
    let shop = Shop::open().await;
    let at = shop.scheduler.date("tomorrow").unwrap();
    let rules = [Unique::Args, Unique::Hook, Unique::Key("the only one".to_owned())];
    for (number, rule) in rules.into_iter().enumerate() {
        let hook = format!("count_orders_{number}");
        let mut writers = JoinSet::new();
        for _ in 0..8 {
            let action = shop.scheduler.schedule_single(at, &hook, ()).unique(rule.clone());
            let (scheduler, pool) = (shop.scheduler.clone(), shop.pool.clone());
            let action = action.into_action().unwrap();
            writers.spawn(async move { store(&scheduler, &pool, action).await });
        }
        let stored = writers.join_all().await.into_iter().flatten().count();
        assert_eq!(stored, 1, "{rule:?}");
    }
    assert_eq!(shop.scheduler.count(Query::new()).await.unwrap(), 3);
    shop.close().await;
}

#[tokio::test]
async fn what_is_stored_is_as_if_the_scheduler_had_stored_it() {
    let shop = Shop::open().await;
    let scheduler = &shop.scheduler;
    let at = scheduler.date("tomorrow").unwrap();
    let hourly = Interval::new(Duration::from_secs(3600), Cadence::AfterRun).unwrap();
    let actions = || {
        let args = ("Zoë's \"order\"", 7);
        [
            scheduler.schedule_single(at, "remind", args).group("mail").priority(3),
            scheduler.schedule_recurring(at, hourly, "sync", ()),
            scheduler.schedule_cron(at, "CRON_TZ=Europe/Berlin 0 3 * * *", "backup", [1]),
        ]
        .map(|action| action.into_action().unwrap())
    };
    for (own, callers) in actions().into_iter().zip(actions()) {
        let own = scheduler.insert(vec![own]).await.unwrap()[0].unwrap();
        let callers = store(scheduler, &shop.pool, callers).await.unwrap();
        let [mut own_action, callers_action] =
            [scheduler.fetch(own).await.unwrap(), scheduler.fetch(callers).await.unwrap()];
        own_action.id = callers_action.id;
        own_action.created_at = callers_action.created_at;
        assert_eq!(own_action.chain.is_some(), callers_action.chain.is_some());
        own_action.chain = callers_action.chain;
        assert_eq!(own_action, callers_action);
        let texts = |log: Vec<action_scheduler::LogEntry>| -> Vec<String> {
            log.iter().map(|entry| entry.text()).collect()
        };
        let own = texts(scheduler.logs(own).await.unwrap());
        assert_eq!(own, texts(scheduler.logs(callers).await.unwrap()));
    }
    assert_eq!(scheduler.chains(ChainQuery::default()).await.unwrap().len(), 4);
    assert_eq!(scheduler.stats().await.unwrap().counts["pending"], 6);
    shop.close().await;
}

#[tokio::test]
async fn a_recurring_action_of_the_callers_goes_on() {
    let mut shop = Shop::open().await;
    let hourly = Interval::new(Duration::from_secs(3600), Cadence::AfterRun).unwrap();
    let now = shop.scheduler.now();
    let action = shop.scheduler.schedule_recurring(now, hourly, "confirm_order", [7]);
    let action = action.into_action().unwrap();
    let first = store(&shop.scheduler, &shop.pool, action).await.unwrap();
    assert_eq!(shop.confirmation().await, 7);
    let scheduler = shop.scheduler.clone();
    shop.close().await;
    let chain = scheduler.fetch(first).await.unwrap().chain.unwrap();
    let pending = Query::new().chain(chain).status(Status::Pending);
    let next = scheduler.query(pending).await.unwrap().pop().unwrap();
    assert!(next.id > first && next.scheduled_at > now);
}

#[tokio::test]
async fn an_action_that_is_not_committed_yet_is_seen_by_nobody() {
    let mut shop = Shop::open().await;
    let mut transaction = shop.pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let action = shop.action(1);
    let id = example::enqueue(&shop.scheduler, &mut transaction, action).await.unwrap().unwrap();
    assert!(shop.scheduler.fetch(id).await.is_err());
    assert!(shop.confirmed.try_recv().is_err());
    transaction.commit().await.unwrap();
    assert_eq!(shop.confirmation().await, 1);
    shop.close().await;
}
