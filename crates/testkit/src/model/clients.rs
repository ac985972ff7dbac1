//! Whether a store holds together when several clients do things to it at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use action_scheduler::action::{ActionId, Attempt, Status};
use action_scheduler::log::{LogEntry, Step};
use action_scheduler::query::{Order, OrderBy};
use action_scheduler::store::{
    ChainChanged, ChainQuery, ChainState, Change, CleanMode, Finish, Once, Outcome, Recorded,
    Started,
};
use action_scheduler::{Action, Query};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use tokio::task::JoinSet;

use super::calls::{Answer, Call, World};
use super::ops::Op;
use crate::StoreUnderTest;
use crate::conformance::stats::check_figures;

/// Lets each client do its things while the others do theirs, about the same actions, then looks whether all that must
/// hold does:
///
/// - every action that was stored is there, unless it was deleted;
/// - no attempt was given out twice;
/// - the log of each action has no gap, tells a life that can be, and ends where the action stands;
/// - an active chain has one head that is pending or in-progress, and no instance was succeeded twice;
/// - the figures are those that are counted.
pub async fn holds_together(store: StoreUnderTest, clients: Vec<Vec<Op>>) -> TestCaseResult {
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let mut tasks = JoinSet::new();
    for ops in clients {
        tasks.spawn(client(store.clone(), ops, Arc::clone(&ledger)));
    }
    while let Some(ended) = tasks.join_next().await {
        let ended = ended.map_err(|error| TestCaseError::fail(format!("a client: {error}")))?;
        ended.map_err(|error| TestCaseError::fail(format!("the store: {error}")))?;
    }
    let ledger = std::mem::take(&mut *ledger.lock().unwrap_or_else(PoisonError::into_inner));
    check(&store, &ledger).await
}

async fn client(
    store: StoreUnderTest,
    ops: Vec<Op>,
    ledger: Arc<Mutex<Ledger>>,
) -> action_scheduler::Result<()> {
    for op in ops {
        let planned = {
            let ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner);
            ledger.world.plan(&op, store.clock().now())
        };
        let Some(mut call) = planned.map(logged) else { continue };
        if let Call::Finish(finishes) = &mut call {
            // Whoever brings an instance to its end says how its chain goes on.
            let recurring = recurring(&store, finishes).await?;
            finishes.retain(|one| one.succession.is_some() || !recurring.contains(&one.action));
        }
        let answer = call.clone().perform(&store).await?;
        let new = ledger.lock().unwrap_or_else(PoisonError::into_inner).learn(&call, &answer);
        let seen = store.fetch(new).await?;
        ledger.lock().unwrap_or_else(PoisonError::into_inner).world.see(&seen);
    }
    Ok(())
}

/// Those of the actions that are instances of a chain.
async fn recurring(
    store: &StoreUnderTest,
    finishes: &[Finish],
) -> action_scheduler::Result<BTreeSet<ActionId>> {
    let ids = finishes.iter().map(|finish| finish.action).collect();
    let actions = store.fetch(ids).await?.into_iter();
    Ok(actions.filter(|action| action.chain.is_some()).map(|action| action.id).collect())
}

/// The same call with nothing left out of the log.
fn logged(mut call: Call) -> Call {
    match &mut call {
        Call::Insert(inserts) | Call::InsertOnce(_, inserts) => {
            inserts.iter_mut().for_each(|insert| insert.log_created = true);
        }
        Call::Start(starts) => starts.iter_mut().for_each(|start| start.log = true),
        Call::Finish(finishes) => finishes.retain(|finish| !finish.entries.is_empty()),
        _ => {}
    }
    call
}

/// What the store has said, by all clients.
#[derive(Debug, Default)]
struct Ledger {
    world: World,
    stored: BTreeSet<ActionId>,
    deleted: BTreeSet<ActionId>,
    cleaned: u64,
    started: BTreeMap<(ActionId, Attempt), u32>,
    not_called: BTreeMap<(ActionId, Attempt), u32>,
    /// The instances that followed each.
    next: BTreeMap<ActionId, Vec<ActionId>>,
}

impl Ledger {
    /// Gives the actions that are new.
    fn learn(&mut self, call: &Call, answer: &Answer) -> Vec<ActionId> {
        self.world.learn(call, answer);
        let mut new = Vec::new();
        match (call, answer) {
            (_, Answer::Inserted(ids) | Answer::Once(Once::New(ids))) => {
                new.extend(ids.iter().flatten());
            }
            (Call::Start(starts), Answer::Started(answers)) => {
                for (start, answer) in starts.iter().zip(answers) {
                    if let Started::Yes(attempt) = answer {
                        *self.started.entry((start.action, *attempt)).or_default() += 1;
                    }
                }
            }
            (Call::Finish(finishes), Answer::Recorded(answers)) => {
                for (finish, answer) in finishes.iter().zip(answers) {
                    let Recorded::Yes { next, .. } = answer else { continue };
                    if finish.outcome == Outcome::NotCalled {
                        let attempt = (finish.action, finish.attempt);
                        *self.not_called.entry(attempt).or_default() += 1;
                    }
                    if let Some(next) = next {
                        new.push(*next);
                        self.next.entry(finish.action).or_default().push(*next);
                    }
                }
            }
            (_, Answer::Chain(ChainChanged::Done(Some(next)))) => new.push(*next),
            (Call::Delete(_), Answer::Changes(changes)) => {
                let done = changes.iter().filter_map(|change| match change {
                    Change::Done(id) => Some(*id),
                    _ => None,
                });
                self.deleted.extend(done);
            }
            (Call::Clean(batch), Answer::Cleaned(cleaned)) if batch.mode == CleanMode::Delete => {
                self.cleaned += cleaned.deleted;
            }
            _ => {}
        }
        self.stored.extend(&new);
        new
    }
}

