//! The WordPress plugin's own tables, on MySQL and MariaDB: the plugin and this program can work on one queue.
//!
//! What the plugin's layout cannot hold stands in tables of ours beside it (`tables`). What PHP writes into columns is
//! read and written by `php`. Every step is one transaction (`transaction`), which is done again when the server takes
//! it back to let another through.

mod actions;
mod admit;
mod adopt;
mod around;
mod attempts;
mod chains;
mod change;
mod claim;
mod clean;
mod clock;
mod connection;
mod due;
mod error;
mod export;
mod figures;
mod finish;
pub(super) mod floor;
mod groups;
mod import;
mod insert;
mod journal;
mod log;
mod once;
mod optimize;
pub(super) mod outside;
pub(crate) mod php;
mod records;
mod row;
mod runners;
mod schema;
mod select;
mod series;
mod snapshot;
mod sql;
mod start;
mod statements;
mod stats;
mod tables;
mod tally;
mod transaction;
mod unique;
mod url;
mod waiting;
mod window;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::watch as signal;

use self::clean::Sweep;
use self::connection::Connections;
pub use self::due::DueLookout;
use self::error::{Outcome, Trouble};
use self::export::Found;
use self::groups::Groups;
pub use self::optimize::Index;
use self::php::site_time::SiteTime;
pub use self::posts::{Kept, KeptPost, MovedPost, OldPosts, PostCursor, PostsPage};
use self::row::Columns;
use self::snapshot::Snapshot;
use self::tables::Tables;
use self::transaction::{Database, Tries, Write};
pub use self::url::MySqlUrl;
use self::window::Windows;
use super::set_back::SeenTimes;
use super::*;

/// A store in the plugin's tables.
pub struct MySqlStore {
    clock: Clock,
    wake: signal::Sender<u64>,
    database: Database,
    /// What is claimed next, as far as is known. Claims of one process take turns here.
    windows: tokio::sync::Mutex<Windows>,
    /// What came into the queue and has not been looked at by the windows.
    returned: Mutex<Returned>,
    sweep: tokio::sync::Mutex<Sweep>,
    /// Up to which id the plugin's recurring actions have been adopted.
    adopted: AtomicI64,
}

/// Looks something up, again if the connection is lost.
macro_rules! read {
    ($store:expr, $what:literal, |$read:ident| $job:expr) => {{
        let mut tries = Tries::new($what);
        loop {
            let mut $read = $store.database.begin_read().await;
            let outcome = $job.await;
            if let Some(found) = $read.end(outcome, &mut tries).await? {
                break Ok(found);
            }
        }
    }};
}

/// Does something in one transaction, again if it is taken back.
macro_rules! write {
    ($store:expr, $what:literal, |$write:ident| $job:expr) => {{
        let mut tries = Tries::new($what);
        loop {
            let mut $write = $store.database.begin($store.clock.now()).await;
            let outcome = $job.await;
            let brings = Brings::take(&mut $write);
            if let Some(done) = $write.end(outcome, &mut tries).await? {
                $store.tell(brings);
                break Ok(done);
            }
        }
    }};
}

// After the macros that it uses.
mod posts;

/// What came into the queue since the last claim.
struct Returned {
    ids: Vec<ActionId>,
    seen: SeenTimes,
}

impl Default for Returned {
    fn default() -> Self {
        Self { ids: Vec::new(), seen: SeenTimes::since(Timestamp::MIN) }
    }
}

/// What a transaction brings to those who wait for work.
struct Brings {
    wakes: bool,
    returned: Vec<ActionId>,
    came_back: bool,
    now: Timestamp,
}

impl Brings {
    fn take(write: &mut Write<'_>) -> Self {
        let returned = std::mem::take(&mut write.returned);
        Self { wakes: write.wakes, returned, came_back: write.came_back, now: write.now }
    }
}

