//! PostgreSQL.

use testkit::servers::postgres::{connect, try_connect};
use testkit::servers::{PgBouncer, Postgres};
use tokio_postgres::{Client, SimpleQueryMessage};

const FILL: &str = "CREATE TABLE songs (name text); INSERT INTO songs VALUES ('one'), ('two')";

async fn songs(url: &str) -> i64 {
    connect(url).await.query_one("SELECT count(*) FROM songs", &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn each_test_has_an_empty_database_of_its_own_on_the_shared_server() {
    let server = Postgres::shared().await;
    let one = server.create_database().await;
    let other = server.create_database().await;
    connect(one.url()).await.batch_execute(FILL).await.unwrap();
    connect(other.url()).await.batch_execute(FILL).await.unwrap();
    assert_eq!(songs(one.url()).await, 2);
    let found: i64 = connect(server.create_database().await.url())
        .await
        .query_one("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(found, 0);
}

#[tokio::test]
async fn a_database_goes_with_its_test_even_if_a_connection_is_open() {
    let server = Postgres::shared().await;
    let database = server.create_database().await;
    let url = database.url().to_owned();
    let open = connect(&url).await;
    open.batch_execute("BEGIN; CREATE TABLE songs (name text)").await.unwrap();
    drop(database);
    let refused = try_connect(&url).await.unwrap_err();
    assert_eq!(refused.code().unwrap().code(), "3D000", "{refused}");
}

#[tokio::test]
async fn what_was_committed_outlives_a_kill() {
    let mut server = Postgres::start().await;
    let database = server.create_database().await;
    connect(database.url()).await.batch_execute(FILL).await.unwrap();
    server.kill().await;
    assert!(try_connect(database.url()).await.is_err());
    server.restart().await;
    assert_eq!(songs(database.url()).await, 2);
}

#[tokio::test]
async fn it_stops_with_connections_open_and_starts_again() {
    let mut server = Postgres::start().await;
    let client = connect(&server.url()).await;
    client.batch_execute(FILL).await.unwrap();
    server.stop().await;
    assert!(client.batch_execute("SELECT 1").await.is_err());
    server.restart().await;
    assert_eq!(songs(&server.url()).await, 2);
}

#[tokio::test]
async fn it_is_durable_and_takes_settings() {
    let server = Postgres::start_with(&[("max_connections", "17")]).await;
    let client = connect(&server.url()).await;
    let shown = async |setting: &str| -> String {
        client.query_one(&format!("SHOW {setting}"), &[]).await.unwrap().get(0)
    };
    assert_eq!(shown("fsync").await, "on");
    assert_eq!(shown("synchronous_commit").await, "on");
    assert_eq!(shown("max_connections").await, "17");
}

#[tokio::test]
async fn a_promoted_standby_has_what_was_committed() {
    let mut primary = Postgres::start().await;
    let database = primary.create_database().await;
    let standby = primary.standby().await;
    let client = connect(database.url()).await;
    client.batch_execute(FILL).await.unwrap();
    standby.catch_up_with(&primary).await;
    let url = standby.url_for(database.name());
    let refused = connect(&url).await.batch_execute("DELETE FROM songs").await.unwrap_err();
    assert_eq!(refused.code().unwrap().code(), "25006", "a standby is read-only: {refused}");
    primary.kill().await;
    standby.promote().await;
    connect(&url).await.batch_execute("INSERT INTO songs VALUES ('three')").await.unwrap();
    assert_eq!(songs(&url).await, 3);
}

#[tokio::test]
async fn a_synchronous_standby_has_every_commit_that_was_acknowledged() {
    let mut primary = Postgres::start().await;
    let standby = primary.standby().await;
    primary.set("synchronous_standby_names", "*").await;
    let client = connect(&primary.url()).await;
    client.batch_execute(FILL).await.unwrap();
    for _ in 0..100 {
        client.batch_execute("INSERT INTO songs VALUES ('more')").await.unwrap();
    }
    primary.kill().await;
    standby.promote().await;
    assert_eq!(songs(&standby.url()).await, 102);
}

#[tokio::test]
async fn pgbouncer_shares_connections_between_transactions() {
    let server = Postgres::shared().await;
    let database = server.create_database().await;
    let mut bouncer = PgBouncer::start(server).await;
    let url = bouncer.url(database.url());
    let (one, other) = (connect(&url).await, connect(&url).await);
    let backend = async |client: &Client| -> String {
        let rows = client.simple_query("SELECT pg_backend_pid()").await.unwrap();
        let pid = rows.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        pid.unwrap().to_owned()
    };
    assert_eq!(backend(&one).await, backend(&other).await);
    one.batch_execute("BEGIN").await.unwrap();
    assert_ne!(backend(&one).await, backend(&other).await);
    bouncer.kill().await;
    assert!(one.batch_execute("COMMIT").await.is_err());
    bouncer.restart().await;
    connect(&url).await.batch_execute("SELECT 1").await.unwrap();
}