async fn check(store: &StoreUnderTest, ledger: &Ledger) -> TestCaseResult {
    let everything = Query::new().unlimited().order(OrderBy::Id, Order::Ascending);
    let actions = store.query(everything).await.unwrap();
    check_accounts(&actions, ledger)?;
    for action in &actions {
        let log = store.logs(vec![action.id]).await.unwrap();
        let told = check_life(action, &log);
        told.map_err(|wrong| TestCaseError::fail(format!("{wrong}: {action:?}\n{log:#?}")))?;
    }
    let gone: Vec<ActionId> = ledger.deleted.iter().copied().collect();
    let left = store.logs(gone).await.unwrap();
    prop_assert!(left.is_empty(), "logs of actions that are gone: {left:?}");
    for chain in store.chains(ChainQuery::default()).await.unwrap() {
        let head = actions.iter().find(|action| Some(action.id) == chain.head);
        let is_live = head.is_some_and(|head| !head.status.is_finished());
        prop_assert!(chain.state != ChainState::Active || is_live, "{chain:?}: {head:?}");
    }
    let claims: BTreeSet<_> = actions
        .iter()
        .filter(|action| !action.status.is_finished())
        .filter_map(|action| action.claim)
        .collect();
    let stats = store.stats().await.unwrap();
    prop_assert_eq!(stats.claims, claims.len() as u64, "open claims");
    check_figures(store).await;
    Ok(())
}

fn check_accounts(actions: &[Action], ledger: &Ledger) -> TestCaseResult {
    let there: BTreeSet<ActionId> = actions.iter().map(|action| action.id).collect();
    prop_assert!(there.is_subset(&ledger.stored), "an action that nobody stored");
    let lost = ledger.stored.iter().filter(|id| !there.contains(id)).count() as u64;
    prop_assert_eq!(lost, ledger.deleted.len() as u64 + ledger.cleaned, "actions that are gone");
    for (attempt, times) in &ledger.started {
        let uncounted = ledger.not_called.get(attempt).copied().unwrap_or(0);
        prop_assert!(*times <= 1 + uncounted, "{attempt:?} began {times} times");
    }
    for (instance, next) in &ledger.next {
        prop_assert!(next.len() == 1, "{instance} was succeeded by {next:?}");
    }
    let mut born = BTreeSet::new();
    for id in ledger.next.values().flatten() {
        prop_assert!(born.insert(*id), "{id} was given out twice");
    }
    Ok(())
}

/// Goes through a life as its log tells it.
fn check_life(action: &Action, log: &[LogEntry]) -> Result<(), String> {
    let mut status = Status::Pending;
    let mut timed_out = false;
    for (place, entry) in (1..).zip(log) {
        if entry.seq != place {
            return Err(format!("entry {} where {place} should be", entry.seq));
        }
        let pending = status == Status::Pending;
        let running = status == Status::InProgress;
        let was_timed_out = std::mem::take(&mut timed_out);
        let (is_possible, next) = match entry.step {
            Step::Created => (place == 1, Status::Pending),
            Step::Started => (pending, Status::InProgress),
            Step::Complete => (running || was_timed_out, Status::Complete),
            Step::Retry => (running || was_timed_out, Status::Pending),
            Step::Failed => (running, Status::Failed),
            Step::TimedOut => {
                timed_out = true;
                (running, Status::Failed)
            }
            // These write what follows into the message.
            Step::Crashed if entry.message.as_deref() == Some("failed") => {
                (running, Status::Failed)
            }
            Step::Crashed | Step::Output => (running, Status::Pending),
            Step::Canceled => (pending || running, Status::Canceled),
            // The last instance of a paused chain tells of another schedule, whatever has become of it.
            Step::Rescheduled if entry.message.as_deref().is_some_and(is_of_chain) => {
                timed_out = was_timed_out;
                (true, status)
            }
            Step::Reset | Step::Rescheduled => (pending, status),
            Step::Rerun => (status.is_finished(), Status::Pending),
            _ => {
                timed_out = was_timed_out;
                (true, status)
            }
        };
        if !is_possible {
            return Err(format!("{:?} in place {place}, when it was {status}", entry.step));
        }
        status = next;
    }
    match status == action.status {
        true => Ok(()),
        false => Err(format!("its log says {status}")),
    }
}

/// Whether a new date was that of a chain and not of the action.
fn is_of_chain(message: &str) -> bool {
    message.starts_with("its chain now runs")
}
