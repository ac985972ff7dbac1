//! Taking actions out of the queue, and out of the store.

use action_scheduler::Query;
use action_scheduler::action::{ActionId, Status};
use action_scheduler::log::Step;
use action_scheduler::query::{Order, OrderBy};
use action_scheduler::store::{Change, Outcome, Target};

use super::StoreUnderTest;
use super::scene::*;

/// One action of each status, and an id that nothing has.
async fn one_of_each(store: &StoreUnderTest) -> [ActionId; 6] {
    let ids = store.put_all((0..5).map(|_| action("a"))).await;
    let [pending, running, complete, failed, canceled] = ids[..] else { panic!("{ids:?}") };
    store.run(running).await;
    store.run_to(complete, Outcome::Complete).await;
    store.run_to(failed, Outcome::Failed).await;
    store.cancel_ids(&[canceled]).await;
    [pending, running, complete, failed, canceled, ActionId::new(1_000_000).unwrap()]
}

/// What is pending or in-progress can be canceled; the answer says what became of each, in order.
pub async fn what_is_not_finished_can_be_canceled(store: StoreUnderTest) {
    let ids = one_of_each(&store).await;
    store.clock().advance(seconds(5));
    let [pending, running, complete, failed, canceled, missing] = ids;
    let claim = store.action(running).await.claim;
    let reason = Some("no longer needed".to_owned());
    let answers =
        store.cancel(Target::Ids(ids.to_vec()), reason.clone(), &context()).await.unwrap();
    let expected = [
        Change::Done(pending),
        Change::Done(running),
        Change::Refused(complete, Status::Complete),
        Change::Refused(failed, Status::Failed),
        Change::Refused(canceled, Status::Canceled),
        Change::Missing(missing),
    ];
    assert_eq!(answers, expected);
    for id in [pending, running] {
        let action = store.action(id).await;
        assert_eq!((action.status, action.finished_at), (Status::Canceled, Some(store.now())));
        let entry = store.last_entry(id).await;
        assert_eq!((entry.step, entry.message), (Step::Canceled, reason.clone()));
        assert_eq!((entry.at, entry.context), (store.now(), Some(context())));
    }
    assert_eq!(store.action(running).await.claim, claim);
    assert!(claim.is_some());
    assert!(!store.steps(complete).await.contains(&Step::Canceled));
}

/// A cancellation without a reason is logged as such.
pub async fn a_cancellation_needs_no_reason(store: StoreUnderTest) {
    let id = store.put(action("a")).await;
    store.cancel(Target::Ids(vec![id]), None, &context()).await.unwrap();
    let entry = store.last_entry(id).await;
    assert_eq!((entry.step, entry.message), (Step::Canceled, None));
}

/// What is canceled is not claimed, and what is claimed can still be canceled.
pub async fn what_is_canceled_is_not_run(store: StoreUnderTest) {
    let ids = store.put_all([action("free"), action("claimed")]).await;
    let runner = store.new_runner("host:1").await;
    store.claim_ids(runner, &ids[1..]).await;
    store.cancel_ids(&ids).await;
    assert!(store.claim_due(runner, 10).await.is_none());
    assert_eq!(store.stats().await.unwrap().claims, 0);
}

/// Cancel by query passes over what cannot be canceled, and its limit counts what is canceled.
pub async fn cancel_by_query_passes_over_what_is_finished(store: StoreUnderTest) {
    let dates = [-50, -40, -30, -20, -10].map(|seconds| store.in_seconds(seconds));
    let ids = store.put_all(dates.map(|date| action_at("a", date))).await;
    let other = store.put(action("other")).await;
    store.run_to(ids[0], Outcome::Complete).await;
    store.run(ids[2]).await;
    let target = |query: Query| Target::Matching(Box::new(query.hook(hook("a"))));
    let cancel = async |target| store.cancel(target, None, &context()).await.unwrap();
    let done = |ids: &[ActionId]| ids.iter().map(|id| Change::Done(*id)).collect::<Vec<_>>();
    assert_eq!(cancel(target(Query::new().limit(2))).await, done(&ids[1..3]));
    let latest = Query::new().order(OrderBy::Date, Order::Descending).limit(1);
    assert_eq!(cancel(target(latest)).await, done(&ids[4..]));
    let finished = Query::new().status(Status::Complete).status(Status::Failed);
    assert_eq!(cancel(target(finished)).await, []);
    assert_eq!(cancel(target(Query::new().unlimited())).await, done(&ids[3..4]));
    assert_eq!(cancel(target(Query::new().unlimited())).await, []);
    assert_eq!(store.status(other).await, Status::Pending);
    assert_eq!(store.status(ids[0]).await, Status::Complete);
}

