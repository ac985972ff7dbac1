//! PostgreSQL.

use testkit::servers::Postgres;
use testkit::servers::postgres::{connect, try_connect};

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
