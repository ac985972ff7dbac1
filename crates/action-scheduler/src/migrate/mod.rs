//! Moving everything from one store to another, while both are in use.
//!
//! A move may be broken off at any moment, by whatever kills a process or a connection: run again, it goes on where it
//! was. These are the promises, and what keeps them:
//!
//! - **Nothing that is to run can run in both stores, and nothing is lost.** What is pending goes in four steps, each of
//!   them atomic and durable: the source sets it aside under a claim of the mover; the target takes it in, held; the
//!   source cancels it, if that claim still holds it; the target admits it. Before the third step only the source can
//!   run it, after the fourth only the target, and between them neither can. The journal of the target says what is
//!   held; the log of the source says whether it was the mover that canceled it. From these two, a later run finishes
//!   what an earlier one began ([`Mover::run`] begins with that).
//! - **What is in-progress stays** where it runs until it has come to an end. Then it is history, and the next instance
//!   of its chain is pending: a later pass moves both.
//! - **History** (complete, failed, canceled) is copied and stays in the source. Copying again what was copied already
//!   stores nothing twice.
//! - **A chain** goes with its head: until that is admitted, the target shows the chain as ended, and canceling the head
//!   ends it in the source. A paused chain has no head to run; it is admitted first and ended in the source then, so
//!   that for a moment it is paused in both, which runs nothing.
//!
//! A last walk over all of the source compares it with the target, by the journal: what was finished meanwhile is
//! copied, and what differs is named.

mod compare;
mod cursor;
mod history;
mod live;
mod mend;
mod plan;
mod report;

use std::sync::Arc;
use std::time::{Duration, Instant};

pub use self::plan::MovePlan;
pub use self::report::{Difference, Left, MoveReport, Phase, Progress};
use crate::action::{ActionId, Status};
use crate::error::{Invalid, Result};
use crate::log::Context;
use crate::query::{Order, OrderBy, Query};
use crate::runner::{Liveness, RunnerConfig, Shutdown};
use crate::scheduler::Scheduler;
use crate::store::{Export, Origin, Store, StoreId};

/// A store, with its name for people: its URL without the password.
#[derive(Clone)]
pub struct Side {
    /// The store.
    pub store: Arc<dyn Store>,
    /// Its name, which goes into logs.
    pub name: String,
}

/// How a move goes about it.
#[derive(Debug, Clone)]
pub struct MoveOptions {
    /// How many actions go in one step (2,000).
    pub page: u32,
    /// How many passes over what is pending are made at most; `None` is until nothing is left.
    pub passes: Option<u32>,
    /// How long to wait for what is in-progress, in all; `None` is as long as it takes.
    pub timeout: Option<Duration>,
    /// How long to rest before looking again whether something in-progress has ended (1 s).
    pub poll_interval: Duration,
    /// Without a sign of life for this long, the source takes back what the mover had set aside (15 s).
    pub lease: Duration,
    /// What becomes of the journal in the end.
    pub journal: Journal,
}

impl Default for MoveOptions {
    fn default() -> Self {
        Self {
            page: 2000,
            passes: None,
            timeout: None,
            poll_interval: Duration::from_secs(1),
            lease: Duration::from_secs(15),
            journal: Journal::Keep,
        }
    }
}

/// What becomes of the journal of a move that is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Journal {
    /// It stays, so that moving again copies nothing twice.
    Keep,
    /// It is deleted.
    Forget,
}

/// Moves what one store holds to another.
///
/// ```no_run
/// # async fn example() -> action_scheduler::Result<()> {
/// use action_scheduler::migrate::{MoveOptions, Mover, Side};
/// use action_scheduler::{Scheduler, Shutdown};
///
/// let source = Scheduler::open("sqlite:old.db").await?;
/// let target = action_scheduler::store::open("sqlite:new.db").await?;
/// let target = Side { store: target, name: "sqlite:new.db".to_owned() };
/// let mover = Mover::new(source, "sqlite:old.db", target, MoveOptions::default()).await?;
/// let report = mover.run(Shutdown::new(), |_| ()).await?;
/// assert!(report.is_complete());
/// # Ok(()) }
/// ```
pub struct Mover {
    /// Over the source: what dead runners left there is settled by its policies.
    scheduler: Scheduler,
    source: Side,
    target: Side,
    origin: Origin,
    target_id: StoreId,
    options: MoveOptions,
}

impl Mover {
    /// A mover from the store of a scheduler, whose policies say what becomes of actions that a dead runner left
    /// in-progress there. Nothing happens until [`Mover::run`].
    pub async fn new(
        source: Scheduler,
        source_name: impl Into<String>,
        target: Side,
        options: MoveOptions,
    ) -> Result<Self> {
        let side = Side { store: Arc::clone(source.store()), name: source_name.into() };
        let origin = origin(&side, &target).await?;
        let target_id = target.store.identity().await?;
        Ok(Self { scheduler: source, source: side, target, origin, target_id, options })
    }

