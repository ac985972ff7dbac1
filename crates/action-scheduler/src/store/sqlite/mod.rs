//! One SQLite file: the store that needs no set-up.
//!
//! One thread writes (`writer`), a few connections read (`readers`). Other processes may use the file at the same
//! time: SQLite's own lock takes turns, and `watch` notices what they write.

mod admit;
mod attempts;
mod chains;
mod change;
mod claim;
mod clean;
mod connection;
mod error;
mod export;
mod figures;
mod finish;
pub(super) mod floor;
mod import;
mod insert;
mod journal;
mod lists;
mod log;
mod names;
mod once;
pub(super) mod outside;
mod readers;
mod records;
mod row;
mod runners;
mod schema;
mod select;
mod sequence;
mod stats;
mod tally;
mod turns;
mod watch;
mod writer;

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, params};
use tokio::sync::watch as signal;

use self::connection::Access;
use self::readers::{Reader, Readers};
use self::watch::Watch;
use self::writer::{Isolation, Write, Writer};
use super::set_back::SeenTimes;
use super::*;

/// A store in one SQLite file.
pub struct SqliteStore {
    clock: Clock,
    wake: Arc<signal::Sender<u64>>,
    readers: Readers,
    // Before the writer: it must not ask a writer that has gone.
    watch: Option<Watch>,
    writer: Writer,
}

impl SqliteStore {
    /// Opens a file, creates it when it is missing, and brings it to the newest layout.
    pub async fn open(file: &str, clock: Clock) -> Result<Self> {
        let file: Arc<str> = file.into();
        let opening = Arc::clone(&file);
        let opened = tokio::task::spawn_blocking(move || {
            let mut connection = connection::open(&opening, Access::Write)?;
            schema::migrate(&mut connection, &opening)?;
            Ok::<_, StoreError>(connection)
        });
        let connection = opened
            .await
            .map_err(|error| StoreError::new(StoreErrorKind::Other, error.to_string()))??;
        let wake = Arc::new(signal::Sender::new(0));
        let writer =
            Writer::spawn(connection, Arc::clone(&file), clock.clone(), Arc::clone(&wake))?;
        let watch = Watch::start(&file, writer.look_around());
        Ok(Self { clock, wake, readers: Readers::new(file), watch, writer })
    }

    /// What [`SqliteStore::open`] would do to the layout of a file, which need not be there. Nothing is changed or
    /// created.
    pub async fn pending_migrations(file: &str) -> Result<Vec<Migration>> {
        let file = file.to_owned();
        let looked = tokio::task::spawn_blocking(move || schema::pending(&file));
        Ok(looked
            .await
            .map_err(|error| StoreError::new(StoreErrorKind::Other, error.to_string()))??)
    }

    /// Stores actions within a transaction of the caller's own, on a connection of the caller's to the same file. A
    /// runner notices them when the caller commits.
    pub fn insert_in(
        &self,
        transaction: &rusqlite::Transaction<'_>,
        actions: &[Insert],
    ) -> Result<Vec<Option<ActionId>>> {
        let mut names = names::Names::default();
        let now = self.clock.now();
        insert::insert(
            &mut Write {
                connection: transaction,
                names: &mut names,
                now,
                seen: &mut SeenTimes::since(now),
                sequence: &sequence::Sequence::default(),
                wakes: false,
            },
            actions,
        )
    }

    async fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection, &mut names::Names) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.readers.read(|Reader { connection, names }| job(connection, names)).await
    }

    /// For what the speed of the engine hangs on.
    async fn write_fast<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Write<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.writer.write(Isolation::Shared, job).await
    }

    async fn write<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Write<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.writer.write(Isolation::Own, job).await
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.watch = None;
        self.writer.close();
    }
}

/// Keeps the counts by status: (status, by how many).
fn count_moves(connection: &Connection, moves: &[(i64, i64)]) -> rusqlite::Result<()> {
    let mut update = connection.prepare_cached("UPDATE counts SET n = n + ?2 WHERE status = ?1")?;
    for (status, by) in moves.iter().filter(|(_, by)| *by != 0) {
        update.execute(params![status, by])?;
    }
    Ok(())
}

#[async_trait]
impl Store for SqliteStore {
    fn clock(&self) -> &Clock {
        &self.clock
    }