impl MySqlStore {
    /// Opens the tables, and creates what is missing. [`Clock::remote`] is set by the database's clock.
    pub async fn open(url: &MySqlUrl, clock: Clock) -> Result<Self> {
        let place = url.to_string();
        let told = |trouble: Trouble| trouble.tell("opening", &place);
        let tables = Tables::new(url.prefix());
        let connections = Connections::new(url);
        let site = Self::prepare(url, &connections, &tables).await.map_err(told)?;
        let database = Database {
            connections,
            tables,
            place: place.clone(),
            site,
            groups: Groups::default(),
            optimized: AtomicBool::new(false),
        };
        let store = Self {
            clock,
            wake: signal::Sender::new(0),
            database,
            windows: tokio::sync::Mutex::default(),
            returned: Mutex::default(),
            sweep: tokio::sync::Mutex::default(),
            adopted: AtomicI64::new(0),
        };
        store.set_clock().await?;
        store.look_at_stamps().await?;
        store.look_for_keys().await?;
        Ok(store)
    }

    /// What [`MySqlStore::open`] would create, in order; nothing is changed.
    pub async fn pending_migrations(url: &MySqlUrl) -> Result<Vec<Migration>> {
        let pending = async {
            let mut connection = Connections::new(url).open().await?;
            let pending = schema::pending(&mut connection, url, &Tables::new(url.prefix())).await?;
            connection.disconnect().await?;
            Outcome::Ok(pending)
        };
        pending.await.map_err(|trouble| trouble.tell("looking at the tables", &url.to_string()))
    }

    async fn prepare(
        url: &MySqlUrl,
        connections: &Connections,
        tables: &Tables,
    ) -> Outcome<SiteTime> {
        let mut connection = connections.open().await?;
        schema::prepare(&mut connection, url, tables).await?;
        let site = schema::site_time(&mut connection, url, tables).await?;
        connection.disconnect().await?;
        Ok(site)
    }

    async fn set_clock(&self) -> Result<()> {
        read!(self, "reading the database's clock", |read| clock::set(&mut read, &self.clock))
    }

    /// The clock may have been set back since the last action was stored.
    async fn look_at_stamps(&self) -> Result<()> {
        let sql = format!(
            "SELECT created_at FROM {} ORDER BY action_id DESC LIMIT 1",
            self.database.tables.times
        );
        let rows: Result<Vec<mysql_async::Row>> =
            read!(self, "looking for actions", |read| read.rows(&sql));
        if let Some(newest) = rows?.first().and_then(|row| row.date(0)) {
            self.returned().seen.see(newest);
        }
        Ok(())
    }

    fn returned(&self) -> std::sync::MutexGuard<'_, Returned> {
        self.returned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells those who wait for work what came.
    fn tell(&self, brings: Brings) {
        if !brings.returned.is_empty() {
            let mut returned = self.returned();
            returned.ids.extend(brings.returned);
            returned.seen.see(brings.now);
        }
        if brings.came_back {
            self.returned().seen.came_back();
        }
        if brings.wakes {
            self.wake.send_modify(|count| *count = count.wrapping_add(1));
        }
    }

