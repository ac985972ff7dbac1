//! Actions of which there is to be one at a time.

use std::collections::BTreeSet;

use action_scheduler::action::{NewAction, Status, Unique};
use action_scheduler::store::{ChainChange, ChainChanged, ChainQuery, Outcome, Requeue, Target};
use tokio::task::JoinSet;

use super::StoreUnderTest;
use super::scene::*;

fn unique(name: &str) -> NewAction {
    action(name).unique(Unique::Args)
}

fn keyed(name: &str, key: &str) -> NewAction {
    action(name).unique(Unique::Key(key.to_owned()))
}

/// Hook, group and args together make a unique action.
pub async fn the_same_hook_group_and_args_are_refused(store: StoreUnderTest) {
    let like = |name: &str, in_group: &str, json: &str| {
        unique(name).group(group(in_group)).args(args(json))
    };
    store.put(like("a", "g", "[1]")).await;
    assert_eq!(store.try_put(like("a", "g", "[1]")).await, None);
    for other in [like("b", "g", "[1]"), like("a", "h", "[1]"), like("a", "g", "[2]")] {
        assert!(store.try_put(other.clone()).await.is_some(), "{other:?}");
    }
    assert_eq!(store.count(everything()).await.unwrap(), 4);
}

/// An action that is not unique stands in the way of one that is, and not the other way round.
pub async fn any_action_stands_in_the_way_of_a_unique_one(store: StoreUnderTest) {
    store.put(action("a")).await;
    assert_eq!(store.try_put(unique("a")).await, None);
    store.put(unique("b")).await;
    assert!(store.try_put(action("b")).await.is_some());
    assert!(store.try_put(action("b")).await.is_some());
    assert_eq!(store.try_put(unique("b")).await, None);
}

/// Once one of several that stand in the way is gone, the others still stand there.
pub async fn every_one_of_several_stands_in_the_way(store: StoreUnderTest) {
    let ids =
        [store.put(unique("a")).await, store.put(action("a")).await, store.put(action("a")).await];
    for id in ids {
        assert_eq!(store.try_put(unique("a")).await, None);
        store.cancel_ids(&[id]).await;
    }
    assert!(store.try_put(unique("a")).await.is_some());
}

/// A hook can be unique whatever its args.
pub async fn a_hook_can_be_unique_whatever_its_args(store: StoreUnderTest) {
    let by_hook = |json: &str| action("a").args(args(json)).unique(Unique::Hook);
    store.put(by_hook("[1]")).await;
    assert_eq!(store.try_put(by_hook("[2]")).await, None);
    assert!(store.try_put(by_hook("[2]").group(group("g"))).await.is_some());
    assert!(store.try_put(unique("a").args(args("[2]"))).await.is_some());
    assert_eq!(store.try_put(unique("a").args(args("[1]"))).await, None);
}

/// A key of the caller's stands for itself, whatever hook, group and args are.
pub async fn a_key_is_unique_whatever_the_action(store: StoreUnderTest) {
    store.put(keyed("a", "order-1")).await;
    assert_eq!(store.try_put(keyed("b", "order-1").group(group("g"))).await, None);
    assert!(store.try_put(keyed("a", "order-2")).await.is_some());
    assert!(store.try_put(keyed("a", "Order-1")).await.is_some());
    assert!(store.try_put(action("a")).await.is_some());
    assert!(store.try_put(keyed("c", "")).await.is_some());
    assert_eq!(store.try_put(keyed("d", "")).await, None);
    for odd in ["[]", "a\u{1f}b", "é'\"\\%_", "hook", "args:a"] {
        assert!(store.try_put(keyed("a", odd)).await.is_some(), "{odd:?}");
        assert_eq!(store.try_put(keyed("a", odd)).await, None, "{odd:?}");
    }
}

