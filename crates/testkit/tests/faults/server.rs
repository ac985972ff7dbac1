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
}

impl Server {
    pub async fn on_postgres(server: Postgres) -> Self {
        Self { database: server.create_database().await, kind: Kind::Postgres(server) }
    }

    pub async fn on_mariadb(server: MariaDb) -> Self {
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
