//! The plain store: everything in ordered maps behind one lock.
//!
//! It is the model that other stores are compared with, so it is written to be read: each rule stands once, in words
//! close to those of the contract, and nothing is kept that can be worked out.

mod chains;
mod claims;
mod figures;
mod matching;
mod moves;
mod once;
mod records;
mod state;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use action_scheduler::action::{ActionId, ChainId, ClaimId, RunnerId};
use action_scheduler::log::NewLogEntry;
use action_scheduler::store::{
    Admission, AttemptsOf, Chain, ChainChange, ChainChanged, ChainQuery, Change, ClaimFilter,
    ClaimRequest, Claiming, ClaimsQuery, CleanBatch, Cleaned, DeadRunner, Export, Exported, Figure,
    FiguresQuery, Finish, Heartbeat, ImportBatch, Imports, ImportsQuery, Insert, NewRunner, Once,
    OpenAttempt, OpenClaim, Origin, Put, PutRecord, Receipt, Record, RecordKind, Recorded,
    RecordsQuery, Recovery, Requeue, Runner, Start, Started, Statement, Stats, StoreId, Tally,
    TallyBy, Target, check_records,
};
use action_scheduler::time::Clock;
use action_scheduler::{Action, Context, Group, Hook, LogEntry, Query, Result, Store};
use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::watch;

use state::State;

/// A store that keeps everything in memory, and forgets it when dropped.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> action_scheduler::Result<()> {
/// use action_scheduler::action::NewAction;
/// use action_scheduler::store::Insert;
/// use action_scheduler::time::Clock;
/// use action_scheduler::{Hook, Schedule, Store};
/// use testkit::MemoryStore;
///
/// let store = MemoryStore::new(Clock::system());
/// let action = NewAction::new(Hook::new("send_invoice")?, Schedule::Async);
/// let ids = store.insert(vec![Insert { action, log_created: true }]).await?;
/// assert!(ids[0].is_some());
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct MemoryStore {
    identity: StoreId,
    clock: Clock,
    wake: watch::Sender<u64>,
    state: Mutex<State>,
}

