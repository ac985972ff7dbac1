//! The store in a PostgreSQL database.

mod bouncer;
mod cluster;
mod lost;
mod opening;
mod shared;

use action_scheduler::action::{ActionId, NewAction, RunnerId};
use action_scheduler::log::{NewLogEntry, Step};
use action_scheduler::store::postgres::PostgresStore;
use action_scheduler::store::{
    Claim, ClaimFilter, ClaimRequest, Claiming, Finish, Insert, NewRunner, Outcome, Pick, Recorded,
    Start, Started, Store,
};
use action_scheduler::time::Clock;
use action_scheduler::{Args, Context, Hook, Query, Schedule};
use testkit::StoreUnderTest;
use testkit::servers::Postgres;
use testkit::servers::postgres::connect;

pub(crate) async fn make_store(clock: Clock) -> StoreUnderTest {
    let database = Postgres::shared().await.create_database().await;
    // These are not about the disk, and need not wait for it.
    let quick = format!("ALTER DATABASE {} SET synchronous_commit = off", database.name());
    connect(database.url()).await.batch_execute(&quick).await.unwrap();
    let store = PostgresStore::open(database.url(), clock).await.unwrap();
    StoreUnderTest::with_guard(store, database)
}

testkit::conformance_suite!(make_store);
testkit::model_suite!(make_store);

async fn open(url: &str) -> PostgresStore {
    PostgresStore::open(url, Clock::remote()).await.unwrap()
}

fn action(number: usize) -> Insert {
    let action = NewAction::new(Hook::new("a").unwrap(), Schedule::Async);
    Insert { action: action.args(Args::new([number]).unwrap()), log_created: true }
}

async fn put(store: &PostgresStore, count: usize) -> Vec<ActionId> {
    let ids = store.insert((0..count).map(action).collect()).await.unwrap();
    ids.into_iter().flatten().collect()
}

async fn runner(store: &PostgresStore) -> RunnerId {
    let runner = NewRunner {
        name: "host:1".into(),
        process: None,
        context: Context::new("test"),
        workers: 4,
        lease: std::time::Duration::from_secs(60),
    };
    store.register(runner).await.unwrap()
}

async fn claim(store: &PostgresStore, runner: RunnerId, limit: u32) -> Option<Claim> {
    let pick = Pick::Due(ClaimFilter::default());
    let request = ClaimRequest { runner, limit, pick, open_claims: Some(100) };
    match store.claim(request).await.unwrap() {
        Claiming::Claimed(claim) => Some(claim),
        Claiming::Nothing | Claiming::Full => None,
    }
}

/// Starts and completes all that a claim holds; each must be its own.
async fn complete(store: &PostgresStore, claim: &Claim) {
    complete_telling(store, claim, Vec::new()).await;
}

/// The same, with an entry for the end in each log.
async fn complete_logged(store: &PostgresStore, claim: &Claim) {
    let done = NewLogEntry { at: None, step: Step::Complete, message: None };
    complete_telling(store, claim, vec![done]).await;
}

async fn complete_telling(store: &PostgresStore, claim: &Claim, entries: Vec<NewLogEntry>) {
    let context = Context::new("test");
    let starts =
        claim.actions.iter().map(|action| Start { action: action.id, claim: claim.id, log: true });
    let started = store.start(starts.collect(), &context).await.unwrap();
    let finishes = claim.actions.iter().zip(started).map(|(action, started)| {
        let Started::Yes(attempt) = started else { panic!("{} was not started", action.id) };
        let outcome = Outcome::Complete;
        Finish {
            action: action.id,
            claim: claim.id,
            attempt,
            outcome,
            entries: entries.clone(),
            succession: None,
        }
    });
    let recorded = store.finish(finishes.collect(), &context).await.unwrap();
    assert!(recorded.iter().all(|one| matches!(one, Recorded::Yes { .. })), "{recorded:?}");
}

async fn count(store: &PostgresStore) -> u64 {
    store.count(Query::new()).await.unwrap()
}
