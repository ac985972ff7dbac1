//! Setting actions aside for a runner.

use std::collections::BTreeSet;
use std::sync::Arc;

use action_scheduler::action::{ActionId, ChainId, Priority, RunnerId};
use action_scheduler::store::{
    ClaimFilter, ClaimRequest, Claiming, Outcome, Pick, Requeue, Started, Target,
};
use action_scheduler::{Hook, Schedule, Store};
use tokio::task::JoinSet;

use super::StoreUnderTest;
use super::scene::*;

/// Only what is due is claimed, and what is claimed is not claimed again.
pub async fn what_is_due_is_claimed_once(store: StoreUnderTest) {
    let due = store.put(action_at("due", store.now())).await;
    let later = store.put(action_at("later", store.in_seconds(1))).await;
    let runner = store.new_runner("host:1").await;
    let claim = store.claim_due(runner, 10).await.unwrap();
    assert_eq!(held(&claim), [due]);
    assert_eq!(store.action(due).await.claim, Some(claim.id));
    assert!(store.claim_due(runner, 10).await.is_none());
    store.clock().advance(seconds(1));
    let second = store.claim_due(runner, 10).await.unwrap();
    assert_eq!(held(&second), [later]);
    assert!(second.id > claim.id, "claim ids rise");
}

/// An empty queue gives nothing; so does a batch of none.
pub async fn nothing_due_is_nothing_claimed(store: StoreUnderTest) {
    let runner = store.new_runner("host:1").await;
    assert!(store.claim_due(runner, 10).await.is_none());
    store.put(action("a")).await;
    assert!(store.claim_due(runner, 0).await.is_none());
    assert!(store.claim_due(runner, 1).await.is_some());
}

/// A claimed action tells all that is needed to run it.
pub async fn a_claim_tells_all_that_is_needed_to_run_it(store: StoreUnderTest) {
    let new =
        hourly("renew", store.now()).args(args("[1]")).group(group("g")).priority(Priority(7));
    let id = store.put(new.clone()).await;
    let plain = store.put(action("plain")).await;
    let runner = store.new_runner("host:1").await;
    let claim = store.claim_ids(runner, &[id, plain]).await;
    let [renew, plain] = &claim.actions[..] else { panic!("{claim:?}") };
    assert_eq!((&renew.hook, &renew.args, &renew.group), (&new.hook, &new.args, &new.group));
    assert_eq!((renew.priority, renew.attempts.0), (Priority(7), 0));
    assert_eq!(renew.scheduled_at, store.now());
    let chain = renew.chain.as_ref().expect("a chain");
    assert_eq!(Some(chain.id), store.action(id).await.chain);
    assert_eq!(Schedule::Recurring(chain.recurring.as_deref().cloned().unwrap()), new.schedule);
    assert_eq!(chain.owed, None);
    assert_eq!(plain.chain, None);
}

/// The order is priority, attempts, date, id.
pub async fn the_order_is_priority_attempts_date_id(store: StoreUnderTest) {
    let (early, late) = (store.in_seconds(-20), store.in_seconds(-10));
    let tried = store.put(action_at("tried", early)).await;
    store.run_to(tried, Outcome::Retry { at: early }).await;
    let by = |date, priority| action_at("a", date).priority(Priority(priority));
    let ids = store
        .put_all([
            by(late, 10),
            by(early, 10),
            by(early, 10),
            by(late, 0),
            by(early, 255),
            by(early, 9),
        ])
        .await;
    let expected = [ids[3], ids[5], ids[1], ids[2], ids[0], tried, ids[4]];
    let runner = store.new_runner("host:1").await;
    let mut claimed = Vec::new();
    while let Some(claim) = store.claim_due(runner, 2).await {
        claimed.extend(held(&claim));
    }
    assert_eq!(claimed, expected);
}

/// A batch is no larger than asked for, and takes the first.
pub async fn a_batch_takes_the_first_so_many(store: StoreUnderTest) {
    let ids = store.put_all((0..25).map(|_| action("a"))).await;
    let runner = store.new_runner("host:1").await;
    for batch in ids.chunks(10) {
        assert_eq!(held(&store.claim_due(runner, 10).await.unwrap()), batch);
    }
    assert!(store.claim_due(runner, 10).await.is_none());
}

