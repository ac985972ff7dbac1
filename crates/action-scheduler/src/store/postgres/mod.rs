//! PostgreSQL: the store for many machines.
//!
//! A method is one call of a function of the schema (`sql/`), which does all its steps, within a transaction whose fate is
//! always found out (`database`). The tables, and why they are as they are: `sql/1.sql`.

mod attempts;
mod call;
mod chains;
mod change;
mod claim;
mod clean;
mod connection;
mod database;
mod error;
mod export;
mod figures;
mod finish;
pub(super) mod floor;
mod frontier;
mod import;
mod insert;
mod journal;
mod names;
mod once;
pub(super) mod outside;
mod records;
mod rounds;
mod row;
mod runners;
mod schema;
mod select;
mod server_clock;
mod stats;
mod tally;
mod text;
mod tls;
mod url;
mod wakes;
mod walk;

use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::watch as signal;
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use self::call::Call;
use self::connection::Opener;
use self::database::Database;
use self::frontier::Frontier;
use self::names::Names;
use self::server_clock::ServerClock;
pub use self::url::PostgresUrl;
use self::wakes::Wakes;
use super::set_back::SeenTimes;
use super::*;
use crate::error::StoreError;

/// A store in a schema of a PostgreSQL database.
pub struct PostgresStore {
    clock: Clock,
    wakes: Arc<Wakes>,
    database: Arc<Database>,
    frontier: Arc<Mutex<Frontier>>,
    walks: Mutex<JoinSet<()>>,
    seen: Mutex<SeenTimes>,
    /// Before this claim none has anything left to start.
    open_from: AtomicI64,
    _tasks: [AbortOnDropHandle<()>; 2],
}

impl PostgresStore {
    /// Opens the store at a URL, creates its schema when it is missing, and brings that to the newest layout.
    ///
    /// The clock is that of tests, or [`Clock::remote`], which is kept to the server's.
    pub async fn open(url: &str, clock: Clock) -> Result<Self> {
        Self::open_at(&PostgresUrl::parse(url)?, clock).await
    }

    pub(super) async fn open_at(url: &PostgresUrl, clock: Clock) -> Result<Self> {
        let server_clock = ServerClock::new(clock.clone());
        let opener = Opener::new(url.clone(), server_clock, Arc::new(Names::default()))?;
        let client = connect(&opener, url).await?;
        schema::migrate(&client, url).await?;
        drop(client);
        let database = Arc::new(Database::new(url, opener)?);
        let newest =
            format!("SELECT created_at FROM {}.actions ORDER BY id DESC LIMIT 1", database.schema);
        let newest = database.read("opening the store", Call::statement(newest)).await?;
        // A date that cannot be read is found when its action is claimed; it keeps nobody from the others.
        let newest = newest.first().and_then(|row| row::time(row, 0).ok());
        let wakes = Arc::new(Wakes::new(&url.schema));
        let tasks = wakes.begin(&database);
        Ok(Self {
            seen: Mutex::new(SeenTimes::since(newest.unwrap_or_else(|| clock.now()))),
            clock,
            wakes,
            database,
            frontier: Arc::default(),
            walks: Mutex::default(),
            open_from: AtomicI64::new(0),
            _tasks: tasks,
        })
    }

    /// What opening the store would change in the database.
    pub(super) async fn pending_migrations(url: &PostgresUrl) -> Result<Vec<Migration>> {
        Ok(schema::pending(&connect_alone(url).await?, url).await?)
    }

    /// A value that was read, or what is wrong with it.
    fn read<T>(&self, doing: &str, value: row::Read<T>) -> Result<T, StoreError> {
        value.map_err(|problem| self.database.unreadable(doing, problem))
    }

    /// Sees to actions that were stored: who waits is woken, and claims look where they are.
    fn arrived(&self, inserts: &[Insert], now: Timestamp) {
        if let Some(first) = inserts.iter().map(|one| one.action.schedule.first_date(now)).min() {
            self.arrive(first);
        }
        self.wakes.wake_here();
    }
}

/// A connection outside of the pool.
async fn connect(opener: &Opener, url: &PostgresUrl) -> Result<tokio_postgres::Client, StoreError> {
    let (client, driver) =
        opener.open().await.map_err(error::wrap(url.to_string(), "connecting"))?;
    // Whoever uses the connection is told of its end.
    tokio::spawn(async move { drop(driver.await) });
    Ok(client)
}

/// A connection that belongs to no store.
async fn connect_alone(url: &PostgresUrl) -> Result<tokio_postgres::Client, StoreError> {
    let opener = Opener::new(url.clone(), ServerClock::new(Clock::system()), Arc::default())?;
    connect(&opener, url).await
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        self.database.close();
    }
}

#[async_trait]
impl Store for PostgresStore {
    fn clock(&self) -> &Clock {
        &self.clock
    }

    fn wake(&self) -> signal::Receiver<u64> {
        self.wakes.subscribe()
    }

    async fn insert(&self, actions: Vec<Insert>) -> Result<Vec<Option<ActionId>>> {
        self.insert_all(&actions).await
    }

    async fn insert_once(&self, receipt: Receipt, actions: Vec<Insert>) -> Result<Once> {
        receipt.check()?;
        self.insert_all_once(&receipt, &actions).await
    }

    fn insert_statements(&self, action: &Insert) -> Vec<Statement> {
        self.statements_for_caller(action)
    }

    async fn claim(&self, request: ClaimRequest) -> Result<Claiming> {
        self.claim_batch(&request).await
    }

    async fn start(&self, starts: Vec<Start>, context: &Context) -> Result<Vec<Started>> {
        self.start_all(&starts, context).await
    }