    fn wake(&self) -> signal::Receiver<u64> {
        self.wake.subscribe()
    }

    async fn insert(&self, actions: Vec<Insert>) -> Result<Vec<Option<ActionId>>> {
        self.write_fast(move |write| insert::insert(write, &actions)).await
    }

    async fn insert_once(&self, receipt: Receipt, actions: Vec<Insert>) -> Result<Once> {
        receipt.check()?;
        self.write_fast(move |write| once::insert_once(write, &receipt, &actions)).await
    }

    fn insert_statements(&self, action: &Insert) -> Vec<Statement> {
        insert::statements_for_caller(action, self.clock.now())
    }

    async fn claim(&self, request: ClaimRequest) -> Result<Claiming> {
        self.write(move |write| claim::claim(write, &request)).await
    }

    async fn start(&self, starts: Vec<Start>, context: &Context) -> Result<Vec<Started>> {
        let context = context.clone();
        self.write_fast(move |write| claim::start(write, &starts, &context)).await
    }

    async fn finish(&self, finishes: Vec<Finish>, context: &Context) -> Result<Vec<Recorded>> {
        let context = context.clone();
        self.write_fast(move |write| finish::finish(write, &finishes, &context)).await
    }

    async fn attempts(&self, of: AttemptsOf) -> Result<Vec<OpenAttempt>> {
        self.read(move |connection, names| attempts::attempts(connection, names, &of)).await
    }

    async fn release(&self, claims: Vec<ClaimId>, context: &Context) -> Result<u64> {
        let context = context.clone();
        self.write(move |write| claim::release(write, &claims, &context)).await
    }

    async fn register(&self, runner: NewRunner) -> Result<RunnerId> {
        self.write(move |write| runners::register(write, &runner)).await
    }

    async fn heartbeat(&self, runner: RunnerId) -> Result<bool> {
        self.write_fast(move |write| runners::heartbeat(write, runner)).await
    }

    async fn unregister(&self, runner: RunnerId, context: &Context) -> Result<()> {
        let context = context.clone();
        self.write(move |write| runners::unregister(write, runner, &context)).await
    }

    async fn heartbeats(&self) -> Result<Vec<Heartbeat>> {
        self.read(|connection, _| runners::heartbeats(connection)).await
    }

    async fn runners(&self) -> Result<Vec<Runner>> {
        self.read(|connection, _| runners::list(connection)).await
    }

    async fn recover(&self, dead: Vec<DeadRunner>, context: &Context) -> Result<Recovery> {
        let context = context.clone();
        self.write(move |write| runners::recover(write, &dead, &context)).await
    }

    async fn cancel(
        &self,
        target: Target,
        reason: Option<String>,
        context: &Context,
    ) -> Result<Vec<Change>> {
        let context = context.clone();
        self.write(move |write| change::cancel(write, &target, reason.as_deref(), &context)).await
    }

    async fn delete(&self, target: Target) -> Result<Vec<Change>> {
        self.write(move |write| change::delete(write, &target)).await
    }

    async fn requeue(&self, target: Target, to: Requeue, context: &Context) -> Result<Vec<Change>> {
        let context = context.clone();
        self.write(move |write| change::requeue(write, target, to, &context)).await
    }

    async fn fetch(&self, ids: Vec<ActionId>) -> Result<Vec<Action>> {
        self.read(move |connection, names| select::fetch(connection, names, &ids)).await
    }

    async fn query(&self, query: Query) -> Result<Vec<Action>> {
        self.read(move |connection, names| select::query(connection, names, &query)).await
    }

    async fn count(&self, query: Query) -> Result<u64> {
        self.read(move |connection, names| select::count(connection, names, &query)).await
    }

    async fn append_log(
        &self,
        entries: Vec<(ActionId, NewLogEntry)>,
        context: &Context,
    ) -> Result<()> {
        let context = context.clone();
        self.write(move |write| log::append_all(write, &entries, &context)).await
    }

    async fn logs(&self, ids: Vec<ActionId>) -> Result<Vec<LogEntry>> {
        self.read(move |connection, _| log::read(connection, ids)).await
    }

