//! The seam to the database: one trait, set-based, one engine per folder below. What the methods take and give stands
//! in the files beside this one.
//!
//! Every method takes and gives many rows. A store knows its SQL and the rules that must hold within one transaction;
//! it knows nothing of handlers, policies or the shape of a runner.

mod chains;
mod change;
mod claim;
mod clean;
mod finish;
pub(crate) mod floor;
mod insert;
mod native;
#[cfg(feature = "postgres")]
pub mod postgres;
mod runners;
pub mod sqlite;
mod stats;
mod url;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::watch;

pub use self::chains::*;
pub use self::change::*;
pub use self::claim::*;
pub use self::clean::*;
pub use self::finish::*;
pub use self::insert::*;
pub use self::runners::*;
pub use self::stats::*;
pub use self::url::{Migration, StoreUrl, open};
use crate::action::{Action, ActionId, ChainId, ClaimId, Hook, RunnerId};
use crate::error::Result;
use crate::log::{Context, LogEntry, NewLogEntry};
use crate::query::Query;
use crate::time::Clock;

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

    /// Stores actions, in order. `None` stands for one that was refused because its [`crate::Unique`] rule holds;
    /// earlier actions of the same call count.
    async fn insert(&self, actions: Vec<Insert>) -> Result<Vec<Option<ActionId>>>;

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

    /// Puts actions (back) into the queue.
    async fn requeue(
        &self,
        ids: Vec<ActionId>,
        to: Requeue,
        context: &Context,
    ) -> Result<Vec<Change>>;

    /// The actions with these ids that exist, in the order asked for.
    async fn fetch(&self, ids: Vec<ActionId>) -> Result<Vec<Action>>;

    /// The actions a query asks for, in its order.
    async fn query(&self, query: Query) -> Result<Vec<Action>>;

    /// How many actions a query asks for; its limit, offset and cursor do not count.
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

    /// Changes a chain.
    async fn change_chain(
        &self,
        id: ChainId,
        change: ChainChange,
        context: &Context,
    ) -> Result<ChainChanged>;

    /// The hooks that actions have or had; those that were only asked for may be among them.
    async fn hooks(&self) -> Result<Vec<Hook>>;

    /// Figures about the whole store.
    async fn stats(&self) -> Result<Stats>;

    /// Deletes one batch of finished actions that are older than they are to be kept.
    async fn clean(&self, batch: CleanBatch) -> Result<Cleaned>;

    /// Deletes a batch of rows that belong to nothing: logs of no action, claims with nothing open, ended chains with
    /// no instance. Says how many.
    async fn clean_orphans(&self, limit: u32) -> Result<u64>;
}
