//! Connections: opened to whichever of the hosts takes writes, and pooled.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use deadpool::managed::{self, Metrics, RecycleError, RecycleResult};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::names::Names;
use super::server_clock::ServerClock;
use super::tls;
use super::url::PostgresUrl;
use crate::error::{StoreError, StoreErrorKind};

/// The half of a connection that does its work; it has to be polled.
pub(super) type Driver =
    tokio_postgres::Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>;

/// Opens connections.
pub(super) struct Opener {
    url: PostgresUrl,
    tls: MakeRustlsConnect,
    pub(super) clock: ServerClock,
    pub(super) names: Arc<Names>,
    timeline: Mutex<Option<String>>,
}

impl Opener {
    pub(super) fn new(
        url: PostgresUrl,
        clock: ServerClock,
        names: Arc<Names>,
    ) -> Result<Self, StoreError> {
        let tls = tls::connector(&url.trust).map_err(|problem| {
            StoreError::new(StoreErrorKind::Url, format!("store URL {url}: {problem}"))
        })?;
        Ok(Self { url, tls, clock, names, timeline: Mutex::default() })
    }

    /// Opens one.
    pub(super) async fn open(&self) -> Result<(Client, Driver), tokio_postgres::Error> {
        self.url.config.connect(self.tls.clone()).await
    }

    /// Opens one that is polled by a task of its own, which ends with it.
    async fn open_driven(&self) -> Result<Client, tokio_postgres::Error> {
        let (client, driver) = self.open().await?;
        tokio::spawn(async move {
            // Whoever uses the connection is told the same.
            if let Err(error) = driver.await {
                tracing::debug!(%error, "a connection to PostgreSQL ended");
            }
        });
        Ok(client)
    }

    /// Learns about the server: its clock, and whether it is still the one that was there before.
    async fn greet(&self, client: &Client) -> Result<(), tokio_postgres::Error> {
        // The timeline, the first eight digits of the name of a WAL file, changes when a standby takes over. A standby
        // itself has none to tell.
        const HELLO: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, \
            CASE WHEN pg_is_in_recovery() THEN '' ELSE left(pg_walfile_name(pg_current_wal_lsn()), 8) END";
        let begun = Instant::now();
        let row = client.query_typed_one(HELLO, &[]).await?;
        self.clock.observe(row.try_get(0)?, begun.elapsed());
        let timeline: String = row.try_get(1)?;
        let mut known = self.timeline.lock().unwrap_or_else(PoisonError::into_inner);
        if known.as_ref().is_some_and(|known| *known != timeline) {
            tracing::warn!(store = %self.url, "another server has taken over");
            // What the old one stored last may not be known to the new one.
            self.names.forget();
        }
        *known = Some(timeline);
        Ok(())
    }
}

/// A connection that knows by which marks to find its own transactions again.
pub(super) struct Connection {
    pub(super) client: Client,
    /// Unlike that of any other connection.
    writer: i64,
    /// The number of its next transaction.
    next: i64,
}

impl Connection {
    /// So many marks that were never given out.
    pub(super) fn marks(&mut self, count: usize) -> Vec<(i64, i64)> {
        let from = self.next;
        self.next += count as i64;
        (from..self.next).map(|n| (self.writer, n)).collect()
    }
}

/// Makes the connections of a pool.
pub(super) struct Manager(pub(super) Arc<Opener>);

impl managed::Manager for Manager {
    type Type = Connection;
    type Error = tokio_postgres::Error;

    async fn create(&self) -> Result<Connection, tokio_postgres::Error> {
        let client = self.0.open_driven().await?;
        self.0.greet(&client).await?;
        let writer = rand::random::<i64>() & i64::MAX;
        Ok(Connection { client, writer: writer.max(1), next: 1 })
    }

    async fn recycle(
        &self,
        connection: &mut Connection,
        _: &Metrics,
    ) -> RecycleResult<tokio_postgres::Error> {
        match connection.client.is_closed() {
            true => Err(RecycleError::message("closed")),
            false => Ok(()),
        }
    }
}

/// A connection taken from the pool. Unless it is given back it is closed, and whatever it was about is undone: also when
/// the caller went away in the middle.
pub(super) struct Lease(Option<managed::Object<Manager>>);

impl Lease {
    pub(super) fn new(object: managed::Object<Manager>) -> Self {
        Self(Some(object))
    }

    pub(super) fn get(&mut self) -> Option<&mut Connection> {
        self.0.as_deref_mut()
    }

    /// Gives it back, to be used again.
    pub(super) fn give_back(mut self) {
        self.0 = None;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(object) = self.0.take() {
            drop(managed::Object::take(object));
        }
    }
}

/// How long a connection may take to be opened, over all hosts.
pub(super) const OPENING: Duration = Duration::from_secs(20);
