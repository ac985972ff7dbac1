//! Deleting what need not be kept any longer.

use action_scheduler::action::{ActionId, Status};
use action_scheduler::store::{
    ChainState, CleanBatch, CleanCursor, CleanMode, Cleaned, HookScope, Outcome, Recorded, Target,
};

use super::StoreUnderTest;
use super::scene::*;

/// Complete actions of any hook that changed before now.
fn batch(store: &StoreUnderTest, limit: u32) -> CleanBatch {
    CleanBatch {
        status: Status::Complete,
        before: store.now(),
        hooks: HookScope::AllBut(Vec::new()),
        limit,
        after: None,
        mode: CleanMode::Delete,
    }
}

/// Cleans to the end, and says how many were deleted in how many batches.
async fn clean_all(store: &StoreUnderTest, first: CleanBatch) -> (u64, u32) {
    let (mut deleted, mut batches, mut after) = (0, 0, None::<CleanCursor>);
    loop {
        let batch = CleanBatch { after, ..first.clone() };
        let cleaned: Cleaned = store.clean(batch).await.unwrap();
        assert!(cleaned.deleted <= u64::from(first.limit));
        (deleted, batches) = (deleted + cleaned.deleted, batches + 1);
        assert!(batches < 1000, "cleaning without end");
        let Some(next) = cleaned.next else { return (deleted, batches) };
        let place = |cursor: CleanCursor| (cursor.scheduled_at, cursor.id);
        assert!(after.is_none_or(|after| place(after) < place(next)), "it goes forward");
        after = Some(next);
    }
}

async fn complete(store: &StoreUnderTest, name: &str) -> ActionId {
    let id = store.put(action(name)).await;
    store.run_to(id, Outcome::Complete).await;
    id
}

/// What is of the status and old enough is deleted, with its log; all else is left.
pub async fn what_is_old_enough_is_deleted_with_its_log(store: StoreUnderTest) {
    let old = complete(&store, "a").await;
    let failed = store.put(action("a")).await;
    store.run_to(failed, Outcome::Failed).await;
    let canceled = store.put(action("a")).await;
    store.cancel_ids(&[canceled]).await;
    let pending = store.put(action("a")).await;
    let running = store.put(action("a")).await;
    store.run(running).await;
    let slow = store.put(action("a")).await;
    let slow = store.run(slow).await;
    store.clock().advance(seconds(60));
    store.report(slow.ended(Outcome::Complete)).await;
    let cleaned = store.clean(batch(&store, 100)).await.unwrap();
    assert_eq!(cleaned, Cleaned { deleted: 1, next: None });
    let left = [failed, canceled, pending, running, slow.id];
    assert_eq!(store.ids(everything()).await, left);
    assert_eq!(store.logs(vec![old]).await.unwrap(), []);
    assert_eq!(store.log_of(slow.id).await.len(), 3);
    let canceled = CleanBatch { status: Status::Canceled, ..batch(&store, 100) };
    assert_eq!(store.clean(canceled).await.unwrap().deleted, 1);
    let failed = CleanBatch { status: Status::Failed, ..batch(&store, 100) };
    assert_eq!(store.clean(failed).await.unwrap().deleted, 1);
    assert_eq!(store.ids(everything()).await, left[2..]);
}

/// Old enough is before the date, not at it.
pub async fn what_changed_at_the_date_is_kept(store: StoreUnderTest) {
    let id = complete(&store, "a").await;
    assert_eq!(store.clean(batch(&store, 10)).await.unwrap().deleted, 0);
    store.clock().advance(jiff::SignedDuration::from_micros(1));
    assert_eq!(store.clean(batch(&store, 10)).await.unwrap().deleted, 1);
    assert!(store.find(id).await.is_none());
}

/// What has not come to its end is never cleaned away.
pub async fn what_has_not_ended_is_never_cleaned(store: StoreUnderTest) {
    let ids = store.put_all([action("pending"), action("running")]).await;
    store.run(ids[1]).await;
    store.clock().advance(seconds(60));
    for status in [Status::Pending, Status::InProgress] {
        // Whether this is an error or nothing to do is left to the store.
        let _ = store.clean(CleanBatch { status, ..batch(&store, 10) }).await;
    }
    assert_eq!(store.ids(everything()).await, ids);
}

