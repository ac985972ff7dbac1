//! The API functions: schedule hooks, look them up, change what becomes of them.

mod bulk;
mod deed;
mod ensure;
mod scheduling;
mod waiting;

use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::watch;

pub use bulk::{Bulk, Progress};
pub use deed::Deed;
pub use ensure::Ensured;
pub use scheduling::Scheduling;

use crate::action::{Action, ActionId, Attempt, ChainId, Group, Hook, NewAction, Priority, Status};
use crate::error::{Error, Invalid, Result};
use crate::handler::{Failure, Function, Handler, Handlers};
use crate::log::{Context, LogEntry, NewLogEntry, Step};
use crate::observer::{Event, Observer, Observers};
use crate::policy::{HookPattern, LogLevel, Policies};
use crate::query::{Order, OrderBy, Query};
use crate::schedule::{Interval, Recurrence, Recurring};
use crate::store::{
    Chain, ChainChange, ChainChanged, ChainQuery, ChainState, ClaimsQuery, Figure, FiguresQuery,
    Insert, ObservedStore, Once, OpenClaim, Receipt, Runner, Statement, Stats, Store, Tally,
    TallyBy, Target,
};
use crate::time::parse_date;
use crate::trace::{SpanContext, TraceIds};

/// Schedules hooks and looks after what was scheduled. Cheap to clone; all clones share one store.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use action_scheduler::{Failure, Scheduler};
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let file = folder.path().join("shop.db");
/// let scheduler = Scheduler::open(&format!("sqlite:{}", file.display())).await?;
/// scheduler.on("send_invoice", |order: u64, context| async move {
///     context.log(format!("sending the invoice of order {order}"));
///     Ok::<(), Failure>(())
/// })?;
/// let id = scheduler.enqueue_async("send_invoice", [42]).group("billing").await?;
/// assert!(id.is_some());
/// # Ok::<(), action_scheduler::Error>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct Scheduler(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    store: Arc<dyn Store>,
    policies: Arc<Policies>,
    handlers: Arc<RwLock<Handlers>>,
    observers: Observers,
    context: Context,
    /// On whose behalf it acts.
    caller: Option<SpanContext>,
    /// All clones are one.
    traces: Arc<OnceLock<TraceIds>>,
    zone: TimeZone,
    /// Changes when actions come to their end by this scheduler.
    ends: watch::Sender<u64>,
}

/// Sets up a [`Scheduler`].
pub struct SchedulerBuilder(Inner);

impl SchedulerBuilder {
    /// The policies of hooks.
    pub fn policies(mut self, policies: Policies) -> Self {
        self.0.policies = Arc::new(policies);
        self
    }

    /// The handlers of hooks; more can be bound later with [`Scheduler::on`] and [`Scheduler::bind`].
    pub fn handlers(mut self, handlers: Handlers) -> Self {
        self.0.handlers = Arc::new(RwLock::new(handlers));
        self
    }

    /// Adds someone who is told of every event.
    pub fn observer(self, observer: Arc<dyn Observer>) -> Self {
        self.0.observers.add(observer);
        self
    }

    /// Who acts, as the log shows it.
    pub fn context(mut self, context: Context) -> Self {
        self.0.context = context;
        self
    }

    /// The zone that date texts without one are read in (UTC).
    pub fn time_zone(mut self, zone: TimeZone) -> Self {
        self.0.zone = zone;
        self
    }

    /// The scheduler.
    pub fn build(self) -> Scheduler {
        Scheduler(Arc::new(self.0))
    }
}

impl Scheduler {
    /// Opens the store at a URL, such as `sqlite:shop.db`, and creates it when it is missing.
    pub async fn open(url: &str) -> Result<Self> {
        Ok(Self::builder(crate::store::open(url).await?).build())
    }

    /// A scheduler over a store, to be set up.
    pub fn builder(store: Arc<dyn Store>) -> SchedulerBuilder {
        let observers = Observers::default();
        SchedulerBuilder(Inner {
            store: Arc::new(ObservedStore::new(store, observers.clone())),
            policies: Arc::default(),
            handlers: Arc::default(),
            observers,
            context: Context::default(),
            caller: None,
            traces: Arc::default(),
            zone: TimeZone::UTC,
            ends: watch::Sender::new(0),
        })
    }