/// Parts of different actions that read the same when put together are still different.
pub async fn the_border_between_hook_group_and_args_counts(store: StoreUnderTest) {
    let pairs = [("a", "b:c"), ("a:b", "c"), ("a|b", "c"), ("a", "b|c"), ("ab", "c"), ("a", "bc")];
    for (name, in_group) in pairs {
        for rule in [Unique::Args, Unique::Hook] {
            let new = action(name).group(group(in_group)).unique(rule.clone());
            let is_first = rule == Unique::Args;
            assert_eq!(store.try_put(new).await.is_some(), is_first, "{name} {in_group}");
        }
    }
}

/// What is in-progress stands in the way; what is finished does not.
pub async fn only_what_is_pending_or_in_progress_stands_in_the_way(store: StoreUnderTest) {
    for rule in [Unique::Args, Unique::Hook, Unique::Key("k".into())] {
        for outcome in [Outcome::Complete, Outcome::Failed, Outcome::TimedOut, Outcome::Crashed] {
            let new = action("a").unique(rule.clone());
            let id = store.put(new.clone()).await;
            let running = store.run(id).await;
            assert_eq!(store.try_put(new.clone()).await, None, "{rule:?} in-progress");
            store.report(running.ended(outcome)).await;
            let id = store.try_put(new.clone()).await;
            let id = id.unwrap_or_else(|| panic!("{rule:?} after {outcome:?}"));
            store.cancel_ids(&[id]).await;
            let id = store.try_put(new.clone()).await;
            let id = id.unwrap_or_else(|| panic!("{rule:?} after cancel"));
            store.delete(Target::Ids(vec![id])).await.unwrap();
        }
    }
}

/// An action that is pending again stands in the way again.
pub async fn an_action_to_be_retried_stands_in_the_way(store: StoreUnderTest) {
    for outcome in [
        Outcome::Retry { at: store.in_seconds(60) },
        Outcome::NotCalled,
        Outcome::CrashedRetry { at: store.in_seconds(60) },
    ] {
        let id = store.put(unique("a")).await;
        store.run_to(id, outcome).await;
        assert_eq!(store.try_put(unique("a")).await, None, "{outcome:?}");
        store.cancel_ids(&[id]).await;
    }
}

/// Earlier actions of the same call count.
pub async fn earlier_actions_of_the_same_call_count(store: StoreUnderTest) {
    let call = [unique("a"), unique("a"), action("a"), unique("b"), action("c"), unique("c")];
    let ids = store.insert(call.into_iter().map(logged).collect()).await.unwrap();
    let stored: Vec<bool> = ids.iter().map(Option::is_some).collect();
    assert_eq!(stored, [true, false, true, true, true, false]);
    let kept: Vec<_> = ids.into_iter().flatten().collect();
    assert_eq!(store.ids(everything()).await, kept);
}

/// A refused recurring action leaves no chain behind.
pub async fn a_refused_recurring_action_leaves_nothing_behind(store: StoreUnderTest) {
    let new = hourly("renew", store.now()).unique(Unique::Args);
    store.put(new.clone()).await;
    assert_eq!(store.try_put(new).await, None);
    assert_eq!(store.chains(ChainQuery::default()).await.unwrap().len(), 1);
    assert_eq!(store.count(everything()).await.unwrap(), 1);
}

/// Of sixteen that come at once, one is stored.
pub async fn of_many_that_come_at_once_one_is_stored(store: StoreUnderTest) {
    for (round, rule) in [Unique::Args, Unique::Hook, Unique::Key("k".into())].iter().enumerate() {
        let mut tasks = JoinSet::new();
        for _ in 0..16 {
            let store = store.share();
            let new = action(&format!("hook_{round}")).unique(rule.clone());
            tasks.spawn(async move { store.insert(vec![logged(new)]).await.unwrap()[0] });
        }
        let stored: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
        assert_eq!(stored.len(), 1, "{rule:?}: {stored:?}");
    }
    assert_eq!(store.count(everything()).await.unwrap(), 3);
}