/// Hooks, those named or those not named.
pub async fn hooks_narrow_what_is_cleaned(store: StoreUnderTest) {
    let mut ids = Vec::new();
    for name in ["a", "b", "c", "A", "a"] {
        ids.push(complete(&store, name).await);
    }
    store.clock().advance(seconds(60));
    let clean = async |hooks| {
        store.clean(CleanBatch { hooks, ..batch(&store, 100) }).await.unwrap().deleted
    };
    assert_eq!(clean(HookScope::Only(Vec::new())).await, 0);
    assert_eq!(clean(HookScope::Only(vec![hook("unknown")])).await, 0);
    assert_eq!(clean(HookScope::Only(vec![hook("a"), hook("c")])).await, 3);
    assert_eq!(store.ids(everything()).await, [ids[1], ids[3]]);
    assert_eq!(clean(HookScope::AllBut(vec![hook("b")])).await, 1);
    assert_eq!(clean(HookScope::AllBut(vec![hook("unknown")])).await, 1);
}

/// A batch looks at so many rows at most, and the next goes on behind it, past what is kept.
pub async fn batches_go_on_where_the_last_one_came_to(store: StoreUnderTest) {
    for number in 0..25 {
        // Many have the same date.
        let new = action_at(["a", "kept"][number % 2], store.in_seconds(-(number as i64 / 6)));
        let id = store.put(new).await;
        store.run_to(id, Outcome::Complete).await;
    }
    store.clock().advance(seconds(60));
    let first = CleanBatch { hooks: HookScope::AllBut(vec![hook("kept")]), ..batch(&store, 4) };
    let looked_at = store.clean(first.clone()).await.unwrap();
    assert!(looked_at.deleted <= 4 && looked_at.next.is_some(), "{looked_at:?}");
    let (deleted, batches) = clean_all(&store, first).await;
    assert_eq!(looked_at.deleted + deleted, 13);
    assert!((4..=7).contains(&batches), "{batches} batches");
    assert_eq!(store.count(everything()).await.unwrap(), 12);
    assert_eq!(store.count(everything().hook(hook("kept"))).await.unwrap(), 12);
}

/// A dry run counts the same, and deletes nothing.
pub async fn a_dry_run_deletes_nothing(store: StoreUnderTest) {
    for _ in 0..10 {
        complete(&store, "a").await;
    }
    store.clock().advance(seconds(60));
    let dry = CleanBatch { mode: CleanMode::DryRun, ..batch(&store, 3) };
    assert_eq!(clean_all(&store, dry).await.0, 10);
    assert_eq!(store.count(everything()).await.unwrap(), 10);
    let logs = store.logs(store.ids(everything()).await).await.unwrap();
    assert_eq!(logs.len(), 30);
    assert_eq!(clean_all(&store, batch(&store, 3)).await.0, 10);
}

/// Cleaned instances leave their chain going.
pub async fn cleaning_old_instances_leaves_the_chain_going(store: StoreUnderTest) {
    let (chain, running) = store.running_chain().await;
    let next = Some(store.in_seconds(120));
    let answer = store.report(running.ended_then(Outcome::Complete, next, None)).await;
    let Recorded::Yes { next: Some(next), .. } = answer else { panic!("{answer:?}") };
    store.clock().advance(seconds(60));
    assert_eq!(store.clean(batch(&store, 10)).await.unwrap().deleted, 1);
    drain_orphans(&store).await;
    let now = store.chain(chain).await;
    assert_eq!((now.state, now.head), (ChainState::Active, Some(next)));
}

/// An ended chain stays as long as an instance of it does, and then goes with the orphans.
pub async fn an_ended_chain_without_instances_is_an_orphan(store: StoreUnderTest) {
    let ids = store.put_all((0..5).map(|_| hourly("renew", store.now()))).await;
    let paused = store.action(ids[4]).await.chain.unwrap();
    let pause = action_scheduler::store::ChainChange::Pause { reason: "x".into() };
    store.change_chain(paused, pause, &context()).await.unwrap();
    store.cancel_ids(&ids[..3]).await;
    drain_orphans(&store).await;
    let states = async || store.stats().await.unwrap().chains;
    assert_eq!(states().await.get(&ChainState::Ended), Some(&3));
    let gone = vec![ids[0], ids[1], ids[4]];
    store.delete(Target::Ids(gone)).await.unwrap();
    assert!(store.clean_orphans(1).await.unwrap() <= 1);
    drain_orphans(&store).await;
    let states = states().await;
    assert_eq!(states.get(&ChainState::Ended), Some(&1));
    assert_eq!(states.get(&ChainState::Active), Some(&1));
    assert_eq!(states.get(&ChainState::Paused), Some(&1), "it can still be resumed");
}

async fn drain_orphans(store: &StoreUnderTest) {
    for _ in 0..100 {
        let deleted = store.clean_orphans(2).await.unwrap();
        assert!(deleted <= 2);
        if deleted == 0 {
            return;
        }
    }
    panic!("orphans without end");
}
