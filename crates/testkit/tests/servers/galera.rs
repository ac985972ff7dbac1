//! A Galera cluster.

use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use testkit::servers::mariadb::{connect, try_connect};
use testkit::servers::{Galera, MariaDb};

/// A connection that waits, before it reads, for what other nodes have committed.
async fn current(server: &MariaDb, database: &str) -> Conn {
    let mut connection = connect(&server.url_for(database)).await;
    connection.query_drop("SET SESSION wsrep_sync_wait = 1").await.unwrap();
    connection
}

async fn songs(server: &MariaDb, database: &str) -> Vec<String> {
    let mut connection = current(server, database).await;
    connection.query("SELECT name FROM songs ORDER BY name").await.unwrap()
}

#[tokio::test]
async fn nodes_share_what_is_written_and_a_killed_one_comes_back_to_it() {
    let mut cluster = Galera::start().await;
    let database = cluster.node(0).create_database().await;
    let name = database.name();
    let mut first = connect(database.url()).await;
    let table = "CREATE TABLE songs (name varchar(20) PRIMARY KEY)";
    first.query_drop(table).await.unwrap();
    first.query_drop("INSERT INTO songs VALUES ('a')").await.unwrap();
    for node in 0..3 {
        assert_eq!(songs(cluster.node(node), name).await, ["a"]);
    }
    let mut last = current(cluster.node(2), name).await;
    last.query_drop("INSERT INTO songs VALUES ('b')").await.unwrap();

    cluster.kill(1).await;
    assert!(try_connect(&cluster.node(1).url()).await.is_err());
    first.query_drop("INSERT INTO songs VALUES ('c')").await.unwrap();
    last.query_drop("INSERT INTO songs VALUES ('d')").await.unwrap();
    cluster.until_synced().await;

    cluster.rejoin(1).await;
    assert_eq!(songs(cluster.node(1), name).await, ["a", "b", "c", "d"]);
    let mut back = current(cluster.node(1), name).await;
    back.query_drop("INSERT INTO songs VALUES ('e')").await.unwrap();
    assert_eq!(songs(cluster.node(0), name).await, ["a", "b", "c", "d", "e"]);

    // The one that began the cluster is a node like the others.
    cluster.kill(0).await;
    last.query_drop("INSERT INTO songs VALUES ('f')").await.unwrap();
    cluster.rejoin(0).await;
    assert_eq!(songs(cluster.node(0), name).await.len(), 6);
}
