//! A process that owns a server: starts the one named by its argument, prints the URL of it, and waits for what comes.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that fails is to panic")]

use testkit::servers::{Galera, MariaDb, Postgres};

#[tokio::main]
async fn main() {
    let kind = std::env::args().nth(1).expect("the kind of a server");
    match kind.as_str() {
        "postgres" => own(&Postgres::start().await, Postgres::url).await,
        "mariadb" => own(&MariaDb::start().await, MariaDb::url).await,
        "mariadb-database" => {
            let server = MariaDb::start().await;
            own(&server.create_database().await, |database| database.url().to_owned()).await;
        }
        "galera" => own(&Galera::start().await, |cluster| cluster.node(0).url()).await,
        "shared-postgres" => own(Postgres::shared().await, Postgres::url).await,
        "shared-mariadb" => own(MariaDb::shared().await, MariaDb::url).await,
        kind => panic!("no kind of server: {kind}"),
    }
}

async fn own<S>(server: &S, url: impl Fn(&S) -> String) {
    println!("{}", url(server));
    std::future::pending().await
}