    /// The same scheduler in the name of someone else, as the log shows it. What is bound to one is bound to both.
    pub fn acting_as(&self, context: Context) -> Self {
        Self(Arc::new(Inner { context, ..Inner::clone(&self.0) }))
    }

    /// The same scheduler on behalf of a span of someone else, such as the request that is being answered: the traces of
    /// what is stored lead there and back.
    pub fn called_by(&self, caller: SpanContext) -> Self {
        Self(Arc::new(Inner { caller: Some(caller), ..Inner::clone(&self.0) }))
    }

    /// Gives every attempt a span from now on, which its handlers are told of and pass on. The first call counts, for this
    /// scheduler and all its clones.
    pub fn trace(&self, ids: TraceIds) {
        let _ = self.0.traces.set(ids);
    }

    /// The ids of spans, if attempts have any.
    pub fn traces(&self) -> Option<&TraceIds> {
        self.0.traces.get()
    }

    /// The span of an attempt, if attempts have any.
    pub(crate) fn span_of(&self, action: ActionId, attempt: Attempt) -> Option<SpanContext> {
        self.traces().map(|ids| ids.attempt(action, attempt))
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.0.store
    }

    /// The policies of hooks.
    pub fn policies(&self) -> &Policies {
        &self.0.policies
    }

    /// Who acts, as the log shows it.
    pub fn context(&self) -> &Context {
        &self.0.context
    }

    /// The zone that date texts without one are read in.
    pub fn time_zone(&self) -> &TimeZone {
        &self.0.zone
    }

    /// The time by the store's clock.
    pub fn now(&self) -> Timestamp {
        self.0.store.clock().now()
    }

    /// Reads a date as people write it, in this scheduler's zone: `tomorrow 09:30`, `+2 hours`, `2026-12-24 18:00`.
    pub fn date(&self, text: &str) -> Result<Timestamp> {
        Ok(parse_date(text, self.now(), &self.0.zone)?)
    }

    /// Adds someone who is told of every event from now on. An observer must not add another.
    pub fn observe(&self, observer: Arc<dyn Observer>) {
        self.0.observers.add(observer);
    }

    pub(crate) fn observers(&self) -> &Observers {
        &self.0.observers
    }

    // Handlers.

    /// Binds an async function to a hook (or pattern of hooks). It is called with the args, read as `T`, and the context
    /// of the attempt.
    pub fn on<T, F, Fut, E>(&self, hook: &str, function: F) -> Result<()>
    where
        F: Fn(T, crate::HandlerContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Failure> + 'static,
        T: DeserializeOwned + Send + 'static,
    {
        self.bind(hook.parse()?, Priority::default(), Arc::new(Function::new(function)));
        Ok(())
    }

    /// Binds a handler to the hooks of a pattern. Several handlers of one hook are called in order of priority.
    pub fn bind(&self, pattern: HookPattern, priority: Priority, handler: Arc<dyn Handler>) {
        self.0
            .handlers
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .bind(pattern, priority, handler);
    }

    /// Leaves the hooks of a pattern to remote workers ([`crate::remote`]): runners of this scheduler pass over them.
    pub fn bind_remote(&self, pattern: HookPattern) {
        self.0.handlers.write().unwrap_or_else(PoisonError::into_inner).bind_remote(pattern);
    }

    /// The hooks that are left to remote workers.
    pub fn remote_hooks(&self) -> Vec<HookPattern> {
        self.0.handlers.read().unwrap_or_else(PoisonError::into_inner).remote().to_vec()
    }

    /// The handlers of a hook, in the order they are called.
    pub fn handlers_of(&self, hook: &Hook) -> Vec<Arc<dyn Handler>> {
        self.0.handlers.read().unwrap_or_else(PoisonError::into_inner).of(hook)
    }

    // Scheduling.

    /// Schedules a hook to run as soon as a runner has room.
    pub fn enqueue_async(&self, hook: &str, args: impl Serialize) -> Scheduling<'_> {
        Scheduling::asynchronous(self, hook, args)
    }

