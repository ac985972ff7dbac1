//! Putting actions back into the queue, and giving them other dates.

use action_scheduler::action::{ActionId, Attempt, Status};
use action_scheduler::log::Step;
use action_scheduler::store::{Change, Outcome, Requeue, Target};

use super::StoreUnderTest;
use super::scene::*;
use action_scheduler::Query;
use action_scheduler::query::Claimed;

impl StoreUnderTest {
    async fn requeue_one(&self, id: ActionId, to: Requeue) -> Change {
        let answers = self.requeue(Target::Ids(vec![id]), to, &context()).await.unwrap();
        assert_eq!(answers.len(), 1);
        answers[0]
    }
}

/// What is finished can be run again: due now, with its attempts and its log kept.
pub async fn what_is_finished_can_be_run_again(store: StoreUnderTest) {
    for outcome in [Outcome::Complete, Outcome::Failed, Outcome::TimedOut, Outcome::Crashed] {
        let id = store.put(action("a")).await;
        store.run_to(id, outcome).await;
        store.clock().advance(seconds(60));
        assert_eq!(store.requeue_one(id, Requeue::Rerun).await, Change::Done(id));
        let action = store.action(id).await;
        assert_eq!((action.status, action.scheduled_at), (Status::Pending, store.now()));
        assert_eq!((action.attempts, action.claim), (Attempt(1), None));
        assert_eq!(action.finished_at, None);
        let entry = store.last_entry(id).await;
        assert_eq!((entry.seq, entry.step), (4, Step::Rerun), "{outcome:?}");
        assert_eq!(entry.context, Some(context()));
        assert_eq!(store.run(id).await.attempt, Attempt(2));
    }
}

/// What was canceled can be run after all.
pub async fn what_was_canceled_can_be_run_after_all(store: StoreUnderTest) {
    let id = store.put(action_at("a", store.in_seconds(3600))).await;
    store.cancel_ids(&[id]).await;
    assert_eq!(store.requeue_one(id, Requeue::Rerun).await, Change::Done(id));
    assert_eq!(store.run(id).await.attempt, Attempt(1));
}

/// A pending action can be run now.
pub async fn a_pending_action_can_be_run_now(store: StoreUnderTest) {
    let id = store.put(action_at("a", store.in_seconds(3600))).await;
    store.clock().advance(seconds(60));
    assert_eq!(store.requeue_one(id, Requeue::RunNow).await, Change::Done(id));
    let action = store.action(id).await;
    assert_eq!((action.status, action.scheduled_at), (Status::Pending, store.now()));
    assert_eq!(action.schedule.first_date(store.now()), store.now());
    assert_eq!(store.last_entry(id).await.step, Step::Rescheduled);
    let runner = store.new_runner("host:1").await;
    assert_eq!(held(&store.claim_due(runner, 1).await.unwrap()), [id]);
}

/// A pending action can be given another date, earlier or later.
pub async fn a_pending_action_can_be_given_another_date(store: StoreUnderTest) {
    let id = store.put(action("a")).await;
    let runner = store.new_runner("host:1").await;
    let later = store.in_seconds(3600);
    assert_eq!(store.requeue_one(id, Requeue::At(later)).await, Change::Done(id));
    assert_eq!(store.action(id).await.scheduled_at, later);
    assert_eq!(store.last_entry(id).await.step, Step::Rescheduled);
    assert!(store.claim_due(runner, 1).await.is_none());
    let finer = "2025-01-01T00:00:00.123456789Z".parse().unwrap();
    store.requeue_one(id, Requeue::At(finer)).await;
    let kept = store.action(id).await.scheduled_at;
    assert_eq!(kept, store.kept("2025-01-01T00:00:00.123456Z".parse().unwrap()));
    assert!(store.claim_due(runner, 1).await.is_some());
}