/// Sixteen recurring actions that come at once make one chain.
pub async fn of_many_recurring_ones_that_come_at_once_one_is_stored(store: StoreUnderTest) {
    let mut tasks = JoinSet::new();
    for _ in 0..16 {
        let store = store.share();
        let new = hourly("renew", store.clock().now()).unique(Unique::Args);
        tasks.spawn(async move { store.insert(vec![logged(new)]).await.unwrap()[0] });
    }
    let stored: BTreeSet<_> = tasks.join_all().await.into_iter().flatten().collect();
    assert_eq!(stored.len(), 1);
    assert_eq!(store.chains(ChainQuery::default()).await.unwrap().len(), 1);
}

/// The key of a recurring action is carried from instance to instance.
pub async fn next_instances_carry_the_key(store: StoreUnderTest) {
    let new = hourly("renew", store.now()).unique(Unique::Key("order-1".into()));
    let id = store.put(new.clone()).await;
    let running = store.run(id).await;
    let chain = running.chain.unwrap();
    assert_eq!(store.chain(chain).await.key.as_deref(), Some("order-1"));
    let next = Some(store.in_seconds(60));
    store.report(running.ended_then(Outcome::Complete, next, None)).await;
    assert_eq!(store.live_instances(chain).await.len(), 1);
    assert_eq!(store.try_put(new).await, None);
}

/// A chain goes on though another action like it is there: its next instance is never refused.
pub async fn the_next_instance_is_never_refused(store: StoreUnderTest) {
    for rule in [Unique::Args, Unique::Hook, Unique::Key("k".into())] {
        let id = store.put(hourly("renew", store.now()).unique(rule.clone())).await;
        let running = store.run(id).await;
        let plain = store.put(action("renew")).await;
        let next = Some(store.in_seconds(60));
        store.report(running.ended_then(Outcome::Complete, next, None)).await;
        let live = store.live_instances(running.chain.unwrap()).await;
        assert_eq!(live.len(), 1, "{rule:?}");
        store.cancel_ids(&[live[0], plain]).await;
    }
}

/// A paused chain can be resumed though its key was taken meanwhile.
pub async fn a_chain_can_be_resumed_though_its_key_was_taken(store: StoreUnderTest) {
    for rule in [Unique::Args, Unique::Hook, Unique::Key("k".into())] {
        let new = hourly("renew", store.now()).unique(rule.clone());
        let id = store.put(new.clone()).await;
        let chain = store.action(id).await.chain.unwrap();
        let pause = ChainChange::Pause { reason: "x".into() };
        store.change_chain(chain, pause, &context()).await.unwrap();
        let other = store.put(new).await;
        let resume = ChainChange::Resume { next: store.in_seconds(60) };
        let resumed = store.change_chain(chain, resume, &context()).await.unwrap();
        let ChainChanged::Done(Some(next)) = resumed else { panic!("{rule:?}: {resumed:?}") };
        store.cancel_ids(&[other, next]).await;
    }
}

/// What comes back into the queue is never refused, whoever took its place meanwhile.
pub async fn what_comes_back_into_the_queue_is_never_refused(store: StoreUnderTest) {
    for rule in [Unique::Args, Unique::Hook, Unique::Key("k".into())] {
        let new = action("a").unique(rule.clone());
        let slow = store.put(new.clone()).await;
        let slow = store.run_to(slow, Outcome::TimedOut).await;
        let failed = store.put(new.clone()).await;
        store.run_to(failed, Outcome::Failed).await;
        let third = store.put(new.clone()).await;

        let rerun =
            store.requeue(Target::Ids(vec![failed]), Requeue::Rerun, &context()).await.unwrap();
        assert_eq!(rerun, [action_scheduler::store::Change::Done(failed)], "{rule:?}");
        let retried = slow.ended(Outcome::Retry { at: store.in_seconds(1) });
        assert_eq!(store.report(retried).await, recorded(), "{rule:?}");
        for id in [slow.id, failed, third] {
            assert_eq!(store.status(id).await, Status::Pending, "{rule:?}");
        }
        // They all stand in the way until the last one is gone.
        for id in [slow.id, failed, third] {
            assert_eq!(store.try_put(new.clone()).await, None, "{rule:?}");
            store.cancel_ids(&[id]).await;
        }
        let free = store.put(new).await;
        store.cancel_ids(&[free]).await;
    }
}