    /// Moves, until nothing is left or the options have it stop. `progress` is told often how far it is.
    ///
    /// An error of a store ends it; run again, it goes on where it was.
    pub async fn run(
        &self,
        shutdown: Shutdown,
        progress: impl Fn(Progress) + Send + Sync,
    ) -> Result<MoveReport> {
        let config = RunnerConfig { lease: self.options.lease, ..RunnerConfig::default() };
        let (liveness, watched) = Liveness::begin(&self.scheduler, &config).await?;
        let mut run = Run {
            mover: self,
            liveness: liveness.clone(),
            shutdown,
            progress: &progress,
            report: MoveReport::default(),
            ids_above: self.highest_id().await,
            stuck: 0,
        };
        // Both in this task: when it is dropped, the signs of life end too.
        let moved = tokio::select! {
            moved = run.all() => moved,
            () = liveness.clone().keep(watched) => Ok(()),
        };
        liveness.end().await;
        moved?;
        Ok(run.report)
    }

    /// The highest id in the source: new ids of the target are above it. Should its row be unreadable, ids may change
    /// that need not, and no more.
    async fn highest_id(&self) -> Option<ActionId> {
        let last = Query::new().order(OrderBy::Id, Order::Descending).limit(1);
        self.source.store.query(last).await.ok()?.pop().map(|action| action.id)
    }

    fn context(&self) -> &Context {
        self.scheduler.context()
    }

    /// Why the source cancels an action. It names the target so that no other store can be meant.
    fn reason(&self) -> String {
        format!("moved to {} {}", self.target.name, self.mark())
    }

    fn mark(&self) -> String {
        format!("(store {})", self.target_id)
    }
}

/// The source as the target knows it. Refuses to move from a store to itself.
async fn origin(source: &Side, target: &Side) -> Result<Origin> {
    let (id, target_id) = tokio::try_join!(source.store.identity(), target.store.identity())?;
    if id == target_id {
        let problem = "is the store that is moved from, or a copy of it; name another one";
        return Err(Invalid::new("target", &target.name, problem).into());
    }
    Ok(Origin { id, name: source.name.clone() })
}

/// A move under way.
struct Run<'a> {
    mover: &'a Mover,
    liveness: Liveness,
    shutdown: Shutdown,
    progress: &'a (dyn Fn(Progress) + Send + Sync),
    report: MoveReport,
    ids_above: Option<ActionId>,
    /// How many pending actions the last pass found that it can never move.
    stuck: u64,
}

impl Run<'_> {
    async fn all(&mut self) -> Result<()> {
        let begun = Instant::now();
        // First what an earlier run left half way: to it, the source looks as if it had been canceled by hand.
        self.mend().await?;
        self.copy_history().await?;
        loop {
            self.pass().await?;
            let is_over = self.mover.options.passes.is_some_and(|most| self.report.passes >= most)
                || self.mover.options.timeout.is_some_and(|most| begun.elapsed() >= most);
            let live = self.count_live().await?;
            if self.shutdown.is_stopping() {
                break;
            }
            if live > self.stuck && !is_over {
                self.tell(Phase::Waiting, 0, live);
                self.rest().await;
                continue;
            }
            // What was held, and ran in the source after all, has come to its end by now.
            self.mend().await?;
            self.compare().await?;
            if is_over || self.report.left.live() == 0 {
                break;
            }
        }
        self.report.interrupted = self.shutdown.is_stopping();
        if self.mover.options.journal == Journal::Forget && self.report.is_complete() {
            self.forget().await?;
        }
        Ok(())
    }

    /// Moves what is pending now.
    async fn pass(&mut self) -> Result<()> {
        self.report.passes += 1;
        self.stuck = 0;
        self.mend().await?;
        self.move_pending().await?;
        // After the pending ones: the head of a paused chain may have been put back into the queue.
        self.move_standing_chains().await
    }

    /// Counts what is pending and in-progress in the source.
    async fn count_live(&mut self) -> Result<u64> {
        let count = |status| self.source().count(Query::new().status(status));
        let (pending, in_progress) =
            tokio::try_join!(count(Status::Pending), count(Status::InProgress))?;
        (self.report.left.pending, self.report.left.in_progress) = (pending, in_progress);
        Ok(self.report.left.live())
    }

    async fn rest(&self) {
        tokio::select! {
            () = self.shutdown.stopping() => {}
            () = tokio::time::sleep(self.mover.options.poll_interval) => {}
        }
    }

    async fn forget(&self) -> Result<()> {
        const ROWS: u32 = 20_000;
        while self.target().forget_imports(&self.mover.origin.id, ROWS).await? > 0 {}
        Ok(())
    }

    fn source(&self) -> &dyn Store {
        &*self.mover.source.store
    }

    fn target(&self) -> &dyn Store {
        &*self.mover.target.store
    }

    fn tell(&self, phase: Phase, done: u64, total: u64) {
        (self.progress)(Progress { phase, done, total });
    }

    /// The first page of the actions in some statuses.
    fn pages(&self, statuses: &[Status]) -> Option<Export> {
        Some(Export::Actions {
            after: None,
            statuses: statuses.to_vec(),
            limit: self.mover.options.page,
        })
    }
}
