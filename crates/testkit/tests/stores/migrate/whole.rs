//! What is in the target afterwards is what was in the source, whatever that had been through.

use std::collections::BTreeMap;

use action_scheduler::action::{ActionId, ChainId, NewAction, Status};
use action_scheduler::log::{LogEntry, Step};
use action_scheduler::migrate::{Journal as Keep, MoveOptions, MovePlan, Side};
use action_scheduler::store::{
    ActionRecord, Chain, ChainRecord, ChainState, Finish, ImportState, Insert, Outcome, Target,
};
use action_scheduler::time::Clock;
use action_scheduler::{Context, Hook, Query, Schedule};
use jiff::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use testkit::StoreUnderTest;
use testkit::model::{self, Op};

use super::{Contents, Engine, Journal, memory, move_all, options, sqlite};
use crate::mysql::make_store as mysql;
use crate::postgres::make_store as postgres;

macro_rules! between {
    ($($name:ident: $from:ident to $to:ident, $cases:literal times;)+) => { $(
        #[test]
        fn $name() {
            model::check_sequences($cases, 40, async |clock: Clock, ops: Vec<Op>| {
                let from = $from(clock.clone()).await;
                let to = $to(clock).await;
                moves_whole(from, to, &ops).await
            });
        }
    )+ };
}

between! {
    anything_moves_from_sqlite_to_sqlite: sqlite to sqlite, 24 times;
    anything_moves_from_sqlite_to_memory: sqlite to memory, 24 times;
    anything_moves_from_memory_to_sqlite: memory to sqlite, 24 times;
    anything_moves_from_sqlite_to_postgres: sqlite to postgres, 8 times;
    anything_moves_from_postgres_to_sqlite: postgres to sqlite, 8 times;
    anything_moves_from_sqlite_to_mysql: sqlite to mysql, 8 times;
    anything_moves_from_mysql_to_sqlite: mysql to sqlite, 8 times;
    anything_moves_from_mysql_to_mysql: mysql to mysql, 8 times;
}

async fn moves_whole(from: StoreUnderTest, to: StoreUnderTest, ops: &[Op]) -> TestCaseResult {
    model::play(&from, ops).await.unwrap();
    settle_ownerless(&from).await;
    // The target has something of its own, with ids that are taken.
    let own = Insert { action: NewAction::new(hook("own"), Schedule::Async), log_created: true };
    to.insert(vec![own.clone(), own]).await.unwrap();
    let own = Contents::of(&*to).await;

    let before = Contents::of(&*from).await;
    let once = MoveOptions { passes: Some(1), ..options() };
    let report = move_all(from.share(), to.share(), once).await.unwrap();
    prop_assert_eq!(report.different, 0, "{:?}", report.differences);
    Moved::look(&before, &from, &to).await.check()?;

    // What was in-progress comes to its end, and what was claimed goes back; now all can go.
    end_all(&from).await;
    let before = Contents::of(&*from).await;
    let report = move_all(from.share(), to.share(), options()).await.unwrap();
    prop_assert!(report.is_complete(), "{:#?}", report);
    let moved = Moved::look(&before, &from, &to).await;
    moved.check()?;
    let is_left = |record: &ActionRecord| !record.action.status.is_finished();
    prop_assert!(!moved.source.actions.values().any(is_left));
    let is_open = |record: &ChainRecord| record.chain.state != ChainState::Ended;
    prop_assert!(!moved.source.chains.values().any(is_open));
    for (id, record) in &own.actions {
        prop_assert_eq!(&moved.target.actions[id], record, "what was there before");
    }

    // Again: nothing more happens.
    let again = move_all(from.share(), to.share(), options()).await.unwrap();
    prop_assert!(again.is_complete());
    prop_assert_eq!((again.copied(), again.moved), (0, 0));
    prop_assert_eq!(&again.compared, &report.compared);
    prop_assert_eq!(Contents::of(&*to).await.actions, moved.target.actions);
    Ok(())
}

/// What is in-progress for nobody is failed, as any runner would do first of all.
async fn settle_ownerless(store: &StoreUnderTest) {
    let by = Context::new("test");
    let recovery = store.recover(Vec::new(), &by).await.unwrap();
    let finishes = recovery.stranded.into_iter().map(|stranded| Finish {
        action: stranded.action.id,
        claim: stranded.claim,
        attempt: stranded.action.attempts,
        outcome: Outcome::Crashed,
        entries: Vec::new(),
        succession: None,
    });
    store.finish(finishes.collect(), &by).await.unwrap();
}

async fn end_all(store: &StoreUnderTest) {
    for runner in store.runners().await.unwrap() {
        store.unregister(runner.id, &Context::new("test")).await.unwrap();
    }
    settle_ownerless(store).await;
}

