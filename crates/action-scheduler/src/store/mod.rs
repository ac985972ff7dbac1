//! The seam to the database: one trait, set-based, one engine per folder below. What the methods take and give stands
//! in the files beside this one.
//!
//! Every method takes and gives many rows. A store knows its SQL and the rules that must hold within one transaction;
//! it knows nothing of handlers, policies or the shape of a runner.

mod around;
mod attempts;
mod chains;
mod change;
mod claim;
mod clean;
mod export;
mod figures;
mod finish;
pub(crate) mod floor;
mod import;
mod insert;
#[cfg(feature = "mysql")]
pub mod mysql;
mod native;
mod once;
pub(crate) mod outside;
mod patterns;
#[cfg(feature = "postgres")]
pub mod postgres;
mod records;
mod runners;
mod set_back;
pub mod sqlite;
mod stats;
mod tally;
mod url;

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::watch;

pub(crate) use self::around::ObservedStore;
pub use self::around::{Around, Call};
pub use self::attempts::*;
pub use self::chains::*;
pub use self::change::*;
pub use self::claim::*;
pub use self::clean::*;
pub use self::export::*;
pub use self::figures::{Figure, FigureCounts, FiguresOf, FiguresQuery, Histogram, Resolution};
pub use self::finish::*;
pub use self::import::*;
pub use self::insert::*;
pub use self::once::{Once, Receipt};
pub use self::records::{
    Expected, Put, PutRecord, Record, RecordKind, RecordsQuery, check_records,
};
pub use self::runners::*;
pub use self::stats::*;
pub use self::tally::*;
pub use self::url::{Migration, StoreUrl, open, redact};
use crate::action::{Action, ActionId, ChainId, ClaimId, Group, Hook, RunnerId};
use crate::error::{Result, StoreError, StoreErrorKind};
use crate::log::{Context, LogEntry, NewLogEntry};
use crate::query::Query;
use crate::time::Clock;

/// How long [`Store::ping`] waits for an answer.
pub const PING_PATIENCE: Duration = Duration::from_secs(5);

/// The result of [`Store::ping`] from whatever asks the database.
async fn answered_soon<T>(place: &str, asking: impl Future<Output = Result<T>>) -> Result<()> {
    match tokio::time::timeout(PING_PATIENCE, asking).await {
        Ok(answer) => answer.map(drop),
        Err(_) => {
            let message = format!("{place}: no answer within {} s", PING_PATIENCE.as_secs());
            Err(StoreError::new(StoreErrorKind::Unavailable, message).into())
        }
    }
}

