//! What cannot be opened is refused in one line that says what is wrong and what to do.

use action_scheduler::store::StoreUrl;
use action_scheduler::store::postgres::PostgresStore;
use action_scheduler::time::Clock;
use action_scheduler::{Error, StoreErrorKind};
use testkit::servers::{Postgres, postgres::connect};

use super::{count, open, put};

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
