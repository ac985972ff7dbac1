//! How statements are run: on a pooled connection, again where that is safe, and each transaction that writes in such a way
//! that it is known afterwards whether it was committed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use deadpool::managed::{Pool, PoolError};
use futures_util::future::{join, join_all};
use tokio::time::timeout;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

use super::call::Call;
use super::connection::{Lease, Manager, OPENING, Opener};
use super::error::{Remedy, in_full, remedy, wrap};
use super::url::PostgresUrl;
use crate::error::{StoreError, StoreErrorKind};
use crate::store::native::args::text_hash;

/// How long an answer may take that the engine waits for. A server that is silent for longer is taken for lost.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long the answer to a question of any size may take.
const LONG_PATIENCE: Duration = Duration::from_secs(3600);

/// How often a transaction is tried again that others were in the way of.
const REPEATS: u32 = 50;

/// How often something is tried on another connection before the caller is told.
const RECONNECTS: u32 = 3;

/// After so many transactions of this process the ledger is folded.
const FOLD_EVERY: u64 = 2000;

/// An open transaction of a connection that is gone must not hold its locks for long.
const BEGIN: &str =
    "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL idle_in_transaction_session_timeout = '20s'";

/// What became of a statement that gave no rows.
enum Failure {
    Driver(tokio_postgres::Error),
    /// No answer came in time.
    Silent,
    Pool(String),
}

impl Failure {
    fn remedy(&self) -> Remedy {
        match self {
            Failure::Driver(error) => remedy(error),
            Failure::Silent | Failure::Pool(_) => Remedy::Reconnect,
        }
    }
}

/// How a transaction failed.
enum Undone {
    /// For certain: nothing was committed.
    Surely(Failure),
    /// The connection was lost while it committed; these are its mark and its answers.
    Perhaps((i64, i64), Vec<Vec<Row>>),
    /// Not begun: the numbers of names in it are those of another server.
    Outdated,
}

/// A database with a schema of ours.
pub(super) struct Database {
    pool: Pool<Manager>,
    pub(super) opener: Arc<Opener>,
    /// The URL without its password, for messages.
    place: String,
    /// The schema as it stands in SQL.
    pub(super) schema: String,
    writes: AtomicU64,
}

impl Database {
    pub(super) fn new(url: &PostgresUrl, opener: Opener) -> Result<Self, StoreError> {
        let opener = Arc::new(opener);
        let pool = Pool::builder(Manager(Arc::clone(&opener)))
            .max_size(url.connections)
            .runtime(deadpool::Runtime::Tokio1)
            .create_timeout(Some(OPENING))
            .build()
            .map_err(|error| StoreError::new(StoreErrorKind::Other, error.to_string()))?;
        let (place, schema) = (url.to_string(), url.quoted_schema());
        Ok(Self { pool, opener, place, schema, writes: AtomicU64::new(0) })
    }

    /// A call of a function of the schema.
    pub(super) fn function(&self, name: &'static str) -> Call {
        Call::function(&self.schema, name)
    }

    /// A key for an advisory lock that nothing else takes.
    pub(super) fn lock_key(&self, what: &str) -> i64 {
        text_hash(&format!("action_scheduler {} {what}", self.schema))
    }

    /// Runs a statement that can as well be run twice, such as a question.
    pub(super) async fn read(&self, doing: &str, call: Call) -> Result<Vec<Row>, StoreError> {
        self.read_within(doing, call, LONG_PATIENCE).await
    }

    /// The same, when the engine waits for it.
    pub(super) async fn read_soon(&self, doing: &str, call: Call) -> Result<Vec<Row>, StoreError> {
        self.read_within(doing, call, PATIENCE).await
    }

    async fn read_within(
        &self,
        doing: &str,
        call: Call,
        patience: Duration,
    ) -> Result<Vec<Row>, StoreError> {
        let mut tries = Tries::default();
        loop {
            match self.ask(&call, patience).await {
                Ok(rows) => return Ok(rows),
                Err(failure) => self.go_on(&mut tries, doing, failure).await?,
            }
        }
    }

    async fn ask(&self, call: &Call, patience: Duration) -> Result<Vec<Row>, Failure> {
        let mut lease = self.lease().await?;
        let Some(connection) = lease.get() else { return Err(Failure::Silent) };
        let rows = timeout(patience, run(&connection.client, call, None)).await;
        let rows = rows.map_err(|_| Failure::Silent)?;
        // After a refusal the connection is as good as before.
        if rows.as_ref().map_or_else(|error| remedy(error) != Remedy::Reconnect, |_| true) {
            lease.give_back();
        }
        rows.map_err(Failure::Driver)
    }