/// A source before and after a move, and the target.
struct Moved {
    before: BTreeMap<ChainId, ChainRecord>,
    source: Contents,
    target: Contents,
    journal: Journal,
}

impl Moved {
    async fn look(before: &Contents, from: &StoreUnderTest, to: &StoreUnderTest) -> Self {
        Self {
            before: before.chains.clone(),
            source: Contents::of(&**from).await,
            target: Contents::of(&**to).await,
            journal: Journal::of(&**from, &**to).await,
        }
    }

    fn check(&self) -> TestCaseResult {
        for record in self.source.actions.values() {
            self.check_action(record)?;
        }
        for record in self.before.values() {
            self.check_chain(record)?;
        }
        Ok(())
    }

    fn check_action(&self, here: &ActionRecord) -> TestCaseResult {
        let id = here.action.id;
        let row = self.journal.actions.get(&id);
        let there = row.and_then(|(target, _)| self.target.actions.get(target));
        if !here.action.status.is_finished() {
            let runs_there = there.is_some_and(|there| !there.action.status.is_finished());
            prop_assert!(!runs_there, "action {} is to run in both stores", id);
            return Ok(());
        }
        let (Some((target, state)), Some(there)) = (row, there) else {
            return Err(TestCaseError::fail(format!("{here:#?} is not in the target")));
        };
        prop_assert!(*state != ImportState::Held, "action {} is held", id);
        let mut expected = self.carried(here.clone());
        expected.action.id = *target;
        expected.log.iter_mut().for_each(|entry| entry.action = *target);
        let mut there = there.clone();
        if let Some(place) = moved_at(&here.log) {
            prop_assert_eq!(*state, ImportState::Admitted);
            let note = there.log.pop().unwrap();
            prop_assert_eq!(note.text(), format!("moved from old, where it was action {id}"));
            expected.log.truncate(place);
            (expected.action.status, expected.action.finished_at) = (Status::Pending, None);
        }
        // The note of the move, and what came after it at the source, are no difference.
        for record in [&mut there, &mut expected] {
            record.action.log_entries = u32::try_from(record.log.len()).unwrap();
        }
        prop_assert_eq!(there, expected, "target (left), source (right)");
        Ok(())
    }

    /// The record as it is to be in the target, but for its id.
    fn carried(&self, mut record: ActionRecord) -> ActionRecord {
        let action = &mut record.action;
        action.claim = None;
        let chain = action.chain.filter(|chain| self.source.chains.contains_key(chain));
        action.chain = chain.map(|chain| self.journal.chains[&chain].0);
        if chain.is_none() && matches!(action.schedule, Schedule::Recurring(_)) {
            action.schedule = Schedule::Single(action.scheduled_at);
        }
        record
    }

    fn check_chain(&self, before: &ChainRecord) -> TestCaseResult {
        let id = before.chain.id;
        let now = self.source.chains[&id].chain.state;
        let Some((target, state)) = self.journal.chains.get(&id) else {
            prop_assert!(now != ChainState::Ended, "chain {} is not in the target", id);
            return Ok(());
        };
        if before.chain.state == ChainState::Ended && *state == ImportState::Admitted {
            // It went over in an earlier pass, and was checked then.
            return Ok(());
        }
        let there = &self.target.chains[target];
        let (chain, was) = (&there.chain, &before.chain);
        if now != ChainState::Ended {
            prop_assert_eq!(chain.state, ChainState::Ended, "chain {} goes on in both", id);
            return Ok(());
        }
        // One that ended while its head runs has none in the target yet.
        let head = was.head.and_then(|head| self.journal.actions.get(&head));
        let expected = Chain { id: *target, head: head.map(|(head, _)| *head), ..was.clone() };
        prop_assert_eq!(chain, &expected, "target (left), source (right)");
        if before.head_status == Some(Status::Pending) {
            prop_assert_eq!(there.owed, before.owed);
        }
        Ok(())
    }
}

/// Where the log of an action that was moved says so.
fn moved_at(log: &[LogEntry]) -> Option<usize> {
    let place = log.iter().rposition(|entry| entry.step == Step::Canceled)?;
    let message = log[place].message.as_deref().unwrap_or_default();
    message.starts_with("moved to new (store ").then_some(place)
}

fn hook(name: &str) -> Hook {
    Hook::new(name).unwrap()
}

async fn put(store: &StoreUnderTest, name: &str) -> ActionId {
    let action = NewAction::new(hook(name), Schedule::Async);
    store.insert(vec![Insert { action, log_created: true }]).await.unwrap()[0].unwrap()
}