    /// The numbers of groups, which are added if there are none.
    async fn groups_of<'a>(
        &self,
        groups: impl Iterator<Item = &'a Group> + Send,
    ) -> Result<HashMap<Group, u64>> {
        let mut numbers = HashMap::new();
        for group in groups {
            if !numbers.contains_key(group) {
                let number: Result<u64> =
                    read!(self, "looking for a group", |read| groups::number(&mut read, group));
                numbers.insert(group.clone(), number?);
            }
        }
        Ok(numbers)
    }

    /// Gives chains to the plugin's recurring actions that have come since the last time.
    async fn adopt(&self) -> Result<()> {
        let mut after = self.adopted.load(Ordering::Relaxed);
        let seen = self.greatest_id().await?;
        loop {
            let next: Result<Option<i64>> = write!(self, "adopting recurring actions", |write| {
                adopt::adopt_next(&mut write, after)
            });
            match next? {
                Some(next) => after = next,
                None => break,
            }
        }
        self.adopted.fetch_max(seen, Ordering::Relaxed);
        Ok(())
    }

    /// Gives chains to recurring actions of the plugin's that have none, as far as they can be read.
    async fn adopt_these(&self, ids: &[ActionId]) -> Result<()> {
        for chunk in ids.chunks(journal::CHUNK) {
            let adopted: Result<()> = write!(self, "adopting recurring actions", |write| {
                series::adopt(&mut write, chunk)
            });
            adopted?;
        }
        Ok(())
    }

    /// Reads what is to be exported, as it is at one moment.
    async fn look_at(&self, export: &Export) -> Result<Found> {
        let mut tries = Tries::new("exporting");
        loop {
            let mut snapshot = Snapshot::new(&self.database).await;
            let read = async {
                let found = export::export(&mut snapshot, export).await?;
                snapshot.close().await?;
                Outcome::Ok(found)
            };
            match read.await {
                Ok(found) => return Ok(found),
                Err(trouble) => tries.after(trouble, &self.database.place).await?,
            }
        }
    }

    async fn greatest_id(&self) -> Result<i64> {
        let sql = format!(
            "SELECT action_id FROM {} ORDER BY action_id DESC LIMIT 1",
            self.database.tables.actions
        );
        let rows: Result<Vec<mysql_async::Row>> =
            read!(self, "looking for actions", |read| read.rows(&sql));
        Ok(rows?.first().and_then(|row| row.get::<i64, _>(0)).unwrap_or_default())
    }
}

#[async_trait]
impl Store for MySqlStore {
    fn clock(&self) -> &Clock {
        &self.clock
    }

    fn wake(&self) -> signal::Receiver<u64> {
        self.wake.subscribe()
    }

    fn nudge(&self) {
        self.wake.send_modify(|count| *count = count.wrapping_add(1));
    }

    async fn insert(&self, actions: Vec<Insert>) -> Result<Vec<Option<ActionId>>> {
        let groups = self.groups_of(actions.iter().map(|insert| &insert.action.group)).await?;
        write!(self, "storing actions", |write| insert::insert(&mut write, &actions, &groups))
    }

    async fn insert_once(&self, receipt: Receipt, actions: Vec<Insert>) -> Result<Once> {
        receipt.check()?;
        let groups = self.groups_of(actions.iter().map(|insert| &insert.action.group)).await?;
        write!(self, "storing actions once", |write| once::insert_once(
            &mut write, &receipt, &actions, &groups
        ))
    }

    fn insert_statements(&self, action: &Insert) -> Vec<Statement> {
        statements::statements(&self.database, action, self.clock.now())
    }

    async fn claim(&self, request: ClaimRequest) -> Result<Claiming> {
        let mut windows = self.windows.lock().await;
        let ids = std::mem::take(&mut self.returned().ids);
        windows.hint(&ids);
        let mut tries = Tries::new("claiming actions");
        loop {
            let mut write = self.database.begin(self.clock.now()).await;
            let now = write.now;
            let behind = self.returned().seen.behind(now);
            let mut left = behind;
            let outcome = claim::claim(&mut write, &request, &mut windows, &mut left).await;
            let brings = Brings::take(&mut write);
            let ended = write.end(outcome, &mut tries).await;
            if let Ok(Some(claiming)) = ended {
                let mut returned = self.returned();
                if let (Some(behind), None) = (behind, left) {
                    returned.seen.dated_anew(behind, now);
                }
                returned.seen.see(now);
                drop(returned);
                self.tell(brings);
                return Ok(claiming);
            }
            // What was taken out of the windows was not claimed; or our key has been taken away.
            windows.forget();
            ended?;
            self.look_for_keys().await?;
        }
    }

    async fn start(&self, starts: Vec<Start>, context: &Context) -> Result<Vec<Started>> {
        write!(self, "starting actions", |write| start::start(&mut write, &starts, context))
    }

    async fn finish(&self, finishes: Vec<Finish>, context: &Context) -> Result<Vec<Recorded>> {
        write!(self, "recording results", |write| finish::finish(&mut write, &finishes, context))
    }

