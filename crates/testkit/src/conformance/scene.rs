//! What the tests begin with, in words.

use std::time::Duration;

use action_scheduler::action::{ActionId, Attempt, ChainId, ClaimId, NewAction, RunnerId, Status};
use action_scheduler::log::{NewLogEntry, Step};
use action_scheduler::schedule::{Cadence, Interval, Recurrence, Recurring};
use action_scheduler::store::{
    Chain, ChainQuery, Claim, ClaimFilter, ClaimRequest, Claiming, Finish, Insert, NewRunner,
    Outcome, Pick, Recorded, Start, Started, Succession, Target,
};
use action_scheduler::{Action, Args, Context, Group, Hook, LogEntry, Query, Schedule};
use jiff::{SignedDuration, Timestamp};

use super::StoreUnderTest;

pub(super) fn hook(name: &str) -> Hook {
    Hook::new(name).unwrap()
}

pub(super) fn group(name: &str) -> Group {
    Group::new(name).unwrap()
}

pub(super) fn args(json: &str) -> Args {
    json.parse().unwrap()
}

pub(super) fn context() -> Context {
    Context::new("test")
}

/// An action as soon as possible.
pub(super) fn action(name: &str) -> NewAction {
    NewAction::new(hook(name), Schedule::Async)
}

/// An action at a date.
pub(super) fn action_at(name: &str, date: Timestamp) -> NewAction {
    NewAction::new(hook(name), Schedule::Single(date))
}

/// An action each hour, from `first` on.
pub(super) fn hourly(name: &str, first: Timestamp) -> NewAction {
    let every = Interval::new(Duration::from_secs(3600), Cadence::AfterRun).unwrap();
    let recurrence = Recurrence::Interval(every);
    NewAction::new(hook(name), Schedule::Recurring(Recurring { first, recurrence }))
}

pub(super) fn logged(action: NewAction) -> Insert {
    Insert { action, log_created: true }
}

pub(super) fn seconds(count: i64) -> SignedDuration {
    SignedDuration::from_secs(count)
}

pub(super) fn entry(step: Step, message: &str) -> NewLogEntry {
    NewLogEntry::new(step, message)
}

/// Everything, by id.
pub(super) fn everything() -> Query {
    use action_scheduler::query::{Order, OrderBy};
    Query::new().unlimited().order(OrderBy::Id, Order::Ascending)
}

/// An attempt that is in-progress.
#[derive(Debug, Clone, Copy)]
pub(super) struct Running {
    pub(super) runner: RunnerId,
    pub(super) id: ActionId,
    pub(super) claim: ClaimId,
    pub(super) attempt: Attempt,
    pub(super) chain: Option<ChainId>,
}

impl Running {
    /// A report on it, with an entry in the log, and without a word on its chain.
    pub(super) fn ended(self, outcome: Outcome) -> Finish {
        let step = match outcome {
            Outcome::Complete => Step::Complete,
            Outcome::Failed => Step::Failed,
            Outcome::TimedOut => Step::TimedOut,
            Outcome::Retry { .. } => Step::Retry,
            Outcome::NotCalled => Step::Note,
            Outcome::Crashed | Outcome::CrashedRetry { .. } => Step::Crashed,
        };
        Finish {
            action: self.id,
            claim: self.claim,
            attempt: self.attempt,
            outcome,
            entries: vec![entry(step, "reported")],
            succession: None,
        }
    }

    /// A report on it by which its chain goes on at `next`, or is paused by so many failures.
    pub(super) fn ended_then(
        self,
        outcome: Outcome,
        next: Option<Timestamp>,
        failure_threshold: Option<u32>,
    ) -> Finish {
        let chain = self.chain.expect("an instance of a chain");
        let succession = Some(Succession { chain, next, failure_threshold });
        Finish { succession, ..self.ended(outcome) }
    }
}

impl StoreUnderTest {
    pub(super) fn now(&self) -> Timestamp {
        self.clock().now()
    }

    /// The date so many seconds from now.
    pub(super) fn in_seconds(&self, count: i64) -> Timestamp {
        self.now() + seconds(count)
    }

    pub(super) async fn put(&self, action: NewAction) -> ActionId {
        self.try_put(action).await.expect("the action not to be refused")
    }

    pub(super) async fn try_put(&self, action: NewAction) -> Option<ActionId> {
        let ids = self.insert(vec![logged(action)]).await.unwrap();
        assert_eq!(ids.len(), 1, "one answer for one action");
        ids[0]
    }

    pub(super) async fn put_all(
        &self,
        actions: impl IntoIterator<Item = NewAction>,
    ) -> Vec<ActionId> {
        let actions = actions.into_iter().map(logged).collect();
        let ids = self.insert(actions).await.unwrap();
        ids.into_iter().map(|id| id.expect("the action not to be refused")).collect()
    }

    pub(super) async fn new_runner(&self, name: &str) -> RunnerId {
        let runner = NewRunner {
            process: None,
            name: name.to_owned(),
            context: Context::new("serve"),
            workers: 4,
            lease: Duration::from_secs(60),
        };
        self.register(runner).await.unwrap()
    }

