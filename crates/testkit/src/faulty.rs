//! A store that fails when it is told to: what a database that goes away looks like from above.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use action_scheduler::log::NewLogEntry;
use action_scheduler::store::{
    Admission, AttemptsOf, Chain, ChainChange, ChainChanged, ChainQuery, Change, ClaimFilter,
    ClaimRequest, Claiming, ClaimsQuery, CleanBatch, Cleaned, DeadRunner, Export, Exported, Figure,
    FiguresQuery, Finish, ImportBatch, Imports, ImportsQuery, Insert, NewRunner, Once, OpenAttempt,
    OpenClaim, Origin, Put, PutRecord, Receipt, Record, RecordKind, Recorded, RecordsQuery,
    Recovery, Requeue, Runner, Start, Started, Statement, Stats, StoreId, Tally, TallyBy, Target,
};
use action_scheduler::time::Clock;
use action_scheduler::{
    Action, ActionId, ChainId, ClaimId, Context, Error, Group, Hook, LogEntry, Query, Result,
    RunnerId, Store, StoreError, StoreErrorKind,
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

/// How it treats its callers.
#[derive(Clone, Copy)]
enum Manners {
    Works,
    Refuses,
    IsSilent,
}

/// A store over another one, that can be made unreachable.
pub struct FaultyStore {
    inner: Arc<dyn Store>,
    manners: Mutex<Manners>,
    refused: AtomicU32,
    finishes: AtomicU32,
    claims: AtomicU32,
    fault: Mutex<Option<Fault>>,
    late: Mutex<Option<Insert>>,
    stand_still: Mutex<Option<StandStill>>,
    stand_still_after_claim: Mutex<Option<StandStill>>,
}

/// A caller that stands still.
#[derive(Debug, Clone, Default)]
pub struct StandStill {
    /// Told when it does.
    pub begun: Arc<Notify>,
    /// Awaited before it goes on.
    pub go_on: Arc<Notify>,
}

impl StandStill {
    async fn stand(&self) {
        self.begun.notify_one();
        self.go_on.notified().await;
    }
}

impl FaultyStore {
    /// A store that works.
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self {
            inner,
            manners: Mutex::new(Manners::Works),
            refused: AtomicU32::new(0),
            finishes: AtomicU32::new(0),
            claims: AtomicU32::new(0),
            fault: Mutex::new(None),
            late: Mutex::new(None),
            stand_still: Mutex::new(None),
            stand_still_after_claim: Mutex::new(None),
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

    /// It goes away at this moment.
    pub fn go_away_at(&self, fault: Fault) {
        *self.fault.lock().unwrap() = Some(fault);
    }

    /// From now on it works again.
    pub fn come_back(&self) {
        *self.fault.lock().unwrap() = None;
        *self.manners.lock().unwrap() = Manners::Works;
    }

    /// Stores this action right after a runner has looked for the next date, and before it is told.
    pub fn insert_after_look(&self, insert: Insert) {
        *self.late.lock().unwrap() = Some(insert);
    }

    /// Has the next caller that cancels something stand still before it does.
    pub fn stand_still_before_cancel(&self, stand_still: StandStill) {
        *self.stand_still.lock().unwrap() = Some(stand_still);
    }

    /// Has the next claim stand still when it is made, and before its answer is told.
    pub fn stand_still_after_claim(&self, stand_still: StandStill) {
        *self.stand_still_after_claim.lock().unwrap() = Some(stand_still);
    }

    /// How many calls have failed so far.
    pub fn refused(&self) -> u32 {
        self.refused.load(Ordering::SeqCst)
    }

    /// How often it was asked to record results so far, whether or not it did.
    pub fn finishes(&self) -> u32 {
        self.finishes.load(Ordering::SeqCst)
    }

    /// How often it was asked to claim so far.
    pub fn claims(&self) -> u32 {
        self.claims.load(Ordering::SeqCst)
    }

    async fn reach(&self) -> Result<&dyn Store> {
        if let Some(fault) = &mut *self.fault.lock().unwrap() {
            match (*fault.calls_left(), &fault) {
                (0, Fault::Before(_)) => self.go_away(),
                (0, Fault::After(_)) => {}
                (left, _) => *fault.calls_left() = left - 1,
            }
        }
        let manners = *self.manners.lock().unwrap();
        match manners {
            Manners::Works => Ok(&*self.inner),
            Manners::Refuses => Err(self.refusal()),
            Manners::IsSilent => std::future::pending().await,
        }
    }

    fn refusal(&self) -> Error {
        self.refused.fetch_add(1, Ordering::SeqCst);
        StoreError::new(StoreErrorKind::Unavailable, "the store is away").into()
    }

    /// The answer to a call, unless the store goes away before it is told.
    fn answer<T>(&self, answer: Result<T>) -> Result<T> {
        if matches!(*self.fault.lock().unwrap(), Some(Fault::After(0))) {
            self.go_away();
            return Err(self.refusal());
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
    fn nudge(&self) {
        self.inner.nudge();
    }
    fn insert_statements(&self, action: &Insert) -> Vec<Statement> {
        self.inner.insert_statements(action)
    }
    async fn insert(&self, actions: Vec<Insert>) -> Result<Vec<Option<ActionId>>> {
        self.answer(self.reach().await?.insert(actions).await)
    }
    async fn insert_once(&self, receipt: Receipt, actions: Vec<Insert>) -> Result<Once> {
        self.answer(self.reach().await?.insert_once(receipt, actions).await)
    }
    async fn claim(&self, request: ClaimRequest) -> Result<Claiming> {
        self.claims.fetch_add(1, Ordering::SeqCst);
        let answer = self.answer(self.reach().await?.claim(request).await);
        let stand_still = self.stand_still_after_claim.lock().unwrap().take();
        if let Some(stand_still) = stand_still {
            stand_still.stand().await;
        }
        answer
    }
    async fn start(&self, starts: Vec<Start>, context: &Context) -> Result<Vec<Started>> {
        self.answer(self.reach().await?.start(starts, context).await)
    }
    async fn finish(&self, finishes: Vec<Finish>, context: &Context) -> Result<Vec<Recorded>> {
        self.finishes.fetch_add(1, Ordering::SeqCst);
        self.answer(self.reach().await?.finish(finishes, context).await)
    }
    async fn attempts(&self, of: AttemptsOf) -> Result<Vec<OpenAttempt>> {
        self.answer(self.reach().await?.attempts(of).await)
    }
    async fn release(&self, claims: Vec<ClaimId>, context: &Context) -> Result<u64> {
        self.answer(self.reach().await?.release(claims, context).await)
    }
    async fn register(&self, runner: NewRunner) -> Result<RunnerId> {
        self.answer(self.reach().await?.register(runner).await)
    }
    async fn heartbeat(&self, runner: RunnerId) -> Result<bool> {
        self.answer(self.reach().await?.heartbeat(runner).await)
    }
    async fn unregister(&self, runner: RunnerId, context: &Context) -> Result<()> {
        self.answer(self.reach().await?.unregister(runner, context).await)
    }
    async fn runners(&self) -> Result<Vec<Runner>> {
        self.answer(self.reach().await?.runners().await)
    }
    async fn recover(&self, dead: Vec<DeadRunner>, context: &Context) -> Result<Recovery> {
        self.answer(self.reach().await?.recover(dead, context).await)
    }
    async fn cancel(
        &self,
        target: Target,
        reason: Option<String>,
        context: &Context,
    ) -> Result<Vec<Change>> {
        let stand_still = self.stand_still.lock().unwrap().take();
        if let Some(stand_still) = stand_still {
            stand_still.stand().await;
        }
        self.answer(self.reach().await?.cancel(target, reason, context).await)
    }
    async fn delete(&self, target: Target) -> Result<Vec<Change>> {
        self.answer(self.reach().await?.delete(target).await)
    }
    async fn requeue(&self, target: Target, to: Requeue, context: &Context) -> Result<Vec<Change>> {
        self.answer(self.reach().await?.requeue(target, to, context).await)
    }
    async fn fetch(&self, ids: Vec<ActionId>) -> Result<Vec<Action>> {
        self.answer(self.reach().await?.fetch(ids).await)
    }
    async fn query(&self, query: Query) -> Result<Vec<Action>> {
        self.answer(self.reach().await?.query(query).await)
    }
    async fn count(&self, query: Query) -> Result<u64> {
        self.answer(self.reach().await?.count(query).await)
    }
    async fn append_log(
        &self,
        entries: Vec<(ActionId, NewLogEntry)>,
        context: &Context,
    ) -> Result<()> {
        self.answer(self.reach().await?.append_log(entries, context).await)
    }
    async fn logs(&self, ids: Vec<ActionId>) -> Result<Vec<LogEntry>> {
        self.answer(self.reach().await?.logs(ids).await)
    }
    async fn next_due(&self, filter: ClaimFilter) -> Result<Option<Timestamp>> {
        let answer = self.answer(self.reach().await?.next_due(filter).await);
        let late = self.late.lock().unwrap().take();
        if let Some(insert) = late {
            self.inner.insert(vec![insert]).await?;
            // The wake-up is to be there first.
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        answer
    }
    async fn chains(&self, query: ChainQuery) -> Result<Vec<Chain>> {
        self.answer(self.reach().await?.chains(query).await)
    }
    async fn latest_instances(&self, chains: Vec<ChainId>, each: u32) -> Result<Vec<Action>> {
        self.answer(self.reach().await?.latest_instances(chains, each).await)
    }
    async fn change_chain(
        &self,
        id: ChainId,
        change: ChainChange,
        context: &Context,
    ) -> Result<ChainChanged> {
        self.answer(self.reach().await?.change_chain(id, change, context).await)
    }
    async fn hooks(&self) -> Result<Vec<Hook>> {
        self.answer(self.reach().await?.hooks().await)
    }
    async fn groups(&self) -> Result<Vec<Group>> {
        self.answer(self.reach().await?.groups().await)
    }
    async fn tally(&self, by: TallyBy) -> Result<Vec<Tally>> {
        self.answer(self.reach().await?.tally(by).await)
    }
    async fn claims(&self, query: ClaimsQuery) -> Result<Vec<OpenClaim>> {
        self.answer(self.reach().await?.claims(query).await)
    }
    async fn stats(&self) -> Result<Stats> {
        self.answer(self.reach().await?.stats().await)
    }
    async fn clean(&self, batch: CleanBatch) -> Result<Cleaned> {
        self.answer(self.reach().await?.clean(batch).await)
    }
    async fn clean_orphans(&self, limit: u32) -> Result<u64> {
        self.answer(self.reach().await?.clean_orphans(limit).await)
    }
    async fn ping(&self) -> Result<()> {
        self.answer(self.reach().await?.ping().await)
    }
    async fn put_records(&self, puts: Vec<PutRecord>) -> Result<Vec<Put>> {
        self.answer(self.reach().await?.put_records(puts).await)
    }
    async fn records(&self, query: RecordsQuery) -> Result<Vec<Record>> {
        self.answer(self.reach().await?.records(query).await)
    }
    async fn delete_records(&self, kind: RecordKind, keys: Vec<String>) -> Result<Vec<bool>> {
        self.answer(self.reach().await?.delete_records(kind, keys).await)
    }
    async fn add_figures(&self, figures: Vec<Figure>) -> Result<()> {
        self.answer(self.reach().await?.add_figures(figures).await)
    }
    async fn figures(&self, query: FiguresQuery) -> Result<Vec<Figure>> {
        self.answer(self.reach().await?.figures(query).await)
    }
    async fn identity(&self) -> Result<StoreId> {
        self.answer(self.reach().await?.identity().await)
    }
    async fn export(&self, export: Export) -> Result<Exported> {
        self.answer(self.reach().await?.export(export).await)
    }
    async fn import(&self, origin: &Origin, batch: ImportBatch) -> Result<Imports> {
        self.answer(self.reach().await?.import(origin, batch).await)
    }
    async fn admit(
        &self,
        origin: &Origin,
        admission: Admission,
        context: &Context,
    ) -> Result<Imports> {
        self.answer(self.reach().await?.admit(origin, admission, context).await)
    }
    async fn imports(&self, origin: &StoreId, query: ImportsQuery) -> Result<Imports> {
        self.answer(self.reach().await?.imports(origin, query).await)
    }
    async fn forget_imports(&self, origin: &StoreId, limit: u32) -> Result<u64> {
        self.answer(self.reach().await?.forget_imports(origin, limit).await)
    }
}