impl MemoryStore {
    /// An empty store that takes its time from this clock.
    pub fn new(clock: Clock) -> Self {
        static STORES: AtomicU64 = AtomicU64::new(0);
        let number = STORES.fetch_add(1, Ordering::Relaxed);
        Self {
            identity: StoreId::new(format!("memory-{}-{number}", std::process::id())),
            clock,
            wake: watch::Sender::new(0),
            state: Mutex::new(State::default()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A test that panicked while it held the lock has failed already; others may go on.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes one change as one step, and wakes who waits if it brought work.
    fn change<T>(&self, change: impl FnOnce(&mut State, Timestamp) -> T) -> T {
        let mut state = self.state();
        let answer = change(&mut state, self.clock.now());
        state.drop_closed_claims();
        let wakes = state.wakes;
        self.wake.send_if_modified(|seen| std::mem::replace(seen, wakes) != wakes);
        answer
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn clock(&self) -> &Clock {
        &self.clock
    }

    fn wake(&self) -> watch::Receiver<u64> {
        self.wake.subscribe()
    }

    async fn insert(&self, actions: Vec<Insert>) -> Result<Vec<Option<ActionId>>> {
        Ok(self.change(|state, now| {
            actions.into_iter().map(|insert| state.insert(insert, now)).collect()
        }))
    }

    async fn insert_once(&self, receipt: Receipt, actions: Vec<Insert>) -> Result<Once> {
        receipt.check()?;
        Ok(self.change(|state, now| state.insert_once(receipt, actions, now)))
    }

    fn insert_statements(&self, _: &Insert) -> Vec<Statement> {
        Vec::new()
    }

    async fn claim(&self, request: ClaimRequest) -> Result<Claiming> {
        Ok(self.change(|state, now| state.claim(&request, now)))
    }

    async fn start(&self, starts: Vec<Start>, context: &Context) -> Result<Vec<Started>> {
        Ok(self.change(|state, now| {
            starts.into_iter().map(|start| state.start(start, context, now)).collect()
        }))
    }

    async fn finish(&self, finishes: Vec<Finish>, context: &Context) -> Result<Vec<Recorded>> {
        Ok(self.change(|state, now| {
            finishes.into_iter().map(|finish| state.finish(finish, context, now)).collect()
        }))
    }

    async fn attempts(&self, of: AttemptsOf) -> Result<Vec<OpenAttempt>> {
        Ok(self.state().attempts(&of))
    }

    async fn release(&self, claims: Vec<ClaimId>, context: &Context) -> Result<u64> {
        Ok(self.change(|state, now| state.release(|claim| claims.contains(&claim), context, now)))
    }

    async fn register(&self, runner: NewRunner) -> Result<RunnerId> {
        Ok(self.change(|state, now| state.register(runner, now)))
    }

    async fn heartbeat(&self, runner: RunnerId) -> Result<bool> {
        Ok(self.change(|state, now| state.heartbeat(runner, now)))
    }

    async fn unregister(&self, runner: RunnerId, context: &Context) -> Result<()> {
        self.change(|state, now| state.unregister(runner, context, now));
        Ok(())
    }

    async fn heartbeats(&self) -> Result<Vec<Heartbeat>> {
        Ok(self.state().heartbeats())
    }

    async fn runners(&self) -> Result<Vec<Runner>> {
        Ok(self.state().runners())
    }

    async fn recover(&self, dead: Vec<DeadRunner>, context: &Context) -> Result<Recovery> {
        Ok(self.change(|state, now| state.recover(&dead, context, now)))
    }

    async fn cancel(
        &self,
        target: Target,
        reason: Option<String>,
        context: &Context,
    ) -> Result<Vec<Change>> {
        self.change(|state, now| state.cancel(target, reason.as_deref(), context, now))
    }

    async fn delete(&self, target: Target) -> Result<Vec<Change>> {
        self.change(|state, _| state.delete(target))
    }

    async fn requeue(&self, target: Target, to: Requeue, context: &Context) -> Result<Vec<Change>> {
        self.change(|state, now| state.requeue(target, to, context, now))
    }

    async fn fetch(&self, ids: Vec<ActionId>) -> Result<Vec<Action>> {
        Ok(self.state().fetch(&ids))
    }

    async fn query(&self, query: Query) -> Result<Vec<Action>> {
        self.state().query(&query)
    }

    async fn count(&self, query: Query) -> Result<u64> {
        let all = Query { limit: None, offset: 0, after: None, ..query };
        Ok(self.state().query(&all)?.len() as u64)
    }

    async fn append_log(
        &self,
        entries: Vec<(ActionId, NewLogEntry)>,
        context: &Context,
    ) -> Result<()> {
        self.change(|state, now| {
            for (action, entry) in entries {
                state.note(action, entry, context, now);
            }
        });
        Ok(())
    }

    async fn logs(&self, ids: Vec<ActionId>) -> Result<Vec<LogEntry>> {
        Ok(self.state().logs(ids))
    }

    async fn next_due(&self, filter: ClaimFilter) -> Result<Option<Timestamp>> {
        Ok(self.state().next_due(&filter))
    }

    async fn chains(&self, query: ChainQuery) -> Result<Vec<Chain>> {
        Ok(self.state().chains(&query))
    }

    async fn latest_instances(&self, chains: Vec<ChainId>, each: u32) -> Result<Vec<Action>> {
        Ok(self.state().latest_instances(&chains, each))
    }

    async fn change_chain(
        &self,
        id: ChainId,
        change: ChainChange,
        context: &Context,
    ) -> Result<ChainChanged> {
        Ok(self.change(|state, now| state.change_chain(id, change, context, now)))
    }

    async fn hooks(&self) -> Result<Vec<Hook>> {
        Ok(self.state().hooks())
    }

    async fn groups(&self) -> Result<Vec<Group>> {
        Ok(self.state().groups())
    }

    async fn tally(&self, by: TallyBy) -> Result<Vec<Tally>> {
        Ok(self.state().tally(by))
    }

    async fn claims(&self, query: ClaimsQuery) -> Result<Vec<OpenClaim>> {
        Ok(self.state().open_claims(query))
    }

    async fn stats(&self) -> Result<Stats> {
        Ok(self.state().stats(self.clock.now()))
    }

    async fn clean(&self, batch: CleanBatch) -> Result<Cleaned> {
        Ok(self.change(|state, _| state.clean(&batch)))
    }

    async fn clean_orphans(&self, limit: u32) -> Result<u64> {
        Ok(self.change(|state, now| {
            state.clean_orphans(limit)
                + state.clean_records(limit, now)
                + state.clean_receipts(limit, now)
                + state.clean_figures(limit, now)
        }))
    }

    async fn ping(&self) -> Result<()> {
        Ok(())
    }

    async fn put_records(&self, puts: Vec<PutRecord>) -> Result<Vec<Put>> {
        check_records(&puts)?;
        Ok(self
            .change(|state, now| puts.into_iter().map(|put| state.put_record(put, now)).collect()))
    }

    async fn records(&self, query: RecordsQuery) -> Result<Vec<Record>> {
        Ok(self.state().records(&query, self.clock.now()))
    }

    async fn delete_records(&self, kind: RecordKind, keys: Vec<String>) -> Result<Vec<bool>> {
        Ok(self.change(|state, now| {
            keys.into_iter().map(|key| state.delete_record(&kind, key, now)).collect()
        }))
    }

    async fn add_figures(&self, figures: Vec<Figure>) -> Result<()> {
        self.change(|state, _| figures.into_iter().for_each(|figure| state.add_figure(figure)));
        Ok(())
    }

    async fn figures(&self, query: FiguresQuery) -> Result<Vec<Figure>> {
        Ok(self.state().figures(&query))
    }

    async fn identity(&self) -> Result<StoreId> {
        Ok(self.identity.clone())
    }

    async fn export(&self, export: Export) -> Result<Exported> {
        Ok(self.state().export(export))
    }

    async fn import(&self, origin: &Origin, batch: ImportBatch) -> Result<Imports> {
        self.change(|state, now| state.import(origin, batch, now))
    }

    async fn admit(
        &self,
        origin: &Origin,
        admission: Admission,
        context: &Context,
    ) -> Result<Imports> {
        Ok(self.change(|state, now| state.admit(origin, &admission, context, now)))
    }

    async fn imports(&self, origin: &StoreId, query: ImportsQuery) -> Result<Imports> {
        Ok(self.state().imports(origin, query))
    }

    async fn forget_imports(&self, origin: &StoreId, limit: u32) -> Result<u64> {
        Ok(self.change(|state, _| state.forget_imports(origin, limit)))
    }
}