    /// Runs calls of functions that write in one transaction, in order. They are given a mark each, as their last two
    /// parameters, which they store: by that it is found out whether a transaction was committed whose connection was
    /// lost at that moment. Nothing is done twice, and nothing that was done is reported as failed.
    pub(super) async fn write(
        self: &Arc<Self>,
        doing: &str,
        calls: &[Call],
    ) -> Result<Vec<Vec<Row>>, StoreError> {
        self.write_within(doing, calls, PATIENCE, None).await.map(Option::unwrap_or_default)
    }

    /// The same, if the names have not been forgotten since they were so often; `None` if they have.
    pub(super) async fn write_names(
        self: &Arc<Self>,
        doing: &str,
        calls: &[Call],
        forgotten: u64,
    ) -> Result<Option<Vec<Vec<Row>>>, StoreError> {
        self.write_within(doing, calls, LONG_PATIENCE, Some(forgotten)).await
    }

    /// The same, for what may take its time.
    pub(super) async fn write_slowly(
        self: &Arc<Self>,
        doing: &str,
        calls: &[Call],
    ) -> Result<Vec<Vec<Row>>, StoreError> {
        self.write_within(doing, calls, LONG_PATIENCE, None).await.map(Option::unwrap_or_default)
    }

    async fn write_within(
        self: &Arc<Self>,
        doing: &str,
        calls: &[Call],
        patience: Duration,
        forgotten: Option<u64>,
    ) -> Result<Option<Vec<Vec<Row>>>, StoreError> {
        let mut tries = Tries::default();
        loop {
            match self.transact(calls, patience, forgotten).await {
                Ok(rows) => {
                    self.count_write();
                    return Ok(Some(rows));
                }
                Err(Undone::Outdated) => return Ok(None),
                Err(Undone::Surely(failure)) => self.go_on(&mut tries, doing, failure).await?,
                Err(Undone::Perhaps(mark, rows)) => {
                    tracing::warn!(store = self.place, "the connection was lost during a commit");
                    if self.was_committed(mark).await? {
                        return Ok(Some(rows));
                    }
                }
            }
        }
    }

    async fn transact(
        &self,
        calls: &[Call],
        patience: Duration,
        forgotten: Option<u64>,
    ) -> Result<Vec<Vec<Row>>, Undone> {
        let mut lease = self.lease().await.map_err(Undone::Surely)?;
        if forgotten.is_some_and(|forgotten| forgotten != self.opener.names.forgotten()) {
            lease.give_back();
            return Err(Undone::Outdated);
        }
        let Some(connection) = lease.get() else { return Err(Undone::Surely(Failure::Silent)) };
        let marks = connection.marks(calls.len());
        let client = &connection.client;
        // One round trip: the server reads them one after the other.
        let work = calls.iter().zip(&marks).map(|(call, mark)| run(client, call, Some(*mark)));
        let work = join(client.batch_execute(BEGIN), join_all(work));
        let (begun, answers) = match timeout(patience, work).await {
            Ok(done) => done,
            Err(_) => return Err(Undone::Surely(Failure::Silent)),
        };
        let rows: Result<Vec<_>, _> = begun.and_then(|()| answers.into_iter().collect());
        let rows = match rows {
            Ok(rows) => rows,
            Err(error) => {
                // A connection that cannot even do that is not used again.
                if remedy(&error) != Remedy::Reconnect {
                    let undone = timeout(PATIENCE, client.batch_execute("ROLLBACK")).await;
                    if matches!(undone, Ok(Ok(()))) {
                        lease.give_back();
                    }
                }
                return Err(Undone::Surely(Failure::Driver(error)));
            }
        };
        let committed = timeout(PATIENCE, client.batch_execute("COMMIT")).await;
        match committed {
            Ok(Ok(())) => {
                lease.give_back();
                Ok(rows)
            }
            Ok(Err(error)) if is_refusal(&error) => Err(Undone::Surely(Failure::Driver(error))),
            Ok(Err(_)) | Err(_) => match marks.last() {
                Some(mark) => Err(Undone::Perhaps(*mark, rows)),
                None => Ok(rows),
            },
        }
    }

