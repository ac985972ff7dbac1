//! What cannot be opened is refused in one line that says what is wrong and what to do.

use action_scheduler::log::{NewLogEntry, Step};
use action_scheduler::store::postgres::PostgresStore;
use action_scheduler::store::{Export, Finish, Outcome, Start, Started, Store, StoreUrl};
use action_scheduler::time::Clock;
use action_scheduler::{Context, Error, LogEntry, StoreErrorKind};
use testkit::servers::{Postgres, postgres::connect};

use super::{claim, complete_logged, count, open, put, runner};

async fn refused(url: &str) -> (StoreErrorKind, String) {
    match PostgresStore::open(url, Clock::system()).await {
        Err(Error::Store(error)) => {
            assert!(!error.message.contains('\n'), "{error}");
            (error.kind, error.message)
        }
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it was opened"),
    }
}

#[tokio::test]
async fn a_server_that_is_not_there() {
    let (kind, message) = refused("postgres://ada:s3cret@127.0.0.1:1/shop").await;
    assert_eq!(kind, StoreErrorKind::Unavailable);
    assert!(message.contains("127.0.0.1:1/shop") && message.contains("refused"), "{message}");
    assert!(!message.contains("s3cret"), "{message}");
}

#[tokio::test]
async fn a_database_that_is_not_there() {
    let url = Postgres::shared().await.url_for("nowhere");
    let (_, message) = refused(&url).await;
    assert!(message.contains("there is no such database"), "{message}");
}

#[tokio::test]
async fn a_schema_of_a_newer_version() {
    let database = Postgres::shared().await.create_database().await;
    drop(open(database.url()).await);
    let client = connect(database.url()).await;
    client.batch_execute("UPDATE action_scheduler.layout SET version = 1000").await.unwrap();
    let (kind, message) = refused(database.url()).await;
    assert_eq!(kind, StoreErrorKind::NewerSchema);
    assert!(message.contains("layout version 1000"), "{message}");
}

#[tokio::test]
async fn a_schema_of_another_program() {
    let database = Postgres::shared().await.create_database().await;
    let client = connect(database.url()).await;
    client.batch_execute("CREATE TABLE public.songs (name text)").await.unwrap();
    let (kind, message) = refused(&format!("{}?schema=public", database.url())).await;
    assert_eq!(kind, StoreErrorKind::Corrupt);
    assert!(message.contains("\"public\" belongs to another program"), "{message}");
}

#[tokio::test]
async fn a_user_without_the_right_to_create() {
    let database = Postgres::shared().await.create_database().await;
    let client = connect(database.url()).await;
    let user = format!("guest_of_{}", database.name());
    client.batch_execute(&format!("CREATE ROLE {user} LOGIN")).await.unwrap();
    let url = database.url().replace("postgres@", &format!("{user}@"));
    let (_, message) = refused(&url).await;
    assert!(message.contains("may not do that") && message.contains("CREATE"), "{message}");
    client.batch_execute(&format!("DROP ROLE {user}")).await.unwrap();
}

#[tokio::test]
async fn what_opening_would_change_can_be_asked_before() {
    let database = Postgres::shared().await.create_database().await;
    let url: StoreUrl = database.url().parse().unwrap();
    let pending = url.pending_migrations().await.unwrap();
    assert_eq!(pending[0].version, 1);
    assert!(pending[0].sql.contains("CREATE TABLE \"action_scheduler\".actions"));
    drop(open(database.url()).await);
    assert_eq!(url.pending_migrations().await.unwrap(), []);
}

