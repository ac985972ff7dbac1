//! The seam to the database: one trait, set-based, one engine per file below.
//!
//! Every method takes and gives many rows. A store knows its SQL and the rules that must hold within one transaction;
//! it knows nothing of handlers, policies or the shape of a runner.

pub mod mysql;
pub mod sqlite;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::watch;

use crate::action::{
    Action, ActionId, Attempt, ChainId, ClaimId, Group, Hook, NewAction, Priority, RunnerId, Status,
};
use crate::args::Args;
use crate::error::{Result, StoreError, StoreErrorKind};
use crate::log::{Context, LogEntry, NewLogEntry};
use crate::query::Query;
use crate::schedule::Recurring;
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

/// Opens the store at a URL; the file or tables are created when they are missing.
///
/// | URL | store |
/// |---|---|
/// | `sqlite:FILE` | one SQLite file |
pub async fn open(url: &str) -> Result<Arc<dyn Store>> {
    match url.split_once(':') {
        Some(("sqlite", file)) => {
            Ok(Arc::new(sqlite::SqliteStore::open(file, Clock::system()).await?))
        }
        _ => Err(StoreError::new(
            StoreErrorKind::Url,
            format!("store URL {:?}: expected sqlite:FILE, such as sqlite:shop.db", redact(url)),
        )
        .into()),
    }
}

/// A URL without its password, for messages.
fn redact(url: &str) -> String {
    match url.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?))) {
        Some((scheme, (user, host))) => {
            let user = user.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}:…@{host}")
        }
        None => url.to_owned(),
    }
}

/// An action to be stored, and whether its creation is logged.
#[derive(Debug, Clone)]
pub struct Insert {
    /// The action.
    pub action: NewAction,
    /// Whether `action created` goes into the log.
    pub log_created: bool,
}

/// A statement with its parameters, to be run by a driver of the caller's.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// The text, with placeholders `?1`, `?2`, … as SQLite has them.
    pub sql: &'static str,
    /// The parameters, in order.
    pub parameters: Vec<Parameter>,
}

/// A parameter of a [`Statement`].
#[derive(Debug, Clone, PartialEq)]
pub enum Parameter {
    /// NULL.
    Null,
    /// A 64-bit integer.
    Integer(i64),
    /// A text.
    Text(String),
}

/// Which actions a runner takes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClaimFilter {
    /// Only these hooks; empty is any.
    pub hooks: Vec<Hook>,
    /// Only this group.
    pub group: Option<Group>,
    /// None of these groups; does not count when `group` is set (reference, section 2).
    pub exclude_groups: Vec<Group>,
}

impl ClaimFilter {
    /// Whether an action of this hook and group is let through.
    pub fn lets_through(&self, hook: &Hook, group: &Group) -> bool {
        (self.hooks.is_empty() || self.hooks.contains(hook))
            && match &self.group {
                Some(only) => only == group,
                None => !self.exclude_groups.contains(group),
            }
    }
}

/// A request for a batch.
#[derive(Debug, Clone)]
pub struct ClaimRequest {
    /// Who asks.
    pub runner: RunnerId,
    /// The largest batch wanted.
    pub limit: u32,
    /// What may be in it.
    pub pick: Pick,
    /// How many claims may have something left to start at once, over all runners; `None` is any number. What is
    /// in-progress does not count: a few long actions must not keep idle workers from the rest.
    pub open_claims: Option<u32>,
}

/// What a batch is picked from.
#[derive(Debug, Clone)]
pub enum Pick {
    /// The actions that are due.
    Due(ClaimFilter),
    /// These pending actions, due or not.
    Ids(Vec<ActionId>),
}

/// The answer to a [`ClaimRequest`].
#[derive(Debug, Clone)]
pub enum Claiming {
    /// A batch; it has at least one action.
    Claimed(Claim),
    /// Nothing is due.
    Nothing,
    /// As many claims have something left to start as may be.
    Full,
}

/// A batch of actions set aside for a runner.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Its id.
    pub id: ClaimId,
    /// What it holds, in claim order.
    pub actions: Vec<ClaimedAction>,
}

/// What a runner needs to know of an action to run it.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimedAction {
    /// Its id.
    pub id: ActionId,
    /// What is to happen.
    pub hook: Hook,
    /// The group it belongs to.
    pub group: Group,
    /// What its handlers are called with.
    pub args: Args,
    /// How urgent it is.
    pub priority: Priority,
    /// How often it has been started so far.
    pub attempts: Attempt,
    /// When it was due.
    pub scheduled_at: Timestamp,
    /// The chain it continues, if it does.
    pub chain: Option<ClaimedChain>,
}

/// What a runner needs to know of a chain to continue it.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimedChain {
    /// Its id.
    pub id: ChainId,
    /// Its schedule; what is wrong with it, if the database holds one that cannot be read.
    pub recurring: Result<Arc<Recurring>, String>,
    /// The date that the chain owes because this instance was run early.
    pub owed: Option<Timestamp>,
}