async fn pair(from: Engine, to: Engine) -> (StoreUnderTest, StoreUnderTest) {
    (from.store(Clock::system()).await, to.store(Clock::system()).await)
}

fn block_on(test: impl Future<Output = ()>) {
    tokio::runtime::Runtime::new().unwrap().block_on(test);
}

#[test]
fn a_store_is_not_moved_to_itself() {
    block_on(async {
        let store = Engine::Memory.store(Clock::system()).await;
        let error = move_all(store.share(), store.share(), options()).await.unwrap_err();
        assert!(error.is_invalid_input(), "{error}");
        assert!(error.to_string().contains("the store that is moved from"), "{error}");
    });
}

#[test]
fn what_is_in_progress_is_waited_for_and_its_chain_goes_on_in_the_target() {
    use action_scheduler::schedule::{Cadence, Interval, Recurrence, Recurring};
    use action_scheduler::store::{
        ClaimRequest, Claiming, NewRunner, Pick, Start, Started, Succession,
    };
    block_on(async {
        let (from, to) = pair(Engine::Sqlite, Engine::Sqlite).await;
        let by = Context::new("test");
        let every = Interval::new(std::time::Duration::from_secs(60), Cadence::AfterRun).unwrap();
        let recurring =
            Recurring { first: Timestamp::now(), recurrence: Recurrence::Interval(every) };
        let action = NewAction::new(hook("renew"), Schedule::Recurring(recurring));
        let id = from.insert(vec![Insert { action, log_created: true }]).await.unwrap()[0].unwrap();
        let runner = NewRunner {
            name: "host:1".to_owned(),
            process: None,
            context: by.clone(),
            workers: 1,
            lease: std::time::Duration::from_secs(60),
        };
        let runner = from.register(runner).await.unwrap();
        let pick = Pick::Ids(vec![id]);
        let request = ClaimRequest { runner, limit: 1, pick, open_claims: None };
        let Claiming::Claimed(claim) = from.claim(request).await.unwrap() else { panic!() };
        let start = Start { action: id, claim: claim.id, log: true };
        let Started::Yes(attempt) = from.start(vec![start], &by).await.unwrap()[0] else {
            panic!()
        };

        // The mover goes round until it is told how the instance came out.
        let moving = tokio::spawn(move_all(from.share(), to.share(), options()));
        let rounds = async {
            while from.runners().await.unwrap().len() < 2 {
                tokio::task::yield_now().await;
            }
        };
        rounds.await;
        let succession = Succession {
            chain: claim.actions[0].chain.as_ref().unwrap().id,
            next: Some(Timestamp::now()),
            failure_threshold: None,
        };
        let finish = Finish {
            action: id,
            claim: claim.id,
            attempt,
            outcome: Outcome::Complete,
            entries: Vec::new(),
            succession: Some(succession),
        };
        from.finish(vec![finish], &by).await.unwrap();
        let report = moving.await.unwrap().unwrap();
        assert!(report.is_complete(), "{report:#?}");
        assert_eq!((report.moved, report.copied["complete"]), (1, 1));
        let live = to.query(Query::new().status(Status::Pending)).await.unwrap();
        let [head] = &live[..] else { panic!("one live instance: {live:?}") };
        let chains = to.chains(Default::default()).await.unwrap();
        assert_eq!((chains[0].state, chains[0].head), (ChainState::Active, Some(head.id)));
    });
}

#[test]
fn what_is_run_again_in_the_source_after_it_was_copied_is_moved() {
    block_on(async {
        let (from, to) = pair(Engine::Sqlite, Engine::Memory).await;
        let by = Context::new("test");
        let id = put(&from, "a").await;
        from.cancel(Target::Ids(vec![id]), None, &by).await.unwrap();
        assert!(move_all(from.share(), to.share(), options()).await.unwrap().is_complete());
        from.requeue(Target::Ids(vec![id]), action_scheduler::store::Requeue::Rerun, &by)
            .await
            .unwrap();
        let report = move_all(from.share(), to.share(), options()).await.unwrap();
        assert!(report.is_complete(), "{report:#?}");
        assert_eq!(to.fetch(vec![id]).await.unwrap()[0].status, Status::Pending);
        // And what was moved is left to be decided on by people.
        from.requeue(Target::Ids(vec![id]), action_scheduler::store::Requeue::Rerun, &by)
            .await
            .unwrap();
        let report = move_all(from.share(), to.share(), options()).await.unwrap();
        assert_eq!(report.left.again, [id]);
        assert!(!report.is_complete());
        assert_eq!(from.fetch(vec![id]).await.unwrap()[0].status, Status::Pending);
    });
}

