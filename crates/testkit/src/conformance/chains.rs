//! Chains: that they neither break nor double.

use action_scheduler::action::{Attempt, ChainId, Priority, Status, Unique};
use action_scheduler::log::Step;
use action_scheduler::schedule::cron::{Cron, Dialect};
use action_scheduler::schedule::{Missed, Recurring, Schedule};
use action_scheduler::store::{
    ChainChange, ChainChanged, ChainQuery, ChainState, Finish, Outcome, Recorded, Requeue, Target,
};

use super::StoreUnderTest;
use super::scene::*;

fn next_of(recorded: Recorded) -> action_scheduler::ActionId {
    match recorded {
        Recorded::Yes { next: Some(next), paused: None } => next,
        other => panic!("expected a next instance: {other:?}"),
    }
}

fn pause(reason: &str) -> ChainChange {
    ChainChange::Pause { reason: reason.to_owned() }
}

/// The end of an instance brings the next one, like it in all but its date.
pub async fn the_end_of_an_instance_brings_the_next(store: StoreUnderTest) {
    for outcome in [Outcome::Complete, Outcome::Failed, Outcome::TimedOut, Outcome::Crashed] {
        let new = hourly("renew", store.now())
            .args(args(r#"{"order":1}"#))
            .group(group("billing"))
            .priority(Priority(3));
        let id = store.put(new).await;
        let running = store.run(id).await;
        store.clock().advance(seconds(5));
        let date = store.in_seconds(3600);
        let finish = running.ended_then(outcome, Some(date), None);
        let next = next_of(store.report(finish).await);
        let (old, new) = (store.action(id).await, store.action(next).await);
        assert_eq!(old.status, outcome.status());
        assert!(new.id > old.id);
        assert_eq!((&new.hook, &new.args, &new.group), (&old.hook, &old.args, &old.group));
        assert_eq!((new.priority, &new.schedule), (old.priority, &old.schedule));
        assert_eq!((new.status, new.scheduled_at), (Status::Pending, date));
        assert_eq!((new.attempts, new.claim), (Attempt(0), None));
        assert_eq!((new.created_at, new.started_at, new.finished_at), (store.now(), None, None));
        assert_eq!(new.chain, old.chain);
        let chain = store.chain(new.chain.unwrap()).await;
        assert_eq!((chain.state, chain.head), (ChainState::Active, Some(next)));
        assert_eq!(store.steps(next).await, [Step::Created], "{outcome:?}");
    }
}

/// The creation of the next instance is logged only if its predecessor's end is.
pub async fn a_quiet_end_brings_a_quiet_instance(store: StoreUnderTest) {
    let (_, running) = store.running_chain().await;
    let loud = running.ended_then(Outcome::Complete, Some(store.in_seconds(60)), None);
    let next = next_of(store.report(Finish { entries: Vec::new(), ..loud }).await);
    assert_eq!(store.steps(next).await, []);
}

/// A second report brings no second instance.
pub async fn a_second_report_brings_no_second_instance(store: StoreUnderTest) {
    let (chain, running) = store.running_chain().await;
    let finish = running.ended_then(Outcome::Complete, Some(store.in_seconds(60)), None);
    next_of(store.report(finish.clone()).await);
    assert_eq!(store.report(finish).await, Recorded::Superseded);
    assert_eq!(store.count(everything().chain(chain)).await.unwrap(), 2);
}

/// What goes back into the queue leaves the chain where it is, even if the report speaks of a next date.
pub async fn an_attempt_that_is_not_the_last_brings_no_instance(store: StoreUnderTest) {
    let (chain, first) = store.running_chain().await;
    let mut running = first;
    let at = store.now();
    for outcome in [Outcome::Retry { at }, Outcome::NotCalled, Outcome::CrashedRetry { at }] {
        let finish = running.ended_then(outcome, Some(store.in_seconds(60)), Some(1));
        assert_eq!(store.report(finish).await, recorded(), "{outcome:?}");
        let now = store.chain(chain).await;
        assert_eq!((now.state, now.head, now.failures), (ChainState::Active, Some(first.id), 0));
        running = store.run(first.id).await;
    }
    assert_eq!(store.count(everything().chain(chain)).await.unwrap(), 1);
}

/// With no further date the chain ends.
pub async fn a_chain_without_a_next_date_ends(store: StoreUnderTest) {
    let (chain, running) = store.running_chain().await;
    let finish = running.ended_then(Outcome::Complete, None, None);
    assert_eq!(store.report(finish).await, recorded());
    let chain = store.chain(chain).await;
    assert_eq!((chain.state, chain.head), (ChainState::Ended, Some(running.id)));
}

/// A report without a word on the chain leaves it alone.
pub async fn without_succession_the_chain_is_left_alone(store: StoreUnderTest) {
    let (chain, running) = store.running_chain().await;
    let before = store.chain(chain).await;
    assert_eq!(store.report(running.ended(Outcome::Failed)).await, recorded());
    assert_eq!(store.chain(chain).await, before);
    assert_eq!(store.count(everything().chain(chain)).await.unwrap(), 1);
}

/// A succession that names another's chain, or none that exists, does nothing.
pub async fn a_succession_of_another_chain_does_nothing(store: StoreUnderTest) {
    let (_, running) = store.running_chain().await;
    let (other, _) = store.running_chain().await;
    let before = store.chain(other).await;
    let plain = store.put(action("plain")).await;
    let plain = store.run(plain).await;
    let next = Some(store.in_seconds(60));
    for wrong in [
        Running { chain: Some(other), ..running },
        Running { chain: ChainId::new(1_000_000), ..plain },
    ] {
        let finish = wrong.ended_then(Outcome::Complete, next, None);
        assert_eq!(store.report(finish).await, recorded());
    }
    assert_eq!(store.chain(other).await, before);
    assert_eq!(store.count(everything()).await.unwrap(), 3);
}

/// Failures in a row are counted over the instances; a success begins anew.
pub async fn failures_in_a_row_are_counted(store: StoreUnderTest) {
    let (chain, mut running) = store.running_chain().await;
    let expected = [
        (Outcome::Failed, 1),
        (Outcome::TimedOut, 2),
        (Outcome::Crashed, 3),
        (Outcome::Complete, 0),
        (Outcome::Failed, 1),
    ];
    for (outcome, failures) in expected {
        let finish = running.ended_then(outcome, Some(store.now()), Some(4));
        let next = next_of(store.report(finish).await);
        assert_eq!(store.chain(chain).await.failures, failures, "{outcome:?}");
        running = store.run(next).await;
    }
}

/// After so many failures in a row the chain stands still, visibly, and can be resumed.
pub async fn too_many_failures_pause_the_chain(store: StoreUnderTest) {
    let (chain, running) = store.running_chain().await;
    let date = Some(store.now());
    let next = next_of(store.report(running.ended_then(Outcome::Failed, date, Some(2))).await);
    let running = store.run(next).await;
    let answer = store.report(running.ended_then(Outcome::Failed, date, Some(2))).await;
    assert_eq!(answer, Recorded::Yes { next: None, paused: Some(chain) });
    let paused = store.chain(chain).await;
    assert_eq!((paused.state, paused.failures), (ChainState::Paused, 2));
    assert_eq!(paused.head, Some(running.id));
    assert!(paused.reason.is_some_and(|reason| !reason.is_empty()), "a reason is given");
    let entry = store.last_entry(running.id).await;
    assert_eq!((entry.step, entry.attempt), (Step::Paused, Some(Attempt(1))));
    assert_eq!(store.live_instances(chain).await, []);

    let resume = ChainChange::Resume { next: store.in_seconds(60) };
    let ChainChanged::Done(Some(next)) =
        store.change_chain(chain, resume, &context()).await.unwrap()
    else {
        panic!("not resumed");
    };
    assert_eq!(store.live_instances(chain).await, [next]);
    let resumed = store.chain(chain).await;
    assert_eq!((resumed.state, resumed.failures), (ChainState::Active, 0));
    assert_eq!((resumed.reason, resumed.head), (None, Some(next)));
    let running = store.run(next).await;
    next_of(store.report(running.ended_then(Outcome::Failed, date, Some(2))).await);
}

/// Without a threshold a chain is never paused.
pub async fn without_a_threshold_a_chain_goes_on_failing(store: StoreUnderTest) {
    let (chain, mut running) = store.running_chain().await;
    for failures in 1..=12 {
        let finish = running.ended_then(Outcome::Failed, Some(store.now()), None);
        let next = next_of(store.report(finish).await);
        assert_eq!(store.chain(chain).await.failures, failures);
        running = store.run(next).await;
    }
}

/// A timeout brings the next instance at once; a late success brings no other, and ends the row of failures.
pub async fn a_success_after_the_timeout_brings_no_second_instance(store: StoreUnderTest) {
    let (chain, running) = store.running_chain().await;
    let date = Some(store.in_seconds(60));
    let next = next_of(store.report(running.ended_then(Outcome::TimedOut, date, Some(5))).await);
    assert_eq!(store.chain(chain).await.failures, 1);
    let late = running.ended_then(Outcome::Complete, date, Some(5));
    assert_eq!(store.report(late).await, recorded());
    assert_eq!(store.status(running.id).await, Status::Complete);
    let now = store.chain(chain).await;
    assert_eq!((now.state, now.head, now.failures), (ChainState::Active, Some(next), 0));
    assert_eq!(store.live_instances(chain).await, [next]);
}

/// An instance that is retried after its timeout, when the next one is there already, does not continue the chain.
pub async fn a_retry_after_the_timeout_does_not_continue_the_chain(store: StoreUnderTest) {
    let (chain, running) = store.running_chain().await;
    let date = Some(store.in_seconds(60));
    let next = next_of(store.report(running.ended_then(Outcome::TimedOut, date, Some(5))).await);
    let retry = running.ended_then(Outcome::Retry { at: store.now() }, date, Some(5));
    assert_eq!(store.report(retry).await, recorded());
    let again = store.run(running.id).await;
    let finish = again.ended_then(Outcome::Failed, date, Some(5));
    assert_eq!(store.report(finish).await, recorded());
    let now = store.chain(chain).await;
    assert_eq!((now.head, now.failures), (Some(next), 1));
    assert_eq!(store.live_instances(chain).await, [next]);
}

/// An old instance that is run again leaves the chain alone, however it had ended.
pub async fn a_rerun_instance_does_not_continue_the_chain(store: StoreUnderTest) {
    for first in [Outcome::Failed, Outcome::TimedOut, Outcome::Crashed] {
        let (chain, running) = store.running_chain().await;
        let date = Some(store.in_seconds(60));
        let next = next_of(store.report(running.ended_then(first, date, Some(2))).await);
        let before = store.chain(chain).await;
        assert_eq!(before.failures, 1);
        for outcome in [Outcome::Complete, Outcome::Failed, Outcome::Complete] {
            store.requeue(Target::Ids(vec![running.id]), Requeue::Rerun, &context()).await.unwrap();
            let again = store.run(running.id).await;
            let answer = store.report(again.ended_then(outcome, date, Some(2))).await;
            assert_eq!(answer, recorded(), "{outcome:?} after {first:?}");
            assert_eq!(store.chain(chain).await, before, "{outcome:?} after {first:?}");
        }
        store.requeue(Target::Ids(vec![running.id]), Requeue::Rerun, &context()).await.unwrap();
        store.cancel_ids(&[running.id]).await;
        assert_eq!(store.chain(chain).await, before, "after its cancellation");
        store.delete(Target::Ids(vec![running.id])).await.unwrap();
        assert_eq!(store.chain(chain).await, before, "after its deletion");
        assert_eq!(store.live_instances(chain).await, [next]);
    }
}

/// The last instance of a paused chain can be run again; the chain stays paused.
pub async fn a_rerun_of_a_paused_chain_leaves_it_paused(store: StoreUnderTest) {
    let (chain, running) = store.running_chain().await;
    let date = Some(store.now());
    store.report(running.ended_then(Outcome::Failed, date, Some(1))).await;
    let before = store.chain(chain).await;
    assert_eq!(before.state, ChainState::Paused);
    store.requeue(Target::Ids(vec![running.id]), Requeue::Rerun, &context()).await.unwrap();
    let again = store.run(running.id).await;
    let answer = store.report(again.ended_then(Outcome::Complete, date, Some(1))).await;
    assert_eq!(answer, recorded());
    assert_eq!(store.chain(chain).await, before);
    assert_eq!(store.count(everything().chain(chain)).await.unwrap(), 1);
}

/// Canceled while it runs, an instance is not succeeded.
pub async fn an_instance_canceled_while_it_runs_is_not_succeeded(store: StoreUnderTest) {
    let (chain, running) = store.running_chain().await;
    store.cancel_ids(&[running.id]).await;
    assert_eq!(store.chain(chain).await.state, ChainState::Ended);
    let finish = running.ended_then(Outcome::Complete, Some(store.in_seconds(60)), None);
    assert_eq!(store.report(finish).await, Recorded::Superseded);
    assert_eq!(store.live_instances(chain).await, []);
    assert_eq!(store.chain(chain).await.state, ChainState::Ended);
}

/// Canceled before it runs, an instance ends its chain.
pub async fn canceling_the_pending_instance_ends_the_chain(store: StoreUnderTest) {
    let id = store.put(hourly("renew", store.now())).await;
    let chain = store.action(id).await.chain.unwrap();
    store.cancel_ids(&[id]).await;
    let chain = store.chain(chain).await;
    assert_eq!((chain.state, chain.head), (ChainState::Ended, Some(id)));
}

/// Deleted before it runs, an instance ends its chain; deleted afterwards, it does not.
pub async fn deleting_the_pending_instance_ends_the_chain(store: StoreUnderTest) {
    let (chain, running) = store.running_chain().await;
    let finish = running.ended_then(Outcome::Complete, Some(store.in_seconds(60)), None);
    let next = next_of(store.report(finish).await);
    store.delete(Target::Ids(vec![running.id])).await.unwrap();
    assert_eq!(store.chain(chain).await.state, ChainState::Active);
    store.delete(Target::Ids(vec![next])).await.unwrap();
    assert_eq!(store.chain(chain).await.state, ChainState::Ended);
}

/// To pause a chain cancels its pending instance, also one that is claimed.
pub async fn pausing_cancels_the_pending_instance(store: StoreUnderTest) {
    let runner = store.new_runner("host:1").await;
    for is_claimed in [false, true] {
        let id = store.put(hourly("renew", store.now())).await;
        let chain = store.action(id).await.chain.unwrap();
        let claim = match is_claimed {
            true => Some(store.claim_ids(runner, &[id]).await.id),
            false => None,
        };
        let answer = store.change_chain(chain, pause("on holiday"), &context()).await.unwrap();
        assert_eq!(answer, ChainChanged::Done(None));
        let paused = store.chain(chain).await;
        assert_eq!((paused.state, paused.head), (ChainState::Paused, Some(id)));
        assert_eq!(paused.reason.as_deref(), Some("on holiday"));
        let action = store.action(id).await;
        assert_eq!((action.status, action.finished_at), (Status::Canceled, Some(store.now())));
        let steps = store.steps(id).await;
        assert!(steps.contains(&Step::Paused) && steps.contains(&Step::Canceled), "{steps:?}");
        if let Some(claim) = claim {
            let started = store.begin(id, claim).await;
            assert_eq!(started, action_scheduler::store::Started::Ignored);
        }
        assert_eq!(store.stats().await.unwrap().claims, 0);
    }
}

/// Paused while it runs, an instance comes to its end and has none after it.
pub async fn an_instance_paused_while_it_runs_is_the_last(store: StoreUnderTest) {
    let (chain, running) = store.running_chain().await;
    store.change_chain(chain, pause("stop"), &context()).await.unwrap();
    assert_eq!(store.status(running.id).await, Status::InProgress);
    assert!(store.steps(running.id).await.contains(&Step::Paused));
    let finish = running.ended_then(Outcome::Complete, Some(store.in_seconds(60)), None);
    assert_eq!(store.report(finish).await, recorded());
    assert_eq!(store.status(running.id).await, Status::Complete);
    assert_eq!(store.live_instances(chain).await, []);
    assert_eq!(store.chain(chain).await.state, ChainState::Paused);
}

/// Ended, a chain has nothing pending and never goes on; one that has ended cannot be ended again.
pub async fn a_chain_can_be_ended_whether_active_or_paused(store: StoreUnderTest) {
    for is_paused in [false, true] {
        let id = store.put(hourly("renew", store.now())).await;
        let chain = store.action(id).await.chain.unwrap();
        if is_paused {
            store.change_chain(chain, pause("stop"), &context()).await.unwrap();
        }
        let answer = store.change_chain(chain, ChainChange::End, &context()).await.unwrap();
        assert_eq!(answer, ChainChanged::Done(None));
        assert_eq!(store.status(id).await, Status::Canceled);
        let ended = store.chain(chain).await;
        assert_eq!((ended.state, ended.reason), (ChainState::Ended, None));
        let again = store.change_chain(chain, ChainChange::End, &context()).await.unwrap();
        assert_eq!(again, ChainChanged::Refused(ChainState::Ended));
    }
}

/// Ended while it runs, an instance comes to its end and has none after it.
pub async fn an_instance_whose_chain_ends_while_it_runs_is_the_last(store: StoreUnderTest) {
    let (chain, running) = store.running_chain().await;
    store.change_chain(chain, ChainChange::End, &context()).await.unwrap();
    assert_eq!(store.status(running.id).await, Status::InProgress);
    let finish = running.ended_then(Outcome::Complete, Some(store.in_seconds(60)), None);
    assert_eq!(store.report(finish).await, recorded());
    assert_eq!(store.status(running.id).await, Status::Complete);
    assert_eq!(store.live_instances(chain).await, []);
    assert_eq!(store.chain(chain).await.state, ChainState::Ended);
}

/// Resumed while its instance still runs, the chain goes on with that one, and has no second beside it.
pub async fn a_chain_resumed_under_way_does_not_double(store: StoreUnderTest) {
    let (chain, running) = store.running_chain().await;
    store.change_chain(chain, pause("stop"), &context()).await.unwrap();
    let resume = ChainChange::Resume { next: store.in_seconds(60) };
    let answer = store.change_chain(chain, resume, &context()).await.unwrap();
    assert_eq!(answer, ChainChanged::Done(Some(running.id)));
    assert_eq!(store.live_instances(chain).await, [running.id]);
    assert_eq!(store.last_entry(running.id).await.step, Step::Resumed);
    let finish = running.ended_then(Outcome::Complete, Some(store.in_seconds(120)), None);
    let next = next_of(store.report(finish).await);
    assert_eq!(store.live_instances(chain).await, [next]);
    assert_eq!(store.action(next).await.scheduled_at, store.in_seconds(120));
}

/// Of many that resume a chain at once, one does.
pub async fn a_chain_is_resumed_once(store: StoreUnderTest) {
    let id = store.put(hourly("renew", store.now()).args(args("[1]")).priority(Priority(1))).await;
    let chain = store.action(id).await.chain.unwrap();
    store.change_chain(chain, pause("stop"), &context()).await.unwrap();
    let mut wake = store.wake();
    wake.mark_unchanged();
    let date = store.in_seconds(60);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..12 {
        let store = store.share();
        let resume = ChainChange::Resume { next: date };
        tasks.spawn(async move { store.change_chain(chain, resume, &context()).await.unwrap() });
    }
    let answers = tasks.join_all().await;
    super::insert::woken(&mut wake).await;
    let done = |answer: &&ChainChanged| matches!(answer, ChainChanged::Done(Some(_)));
    assert_eq!(answers.iter().filter(done).count(), 1, "{answers:?}");
    let refused = ChainChanged::Refused(ChainState::Active);
    assert_eq!(answers.iter().filter(|answer| **answer == refused).count(), 11, "{answers:?}");
    let [next] = store.live_instances(chain).await[..] else { panic!("not one instance") };
    let next = store.action(next).await;
    assert_eq!((next.scheduled_at, next.priority, next.args), (date, Priority(1), args("[1]")));
    let steps = store.steps(next.id).await;
    assert!(steps.contains(&Step::Resumed), "{steps:?}");
}

/// What the state of a chain does not allow is refused.
pub async fn changes_that_the_state_does_not_allow_are_refused(store: StoreUnderTest) {
    let id = store.put(hourly("renew", store.now())).await;
    let chain = store.action(id).await.chain.unwrap();
    let resume = || ChainChange::Resume { next: store.in_seconds(60) };
    let change = async |id, change| store.change_chain(id, change, &context()).await.unwrap();
    let unknown = ChainId::new(1_000_000).unwrap();
    assert_eq!(change(unknown, resume()).await, ChainChanged::Missing);
    assert_eq!(change(unknown, pause("x")).await, ChainChanged::Missing);
    assert_eq!(change(chain, resume()).await, ChainChanged::Refused(ChainState::Active));
    change(chain, pause("x")).await;
    assert_eq!(change(chain, pause("y")).await, ChainChanged::Refused(ChainState::Paused));
    assert_eq!(store.chain(chain).await.reason.as_deref(), Some("x"));
    change(chain, resume()).await;
    store.cancel_ids(&store.live_instances(chain).await).await;
    assert_eq!(change(chain, resume()).await, ChainChanged::Refused(ChainState::Ended));
    assert_eq!(change(chain, pause("x")).await, ChainChanged::Refused(ChainState::Ended));
}

fn every_minute(store: &StoreUnderTest) -> Recurring {
    let cron = Cron::parse("* * * * *", Dialect::Standard, None).expect("an expression");
    Recurring::cron(cron, Missed::CatchUp { cap: 2 }, store.now()).expect("a date")
}

fn reschedule(store: &StoreUnderTest) -> ChainChange {
    let next = store.in_seconds(120);
    ChainChange::Reschedule { recurring: Box::new(every_minute(store)), next }
}

/// An active chain with another schedule goes on at its date, as the same chain, and once.
pub async fn a_rescheduled_chain_goes_on_by_its_new_schedule(store: StoreUnderTest) {
    let new = hourly("renew", store.now()).args(args("[1]")).group(group("billing"));
    let id = store.put(new.priority(Priority(3))).await;
    let chain = store.action(id).await.chain.unwrap();
    let mut wake = store.wake();
    wake.mark_unchanged();
    let answer = store.change_chain(chain, reschedule(&store), &context()).await.unwrap();
    let ChainChanged::Done(Some(next)) = answer else { panic!("{answer:?}") };
    super::insert::woken(&mut wake).await;
    assert_eq!(store.live_instances(chain).await, [next]);
    assert_eq!(store.status(id).await, Status::Canceled);
    let after = store.chain(chain).await;
    assert_eq!((after.state, after.head), (ChainState::Active, Some(next)));
    assert_eq!(after.recurring, every_minute(&store));
    let next = store.action(next).await;
    assert_eq!(next.schedule, Schedule::Recurring(every_minute(&store)));
    assert_eq!(next.scheduled_at, store.in_seconds(120));
    assert_eq!(
        (next.priority, next.args, next.group),
        (Priority(3), args("[1]"), group("billing"))
    );
    assert_eq!(store.steps(next.id).await, [Step::Created, Step::Rescheduled]);
    let told = store.last_entry(next.id).await.message;
    assert_eq!(told.as_deref(), Some("its chain now runs by this schedule: * * * * *"));
    let stats = store.stats().await.unwrap();
    assert_eq!((stats.counts["pending"], stats.counts["canceled"]), (1, 1));
}

/// What runs when its chain gets another schedule ends, and what follows is not doubled by it.
pub async fn an_instance_under_way_is_not_followed_by_the_old_schedule(store: StoreUnderTest) {
    let (chain, running) = store.running_chain().await;
    let answer = store.change_chain(chain, reschedule(&store), &context()).await.unwrap();
    let ChainChanged::Done(Some(next)) = answer else { panic!("{answer:?}") };
    assert_eq!(store.status(running.id).await, Status::InProgress);
    let finish = running.ended_then(Outcome::Complete, Some(store.in_seconds(3600)), None);
    assert_eq!(store.report(finish).await, recorded());
    assert_eq!(store.live_instances(chain).await, [next]);
    let after = store.chain(chain).await;
    assert_eq!((after.state, after.head), (ChainState::Active, Some(next)));
}

/// A paused chain stays so; what is under way in it is not followed by the old schedule either.
pub async fn a_paused_chain_can_be_rescheduled_and_stays_paused(store: StoreUnderTest) {
    for is_running in [true, false] {
        let (chain, running) = store.running_chain().await;
        store.change_chain(chain, pause("stop"), &context()).await.unwrap();
        let end = running.ended_then(Outcome::Complete, Some(store.in_seconds(3600)), None);
        if !is_running {
            assert_eq!(store.report(end.clone()).await, recorded());
        }
        let answer = store.change_chain(chain, reschedule(&store), &context()).await.unwrap();
        assert_eq!(answer, ChainChanged::Done(None));
        let after = store.chain(chain).await;
        assert_eq!((after.state, after.reason.as_deref()), (ChainState::Paused, Some("stop")));
        assert_eq!(after.recurring, every_minute(&store));
        assert_eq!(store.last_entry(running.id).await.step, Step::Rescheduled);
        let resume = ChainChange::Resume { next: store.in_seconds(60) };
        let answer = store.change_chain(chain, resume, &context()).await.unwrap();
        let ChainChanged::Done(Some(next)) = answer else { panic!("{answer:?}") };
        assert_ne!(next, running.id);
        if is_running {
            assert_eq!(store.report(end).await, recorded());
        }
        assert_eq!(store.live_instances(chain).await, [next]);
    }
}

/// An ended chain keeps its schedule.
pub async fn an_ended_chain_is_not_rescheduled(store: StoreUnderTest) {
    let id = store.put(hourly("renew", store.now())).await;
    let chain = store.action(id).await.chain.unwrap();
    store.change_chain(chain, ChainChange::End, &context()).await.unwrap();
    let before = store.chain(chain).await;
    let answer = store.change_chain(chain, reschedule(&store), &context()).await.unwrap();
    assert_eq!(answer, ChainChanged::Refused(ChainState::Ended));
    assert_eq!(store.chain(chain).await, before);
    let unknown = ChainId::new(1_000_000).unwrap();
    let answer = store.change_chain(unknown, reschedule(&store), &context()).await.unwrap();
    assert_eq!(answer, ChainChanged::Missing);
}

/// The latest instances are given chain by chain, the newest first.
pub async fn the_latest_instances_of_chains_are_given_in_order(store: StoreUnderTest) {
    let mut chains = Vec::new();
    for length in [3, 1] {
        let (chain, mut running) = store.running_chain().await;
        let mut instances = vec![running.id];
        for _ in 1..length {
            let finish = running.ended_then(Outcome::Complete, Some(store.now()), None);
            let next = next_of(store.report(finish).await);
            instances.insert(0, next);
            running = store.run(next).await;
        }
        chains.push((chain, instances));
    }
    store.put(hourly("other", store.now())).await;
    let latest = async |chains: &[ChainId], each| -> Vec<action_scheduler::ActionId> {
        let found = store.latest_instances(chains.to_vec(), each).await.unwrap();
        found.iter().map(|action| action.id).collect()
    };
    let [(long, of_long), (short, of_short)] = &chains[..] else { unreachable!() };
    let unknown = ChainId::new(1_000_000).unwrap();
    let both = [of_short.as_slice(), &of_long[..2]].concat();
    assert_eq!(latest(&[*short, unknown, *long], 2).await, both);
    assert_eq!(latest(&[*long], 10).await, *of_long);
    assert_eq!(latest(&[], 10).await, []);
    assert_eq!(latest(&[*long], 0).await, []);
}

/// Several instances that end in one call each bring their own next one.
pub async fn many_chains_go_on_in_one_call(store: StoreUnderTest) {
    let mut finishes = Vec::new();
    for number in 0..20 {
        let (_, running) = store.running_chain().await;
        finishes.push(running.ended_then(Outcome::Complete, Some(store.in_seconds(number)), None));
    }
    let answers = store.finish(finishes.clone(), &context()).await.unwrap();
    for (finish, answer) in finishes.iter().zip(answers) {
        let next = store.action(next_of(answer)).await;
        let succession = finish.succession.unwrap();
        assert_eq!(
            (next.chain, Some(next.scheduled_at)),
            (Some(succession.chain), succession.next)
        );
        assert_eq!(store.chain(succession.chain).await.head, Some(next.id));
    }
}

/// Who waits for work hears of a next instance.
pub async fn a_next_instance_wakes_who_waits(store: StoreUnderTest) {
    let (_, running) = store.running_chain().await;
    let mut wake = store.wake();
    wake.mark_unchanged();
    store.report(running.ended_then(Outcome::Complete, Some(store.now()), None)).await;
    super::insert::woken(&mut wake).await;
}

/// Chains are found by every key of the question, by id, a page at a time.
pub async fn chains_are_found_by_each_key(store: StoreUnderTest) {
    let mut all = Vec::new();
    for (name, in_group, key) in
        [("a", "x", None), ("a", "y", Some("k1")), ("b", "x", Some("k2")), ("b", "", None)]
    {
        let new = hourly(name, store.now()).group(group(in_group));
        let new = match key {
            Some(key) => new.unique(Unique::Key(key.to_owned())),
            None => new,
        };
        let id = store.put(new).await;
        all.push(store.action(id).await.chain.unwrap());
    }
    store.change_chain(all[1], pause("x"), &context()).await.unwrap();
    store.cancel_ids(&store.live_instances(all[2]).await).await;
    let find = async |query: ChainQuery| -> Vec<ChainId> {
        store.chains(query).await.unwrap().iter().map(|chain| chain.id).collect()
    };
    let any = ChainQuery::default;
    assert_eq!(find(any()).await, all);
    let ids = vec![all[3], all[0], ChainId::new(1_000_000).unwrap()];
    assert_eq!(find(ChainQuery { ids: Some(ids), ..any() }).await, [all[0], all[3]]);
    assert_eq!(find(ChainQuery { ids: Some(Vec::new()), ..any() }).await, []);
    assert_eq!(find(ChainQuery { hook: Some(hook("a")), ..any() }).await, all[..2]);
    assert_eq!(find(ChainQuery { group: Some(group("x")), ..any() }).await, [all[0], all[2]]);
    assert_eq!(find(ChainQuery { group: Some(group("")), ..any() }).await, [all[3]]);
    assert_eq!(find(ChainQuery { key: Some("k2".into()), ..any() }).await, [all[2]]);
    let states = vec![ChainState::Paused, ChainState::Ended];
    assert_eq!(find(ChainQuery { states, ..any() }).await, all[1..3]);
    let states = vec![ChainState::Active];
    let narrow = ChainQuery { states, hook: Some(hook("a")), ..any() };
    assert_eq!(find(narrow).await, all[..1]);
    assert_eq!(find(ChainQuery { limit: Some(2), ..any() }).await, all[..2]);
    let page = ChainQuery { limit: Some(2), after: Some(all[1]), ..any() };
    assert_eq!(find(page).await, all[2..]);
    assert_eq!(find(ChainQuery { after: Some(all[3]), ..any() }).await, []);
}
