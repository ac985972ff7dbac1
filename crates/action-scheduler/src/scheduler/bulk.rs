//! Changes to all that a query asks for, batch by batch.

use jiff::Timestamp;
use serde::Serialize;

use super::{Scheduler, done};
use crate::action::{ActionId, Status};
use crate::error::Result;
use crate::observer::Event;
use crate::query::{Claimed, Comparator, Order, OrderBy, Query};
use crate::store::{Requeue, Target};

/// How many actions one batch takes, so that it never holds the database for long.
const BATCH: usize = 1000;

/// How far a [`Bulk`] has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// How many actions have been changed.
    pub done: u64,
    /// How many were found, and had changed by themselves before their turn came.
    pub passed_over: u64,
}

/// A change to all that a query asks for, in batches. Nothing is done until it is asked for the next one; to stop, drop
/// it.
///
/// The limit, the offset and the cursor of the query do not count; what it looks [`within`](Query::within) does, so that
/// no more is changed than [`Scheduler::count`] has counted. What is stored while it is under way is left alone, unless
/// its date is before those that have been looked at.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// # use action_scheduler::{Query, Scheduler, Status};
/// # let folder = tempfile::tempdir().unwrap();
/// # let file = folder.path().join("shop.db");
/// # let scheduler = Scheduler::open(&format!("sqlite:{}", file.display())).await?;
/// let mut bulk = scheduler.rerun_all(Query::new().status(Status::Failed));
/// while let Some(progress) = bulk.next().await? {
///     println!("{} have been put back into the queue", progress.done);
/// }
/// # Ok::<(), action_scheduler::Error>(()) }).unwrap();
/// ```
pub struct Bulk {
    scheduler: Scheduler,
    change: BulkChange,
    query: Query,
    pages: Pages,
    begun: Timestamp,
    /// What is to be changed next.
    batch: Vec<ActionId>,
    progress: Progress,
}

enum BulkChange {
    Cancel { reason: Option<String> },
    Delete,
    Requeue(Requeue),
}

/// Where batches come from.
enum Pages {
    /// From the newest date to the oldest: what is stored or put back meanwhile has a newer one more often than not, and
    /// no place is read twice.
    ByDate,
    /// All that there is within a window is listed at first.
    Window,
    Listed(Vec<ActionId>),
    End,
}

impl BulkChange {
    fn allows(&self, status: Status) -> bool {
        match self {
            BulkChange::Cancel { .. } => !status.is_finished(),
            BulkChange::Delete => status != Status::InProgress,
            BulkChange::Requeue(to) => to.allowed().contains(&status),
        }
    }

    /// A query without what is not to be changed, or has been already.
    fn narrow(&self, mut query: Query, begun: Timestamp, now: Timestamp) -> Query {
        let wanted = |status: &Status| query.statuses.is_empty() || query.statuses.contains(status);
        query.statuses = Status::ALL
            .into_iter()
            .filter(|status| self.allows(*status) && wanted(status))
            .collect();
        match self {
            BulkChange::Cancel { .. } | BulkChange::Delete => query,
            // What has come to its end since was run again by this.
            BulkChange::Requeue(Requeue::Rerun) => query.modified(Comparator::LessOrEqual, begun),
            BulkChange::Requeue(Requeue::RunNow) => query.scheduled(Comparator::Greater, now),
            BulkChange::Requeue(Requeue::At(at)) => query.scheduled(Comparator::NotEqual, *at),
        }
    }
}

impl Scheduler {
    /// Cancels all pending and in-progress actions that the query asks for.
    pub fn cancel_all(&self, query: Query, reason: Option<String>) -> Bulk {
        Bulk::new(self, query, BulkChange::Cancel { reason })
    }

    /// Deletes all actions that the query asks for, with their logs, but for those in-progress.
    pub fn delete_all(&self, query: Query) -> Bulk {
        Bulk::new(self, query, BulkChange::Delete)
    }

    /// Gives all finished actions that the query asks for a new attempt, due now.
    pub fn rerun_all(&self, query: Query) -> Bulk {
        Bulk::new(self, query, BulkChange::Requeue(Requeue::Rerun))
    }

    /// Makes all pending actions that the query asks for due now. What is due already, or claimed, is left as it is.
    pub fn run_all_now(&self, query: Query) -> Bulk {
        Bulk::new(self, query, BulkChange::Requeue(Requeue::RunNow))
    }