#[test]
fn a_plan_changes_nothing_and_says_what_would_go() {
    block_on(async {
        let (from, to) = pair(Engine::Sqlite, Engine::Sqlite).await;
        let ids = [put(&from, "a").await, put(&from, "b").await, put(&from, "c").await];
        let canceled = Target::Ids(ids[..1].to_vec());
        from.cancel(canceled, None, &Context::new("test")).await.unwrap();
        put(&to, "own").await;
        let side = |store: &StoreUnderTest| Side { store: store.share(), name: "x".to_owned() };
        let before = (Contents::of(&*from).await.actions, Contents::of(&*to).await.actions);
        let plan = MovePlan::make(&side(&from), Some(&side(&to)), 2, |_| ()).await.unwrap();
        assert_eq!((plan.count(Status::Pending), plan.count(Status::Canceled)), (2, 1));
        assert_eq!((plan.log_entries, plan.taken_ids, plan.moved_before), (4, 1, 0));
        let new = MovePlan::make(&side(&from), None, 2, |_| ()).await.unwrap();
        assert_eq!((new.total(), new.taken_ids), (3, 0));
        let after = (Contents::of(&*from).await.actions, Contents::of(&*to).await.actions);
        assert_eq!(after, before);
        assert!(from.runners().await.unwrap().is_empty());
        move_all(from.share(), to.share(), options()).await.unwrap();
        let plan = MovePlan::make(&side(&from), Some(&side(&to)), 2, |_| ()).await.unwrap();
        assert_eq!((plan.total(), plan.moved_before), (0, 3));
    });
}

#[test]
fn the_journal_can_be_forgotten_in_the_end() {
    block_on(async {
        let (from, to) = pair(Engine::Memory, Engine::Sqlite).await;
        put(&from, "a").await;
        let options = MoveOptions { journal: Keep::Forget, ..options() };
        let report = move_all(from.share(), to.share(), options).await.unwrap();
        assert!(report.is_complete(), "{report:#?}");
        assert!(Journal::of(&*from, &*to).await.actions.is_empty());
    });
}

#[test]
fn what_cannot_be_read_is_named_and_stays() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("old.db");
        let store = action_scheduler::store::sqlite::SqliteStore::open(
            file.to_str().unwrap(),
            Clock::system(),
        );
        let from = StoreUnderTest::new(store.await.unwrap());
        let ids = [put(&from, "a").await, put(&from, "b").await, put(&from, "c").await];
        let other = rusqlite::Connection::open(&file).unwrap();
        other.execute("UPDATE actions SET priority = 1000 WHERE id = ?1", [ids[1].get()]).unwrap();
        let to = Engine::Sqlite.store(Clock::system()).await;
        let report = move_all(from.share(), to.share(), options()).await.unwrap();
        assert!(!report.is_complete());
        assert_eq!((report.moved, report.left.unreadable_count), (2, 1));
        let unreadable = &report.left.unreadable[0];
        assert_eq!(unreadable.what.to_string(), format!("action {}", ids[1]));
        assert!(!unreadable.reason.is_empty());
        assert_eq!(to.count(Query::new()).await.unwrap(), 2);
        let status: i64 = other
            .query_row("SELECT status FROM actions WHERE id = ?1", [ids[1].get()], |row| row.get(0))
            .unwrap();
        assert_eq!(status, 0, "it is pending still");
    });
}

#[test]
fn a_paused_chain_whose_instance_was_put_back_into_the_queue_moves_in_one_pass() {
    use action_scheduler::schedule::{Cadence, Interval, Recurrence, Recurring};
    use action_scheduler::store::{ChainChange, Requeue};
    block_on(async {
        let (from, to) = pair(Engine::Sqlite, Engine::Sqlite).await;
        let by = Context::new("test");
        let every = Interval::new(std::time::Duration::from_secs(60), Cadence::AfterRun).unwrap();
        let recurring =
            Recurring { first: Timestamp::now(), recurrence: Recurrence::Interval(every) };
        let action = NewAction::new(hook("renew"), Schedule::Recurring(recurring));
        let id = from.insert(vec![Insert { action, log_created: true }]).await.unwrap()[0].unwrap();
        let chain = from.fetch(vec![id]).await.unwrap()[0].chain.unwrap();
        let pause = ChainChange::Pause { reason: "holiday".to_owned() };
        from.change_chain(chain, pause, &by).await.unwrap();
        from.requeue(Target::Ids(vec![id]), Requeue::Rerun, &by).await.unwrap();
        let report = move_all(from.share(), to.share(), options()).await.unwrap();
        assert!(report.is_complete(), "{report:#?}");
        let chains = to.chains(Default::default()).await.unwrap();
        assert_eq!(chains[0].state, ChainState::Paused);
        assert_eq!(to.count(Query::new().status(Status::Pending)).await.unwrap(), 1);
    });
}
