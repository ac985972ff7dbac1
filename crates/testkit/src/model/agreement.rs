//! Whether a store answers as the model does, and looks the same afterwards.

use action_scheduler::action::{Action, ActionId};
use action_scheduler::log::{LogEntry, Step};
use action_scheduler::query::{Order, OrderBy};
use action_scheduler::store::{
    Chain, ChainQuery, ChainState, ClaimFilter, ClaimedAction, Claiming, Runner, Stats,
};
use action_scheduler::{Hook, Query};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use super::calls::{Answer, World};
use super::ops::Op;
use super::twins::Ids;
use crate::{MemoryStore, StoreUnderTest};

/// Does the same things to the store and to a [`MemoryStore`] on the same clock, and compares each answer and, after each
/// step, all that can be seen. The store must be fresh and have a manual clock.
pub async fn agrees_with_model(store: StoreUnderTest, ops: Vec<Op>) -> TestCaseResult {
    let model = StoreUnderTest::new(MemoryStore::new(store.clock().clone()));
    let mut pair = Pair { model, store, ids: Ids::default(), world: World::default() };
    for (number, op) in ops.iter().enumerate() {
        pair.step(op).await.map_err(|error| at_step(error, number, op))?;
    }
    Ok(())
}

fn at_step(error: TestCaseError, number: usize, op: &Op) -> TestCaseError {
    match error {
        TestCaseError::Fail(reason) => {
            TestCaseError::fail(format!("step {}, {op:?}: {reason}", number + 1))
        }
        error => error,
    }
}

struct Pair {
    model: StoreUnderTest,
    store: StoreUnderTest,
    ids: Ids,
    world: World,
}

impl Pair {
    async fn step(&mut self, op: &Op) -> TestCaseResult {
        let now = self.model.clock().now();
        let Some(call) = self.world.plan(op, now) else { return Ok(()) };
        let heads = self.active_heads().await;
        let there = self.ids.there(&call);
        let model = call.clone().perform(&self.model).await;
        let model = model.map_err(|error| TestCaseError::fail(format!("the model: {error}")))?;
        // There is one clock for both; it is moved once.
        let store = match model {
            Answer::Done if matches!(op, Op::Advance(_)) => Ok(Answer::Done),
            _ => there.perform(&self.store).await,
        };
        let store = store.map_err(|error| TestCaseError::fail(format!("the store: {error}")))?;
        self.ids.pair_new(&model, &store)?;
        self.pair_chains().await?;
        let store = self.ids.back(store.clone()).map_err(|error| {
            TestCaseError::fail(format!("{error}\nstore: {store:?}\nmodel: {model:?}"))
        })?;
        let (expected, answer) = (comparable(&model, &heads), comparable(&store, &heads));
        prop_assert_eq!(answer, expected, "store (left) and model (right) answer differently");
        if let (Answer::Cleaned(store), Answer::Cleaned(model)) = (&store, &model) {
            // A store need not see at once that it has come to the end.
            let is_right = store.next == model.next || model.next.is_none();
            prop_assert!(is_right, "cleaning came to {:?}, not {:?}", store.next, model.next);
        }
        self.world.learn(&call, &model);
        self.compare().await
    }

    async fn active_heads(&self) -> Vec<ActionId> {
        let active = ChainQuery { states: vec![ChainState::Active], ..ChainQuery::default() };
        let chains = self.model.chains(active).await.unwrap();
        chains.into_iter().filter_map(|chain| chain.head).collect()
    }

    /// Pairs the chains of actions that are paired.
    async fn pair_chains(&mut self) -> TestCaseResult {
        let model = self.model.query(everything()).await.unwrap();
        let store = self.store.query(everything()).await.unwrap();
        for action in &store {
            let id = self.ids.actions.back(action.id)?;
            let twin = model.iter().find(|model| model.id == id).and_then(|model| model.chain);
            if let (Some(model), Some(store)) = (twin, action.chain) {
                self.ids.chains.pair(model, store)?;
            }
        }
        self.world.see(&model);
        Ok(())
    }

    async fn compare(&self) -> TestCaseResult {
        let expected = Visible::of(&self.model, self.world.actions(), self.world.actions()).await;
        let asked: Vec<ActionId> =
            self.world.actions().iter().map(|id| self.ids.actions.there(*id)).collect();
        let mut seen = Visible::of(&self.store, &asked, &asked).await;
        seen.translate(&self.ids)?;
        for hook in expected.actions.iter().map(|action| &action.hook) {
            prop_assert!(seen.hooks.contains(hook), "{hook} is not among the hooks");
        }
        prop_assert_eq!(seen.actions, expected.actions, "actions: store (left), model (right)");
        prop_assert_eq!(seen.logs, expected.logs, "logs: store (left), model (right)");
        prop_assert_eq!(seen.chains, expected.chains, "chains: store (left), model (right)");
        prop_assert_eq!(seen.runners, expected.runners, "runners: store (left), model (right)");
        prop_assert_eq!(seen.stats, expected.stats, "stats: store (left), model (right)");
        prop_assert_eq!(seen.next_due, expected.next_due, "next due: store (left), model (right)");
        Ok(())
    }
}