/// A pattern of hooks to be passed over stands for what it says, whatever its characters mean to a database.
pub async fn patterns_of_hooks_are_passed_over(store: StoreUnderTest) {
    let names = [
        "pay",
        "pay_card",
        "PAY_card",
        "payXcard",
        "pay%",
        r"pay\_card",
        "pay?",
        "[p]ay",
        "p",
        "é_x",
    ];
    let mut stored = Vec::new();
    for (place, name) in (0..).zip(names) {
        stored.push((store.put(action_at(name, store.in_seconds(place - 100))).await, hook(name)));
    }
    let patterns: [&[&str]; 14] = [
        &["pay_*"],
        &["pay_card"],
        &["pay%"],
        &["pay*"],
        &[r"pay\_*"],
        &["pay?"],
        &["[p]ay"],
        &["p*d"],
        &["*a*"],
        &["*"],
        &["é*", "p"],
        &["PAY*"],
        &["_ay"],
        &["none", "pay_*", "*X*"],
    ];
    let runner = store.new_runner("host:1").await;
    for patterns in patterns {
        let exclude_hooks = patterns.iter().map(|pattern| pattern.parse().unwrap()).collect();
        let filter = ClaimFilter { exclude_hooks, ..ClaimFilter::default() };
        let through = stored.iter().filter(|(_, hook)| filter.lets_through(hook, &group("")));
        let expected: Vec<ActionId> = through.map(|(id, _)| *id).collect();
        let claim = claimed(store.try_claim(runner, 20, Pick::Due(filter.clone())).await);
        assert_eq!(claim.as_ref().map(held).unwrap_or_default(), expected, "{patterns:?}");
        assert_eq!(
            store.next_due(filter).await.unwrap(),
            None,
            "{patterns:?}: all of it is claimed"
        );
        if let Some(claim) = claim {
            store.release(vec![claim.id], &context()).await.unwrap();
        }
    }
}

/// Hooks, group and excluded groups narrow what is claimed, and what is due next.
pub async fn filters_narrow_what_is_claimed(store: StoreUnderTest) {
    let names = [("a", "x"), ("a", "y"), ("b", "x"), ("b", ""), ("c", "y")];
    let mut stored = Vec::new();
    for (place, (name, in_group)) in (0..).zip(names) {
        let new = action_at(name, store.in_seconds(place - 100)).group(group(in_group));
        stored.push((store.put(new).await, hook(name), group(in_group)));
    }
    let hooks = |names: &[&str]| -> Vec<Hook> { names.iter().map(|name| hook(name)).collect() };
    let groups = |names: &[&str]| names.iter().map(|name| group(name)).collect::<Vec<_>>();
    let filter = |only: &[&str], in_group: Option<&str>, excluded: &[&str]| ClaimFilter {
        hooks: hooks(only),
        group: in_group.map(group),
        exclude_groups: groups(excluded),
        exclude_hooks: Vec::new(),
    };
    let without = |patterns: &[&str], filter: ClaimFilter| ClaimFilter {
        exclude_hooks: patterns.iter().map(|pattern| pattern.parse().unwrap()).collect(),
        ..filter
    };
    let filters = [
        filter(&[], None, &[]),
        filter(&["a"], None, &[]),
        filter(&["a", "c", "unknown"], None, &[]),
        filter(&["unknown"], None, &[]),
        filter(&[], Some("x"), &[]),
        filter(&[], Some(""), &[]),
        filter(&[], Some("unknown"), &[]),
        filter(&[], None, &["x"]),
        filter(&[], None, &["x", "", "unknown"]),
        filter(&[], None, &["unknown"]),
        filter(&["a"], Some("x"), &["x"]),
        filter(&["a", "b"], None, &["y"]),
        without(&["a"], filter(&[], None, &[])),
        without(&["a", "unknown"], filter(&[], None, &["x"])),
        without(&["*"], filter(&[], None, &[])),
        without(&["b"], filter(&["a", "b"], Some("x"), &[])),
    ];
    let runner = store.new_runner("host:1").await;
    for filter in filters {
        let through = stored.iter().filter(|(_, hook, group)| filter.lets_through(hook, group));
        let expected: Vec<ActionId> = through.map(|(id, ..)| *id).collect();
        let next = store.next_due(filter.clone()).await.unwrap();
        let first = match expected.first() {
            Some(first) => Some(store.action(*first).await.scheduled_at),
            None => None,
        };
        assert_eq!(next, first, "next due through {filter:?}");
        let claim = claimed(store.try_claim(runner, 10, Pick::Due(filter.clone())).await);
        assert_eq!(claim.as_ref().map(held).unwrap_or_default(), expected, "{filter:?}");
        if let Some(claim) = claim {
            store.release(vec![claim.id], &context()).await.unwrap();
        }
    }
}

