//! MariaDB.

use mysql_async::prelude::Queryable;
use testkit::servers::MariaDb;
use testkit::servers::mariadb::{connect, try_connect};

async fn fill(url: &str) {
    let mut connection = connect(url).await;
    connection.query_drop("CREATE TABLE songs (name text)").await.unwrap();
    connection.query_drop("INSERT INTO songs VALUES ('one'), ('two')").await.unwrap();
}

async fn songs(url: &str) -> u64 {
    connect(url).await.query_first("SELECT count(*) FROM songs").await.unwrap().unwrap()
}

#[tokio::test]
async fn each_test_has_an_empty_database_of_its_own_on_the_shared_server() {
    let server = MariaDb::shared().await;
    let one = server.create_database().await;
    let other = server.create_database().await;
    fill(one.url()).await;
    fill(other.url()).await;
    assert_eq!(songs(one.url()).await, 2);
    let empty = server.create_database().await;
    let mut connection = connect(empty.url()).await;
    assert_eq!(connection.query::<String, _>("SHOW TABLES").await.unwrap(), [""; 0]);
}

#[tokio::test]
async fn a_database_goes_with_its_test_even_if_a_connection_is_open() {
    let server = MariaDb::shared().await;
    let database = server.create_database().await;
    let url = database.url().to_owned();
    let _open = connect(&url).await;
    drop(database);
    let refused = try_connect(&url).await.unwrap_err().to_string();
    assert!(refused.contains("Unknown database"), "{refused}");
}

#[tokio::test]
async fn what_was_committed_outlives_a_kill() {
    let mut server = MariaDb::start().await;
    let database = server.create_database().await;
    fill(database.url()).await;
    server.kill().await;
    assert!(try_connect(database.url()).await.is_err());
    server.restart().await;
    assert_eq!(songs(database.url()).await, 2);
}

#[tokio::test]
async fn it_stops_with_connections_open_and_starts_again() {
    let mut server = MariaDb::start().await;
    let database = server.create_database().await;
    fill(database.url()).await;
    let mut open = connect(database.url()).await;
    server.stop().await;
    assert!(open.query_drop("SELECT 1").await.is_err());
    server.restart().await;
    assert_eq!(songs(database.url()).await, 2);
}

#[tokio::test]
async fn it_is_durable_and_takes_settings() {
    let server = MariaDb::start_with(&[("max-connections", "17")]).await;
    let mut connection = connect(&server.url()).await;
    let found = "SELECT @@innodb_flush_log_at_trx_commit, @@max_connections";
    let found: (u8, u16) = connection.query_first(found).await.unwrap().unwrap();
    assert_eq!(found, (1, 17));
}
