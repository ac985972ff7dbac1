//! PostgreSQL.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::sync::OnceCell;
use tokio_postgres::{Client, NoTls};

use super::database::{self, Database};
use super::folder::Folder;
use super::instance::{Instance, until};
use super::port::free_port;
use super::programs;
use super::shared::{Server, found_or_started};

/// A PostgreSQL server. Its user `postgres` may do all, and has no password.
#[derive(Debug)]
pub struct Postgres {
    instance: Instance,
    settings: Vec<String>,
}

impl Postgres {
    /// The server that the tests of a run share.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<Postgres> = OnceCell::const_new();
        SHARED.get_or_init(found_or_started).await
    }

    /// A server of one's own.
    pub async fn start() -> Self {
        Self::start_own().await
    }

    /// A server of one's own with other settings than the usual, as `postgresql.conf` has them.
    pub async fn start_with(settings: &[(&str, &str)]) -> Self {
        let mut server = Self::new(Folder::new(Self::NAME), free_port());
        server.settings.extend(settings.iter().map(|(name, value)| format!("{name}={value}")));
        server.set_up().await;
        server
    }

    /// A server of one's own with a disk of so many megabytes beside its own, for
    /// [`Postgres::create_database_on_small_disk`]. It cannot be started again. Needs root, or a system that lets users
    /// mount in a namespace of their own.
    pub async fn start_with_small_disk(megabytes: u32) -> Self {
        let mut server = Self::new(Folder::new(Self::NAME), free_port());
        programs::run("mkdir", server.instance.folder().path(), &["small"]).await;
        server.instance.add_small_disk(megabytes);
        server.set_up().await;
        let place = server.instance.folder().path().join("small");
        let create = format!("CREATE TABLESPACE small LOCATION '{}'", place.display());
        let client = connect(&server.url()).await;
        client.batch_execute(&create).await.expect("an empty folder of the server's own");
        server
    }

    /// A new, empty database on the small disk; each takes some 7 MB of it.
    pub async fn create_database_on_small_disk(&self) -> Database {
        self.create_database_with("TABLESPACE small").await
    }

    /// A new, empty database.
    pub async fn create_database(&self) -> Database {
        self.create_database_with("").await
    }

    async fn create_database_with(&self, options: &str) -> Database {
        let name = database::new_name();
        let server_url = self.url();
        let client = self.connect().await;
        let create = format!("CREATE DATABASE {name} STRATEGY wal_log {options}");
        client.batch_execute(&create).await.expect("a new database");
        let url = self.url_for(&name);
        Database::new(name, url, server_url, |url, name| Box::pin(drop_database(url, name)))
    }

    /// Changes a setting that needs no restart.
    pub async fn set(&self, name: &str, value: &str) {
        let client = connect(&self.url()).await;
        let load_time = async |client: &Client| -> std::time::SystemTime {
            let row = client.query_one("SELECT pg_conf_load_time()", &[]).await;
            row.expect("a time").get(0)
        };
        let before = load_time(&client).await;
        let change = format!("ALTER SYSTEM SET {name} = '{value}'");
        client.batch_execute(&change).await.expect("a setting that can be changed");
        client.batch_execute("SELECT pg_reload_conf()").await.expect("the server runs");
        let is_loaded = async || load_time(&connect(&self.url()).await).await > before;
        until("its settings are loaded", is_loaded).await;
    }

    /// A standby of this server, which streams what is committed here. It is asynchronous unless
    /// `synchronous_standby_names` is [`Postgres::set`] to `*`.
    pub async fn standby(&self) -> Self {
        let folder = Folder::new("standby");
        let args = format!(
            "--pgdata=data --write-recovery-conf --wal-method=stream --checkpoint=fast --no-sync \
             --host=127.0.0.1 --port={} --username=postgres",
            self.instance.port()
        );
        let args: Vec<&str> = args.split_whitespace().collect();
        programs::run("pg_basebackup", folder.path(), &args).await;
        let mut standby = Self::new(folder, free_port());
        standby.settings.clone_from(&self.settings);
        standby.run().await;
        standby.until("it streams", "SELECT status = 'streaming' FROM pg_stat_wal_receiver").await;
        standby
    }

    /// Waits until this standby has all that its primary has now.
    pub async fn catch_up_with(&self, primary: &Self) {
        let position = "SELECT pg_current_wal_lsn()::text";
        let client = connect(&primary.url()).await;
        let position = client.query_one(position, &[]).await.expect("a primary that runs");
        let position: &str = position.get(0);
        let has_it = format!("SELECT pg_last_wal_replay_lsn() >= '{position}'::pg_lsn");
        self.until("it caught up", &has_it).await;
    }

    /// Makes this standby the primary.
    pub async fn promote(&self) {
        let client = connect(&self.url()).await;
        client.batch_execute("SELECT pg_promote()").await.expect("a standby that runs");
        self.until("it is promoted", "SELECT NOT pg_is_in_recovery()").await;
    }

    /// How to connect to the database `postgres`.
    pub fn url(&self) -> String {
        self.url_for("postgres")
    }

    /// How to connect to this database.
    pub fn url_for(&self, database: &str) -> String {
        format!("postgres://postgres@{}/{database}", self.address())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.instance.port()).into()
    }

    /// Kills it, as a loss of power does.
    pub async fn kill(&mut self) {
        self.instance.kill().await;
    }

    /// Stops it in good order; connections are closed.
    pub async fn stop(&mut self) {
        self.instance.stop(Signal::INT).await;
    }

    /// Stops it, if it is running, and starts it again on the same port, with its data.
    pub async fn restart(&mut self) {
        self.stop().await;
        self.run().await;
    }

    /// A connection to the database `postgres`. A server that starts again after the crash of one of its processes is
    /// waited for; of one that is gone, its log says why.
    async fn connect(&self) -> Client {
        const PATIENCE: Duration = Duration::from_secs(5);
        let begun = Instant::now();
        loop {
            match try_connect(&self.url()).await {
                Ok(client) => return client,
                Err(error) if begun.elapsed() > PATIENCE => {
                    panic!("connecting to {}: {error:?}\n{}", self.url(), self.instance.log_tail())
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// Waits until a question has a row, and the answer is yes.
    async fn until(&self, what: &str, question: &str) {
        let client = connect(&self.url()).await;
        let is_so = async || {
            let row = client.query_opt(question, &[]).await.expect("a server that runs");
            row.is_some_and(|row| row.get::<_, Option<bool>>(0) == Some(true))
        };
        until(what, is_so).await;
    }

    async fn run(&mut self) {
        let port = self.instance.port();
        let mut args = vec!["-D".to_owned(), "data".to_owned(), "-p".to_owned(), port.to_string()];
        args.extend(self.settings.iter().flat_map(|setting| ["-c".to_owned(), setting.clone()]));
        let url = self.url();
        self.instance.start(&args, async || try_connect(&url).await.is_ok()).await;
    }
}

impl Server for Postgres {
    const NAME: &str = "postgres";

    fn new(folder: Folder, port: u16) -> Self {
        let settings = [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=200",
            // In files of its folder, which go with it.
            "dynamic_shared_memory_type=mmap",
        ];
        Self {
            instance: Instance::new("postgres", folder, port),
            settings: settings.map(str::to_owned).to_vec(),
        }
    }

    async fn set_up(&mut self) {
        let args = "--pgdata=data --auth=trust --username=postgres --encoding=UTF8 --locale=C \
                    --no-sync --no-instructions";
        let args: Vec<&str> = args.split_whitespace().collect();
        programs::run("initdb", self.instance.folder().path(), &args).await;
        self.run().await;
    }
}

/// A connection to a PostgreSQL server that is there.
pub async fn connect(url: &str) -> Client {
    try_connect(url).await.unwrap_or_else(|error| panic!("connecting to {url}: {error:?}"))
}

/// A connection to a PostgreSQL server.
pub async fn try_connect(url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    // Its errors come out where the client is used.
    tokio::spawn(connection);
    Ok(client)
}

async fn drop_database(server_url: String, name: String) {
    if let Ok(client) = try_connect(&server_url).await {
        let _ = client.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
    }
}
