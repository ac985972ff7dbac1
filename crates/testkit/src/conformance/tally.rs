//! Counts by hook and group, and the claims that are open.

use std::collections::BTreeMap;

use action_scheduler::action::{Action, Status};
use action_scheduler::store::{ClaimsQuery, OpenClaim, Outcome, Tally, TallyBy, Target};

use super::StoreUnderTest;
use super::query::all_kinds;
use super::scene::*;

fn counted(all: &[Action], name: impl Fn(&Action) -> &str) -> Vec<Tally> {
    let mut tallies: BTreeMap<String, BTreeMap<Status, u64>> = BTreeMap::new();
    for action in all {
        let counts = tallies.entry(name(action).to_owned()).or_default();
        *counts.entry(action.status).or_default() += 1;
    }
    tallies.into_iter().map(|(name, counts)| Tally { name, counts }).collect()
}

/// Everything counts once, by hook and by group, in the order of names; to the letter.
pub async fn actions_are_counted_by_hook_and_group(store: StoreUnderTest) {
    assert_eq!(store.tally(TallyBy::Hook).await.unwrap(), []);
    let all = all_kinds(&store).await;
    let by_hook = store.tally(TallyBy::Hook).await.unwrap();
    assert_eq!(by_hook, counted(&all, |action| action.hook.as_str()));
    assert!(by_hook.iter().all(|tally| tally.total() > 0 && tally.name != "unknown"));
    let by_group = store.tally(TallyBy::Group).await.unwrap();
    assert_eq!(by_group, counted(&all, |action| action.group.as_str()));
}

/// A name that nothing has any more is not counted.
pub async fn a_name_without_actions_is_not_counted(store: StoreUnderTest) {
    let ids = store.put_all(["a", "b"].map(action)).await;
    store.delete(Target::Ids(vec![ids[0]])).await.unwrap();
    store.run(ids[1]).await;
    let tallies = store.tally(TallyBy::Hook).await.unwrap();
    assert_eq!(tallies.len(), 1);
    assert_eq!(tallies[0].name, "b");
    assert_eq!(tallies[0].counts, BTreeMap::from([(Status::InProgress, 1)]));
    assert_eq!((tallies[0].count(Status::InProgress), tallies[0].count(Status::Failed)), (1, 0));
}

/// A claim is open as long as it holds something; it says who holds it, since when, and how much.
pub async fn open_claims_say_what_they_hold(store: StoreUnderTest) {
    let claims = async |runner, limit| store.claims(ClaimsQuery { runner, limit }).await.unwrap();
    assert_eq!(claims(None, None).await, []);
    let ids = store.put_all((0..5).map(|_| action("a"))).await;
    let (one, two) = (store.new_runner("host:1").await, store.new_runner("host:2").await);
    let first = store.claim_ids(one, &ids[..3]).await.id;
    let claimed_at = store.kept(store.now());
    store.clock().advance(seconds(60));
    let second = store.claim_ids(two, &ids[3..]).await.id;
    store.begin(ids[0], first).await;
    let of = |id, runner, claimed_at, waiting, in_progress| OpenClaim {
        id,
        runner: Some(runner),
        claimed_at,
        waiting,
        in_progress,
    };
    let (first_now, second_now) =
        (of(first, one, claimed_at, 2, 1), of(second, two, store.kept(store.now()), 2, 0));
    assert_eq!(claims(None, None).await, [first_now.clone(), second_now.clone()]);
    assert_eq!(claims(Some(two), None).await, std::slice::from_ref(&second_now));
    assert_eq!(claims(None, Some(1)).await, [first_now]);
    assert_eq!(claims(Some(two), Some(0)).await, []);
    // What has come to its end, was canceled or went back is held no more.
    store.release(vec![first], &context()).await.unwrap();
    assert_eq!(claims(Some(one), None).await, [of(first, one, claimed_at, 0, 1)]);
    store.cancel_ids(&[ids[0], ids[3]]).await;
    let left = of(second, two, second_now.claimed_at, 1, 0);
    assert_eq!(claims(None, None).await, [left]);
    let started = store.begin(ids[4], second).await;
    let action_scheduler::store::Started::Yes(attempt) = started else { panic!("{started:?}") };
    let running = Running { runner: two, id: ids[4], claim: second, attempt, chain: None };
    store.report(running.ended(Outcome::Complete)).await;
    assert_eq!(claims(None, None).await, []);
}
