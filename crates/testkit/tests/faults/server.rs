//! A server of a test's own, of either engine.

use std::net::SocketAddr;

use mysql_async::prelude::Queryable;
use testkit::servers::{Database, MariaDb, Postgres, mariadb, postgres};

/// An engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Postgres,
    MariaDb,
}

/// A server of an engine, with a database.
pub struct Server {
    /// Dropped first, as long as the server runs.
    database: Database,
    kind: Kind,
}

enum Kind {
    Postgres(Postgres),
    MariaDb(MariaDb),
}

impl Engine {
    pub async fn start(self) -> Server {
        match self {
            Engine::Postgres => Server::on_postgres(Postgres::start().await).await,
            Engine::MariaDb => Server::on_mariadb(MariaDb::start().await).await,
        }
    }

    /// One that soon runs out of room.
    pub async fn start_with_little_room(self) -> Server {
        match self {
            Engine::Postgres => {
                let server = Postgres::start_with_small_disk(48).await;
                let database = server.create_database_on_small_disk().await;
                Server { database, kind: Kind::Postgres(server) }
            }
            // All tables are in one file, which may not grow any further.
            Engine::MariaDb => {
                let settings = [
                    ("innodb-file-per-table", "OFF"),
                    ("innodb-data-file-path", "ibdata1:12M:autoextend:max:64M"),
                ];
                Server::on_mariadb(MariaDb::start_with(&settings).await).await
            }
        }
    }
}

impl Server {
    async fn on_postgres(server: Postgres) -> Self {
        Self { database: server.create_database().await, kind: Kind::Postgres(server) }
    }

    async fn on_mariadb(server: MariaDb) -> Self {
        Self { database: server.create_database().await, kind: Kind::MariaDb(server) }
    }

    /// The URL of its database.
    pub fn url(&self) -> &str {
        self.database.url()
    }

    pub fn address(&self) -> SocketAddr {
        match &self.kind {
            Kind::Postgres(server) => server.address(),
            Kind::MariaDb(server) => server.address(),
        }
    }

    pub async fn kill(&mut self) {
        match &mut self.kind {
            Kind::Postgres(server) => server.kill().await,
            Kind::MariaDb(server) => server.kill().await,
        }
    }

    pub async fn restart(&mut self) {
        match &mut self.kind {
            Kind::Postgres(server) => server.restart().await,
            Kind::MariaDb(server) => server.restart().await,
        }
    }

    /// Whether a transaction is open that has changed something and waits for what its client says next.
    pub async fn has_waiting_transaction(&self) -> bool {
        match self.kind {
            Kind::Postgres(_) => {
                let sql = "SELECT count(*) FROM pg_stat_activity \
                           WHERE state = 'idle in transaction' AND backend_xid IS NOT NULL";
                self.number(sql).await > 0
            }
            // What the server tells about transactions is old when it is asked often. That of a sign of life locks a row.
            Kind::MariaDb(_) => {
                let mut connection = mariadb::connect(self.url()).await;
                let sql = "SELECT runner_id FROM wp_action_scheduler_runners FOR UPDATE NOWAIT";
                connection.query_drop(sql).await.is_err()
            }
        }
    }

    /// Runs a statement; what is wrong, if it is refused.
    pub async fn run(&self, sql: &str) -> Result<(), String> {
        match self.kind {
            Kind::Postgres(_) => {
                let done = postgres::connect(self.url()).await.batch_execute(sql).await;
                done.map_err(|error| format!("{error:?}"))
            }
            Kind::MariaDb(_) => {
                let done = mariadb::connect(self.url()).await.query_drop(sql).await;
                done.map_err(|error| error.to_string())
            }
        }
    }

    /// The number that a question has for an answer.
    pub async fn number(&self, sql: &str) -> i64 {
        match self.kind {
            Kind::Postgres(_) => {
                postgres::connect(self.url()).await.query_one(sql, &[]).await.unwrap().get(0)
            }
            Kind::MariaDb(_) => {
                let mut connection = mariadb::connect(self.url()).await;
                connection.query_first(sql).await.unwrap().unwrap()
            }
        }
    }
}

/// Makes a test of each of these functions for each engine.
macro_rules! on_each_engine {
    ($($test:ident),* $(,)?) => {
        mod postgres {
            use crate::server::Engine;
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test(Engine::Postgres).await;
            })*
        }
        mod mariadb {
            use crate::server::Engine;
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test(Engine::MariaDb).await;
            })*
        }
    };
}
pub(crate) use on_each_engine;
