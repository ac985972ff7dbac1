//! MariaDB.

use std::net::{Ipv4Addr, SocketAddr};

use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use rustix::process::Signal;
use tokio::sync::OnceCell;

use super::database::{self, Database};
use super::folder::Folder;
use super::instance::Instance;
use super::port::free_port;
use super::programs;
use super::shared::{Server, found_or_started};

/// A MariaDB server. Its user `root` may do all, and has no password.
#[derive(Debug)]
pub struct MariaDb {
    instance: Instance,
    settings: Vec<String>,
}

impl MariaDb {
    /// The server that the tests of a run share.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<MariaDb> = OnceCell::const_new();
        SHARED.get_or_init(found_or_started).await
    }

    /// A server of one's own.
    pub async fn start() -> Self {
        Self::start_own().await
    }

    /// A server of one's own with other settings than the usual, as `my.cnf` has them.
    pub async fn start_with(settings: &[(&str, &str)]) -> Self {
        let mut server = Self::new(Folder::new(Self::NAME), free_port());
        server.add_settings(settings.iter().map(|(name, value)| format!("--{name}={value}")));
        server.set_up().await;
        server
    }

    /// A new, empty database.
    pub async fn create_database(&self) -> Database {
        let name = database::new_name();
        let server_url = self.url();
        let mut connection = connect(&server_url).await;
        connection.query_drop(format!("CREATE DATABASE {name}")).await.expect("a new database");
        let url = self.url_for(&name);
        Database::new(name, url, server_url, |url, name| Box::pin(drop_database(url, name)))
    }

    /// How to connect to the server, and to no database of it.
    pub fn url(&self) -> String {
        self.url_for("")
    }

    /// How to connect to this database.
    pub fn url_for(&self, database: &str) -> String {
        format!("mysql://root@{}/{database}", self.address())
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
        self.instance.stop(Signal::TERM).await;
    }

    /// Stops it, if it is running, and starts it again on the same port, with its data.
    pub async fn restart(&mut self) {
        self.stop().await;
        self.run().await;
    }

    /// More settings, as arguments of the server.
    pub(super) fn add_settings(&mut self, settings: impl IntoIterator<Item = String>) {
        self.settings.extend(settings);
    }

    /// Makes the data of a new server.
    pub(super) async fn install(&self) {
        let folder = self.instance.folder();
        let data = format!("--datadir={}", folder.data().display());
        let args = ["--no-defaults", &data, "--auth-root-authentication-method=normal"];
        programs::run("mariadb-install-db", folder.path(), &args).await;
    }

    /// Makes a place for data that come from elsewhere.
    pub(super) async fn make_data_folder(&self) {
        programs::run("mkdir", self.instance.folder().path(), &["data"]).await;
    }

    /// Starts it, with more arguments for this time.
    pub(super) async fn run_with(&mut self, args: &[String]) {
        let url = self.url();
        let args = [self.settings.as_slice(), args].concat();
        self.instance.start(&args, async || try_connect(&url).await.is_ok()).await;
    }

    /// The last transaction of the cluster that the data of a killed server hold.
    pub(super) async fn recovered_position(&self, cluster_address: &str) -> String {
        let args = ["--wsrep-recover".to_owned(), cluster_address.to_owned()];
        let args = [self.settings.as_slice(), &args].concat();
        let output = programs::run("mariadbd", self.instance.folder().path(), &args).await;
        let log = String::from_utf8_lossy(&output.stderr);
        let position = log.lines().find_map(|line| line.split_once("Recovered position:"));
        let position = position.unwrap_or_else(|| panic!("no position of the cluster in:\n{log}"));
        position.1.trim().to_owned()
    }

    /// Whether it was started, and neither stopped nor killed.
    pub(super) fn is_running(&self) -> bool {
        self.instance.is_running()
    }

    async fn run(&mut self) {
        self.run_with(&[]).await;
    }
}

impl Server for MariaDb {
    const NAME: &str = "mariadb";

    fn new(folder: Folder, port: u16) -> Self {
        let data = folder.data();
        let settings = [
            // First, as the server wants it: what the machine has in /etc/mysql is not ours.
            "--no-defaults".to_owned(),
            format!("--datadir={}", data.display()),
            format!("--port={port}"),
            "--bind-address=127.0.0.1".to_owned(),
            "--skip-name-resolve".to_owned(),
            "--max-connections=200".to_owned(),
            // In the data folder; a whole path would soon be too long for a socket.
            "--socket=socket".to_owned(),
        ];
        Self { instance: Instance::new("mariadbd", folder, port), settings: settings.to_vec() }
    }

    async fn set_up(&mut self) {
        self.install().await;
        self.run().await;
    }
}

/// A connection to a MariaDB or MySQL server that is there.
pub async fn connect(url: &str) -> Conn {
    try_connect(url).await.unwrap_or_else(|error| panic!("connecting to {url}: {error}"))
}

/// A connection to a MariaDB or MySQL server.
pub async fn try_connect(url: &str) -> mysql_async::Result<Conn> {
    Conn::from_url(url).await
}

async fn drop_database(server_url: String, name: String) {
    if let Ok(mut connection) = try_connect(&server_url).await {
        // A transaction that a test left open holds it for ever.
        let _ = connection.query_drop("SET lock_wait_timeout = 1").await;
        let _ = connection.query_drop(format!("DROP DATABASE IF EXISTS {name}")).await;
    }
}