/// An action to be marked as in-progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// The action.
    pub action: ActionId,
    /// The claim it is held by.
    pub claim: ClaimId,
    /// Whether `action started` goes into the log.
    pub log: bool,
}

/// The answer to a [`Start`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Started {
    /// It is in-progress, and this is its attempt.
    Yes(Attempt),
    /// It is no longer pending, or no longer held by that claim; that was logged if the action still exists.
    Ignored,
}

/// How an attempt came out.
#[derive(Debug, Clone, PartialEq)]
pub struct Finish {
    /// The action.
    pub action: ActionId,
    /// The claim under which it was started.
    pub claim: ClaimId,
    /// The attempt.
    pub attempt: Attempt,
    /// What became of it.
    pub outcome: Outcome,
    /// What goes into the log, in order.
    pub entries: Vec<NewLogEntry>,
    /// How its chain goes on, if it has one and this is the end of the instance.
    pub succession: Option<Succession>,
}

/// What became of an attempt, as far as the store is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The action is complete. Allowed too when the attempt was marked as timed out before.
    Complete,
    /// The action is failed.
    Failed,
    /// The action is failed because it ran too long; its handler may still come to an end.
    TimedOut,
    /// The action is pending again. Allowed too when the attempt was marked as timed out before.
    Retry {
        /// When the next attempt is due.
        at: Timestamp,
    },
    /// The handler was never called: the action is pending again and the attempt is not counted.
    NotCalled,
    /// The runner died: the action is failed, and what it may still report is no longer its own.
    Crashed,
    /// The runner died, and the action is pending again.
    CrashedRetry {
        /// When the next attempt is due.
        at: Timestamp,
    },
}

impl Outcome {
    /// The status that follows.
    pub fn status(self) -> Status {
        match self {
            Outcome::Complete => Status::Complete,
            Outcome::Failed | Outcome::TimedOut | Outcome::Crashed => Status::Failed,
            Outcome::Retry { .. } | Outcome::NotCalled | Outcome::CrashedRetry { .. } => {
                Status::Pending
            }
        }
    }
}

/// How a chain goes on when an instance has come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Succession {
    /// The chain.
    pub chain: ChainId,
    /// The date of the next instance; `None` ends the chain.
    pub next: Option<Timestamp>,
    /// With this many failures in a row the chain is paused instead.
    pub failure_threshold: Option<u32>,
}

/// The answer to a [`Finish`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// It was recorded.
    Yes {
        /// The next instance, if one was stored.
        next: Option<ActionId>,
        /// The chain that was paused by this failure.
        paused: Option<ChainId>,
    },
    /// The attempt was no longer its own; that was logged if the action still exists, and nothing else changed.
    Superseded,
}

/// A runner that makes itself known.
#[derive(Debug, Clone, Serialize)]
pub struct NewRunner {
    /// Where it runs: host and process.
    pub name: String,
    /// Which process it is, for others on the same machine to see whether it still runs; see
    /// [`crate::runner::Process`].
    pub process: Option<String>,
    /// What it is, as the log shows it.
    pub context: Context,
    /// How many actions it executes at once.
    pub workers: u32,
    /// Without a beat for this long it is taken for dead.
    pub lease: Duration,
}

/// A runner that is known.
#[derive(Debug, Clone, Serialize)]
pub struct Runner {
    /// Its id.
    pub id: RunnerId,
    /// What it said about itself.
    #[serde(flatten)]
    pub runner: NewRunner,
    /// When it made itself known.
    pub started_at: Timestamp,
    /// Its latest beat by the clock, for people to read.
    pub heartbeat_at: Timestamp,
    /// How often it has beaten: the sign of life that does not depend on any clock.
    pub beats: u64,
    /// How many claims it holds.
    pub claims: u32,
    /// How many actions it has in-progress.
    pub in_progress: u32,
}

/// A runner that is taken for dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeadRunner {
    /// Its id.
    pub id: RunnerId,
    /// The count of beats it stands at; if it has moved on, the runner lives.
    pub beats: u64,
}

/// What [`Store::recover`] found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recovery {
    /// How many claimed actions went back to the queue.
    pub released: u64,
    /// What was in-progress: to be finished as crashed. Until that is recorded, each later call gives it out again.
    pub stranded: Vec<Stranded>,
}

/// An action that was in-progress when its runner died.
#[derive(Debug, Clone, PartialEq)]
pub struct Stranded {
    /// The action.
    pub action: ClaimedAction,
    /// The claim under which it was started.
    pub claim: ClaimId,
    /// The runner that died, where it is known.
    pub runner: Option<RunnerId>,
}

/// The actions that something is done to.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// These.
    Ids(Vec<ActionId>),
    /// What the query asks for, at most as many as its limit. Actions whose status does not allow it are passed over.
    Matching(Box<Query>),
}

/// What became of one action of a [`Target`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It was done.
    Done(ActionId),
    /// There is no such action.
    Missing(ActionId),
    /// Its status does not allow it.
    Refused(ActionId, Status),
}