    async fn attempts(&self, of: AttemptsOf) -> Result<Vec<OpenAttempt>> {
        write!(self, "reading attempts", |write| attempts::attempts(&mut write, &of))
    }

    async fn release(&self, claims: Vec<ClaimId>, context: &Context) -> Result<u64> {
        write!(self, "giving actions back", |write| claim::release(&mut write, &claims, context))
    }

    async fn register(&self, runner: NewRunner) -> Result<RunnerId> {
        write!(self, "registering a runner", |write| runners::register(&mut write, &runner))
    }

    async fn heartbeat(&self, runner: RunnerId) -> Result<bool> {
        self.set_clock().await?;
        // Another process may have added them.
        self.look_for_keys().await?;
        write!(self, "recording a heartbeat", |write| runners::heartbeat(&mut write, runner))
    }

    async fn unregister(&self, runner: RunnerId, context: &Context) -> Result<()> {
        write!(self, "unregistering a runner", |write| runners::unregister(
            &mut write, runner, context
        ))
    }

    async fn heartbeats(&self) -> Result<Vec<Heartbeat>> {
        read!(self, "reading heartbeats", |read| runners::heartbeats(&mut read))
    }

    async fn runners(&self) -> Result<Vec<Runner>> {
        read!(self, "reading the runners", |read| runners::list(&mut read))
    }

    async fn recover(&self, dead: Vec<DeadRunner>, context: &Context) -> Result<Recovery> {
        self.adopt().await?;
        write!(self, "recovering actions", |write| async {
            adopt::mend(&mut write).await?;
            adopt::fail_unknown_statuses(&mut write).await?;
            runners::recover(&mut write, &dead, context).await
        })
    }

    async fn cancel(
        &self,
        target: Target,
        reason: Option<String>,
        context: &Context,
    ) -> Result<Vec<Change>> {
        write!(self, "canceling actions", |write| change::cancel(
            &mut write,
            &target,
            reason.as_deref(),
            context
        ))
    }

    async fn delete(&self, target: Target) -> Result<Vec<Change>> {
        write!(self, "deleting actions", |write| change::delete(&mut write, &target))
    }

    async fn requeue(&self, target: Target, to: Requeue, context: &Context) -> Result<Vec<Change>> {
        let Some(target) = to.narrow(target) else { return Ok(Vec::new()) };
        write!(self, "putting actions back into the queue", |write| change::requeue(
            &mut write, &target, to, context
        ))
    }

    async fn fetch(&self, ids: Vec<ActionId>) -> Result<Vec<Action>> {
        read!(self, "reading actions", |read| select::fetch(&mut read, &ids))
    }

    async fn query(&self, query: Query) -> Result<Vec<Action>> {
        read!(self, "looking for actions", |read| select::query(&mut read, &query))
    }

    async fn count(&self, query: Query) -> Result<u64> {
        read!(self, "counting actions", |read| select::count(&mut read, &query))
    }

    async fn append_log(
        &self,
        entries: Vec<(ActionId, NewLogEntry)>,
        context: &Context,
    ) -> Result<()> {
        write!(self, "writing the log", |write| log::append(&mut write, &entries, context))
    }

    async fn logs(&self, ids: Vec<ActionId>) -> Result<Vec<LogEntry>> {
        read!(self, "reading the log", |read| log::read(&mut read, &ids))
    }

    async fn next_due(&self, filter: ClaimFilter) -> Result<Option<Timestamp>> {
        read!(self, "looking for the next date", |read| claim::next_due(&mut read, &filter))
    }

    async fn chains(&self, query: ChainQuery) -> Result<Vec<Chain>> {
        self.adopt().await?;
        read!(self, "looking for chains", |read| chains::query(&mut read, &query))
    }

    async fn latest_instances(&self, chains: Vec<ChainId>, each: u32) -> Result<Vec<Action>> {
        self.adopt().await?;
        read!(self, "looking for instances", |read| chains::latest(&mut read, &chains, each))
    }

