//! Changes to all that a query asks for.

use action_scheduler::action::{Action, ActionId, NewAction, Status};
use action_scheduler::log::Step;
use action_scheduler::query::{Claimed, Order, OrderBy};
use action_scheduler::scheduler::{Bulk, Progress};
use action_scheduler::store::{ClaimRequest, Claiming, Finish, NewRunner, Outcome, Pick, Start};
use action_scheduler::time::Clock;
use action_scheduler::{Context, Hook, Query, Schedule, Scheduler};
use jiff::{SignedDuration, Timestamp};
use testkit::MemoryStore;
use testkit::conformance::NOON;

/// Two batches and a half.
const MANY: usize = 2500;

fn scheduler() -> Scheduler {
    let clock = Clock::manual(NOON.parse().unwrap());
    Scheduler::builder(std::sync::Arc::new(MemoryStore::new(clock))).build()
}

fn hook(name: &str) -> Hook {
    Hook::new(name).unwrap()
}

fn in_seconds(scheduler: &Scheduler, seconds: i64) -> Timestamp {
    scheduler.now() + SignedDuration::from_secs(seconds)
}

/// Stores actions, each due a second after the one before it.
async fn store(scheduler: &Scheduler, name: &str, from: i64, count: usize) -> Vec<ActionId> {
    let dates = (from..).take(count).map(|second| in_seconds(scheduler, second));
    let actions = dates.map(|date| NewAction::new(hook(name), Schedule::Single(date))).collect();
    scheduler.insert(actions).await.unwrap().into_iter().flatten().collect()
}

/// Runs actions to an end.
async fn run(scheduler: &Scheduler, ids: &[ActionId], outcome: Outcome) {
    let (store, context) = (scheduler.store(), Context::new("test"));
    let runner = NewRunner {
        name: "host:1".into(),
        process: None,
        context: context.clone(),
        workers: 1,
        lease: std::time::Duration::from_secs(60),
    };
    let runner = store.register(runner).await.unwrap();
    let (limit, pick) = (u32::try_from(ids.len()).unwrap(), Pick::Ids(ids.to_vec()));
    let request = ClaimRequest { runner, limit, pick, open_claims: None };
    let Claiming::Claimed(claim) = store.claim(request).await.unwrap() else { panic!("a claim") };
    let starts = ids.iter().map(|id| Start { action: *id, claim: claim.id, log: true }).collect();
    store.start(starts, &context).await.unwrap();
    let finishes = claim.actions.iter().map(|action| Finish {
        action: action.id,
        claim: claim.id,
        attempt: action.attempts.next(),
        outcome,
        entries: Vec::new(),
        succession: None,
    });
    store.finish(finishes.collect(), &context).await.unwrap();
}

/// All that is to be told about a change, and what a moment between two batches brings.
async fn steps(scheduler: &Scheduler, bulk: &mut Bulk, between: impl AsyncFn()) -> Vec<u64> {
    let mut told = Vec::new();
    while let Some(progress) = bulk.next().await.unwrap() {
        assert_eq!(progress.passed_over, 0);
        told.push(progress.done);
        assert!(told.len() < 20, "batches without end");
        scheduler.store().clock().advance(SignedDuration::from_secs(1));
        between().await;
    }
    told
}

async fn all(scheduler: &Scheduler, query: Query) -> Vec<Action> {
    scheduler.query(query.unlimited()).await.unwrap()
}

async fn count(scheduler: &Scheduler, query: Query) -> u64 {
    scheduler.count(query).await.unwrap()
}

/// How often this stands in the log of an action.
async fn logged(scheduler: &Scheduler, id: ActionId, step: Step) -> usize {
    scheduler.logs(id).await.unwrap().iter().filter(|entry| entry.step == step).count()
}

#[tokio::test]
async fn each_batch_is_told_and_the_rest_is_left_alone() {
    let scheduler = scheduler();
    store(&scheduler, "a", -1000, MANY).await;
    let others = store(&scheduler, "b", 0, 3).await;
    let query = Query::new().hook(hook("a")).limit(7).offset(3);
    let mut bulk = scheduler.cancel_all(query, Some("no longer wanted".into()));
    assert_eq!(steps(&scheduler, &mut bulk, async || ()).await, [1000, 2000, 2500]);
    assert_eq!(bulk.next().await.unwrap(), None);
    let canceled = all(&scheduler, Query::new().status(Status::Canceled)).await;
    assert_eq!(canceled.len(), MANY);
    let log = scheduler.logs(canceled[0].id).await.unwrap();
    assert_eq!(log.last().unwrap().message.as_deref(), Some("no longer wanted"));
    assert_eq!(count(&scheduler, Query::new().status(Status::Pending)).await, others.len() as u64);
    assert_eq!(scheduler.unschedule_all(Query::new()).await.unwrap(), 3);
}

#[tokio::test]
async fn what_is_stored_meanwhile_does_not_keep_it_going() {
    let scheduler = scheduler();
    store(&scheduler, "a", -5000, MANY).await;
    let mut bulk = scheduler.cancel_all(Query::new().hook(hook("a")), None);
    let told = steps(&scheduler, &mut bulk, async || drop(store(&scheduler, "a", 0, 1000).await));
    assert_eq!(told.await, [1000, 2000, 2500]);
}