/// As when several daemons are started together for the first time.
#[tokio::test(flavor = "multi_thread")]
async fn many_may_create_one_schema_at_the_same_moment() {
    let database = Postgres::shared().await.create_database().await;
    let mut openers = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let url = database.url().to_owned();
        openers.spawn(async move { PostgresStore::open(&url, Clock::system()).await.map(drop) });
    }
    for opened in openers.join_all().await {
        opened.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_host_that_takes_writes_is_used() {
    let database = Postgres::shared().await.create_database().await;
    let (user, place) = database.url().split_once('@').unwrap();
    let store = open(&format!("{user}@127.0.0.1:1,{place}")).await;
    put(&store, 1).await;
    assert_eq!(count(&store).await, 1);
}

/// What was told before stays where it is, and what comes after stands elsewhere: they are read as one log.
#[tokio::test(flavor = "multi_thread")]
async fn logs_of_an_older_layout_are_read_and_go_on() {
    let database = Postgres::shared().await.create_database().await;
    let store = open(database.url()).await;
    let runner = runner(&store).await;
    let mut ids = put(&store, 2).await;
    complete_logged(&store, &claim(&store, runner, 10).await.unwrap()).await;
    let waiting = put(&store, 1).await;
    ids.extend(&waiting);
    let before = store.logs(ids.clone()).await.unwrap();
    assert_eq!(before.len(), 2 * 3 + 1);
    drop(store);
    let client = connect(database.url()).await;
    client.batch_execute(AS_IN_VERSION_5).await.unwrap();

    let url: StoreUrl = database.url().parse().unwrap();
    let pending = url.pending_migrations().await.unwrap();
    assert_eq!(pending.iter().map(|step| step.version).collect::<Vec<_>>(), [6]);
    let store = open(database.url()).await;
    assert_eq!(store.logs(ids).await.unwrap(), before);

    complete_logged(&store, &claim(&store, runner, 10).await.unwrap()).await;
    let log = store.logs(waiting.clone()).await.unwrap();
    assert_eq!(places(&log), [(1, Step::Created), (2, Step::Started), (3, Step::Complete)]);
    let exported = store.export(Export::Ids(waiting)).await.unwrap();
    assert_eq!(exported.actions[0].log, log);
}

/// Undoes the step to version 6: each entry becomes a row.
const AS_IN_VERSION_5: &str = "SET search_path = action_scheduler; \
    INSERT INTO logs (action, seq, at, step, attempt, context, message) \
    SELECT action, seq, at, step, attempt, context, message FROM log_entries \
    WHERE NOT EXISTS (SELECT 1 FROM logs WHERE logs.action = log_entries.action AND logs.seq = log_entries.seq); \
    DROP VIEW log_entries; ALTER TABLE actions DROP COLUMN trail; DROP TABLE contexts; UPDATE layout SET version = 5";

/// The row of an action holds so much of its log and no more, and the rest follows in order.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_of_any_length_is_read_in_order() {
    let database = Postgres::shared().await.create_database().await;
    let store = open(database.url()).await;
    let runner = runner(&store).await;
    let id = put(&store, 1).await[0];
    let context = Context::new("a context that is new");
    let mut expected = vec![(1, Step::Created)];
    for round in 0..20 {
        let held = claim(&store, runner, 1).await.unwrap();
        let start = Start { action: id, claim: held.id, log: true };
        let started = store.start(vec![start], &context).await.unwrap();
        let [Started::Yes(attempt)] = started[..] else { panic!("{started:?}") };
        let outcome = Outcome::Retry { at: store.clock().now() };
        let entries = vec![NewLogEntry::new(Step::Retry, "once more")];
        let entries = if round % 2 == 0 { entries } else { Vec::new() };
        let told = entries.len() as u32;
        let finish =
            Finish { action: id, claim: held.id, attempt, outcome, entries, succession: None };
        store.finish(vec![finish], &context).await.unwrap();
        let place = expected.len() as u32;
        expected.push((place + 1, Step::Started));
        expected.extend((0..told).map(|_| (place + 2, Step::Retry)));
    }
    let log = store.logs(vec![id]).await.unwrap();
    assert_eq!(places(&log), expected);
    assert!(log[1..].iter().all(|entry| entry.context.as_ref() == Some(&context)), "{log:?}");
    let attempts = log.iter().filter(|entry| entry.step == Step::Started);
    let attempts: Vec<_> = attempts.filter_map(|entry| Some(entry.attempt?.0)).collect();
    assert_eq!(attempts, (1..=20).collect::<Vec<_>>());
}

fn places(log: &[LogEntry]) -> Vec<(u32, Step)> {
    log.iter().map(|entry| (entry.seq, entry.step)).collect()
}