/// Actions can be claimed by id before their date; what cannot be claimed is left out.
pub async fn actions_can_be_claimed_by_id_before_their_date(store: StoreUnderTest) {
    let later = store.put(action_at("later", store.in_seconds(3600))).await;
    let urgent = store.put(action("urgent").priority(Priority(0))).await;
    let done = store.put(action("done")).await;
    store.run_to(done, Outcome::Complete).await;
    let busy = store.put(action("busy")).await;
    store.run(busy).await;
    let other = store.put(action("other")).await;
    let runner = store.new_runner("host:1").await;
    let missing = ActionId::new(1_000_000).unwrap();
    let ids = vec![missing, later, done, busy, urgent];
    let claim = claimed(store.try_claim(runner, 10, Pick::Ids(ids.clone())).await).unwrap();
    assert_eq!(held(&claim), [urgent, later]);
    assert!(claimed(store.try_claim(runner, 10, Pick::Ids(ids)).await).is_none());
    assert_eq!(store.action(other).await.claim, None);
}

/// With as many claims as may be that have something left to start, the answer says so; a claim of which all is started
/// does not count.
pub async fn open_claims_are_capped_over_all_runners(store: StoreUnderTest) {
    let ids = store.put_all((0..4).map(|_| action("a"))).await;
    let runners = [store.new_runner("host:1").await, store.new_runner("host:2").await];
    let capped = |runner: RunnerId| ClaimRequest {
        runner,
        limit: 1,
        pick: Pick::Due(ClaimFilter::default()),
        open_claims: Some(2),
    };
    let first = claimed(store.claim(capped(runners[0])).await.unwrap()).unwrap();
    let second = claimed(store.claim(capped(runners[1])).await.unwrap()).unwrap();
    for runner in runners {
        let answer = store.claim(capped(runner)).await.unwrap();
        assert!(matches!(answer, Claiming::Full), "{answer:?}");
    }
    assert_eq!(store.stats().await.unwrap().claims, 2);
    // `--force` asks for no cap.
    let forced = store.claim_due(runners[0], 1).await.unwrap();
    assert_eq!(store.stats().await.unwrap().claims, 3);
    // One is released, and one of the others is started.
    store.release(vec![forced.id], &context()).await.unwrap();
    assert!(matches!(store.claim(capped(runners[0])).await.unwrap(), Claiming::Full));
    let Started::Yes(attempt) = store.begin(ids[0], first.id).await else { panic!("not started") };
    assert_eq!(store.stats().await.unwrap().claims, 2);
    assert!(claimed(store.claim(capped(runners[0])).await.unwrap()).is_some());
    let running = Running { runner: runners[0], id: ids[0], claim: first.id, attempt, chain: None };
    store.report(running.ended(Outcome::Complete)).await;
    assert_eq!(store.stats().await.unwrap().claims, 2);
    assert!(second.id > first.id);
}

/// A claim is closed by whatever takes the last of what it holds.
pub async fn a_claim_is_closed_when_it_holds_nothing_more(store: StoreUnderTest) {
    let runner = store.new_runner("host:1").await;
    let at = store.in_seconds(60);
    let outcomes = [
        Outcome::Complete,
        Outcome::Failed,
        Outcome::TimedOut,
        Outcome::Retry { at },
        Outcome::NotCalled,
        Outcome::Crashed,
        Outcome::CrashedRetry { at },
    ];
    for outcome in outcomes {
        let id = store.put(action("a")).await;
        let running = store.run_by(runner, id).await;
        assert_eq!(store.stats().await.unwrap().claims, 1);
        assert_eq!(store.runners().await.unwrap()[0].claims, 1);
        store.report(running.ended(outcome)).await;
        assert_eq!(store.stats().await.unwrap().claims, 0, "{outcome:?}");
        assert_eq!(store.runners().await.unwrap()[0].claims, 0, "{outcome:?}");
    }
    let ids = store.put_all([action("canceled"), action("deleted")]).await;
    store.claim_ids(runner, &ids).await;
    store.cancel_ids(&ids[..1]).await;
    assert_eq!(store.stats().await.unwrap().claims, 1);
    store.delete(action_scheduler::store::Target::Ids(ids)).await.unwrap();
    assert_eq!(store.stats().await.unwrap().claims, 0);
}

/// However many claim at once, no action is given out twice and none is left.
pub async fn no_action_is_given_to_two_that_claim_at_once(store: StoreUnderTest) {
    let ids = store.put_all((0..200).map(|_| action("a"))).await;
    let mut tasks = JoinSet::new();
    for number in 0..8 {
        let runner = store.new_runner(&format!("host:{number}")).await;
        let store = store.share();
        tasks.spawn(async move { drain(store, runner).await });
    }
    let mut all: Vec<ActionId> = tasks.join_all().await.into_iter().flatten().collect();
    all.sort();
    assert_eq!(all, ids);
    assert_eq!(store.next_due(ClaimFilter::default()).await.unwrap(), None);
}

