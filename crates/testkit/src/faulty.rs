//! A store that fails when it is told to: what a database that goes away looks like from above.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use action_scheduler::log::NewLogEntry;
use action_scheduler::store::{
    Admission, Chain, ChainChange, ChainChanged, ChainQuery, Change, ClaimFilter, ClaimRequest,
    Claiming, CleanBatch, Cleaned, DeadRunner, Export, Exported, Finish, ImportBatch, Imports,
    ImportsQuery, Insert, NewRunner, Origin, Recorded, Recovery, Requeue, Runner, Start, Started,
    Statement, Stats, StoreId, Target,
};
use action_scheduler::time::Clock;
use action_scheduler::{
    Action, ActionId, ChainId, ClaimId, Context, Hook, LogEntry, Query, Result, RunnerId, Store,
    StoreError, StoreErrorKind,
};
use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::{Notify, watch};

/// When the store goes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Instead of doing what the call after so many others asks for.
    Before(u32),
    /// When it has done that, and before it tells.
    After(u32),
}

impl Fault {
    fn calls_left(&mut self) -> &mut u32 {
        match self {
            Fault::Before(calls) | Fault::After(calls) => calls,
        }
    }
}

/// A store over another one, that can be made unreachable.
pub struct FaultyStore {
    inner: Arc<dyn Store>,
    away: AtomicBool,
    refused: AtomicU32,
    fault: Mutex<Option<Fault>>,
    late: Mutex<Option<Insert>>,
    stand_still: Mutex<Option<StandStill>>,
}

/// A caller that stands still right before it cancels something.
#[derive(Debug, Clone, Default)]
pub struct StandStill {
    /// Told when it does.
    pub begun: Arc<Notify>,
    /// Awaited before it goes on.
    pub go_on: Arc<Notify>,
}

