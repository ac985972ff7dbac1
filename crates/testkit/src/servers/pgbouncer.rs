//! PgBouncer, before PostgreSQL.

use rustix::process::Signal;

use super::Postgres;
use super::folder::Folder;
use super::instance::Instance;
use super::port::{by_way_of, free_port};
use super::postgres::try_connect;

/// A PgBouncer in transaction mode: each transaction of a client may have another connection to the server.
#[derive(Debug)]
pub struct PgBouncer {
    instance: Instance,
    server_port: u16,
    server_url: String,
}

impl PgBouncer {
    /// One before this server, for all its databases.
    pub async fn start(server: &Postgres) -> Self {
        let (port, server_port) = (free_port(), server.address().port());
        let folder = Folder::new("pgbouncer");
        let config = format!(
            "[databases]\n\
             * = host=127.0.0.1 port={server_port} user=postgres\n\
             [pgbouncer]\n\
             listen_addr = 127.0.0.1\n\
             listen_port = {port}\n\
             unix_socket_dir =\n\
             auth_type = any\n\
             pool_mode = transaction\n"
        );
        std::fs::write(folder.path().join("pgbouncer.ini"), config).expect("room for a file");
        let instance = Instance::new("pgbouncer", folder, port);
        let mut bouncer = Self { instance, server_port, server_url: server.url() };
        bouncer.run().await;
        bouncer
    }

    /// The URL of a database on the server, by way of this.
    pub fn url(&self, url: &str) -> String {
        by_way_of(self.instance.port(), self.server_port, url)
    }

    /// Kills it.
    pub async fn kill(&mut self) {
        self.instance.kill().await;
    }

    /// Stops it, if it is running, and starts it again on the same port.
    pub async fn restart(&mut self) {
        self.instance.stop(Signal::TERM).await;
        self.run().await;
    }

    async fn run(&mut self) {
        let url = self.url(&self.server_url);
        let args = ["pgbouncer.ini".to_owned()];
        self.instance.start(&args, async || try_connect(&url).await.is_ok()).await;
    }
}