/// What its status does not allow is refused, in order; a claimed action is out of reach.
pub async fn what_the_status_does_not_allow_is_refused(store: StoreUnderTest) {
    let ids = store.put_all((0..4).map(|_| action("a"))).await;
    let [pending, claimed, running, complete] = ids[..] else { panic!("{ids:?}") };
    let runner = store.new_runner("host:1").await;
    let claim = store.claim_ids(runner, &[claimed]).await.id;
    store.run(running).await;
    store.run_to(complete, Outcome::Complete).await;
    let missing = ActionId::new(1_000_000).unwrap();
    let all = vec![missing, claimed, running, complete];
    let pending_ones = [
        Change::Missing(missing),
        Change::Refused(claimed, Status::Pending),
        Change::Refused(running, Status::InProgress),
        Change::Refused(complete, Status::Complete),
    ];
    let before = store.fetch(ids.clone()).await.unwrap();
    for to in [Requeue::RunNow, Requeue::At(store.in_seconds(60))] {
        let answers = store.requeue(Target::Ids(all.clone()), to, &context()).await.unwrap();
        assert_eq!(answers, pending_ones, "{to:?}");
    }
    for (id, status) in
        [(pending, Status::Pending), (claimed, Status::Pending), (running, Status::InProgress)]
    {
        assert_eq!(store.requeue_one(id, Requeue::Rerun).await, Change::Refused(id, status));
    }
    assert_eq!(store.fetch(ids).await.unwrap(), before);
    assert_eq!(store.action(claimed).await.claim, Some(claim));
}

/// A query is for what its status, and no claim, allows; so many of that as its limit says.
pub async fn what_a_query_asks_for_is_requeued(store: StoreUnderTest) {
    let ids = store.put_all((0..8).map(|n| action_at("a", store.in_seconds(3600 + n)))).await;
    let runner = store.new_runner("host:1").await;
    store.claim_ids(runner, &[ids[0]]).await;
    store.run(ids[1]).await;
    for id in &ids[2..5] {
        store.run_to(*id, Outcome::Failed).await;
    }
    let requeue = async |query: Query, to| {
        let target = Target::Matching(Box::new(query));
        let done = store.requeue(target, to, &context()).await.unwrap();
        let done: Vec<ActionId> = done
            .into_iter()
            .map(|change| match change {
                Change::Done(id) => id,
                other => panic!("{other:?} is passed over"),
            })
            .collect();
        done
    };
    assert_eq!(requeue(everything(), Requeue::RunNow).await, ids[5..]);
    assert_eq!(requeue(everything().limit(2), Requeue::Rerun).await, ids[2..4]);
    assert_eq!(requeue(everything().status(Status::InProgress), Requeue::Rerun).await, []);
    assert_eq!(requeue(everything().claimed(Claimed::Any), Requeue::RunNow).await, []);
    assert_eq!(store.status(ids[4]).await, Status::Failed);
    let later = Requeue::At(store.in_seconds(60));
    let given = requeue(everything().offset(1).limit(2), later).await;
    assert_eq!(given, [ids[3], ids[5]]);
    assert_eq!(store.action(ids[5]).await.scheduled_at, store.in_seconds(60));
}

/// Who waits for work hears of it.
pub async fn what_is_requeued_wakes_who_waits(store: StoreUnderTest) {
    let id = store.put(action_at("a", store.in_seconds(3600))).await;
    let mut wake = store.wake();
    for to in [Requeue::At(store.in_seconds(60)), Requeue::RunNow] {
        wake.mark_unchanged();
        store.requeue_one(id, to).await;
        super::insert::woken(&mut wake).await;
    }
    store.run_to(id, Outcome::Failed).await;
    wake.mark_unchanged();
    store.requeue_one(id, Requeue::Rerun).await;
    super::insert::woken(&mut wake).await;
}

/// A new date of the caller's own for an instance is its date: nothing else is owed.
pub async fn a_new_date_is_not_owed(store: StoreUnderTest) {
    let id = store.put(hourly("renew", store.in_seconds(3600))).await;
    store.requeue_one(id, Requeue::RunNow).await;
    store.requeue_one(id, Requeue::At(store.in_seconds(600))).await;
    let runner = store.new_runner("host:1").await;
    let claim = store.claim_ids(runner, &[id]).await;
    assert_eq!(claim.actions[0].chain.as_ref().unwrap().owed, None);
}