    /// Gives all pending actions that the query asks for another date. What is claimed is left as it is.
    pub fn reschedule_all(&self, query: Query, at: Timestamp) -> Bulk {
        Bulk::new(self, query, BulkChange::Requeue(Requeue::At(at)))
    }

    /// Cancels every pending action that the query asks for. Says how many they were.
    pub async fn unschedule_all(&self, mut query: Query) -> Result<u64> {
        query.statuses = vec![Status::Pending];
        Ok(self.cancel_all(query, None).finish().await?.done)
    }
}

impl Bulk {
    fn new(scheduler: &Scheduler, query: Query, change: BulkChange) -> Self {
        let mut query = Query { limit: None, offset: 0, after: None, ..query };
        let mut pages = match query.within {
            Some(_) => Pages::Window,
            None => Pages::ByDate,
        };
        let begun = scheduler.now();
        if change.narrow(query.clone(), begun, begun).statuses.is_empty() {
            pages = Pages::End;
        }
        if matches!(change, BulkChange::Requeue(Requeue::RunNow | Requeue::At(_))) {
            match query.claimed {
                None | Some(Claimed::None) => query.claimed = Some(Claimed::None),
                Some(Claimed::Any | Claimed::By(_)) => pages = Pages::End,
            }
        }
        Self {
            scheduler: scheduler.clone(),
            change,
            query,
            pages,
            begun,
            batch: Vec::new(),
            progress: Progress::default(),
        }
    }

    /// Changes the next batch, and says how far it has come; nothing when all has been done. After an error it can be
    /// asked again, and goes on where it stood.
    #[allow(clippy::should_implement_trait, reason = "it is asynchronous, and may fail")]
    pub async fn next(&mut self) -> Result<Option<Progress>> {
        if self.batch.is_empty() {
            self.batch = self.page().await?;
        }
        if self.batch.is_empty() {
            return Ok(None);
        }
        let found = self.batch.len() as u64;
        let done = self.change().await?;
        self.batch.clear();
        self.progress.done += done;
        self.progress.passed_over += found.saturating_sub(done);
        Ok(Some(self.progress))
    }

    /// Changes all that is left.
    pub async fn finish(mut self) -> Result<Progress> {
        while self.next().await?.is_some() {}
        Ok(self.progress)
    }

    /// The query for what is still to be changed.
    fn left(&self) -> Query {
        self.change.narrow(self.query.clone(), self.begun, self.scheduler.now())
    }

    async fn page(&mut self) -> Result<Vec<ActionId>> {
        if let Pages::Window = self.pages {
            let found = self.scheduler.0.store.query(self.query.clone()).await?;
            let allowed = found.iter().filter(|action| self.change.allows(action.status));
            self.pages = Pages::Listed(allowed.map(|action| action.id).collect());
        }
        match &mut self.pages {
            Pages::Listed(ids) => Ok(ids.split_off(ids.len().saturating_sub(BATCH))),
            Pages::End | Pages::Window => Ok(Vec::new()),
            Pages::ByDate => {
                let by_date = self.left().order(OrderBy::Date, Order::Descending);
                let page = by_date.limit(u32::try_from(BATCH).unwrap_or(u32::MAX));
                let found = self.scheduler.0.store.query(page.clone()).await?;
                match found.last() {
                    Some(last) if found.len() == BATCH => {
                        self.query.after = Some(page.cursor(last));
                    }
                    _ => self.pages = Pages::End,
                }
                Ok(found.iter().map(|action| action.id).collect())
            }
        }
    }

    /// Changes the batch, as far as it is still what was asked for. Says how many that were.
    async fn change(&self) -> Result<u64> {
        let batch = Query {
            ids: Some(self.batch.clone()),
            after: None,
            within: None,
            order_by: OrderBy::Id,
            ..self.left()
        };
        let target = Target::Matching(Box::new(batch));
        let (store, context) = (&self.scheduler.0.store, &self.scheduler.0.context);
        let changes = match &self.change {
            BulkChange::Cancel { reason } => store.cancel(target, reason.clone(), context).await?,
            BulkChange::Delete => store.delete(target).await?,
            BulkChange::Requeue(to) => store.requeue(target, *to, context).await?,
        };
        let actions = done(&changes);
        let count = actions.len() as u64;
        if count > 0 && !matches!(self.change, BulkChange::Requeue(_)) {
            self.scheduler.tell_of_ends();
            self.scheduler.observers().tell(&match self.change {
                BulkChange::Delete => Event::Deleted { actions },
                _ => Event::Canceled { actions },
            });
        }
        Ok(count)
    }
}