    /// Finds out whether a transaction was committed. As long as the database cannot be asked, it is not known, and the
    /// caller has to wait: whatever it was told could be wrong.
    async fn was_committed(&self, (writer, n): (i64, i64)) -> Result<bool, StoreError> {
        // Waits for a transaction that is still under way on the server, and keeps out one that has not got there yet.
        let sql = format!(
            "INSERT INTO {}.ledger (writer, n, fence) VALUES ($1, $2, true) \
             ON CONFLICT (writer, n) DO UPDATE SET n = excluded.n RETURNING fence",
            self.schema
        );
        let question = Call::statement(sql).with(writer).with(n);
        let doing = "looking for a transaction";
        loop {
            match self.ask(&question, PATIENCE).await {
                Ok(rows) => {
                    let fence = rows.first().map(|row| row.try_get::<_, bool>(0)).transpose();
                    return Ok(fence.map_err(wrap(self.place.as_str(), doing))? == Some(false));
                }
                Err(failure) if failure.remedy() == Remedy::Report => {
                    return Err(self.tell(doing, failure));
                }
                Err(failure) => {
                    let error = self.tell(doing, failure);
                    tracing::warn!(%error, "it is not known whether something was stored; asking again");
                    self.close_idle();
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
            }
        }
    }

    /// Gets ready for another try, if one makes sense.
    async fn go_on(
        &self,
        tries: &mut Tries,
        doing: &str,
        failure: Failure,
    ) -> Result<(), StoreError> {
        match failure.remedy() {
            Remedy::Repeat if tries.repeats < REPEATS => {
                tries.repeats += 1;
                let most = 1_000 * u64::from(tries.repeats.min(20));
                tokio::time::sleep(Duration::from_micros(rand::random_range(0..=most))).await;
                Ok(())
            }
            Remedy::Reconnect if tries.reconnects < RECONNECTS => {
                tries.reconnects += 1;
                self.close_idle();
                Ok(())
            }
            _ => Err(self.tell(doing, failure)),
        }
    }

    /// What ended one connection has most likely ended the others.
    fn close_idle(&self) {
        self.pool.retain(|_, _| false);
    }

    fn tell(&self, doing: &str, failure: Failure) -> StoreError {
        let problem = match failure {
            Failure::Driver(error) => return wrap(self.place.as_str(), doing)(error),
            Failure::Silent => "no answer came in time".to_owned(),
            Failure::Pool(problem) => problem,
        };
        StoreError::new(
            StoreErrorKind::Unavailable,
            format!(
                "{}: {doing}: the server cannot be reached or does not answer ({problem})",
                self.place
            ),
        )
    }

    /// An error about an answer that this program would not have written.
    pub(super) fn unreadable(&self, doing: &str, problem: impl std::fmt::Display) -> StoreError {
        StoreError::new(
            StoreErrorKind::Corrupt,
            format!("{}: {doing}: unexpected answer of PostgreSQL ({problem})", self.place),
        )
    }

    async fn lease(&self) -> Result<Lease, Failure> {
        match self.pool.get().await {
            Ok(object) => Ok(Lease::new(object)),
            Err(PoolError::Backend(error)) => Err(Failure::Driver(error)),
            Err(error) => Err(Failure::Pool(error.to_string())),
        }
    }

    /// Folds the ledger now and then, beside the work.
    fn count_write(self: &Arc<Self>) {
        if self.writes.fetch_add(1, Ordering::Relaxed) % FOLD_EVERY != FOLD_EVERY - 1 {
            return;
        }
        let database = Arc::clone(self);
        tokio::spawn(async move {
            let fold = database.function("fold_ledger").with(database.lock_key("fold"));
            if let Err(error) = database.read("folding the ledger", fold).await {
                tracing::warn!(%error, "the ledger will be folded later");
            }
        });
    }

    /// Closes all connections.
    pub(super) fn close(&self) {
        self.pool.close();
    }
}

/// Whether the server itself said that it did not commit.
fn is_refusal(error: &tokio_postgres::Error) -> bool {
    error
        .code()
        .is_some_and(|state| !state.code().starts_with("57") && !state.code().starts_with("08"))
}

#[derive(Default)]
struct Tries {
    repeats: u32,
    reconnects: u32,
}

/// Sends a statement, by an unnamed statement in one round trip.
async fn run(
    client: &Client,
    call: &Call,
    mark: Option<(i64, i64)>,
) -> Result<Vec<Row>, tokio_postgres::Error> {
    let mut parameters = call.parameters();
    if let Some((writer, n)) = &mark {
        parameters.push((writer, Type::INT8));
        parameters.push((n, Type::INT8));
    }
    let sql = call.sql(if mark.is_some() { 2 } else { 0 });
    client.query_typed(&sql, &parameters).await.inspect_err(|error| {
        tracing::debug!(error = in_full(error), sql, "a statement failed");
    })
}