    pub(super) async fn try_claim(&self, runner: RunnerId, limit: u32, pick: Pick) -> Claiming {
        self.claim(ClaimRequest { runner, limit, pick, open_claims: None }).await.unwrap()
    }

    /// Claims what is due.
    pub(super) async fn claim_due(&self, runner: RunnerId, limit: u32) -> Option<Claim> {
        claimed(self.try_claim(runner, limit, Pick::Due(ClaimFilter::default())).await)
    }

    /// Claims these, which must be there.
    pub(super) async fn claim_ids(&self, runner: RunnerId, ids: &[ActionId]) -> Claim {
        let limit = u32::try_from(ids.len()).unwrap();
        let claim = claimed(self.try_claim(runner, limit, Pick::Ids(ids.to_vec())).await);
        claim.expect("actions that can be claimed")
    }

    pub(super) async fn begin(&self, id: ActionId, claim: ClaimId) -> Started {
        let started = self.start(vec![Start { action: id, claim, log: true }], &context()).await;
        let started = started.unwrap();
        assert_eq!(started.len(), 1, "one answer for one start");
        started[0]
    }

    /// Brings an action that is stored to run, by a runner of its own.
    pub(super) async fn run(&self, id: ActionId) -> Running {
        let runner = self.new_runner("host:1").await;
        self.run_by(runner, id).await
    }

    pub(super) async fn run_by(&self, runner: RunnerId, id: ActionId) -> Running {
        let claim = self.claim_ids(runner, &[id]).await.id;
        let Started::Yes(attempt) = self.begin(id, claim).await else {
            panic!("action {id} could not be started");
        };
        let chain = self.action(id).await.chain;
        Running { runner, id, claim, attempt, chain }
    }

    pub(super) async fn report(&self, finish: Finish) -> Recorded {
        let recorded = self.finish(vec![finish], &context()).await.unwrap();
        assert_eq!(recorded.len(), 1, "one answer for one finish");
        recorded[0]
    }

    /// Runs an action to its end.
    pub(super) async fn run_to(&self, id: ActionId, outcome: Outcome) -> Running {
        let running = self.run(id).await;
        assert_eq!(self.report(running.ended(outcome)).await, recorded());
        running
    }

    pub(super) async fn cancel_ids(&self, ids: &[ActionId]) {
        self.cancel(Target::Ids(ids.to_vec()), None, &context()).await.unwrap();
    }

    pub(super) async fn action(&self, id: ActionId) -> Action {
        self.find(id).await.expect("the action to exist")
    }

    pub(super) async fn find(&self, id: ActionId) -> Option<Action> {
        self.fetch(vec![id]).await.unwrap().pop()
    }

    pub(super) async fn status(&self, id: ActionId) -> Status {
        self.action(id).await.status
    }

    /// The ids that a query finds, in its order.
    pub(super) async fn ids(&self, query: Query) -> Vec<ActionId> {
        self.query(query).await.unwrap().into_iter().map(|action| action.id).collect()
    }

    pub(super) async fn log_of(&self, id: ActionId) -> Vec<LogEntry> {
        let log = self.logs(vec![id]).await.unwrap();
        let places: Vec<u32> = log.iter().map(|entry| entry.seq).collect();
        let in_order: Vec<u32> = (1..).take(places.len()).collect();
        assert_eq!(places, in_order, "the places in the log of action {id}");
        log
    }

    pub(super) async fn steps(&self, id: ActionId) -> Vec<Step> {
        self.log_of(id).await.into_iter().map(|entry| entry.step).collect()
    }

    pub(super) async fn last_entry(&self, id: ActionId) -> LogEntry {
        self.log_of(id).await.pop().expect("an entry in the log")
    }

    pub(super) async fn chain(&self, id: ChainId) -> Chain {
        let query = ChainQuery { ids: Some(vec![id]), ..ChainQuery::default() };
        self.chains(query).await.unwrap().pop().expect("the chain to exist")
    }

    /// The instances of a chain that are pending or in-progress.
    pub(super) async fn live_instances(&self, chain: ChainId) -> Vec<ActionId> {
        let live = everything().chain(chain).status(Status::Pending).status(Status::InProgress);
        self.ids(live).await
    }

    /// Stores an hourly action that is due now, and brings its first instance to run.
    pub(super) async fn running_chain(&self) -> (ChainId, Running) {
        let id = self.put(hourly("renew", self.now())).await;
        let running = self.run(id).await;
        (running.chain.expect("a recurring action to have a chain"), running)
    }
}

pub(super) fn claimed(claiming: Claiming) -> Option<Claim> {
    match claiming {
        Claiming::Claimed(claim) => {
            assert!(!claim.actions.is_empty(), "a claim holds at least one action");
            Some(claim)
        }
        Claiming::Nothing => None,
        Claiming::Full => panic!("no cap was set, and yet too many claims are open"),
    }
}

/// The ids of what a claim holds, in its order.
pub(super) fn held(claim: &Claim) -> Vec<ActionId> {
    claim.actions.iter().map(|action| action.id).collect()
}

/// The answer to a finish that was recorded and touched no chain.
pub(super) fn recorded() -> Recorded {
    Recorded::Yes { next: None, paused: None }
}
