//! Stores over other ones: what is to happen around every call is said once.
//!
//! ```
//! use std::sync::Arc;
//!
//! use action_scheduler::store::{Around, Call};
//! use action_scheduler::{Result, Store};
//!
//! /// Writes down what a store is asked for.
//! struct Loud(Arc<dyn Store>);
//!
//! impl Around for Loud {
//!     fn inner(&self) -> &dyn Store {
//!         &*self.0
//!     }
//!
//!     async fn around<T: Send>(
//!         &self,
//!         call: Call,
//!         answer: impl Future<Output = Result<T>> + Send,
//!     ) -> Result<T> {
//!         println!("{}", call.as_str());
//!         answer.await
//!     }
//! }
//!
//! fn made_loud(store: Arc<dyn Store>) -> Arc<dyn Store> {
//!     Arc::new(Loud(store))
//! }
//! ```

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::watch;

use super::*;
use crate::observer::{Observers, StoreCall};

/// A store over another one. Whoever says what is to happen around every call is a [`Store`].
pub trait Around: Send + Sync + 'static {
    /// The store below.
    fn inner(&self) -> &dyn Store;

    /// Answers a call, for which the store below has this answer: it is asked when that is awaited.
    fn around<T: Send>(
        &self,
        call: Call,
        answer: impl Future<Output = Result<T>> + Send,
    ) -> impl Future<Output = Result<T>> + Send;
}

macro_rules! calls {
    ($($call:ident = $method:ident($($name:ident: $kind:ty),*) -> $answer:ty;)*) => {
        /// A method of [`Store`] that asks the database.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Call {
            $(
                #[doc = concat!("[`Store::", stringify!($method), "`].")]
                $call,
            )*
        }

        impl Call {
            /// The name of the method.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Call::$call => stringify!($method),)*
                }
            }
        }

        #[async_trait]
        impl<A: Around> Store for A {
            fn clock(&self) -> &Clock {
                self.inner().clock()
            }
            fn wake(&self) -> watch::Receiver<u64> {
                self.inner().wake()
            }
            fn nudge(&self) {
                self.inner().nudge();
            }
            fn insert_statements(&self, action: &Insert) -> Vec<Statement> {
                self.inner().insert_statements(action)
            }
            $(
                async fn $method(&self, $($name: $kind),*) -> Result<$answer> {
                    self.around(Call::$call, self.inner().$method($($name),*)).await
                }
            )*
        }
    };
}

calls! {
    Insert = insert(actions: Vec<Insert>) -> Vec<Option<ActionId>>;
    InsertOnce = insert_once(receipt: Receipt, actions: Vec<Insert>) -> Once;
    Claim = claim(request: ClaimRequest) -> Claiming;
    Start = start(starts: Vec<Start>, context: &Context) -> Vec<Started>;
    Finish = finish(finishes: Vec<Finish>, context: &Context) -> Vec<Recorded>;
    Attempts = attempts(of: AttemptsOf) -> Vec<OpenAttempt>;
    Release = release(claims: Vec<ClaimId>, context: &Context) -> u64;
    Register = register(runner: NewRunner) -> RunnerId;
    Heartbeat = heartbeat(runner: RunnerId) -> bool;
    Unregister = unregister(runner: RunnerId, context: &Context) -> ();
    Heartbeats = heartbeats() -> Vec<Heartbeat>;
    Runners = runners() -> Vec<Runner>;
    Recover = recover(dead: Vec<DeadRunner>, context: &Context) -> Recovery;
    Cancel = cancel(target: Target, reason: Option<String>, context: &Context) -> Vec<Change>;
    Delete = delete(target: Target) -> Vec<Change>;
    Requeue = requeue(target: Target, to: Requeue, context: &Context) -> Vec<Change>;
    Fetch = fetch(ids: Vec<ActionId>) -> Vec<Action>;
    Query = query(query: Query) -> Vec<Action>;
    Count = count(query: Query) -> u64;
    AppendLog = append_log(entries: Vec<(ActionId, NewLogEntry)>, context: &Context) -> ();
    Logs = logs(ids: Vec<ActionId>) -> Vec<LogEntry>;
    NextDue = next_due(filter: ClaimFilter) -> Option<Timestamp>;
    Chains = chains(query: ChainQuery) -> Vec<Chain>;
    LatestInstances = latest_instances(chains: Vec<ChainId>, each: u32) -> Vec<Action>;
    ChangeChain = change_chain(id: ChainId, change: ChainChange, context: &Context) -> ChainChanged;
    Hooks = hooks() -> Vec<Hook>;
    Groups = groups() -> Vec<Group>;
    Tally = tally(by: TallyBy) -> Vec<Tally>;
    Claims = claims(query: ClaimsQuery) -> Vec<OpenClaim>;
    Stats = stats() -> Stats;
    Clean = clean(batch: CleanBatch) -> Cleaned;
    CleanOrphans = clean_orphans(limit: u32) -> u64;
    Ping = ping() -> ();
    PutRecords = put_records(puts: Vec<PutRecord>) -> Vec<Put>;
    Records = records(query: RecordsQuery) -> Vec<Record>;
    DeleteRecords = delete_records(kind: RecordKind, keys: Vec<String>) -> Vec<bool>;
    AddFigures = add_figures(figures: Vec<Figure>) -> ();
    Figures = figures(query: FiguresQuery) -> Vec<Figure>;
    Identity = identity() -> StoreId;
    Export = export(export: Export) -> Exported;
    Import = import(origin: &Origin, batch: ImportBatch) -> Imports;
    Admit = admit(origin: &Origin, admission: Admission, context: &Context) -> Imports;
    Imports = imports(origin: &StoreId, query: ImportsQuery) -> Imports;
    ForgetImports = forget_imports(origin: &StoreId, limit: u32) -> u64;
}

/// The store of a scheduler: those who listen are told how long each call took.
pub(crate) struct ObservedStore {
    inner: Arc<dyn Store>,
    observers: Observers,
}

impl ObservedStore {
    pub(crate) fn new(inner: Arc<dyn Store>, observers: Observers) -> Self {
        Self { inner, observers }
    }
}

impl Around for ObservedStore {
    fn inner(&self) -> &dyn Store {
        &*self.inner
    }

    async fn around<T: Send>(
        &self,
        call: Call,
        answer: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        let begun = Instant::now();
        let answer = answer.await;
        self.observers.tell_of_call(&StoreCall {
            call,
            took: begun.elapsed(),
            failed: answer.is_err(),
        });
        answer
    }
}
