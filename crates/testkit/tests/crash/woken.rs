//! A runner that sleeps, and what another process does about it.

use std::time::Duration;

use action_scheduler::store::{Parameter, Statement};
use action_scheduler::{ActionId, Scheduler};
use testkit::crash::{NO_ARGS, Orders};

use crate::processes::worker::{Scene, Worker, until};

/// How often the time is taken.
const TIMES: usize = 21;

/// An idle runner in another process, that looks by itself only once in ten minutes.
async fn sleeper(scene: &Scene) -> (Worker, Scheduler) {
    let scheduler = scene.scheduler().await;
    // Nothing it does by itself may wake it, as its own signs of life would.
    let (poll_interval, lease) = (Duration::from_secs(600), Duration::from_secs(2400));
    let mut worker = Worker::spawn(&Orders { poll_interval, lease, ..scene.orders() });
    worker.says("ready");
    until("it is known", async || scheduler.stats().await.unwrap().runners == 1).await;
    (worker, scheduler)
}

/// The time from storing to starting, once it is complete.
async fn wait_of(scheduler: &Scheduler, id: ActionId) -> Duration {
    until("it is complete", async || scheduler.fetch(id).await.unwrap().finished_at.is_some())
        .await;
    let action = scheduler.fetch(id).await.unwrap();
    action.started_at.unwrap().duration_since(action.created_at).try_into().unwrap()
}

fn assert_prompt(mut waits: Vec<Duration>) {
    waits.sort_unstable();
    println!("from storing to starting: {waits:?}");
    assert!(waits[waits.len() / 2] <= Duration::from_millis(100), "{waits:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_process_stores_starts_within_100_ms() {
    let scene = Scene::new();
    let (worker, scheduler) = sleeper(&scene).await;
    let mut waits = Vec::new();
    for _ in 0..TIMES {
        let id = scheduler.enqueue_async("plain", NO_ARGS).await.unwrap().unwrap();
        waits.push(wait_of(&scheduler, id).await);
    }
    worker.stop();
    assert_prompt(waits);
    scene.assert_no_errors();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_caller_stores_in_a_transaction_of_its_own_starts_within_100_ms_of_its_commit() {
    let scene = Scene::new();
    let (worker, scheduler) = sleeper(&scene).await;
    let mut connection = rusqlite::Connection::open(scene.folder.database()).unwrap();
    connection.busy_timeout(Duration::from_secs(60)).unwrap();
    connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY)", []).unwrap();
    let mut waits = Vec::new();
    for order in 0..TIMES {
        let action = scheduler.enqueue_async("plain", [order]).into_action().unwrap();
        let behavior = rusqlite::TransactionBehavior::Immediate;
        let transaction = connection.transaction_with_behavior(behavior).unwrap();
        transaction.execute("INSERT INTO orders (id) VALUES (?1)", [order]).unwrap();
        let id = run(&transaction, scheduler.statements(action)).expect("an id");
        transaction.commit().unwrap();
        waits.push(wait_of(&scheduler, id).await);
    }
    worker.stop();
    assert_prompt(waits);
    scene.assert_no_errors();
}

/// As a caller does it that knows nothing of the store.
fn run(connection: &rusqlite::Connection, statements: Vec<Statement>) -> Option<ActionId> {
    let mut id = None;
    for Statement { sql, parameters } in statements {
        let mut statement = connection.prepare(&sql).unwrap();
        for (place, parameter) in (1..).zip(parameters) {
            match parameter {
                Parameter::Null => statement.raw_bind_parameter(place, rusqlite::types::Null),
                Parameter::Integer(number) => statement.raw_bind_parameter(place, number),
                Parameter::Text(text) => statement.raw_bind_parameter(place, text),
            }
            .unwrap();
        }
        let mut rows = statement.raw_query();
        id = rows.next().unwrap().and_then(|row| ActionId::new(row.get(0).unwrap()));
    }
    id
}