    async fn next_due(&self, filter: ClaimFilter) -> Result<Option<Timestamp>> {
        self.read(move |connection, names| claim::next_due(connection, names, &filter)).await
    }

    async fn chains(&self, query: ChainQuery) -> Result<Vec<Chain>> {
        self.read(move |connection, names| chains::query(connection, names, &query)).await
    }

    async fn latest_instances(&self, chains: Vec<ChainId>, each: u32) -> Result<Vec<Action>> {
        self.read(move |connection, names| chains::latest(connection, names, &chains, each)).await
    }

    async fn change_chain(
        &self,
        id: ChainId,
        change: ChainChange,
        context: &Context,
    ) -> Result<ChainChanged> {
        let context = context.clone();
        self.write(move |write| chains::change(write, id, &change, &context)).await
    }

    async fn hooks(&self) -> Result<Vec<Hook>> {
        self.read(|connection, _| stats::hooks(connection)).await
    }

    async fn groups(&self) -> Result<Vec<Group>> {
        self.read(|connection, _| stats::groups(connection)).await
    }

    async fn tally(&self, by: TallyBy) -> Result<Vec<Tally>> {
        self.read(move |connection, names| tally::tally(connection, names, by)).await
    }

    async fn claims(&self, query: ClaimsQuery) -> Result<Vec<OpenClaim>> {
        self.read(move |connection, _| tally::claims(connection, query)).await
    }

    async fn stats(&self) -> Result<Stats> {
        let now = self.clock.now();
        self.read(move |connection, _| stats::stats(connection, now)).await
    }

    async fn clean(&self, batch: CleanBatch) -> Result<Cleaned> {
        self.write(move |write| clean::clean(write, &batch)).await
    }

    async fn clean_orphans(&self, limit: u32) -> Result<u64> {
        self.write(move |write| clean::clean_orphans(write, limit)).await
    }

    async fn ping(&self) -> Result<()> {
        // The layout's version, which stands in the head of the file.
        let version = |connection: &Connection| {
            connection.pragma_query_value(None, "user_version", |_| Ok(()))
        };
        let asking = self.read(move |connection, _| {
            version(connection).map_err(|error| error::wrap("looking at the file")(error).into())
        });
        answered_soon("the SQLite store", asking).await
    }

    async fn put_records(&self, puts: Vec<PutRecord>) -> Result<Vec<Put>> {
        check_records(&puts)?;
        self.write(move |write| records::put(write, &puts)).await
    }

    async fn records(&self, query: RecordsQuery) -> Result<Vec<Record>> {
        let now = self.clock.now();
        self.read(move |connection, _| records::list(connection, &query, now)).await
    }

    async fn delete_records(&self, kind: RecordKind, keys: Vec<String>) -> Result<Vec<bool>> {
        self.write(move |write| records::delete(write, &kind, &keys)).await
    }

    async fn add_figures(&self, figures: Vec<Figure>) -> Result<()> {
        self.write(move |write| figures::add(write, figures)).await
    }

    async fn figures(&self, query: FiguresQuery) -> Result<Vec<Figure>> {
        self.read(move |connection, names| figures::list(connection, names, &query)).await
    }

    async fn identity(&self) -> Result<StoreId> {
        self.read(|connection, _| export::identity(connection)).await
    }

    async fn export(&self, export: Export) -> Result<Exported> {
        self.read(move |connection, names| export::export(connection, names, &export)).await
    }

    async fn import(&self, origin: &Origin, batch: ImportBatch) -> Result<Imports> {
        let origin = origin.clone();
        self.write(move |write| import::import(write, &origin, &batch)).await
    }

    async fn admit(
        &self,
        origin: &Origin,
        admission: Admission,
        context: &Context,
    ) -> Result<Imports> {
        let (origin, context) = (origin.clone(), context.clone());
        self.write(move |write| admit::admit(write, &origin, &admission, &context)).await
    }

    async fn imports(&self, origin: &StoreId, query: ImportsQuery) -> Result<Imports> {
        let origin = origin.clone();
        self.read(move |connection, _| journal::list(connection, &origin, query)).await
    }

    async fn forget_imports(&self, origin: &StoreId, limit: u32) -> Result<u64> {
        let origin = origin.clone();
        self.write(move |write| journal::forget(write, &origin, limit)).await
    }
}
