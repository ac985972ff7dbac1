//! Figures about the whole store.

use std::collections::BTreeMap;

use action_scheduler::Query;
use action_scheduler::action::Status;
use action_scheduler::query::{Order, OrderBy};
use action_scheduler::store::{ChainQuery, ChainState, Outcome, Requeue, Target};

use super::StoreUnderTest;
use super::scene::*;

/// The figures are those that one gets by asking for each.
pub(crate) async fn check_figures(store: &StoreUnderTest) {
    let stats = store.stats().await.unwrap();
    for status in Status::ALL {
        let name = status.as_str();
        let query = || Query::new().status(status);
        let counted = store.count(query()).await.unwrap();
        assert_eq!(stats.counts.get(name).copied().unwrap_or(0), counted, "{name}");
        let edge = async |order| {
            let first = store.query(query().order(OrderBy::Date, order).limit(1)).await.unwrap();
            first.first().map(|action| action.scheduled_at)
        };
        let oldest = edge(Order::Ascending).await;
        let newest = edge(Order::Descending).await;
        assert_eq!(stats.dates.get(name).copied(), oldest.zip(newest), "dates of {name}");
    }
    let past_due = store.count(Query::new().past_due(store.now())).await.unwrap();
    assert_eq!(stats.past_due, past_due);
    let runners = store.runners().await.unwrap();
    assert_eq!(stats.runners, runners.len() as u64);
    let mut chains = BTreeMap::<ChainState, u64>::new();
    for chain in store.chains(ChainQuery::default()).await.unwrap() {
        *chains.entry(chain.state).or_default() += 1;
    }
    let mut counted = stats.chains;
    counted.retain(|_, count| *count > 0);
    assert_eq!(counted, chains);
}

/// An empty store has nothing to count.
pub async fn an_empty_store_counts_nothing(store: StoreUnderTest) {
    check_figures(&store).await;
    let stats = store.stats().await.unwrap();
    assert_eq!((stats.past_due, stats.claims, stats.runners), (0, 0, 0));
    assert!(stats.dates.is_empty());
}

/// The figures hold after every step of a life.
pub async fn the_figures_hold_after_every_step(store: StoreUnderTest) {
    let runner = store.new_runner("host:1").await;
    let ids = store.put_all((0..6).map(|n| action_at("a", store.in_seconds(n - 3)))).await;
    check_figures(&store).await;
    store.put(hourly("renew", store.in_seconds(-60))).await;
    check_figures(&store).await;
    let claim = store.claim_ids(runner, &ids[..3]).await.id;
    check_figures(&store).await;
    store.begin(ids[0], claim).await;
    check_figures(&store).await;
    store.release(vec![claim], &context()).await.unwrap();
    check_figures(&store).await;
    for (id, outcome) in [
        (ids[1], Outcome::Complete),
        (ids[2], Outcome::Failed),
        (ids[3], Outcome::TimedOut),
        (ids[4], Outcome::NotCalled),
        (ids[5], Outcome::Retry { at: store.in_seconds(1000) }),
    ] {
        store.run_to(id, outcome).await;
        check_figures(&store).await;
    }
    store.requeue(Target::Ids(vec![ids[1]]), Requeue::Rerun, &context()).await.unwrap();
    check_figures(&store).await;
    store.cancel_ids(&[ids[0], ids[1]]).await;
    check_figures(&store).await;
    store.delete(Target::Ids(vec![ids[1], ids[5]])).await.unwrap();
    check_figures(&store).await;
    store.delete(Target::Matching(Box::new(everything()))).await.unwrap();
    check_figures(&store).await;
    assert_eq!(store.count(everything()).await.unwrap(), 0);
}

/// Refused actions and results that come too late are not counted.
pub async fn what_was_refused_is_not_counted(store: StoreUnderTest) {
    let unique = action("a").unique(action_scheduler::Unique::Args);
    let id = store.put(unique.clone()).await;
    assert_eq!(store.try_put(unique).await, None);
    check_figures(&store).await;
    let running = store.run_to(id, Outcome::Complete).await;
    store.report(running.ended(Outcome::Failed)).await;
    store.cancel_ids(&[id]).await;
    check_figures(&store).await;
    assert_eq!(store.stats().await.unwrap().counts.get("complete"), Some(&1));
}

/// Open claims and known runners are counted.
pub async fn claims_and_runners_are_counted(store: StoreUnderTest) {
    let runners = [store.new_runner("host:1").await, store.new_runner("host:2").await];
    let ids = store.put_all((0..3).map(|_| action("a"))).await;
    for (runner, id) in runners.iter().zip(&ids) {
        store.claim_ids(*runner, &[*id]).await;
    }
    let stats = store.stats().await.unwrap();
    assert_eq!((stats.claims, stats.runners), (2, 2));
    store.unregister(runners[0], &context()).await.unwrap();
    let stats = store.stats().await.unwrap();
    assert_eq!((stats.claims, stats.runners), (1, 1));
}

/// Past-due follows the clock.
pub async fn past_due_follows_the_clock(store: StoreUnderTest) {
    store.put_all([0, 1, 5].map(|n| action_at("a", store.in_seconds(n)))).await;
    let past_due = async || store.stats().await.unwrap().past_due;
    assert_eq!(past_due().await, 1);
    store.clock().advance(seconds(1));
    assert_eq!(past_due().await, 2);
    store.clock().advance(seconds(100));
    assert_eq!(past_due().await, 3);
    store.clock().advance(seconds(-1000));
    assert_eq!(past_due().await, 0);
}