    async fn change_chain(
        &self,
        id: ChainId,
        change: ChainChange,
        context: &Context,
    ) -> Result<ChainChanged> {
        write!(self, "changing a chain", |write| chains::change(&mut write, id, &change, context))
    }

    async fn hooks(&self) -> Result<Vec<Hook>> {
        read!(self, "reading the hooks", |read| stats::hooks(&mut read))
    }

    async fn groups(&self) -> Result<Vec<Group>> {
        read!(self, "reading the groups", |read| stats::groups(&mut read))
    }

    async fn tally(&self, by: TallyBy) -> Result<Vec<Tally>> {
        read!(self, "counting actions", |read| tally::tally(&mut read, by))
    }

    async fn claims(&self, query: ClaimsQuery) -> Result<Vec<OpenClaim>> {
        read!(self, "reading the claims", |read| tally::claims(&mut read, query))
    }

    async fn stats(&self) -> Result<Stats> {
        let now = self.clock.now();
        read!(self, "reading figures", |read| stats::stats(&mut read, now))
    }

    async fn clean(&self, batch: CleanBatch) -> Result<Cleaned> {
        write!(self, "cleaning", |write| clean::clean(&mut write, &batch))
    }

    async fn clean_orphans(&self, limit: u32) -> Result<u64> {
        let mut sweep = self.sweep.lock().await;
        write!(self, "cleaning orphans", |write| clean::clean_orphans(
            &mut write, limit, &mut sweep
        ))
    }

    async fn ping(&self) -> Result<()> {
        let asking = async { read!(self, "asking for an answer", |read| read.rows("SELECT 1")) };
        answered_soon(&self.database.place, asking).await
    }

    async fn put_records(&self, puts: Vec<PutRecord>) -> Result<Vec<Put>> {
        check_records(&puts)?;
        write!(self, "putting records", |write| records::put(&mut write, &puts))
    }

    async fn records(&self, query: RecordsQuery) -> Result<Vec<Record>> {
        let now = self.clock.now();
        read!(self, "reading records", |read| records::list(&mut read, &query, now))
    }

    async fn delete_records(&self, kind: RecordKind, keys: Vec<String>) -> Result<Vec<bool>> {
        write!(self, "deleting records", |write| records::delete(&mut write, &kind, &keys))
    }

    async fn add_figures(&self, figures: Vec<Figure>) -> Result<()> {
        write!(self, "adding figures", |write| figures::add(&mut write, &figures))
    }

    async fn figures(&self, query: FiguresQuery) -> Result<Vec<Figure>> {
        read!(self, "reading figures", |read| figures::list(&mut read, &query))
    }

    async fn identity(&self) -> Result<StoreId> {
        read!(self, "reading the identity of the store", |read| journal::identity(&mut read))
    }

    async fn export(&self, export: Export) -> Result<Exported> {
        self.adopt().await?;
        let mut adopted = Vec::new();
        loop {
            let Found { exported, alone } = self.look_at(&export).await?;
            if alone.is_empty() || alone == adopted {
                break Ok(exported);
            }
            self.adopt_these(&alone).await?;
            adopted = alone;
        }
    }

    async fn import(&self, origin: &Origin, batch: ImportBatch) -> Result<Imports> {
        let args = import::prepare(&batch)?;
        let groups = self.groups_of(import::groups(&batch)).await?;
        write!(self, "importing", |write| import::import(
            &mut write, origin, &batch, &args, &groups
        ))
    }

    async fn admit(
        &self,
        origin: &Origin,
        admission: Admission,
        context: &Context,
    ) -> Result<Imports> {
        write!(self, "admitting", |write| admit::admit(&mut write, origin, &admission, context))
    }

    async fn imports(&self, origin: &StoreId, query: ImportsQuery) -> Result<Imports> {
        read!(self, "reading the journal of imports", |read| journal::list(
            &mut read, origin, query
        ))
    }

    async fn forget_imports(&self, origin: &StoreId, limit: u32) -> Result<u64> {
        write!(self, "forgetting imports", |write| journal::forget(&mut write, origin, limit))
    }
}
