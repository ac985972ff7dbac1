//! Several stores, one database.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use action_scheduler::action::{ClaimId, NewAction};
use action_scheduler::schedule::{Cadence, Interval, Recurrence, Recurring};
use action_scheduler::store::{
    Finish, Insert, Outcome, Parameter, Recorded, Start, Started, Store, Succession,
};
use action_scheduler::{ActionId, Context, Hook, LogEntry, Schedule, Step};
use testkit::servers::{Postgres, postgres::connect};

use super::{action, claim, complete, count, open, put, runner};

#[tokio::test(flavor = "multi_thread")]
async fn schemas_are_stores_of_their_own() {
    let database = Postgres::shared().await.create_database().await;
    let one = open(&format!("{}?schema=one", database.url())).await;
    let other = open(&format!("{}?schema=Other_2", database.url())).await;
    put(&one, 3).await;
    assert_eq!((count(&one).await, count(&other).await), (3, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_stores_wakes_the_other() {
    let database = Postgres::shared().await.create_database().await;
    let (one, other) = (open(database.url()).await, open(database.url()).await);
    // Once it listens it looks around, which wakes it too.
    let mut wake = other.wake();
    wake.changed().await.unwrap();
    wake.mark_unchanged();
    put(&one, 1).await;
    let woken = tokio::time::timeout(Duration::from_secs(10), wake.changed()).await;
    woken.expect("to be woken within ten seconds").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn stores_that_race_never_run_an_action_twice() {
    let database = Postgres::shared().await.create_database().await;
    let first = open(database.url()).await;
    put(&first, 2000).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let store = Arc::new(open(database.url()).await);
        tasks.spawn(async move {
            let runner = runner(&store).await;
            let mut ids = Vec::new();
            while let Some(claim) = claim(&store, runner, 50).await {
                complete(&store, &claim).await;
                ids.extend(claim.actions.iter().map(|action| action.id));
            }
            ids
        });
    }
    let ids: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    assert_eq!(ids.len(), 2000);
    assert_eq!(ids.into_iter().collect::<BTreeSet<_>>().len(), 2000);
    let stats = first.stats().await.unwrap();
    assert_eq!((stats.counts["complete"], stats.claims), (2000, 0));
}

/// A transaction that stays open keeps the rows of what was claimed since: claims begin behind them, and still find what
/// comes in before.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_transaction_elsewhere_hides_nothing() {
    let database = Postgres::shared().await.create_database().await;
    let store = open(database.url()).await;
    let old = connect(database.url()).await;
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class";
    old.batch_execute(begin).await.unwrap();
    let runner = runner(&store).await;
    for _ in 0..10 {
        put(&store, 1000).await;
        while let Some(claim) = claim(&store, runner, 300).await {
            complete(&store, &claim).await;
        }
    }
    // As many as it takes for a walk over them to be slow on any machine.
    let gone = "INSERT INTO action_scheduler.waiting (scheduled_at, id, attempts, hook, grp, priority) \
         SELECT 1600000000000000, 1000000 + n, 0, 1, 1, 10 FROM generate_series(1, 300000) AS n; \
         DELETE FROM action_scheduler.waiting WHERE id > 1000000";
    connect(database.url()).await.batch_execute(gone).await.unwrap();
    let at = |date: &str| {
        let mut insert = action(0);
        insert.action.schedule = Schedule::Single(date.parse().unwrap());
        vec![insert]
    };
    store.insert(at("2001-01-01T00:00:00Z")).await.unwrap();
    let found = claim(&store, runner, 10).await.expect("what came in before the others");
    complete(&store, &found).await;
    // Of what others store early it is not told; it walks through the queue now and then, beside its claims.
    let other = open(database.url()).await;
    other.insert(at("2000-01-01T00:00:00Z")).await.unwrap();
    let look = async {
        loop {
            match claim(&store, runner, 10).await {
                Some(found) => break found,
                None => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    };
    let found = tokio::time::timeout(Duration::from_secs(60), look).await.unwrap();
    complete(&store, &found).await;
    assert_eq!(store.stats().await.unwrap().counts["complete"], 10_002);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_cannot_be_read_fails_alone() {
    let database = Postgres::shared().await.create_database().await;
    let store = open(database.url()).await;
    let ids = put(&store, 3).await;
    let client = connect(database.url()).await;
    let spoil = format!(
        "UPDATE action_scheduler.actions SET attempts = -5 WHERE id = {0}; \
         UPDATE action_scheduler.waiting SET attempts = -5 WHERE id = {0}",
        ids[1]
    );
    client.batch_execute(&spoil).await.unwrap();
    let runner = runner(&store).await;
    let mut done = Vec::new();
    while let Some(claim) = claim(&store, runner, 10).await {
        complete(&store, &claim).await;
        done.extend(claim.actions.iter().map(|action| action.id));
    }
    assert_eq!(done, [ids[0], ids[2]]);
    let log: Vec<LogEntry> = store.logs(vec![ids[1]]).await.unwrap();
    let last = log.last().unwrap();
    assert_eq!(last.step, Step::Failed);
    assert!(last.message.as_deref().unwrap().contains("attempt -5"), "{last:?}");
    let stats = store.stats().await.unwrap();
    assert_eq!((stats.counts["failed"], stats.claims), (1, 0));
}

/// In a transaction of the caller's own an action is stored when that is committed, and not before.
#[tokio::test(flavor = "multi_thread")]
async fn an_action_is_stored_in_a_transaction_of_the_caller() {
    let database = Postgres::shared().await.create_database().await;
    let store = open(database.url()).await;
    let client = connect(database.url()).await;
    let mut unique = action(1);
    unique.action.unique = action_scheduler::Unique::Key("order 7 \0".into());
    for (end, stored, id_is_given) in
        [("ROLLBACK", 0, true), ("COMMIT", 1, true), ("COMMIT", 1, false)]
    {
        client.batch_execute("BEGIN").await.unwrap();
        let mut id = None;
        for statement in store.insert_statements(&unique) {
            let prepared = client.prepare(&statement.sql).await.unwrap();
            let parameters: Vec<Box<dyn tokio_postgres::types::ToSql + Sync>> = statement
                .parameters
                .iter()
                .zip(prepared.params())
                .map(|(parameter, wanted)| -> Box<dyn tokio_postgres::types::ToSql + Sync> {
                    match parameter {
                        Parameter::Integer(number) => Box::new(*number),
                        Parameter::Text(text) => Box::new(text.clone()),
                        Parameter::Null if *wanted == tokio_postgres::types::Type::TEXT => {
                            Box::new(None::<String>)
                        }
                        Parameter::Null => Box::new(None::<i64>),
                    }
                })
                .collect();
            let parameters: Vec<_> = parameters.iter().map(|parameter| &**parameter).collect();
            id = client.query_opt(&prepared, &parameters).await.unwrap();
        }
        client.batch_execute(end).await.unwrap();
        assert_eq!(id.is_some(), id_is_given, "{end}");
        assert_eq!(count(&store).await, stored, "{end}");
    }
}

/// Also when two results of one call are about the same action, so that they are recorded one after the other.
#[tokio::test(flavor = "multi_thread")]
async fn next_instances_get_their_ids_in_the_order_of_the_results() {
    let database = Postgres::shared().await.create_database().await;
    let store = open(database.url()).await;
    let runner = runner(&store).await;
    let every = Interval::new(Duration::from_secs(3600), Cadence::AfterRun).unwrap();
    let recurring =
        Recurring { first: store.clock().now(), recurrence: Recurrence::Interval(every) };
    let new = NewAction::new(Hook::new("a").unwrap(), Schedule::Recurring(recurring));
    let inserts = (0..9).map(|_| Insert { action: new.clone(), log_created: true });
    store.insert(inserts.collect()).await.unwrap();
    let held = claim(&store, runner, 9).await.unwrap();
    let context = Context::new("test");
    let starts =
        held.actions.iter().map(|action| Start { action: action.id, claim: held.id, log: true });
    let started = store.start(starts.collect(), &context).await.unwrap();

    let results = held.actions.iter().zip(started).rev().map(|(action, started)| {
        let Started::Yes(attempt) = started else { panic!("{} was not started", action.id) };
        let chain = action.chain.as_ref().unwrap().id;
        let next = Some(store.clock().now());
        Finish {
            action: action.id,
            claim: held.id,
            attempt,
            outcome: Outcome::Complete,
            entries: Vec::new(),
            succession: Some(Succession { chain, next, failure_threshold: None }),
        }
    });
    let results: Vec<Finish> = results.collect();
    // One that is told twice comes in between.
    let mut twice = vec![results[0].clone(), results[0].clone()];
    twice[0].claim = ClaimId::new(i64::MAX).unwrap();
    twice.extend_from_slice(&results[1..]);
    let recorded = store.finish(twice, &context).await.unwrap();
    assert_eq!(recorded[0], Recorded::Superseded);
    let next: Vec<ActionId> = recorded[1..]
        .iter()
        .map(|recorded| match recorded {
            Recorded::Yes { next: Some(next), .. } => *next,
            other => panic!("a next instance: {other:?}"),
        })
        .collect();
    assert!(next.is_sorted(), "{next:?}");
}