/// A database that keeps actions, claims, chains and the log.
///
/// Every method is one atomic step, durable when it returns. Methods may be called from any task at once.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// The clock that stamps what is stored.
    fn clock(&self) -> &Clock;

    /// Changes whenever there may be new work: after an insert here or by another process.
    ///
    /// Mark the present value as seen *before* claiming, or a wake-up between the two is lost.
    fn wake(&self) -> watch::Receiver<u64>;

    /// Someone has stored something that this store does not notice by itself: whoever waits for work looks again.
    /// Stores that notice, such as SQLite's and PostgreSQL's, need do nothing.
    fn nudge(&self) {}

    /// Stores actions, in order. `None` stands for one that was refused because its [`crate::Unique`] rule holds;
    /// earlier actions of the same call count.
    async fn insert(&self, actions: Vec<Insert>) -> Result<Vec<Option<ActionId>>>;

    /// Stores actions as [`Store::insert`] does, unless the same request has been here before, and keeps the receipt, all in
    /// one step: of any number of requests with one key, over all processes, one stores its actions. A receipt counts
    /// until its date.
    async fn insert_once(&self, receipt: Receipt, actions: Vec<Insert>) -> Result<Once>;

    /// The statements that [`Store::insert`] would run for one action, for a transaction of the caller's own on any
    /// driver: run them in order on one connection. The action's id is the answer of the last one: one row with the id,
    /// or no row when the action was refused as a duplicate.
    fn insert_statements(&self, action: &Insert) -> Vec<Statement>;

    /// Sets a batch of due actions aside for a runner, in claim order: priority, attempts, scheduled date, id.
    async fn claim(&self, request: ClaimRequest) -> Result<Claiming>;

    /// Marks claimed actions as in-progress and counts the attempt. One answer for each, in order.
    async fn start(&self, starts: Vec<Start>, context: &Context) -> Result<Vec<Started>>;

    /// Records how attempts came out: new status, log entries, and the next instance of a chain, in one transaction.
    /// Each is fenced by claim and attempt. One answer for each, in order.
    async fn finish(&self, finishes: Vec<Finish>, context: &Context) -> Result<Vec<Recorded>>;

    /// The attempts among these that are still in charge of their actions, by action: those whose results would count.
    async fn attempts(&self, of: AttemptsOf) -> Result<Vec<OpenAttempt>>;

    /// Gives what these claims hold and has not been started back to the queue, and closes each claim that then has
    /// nothing left in-progress. Says how many actions went back.
    async fn release(&self, claims: Vec<ClaimId>, context: &Context) -> Result<u64>;

    /// Makes a runner known.
    async fn register(&self, runner: NewRunner) -> Result<RunnerId>;

    /// Says that a runner is alive. `false` when it is no longer known: others took it for dead, and its claims are
    /// gone.
    async fn heartbeat(&self, runner: RunnerId) -> Result<bool>;

    /// Forgets a runner that stops in good order; what its claims still hold goes back as by [`Store::release`].
    async fn unregister(&self, runner: RunnerId, context: &Context) -> Result<()>;

    /// The latest sign of life of each runner that is known, by id. All runners look at them every other second: it must
    /// not cost more when runners hold much.
    async fn heartbeats(&self) -> Result<Vec<Heartbeat>>;

    /// The runners that are known, by id.
    async fn runners(&self) -> Result<Vec<Runner>>;

    /// Takes these runners for dead, unless they have beaten since: their claimed actions go back to the queue at once,
    /// and those in-progress are given out to be finished as crashed by the caller. A runner is forgotten only when
    /// nothing of its own is left in-progress. Also finds what is in-progress for no known runner at all.
    async fn recover(&self, dead: Vec<DeadRunner>, context: &Context) -> Result<Recovery>;

    /// Cancels actions that are pending or in-progress; the chain of a canceled pending instance ends.
    async fn cancel(
        &self,
        target: Target,
        reason: Option<String>,
        context: &Context,
    ) -> Result<Vec<Change>>;

    /// Deletes actions that are not in-progress, with their log; the chain of a deleted pending instance ends.
    async fn delete(&self, target: Target) -> Result<Vec<Change>>;

    /// Puts actions (back) into the queue. What a runner may be about to start is not run now nor given another date.
    async fn requeue(&self, target: Target, to: Requeue, context: &Context) -> Result<Vec<Change>>;

    /// The actions with these ids that exist, in the order asked for.
    async fn fetch(&self, ids: Vec<ActionId>) -> Result<Vec<Action>>;

    /// The actions a query asks for, in its order.
    async fn query(&self, query: Query) -> Result<Vec<Action>>;

    /// How many actions a query asks for; its limit, offset and cursor do not count, but what it looks within does.
    async fn count(&self, query: Query) -> Result<u64>;

    /// Adds entries to the log of actions that exist.
    async fn append_log(
        &self,
        entries: Vec<(ActionId, NewLogEntry)>,
        context: &Context,
    ) -> Result<()>;

    /// The log of these actions, by action and place.
    async fn logs(&self, ids: Vec<ActionId>) -> Result<Vec<LogEntry>>;

    /// The date of the first pending, unclaimed action that the filter lets through, due or not.
    async fn next_due(&self, filter: ClaimFilter) -> Result<Option<Timestamp>>;

    /// The chains that are asked for, by id.
    async fn chains(&self, query: ChainQuery) -> Result<Vec<Chain>>;

    /// The latest instances of each of these chains, at most `each` of them: chain by chain in the order asked for, the
    /// newest first.
    async fn latest_instances(&self, chains: Vec<ChainId>, each: u32) -> Result<Vec<Action>>;

    /// Changes a chain.
    async fn change_chain(
        &self,
        id: ChainId,
        change: ChainChange,
        context: &Context,
    ) -> Result<ChainChanged>;

    /// The hooks that actions have or had; those that were only asked for may be among them.
    async fn hooks(&self) -> Result<Vec<Hook>>;

    /// The groups that actions have or had; those that were only asked for may be among them.
    async fn groups(&self) -> Result<Vec<Group>>;

    /// How many actions of each hook or group have each status, by name. Exact, and therefore as many steps as there are
    /// actions: nothing to be called for each page.
    async fn tally(&self, by: TallyBy) -> Result<Vec<Tally>>;

    /// The claims that still hold something pending or in-progress, by id.
    async fn claims(&self, query: ClaimsQuery) -> Result<Vec<OpenClaim>>;

    /// Figures about the whole store.
    async fn stats(&self) -> Result<Stats>;

    /// Deletes one batch of finished actions that are older than they are to be kept.
    async fn clean(&self, batch: CleanBatch) -> Result<Cleaned>;

    /// Deletes a batch of rows that belong to nothing: logs of no action, claims with nothing open, ended chains with
    /// no instance; and of what is past its date: records, receipts,
    /// figures. Says how many.
    async fn clean_orphans(&self, limit: u32) -> Result<u64>;

    /// Says whether the database answers now: one round trip that asks for nothing, and waits no longer than
    /// [`PING_PATIENCE`].
    async fn ping(&self) -> Result<()>;

    // What programs around the engine keep here.

    /// Puts records, in order, each if what it expects holds. One answer for each.
    ///
    /// A record that has expired is as good as none: it is [`Expected::Absent`], and no version of it is expected.
    async fn put_records(&self, puts: Vec<PutRecord>) -> Result<Vec<Put>>;

    /// The records that are asked for, by key (in the order of their bytes). None that has expired is given.
    async fn records(&self, query: RecordsQuery) -> Result<Vec<Record>>;

    /// Deletes records: `true` for each that was there, for one caller only, and had not expired.
    async fn delete_records(&self, kind: RecordKind, keys: Vec<String>) -> Result<Vec<bool>>;

    /// Adds to the figures that are kept of periods and hooks; any number of processes may do so.
    async fn add_figures(&self, figures: Vec<Figure>) -> Result<()>;

    /// The figures that are asked for, by date; those of one date come in any order. Periods in which nothing happened have
    /// none.
    async fn figures(&self, query: FiguresQuery) -> Result<Vec<Figure>>;

    // Moving between stores; `crate::migrate` says how these make a whole.

    /// What tells this store from all others. It stays the same as long as the data does, whatever URL or file name the
    /// store is reached by.
    async fn identity(&self) -> Result<StoreId>;

    /// Gives actions or chains with all that belongs to them, as they are at one moment (one snapshot). What cannot be
    /// read is named, and does not keep the rest back.
    async fn export(&self, export: Export) -> Result<Exported>;

    /// Takes in what another store exported, and answers with the rows of the journal, in the order of the batch.
    ///
    /// - Each gets the id it has at the origin if nothing here has that id now, else a new one; ids that are given out
    ///   later never collide with it.
    /// - All of an action is kept: args, dates, attempts, log, key. Only its claim is not, as claims belong to a store. A
    ///   chain that is neither in the batch nor in the journal is no more, and its instance becomes a single action; so
    ///   does the head of a chain that the journal does not know become none.
    /// - A finished action, and an ended chain, is [`ImportState::Copied`].
    /// - A pending action is [`ImportState::Held`]: it shows as canceled (ended at the moment of the import), and nothing
    ///   but [`Store::import`] and [`Store::admit`] changes it: it is not claimed, re-run, deleted or cleaned. A chain
    ///   that is active or paused is held too: it shows as ended, is not cleaned, and the state it is to have is kept.
    /// - What the journal knows already keeps its id. While it is copied or held it becomes what is given now, log and
    ///   all, and with it copied or held; a copied action that was deleted here stays deleted, unless it is pending now.
    ///   What is admitted, or a copied action that was put back into the queue here (which thereby counts as admitted),
    ///   is left as it is; so is a held chain whose head is held, unless that head is in the batch.
    /// - No [`crate::Unique`] rule refuses anything. The whole batch is one step. An action in-progress is refused, with
    ///   the batch, as invalid.
    async fn import(&self, origin: &Origin, batch: ImportBatch) -> Result<Imports>;

    /// Lets held actions and chains of an origin go: an action becomes pending at its own date, with [`Origin::note`] in
    /// its log; a chain gets the state it had at the origin. With a held action goes the held chain that it is the head
    /// of, if that is to be active. Answers with the rows of the journal of what was asked for, in order; what the
    /// journal does not know is left out, and what is not held is left as it is.
    async fn admit(
        &self,
        origin: &Origin,
        admission: Admission,
        context: &Context,
    ) -> Result<Imports>;

    /// The journal of what was taken in from a store, by the id it had there.
    async fn imports(&self, origin: &StoreId, query: ImportsQuery) -> Result<Imports>;

    /// Deletes at most so many rows from the journal of a store, but none about what is held. Says how many.
    async fn forget_imports(&self, origin: &StoreId, limit: u32) -> Result<u64>;
}