async fn drain(store: Arc<dyn Store>, runner: RunnerId) -> Vec<ActionId> {
    let mut claimed = Vec::new();
    loop {
        let pick = Pick::Due(ClaimFilter::default());
        let request = ClaimRequest { runner, limit: 7, pick, open_claims: None };
        match store.claim(request).await.unwrap() {
            Claiming::Claimed(claim) => claimed.extend(held(&claim)),
            Claiming::Nothing => return claimed,
            Claiming::Full => panic!("there is no cap"),
        }
    }
}

/// However many claim at once, no more claims are open than may be.
pub async fn the_cap_holds_for_many_that_claim_at_once(store: StoreUnderTest) {
    store.put_all((0..50).map(|_| action("a"))).await;
    let mut tasks = JoinSet::new();
    for number in 0..16 {
        let runner = store.new_runner(&format!("host:{number}")).await;
        let store = store.share();
        tasks.spawn(async move {
            let pick = Pick::Due(ClaimFilter::default());
            let request = ClaimRequest { runner, limit: 1, pick, open_claims: Some(3) };
            matches!(store.claim(request).await.unwrap(), Claiming::Claimed(_))
        });
    }
    let open = tasks.join_all().await.into_iter().filter(|got_one| *got_one).count();
    assert_eq!(open, 3);
}

/// Of many that ask for the same action by id, one gets it.
pub async fn of_many_that_ask_for_one_action_one_gets_it(store: StoreUnderTest) {
    let id = store.put(action("a")).await;
    let mut tasks = JoinSet::new();
    for number in 0..16 {
        let runner = store.new_runner(&format!("host:{number}")).await;
        let store = store.share();
        tasks.spawn(async move {
            let pick = Pick::Ids(vec![id]);
            let request = ClaimRequest { runner, limit: 1, pick, open_claims: None };
            matches!(store.claim(request).await.unwrap(), Claiming::Claimed(_))
        });
    }
    let given = tasks.join_all().await.into_iter().filter(|got_it| *got_it).count();
    assert_eq!(given, 1);
}

/// A runner that was forgotten, or never known, gets nothing: what it held would be nobody's.
pub async fn a_runner_that_is_not_known_gets_nothing(store: StoreUnderTest) {
    store.put(action("a")).await;
    let gone = store.new_runner("host:1").await;
    store.unregister(gone, &context()).await.unwrap();
    assert!(store.claim_due(gone, 1).await.is_none());
    assert!(store.claim_due(RunnerId::new(1_000_000).unwrap(), 1).await.is_none());
    assert_eq!(store.stats().await.unwrap().claims, 0);
}

/// What is released can be claimed again, says so in its log, and wakes who waits.
pub async fn what_is_released_goes_back_to_the_queue(store: StoreUnderTest) {
    let ids = store.put_all((0..3).map(|_| action("a"))).await;
    let runner = store.new_runner("host:1").await;
    let claim = store.claim_ids(runner, &ids).await;
    store.begin(ids[0], claim.id).await;
    let mut wake = store.wake();
    wake.mark_unchanged();
    assert_eq!(store.release(vec![claim.id], &context()).await.unwrap(), 2);
    super::insert::woken(&mut wake).await;
    assert_eq!(store.action(ids[0]).await.claim, Some(claim.id));
    for id in &ids[1..] {
        assert_eq!(store.action(*id).await.claim, None);
        let entry = store.last_entry(*id).await;
        assert_eq!(entry.step, action_scheduler::log::Step::Reset);
        assert_eq!(entry.context, Some(context()));
    }
    assert_eq!(store.stats().await.unwrap().claims, 1, "one of it is still in-progress");
    assert_eq!(held(&store.claim_due(runner, 10).await.unwrap()), ids[1..]);
    assert_eq!(store.release(vec![claim.id], &context()).await.unwrap(), 0);
}

/// Nothing that is pending and unclaimed is the next to be due, however old it is.
pub async fn the_next_due_date_is_that_of_the_first_free_action(store: StoreUnderTest) {
    let next = async || store.next_due(ClaimFilter::default()).await.unwrap();
    assert_eq!(next().await, None);
    let dates = [store.in_seconds(-60), store.in_seconds(-30), store.in_seconds(60)];
    let ids = store.put_all(dates.iter().map(|date| action_at("a", *date))).await;
    assert_eq!(next().await, Some(dates[0]));
    store.run_to(ids[0], Outcome::Complete).await;
    assert_eq!(next().await, Some(dates[1]));
    let runner = store.new_runner("host:1").await;
    store.claim_ids(runner, &ids[1..2]).await;
    assert_eq!(next().await, Some(dates[2]));
    store.cancel_ids(&ids[2..]).await;
    assert_eq!(next().await, None);
}