/// How an action is put (back) into the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requeue {
    /// A finished action gets a new attempt, due now. Its chain, if it had one, is not touched.
    Rerun,
    /// A pending action is due now; the date it had is still owed to its chain.
    RunNow,
    /// A pending action is due at another date.
    At(Timestamp),
}

/// Which chains are asked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ChainQuery {
    /// Only these ids.
    pub ids: Option<Vec<ChainId>>,
    /// Only this hook.
    pub hook: Option<Hook>,
    /// Only this group.
    pub group: Option<Group>,
    /// Only this key, set by [`crate::Unique::Key`].
    pub key: Option<String>,
    /// Only chains in these states; empty is any.
    pub states: Vec<ChainState>,
    /// Only chains after this one.
    pub after: Option<ChainId>,
    /// How many at most.
    pub limit: Option<u32>,
}

/// All the instances of one recurring action.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Chain {
    /// Its id.
    pub id: ChainId,
    /// What happens.
    pub hook: Hook,
    /// The group of its instances.
    pub group: Group,
    /// What their handlers are called with.
    pub args: Args,
    /// How urgent they are.
    pub priority: Priority,
    /// When they run.
    #[serde(serialize_with = "serialize_recurring")]
    pub recurring: Recurring,
    /// The caller's key, if it was scheduled with one.
    pub key: Option<String>,
    /// Whether it goes on.
    pub state: ChainState,
    /// Why it is paused.
    pub reason: Option<String>,
    /// How many instances in a row have failed up to now.
    pub failures: u32,
    /// The instance that is pending or in-progress, or was the last.
    pub head: Option<ActionId>,
    /// When it was stored.
    pub created_at: Timestamp,
}

fn serialize_recurring<S: serde::Serializer>(
    recurring: &Recurring,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    crate::schedule::Schedule::Recurring(recurring.clone()).serialize(serializer)
}

/// Whether a chain goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChainState {
    /// It has an instance that is pending or in-progress.
    Active,
    /// It stands still until it is resumed.
    Paused,
    /// It was canceled, or its schedule has no further date.
    Ended,
}

impl ChainState {
    /// `active`, `paused` or `ended`.
    pub fn as_str(self) -> &'static str {
        match self {
            ChainState::Active => "active",
            ChainState::Paused => "paused",
            ChainState::Ended => "ended",
        }
    }
}

impl std::fmt::Display for ChainState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// A change to a chain.
#[derive(Debug, Clone, PartialEq)]
pub enum ChainChange {
    /// An active chain stands still: its pending instance is canceled; one in-progress ends, with none after it.
    Pause {
        /// Why, for people to read.
        reason: String,
    },
    /// A paused chain goes on at this date, with its failures forgotten.
    Resume {
        /// The date of the next instance.
        next: Timestamp,
    },
    /// A chain that has not ended does so: its pending instance is canceled; one in-progress ends, with none after it.
    End,
}

/// The answer to a [`ChainChange`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChainChanged {
    /// It was done; on resume, this is the next instance.
    Done(Option<ActionId>),
    /// There is no such chain.
    Missing,
    /// Its state does not allow it.
    Refused(ChainState),
}

/// Figures about the whole store.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stats {
    /// How many actions have each status.
    pub counts: BTreeMap<&'static str, u64>,
    /// How many are pending and due.
    pub past_due: u64,
    /// For each status, the oldest and the newest scheduled date.
    pub dates: BTreeMap<&'static str, (Timestamp, Timestamp)>,
    /// How many claims are open.
    pub claims: u64,
    /// How many runners are known.
    pub runners: u64,
    /// How many chains are in each state.
    pub chains: BTreeMap<ChainState, u64>,
}

/// Which hooks something is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookScope {
    /// These.
    Only(Vec<Hook>),
    /// All but these.
    AllBut(Vec<Hook>),
}

/// A request to delete finished actions of one status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CleanBatch {
    /// Their status; one that is finished.
    pub status: Status,
    /// Only what was due, and changed last, before this date.
    pub before: Timestamp,
    /// Only these hooks.
    pub hooks: HookScope,
    /// How many rows are looked at, at most.
    pub limit: u32,
    /// Where the batch before this one came to.
    pub after: Option<CleanCursor>,
    /// Whether they are deleted or only counted.
    pub mode: CleanMode,
}

/// Whether [`Store::clean`] deletes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CleanMode {
    /// It deletes.
    Delete,
    /// It counts what it would delete.
    DryRun,
}

/// How far cleaning has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CleanCursor {
    /// The scheduled date of the last row looked at.
    pub scheduled_at: Timestamp,
    /// Its id.
    pub id: ActionId,
}

/// What [`Store::clean`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cleaned {
    /// How many actions were deleted (or would have been).
    pub deleted: u64,
    /// Where to go on; `None` when all were looked at.
    pub next: Option<CleanCursor>,
}