/// What is not in-progress can be deleted, with its log.
pub async fn what_is_not_in_progress_can_be_deleted(store: StoreUnderTest) {
    let ids = one_of_each(&store).await;
    let [pending, running, complete, failed, canceled, missing] = ids;
    let answers = store.delete(Target::Ids(ids.to_vec())).await.unwrap();
    let expected = [
        Change::Done(pending),
        Change::Refused(running, Status::InProgress),
        Change::Done(complete),
        Change::Done(failed),
        Change::Done(canceled),
        Change::Missing(missing),
    ];
    assert_eq!(answers, expected);
    assert_eq!(store.ids(everything()).await, [running]);
    let log = store.logs(ids.to_vec()).await.unwrap();
    assert!(!log.is_empty() && log.iter().all(|entry| entry.action == running), "{log:?}");
    let again = store.delete(Target::Ids(vec![pending])).await.unwrap();
    assert_eq!(again, [Change::Missing(pending)]);
}

/// Delete by query passes over what is in-progress.
pub async fn delete_by_query_passes_over_what_is_in_progress(store: StoreUnderTest) {
    let dates = [-50, -40, -30, -20].map(|seconds| store.in_seconds(seconds));
    let ids = store.put_all(dates.map(|date| action_at("a", date))).await;
    let other = store.put(action("other")).await;
    store.run(ids[0]).await;
    let query = Query::new().hook(hook("a")).limit(2);
    let answers = store.delete(Target::Matching(Box::new(query))).await.unwrap();
    assert_eq!(answers, [Change::Done(ids[1]), Change::Done(ids[2])]);
    assert_eq!(store.ids(everything()).await, [ids[0], ids[3], other]);
    let running = Query::new().status(Status::InProgress);
    let answers = store.delete(Target::Matching(Box::new(running))).await.unwrap();
    assert_eq!(answers, []);
}

/// Of many that cancel an action at once, one does.
pub async fn an_action_is_canceled_once(store: StoreUnderTest) {
    let id = store.put(action("a")).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..12 {
        let store = store.share();
        let target = Target::Ids(vec![id]);
        tasks.spawn(async move { store.cancel(target, None, &context()).await.unwrap()[0] });
    }
    let answers = tasks.join_all().await;
    let done = answers.iter().filter(|answer| **answer == Change::Done(id)).count();
    assert_eq!(done, 1, "{answers:?}");
    assert_eq!(store.steps(id).await, [Step::Created, Step::Canceled]);
}

/// Nothing given, nothing done.
pub async fn empty_targets_do_nothing(store: StoreUnderTest) {
    let id = store.put(action("a")).await;
    let none = Target::Ids(Vec::new());
    assert_eq!(store.cancel(none.clone(), None, &context()).await.unwrap(), []);
    assert_eq!(store.delete(none).await.unwrap(), []);
    let no_ids = Target::Matching(Box::new(Query::new().ids([])));
    assert_eq!(store.cancel(no_ids.clone(), None, &context()).await.unwrap(), []);
    assert_eq!(store.delete(no_ids).await.unwrap(), []);
    assert_eq!(store.status(id).await, Status::Pending);
    assert_eq!(store.start(Vec::new(), &context()).await.unwrap(), []);
    assert_eq!(store.finish(Vec::new(), &context()).await.unwrap(), []);
    assert_eq!(store.release(Vec::new(), &context()).await.unwrap(), 0);
    assert_eq!(store.fetch(Vec::new()).await.unwrap(), []);
    assert_eq!(store.logs(Vec::new()).await.unwrap(), []);
    store.append_log(Vec::new(), &context()).await.unwrap();
}
