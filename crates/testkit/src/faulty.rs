//! A store that fails when it is told to: what a database that goes away looks like from above.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use action_scheduler::log::NewLogEntry;
use action_scheduler::store::{
    Chain, ChainChange, ChainChanged, ChainQuery, Change, ClaimFilter, ClaimRequest, Claiming,
    CleanBatch, Cleaned, DeadRunner, Finish, Insert, NewRunner, Recorded, Recovery, Requeue,
    Runner, Start, Started, Statement, Stats, Target,
};
use action_scheduler::time::Clock;
use action_scheduler::{
    Action, ActionId, ChainId, ClaimId, Context, Hook, LogEntry, Query, Result, RunnerId, Store,
    StoreError, StoreErrorKind,
};
use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::watch;

/// A store over another one, that can be made unreachable.
pub struct FaultyStore {
    inner: Arc<dyn Store>,
    manners: Mutex<Manners>,
    finishes: AtomicU32,
    late: Mutex<Option<Insert>>,
}

/// How it treats its callers.
#[derive(Clone, Copy)]
enum Manners {
    Works,
    Refuses,
    IsSilent,
}

impl FaultyStore {
    /// A store that works.
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self {
            inner,
            manners: Mutex::new(Manners::Works),
            finishes: AtomicU32::new(0),
            late: Mutex::new(None),
        }
    }

    /// From now on every call fails.
    pub fn go_away(&self) {
        *self.manners.lock().unwrap() = Manners::Refuses;
    }

    /// From now on no call is ever answered.
    pub fn fall_silent(&self) {
        *self.manners.lock().unwrap() = Manners::IsSilent;
    }

    /// From now on it works again.
    pub fn come_back(&self) {
        *self.manners.lock().unwrap() = Manners::Works;
    }

    /// Stores this action right after a runner has looked for the next date, and before it is told.
    pub fn insert_after_look(&self, insert: Insert) {
        *self.late.lock().unwrap() = Some(insert);
    }

    /// How often it was asked to record results so far, whether or not it did.
    pub fn finishes(&self) -> u32 {
        self.finishes.load(Ordering::SeqCst)
    }

    async fn reach(&self) -> Result<&dyn Store> {
        let manners = *self.manners.lock().unwrap();
        match manners {
            Manners::Works => Ok(&*self.inner),
            Manners::Refuses => {
                Err(StoreError::new(StoreErrorKind::Unavailable, "the store is away").into())
            }
            Manners::IsSilent => std::future::pending().await,
        }
    }
}

#[async_trait]
impl Store for FaultyStore {
    fn clock(&self) -> &Clock {
        self.inner.clock()
    }
    fn wake(&self) -> watch::Receiver<u64> {
        self.inner.wake()
    }
    fn insert_statements(&self, action: &Insert) -> Vec<Statement> {
        self.inner.insert_statements(action)
    }
    async fn insert(&self, actions: Vec<Insert>) -> Result<Vec<Option<ActionId>>> {
        self.reach().await?.insert(actions).await
    }
    async fn claim(&self, request: ClaimRequest) -> Result<Claiming> {
        self.reach().await?.claim(request).await
    }
    async fn start(&self, starts: Vec<Start>, context: &Context) -> Result<Vec<Started>> {
        self.reach().await?.start(starts, context).await
    }
    async fn finish(&self, finishes: Vec<Finish>, context: &Context) -> Result<Vec<Recorded>> {
        self.finishes.fetch_add(1, Ordering::SeqCst);
        self.reach().await?.finish(finishes, context).await
    }
    async fn release(&self, claims: Vec<ClaimId>, context: &Context) -> Result<u64> {
        self.reach().await?.release(claims, context).await
    }
    async fn register(&self, runner: NewRunner) -> Result<RunnerId> {
        self.reach().await?.register(runner).await
    }
    async fn heartbeat(&self, runner: RunnerId) -> Result<bool> {
        self.reach().await?.heartbeat(runner).await
    }
    async fn unregister(&self, runner: RunnerId, context: &Context) -> Result<()> {
        self.reach().await?.unregister(runner, context).await
    }
    async fn runners(&self) -> Result<Vec<Runner>> {
        self.reach().await?.runners().await
    }
    async fn recover(&self, dead: Vec<DeadRunner>, context: &Context) -> Result<Recovery> {
        self.reach().await?.recover(dead, context).await
    }
    async fn cancel(
        &self,
        target: Target,
        reason: Option<String>,
        context: &Context,
    ) -> Result<Vec<Change>> {
        self.reach().await?.cancel(target, reason, context).await
    }
    async fn delete(&self, target: Target) -> Result<Vec<Change>> {
        self.reach().await?.delete(target).await
    }
    async fn requeue(
        &self,
        ids: Vec<ActionId>,
        to: Requeue,
        context: &Context,
    ) -> Result<Vec<Change>> {
        self.reach().await?.requeue(ids, to, context).await
    }
    async fn fetch(&self, ids: Vec<ActionId>) -> Result<Vec<Action>> {
        self.reach().await?.fetch(ids).await
    }
    async fn query(&self, query: Query) -> Result<Vec<Action>> {
        self.reach().await?.query(query).await
    }
    async fn count(&self, query: Query) -> Result<u64> {
        self.reach().await?.count(query).await
    }
    async fn append_log(
        &self,
        entries: Vec<(ActionId, NewLogEntry)>,
        context: &Context,
    ) -> Result<()> {
        self.reach().await?.append_log(entries, context).await
    }
    async fn logs(&self, ids: Vec<ActionId>) -> Result<Vec<LogEntry>> {
        self.reach().await?.logs(ids).await
    }
    async fn next_due(&self, filter: ClaimFilter) -> Result<Option<Timestamp>> {
        let answer = self.reach().await?.next_due(filter).await;
        let late = self.late.lock().unwrap().take();
        if let Some(insert) = late {
            self.inner.insert(vec![insert]).await?;
            // The wake-up is to be there first.
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        answer
    }
    async fn chains(&self, query: ChainQuery) -> Result<Vec<Chain>> {
        self.reach().await?.chains(query).await
    }
    async fn change_chain(
        &self,
        id: ChainId,
        change: ChainChange,
        context: &Context,
    ) -> Result<ChainChanged> {
        self.reach().await?.change_chain(id, change, context).await
    }
    async fn hooks(&self) -> Result<Vec<Hook>> {
        self.reach().await?.hooks().await
    }
    async fn stats(&self) -> Result<Stats> {
        self.reach().await?.stats().await
    }
    async fn clean(&self, batch: CleanBatch) -> Result<Cleaned> {
        self.reach().await?.clean(batch).await
    }
    async fn clean_orphans(&self, limit: u32) -> Result<u64> {
        self.reach().await?.clean_orphans(limit).await
    }
}
