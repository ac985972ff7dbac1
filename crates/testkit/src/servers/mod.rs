//! Private database servers, started for tests: PostgreSQL with a standby and PgBouncer, MariaDB, a Galera cluster; a
//! WordPress site on MariaDB; and a proxy that spoils the way to them. For Linux.
//!
//! Each server has a temporary folder and ports of its own, and knows nothing of servers that the machine runs. Started
//! by root, it runs as `nobody`.
//!
//! A test that only needs a database takes one from the server that all tests share, and one that kills and restarts
//! starts a server of its own:
//!
//! ```no_run
//! use testkit::servers::{MariaDb, Postgres};
//!
//! # async fn tests() {
//! let database = Postgres::shared().await.create_database().await;
//! println!("{}", database.url());
//!
//! let mut server = MariaDb::start().await;
//! let database = server.create_database().await;
//! server.kill().await;
//! server.restart().await;
//! # }
//! ```
//!
//! # How long a server lives
//!
//! As long as its owners, however they end. Every owner holds a shared lock (`flock`) on a file in the server's folder,
//! and the kernel lets go of it when the process dies. A keeper, a small shell process in a process group of its own,
//! waits for that lock; when it gets it, it ends all processes that work in the folder, and removes the folder.
//!
//! A server of one's own has one owner, and goes when it is dropped. The shared one is owned by all tests of a run of
//! cargo-nextest, each a process: the first starts it, the others find its folder by the id of the run, and the keeper
//! waits some seconds for the next before it ends it. Under `cargo test` it is shared by the tests of one process.
//!
//! *Weighed*: the signal that a process can ask for when its parent dies. It comes when the parent's *thread* ends, and
//! the threads of tests do; it has to be asked for in the child before it becomes the server; and it knows one parent.

mod database;
mod folder;
mod galera;
mod instance;
pub mod mariadb;
mod pgbouncer;
mod port;
pub mod postgres;
mod programs;
mod proxy;
mod shared;
mod wordpress;

pub use database::Database;
pub use galera::Galera;
pub use mariadb::MariaDb;
pub use pgbouncer::PgBouncer;
pub(crate) use port::free_port;
pub use postgres::Postgres;
pub use proxy::{FaultProxy, NewConnections};
pub use wordpress::WordPress;