    async fn finish(&self, finishes: Vec<Finish>, context: &Context) -> Result<Vec<Recorded>> {
        self.finish_all(&finishes, context).await
    }

    async fn attempts(&self, of: AttemptsOf) -> Result<Vec<OpenAttempt>> {
        self.open_attempts(&of).await
    }

    async fn release(&self, claims: Vec<ClaimId>, context: &Context) -> Result<u64> {
        self.release_all(&claims, context).await
    }

    async fn register(&self, runner: NewRunner) -> Result<RunnerId> {
        self.register_runner(&runner).await
    }

    async fn heartbeat(&self, runner: RunnerId) -> Result<bool> {
        self.beat(runner).await
    }

    async fn unregister(&self, runner: RunnerId, context: &Context) -> Result<()> {
        self.unregister_runner(runner, context).await
    }

    async fn heartbeats(&self) -> Result<Vec<Heartbeat>> {
        self.list_heartbeats().await
    }

    async fn runners(&self) -> Result<Vec<Runner>> {
        self.list_runners().await
    }

    async fn recover(&self, dead: Vec<DeadRunner>, context: &Context) -> Result<Recovery> {
        self.recover_dead(&dead, context).await
    }

    async fn cancel(
        &self,
        target: Target,
        reason: Option<String>,
        context: &Context,
    ) -> Result<Vec<Change>> {
        self.cancel_all(&target, reason.as_deref(), context).await
    }

    async fn delete(&self, target: Target) -> Result<Vec<Change>> {
        self.delete_all(&target).await
    }

    async fn requeue(&self, target: Target, to: Requeue, context: &Context) -> Result<Vec<Change>> {
        self.requeue_all(target, to, context).await
    }

    async fn fetch(&self, ids: Vec<ActionId>) -> Result<Vec<Action>> {
        self.fetch_actions(&ids).await
    }

    async fn query(&self, query: Query) -> Result<Vec<Action>> {
        self.query_actions(&query).await
    }

    async fn count(&self, query: Query) -> Result<u64> {
        self.count_actions(&query).await
    }

    async fn append_log(
        &self,
        entries: Vec<(ActionId, NewLogEntry)>,
        context: &Context,
    ) -> Result<()> {
        self.append_entries(&entries, context).await
    }

    async fn logs(&self, ids: Vec<ActionId>) -> Result<Vec<LogEntry>> {
        self.read_logs(&ids).await
    }

    async fn next_due(&self, filter: ClaimFilter) -> Result<Option<Timestamp>> {
        self.first_due(&filter).await
    }

    async fn chains(&self, query: ChainQuery) -> Result<Vec<Chain>> {
        self.query_chains(&query).await
    }

    async fn latest_instances(&self, chains: Vec<ChainId>, each: u32) -> Result<Vec<Action>> {
        self.latest_of_chains(&chains, each).await
    }

    async fn change_chain(
        &self,
        id: ChainId,
        change: ChainChange,
        context: &Context,
    ) -> Result<ChainChanged> {
        self.change_one_chain(id, &change, context).await
    }

    async fn hooks(&self) -> Result<Vec<Hook>> {
        self.all_hooks().await
    }

    async fn groups(&self) -> Result<Vec<Group>> {
        self.all_groups().await
    }

    async fn tally(&self, by: TallyBy) -> Result<Vec<Tally>> {
        self.count_by(by).await
    }

    async fn claims(&self, query: ClaimsQuery) -> Result<Vec<OpenClaim>> {
        self.list_claims(query).await
    }

    async fn stats(&self) -> Result<Stats> {
        self.read_stats().await
    }

    async fn clean(&self, batch: CleanBatch) -> Result<Cleaned> {
        self.clean_batch(&batch).await
    }

    async fn clean_orphans(&self, limit: u32) -> Result<u64> {
        self.clean_what_is_left(limit).await
    }

    async fn ping(&self) -> Result<()> {
        let asking = async {
            Ok(self.database.read_soon("asking for an answer", Call::statement("SELECT 1")).await?)
        };
        answered_soon("PostgreSQL", asking).await
    }

    async fn put_records(&self, puts: Vec<PutRecord>) -> Result<Vec<Put>> {
        check_records(&puts)?;
        self.put_all_records(&puts).await
    }

    async fn records(&self, query: RecordsQuery) -> Result<Vec<Record>> {
        self.list_records(&query).await
    }

    async fn delete_records(&self, kind: RecordKind, keys: Vec<String>) -> Result<Vec<bool>> {
        self.delete_all_records(&kind, &keys).await
    }

    async fn add_figures(&self, figures: Vec<Figure>) -> Result<()> {
        self.add_all_figures(figures).await
    }

    async fn figures(&self, query: FiguresQuery) -> Result<Vec<Figure>> {
        self.list_figures(&query).await
    }

    async fn identity(&self) -> Result<StoreId> {
        self.read_identity().await
    }

    async fn export(&self, export: Export) -> Result<Exported> {
        self.export_page(&export).await
    }

    async fn import(&self, origin: &Origin, batch: ImportBatch) -> Result<Imports> {
        self.import_batch(origin, &batch).await
    }

    async fn admit(
        &self,
        origin: &Origin,
        admission: Admission,
        context: &Context,
    ) -> Result<Imports> {
        self.admit_held(origin, &admission, context).await
    }

    async fn imports(&self, origin: &StoreId, query: ImportsQuery) -> Result<Imports> {
        self.read_journal(origin, query).await
    }

    async fn forget_imports(&self, origin: &StoreId, limit: u32) -> Result<u64> {
        self.forget_journal(origin, limit).await
    }
}