impl FaultyStore {
    /// A store that works.
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self {
            inner,
            away: AtomicBool::new(false),
            refused: AtomicU32::new(0),
            fault: Mutex::new(None),
            late: Mutex::new(None),
            stand_still: Mutex::new(None),
        }
    }

    /// From now on every call fails.
    pub fn go_away(&self) {
        self.away.store(true, Ordering::SeqCst);
    }

    /// It goes away at this moment.
    pub fn go_away_at(&self, fault: Fault) {
        *self.fault.lock().unwrap() = Some(fault);
    }

    /// From now on it works again.
    pub fn come_back(&self) {
        *self.fault.lock().unwrap() = None;
        self.away.store(false, Ordering::SeqCst);
    }

    /// Stores this action right after a runner has looked for the next date, and before it is told.
    pub fn insert_after_look(&self, insert: Insert) {
        *self.late.lock().unwrap() = Some(insert);
    }

    /// Has the next caller that cancels something stand still before it does.
    pub fn stand_still_before_cancel(&self, stand_still: StandStill) {
        *self.stand_still.lock().unwrap() = Some(stand_still);
    }

    /// How many calls have failed so far.
    pub fn refused(&self) -> u32 {
        self.refused.load(Ordering::SeqCst)
    }

    fn reach(&self) -> Result<&dyn Store> {
        if let Some(fault) = &mut *self.fault.lock().unwrap() {
            match (*fault.calls_left(), &fault) {
                (0, Fault::Before(_)) => self.go_away(),
                (0, Fault::After(_)) => {}
                (left, _) => *fault.calls_left() = left - 1,
            }
        }
        if self.away.load(Ordering::SeqCst) {
            self.refused.fetch_add(1, Ordering::SeqCst);
            return Err(StoreError::new(StoreErrorKind::Unavailable, "the store is away").into());
        }
        Ok(&*self.inner)
    }

    /// The answer to a call, unless the store goes away before it is told.
    fn answer<T>(&self, answer: Result<T>) -> Result<T> {
        if matches!(*self.fault.lock().unwrap(), Some(Fault::After(0))) {
            self.go_away();
            self.reach()?;
        }
        answer
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
        self.answer(self.reach()?.insert(actions).await)
    }
    async fn claim(&self, request: ClaimRequest) -> Result<Claiming> {
        self.answer(self.reach()?.claim(request).await)
    }
    async fn start(&self, starts: Vec<Start>, context: &Context) -> Result<Vec<Started>> {
        self.answer(self.reach()?.start(starts, context).await)
    }
    async fn finish(&self, finishes: Vec<Finish>, context: &Context) -> Result<Vec<Recorded>> {
        self.answer(self.reach()?.finish(finishes, context).await)
    }
    async fn release(&self, claims: Vec<ClaimId>, context: &Context) -> Result<u64> {
        self.answer(self.reach()?.release(claims, context).await)
    }
    async fn register(&self, runner: NewRunner) -> Result<RunnerId> {
        self.answer(self.reach()?.register(runner).await)
    }
    async fn heartbeat(&self, runner: RunnerId) -> Result<bool> {
        self.answer(self.reach()?.heartbeat(runner).await)
    }
    async fn unregister(&self, runner: RunnerId, context: &Context) -> Result<()> {
        self.answer(self.reach()?.unregister(runner, context).await)
    }
    async fn runners(&self) -> Result<Vec<Runner>> {
        self.answer(self.reach()?.runners().await)
    }
    async fn recover(&self, dead: Vec<DeadRunner>, context: &Context) -> Result<Recovery> {
        self.answer(self.reach()?.recover(dead, context).await)
    }
    async fn cancel(
        &self,
        target: Target,
        reason: Option<String>,
        context: &Context,
    ) -> Result<Vec<Change>> {
        let stand_still = self.stand_still.lock().unwrap().take();
        if let Some(StandStill { begun, go_on }) = stand_still {
            begun.notify_one();
            go_on.notified().await;
        }
        self.answer(self.reach()?.cancel(target, reason, context).await)
    }
    async fn delete(&self, target: Target) -> Result<Vec<Change>> {
        self.answer(self.reach()?.delete(target).await)
    }
    async fn requeue(
        &self,
        ids: Vec<ActionId>,
        to: Requeue,
        context: &Context,
    ) -> Result<Vec<Change>> {
        self.answer(self.reach()?.requeue(ids, to, context).await)
    }
    async fn fetch(&self, ids: Vec<ActionId>) -> Result<Vec<Action>> {
        self.answer(self.reach()?.fetch(ids).await)
    }
    async fn query(&self, query: Query) -> Result<Vec<Action>> {
        self.answer(self.reach()?.query(query).await)
    }
    async fn count(&self, query: Query) -> Result<u64> {
        self.answer(self.reach()?.count(query).await)
    }
    async fn append_log(
        &self,
        entries: Vec<(ActionId, NewLogEntry)>,
        context: &Context,
    ) -> Result<()> {
        self.answer(self.reach()?.append_log(entries, context).await)
    }
    async fn logs(&self, ids: Vec<ActionId>) -> Result<Vec<LogEntry>> {
        self.answer(self.reach()?.logs(ids).await)
    }
    async fn next_due(&self, filter: ClaimFilter) -> Result<Option<Timestamp>> {
        let answer = self.answer(self.reach()?.next_due(filter).await);
        let late = self.late.lock().unwrap().take();
        if let Some(insert) = late {
            self.inner.insert(vec![insert]).await?;
            // The wake-up is to be there first.
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        answer
    }
    async fn chains(&self, query: ChainQuery) -> Result<Vec<Chain>> {
        self.answer(self.reach()?.chains(query).await)
    }
    async fn change_chain(
        &self,
        id: ChainId,
        change: ChainChange,
        context: &Context,
    ) -> Result<ChainChanged> {
        self.answer(self.reach()?.change_chain(id, change, context).await)
    }
    async fn hooks(&self) -> Result<Vec<Hook>> {
        self.answer(self.reach()?.hooks().await)
    }
    async fn stats(&self) -> Result<Stats> {
        self.answer(self.reach()?.stats().await)
    }
    async fn clean(&self, batch: CleanBatch) -> Result<Cleaned> {
        self.answer(self.reach()?.clean(batch).await)
    }
    async fn clean_orphans(&self, limit: u32) -> Result<u64> {
        self.answer(self.reach()?.clean_orphans(limit).await)
    }
    async fn identity(&self) -> Result<StoreId> {
        self.answer(self.reach()?.identity().await)
    }
    async fn export(&self, export: Export) -> Result<Exported> {
        self.answer(self.reach()?.export(export).await)
    }
    async fn import(&self, origin: &Origin, batch: ImportBatch) -> Result<Imports> {
        self.answer(self.reach()?.import(origin, batch).await)
    }
    async fn admit(
        &self,
        origin: &Origin,
        admission: Admission,
        context: &Context,
    ) -> Result<Imports> {
        self.answer(self.reach()?.admit(origin, admission, context).await)
    }
    async fn imports(&self, origin: &StoreId, query: ImportsQuery) -> Result<Imports> {
        self.answer(self.reach()?.imports(origin, query).await)
    }
    async fn forget_imports(&self, origin: &StoreId, limit: u32) -> Result<u64> {
        self.answer(self.reach()?.forget_imports(origin, limit).await)
    }
}