fn everything() -> Query {
    Query::new().unlimited().order(OrderBy::Id, Order::Ascending)
}

/// All that can be seen from outside.
struct Visible {
    actions: Vec<Action>,
    logs: Vec<LogEntry>,
    chains: Vec<Chain>,
    runners: Vec<RunnerSeen>,
    stats: Stats,
    next_due: Option<jiff::Timestamp>,
    hooks: Vec<Hook>,
}

/// A runner but for what every store may begin to count from where it likes.
#[derive(Debug, PartialEq)]
struct RunnerSeen {
    id: action_scheduler::RunnerId,
    name: String,
    started_at: jiff::Timestamp,
    heartbeat_at: jiff::Timestamp,
    claims: u32,
    in_progress: u32,
}

impl RunnerSeen {
    fn new(runner: Runner) -> Self {
        Self {
            id: runner.id,
            name: runner.runner.name,
            started_at: runner.started_at,
            heartbeat_at: runner.heartbeat_at,
            claims: runner.claims,
            in_progress: runner.in_progress,
        }
    }
}

impl Visible {
    async fn of(store: &StoreUnderTest, fetched: &[ActionId], logged: &[ActionId]) -> Self {
        let actions = store.query(everything()).await.unwrap();
        let mut by_id = store.fetch(fetched.to_vec()).await.unwrap();
        by_id.sort_by_key(|action| action.id);
        assert_eq!(by_id, actions, "what is found by id is not what is found");
        let logs = store.logs(logged.to_vec()).await.unwrap();
        let logs = logs.into_iter().map(comparable_entry).collect();
        let mut chains = store.chains(ChainQuery::default()).await.unwrap();
        for chain in &mut chains {
            // Of an instance that is gone a store may keep the id, or not.
            let is_there = |id: &ActionId| actions.iter().any(|action| action.id == *id);
            chain.head = chain.head.filter(is_there);
            if chain.reason.as_deref().is_some_and(|reason| reason != "by hand") {
                chain.reason = Some("so many failures".to_owned());
            }
        }
        let runners = store.runners().await.unwrap();
        let mut stats = store.stats().await.unwrap();
        stats.counts.retain(|_, count| *count > 0);
        stats.chains.retain(|_, count| *count > 0);
        let next_due = store.next_due(ClaimFilter::default()).await.unwrap();
        let hooks = store.hooks().await.unwrap();
        let runners = runners.into_iter().map(RunnerSeen::new).collect();
        Self { actions, logs, chains, runners, stats, next_due, hooks }
    }

    /// Puts the model's ids for the store's.
    fn translate(&mut self, ids: &Ids) -> TestCaseResult {
        for action in &mut self.actions {
            *action = ids.action_back(action.clone())?;
        }
        for entry in &mut self.logs {
            entry.action = ids.actions.back(entry.action)?;
        }
        for chain in &mut self.chains {
            chain.id = ids.chains.back(chain.id)?;
            chain.head = chain.head.map(|head| ids.actions.back(head)).transpose()?;
        }
        for runner in &mut self.runners {
            runner.id = ids.runners.back(runner.id)?;
        }
        Ok(())
    }
}

/// An entry without what a store words as it likes.
fn comparable_entry(mut entry: LogEntry) -> LogEntry {
    match entry.step {
        Step::Created => (entry.context, entry.message) = (None, None),
        Step::Started
        | Step::Canceled
        | Step::Reset
        | Step::Ignored
        | Step::Rerun
        | Step::Rescheduled
        | Step::LateResult
        | Step::Paused
        | Step::Resumed => entry.message = None,
        _ => {}
    }
    entry
}

/// An answer as text, without what a store may do as it likes.
fn comparable(answer: &Answer, heads: &[ActionId]) -> String {
    // What a store tells of the chain of an instance that does not continue it does not matter.
    let action = |action: &mut ClaimedAction| {
        if !heads.contains(&action.id) {
            action.chain = None;
        }
    };
    let mut answer = answer.clone();
    match &mut answer {
        Answer::Claiming(Claiming::Claimed(claim)) => claim.actions.iter_mut().for_each(action),
        Answer::Recovered(recovery) => {
            recovery.stranded.iter_mut().for_each(|one| action(&mut one.action));
        }
        Answer::Cleaned(cleaned) => cleaned.next = None,
        _ => {}
    }
    format!("{answer:#?}")
}