#[tokio::test]
async fn what_runs_again_meanwhile_is_run_again_once() {
    let scheduler = scheduler();
    let ids = store(&scheduler, "a", -1000, MANY).await;
    run(&scheduler, &ids, Outcome::Failed).await;
    let mut bulk = scheduler.rerun_all(Query::new().hook(hook("a")));
    // All that is put back fails at once, again and again.
    let told = steps(&scheduler, &mut bulk, async || {
        let due = all(&scheduler, Query::new().status(Status::Pending)).await;
        let due: Vec<ActionId> = due.iter().map(|action| action.id).collect();
        run(&scheduler, &due, Outcome::Failed).await;
    });
    assert_eq!(told.await, [1000, 2000, 2500]);
    for id in [ids[0], ids[1200], ids[2499]] {
        assert_eq!(logged(&scheduler, id, Step::Rerun).await, 1);
        assert_eq!(scheduler.fetch(id).await.unwrap().attempts.0, 2);
    }
}

#[tokio::test]
async fn what_is_due_is_not_run_now_and_nothing_twice() {
    let scheduler = scheduler();
    let due = store(&scheduler, "a", -500, 501).await;
    // Some of these will be due while it is under way.
    let ids = store(&scheduler, "a", 2, MANY).await;
    let mut bulk = scheduler.run_all_now(Query::new());
    let told = steps(&scheduler, &mut bulk, async || ()).await;
    let mut moved = 0;
    for id in &ids {
        let times = logged(&scheduler, *id, Step::Rescheduled).await;
        assert!(times <= 1, "action {id} was moved {times} times");
        moved += times as u64;
        assert!(scheduler.fetch(*id).await.unwrap().scheduled_at <= scheduler.now());
    }
    assert_eq!(told.last(), Some(&moved));
    assert!(moved >= MANY as u64 - 5, "{moved} were moved");
    assert_eq!(logged(&scheduler, due[500], Step::Rescheduled).await, 0);
}

#[tokio::test]
async fn what_has_the_date_already_is_not_given_it_again() {
    let scheduler = scheduler();
    let ids = store(&scheduler, "a", 0, MANY).await;
    let at = in_seconds(&scheduler, 1000);
    let mut bulk = scheduler.reschedule_all(Query::new().hook(hook("a")), at);
    assert_eq!(steps(&scheduler, &mut bulk, async || ()).await, [1000, 2000, 2499]);
    assert!(all(&scheduler, Query::new()).await.iter().all(|action| action.scheduled_at == at));
    assert_eq!(logged(&scheduler, ids[1000], Step::Rescheduled).await, 0);
    assert_eq!(logged(&scheduler, ids[0], Step::Rescheduled).await, 1);
}

#[tokio::test]
async fn what_is_in_progress_is_not_deleted() {
    let scheduler = scheduler();
    let ids = store(&scheduler, "a", -10, 20).await;
    run(&scheduler, &ids[..5], Outcome::Complete).await;
    let runner = scheduler.store().register(NewRunner {
        name: "host:2".into(),
        process: None,
        context: Context::new("test"),
        workers: 1,
        lease: std::time::Duration::from_secs(60),
    });
    let runner = runner.await.unwrap();
    let pick = Pick::Ids(vec![ids[7]]);
    let request = ClaimRequest { runner, limit: 1, pick, open_claims: None };
    let Claiming::Claimed(claim) = scheduler.store().claim(request).await.unwrap() else {
        panic!("a claim")
    };
    let start = Start { action: ids[7], claim: claim.id, log: true };
    scheduler.store().start(vec![start], &Context::new("test")).await.unwrap();
    let done = scheduler.delete_all(Query::new()).finish().await.unwrap();
    assert_eq!(done, Progress { done: 19, passed_over: 0 });
    let left = all(&scheduler, Query::new()).await;
    assert_eq!(left.iter().map(|action| action.id).collect::<Vec<_>>(), [ids[7]]);
}

#[tokio::test]
async fn no_more_is_changed_than_was_counted_within_a_window() {
    let scheduler = scheduler();
    let old = store(&scheduler, "a", -9000, 1500).await;
    let new = store(&scheduler, "a", 0, 1500).await;
    run(&scheduler, &new[..100], Outcome::Complete).await;
    let query = Query::new().search("A").order(OrderBy::Started, Order::Ascending).within(1200);
    assert_eq!(count(&scheduler, query.clone()).await, 1200);
    let mut bulk = scheduler.cancel_all(query, None);
    assert_eq!(steps(&scheduler, &mut bulk, async || ()).await, [1000, 1200]);
    let pending = all(&scheduler, Query::new().status(Status::Pending)).await;
    assert_eq!(pending.len(), old.len() + 200);
}

#[tokio::test]
async fn what_changed_since_it_was_found_is_passed_over() {
    let scheduler = scheduler();
    let ids = store(&scheduler, "a", 0, MANY).await;
    let mut bulk = scheduler.cancel_all(Query::new().search("a").within(2000), None);
    bulk.next().await.unwrap();
    // The second batch has been listed, and some of it is deleted meanwhile.
    for id in &ids[..10] {
        scheduler.delete(*id).await.unwrap();
    }
    assert_eq!(bulk.finish().await.unwrap(), Progress { done: 1990, passed_over: 10 });
}

#[tokio::test]
async fn what_can_never_be_is_asked_for_in_vain() {
    let scheduler = scheduler();
    store(&scheduler, "a", 0, 3).await;
    let pending = || Query::new().status(Status::Pending);
    let nothing = Progress::default();
    assert_eq!(scheduler.rerun_all(pending()).finish().await.unwrap(), nothing);
    let claimed = pending().claimed(Claimed::Any);
    assert_eq!(scheduler.run_all_now(claimed).finish().await.unwrap(), nothing);
}
