//! Changes to all that a query asks for, batch by batch.

use jiff::Timestamp;
use serde::Serialize;

use super::deed::done;
use super::{Deed, Scheduler};
use crate::action::{ActionId, Status};
use crate::error::Result;
use crate::query::{Claimed, Comparator, Order, OrderBy, Query};
use crate::store::Target;

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
    deed: Deed,
    query: Query,
    pages: Pages,
    begun: Timestamp,
    /// What is to be changed next.
    batch: Vec<ActionId>,
    progress: Progress,
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

impl Deed {
    /// A query without what is not to be changed, or has been already.
    fn narrow(&self, mut query: Query, begun: Timestamp, now: Timestamp) -> Query {
        let wanted = |status: &Status| query.statuses.is_empty() || query.statuses.contains(status);
        query.statuses = Status::ALL
            .into_iter()
            .filter(|status| self.allows(*status) && wanted(status))
            .collect();
        match self {
            Deed::Cancel { .. } | Deed::Delete => query,
            // What has come to its end since was run again by this.
            Deed::Rerun => query.modified(Comparator::LessOrEqual, begun),
            Deed::RunNow => query.scheduled(Comparator::Greater, now),
            Deed::Reschedule(at) => query.scheduled(Comparator::NotEqual, *at),
        }
    }
}

impl Scheduler {
    /// Does something to all actions that the query asks for and whose status allows it. What is claimed is neither run
    /// now nor rescheduled, and what is due already is not run now.
    pub fn do_to_all(&self, query: Query, deed: Deed) -> Bulk {
        Bulk::new(self, query, deed)
    }

    /// Cancels all pending and in-progress actions that the query asks for.
    pub fn cancel_all(&self, query: Query, reason: Option<String>) -> Bulk {
        self.do_to_all(query, Deed::Cancel { reason })
    }

    /// Deletes all actions that the query asks for, with their logs, but for those in-progress.
    pub fn delete_all(&self, query: Query) -> Bulk {
        self.do_to_all(query, Deed::Delete)
    }

    /// Gives all finished actions that the query asks for a new attempt, due now.
    pub fn rerun_all(&self, query: Query) -> Bulk {
        self.do_to_all(query, Deed::Rerun)
    }

    /// Makes all pending actions that the query asks for due now. What is due already, or claimed, is left as it is.
    pub fn run_all_now(&self, query: Query) -> Bulk {
        self.do_to_all(query, Deed::RunNow)
    }

    /// Gives all pending actions that the query asks for another date. What is claimed is left as it is.
    pub fn reschedule_all(&self, query: Query, at: Timestamp) -> Bulk {
        self.do_to_all(query, Deed::Reschedule(at))
    }

    /// Cancels every pending action that the query asks for. Says how many they were.
    pub async fn unschedule_all(&self, mut query: Query) -> Result<u64> {
        query.statuses = vec![Status::Pending];
        Ok(self.cancel_all(query, None).finish().await?.done)
    }
}

impl Bulk {
    fn new(scheduler: &Scheduler, query: Query, deed: Deed) -> Self {
        let mut query = Query { limit: None, offset: 0, after: None, ..query };
        let mut pages = match query.within {
            Some(_) => Pages::Window,
            None => Pages::ByDate,
        };
        let begun = scheduler.now();
        if deed.narrow(query.clone(), begun, begun).statuses.is_empty() {
            pages = Pages::End;
        }
        if matches!(deed, Deed::RunNow | Deed::Reschedule(_)) {
            match query.claimed {
                None | Some(Claimed::None) => query.claimed = Some(Claimed::None),
                Some(Claimed::Any | Claimed::By(_)) => pages = Pages::End,
            }
        }
        Self {
            scheduler: scheduler.clone(),
            deed,
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
        self.deed.narrow(self.query.clone(), self.begun, self.scheduler.now())
    }

    async fn page(&mut self) -> Result<Vec<ActionId>> {
        if let Pages::Window = self.pages {
            let found = self.scheduler.0.store.query(self.query.clone()).await?;
            let allowed = found.iter().filter(|action| self.deed.allows(action.status));
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
        let changes = self.scheduler.apply(Target::Matching(Box::new(batch)), &self.deed).await?;
        Ok(done(&changes).len() as u64)
    }
}