/// A clock that goes backwards makes nothing due twice and nothing lost: what was due waits for its date.
pub async fn a_clock_that_goes_backwards_loses_nothing(store: StoreUnderTest) {
    let before = store.put(action("before")).await;
    let runner = store.new_runner("host:1").await;
    let running = store.run_by(runner, before).await;
    let waiting = store.put(action("waiting")).await;
    store.clock().advance(seconds(-3600));
    let after = store.put(action("after")).await;
    assert!(after > waiting);
    let later = store.put(action_at("later", store.in_seconds(1800))).await;
    assert_eq!(held(&store.claim_due(runner, 10).await.unwrap()), [waiting, after]);
    assert_eq!(store.report(running.ended(Outcome::Complete)).await, recorded());
    let ended = store.action(before).await;
    assert_eq!(ended.finished_at, Some(store.now()));
    assert!(ended.finished_at < ended.started_at);
    let log = store.log_of(before).await;
    assert!(log[0].at > log[2].at, "the log is in the order of what happened, not of the clock");
    store.clock().advance(seconds(3600));
    assert_eq!(held(&store.claim_due(runner, 10).await.unwrap()), [later]);
}

/// What was held while the clock was set back, and comes back later, does not wait for the clock either.
pub async fn what_comes_back_does_not_wait_for_a_clock_that_was_set_back(store: StoreUnderTest) {
    let runner = store.new_runner("host:1").await;
    let id = store.put(action("running")).await;
    let running = store.run_by(runner, id).await;
    let waiting = store.put(action("waiting")).await;
    let held_by_it = store.claim_due(runner, 1).await.unwrap();
    store.clock().advance(seconds(-3600));
    let after = store.put(action("after")).await;
    assert_eq!(held(&store.claim_due(runner, 10).await.unwrap()), [after]);
    assert_eq!(store.report(running.ended(Outcome::NotCalled)).await, recorded());
    assert_eq!(held(&store.claim_due(runner, 10).await.unwrap()), [id]);
    store.release(vec![held_by_it.id], &context()).await.unwrap();
    assert_eq!(held(&store.claim_due(runner, 10).await.unwrap()), [waiting]);
}

/// Run early, the date that an instance had is told to whoever claims it, until the next one is stored.
pub async fn the_date_owed_to_a_chain_is_told(store: StoreUnderTest) {
    let date = store.in_seconds(3600);
    let id = store.put(hourly("renew", date)).await;
    store.requeue(Target::Ids(vec![id]), Requeue::RunNow, &context()).await.unwrap();
    let runner = store.new_runner("host:1").await;
    let owed = async |id: ActionId| -> (ChainId, Option<jiff::Timestamp>) {
        let claim = store.claim_ids(runner, &[id]).await;
        let chain = claim.actions[0].chain.clone().expect("a chain");
        store.release(vec![claim.id], &context()).await.unwrap();
        (chain.id, chain.owed)
    };
    let (chain, first) = owed(id).await;
    assert_eq!(first, Some(date));
    // Asked for once more, it still owes the date it had at first.
    store.clock().advance(seconds(-60));
    store.requeue(Target::Ids(vec![id]), Requeue::RunNow, &context()).await.unwrap();
    assert_eq!(owed(id).await.1, Some(date));
    let running = store.run_by(runner, id).await;
    store.report(running.ended_then(Outcome::Complete, first, None)).await;
    let next = store.chain(chain).await.head.unwrap();
    assert_eq!(store.action(next).await.scheduled_at, date);
    assert_eq!(owed(next).await, (chain, None));
    // Run late, an instance owes nothing.
    store.clock().advance(seconds(7200));
    store.requeue(Target::Ids(vec![next]), Requeue::RunNow, &context()).await.unwrap();
    assert_eq!(owed(next).await, (chain, None));
}

/// Ids of claims are never used again, even when the claim is closed.
pub async fn a_claim_id_is_never_used_again(store: StoreUnderTest) {
    let id = store.put(action("a")).await;
    let runner = store.new_runner("host:1").await;
    let mut seen = BTreeSet::new();
    for _ in 0..5 {
        let claim = store.claim_ids(runner, &[id]).await;
        assert!(seen.insert(claim.id), "{} again", claim.id);
        store.release(vec![claim.id], &context()).await.unwrap();
        store.clean_orphans(100).await.unwrap();
    }
}