    /// Schedules a hook to run once, at a date.
    pub fn schedule_single(
        &self,
        at: Timestamp,
        hook: &str,
        args: impl Serialize,
    ) -> Scheduling<'_> {
        Scheduling::single(self, at, hook, args)
    }

    /// Schedules a hook to run at a date and again after each interval.
    pub fn schedule_recurring(
        &self,
        first: Timestamp,
        interval: Interval,
        hook: &str,
        args: impl Serialize,
    ) -> Scheduling<'_> {
        Scheduling::recurring(self, first, Recurrence::Interval(interval), hook, args)
    }

    /// Schedules a hook to run at the dates of a cron expression (standard dialect; `CRON_TZ=Europe/Berlin …` sets its
    /// zone), from a date on.
    pub fn schedule_cron(
        &self,
        from: Timestamp,
        expression: &str,
        hook: &str,
        args: impl Serialize,
    ) -> Scheduling<'_> {
        Scheduling::cron(self, from, expression, hook, args)
    }

    /// Stores many actions at once. `None` stands for one that was refused as a duplicate.
    pub async fn insert(&self, actions: Vec<NewAction>) -> Result<Vec<Option<ActionId>>> {
        let news = self.news_of(&actions);
        let inserts = actions.into_iter().map(|action| self.insert_of(action)).collect();
        let ids = self.0.store.insert(inserts).await?;
        self.tell_of_stored(news, &ids);
        Ok(ids)
    }

    /// The same, unless the request that the receipt is of has been here before: of any number of the same requests, over
    /// all processes, one stores its actions, and all are answered the same.
    pub async fn insert_once(&self, receipt: Receipt, actions: Vec<NewAction>) -> Result<Once> {
        let news = self.news_of(&actions);
        let inserts = actions.into_iter().map(|action| self.insert_of(action)).collect();
        let once = self.0.store.insert_once(receipt, inserts).await?;
        if let Once::New(ids) = &once {
            self.tell_of_stored(news, ids);
        }
        Ok(once)
    }

    /// What is to be told of actions when they are stored, if somebody listens.
    fn news_of(&self, actions: &[NewAction]) -> News {
        let of = |action: &NewAction| (action.hook.clone(), action.group.clone());
        let of_each = match self.observers().is_empty() {
            true => Vec::new(),
            false => actions.iter().map(of).collect(),
        };
        News { begun: Instant::now(), of_each }
    }

    fn tell_of_stored(&self, news: News, ids: &[Option<ActionId>]) {
        let took: Duration = news.begun.elapsed();
        for ((hook, group), id) in news.of_each.into_iter().zip(ids) {
            if let Some(id) = *id {
                let caller = self.0.caller;
                self.observers().tell(&Event::Stored { action: id, hook, group, took, caller });
            }
        }
    }

    /// The statements that store an action, to be run in order within a transaction of the caller's own, on any driver.
    /// The last one answers with the id, or with no row when the action was refused as a duplicate. A runner notices
    /// the new action by itself.
    pub fn statements(&self, action: NewAction) -> Vec<Statement> {
        self.0.store.insert_statements(&self.insert_of(action))
    }

    fn insert_of(&self, action: NewAction) -> Insert {
        let log_created = self.0.policies.of(&action.hook).log == LogLevel::Full;
        Insert { action, log_created }
    }

    // Looking up.

    /// The date of the first pending action that the query asks for, or that one is running.
    ///
    /// Only the query's hook, args, group and other filters count, not its statuses, order or limit.
    pub async fn next_scheduled(&self, query: Query) -> Result<Option<NextScheduled>> {
        let first = |status| {
            let mut query = query.clone().order(OrderBy::Date, Order::Ascending).limit(1);
            query.statuses = vec![status];
            self.0.store.query(query)
        };
        if let Some(running) = first(Status::InProgress).await?.first() {
            return Ok(Some(NextScheduled::Running(running.id)));
        }
        Ok(first(Status::Pending).await?.first().map(|next| match next.schedule {
            crate::Schedule::Async => NextScheduled::Queued(next.id),
            _ => NextScheduled::At(next.scheduled_at),
        }))
    }

    /// Whether an action that the query asks for is pending or in-progress. Its statuses do not count.
    pub async fn has_scheduled(&self, mut query: Query) -> Result<bool> {
        query.statuses = vec![Status::Pending, Status::InProgress];
        Ok(!self
            .0
            .store
            .query(query.order(OrderBy::None, Order::Ascending).limit(1))
            .await?
            .is_empty())
    }

    /// The actions a query asks for.
    pub async fn query(&self, query: Query) -> Result<Vec<Action>> {
        query.check()?;
        self.0.store.query(query).await
    }

    /// How many actions a query asks for, limit and pages aside.
    pub async fn count(&self, query: Query) -> Result<u64> {
        self.0.store.count(query).await
    }

    /// The action with this id.
    pub async fn fetch(&self, id: ActionId) -> Result<Action> {
        self.0.store.fetch(vec![id]).await?.pop().ok_or(Error::NoSuchAction(id))
    }

    /// The log of an action, in order.
    pub async fn logs(&self, id: ActionId) -> Result<Vec<LogEntry>> {
        let entries = self.0.store.logs(vec![id]).await?;
        if entries.is_empty() {
            self.fetch(id).await?;
        }
        Ok(entries)
    }

    /// The logs of many actions, by action and place.
    pub async fn logs_of(&self, ids: Vec<ActionId>) -> Result<Vec<LogEntry>> {
        self.0.store.logs(ids).await
    }

    /// Adds a note to the log of an action.
    pub async fn note(&self, id: ActionId, text: impl Into<String>) -> Result<()> {
        self.fetch(id).await?;
        self.0
            .store
            .append_log(vec![(id, NewLogEntry::new(Step::Note, text))], &self.0.context)
            .await
    }

    /// Figures over time, by date.
    pub async fn figures(&self, query: FiguresQuery) -> Result<Vec<Figure>> {
        self.0.store.figures(query).await
    }

    /// Figures about the whole store.
    pub async fn stats(&self) -> Result<Stats> {
        self.0.store.stats().await
    }

    /// The hooks that actions have or had, by name.
    pub async fn hooks(&self) -> Result<Vec<Hook>> {
        self.0.store.hooks().await
    }

    /// The groups that actions have or had, by name.
    pub async fn groups(&self) -> Result<Vec<Group>> {
        self.0.store.groups().await
    }

    /// How many actions of each hook or group have each status, by name. As many steps as there are actions, which takes
    /// seconds where there are millions.
    pub async fn tally(&self, by: TallyBy) -> Result<Vec<Tally>> {
        self.0.store.tally(by).await
    }

    /// The claims that still hold something pending or in-progress, by id.
    pub async fn open_claims(&self, query: ClaimsQuery) -> Result<Vec<OpenClaim>> {
        self.0.store.claims(query).await
    }

    /// The runners that are known.
    pub async fn runners(&self) -> Result<Vec<Runner>> {
        self.0.store.runners().await
    }

    // Changing.

    /// Cancels the first pending action (by date) that the query asks for. Says which it was.
    pub async fn unschedule(&self, query: Query) -> Result<Option<ActionId>> {
        let mut query = query.order(OrderBy::Date, Order::Ascending).limit(1);
        query.statuses = vec![Status::Pending];
        let first = Target::Matching(Box::new(query));
        let changes = self.apply(first, &Deed::Cancel { reason: None }).await?;
        Ok(deed::done(&changes).pop())
    }

    // Chains.

    /// The chains of recurring actions that are asked for.
    pub async fn chains(&self, query: ChainQuery) -> Result<Vec<Chain>> {
        self.0.store.chains(query).await
    }

    /// A chain.
    pub async fn chain(&self, id: ChainId) -> Result<Chain> {
        let query = ChainQuery { ids: Some(vec![id]), ..ChainQuery::default() };
        self.chains(query).await?.pop().ok_or(Error::NoSuchChain(id))
    }

    /// Makes the pending instance of an active chain due now, and says which it is. The date it had still holds for the one
    /// after it.
    pub async fn run_chain(&self, id: ChainId) -> Result<ActionId> {
        let chain = self.chain(id).await?;
        match (chain.state, chain.head) {
            (ChainState::Active, Some(head)) => self.run_now(head).await.map(|()| head),
            (state, _) => {
                let (verb, allowed) = ("run now", "an active chain");
                Err(Error::WrongChainState { chain: id, state, verb, allowed })
            }
        }
    }

    /// Stops a chain until it is resumed.
    pub async fn pause(&self, id: ChainId, reason: &str) -> Result<()> {
        let change = ChainChange::Pause { reason: reason.to_owned() };
        self.change_chain(id, change).await.map(|_| ())
    }

    /// Lets a paused chain go on at its next date. Says what its next instance is.
    pub async fn resume(&self, id: ChainId) -> Result<ActionId> {
        let chain = self.chain(id).await?;
        let last = match chain.head {
            Some(head) => self.0.store.fetch(vec![head]).await?.pop(),
            None => None,
        };
        // A date that has been run is over, also by a clock that is a little behind the one that it was run by.
        let over =
            last.filter(|last| last.status != Status::Canceled).map(|last| last.scheduled_at);
        let next = self.first_to_come(&chain.recurring, over)?;
        self.change_chain(id, ChainChange::Resume { next }).await?.ok_or(Error::NoSuchChain(id))
    }

    /// Gives a chain another schedule, from its first date that is still to come. What it had pending is canceled and
    /// takes place at the new date; what is running ends, and is not followed by the old schedule. Says what the next
    /// instance is; a paused chain has none until it is resumed.
    pub async fn reschedule_chain(
        &self,
        id: ChainId,
        recurring: Recurring,
    ) -> Result<Option<ActionId>> {
        let next = self.first_to_come(&recurring, None)?;
        self.change_chain(id, ChainChange::Reschedule { recurring: Box::new(recurring), next })
            .await
    }

    /// The first date of a schedule that is still to come: after now, and after what is over in any case.
    fn first_to_come(&self, recurring: &Recurring, over: Option<Timestamp>) -> Result<Timestamp> {
        let now = self.now();
        let now = over.map_or(now, |over| over.max(now));
        let next = match recurring.first > now {
            true => Some(recurring.first),
            false => recurring.next(now, now),
        };
        let none = || {
            let text = recurring.recurrence.to_string();
            Invalid::new("schedule", text, "it has no further date; choose another one")
        };
        Ok(next.ok_or_else(none)?)
    }

    /// The latest instances of each of these chains, at most `each` of them: chain by chain, the newest first.
    pub async fn latest_instances(&self, chains: Vec<ChainId>, each: u32) -> Result<Vec<Action>> {
        self.0.store.latest_instances(chains, each).await
    }

    /// Ends a chain for good: its pending instance is canceled; one that is running has none after it.
    pub async fn end(&self, id: ChainId) -> Result<()> {
        self.change_chain(id, ChainChange::End).await.map(|_| ())
    }

    async fn change_chain(&self, id: ChainId, change: ChainChange) -> Result<Option<ActionId>> {
        let (verb, allowed) = match change {
            ChainChange::Pause { .. } => ("paused", "an active chain"),
            ChainChange::Resume { .. } => ("resumed", "a paused chain"),
            ChainChange::Reschedule { .. } => ("rescheduled", "an active or paused chain"),
            ChainChange::End => ("ended", "an active or paused chain"),
        };
        match self.0.store.change_chain(id, change, &self.0.context).await? {
            ChainChanged::Done(next) => Ok(next),
            ChainChanged::Missing => Err(Error::NoSuchChain(id)),
            ChainChanged::Refused(state) => {
                Err(Error::WrongChainState { chain: id, state, verb, allowed })
            }
        }
    }
}

/// What is to be told of actions that are being stored.
struct News {
    begun: Instant,
    /// The hook and the group of each.
    of_each: Vec<(Hook, Group)>,
}

/// The answer of [`Scheduler::next_scheduled`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextScheduled {
    /// It is due at this date.
    At(Timestamp),
    /// It is pending with no date of its own: it runs as soon as a runner has room.
    Queued(ActionId),
    /// It is in-progress.
    Running(ActionId),
}
